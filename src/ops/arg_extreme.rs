//! ArgMax, ArgMin: where along an axis the largest or smallest element is.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__ArgMax.html>,
//! <https://onnx.ai/onnx/operators/onnx__ArgMin.html>
//! NaN counts as the largest and as the smallest, as in numpy.

use half::{bf16, f16};

use super::around::Around;
use super::axes;
use super::number::Number;
use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, fact, reduce, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::parts::Looks;
use crate::tensor::{DType, TensorView, dispatch};

pub(super) const ARG_MAX: Op = Op {
    domain: "ai.onnx",
    name: "ArgMax",
    newest: 13,
    read: |attributes| Ok(Box::new(ArgExtreme::read(attributes, true)?)),
    exact: true,
};

pub(super) const ARG_MIN: Op = Op {
    domain: "ai.onnx",
    name: "ArgMin",
    newest: 13,
    read: |attributes| Ok(Box::new(ArgExtreme::read(attributes, false)?)),
    exact: true,
};

/// `data` to `reduced`, indices along `axis`, which has size 1 afterwards or is dropped.
#[derive(Debug)]
struct ArgExtreme {
    largest: bool,
    axis: i64,
    keep: bool,
    /// Of equal elements, the last one.
    last: bool,
}

impl ArgExtreme {
    fn read(attributes: &mut Attributes<'_>, largest: bool) -> Result<ArgExtreme, OpError> {
        Ok(ArgExtreme {
            largest,
            axis: attributes.int("axis").unwrap_or(0),
            keep: reduce::keep_dims(attributes)?,
            last: attributes.flag("select_last_index")?,
        })
    }

    fn search<T: Number>(&self, data: &TensorView<'_>, axis: usize, y: &mut [i64]) {
        let Around { size, inner, .. } = Around::new(data.shape(), axis);
        let x = elements::<T>(data);
        let better: fn(&T, &T) -> bool = match (self.largest, self.last) {
            (true, false) => |x, best| x > best,
            (true, true) => |x, best| x >= best,
            (false, false) => |x, best| x < best,
            (false, true) => |x, best| x <= best,
        };
        let wins = |x: &T, best: &T| match (is_nan(x), is_nan(best)) {
            (false, false) => better(x, best),
            (true, best_is_nan) => !best_is_nan || self.last,
            (false, true) => false,
        };
        let len = size * inner;
        elementwise::slabs(y, inner, len, |slab, y| {
            let x = &x[slab * len..];
            let mut looks = Looks::default();
            for (column, y) in y.iter_mut().enumerate() {
                let mut best = 0;
                let whole = elementwise::each_rows(size, 1, |rows| {
                    for index in rows {
                        if wins(&x[index * inner + column], &x[best * inner + column]) {
                            best = index;
                        }
                    }
                });
                *y = best as i64;
                if !whole || looks.is_set(size) {
                    return;
                }
            }
        });
    }
}

#[expect(
    clippy::eq_op,
    reason = "NaN is what differs from itself, in every type"
)]
fn is_nan<T: Number>(x: &T) -> bool {
    x != x
}

impl Operator for ArgExtreme {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let data = required(inputs, 0);
        let dims = match &data.dims {
            None => None,
            Some(dims) => {
                let axis = axes::axis("axis", self.axis, dims.len())?;
                if dims[axis] == Some(0) {
                    return Err(OpError::invalid(
                        "data",
                        format!("is {data}, must have elements along axis {}", self.axis),
                    ));
                }
                let mask: Vec<bool> = (0..dims.len()).map(|at| at == axis).collect();
                Some(reduce::reduced(dims, &mask, self.keep))
            }
        };
        Ok(vec![Fact::new(DType::I64, dims)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let data = required(inputs, 0);
        let facts = self.infer(&[Some(&Fact::from(data))])?;
        let axis = axes::axis("axis", self.axis, data.shape().len())?;
        let y = outputs.make::<i64>(&fact::known(facts[0].dims.clone())?)?;
        if y.is_empty() {
            return Ok(());
        }
        dispatch!(
            data.dtype(),
            T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64] => {
                self.search::<T>(data, axis, y);
                Ok(())
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn the_first_or_the_last_of_equal_elements() {
        let x = tensor(&[2, 3], vec![2u8, 1, 2, 0, 0, 5]);
        let run = |name, last| {
            node(name, 12)
                .int("axis", -1)
                .int("keepdims", 0)
                .int("select_last_index", last)
                .run(&[Some(&x)])
                .expect("it runs")
                .remove(0)
        };
        assert_eq!(run("ArgMax", 0), tensor(&[2], vec![0i64, 2]));
        assert_eq!(run("ArgMax", 1), tensor(&[2], vec![2i64, 2]));
        assert_eq!(run("ArgMin", 0), tensor(&[2], vec![1i64, 0]));
        assert_eq!(run("ArgMin", 1), tensor(&[2], vec![1i64, 1]));
    }

    #[test]
    fn nan_is_found() {
        let x = tensor(&[4], vec![9f32, f32::NAN, 10.0, f32::NAN]);
        for name in ["ArgMax", "ArgMin"] {
            let run = |last| {
                node(name, 13)
                    .int("select_last_index", last)
                    .run(&[Some(&x)])
            };
            assert_eq!(run(0), Ok(vec![tensor(&[1], vec![1i64])]));
            assert_eq!(run(1), Ok(vec![tensor(&[1], vec![3i64])]));
        }
    }

    #[test]
    fn an_axis_without_elements_is_an_error() {
        let empty = tensor::<f32>(&[2, 0], vec![]);
        let along = |axis| node("ArgMax", 13).int("axis", axis);
        assert_eq!(
            along(1).error(&[Some(&empty)]),
            "data is f32[2,0], must have elements along axis 1"
        );
        assert_eq!(
            along(0).run(&[Some(&empty)]),
            Ok(vec![tensor::<i64>(&[1, 0], vec![])])
        );
    }
}
