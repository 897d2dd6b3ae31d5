//! TopK: the largest or smallest elements along an axis, and where they are.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__TopK.html>
//! They are always sorted; of equal ones the first counts more. NaN is larger than all numbers.

use std::cmp::Ordering;

use half::{bf16, f16};
use rayon::prelude::*;

use super::{
    Fact, Inputs, Known, Op, Operator, Outputs, axes, elements, elementwise, required, sorting,
};
use crate::error::OpError;
use crate::installed::Installed;
use crate::onnx::attributes::Attributes;
use crate::parts;
use crate::tensor::{DType, Element, dispatch};

pub(super) const TOP_K: Op = Op {
    domain: "ai.onnx",
    name: "TopK",
    newest: 24,
    read: |attributes| Ok(Box::new(TopK::read(attributes)?)),
    exact: true,
};

/// `X` and `K` to `Values` and `Indices`, both with `K` elements along the axis.
#[derive(Debug)]
struct TopK {
    axis: i64,
    /// How many, where that is an attribute, in version 1; later it is an input.
    k: Option<i64>,
    largest: bool,
}

impl TopK {
    fn read(attributes: &mut Attributes<'_>) -> Result<TopK, OpError> {
        attributes.ignore(
            "sorted",
            "without it any order will do, also the sorted one",
        );
        Ok(TopK {
            axis: attributes.int("axis").unwrap_or(-1),
            k: attributes.int("k"),
            largest: attributes.int("largest").unwrap_or(1) != 0,
        })
    }

    fn choose<T: Ordered>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let x = required(inputs, 0);
        let shape = Known::of(inputs, &[1]).shape(self)?;
        let axis = axes::axis("axis", self.axis, shape.len())?;
        let (size, k) = (x.shape()[axis], shape[axis]);
        let inner: usize = shape[axis + 1..].iter().product();
        let data = elements::<T>(x);
        let each = size_of::<T>() + size_of::<i64>();
        outputs.check_output(shape.elements().saturating_mul(each))?;
        // The places of the results, row by row, and those among which each thread chooses.
        let threads = size.saturating_mul(rayon::current_num_threads());
        let scratch = shape.elements().saturating_add(threads.saturating_mul(2));
        outputs.check_scratch(scratch.saturating_mul(size_of::<usize>()))?;
        let mut places = parts::filled(0usize, shape.elements())?;
        if !places.is_empty() {
            let installed = Installed::hand_over();
            places
                .par_chunks_mut(k)
                .enumerate()
                // Rows may be many and short: what is stopped does not go through all of them.
                .try_for_each_init(Vec::new, |all, (row, places)| {
                    let _entered = installed.enter()?;
                    let base = row / inner * size * inner + row % inner;
                    let order = |a: &usize, b: &usize| {
                        let (x, y) = (data[base + a * inner], data[base + b * inner]);
                        let order = if self.largest { y.order(x) } else { x.order(y) };
                        order.then(a.cmp(b))
                    };
                    sorting::first(k, size, all, order).ok()?;
                    places.copy_from_slice(all);
                    Some(())
                });
        }
        // Of output element `index`, its row, and its place in the input.
        let find = |index: usize| {
            let (outer, at, in_row) = (index / inner / k, index / inner % k, index % inner);
            let along = places[(outer * inner + in_row) * k + at];
            (along, (outer * size + along) * inner + in_row)
        };
        if outputs.wanted(0) {
            elementwise::in_chunks(outputs.make_at::<T>(0, &shape)?, |start, y| {
                for (index, y) in (start..).zip(y) {
                    *y = data[find(index).1];
                }
            });
        }
        if outputs.wanted(1) {
            elementwise::in_chunks(outputs.make_at::<i64>(1, &shape)?, |start, y| {
                for (index, y) in (start..).zip(y) {
                    *y = find(index).0 as i64;
                }
            });
        }
        Ok(())
    }
}

/// An element type with an order of all its values.
trait Ordered: Element + Copy {
    fn order(self, other: Self) -> Ordering;
}

macro_rules! ordered {
    ($($type:ty),* => |$a:ident, $b:ident| $order:expr) => {
        $(impl Ordered for $type {
            #[inline(always)]
            fn order(self, other: Self) -> Ordering {
                let ($a, $b) = (self, other);
                $order
            }
        })*
    };
}
ordered!(f32, f64, f16, bf16 => |a, b| {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
});
ordered!(i8, i16, i32, i64, u8, u16, u32, u64 => |a, b| a.cmp(&b));

impl Operator for TopK {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        let k = match (self.k, inputs.get(1).copied().flatten()) {
            (Some(k), _) => Some(k),
            (None, Some(fact)) => {
                axes::single("K", fact)?;
                fact.ints().and_then(|values| values.first().copied())
            }
            (None, None) => None,
        };
        let k = k
            .map(|k| axes::size(if self.k.is_some() { "k" } else { "K" }, k))
            .transpose()?;
        let dims = match x.dims.clone() {
            None => None,
            Some(mut dims) => {
                let axis = axes::axis("axis", self.axis, dims.len())?;
                if let (Some(k), Some(size)) = (k, dims[axis])
                    && k > size
                {
                    return Err(OpError::invalid(
                        if self.k.is_some() { "k" } else { "K" },
                        format!("is {k}, must be at most {size}, the size of axis {axis}"),
                    ));
                }
                dims[axis] = k;
                Some(dims)
            }
        };
        Ok(vec![
            Fact::new(x.dtype, dims.clone()),
            Fact::new(DType::I64, dims),
        ])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        dispatch!(
            required(inputs, 0).dtype(),
            T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64]
                => self.choose::<T>(inputs, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Node, iota, node, tensor};

    fn top(node: Node, x: Vec<f32>, k: i64) -> Result<(Vec<f32>, Vec<i64>), String> {
        let x = tensor(&[x.len()], x);
        node.outputs(2)
            .run(&[Some(&x), Some(&tensor(&[1], vec![k]))])
            .map(|y| {
                let values = y[0].as_slice().expect("f32").to_vec();
                (values, y[1].as_slice().expect("i64").to_vec())
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_of_equals_and_nan_is_the_largest() {
        let x = vec![1.0, 3.0, f32::NEG_INFINITY, 3.0, 1.0];
        let largest = || node("TopK", 24);
        assert_eq!(
            top(largest(), x.clone(), 3),
            Ok((vec![3.0, 3.0, 1.0], vec![1, 3, 0]))
        );
        let smallest = largest().int("largest", 0);
        assert_eq!(
            top(smallest, x, 2),
            Ok((vec![f32::NEG_INFINITY, 1.0], vec![2, 0]))
        );
        let (_, places) = top(largest(), vec![1.0, f32::NAN, 2.0], 2).expect("it runs");
        assert_eq!(places, [1, 2]);
        assert_eq!(top(largest(), vec![1.0], 0), Ok((vec![], vec![])));
        assert_eq!(
            top(largest(), vec![1.0], 2).unwrap_err(),
            "K is 2, must be at most 1, the size of axis 0"
        );
        assert_eq!(
            top(largest(), vec![1.0], -1).unwrap_err(),
            "K is -1, must be at least 0"
        );
    }

    #[test]
    fn any_axis_and_the_attribute_of_version_1() {
        let one = node("TopK", 1).int("k", 1).int("axis", 0).outputs(2);
        let y = one.run(&[Some(&iota(&[2, 2, 2]))]).expect("it runs");
        assert_eq!(y[0], tensor(&[1, 2, 2], vec![4.0f32, 5.0, 6.0, 7.0]));
        assert_eq!(y[1], tensor(&[1, 2, 2], vec![1i64; 4]));
    }
}
