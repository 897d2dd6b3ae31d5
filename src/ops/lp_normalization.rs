//! LpNormalization: elements divided by the norm of those along an axis.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__LpNormalization.html>
//! The text does not say: where the norm is 0, all elements are, and stay so.

use std::ops::Range;

use half::{bf16, f16};

use super::around::Around;
use super::axes;
use super::convert::Numeric;
use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::allocate;
use crate::error::OpError;
use crate::tensor::{Rounding, TensorView, dispatch};

pub(super) const LP_NORMALIZATION: Op = Op {
    domain: "ai.onnx",
    name: "LpNormalization",
    newest: 22,
    read: |attributes| {
        Ok(Box::new(LpNormalization {
            axis: attributes.int("axis").unwrap_or(-1),
            squares: match attributes.int("p") {
                None | Some(2) => true,
                Some(1) => false,
                Some(other) => {
                    return Err(OpError::invalid("p", format!("is {other}, must be 1 or 2")));
                }
            },
        }))
    },
    exact: false,
};

/// `input` to `output` of the same shape.
#[derive(Debug)]
struct LpNormalization {
    axis: i64,
    /// The root of the sum of squares, or else the sum of absolute values.
    squares: bool,
}

impl LpNormalization {
    fn run<T: Numeric>(
        &self,
        x: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let axis = axes::axis("axis", self.axis, x.shape().len())?;
        let Around { size, inner, .. } = Around::new(x.shape(), axis);
        let y = outputs.make::<T>(x.shape())?;
        if y.is_empty() {
            return Ok(());
        }
        let len = size * inner;
        let x = elements::<T>(x);
        elementwise::slabs(y, len, len, |slab, y| {
            let x = &x[slab * len..(slab + 1) * len];
            elementwise::columns(inner, |columns| {
                let mut norms = allocate::filled(0.0, columns.len());
                let added = elementwise::each_rows(size, norms.len(), |rows| {
                    for row in rows {
                        let x = &x[row * inner + columns.start..];
                        for (norm, x) in norms.iter_mut().zip(x) {
                            let x = x.to_f64();
                            *norm += if self.squares { x * x } else { x.abs() };
                        }
                    }
                });
                for norm in &mut norms {
                    *norm = match (self.squares, *norm) {
                        (_, 0.0) => 1.0,
                        (true, sum) => sum.sqrt(),
                        (false, sum) => sum,
                    };
                }
                let divide = |rows: Range<usize>| {
                    for row in rows {
                        let first = row * inner + columns.start;
                        let columns = y[first..].iter_mut().zip(&x[first..]).zip(&norms);
                        for ((y, x), norm) in columns {
                            *y = T::from_f64(x.to_f64() / norm, Rounding::default());
                        }
                    }
                };
                added && elementwise::each_rows(size, norms.len(), divide)
            });
        });
        Ok(())
    }
}

impl Operator for LpNormalization {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        if let Some(dims) = &input.dims {
            axes::axis("axis", self.axis, dims.len())?;
        }
        Ok(vec![Fact::new(input.dtype, input.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        dispatch!(input.dtype(), T in [f32, f64, f16, bf16] => self.run::<T>(input, outputs))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn norms_of_columns_and_of_zeros() {
        let x = tensor(&[2, 2], vec![3f32, 0.0, -4.0, 0.0]);
        let run = |p| {
            node("LpNormalization", 1)
                .int("axis", 0)
                .int("p", p)
                .run(&[Some(&x)])
        };
        assert_eq!(
            run(2),
            Ok(vec![tensor(&[2, 2], vec![0.6f32, 0.0, -0.8, 0.0])])
        );
        let sevenths = vec![3f32 / 7.0, 0.0, -4.0 / 7.0, 0.0];
        assert_eq!(run(1), Ok(vec![tensor(&[2, 2], sevenths)]));
        assert_eq!(run(3).unwrap_err().to_string(), "p is 3, must be 1 or 2");
    }
}
