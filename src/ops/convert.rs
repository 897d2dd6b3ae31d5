//! Elements of one type as another: through f64 from floats, through 64-bit integers from integers.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Cast.html>
//! Floats are rounded once, ties to even, and cut towards 0 to become integers. Where the text leaves it open: out
//! of the range of an integer of fewer than 32 bits, or of `u32`, its low bits are kept, as numpy does; from 32
//! bits on, where numpy depends on the machine, the nearest integer is taken, and 0 for NaN. Strings are decimal
//! numbers, also for integers, and numbers become the shortest decimals that stand for them, truth values `True`
//! and `False`.

mod numeric;

use super::number::BLOCK;
use super::{Outputs, elements, elementwise};
use crate::error::{OpError, Quoted};
use crate::parts;
use crate::stop;
use crate::tensor::{DType, Rounding, Scalar, Shape, TensorView};
use numeric::Kind;
pub(super) use numeric::Numeric;

/// As `dispatch!` over every numeric element type.
macro_rules! dispatch_numeric {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::tensor::dispatch!(
            $dtype,
            $T in [
                f32, f64, half::f16, half::bf16, i8, i16, i32, i64, u8, u16, u32, u64, bool,
                $crate::tensor::F8E4M3FN, $crate::tensor::F8E4M3FNUZ, $crate::tensor::F8E5M2,
                $crate::tensor::F8E5M2FNUZ, $crate::tensor::F8E8M0, $crate::tensor::F4E2M1,
                $crate::tensor::I4, $crate::tensor::U4, $crate::tensor::I2, $crate::tensor::U2
            ] => $body
        )
    };
}
pub(super) use dispatch_numeric;

/// A block of elements on their way; one of the buffers is used.
pub(super) struct Block {
    float: [f64; BLOCK],
    int: [i64; BLOCK],
}

/// Reads elements from an index on into as much of a block.
type Read<'a> = Box<dyn Fn(usize, usize, &mut Block) + Sync + 'a>;

fn reader<'a, T: Numeric>(x: &'a [T]) -> Read<'a> {
    Box::new(move |start, len, block| {
        let x = &x[start..start + len];
        match T::KIND {
            Kind::Float => {
                for (y, x) in block.float.iter_mut().zip(x) {
                    *y = x.to_f64();
                }
            }
            Kind::Int | Kind::UInt => {
                for (y, x) in block.int.iter_mut().zip(x) {
                    *y = x.to_i64();
                }
            }
        }
    })
}

fn write<T: Numeric>(kind: Kind, read: &Read<'_>, y: &mut [T], rounding: Rounding) {
    elementwise::in_chunks(y, |start, y| {
        let mut block = Block {
            float: [0.0; BLOCK],
            int: [0; BLOCK],
        };
        for (index, y) in y.chunks_mut(BLOCK).enumerate() {
            read(start + index * BLOCK, y.len(), &mut block);
            match kind {
                Kind::Float => {
                    for (y, x) in y.iter_mut().zip(&block.float) {
                        *y = T::from_f64(*x, rounding);
                    }
                }
                Kind::Int => {
                    for (y, x) in y.iter_mut().zip(&block.int) {
                        *y = T::from_i64(*x);
                    }
                }
                Kind::UInt => {
                    for (y, x) in y.iter_mut().zip(&block.int) {
                        *y = T::from_u64(*x as u64);
                    }
                }
            }
        }
    });
}

/// Makes the first output the elements of `x` as elements of `dtype`.
pub(super) fn convert(
    x: &TensorView<'_>,
    dtype: DType,
    rounding: Rounding,
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    if x.dtype() == dtype {
        return outputs.copy(x, x.shape());
    }
    if dtype == DType::String {
        let texts = outputs.make::<String>(x.shape())?;
        elementwise::in_chunks(texts, |start, texts| {
            for (at, text) in (start..).zip(texts) {
                *text = x.scalar(at).map(written).unwrap_or_default();
            }
        });
        return Ok(());
    }
    if let Some(texts) = x.as_slice::<String>() {
        return dispatch_numeric!(dtype, T => parse::<T>(texts, x.shape(), rounding, outputs));
    }
    let (kind, read) = dispatch_numeric!(x.dtype(), T => Ok((T::KIND, reader::<T>(elements(x)))))?;
    dispatch_numeric!(dtype, T => {
        write::<T>(kind, &read, outputs.make(x.shape())?, rounding);
        Ok(())
    })
}

fn written(scalar: Scalar<'_>) -> String {
    match scalar {
        Scalar::Bool(true) => "True".to_string(),
        Scalar::Bool(false) => "False".to_string(),
        scalar => match scalar.to_f64() {
            Some(f64::INFINITY) => "INF".to_string(),
            Some(f64::NEG_INFINITY) => "-INF".to_string(),
            _ => scalar.to_string(),
        },
    }
}

fn parse<T: Numeric>(
    texts: &[String],
    shape: &Shape,
    rounding: Rounding,
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    let y = outputs.make::<T>(shape)?;
    for (index, (y, text)) in y.iter_mut().zip(texts).enumerate() {
        stop::check_step(index)?;
        let text = text.trim();
        *y = if let Ok(int) = text.parse() {
            T::from_i64(int)
        } else if let Ok(int) = text.parse() {
            T::from_u64(int)
        } else if let Ok(float) = text.parse() {
            T::from_f64(float, rounding)
        } else if let Ok(truth) = text.to_ascii_lowercase().parse::<bool>() {
            T::from_i64(truth.into())
        } else {
            return Err(OpError::run(
                "input",
                format!(
                    "has the element {} at {index}, must be a number for {}",
                    Quoted(text),
                    T::DTYPE
                ),
            ));
        };
    }
    Ok(())
}

/// Reads elements from an index on into all of a block, as f64.
pub(super) type Wide<'a> = Box<dyn Fn(usize, &mut [f64]) + Sync + 'a>;

/// Reads the elements of a numeric tensor as f64, exactly but for 64-bit integers.
pub(super) fn wide<'a>(x: &'a TensorView<'_>) -> Result<Wide<'a>, OpError> {
    fn reader<'a, T: Numeric>(x: &'a [T]) -> Wide<'a> {
        Box::new(move |start, block| {
            for (wide, x) in block.iter_mut().zip(&x[start..]) {
                *wide = x.to_f64();
            }
        })
    }
    dispatch_numeric!(x.dtype(), T => Ok(reader::<T>(elements(x))))
}

/// The elements of a numeric tensor as f64.
pub(super) fn widened(
    x: &TensorView<'_>,
    outputs: &mut Outputs<'_, '_>,
) -> Result<Vec<f64>, OpError> {
    let len = x.shape().elements();
    outputs.check_scratch(len.saturating_mul(size_of::<f64>()))?;
    let mut values = parts::filled(0.0, len)?;
    let read = wide(x)?;
    elementwise::in_chunks(&mut values, |start, values| read(start, values));
    Ok(values)
}

/// Makes output `index`, if it is wanted, of numbers.
pub(super) fn put(
    index: usize,
    dtype: DType,
    shape: &Shape,
    values: &[f64],
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    if !outputs.wanted(index) {
        return Ok(());
    }
    dispatch_numeric!(dtype, T => {
        let output = outputs.make_at::<T>(index, shape)?;
        elementwise::map(values, output, |values, output| {
            for (output, value) in output.iter_mut().zip(values) {
                *output = <T as Numeric>::from_f64(*value, Rounding::default());
            }
        });
        Ok(())
    })
}

/// Fills `y` from `read` after `f` has changed the numbers; it gets the index of the first one.
pub(super) fn map_wide<Y: Numeric>(
    read: &Wide<'_>,
    y: &mut [Y],
    rounding: Rounding,
    f: &(dyn Fn(usize, &mut [f64]) + Sync),
) {
    elementwise::in_chunks(y, |start, y| {
        let mut block = [0.0; BLOCK];
        for (index, y) in y.chunks_mut(BLOCK).enumerate() {
            let (start, block) = (start + index * BLOCK, &mut block[..y.len()]);
            read(start, block);
            f(start, block);
            for (y, x) in y.iter_mut().zip(block) {
                *y = Y::from_f64(*x, rounding);
            }
        }
    });
}

/// The element of a tensor that must have one.
pub(super) fn one<T: Numeric>(name: &str, x: &TensorView<'_>) -> Result<T, OpError> {
    match elements::<T>(x) {
        [x] => Ok(*x),
        _ => Err(OpError::invalid(
            name,
            format!("is {x}, must have one element"),
        )),
    }
}
