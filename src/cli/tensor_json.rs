//! Tensors as JSON: `{"schema":"linn.tensor/1","name":..,"dtype":..,"shape":..,"data":..}`.
//!
//! The data are flat in C order. JSON has no non-finite numbers: they are the strings `"nan"`, `"inf"`
//! and `"-inf"`. Integers keep all their digits, complex numbers are `[re, im]`.

use std::fmt;
use std::io::{self, Write};

use linn::{Scalar, Tensor};
use serde_json::Value;

/// Writes the document of one tensor, with a line break at its end.
pub(super) fn write(name: &str, tensor: &Tensor, to: &mut impl Write) -> io::Result<()> {
    write!(
        to,
        r#"{{"schema":"linn.tensor/1","name":{},"dtype":"{}","shape":{},"data":["#,
        Value::from(name),
        tensor.dtype(),
        tensor.shape()
    )?;
    for (index, scalar) in tensor.as_view().scalars().enumerate() {
        write!(to, "{}{}", if index == 0 { "" } else { "," }, Json(scalar))?;
    }
    writeln!(to, "]}}")
}

/// An element as a JSON value.
pub(super) fn value(scalar: Scalar<'_>) -> Value {
    match scalar {
        // By way of the text, so that 0.1f32 stays 0.1.
        Scalar::F32(x) => value(Scalar::F64(x.to_string().parse().unwrap_or(x.into()))),
        Scalar::F64(x) if x.is_finite() => x.into(),
        Scalar::F64(x) => non_finite(x).into(),
        Scalar::Int(x) => x.into(),
        Scalar::UInt(x) => x.into(),
        Scalar::Bool(x) => x.into(),
        Scalar::Text(x) => x.into(),
        Scalar::Complex(re, im) => vec![value(Scalar::F64(re)), value(Scalar::F64(im))].into(),
    }
}

/// How the name of a non-finite number is written.
pub(super) fn non_finite(x: f64) -> &'static str {
    match x {
        f64::INFINITY => "inf",
        f64::NEG_INFINITY => "-inf",
        _ => "nan",
    }
}

/// An element as the text of JSON.
struct Json<'a>(Scalar<'a>);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Scalar::F32(x) if x.is_finite() => write!(f, "{x:?}"),
            Scalar::F64(x) if x.is_finite() => write!(f, "{x:?}"),
            Scalar::F32(x) => write!(f, "\"{}\"", non_finite(x.into())),
            Scalar::F64(x) => write!(f, "\"{}\"", non_finite(x)),
            Scalar::Int(x) => x.fmt(f),
            Scalar::UInt(x) => x.fmt(f),
            Scalar::Bool(x) => x.fmt(f),
            Scalar::Text(x) => Value::from(x).fmt(f),
            Scalar::Complex(re, im) => {
                write!(f, "[{},{}]", Json(Scalar::F64(re)), Json(Scalar::F64(im)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linn::Element;
    use num_complex::Complex;
    use serde_json::json;

    fn document<T: Element>(name: &str, dims: &[usize], data: Vec<T>) -> Value {
        let mut text = Vec::new();
        write(name, &Tensor::new(dims, data).unwrap(), &mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn documents_are_json_and_lose_nothing() {
        assert_eq!(
            document("y", &[1, 2], vec![0.1f32, -0.0]),
            json!({"schema": "linn.tensor/1", "name": "y", "dtype": "f32", "shape": [1, 2], "data": [0.1, -0.0]})
        );
        let data = |document: Value| document["data"].clone();
        assert_eq!(
            data(document(
                "y",
                &[4],
                vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-5]
            )),
            json!(["nan", "inf", "-inf", 1e-5])
        );
        let subnormal = data(document("y", &[1], vec![1e-42f32]));
        assert_eq!(subnormal[0].as_f64().map(|x| x as f32), Some(1e-42));
        assert_eq!(data(document("y", &[1], vec![u64::MAX])), json!([u64::MAX]));
        assert_eq!(data(document("y", &[1], vec![i64::MIN])), json!([i64::MIN]));
        assert_eq!(
            data(document("y", &[2], vec![true, false])),
            json!([true, false])
        );
        assert_eq!(data(document("y", &[1], vec![1e300])), json!([1e300]));
        assert_eq!(
            data(document("y", &[1], vec![Complex::new(1.5f32, f32::NAN)])),
            json!([[1.5, "nan"]])
        );
        let text = "quote \" and \u{1} and é".to_string();
        let strings = document(&text, &[1], vec![text.clone()]);
        assert_eq!(
            (&strings["name"], &strings["data"][0]),
            (&json!(text), &json!(text))
        );
        assert_eq!(data(document("y", &[0], Vec::<i8>::new())), json!([]));
    }

    #[test]
    fn values_are_the_documents_elements() {
        for scalar in [
            Scalar::F32(0.1),
            Scalar::F32(f32::NAN),
            Scalar::F64(-1e300),
            Scalar::Int(i64::MIN),
            Scalar::UInt(u64::MAX),
            Scalar::Complex(1.0, f64::INFINITY),
        ] {
            let text = Json(scalar).to_string();
            assert_eq!(value(scalar), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
