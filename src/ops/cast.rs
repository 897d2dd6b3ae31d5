//! Cast, CastLike: the elements as elements of another type.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Cast.html>,
//! <https://onnx.ai/onnx/operators/onnx__CastLike.html>; see [`convert`] for what they leave open.

use super::convert;
use super::{Fact, Inputs, Op, Operator, Outputs, required};
use crate::error::{OpError, Quoted};
use crate::onnx::attributes::Attributes;
use crate::tensor::{DType, Direction, Rounding};

pub(super) const CAST: Op = Op {
    domain: "ai.onnx",
    name: "Cast",
    newest: 25,
    read: |attributes| {
        Ok(Box::new(Cast {
            to: Some(target(attributes)?),
            rounding: rounding(attributes)?,
        }))
    },
    exact: false,
};

pub(super) const CAST_LIKE: Op = Op {
    domain: "ai.onnx",
    name: "CastLike",
    newest: 25,
    read: |attributes| {
        Ok(Box::new(Cast {
            to: None,
            rounding: rounding(attributes)?,
        }))
    },
    exact: false,
};

/// `input` to `output` of the same shape.
#[derive(Debug)]
struct Cast {
    /// The type to cast to; `None` for that of the second input.
    to: Option<DType>,
    rounding: Rounding,
}

/// The attribute `to`: a number of `TensorProto.DataType`, its name in version 1.
fn target(attributes: &mut Attributes<'_>) -> Result<DType, OpError> {
    let (dtype, shown) = match attributes.version() {
        1 => {
            let name = attributes.string("to")?.unwrap_or_default();
            (named(name), Quoted(name).to_string())
        }
        _ => {
            let number = attributes.int("to").unwrap_or_default();
            let dtype = i32::try_from(number).ok().and_then(DType::from_onnx);
            (dtype, number.to_string())
        }
    };
    let complex = |dtype: &DType| matches!(dtype, DType::C64 | DType::C128);
    dtype
        .filter(|dtype| !complex(dtype))
        .ok_or_else(|| OpError::invalid("to", format!("is {shown}, must name an element type")))
}

/// The element type that `TensorProto.DataType` names so.
fn named(name: &str) -> Option<DType> {
    let short = match name {
        "FLOAT" => "f32",
        "FLOAT16" => "f16",
        "DOUBLE" => "f64",
        "BOOL" => "bool",
        "INT8" => "i8",
        "INT16" => "i16",
        "INT32" => "i32",
        "INT64" => "i64",
        "UINT8" => "u8",
        "UINT16" => "u16",
        "UINT32" => "u32",
        "UINT64" => "u64",
        _ => return None,
    };
    DType::from_name(short)
}

fn rounding(attributes: &mut Attributes<'_>) -> Result<Rounding, OpError> {
    let saturate = match attributes.int("saturate") {
        None | Some(1) => true,
        Some(0) => false,
        Some(other) => {
            return Err(OpError::invalid(
                "saturate",
                format!("is {other}, must be 0 or 1"),
            ));
        }
    };
    let power = match attributes.string("round_mode")? {
        None | Some("up") => Direction::Up,
        Some("down") => Direction::Down,
        Some("nearest") => Direction::Nearest,
        Some(other) => {
            return Err(OpError::invalid(
                "round_mode",
                format!("is {}, must be 'up', 'down' or 'nearest'", Quoted(other)),
            ));
        }
    };
    Ok(Rounding { saturate, power })
}

impl Operator for Cast {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        let dtype = self.to.unwrap_or_else(|| required(inputs, 1).dtype);
        Ok(vec![Fact::new(dtype, input.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let dtype = self.to.unwrap_or_else(|| required(inputs, 1).dtype());
        convert::convert(required(inputs, 0), dtype, self.rounding, outputs)
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use crate::ops::testing::{node, tensor};
    use crate::tensor::{DType, Element, F8E4M3FN, F8E5M2, F8E8M0, I4, Tensor};

    fn cast(x: &Tensor, to: DType) -> Tensor {
        let cast = node("Cast", 25).int("to", to as i64);
        cast.run(&[Some(x)]).expect("it runs").remove(0)
    }

    fn all<T: Element>(x: Vec<T>) -> Tensor {
        tensor(&[x.len()], x)
    }

    #[test]
    fn what_is_out_of_range() {
        let floats = all(vec![300.7f32, -1.5, f32::NAN, f32::INFINITY]);
        assert_eq!(cast(&floats, DType::U8), all(vec![44u8, 255, 0, 0]));
        assert_eq!(cast(&floats, DType::I64), all(vec![300, -1, 0, i64::MAX]));
        assert_eq!(cast(&floats, DType::Bool), all(vec![true; 4]));
        let ints = all(vec![-1i64, 256, 1 << 40]);
        assert_eq!(cast(&ints, DType::U8), all(vec![255u8, 0, 0]));
        assert_eq!(
            cast(&ints, DType::I4),
            all([15, 0, 0].map(I4::from_bits).to_vec())
        );
        assert_eq!(
            cast(&all(vec![u64::MAX]), DType::F32),
            all(vec![18_446_744_073_709_551_616f32])
        );
    }

    #[test]
    fn floats_round_once() {
        // Just above the middle of two values of f16, and on it after rounding to f32.
        let x = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
        let next = f16::from_f32(1.0 + 2f32.powi(-10));
        assert_eq!(cast(&all(vec![x, -x]), DType::F16), all(vec![next, -next]));
        let next = bf16::from_f32(1.0 + 2f32.powi(-7));
        let x = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
        assert_eq!(cast(&all(vec![x]), DType::BF16), all(vec![next]));
        let int = (1i64 << 62) + (1 << 54) + 1;
        let next = bf16::from_f32(2f32.powi(62) + 2f32.powi(55));
        assert_eq!(
            cast(&all(vec![int, -int]), DType::BF16),
            all(vec![next, -next])
        );
    }

    #[test]
    fn narrow_floats_saturate_or_not() {
        let x = all(vec![1e9f32, f32::NEG_INFINITY, 448.0, 464.0, -0.0]);
        let to = |dtype: DType, saturate| {
            node("Cast", 19)
                .int("to", dtype as i64)
                .int("saturate", saturate)
                .run(&[Some(&x)])
                .expect("it runs")
                .remove(0)
        };
        let bits = |bits: [u8; 5]| all(bits.map(F8E4M3FN::from_bits).to_vec());
        assert_eq!(to(DType::F8E4M3FN, 1), bits([0x7e, 0xfe, 0x7e, 0x7e, 0x80]));
        assert_eq!(to(DType::F8E4M3FN, 0), bits([0x7f, 0xff, 0x7e, 0x7e, 0x80]));
        let bits = |bits: [u8; 5]| all(bits.map(F8E5M2::from_bits).to_vec());
        assert_eq!(to(DType::F8E5M2, 0), bits([0x7c, 0xfc, 0x5f, 0x5f, 0x80]));
    }

    #[test]
    fn every_narrow_value_comes_back() {
        for dtype in [
            DType::F8E4M3FN,
            DType::F8E4M3FNUZ,
            DType::F8E5M2FNUZ,
            DType::F8E8M0,
            DType::F4E2M1,
        ] {
            let count = if dtype == DType::F4E2M1 { 16 } else { 256 };
            let bits = all((0..count).map(|bits| bits as u8).collect());
            let narrow = match dtype {
                DType::F8E4M3FN => all((0..=255).map(F8E4M3FN::from_bits).collect()),
                DType::F8E8M0 => all((0..=255).map(F8E8M0::from_bits).collect()),
                _ => cast(&cast(&bits, DType::F32), dtype),
            };
            let wide = cast(&narrow, DType::F32);
            let again = cast(&cast(&wide, dtype), DType::F32);
            let pair = (wide.as_slice::<f32>(), again.as_slice::<f32>());
            let (Some(wide), Some(again)) = pair else {
                panic!("f32");
            };
            let same = |(a, b): (&f32, &f32)| a == b || a.is_nan() && b.is_nan();
            assert!(wide.iter().zip(again).all(same), "{dtype}");
        }
    }

    #[test]
    fn strings_are_decimal_numbers() {
        let text = |texts: &[&str]| all(texts.iter().map(|text| text.to_string()).collect());
        let x = text(&["1e-5", "+INF", "nan", "-7"]);
        let y = cast(&x, DType::F32);
        let y = y.as_slice::<f32>().expect("f32");
        assert_eq!((y[0], y[1], y[3]), (1e-5, f32::INFINITY, -7.0));
        assert!(y[2].is_nan());
        assert_eq!(
            cast(
                &all(vec![314.25f32, f32::NEG_INFINITY, f32::NAN]),
                DType::String
            ),
            text(&["314.25", "-INF", "NaN"])
        );
        assert_eq!(
            cast(&text(&["18446744073709551615", "100.5"]), DType::U64),
            all(vec![u64::MAX, 100])
        );
        assert_eq!(
            node("Cast", 25)
                .int("to", DType::F32 as i64)
                .error(&[Some(&text(&["1", "Hello"]))]),
            "input has the element 'Hello' at 1, must be a number for f32"
        );
    }

    #[test]
    fn the_target_is_named_or_numbered() {
        let x = all(vec![1.5f32]);
        assert_eq!(
            node("Cast", 1).string("to", "INT32").run(&[Some(&x)]),
            Ok(vec![all(vec![1i32])])
        );
        assert_eq!(
            node("Cast", 9).int("to", 99).error(&[Some(&x)]),
            "to is 99, must name an element type"
        );
        let like = node("CastLike", 15).run(&[Some(&x), Some(&all(vec![0u8]))]);
        assert_eq!(like, Ok(vec![all(vec![1u8])]));
    }
}
