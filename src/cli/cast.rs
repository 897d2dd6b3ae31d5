//! `--cast`: the same numbers as elements of another type.

use linn::{DType, Scalar, Tensor};

use super::number::{Number, number_type};

/// A tensor with the numbers of `tensor` as elements of type `dtype`: floats are rounded to the nearest, anything else
/// has to be a value of the type.
pub(super) fn cast(tensor: &Tensor, dtype: DType) -> Result<Tensor, String> {
    number_type!(dtype, T => elements::<T>(tensor), else {
        Err(format!("{tensor} cannot be cast to {dtype}"))
    })
}

fn elements<T: Number>(tensor: &Tensor) -> Result<Tensor, String> {
    let view = tensor.as_view();
    let mut data = Vec::with_capacity(view.shape().elements());
    for (index, scalar) in view.scalars().enumerate() {
        data.push(element::<T>(scalar).ok_or_else(|| {
            let from = tensor.dtype();
            format!(
                "{from} cannot be cast to {}: element {index} is {scalar}",
                T::DTYPE
            )
        })?);
    }
    Tensor::new(tensor.shape(), data).map_err(|error| error.to_string())
}

/// The element of type `T` that stands for a number.
fn element<T: Number>(scalar: Scalar<'_>) -> Option<T> {
    let float = match scalar {
        Scalar::Int(value) => return T::from_integer(value.into()),
        Scalar::UInt(value) => return T::from_integer(value.into()),
        Scalar::Bool(value) => return T::from_integer(value.into()),
        Scalar::F32(value) => f64::from(value),
        Scalar::F64(value) => value,
        Scalar::Complex(..) | Scalar::Text(_) => return None,
    };
    match float.is_finite() {
        true if T::FLOAT => T::from_float(float),
        true if float.fract() == 0.0 => T::from_integer(float as i128),
        true => None,
        // The types know themselves which of NaN and the infinities they have.
        false => T::parse(&float.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;
    use linn::Element;

    fn to<F: Element, T: Element + PartialEq>(from: Vec<F>) -> Result<Vec<T>, String> {
        let tensor = Tensor::new(&[from.len()], from).unwrap();
        let cast = cast(&tensor, T::DTYPE)?;
        Ok(cast.as_slice::<T>().unwrap().to_vec())
    }

    #[test]
    fn floats_are_rounded_and_what_a_type_lacks_is_refused() {
        assert_eq!(to::<f64, f32>(vec![0.1, -2.5]), Ok(vec![0.1, -2.5]));
        assert_eq!(to::<u8, f32>(vec![0, 255]), Ok(vec![0.0, 255.0]));
        assert_eq!(to::<f32, i64>(vec![3.0, -0.0]), Ok(vec![3, 0]));
        assert_eq!(to::<i64, u8>(vec![255]), Ok(vec![255]));
        assert_eq!(to::<bool, f16>(vec![true]), Ok(vec![f16::ONE]));
        assert_eq!(to::<u64, i64>(vec![1 << 62]), Ok(vec![1 << 62]));
        assert_eq!(
            to::<f64, f32>(vec![0.0, 1e39]),
            Err(
                "f64 cannot be cast to f32: element 1 is 1000000000000000000000000000000000000000"
                    .into()
            )
        );
        assert!(to::<i64, u8>(vec![256]).is_err());
        assert!(to::<i64, u8>(vec![-1]).is_err());
        assert!(to::<u64, i64>(vec![u64::MAX]).is_err());
        assert!(to::<f32, i32>(vec![1.5]).is_err());
        assert!(to::<f64, i64>(vec![1e300]).is_err());
        assert!(to::<f32, u8>(vec![f32::NAN]).is_err());
        assert!(to::<u8, bool>(vec![2]).is_err());
        assert!(to::<String, f32>(vec!["1".to_string()]).is_err());
        assert!(to::<f32, String>(vec![1.0]).is_err());
    }

    #[test]
    fn what_is_not_finite_stays_what_it_is() {
        let infinities = to::<f64, f32>(vec![f64::INFINITY, f64::NEG_INFINITY]);
        assert_eq!(infinities, Ok(vec![f32::INFINITY, f32::NEG_INFINITY]));
        assert!(to::<f32, f16>(vec![f32::NAN]).unwrap()[0].is_nan());
    }
}
