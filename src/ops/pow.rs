//! Pow: powers, with broadcasting and exponents of another type than the base.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Pow.html>
//! The text does not say: integer powers of integers wrap; with a negative exponent the result is cut towards 0,
//! and is 0 for the base 0. Integers to a power that is a float are computed in f64 and cut towards 0.

use half::{bf16, f16};

use super::broadcast::Broadcast;
use super::convert;
use super::elementwise::{self, Run, Zip, rows};
use super::number::{Float, Integer, is_float};
use super::{Fact, Inputs, Op, Operator, Outputs, Step, elements, required};
use crate::error::OpError;
use crate::parts;
use crate::tensor::{DType, Element, TensorView, dispatch};

pub(super) const POW: Op = Op {
    domain: "ai.onnx",
    name: "Pow",
    newest: 15,
    read: |attributes| {
        Ok(Box::new(Pow {
            broadcast: Broadcast::read(attributes)?,
        }))
    },
    exact: false,
};

/// `X` to the powers `Y` in `Z`, of the type of `X` and the shape that both broadcast to.
#[derive(Debug)]
struct Pow {
    broadcast: Broadcast,
}

impl Pow {
    fn zip<T: Element, E: Sync>(
        &self,
        x: &TensorView<'_>,
        y: &TensorView<'_>,
        exponents: &[E],
        outputs: &mut Outputs<'_, '_>,
        function: Zip<T, E, T>,
    ) -> Result<(), OpError> {
        let (x_fact, y_fact) = (Fact::from(x), Fact::from(y));
        let [shape, x_shape, y_shape] = self.broadcast.shapes(("X", &x_fact), ("Y", &y_fact))?;
        let (x, y) = ((elements(x), &*x_shape), (exponents, &*y_shape));
        elementwise::zip(x, y, outputs.make(&shape)?, function);
        Ok(())
    }
}

/// Exponents that are integers.
fn to_i128(y: &TensorView<'_>, outputs: &mut Outputs<'_, '_>) -> Result<Vec<i128>, OpError> {
    outputs.check_scratch(y.shape().elements().saturating_mul(size_of::<i128>()))?;
    dispatch!(y.dtype(), T in [i8, i16, i32, i64, u8, u16, u32, u64] =>
        parts::collected(elements::<T>(y).iter().map(|y| y.to_i128())))
}

macro_rules! float_rows {
    ($($name:ident $type:ident)*) => {
        $(
            /// Squares, which are most of what models ask for, without logarithms.
            fn $name(x: Run<'_, $type>, y: Run<'_, $type>, z: &mut [$type]) {
                match y {
                    Run::One(2.0) => rows(x, y, z, |x, _| x * x),
                    _ => rows(x, y, z, |x, y| x.powf(*y)),
                }
            }
        )*
    };
}
float_rows! { f32_rows f32 f64_rows f64 }

fn wide_rows<T: Float>(x: Run<'_, T>, y: Run<'_, f64>, z: &mut [T]) {
    rows(x, y, z, |x, y| T::from_f64(x.to_f64().powf(*y)));
}

fn integer_rows<T: Integer>(x: Run<'_, T>, y: Run<'_, i128>, z: &mut [T]) {
    rows(x, y, z, |x, y| power(*x, *y));
}

fn cut_rows<T: Integer>(x: Run<'_, T>, y: Run<'_, f64>, z: &mut [T]) {
    rows(x, y, z, |x, y| {
        T::nearest((x.to_i128() as f64).powf(*y) as i128)
    });
}

fn power<T: Integer>(x: T, y: i128) -> T {
    if y < 0 {
        return match x.to_i128() {
            1 => x,
            -1 if y % 2 != 0 => x,
            -1 => T::low_bits(1),
            _ => T::low_bits(0),
        };
    }
    let (mut result, mut square, mut rest) = (T::low_bits(1), x, y);
    while rest != 0 {
        if rest & 1 == 1 {
            result = result.times(square);
        }
        square = square.times(square);
        rest >>= 1;
    }
    result
}

impl Operator for Pow {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, y) = (required(inputs, 0), required(inputs, 1));
        let dims = self.broadcast.dims(("X", x), ("Y", y))?;
        Ok(vec![Fact::new(x.dtype, dims)])
    }

    fn step(&self, _inputs: &[Option<Fact>]) -> Option<Step> {
        matches!(self.broadcast, Broadcast::Both).then_some(Step::Power)
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (x, y) = (required(inputs, 0), required(inputs, 1));
        match (x.dtype(), y.dtype()) {
            (DType::F32, DType::F32) => self.zip(x, y, elements(y), outputs, f32_rows),
            (DType::F64, DType::F64) => self.zip(x, y, elements(y), outputs, f64_rows),
            (dtype, _) if is_float(dtype) => {
                let exponents = convert::widened(y, outputs)?;
                dispatch!(dtype, T in [f32, f64, f16, bf16] =>
                    self.zip(x, y, &exponents, outputs, wide_rows::<T>))
            }
            (dtype, exponent) if is_float(exponent) => {
                let exponents = convert::widened(y, outputs)?;
                dispatch!(dtype, T in [i32, i64] =>
                    self.zip(x, y, &exponents, outputs, cut_rows::<T>))
            }
            (dtype, _) => {
                let exponents = to_i128(y, outputs)?;
                dispatch!(dtype, T in [i32, i64] =>
                    self.zip(x, y, &exponents, outputs, integer_rows::<T>))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn integers_to_integers() {
        let x = tensor(&[6], vec![2i32, -1, -1, 0, 3, 2]);
        let y = tensor(&[6], vec![31i64, -3, -4, -1, -2, i64::MAX]);
        assert_eq!(
            node("Pow", 15).run(&[Some(&x), Some(&y)]),
            Ok(vec![tensor(&[6], vec![i32::MIN, -1, 1, 0, 0, 0])])
        );
        let y = tensor(&[], vec![0.5f32]);
        let x = tensor(&[3], vec![9i64, 10, -4]);
        assert_eq!(
            node("Pow", 12).run(&[Some(&x), Some(&y)]),
            Ok(vec![tensor(&[3], vec![3i64, 3, 0])])
        );
    }

    #[test]
    fn floats_square_exactly() {
        let x = tensor(&[2], vec![1.1f32, -3.0]);
        assert_eq!(
            node("Pow", 7).run(&[Some(&x), Some(&tensor(&[], vec![2f32]))]),
            Ok(vec![tensor(&[2], vec![1.1f32 * 1.1, 9.0])])
        );
    }
}
