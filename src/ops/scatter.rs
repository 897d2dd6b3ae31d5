//! Scatter, ScatterElements, ScatterND: a tensor with some elements replaced or added to, by their indices.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__ScatterElements.html>,
//! <https://onnx.ai/onnx/operators/onnx__ScatterND.html>,
//! <https://onnx.ai/onnx/operators/onnx__Scatter.html>
//! Negative indices count from the end of their axis; those outside it are errors. Of updates to one place
//! the last stays, or all count in their order. Integers wrap; of truth values, add is "or", mul is "and".

use half::{bf16, f16};
use num_complex::Complex;

use super::indices::{Elements, Tuples, integers};
use super::{Fact, Inputs, Op, Operator, Outputs, axes, elements, elementwise, required};
use crate::error::{OpError, Quoted};
use crate::onnx::attributes::Attributes;
use crate::parts::{self, Looks};
use crate::tensor::{Element, TensorView, Visitor, dispatch};

pub(super) const SCATTER: Op = Op {
    domain: "ai.onnx",
    name: "Scatter",
    newest: 11,
    read: |attributes| Ok(Box::new(Scatter::read(attributes, true)?)),
    exact: true,
};

pub(super) const SCATTER_ELEMENTS: Op = Op {
    domain: "ai.onnx",
    name: "ScatterElements",
    newest: 18,
    read: |attributes| Ok(Box::new(Scatter::read(attributes, true)?)),
    exact: false,
};

pub(super) const SCATTER_ND: Op = Op {
    domain: "ai.onnx",
    name: "ScatterND",
    newest: 18,
    read: |attributes| Ok(Box::new(Scatter::read(attributes, false)?)),
    exact: false,
};

/// `data`, with `updates` at the places that `indices` name, to `output` of the same shape.
#[derive(Debug)]
struct Scatter {
    /// The axis of the indices where they name single elements; else they hold coordinates.
    axis: Option<i64>,
    reduction: Reduction,
}

/// What an update does to the element in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reduction {
    Replace,
    Add,
    Mul,
    Max,
    Min,
}

impl Scatter {
    fn read(attributes: &mut Attributes<'_>, elements: bool) -> Result<Scatter, OpError> {
        let extremes = attributes.version() >= 18;
        let reduction = match attributes.string("reduction")? {
            None | Some("none") => Reduction::Replace,
            Some("add") => Reduction::Add,
            Some("mul") => Reduction::Mul,
            Some("max") if extremes => Reduction::Max,
            Some("min") if extremes => Reduction::Min,
            Some(other) => {
                let known = match extremes {
                    true => "none, add, mul, max or min",
                    false => "none, add or mul",
                };
                return Err(OpError::invalid(
                    "reduction",
                    format!("is {}, must be {known}", Quoted(other)),
                ));
            }
        };
        Ok(Scatter {
            axis: elements.then(|| attributes.int("axis").unwrap_or(0)),
            reduction,
        })
    }

    /// Checks that the updates have the shape that the indices ask for.
    fn check(&self, data: &Fact, indices: &Fact, updates: &Fact) -> Result<(), OpError> {
        let wanted = match self.axis {
            Some(axis) => {
                Elements::check(data, indices, axis)?;
                indices.dims.clone()
            }
            None => match (Tuples::check(data, indices, 0)?, &data.dims, &indices.dims) {
                (Some(count), Some(data), Some(indices)) => {
                    Some([&indices[..indices.len() - 1], &data[count..]].concat())
                }
                _ => None,
            },
        };
        let (Some(wanted), Some(dims)) = (wanted, &updates.dims) else {
            return Ok(());
        };
        let alike = |(a, b): (&Option<usize>, &Option<usize>)| match (a, b) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        match wanted.len() == dims.len() && wanted.iter().zip(dims).all(alike) {
            true => Ok(()),
            false => Err(OpError::invalid(
                "updates",
                format!(
                    "is {updates}, must be {}",
                    Fact::new(updates.dtype, Some(wanted))
                ),
            )),
        }
    }

    fn combine<T: Combine>(
        &self,
        updates: &TensorView<'_>,
        data: &TensorView<'_>,
        places: &[usize],
        block: usize,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let combine = match self.reduction {
            Reduction::Replace => |_, update| update,
            Reduction::Add => T::add,
            Reduction::Mul => T::mul,
            Reduction::Max => T::max,
            Reduction::Min => T::min,
        };
        let y = outputs.make::<T>(data.shape())?;
        elementwise::copy(elements::<T>(data), y);
        let updates = elements::<T>(updates).chunks(block.max(1));
        let mut looks = Looks::default();
        for (updates, &place) in updates.zip(places) {
            looks.check(block)?;
            parts::each(&mut y[place..][..updates.len()], |start, y| {
                for (y, update) in y.iter_mut().zip(&updates[start..]) {
                    *y = combine(*y, *update);
                }
            })?;
        }
        Ok(())
    }
}

impl Operator for Scatter {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (data, indices) = (required(inputs, 0), required(inputs, 1));
        let updates = required(inputs, 2);
        self.check(data, indices, updates)?;
        Ok(vec![Fact::new(data.dtype, data.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (data, indices) = (required(inputs, 0), required(inputs, 1));
        let updates = required(inputs, 2);
        self.check(&data.into(), &indices.into(), &updates.into())?;
        let values = integers(indices)?;
        let (places, block) = match self.axis {
            Some(axis) => {
                let elements = Elements {
                    data: data.shape(),
                    shape: indices.shape(),
                    axis: axes::axis("axis", axis, data.shape().len())?,
                };
                (elements.places(&values, outputs)?, 1)
            }
            None => {
                let tuples = Tuples {
                    data: data.shape(),
                    shape: indices.shape(),
                    batch: 0,
                };
                (tuples.places(&values, outputs)?, tuples.block())
            }
        };
        if self.reduction == Reduction::Replace {
            outputs.check_output(data.bytes().saturating_add(updates.bytes()))?;
            return data.visit(Replacement {
                data,
                updates,
                places: &places,
                block,
                outputs,
            });
        }
        if let Some(kind) = match data.dtype() {
            crate::DType::String => Some("strings"),
            crate::DType::C64 | crate::DType::C128
                if matches!(self.reduction, Reduction::Max | Reduction::Min) =>
            {
                Some("complex numbers, which have no order")
            }
            _ => None,
        } {
            return Err(OpError::unsupported(format!("reduction of {kind}")));
        }
        dispatch!(
            data.dtype(),
            T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, bool, Complex<f32>, Complex<f64>]
                => self.combine::<T>(updates, data, &places, block, outputs)
        )
    }
}

struct Replacement<'o, 's, 'a, 'v> {
    data: &'o TensorView<'v>,
    updates: &'o TensorView<'v>,
    places: &'o [usize],
    block: usize,
    outputs: &'o mut Outputs<'s, 'a>,
}

impl Visitor for Replacement<'_, '_, '_, '_> {
    type Output = Result<(), OpError>;

    fn visit<T: Element>(self, data: &[T]) -> Result<(), OpError> {
        let y = self.outputs.make::<T>(self.data.shape())?;
        elementwise::copy(data, y);
        let updates = elements::<T>(self.updates).chunks(self.block.max(1));
        let mut looks = Looks::default();
        for (updates, &place) in updates.zip(self.places) {
            looks.check(self.block)?;
            parts::copy(updates, &mut y[place..][..updates.len()])?;
        }
        Ok(())
    }
}

/// An element type whose updates can be reduced.
trait Combine: Element + Copy {
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
}

macro_rules! combine {
    ($($type:ty),* => |$a:ident, $b:ident| $add:expr, $mul:expr, $max:expr, $min:expr) => {
        $(impl Combine for $type {
            fn add(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $add
            }
            fn mul(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $mul
            }
            fn max(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $max
            }
            fn min(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $min
            }
        })*
    };
}
// As numpy's maximum and minimum, a NaN stays.
combine!(f32, f64 => |a, b| a + b, a * b,
    if a.is_nan() || a > b { a } else { b },
    if a.is_nan() || a < b { a } else { b });
combine!(f16 => |a, b| f16::from_f32(a.to_f32() + b.to_f32()), f16::from_f32(a.to_f32() * b.to_f32()),
    if a.is_nan() || a > b { a } else { b },
    if a.is_nan() || a < b { a } else { b });
combine!(bf16 => |a, b| bf16::from_f32(a.to_f32() + b.to_f32()), bf16::from_f32(a.to_f32() * b.to_f32()),
    if a.is_nan() || a > b { a } else { b },
    if a.is_nan() || a < b { a } else { b });
combine!(i8, i16, i32, i64, u8, u16, u32, u64 => |a, b| a.wrapping_add(b), a.wrapping_mul(b),
    Ord::max(a, b), Ord::min(a, b));
combine!(bool => |a, b| a | b, a & b, a | b, a & b);
// Neither has an order; `run` refuses it before.
combine!(Complex<f32>, Complex<f64> => |a, b| a + b, a * b, { let _ = b; a }, { let _ = b; a });

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn updates_replace_or_are_reduced_in_their_order() {
        let x = iota(&[3]);
        let indices = tensor(&[3], vec![1i64, -2, 0]);
        let updates = tensor(&[3], vec![4.0f32, 3.0, f32::NAN]);
        let inputs = [Some(&x), Some(&indices), Some(&updates)];
        let scatter = |reduction| {
            let node = node("ScatterElements", 18).string("reduction", reduction);
            node.run(&inputs).expect("it runs")[0]
                .as_slice::<f32>()
                .expect("f32")
                .to_vec()
        };
        assert_eq!(scatter("none")[1..], [3.0, 2.0]);
        assert_eq!(scatter("add")[1..], [8.0, 2.0]);
        assert_eq!(scatter("mul")[1..], [12.0, 2.0]);
        assert_eq!(scatter("max")[1..], [4.0, 2.0]);
        assert_eq!(scatter("min")[1..], [1.0, 2.0]);
        assert!(scatter("max")[0].is_nan() && scatter("min")[0].is_nan());
        let old = node("ScatterElements", 16).string("reduction", "max");
        assert_eq!(
            old.error(&inputs),
            "reduction is 'max', must be none, add or mul"
        );
        let y = node("Scatter", 9).run(&inputs).expect("it runs");
        assert_eq!(y[0].as_slice::<f32>().expect("f32")[1..], [3.0, 2.0]);
    }

    #[test]
    fn blocks_and_strings_are_replaced() {
        let x = iota(&[2, 2]);
        let indices = tensor(&[1, 1], vec![-1i64]);
        let updates = tensor(&[1, 2], vec![8.0f32, 9.0]);
        let scatter = node("ScatterND", 11);
        assert_eq!(
            scatter.run(&[Some(&x), Some(&indices), Some(&updates)]),
            Ok(vec![tensor(&[2, 2], vec![0.0f32, 1.0, 8.0, 9.0])])
        );
        let wrong = tensor(&[1], vec![8.0f32]);
        assert_eq!(
            scatter.error(&[Some(&x), Some(&indices), Some(&wrong)]),
            "updates is f32[1], must be f32[1,2]"
        );
        let text = |text: &[&str]| {
            let strings: Vec<String> = text.iter().map(|text| text.to_string()).collect();
            tensor(&[text.len()], strings)
        };
        let (x, updates) = (text(&["a", "b"]), text(&["c"]));
        let inputs = [Some(&x), Some(&indices), Some(&updates)];
        assert_eq!(scatter.run(&inputs), Ok(vec![text(&["a", "c"])]));
        let add = node("ScatterND", 18).string("reduction", "add");
        assert!(add.error(&inputs).contains("reduction of strings"));
    }
}
