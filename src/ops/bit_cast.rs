//! BitCast: the bits of the elements as elements of another type of the same width.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__BitCast.html>
//! The text does not say: any bits but zeros make the truth value `true`.

use half::{bf16, f16};
use num_complex::Complex;

use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::error::OpError;
use crate::tensor::{
    DType, Element, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, I2, I4, TensorView,
    U2, U4, dispatch,
};

pub(super) const BIT_CAST: Op = Op {
    domain: "ai.onnx",
    name: "BitCast",
    newest: 26,
    read: |attributes| {
        let number = attributes.int("to").unwrap_or_default();
        let dtype = i32::try_from(number).ok().and_then(DType::from_onnx);
        Ok(Box::new(BitCast {
            to: dtype.filter(|dtype| width(*dtype) > 0).ok_or_else(|| {
                OpError::invalid("to", format!("is {number}, must number an element type"))
            })?,
        }))
    },
    exact: true,
};

/// `input` to `output` of the same shape.
#[derive(Debug)]
struct BitCast {
    to: DType,
}

/// The bits of an element; 0 for strings, which have no fixed number.
fn width(dtype: DType) -> usize {
    match dtype {
        DType::U2 | DType::I2 => 2,
        DType::U4 | DType::I4 | DType::F4E2M1 => 4,
        DType::String => 0,
        dtype => 8 * dtype.bytes(),
    }
}

/// An element type that is made of bits, the lowest ones of a number.
trait Bits: Element + Copy {
    fn bits(self) -> u128;
    fn from_bits(bits: u128) -> Self;
}

macro_rules! bits {
    ($($type:ty, |$x:ident| $bits:expr, |$number:ident| $from:expr;)*) => {
        $(impl Bits for $type {
            fn bits(self) -> u128 {
                let $x = self;
                u128::from($bits)
            }
            fn from_bits($number: u128) -> Self {
                $from
            }
        })*
    };
}
bits! {
    bool, |x| u8::from(x), |bits| bits != 0;
    u8, |x| x, |bits| bits as u8;
    u16, |x| x, |bits| bits as u16;
    u32, |x| x, |bits| bits as u32;
    u64, |x| x, |bits| bits as u64;
    i8, |x| x as u8, |bits| bits as i8;
    i16, |x| x as u16, |bits| bits as i16;
    i32, |x| x as u32, |bits| bits as i32;
    i64, |x| x as u64, |bits| bits as i64;
    f16, |x| x.to_bits(), |bits| f16::from_bits(bits as u16);
    bf16, |x| x.to_bits(), |bits| bf16::from_bits(bits as u16);
    f32, |x| x.to_bits(), |bits| f32::from_bits(bits as u32);
    f64, |x| x.to_bits(), |bits| f64::from_bits(bits as u64);
    // The real part comes first in memory.
    Complex<f32>, |x| u64::from(x.im.to_bits()) << 32 | u64::from(x.re.to_bits()),
        |bits| Complex::new(f32::from_bits(bits as u32), f32::from_bits((bits >> 32) as u32));
    Complex<f64>, |x| u128::from(x.im.to_bits()) << 64 | u128::from(x.re.to_bits()),
        |bits| Complex::new(f64::from_bits(bits as u64), f64::from_bits((bits >> 64) as u64));
    F8E4M3FN, |x| x.to_bits(), |bits| F8E4M3FN::from_bits(bits as u8);
    F8E4M3FNUZ, |x| x.to_bits(), |bits| F8E4M3FNUZ::from_bits(bits as u8);
    F8E5M2, |x| x.to_bits(), |bits| F8E5M2::from_bits(bits as u8);
    F8E5M2FNUZ, |x| x.to_bits(), |bits| F8E5M2FNUZ::from_bits(bits as u8);
    F8E8M0, |x| x.to_bits(), |bits| F8E8M0::from_bits(bits as u8);
    F4E2M1, |x| x.to_bits(), |bits| F4E2M1::from_bits(bits as u8);
    U4, |x| x.to_bits(), |bits| U4::from_bits(bits as u8);
    I4, |x| x.to_bits(), |bits| I4::from_bits(bits as u8);
    U2, |x| x.to_bits(), |bits| U2::from_bits(bits as u8);
    I2, |x| x.to_bits(), |bits| I2::from_bits(bits as u8);
}

macro_rules! dispatch_bits {
    ($dtype:expr, $T:ident => $body:expr) => {
        dispatch!($dtype, $T in [
            bool, u8, u16, u32, u64, i8, i16, i32, i64, f16, bf16, f32, f64, Complex<f32>,
            Complex<f64>, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F4E2M1, U4, I4, U2, I2
        ] => $body)
    };
}

/// Reads the bits of one element.
type Read<'a> = Box<dyn Fn(usize) -> u128 + Sync + 'a>;

fn reader<'a, T: Bits>(x: &'a TensorView<'_>) -> Read<'a> {
    let x = elements::<T>(x);
    Box::new(|index| x[index].bits())
}

impl Operator for BitCast {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        let (from, to) = (width(input.dtype), width(self.to));
        match from == to {
            true => Ok(vec![Fact::new(self.to, input.dims.clone())]),
            false => Err(OpError::invalid(
                "to",
                format!(
                    "names {} of {to} bits, must name a type of the {from} bits of {}",
                    self.to, input.dtype
                ),
            )),
        }
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        let read = dispatch_bits!(input.dtype(), T => Ok(reader::<T>(input)))?;
        dispatch_bits!(self.to, T => {
            let y = outputs.make::<T>(input.shape())?;
            elementwise::in_chunks(y, |start, y| {
                for (index, y) in y.iter_mut().enumerate() {
                    *y = <T as Bits>::from_bits(read(start + index));
                }
            });
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use num_complex::Complex;

    use crate::ops::testing::{node, tensor};
    use crate::tensor::{DType, F4E2M1, I4};

    #[test]
    fn bits_stay_what_they_are() {
        let cast = |to: DType| node("BitCast", 26).int("to", to as i64);
        let x = tensor(&[2], vec![1f32, -0.0]);
        assert_eq!(
            cast(DType::U32).run(&[Some(&x)]),
            Ok(vec![tensor(&[2], vec![0x3f80_0000u32, 0x8000_0000])])
        );
        let pair = tensor(&[1], vec![Complex::new(1f32, 0.0)]);
        assert_eq!(
            cast(DType::U64).run(&[Some(&pair)]),
            Ok(vec![tensor(&[1], vec![0x3f80_0000u64])])
        );
        let narrow = tensor(&[1], vec![I4::from_bits(9)]);
        assert_eq!(
            cast(DType::F4E2M1).run(&[Some(&narrow)]),
            Ok(vec![tensor(&[1], vec![F4E2M1::from_bits(9)])])
        );
        assert_eq!(
            cast(DType::F64).error(&[Some(&x)]),
            "to names f64 of 64 bits, must name a type of the 32 bits of f32"
        );
        assert_eq!(
            cast(DType::String).error(&[Some(&x)]),
            "to is 8, must number an element type"
        );
    }
}
