//! `--cast`: the same numbers as elements of another type.

use linn::{DType, Scalar, Tensor};

use super::number::{Number, number_type};

/// A tensor with the numbers of `tensor` as elements of type `dtype`, and how many of them had to be rounded: floats
/// become the nearest ones, anything else has to be a value of the type.
pub(super) fn cast(tensor: &Tensor, dtype: DType) -> Result<(Tensor, usize), String> {
    number_type!(dtype, T => elements::<T>(tensor), else {
        Err(format!("{tensor} cannot be cast to {dtype}"))
    })
}

fn elements<T: Number>(tensor: &Tensor) -> Result<(Tensor, usize), String> {
    let view = tensor.as_view();
    let mut data = Vec::with_capacity(view.shape().elements());
    let mut rounded = 0;
    for (index, scalar) in view.scalars().enumerate() {
        let element = element::<T>(scalar).ok_or_else(|| {
            format!(
                "element {index} is {scalar}, not a value of type {}",
                T::DTYPE
            )
        })?;
        rounded += usize::from(!is_same(scalar, element.scalar()));
        data.push(element);
    }
    let tensor = Tensor::new(tensor.shape(), data).map_err(|error| error.to_string())?;
    Ok((tensor, rounded))
}

/// The element of type `T` that stands for a number.
fn element<T: Number>(scalar: Scalar<'_>) -> Option<T> {
    if let Some(value) = integer(scalar) {
        return T::from_integer(value);
    }
    let float = match scalar {
        Scalar::Complex(..) | Scalar::Text(_) => return None,
        scalar => scalar.to_f64()?,
    };
    match float.is_finite() {
        true if T::FLOAT => T::from_float(float),
        true if float.fract() == 0.0 => T::from_integer(float as i128),
        true => None,
        // The types know themselves which of NaN and the infinities they have.
        false => T::parse(&float.to_string()),
    }
}

fn integer(scalar: Scalar<'_>) -> Option<i128> {
    match scalar {
        Scalar::Int(value) => Some(value.into()),
        Scalar::UInt(value) => Some(value.into()),
        Scalar::Bool(value) => Some(value.into()),
        _ => None,
    }
}

/// Whether two elements are the same number, NaN being one.
fn is_same(from: Scalar<'_>, to: Scalar<'_>) -> bool {
    let float = |scalar| match scalar {
        Scalar::Complex(re, _) => Some(re),
        scalar => scalar.to_f64(),
    };
    match (integer(from), integer(to), float(from), float(to)) {
        (Some(from), Some(to), ..) => from == to,
        // An integer that an f64 does not hold is not equal to any.
        (Some(from), None, _, Some(to)) => to as i128 == from,
        (.., Some(from), Some(to)) => from == to || (from.is_nan() && to.is_nan()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;
    use linn::Element;

    fn to<F: Element, T: Element + PartialEq>(from: Vec<F>) -> Result<Vec<T>, String> {
        let tensor = Tensor::new(&[from.len()], from).unwrap();
        let (cast, _) = cast(&tensor, T::DTYPE)?;
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
                "element 1 is 1000000000000000000000000000000000000000, not a value of type f32"
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

    #[test]
    fn what_is_rounded_is_counted() {
        fn rounded<F: Element>(from: Vec<F>, dtype: DType) -> usize {
            cast(&Tensor::new(&[from.len()], from).unwrap(), dtype)
                .unwrap()
                .1
        }
        assert_eq!(rounded(vec![0.1, 0.5, f64::NAN, -0.0], DType::F32), 1);
        assert_eq!(rounded(vec![(1 << 24) + 1, 1 << 24], DType::F32), 1);
        assert_eq!(rounded(vec![i64::MAX, i64::MIN], DType::F64), 1);
        assert_eq!(rounded(vec![0u8, 255], DType::F16), 0);
        assert_eq!(rounded(vec![0.1f32], DType::F64), 0);
        assert_eq!(rounded(vec![0.1f64, 2.0], DType::C64), 1);
    }
}
