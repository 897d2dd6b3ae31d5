//! CumSum, CumProd: sums and products of the elements up to each one along an axis.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__CumSum.html>,
//! <https://onnx.ai/onnx/operators/onnx__CumProd.html>
//! Floats are accumulated in f64 and rounded once each; integers wrap.

use half::{bf16, f16};

use super::around::Around;
use super::axes;
use super::convert::{Numeric, one};
use super::number::{Float, Integer, is_float};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::{Element, TensorView, dispatch};

pub(super) const CUM_PROD: Op = Op {
    domain: "ai.onnx",
    name: "CumProd",
    newest: 26,
    read: |attributes| Ok(Box::new(Cumulate::read(attributes, true)?)),
    exact: false,
};

pub(super) const CUM_SUM: Op = Op {
    domain: "ai.onnx",
    name: "CumSum",
    newest: 14,
    read: |attributes| Ok(Box::new(Cumulate::read(attributes, false)?)),
    exact: false,
};

/// `x` and a number `axis` to `y` of the shape of `x`.
#[derive(Debug)]
struct Cumulate {
    product: bool,
    /// Whether the element itself is left out.
    exclusive: bool,
    /// Whether it goes from the end.
    reverse: bool,
}

/// How an element type is accumulated.
struct Steps<T, A> {
    start: A,
    widen: fn(&T) -> A,
    join: fn(A, A) -> A,
    narrow: fn(A) -> T,
}

impl Cumulate {
    fn read(attributes: &mut Attributes<'_>, product: bool) -> Result<Cumulate, OpError> {
        Ok(Cumulate {
            product,
            exclusive: attributes.flag("exclusive")?,
            reverse: attributes.flag("reverse")?,
        })
    }

    fn floats<T: Float>(&self) -> Steps<T, f64> {
        Steps {
            start: if self.product { 1.0 } else { 0.0 },
            widen: |x| x.to_f64(),
            join: if self.product {
                |a, b| a * b
            } else {
                |a, b| a + b
            },
            narrow: T::from_f64,
        }
    }

    fn integers<T: Integer>(&self) -> Steps<T, i128> {
        Steps {
            start: i128::from(self.product),
            widen: |x| x.to_i128(),
            join: if self.product {
                i128::wrapping_mul
            } else {
                i128::wrapping_add
            },
            narrow: T::low_bits,
        }
    }

    fn run<T: Element, A: Copy + Send + Sync>(
        &self,
        x: &TensorView<'_>,
        axis: usize,
        outputs: &mut Outputs<'_, '_>,
        steps: &Steps<T, A>,
    ) -> Result<(), OpError> {
        let Around { size, inner, .. } = Around::new(x.shape(), axis);
        let y = outputs.make::<T>(x.shape())?;
        if y.is_empty() {
            return Ok(());
        }
        let len = size * inner;
        let x = elements::<T>(x);
        elementwise::slabs(y, len, len, |slab, y| {
            let x = &x[slab * len..];
            elementwise::columns(inner, |columns| {
                let mut accs = allocate::filled(steps.start, columns.len());
                elementwise::each_rows(size, accs.len(), |rows| {
                    for index in rows {
                        let row = if self.reverse {
                            size - 1 - index
                        } else {
                            index
                        };
                        let first = row * inner + columns.start;
                        let columns = accs.iter_mut().zip(&x[first..]).zip(&mut y[first..]);
                        for ((acc, x), y) in columns {
                            let with = (steps.join)(*acc, (steps.widen)(x));
                            *y = (steps.narrow)(if self.exclusive { *acc } else { with });
                            *acc = with;
                        }
                    }
                })
            });
        });
        Ok(())
    }
}

impl Operator for Cumulate {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, axis) = (required(inputs, 0), required(inputs, 1));
        axes::single("axis", axis)?;
        if let (Some(dims), Some([axis])) = (&x.dims, axis.integers().as_deref()) {
            axes::axis("axis", *axis, dims.len())?;
        }
        Ok(vec![Fact::new(x.dtype, x.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (x, axis) = (required(inputs, 0), required(inputs, 1));
        let axis =
            dispatch!(axis.dtype(), T in [i32, i64] => Ok(one::<T>("axis", axis)?.to_i64()))?;
        let axis = axes::axis("axis", axis, x.shape().len())?;
        match x.dtype() {
            dtype if is_float(dtype) => {
                dispatch!(dtype, T in [f32, f64, f16, bf16] =>
                    self.run(x, axis, outputs, &self.floats::<T>()))
            }
            dtype => dispatch!(dtype, T in [i32, i64, u32, u64] =>
                self.run(x, axis, outputs, &self.integers::<T>())),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn either_end_with_and_without_the_element() {
        let x = tensor(&[2, 3], vec![1i32, 2, 3, 4, 5, 6]);
        let run = |name, exclusive, reverse, axis: i64| {
            node(name, 26)
                .int("exclusive", exclusive)
                .int("reverse", reverse)
                .run(&[Some(&x), Some(&tensor(&[], vec![axis]))])
                .expect("it runs")
                .remove(0)
        };
        assert_eq!(
            run("CumSum", 0, 0, 1),
            tensor(&[2, 3], vec![1, 3, 6, 4, 9, 15])
        );
        assert_eq!(
            run("CumSum", 1, 0, -2),
            tensor(&[2, 3], vec![0, 0, 0, 1, 2, 3])
        );
        assert_eq!(
            run("CumProd", 0, 1, 1),
            tensor(&[2, 3], vec![6, 6, 3, 120, 30, 6])
        );
        assert_eq!(
            run("CumProd", 1, 1, 1),
            tensor(&[2, 3], vec![6, 3, 1, 30, 6, 1])
        );
    }

    #[test]
    fn the_axis_is_checked() {
        let run =
            |dims: &[usize], axis| node("CumSum", 14).error(&[Some(&iota(dims)), Some(&axis)]);
        assert_eq!(
            run(&[2], tensor(&[], vec![1i32])),
            "axis is 1, must be in -1..=0"
        );
        assert_eq!(
            run(&[2], tensor(&[2], vec![0i64, 0])),
            "axis is i64[2], must have one element"
        );
        let scalar = run(&[], tensor(&[], vec![0i64]));
        assert!(scalar.starts_with("axis is 0"), "{scalar}");
    }
}
