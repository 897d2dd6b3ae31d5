//! Compress and NonZero: the elements that a condition selects, and the places of those that are not 0.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Compress.html>,
//! <https://onnx.ai/onnx/operators/onnx__NonZero.html>

use super::layout::{Slices, relocate};
use super::{Fact, Inputs, Op, Operator, Outputs, axes, elements, elementwise, required};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::parts::PART;
use crate::stop;
use crate::tensor::{DType, Element, Shape, Visitor};

pub(super) const COMPRESS: Op = Op {
    domain: "ai.onnx",
    name: "Compress",
    newest: 11,
    read: |attributes| Ok(Box::new(Compress::read(attributes))),
    exact: true,
};

pub(super) const NON_ZERO: Op = Op {
    domain: "ai.onnx",
    name: "NonZero",
    newest: 13,
    read: |_| Ok(Box::new(NonZero)),
    exact: true,
};

/// `input` to `output`, the slices along the axis, or the single elements, for which `condition` is true.
/// A condition that is too short selects none of the rest.
#[derive(Debug)]
struct Compress {
    axis: Option<i64>,
}

impl Compress {
    fn read(attributes: &mut Attributes<'_>) -> Compress {
        Compress {
            axis: attributes.int("axis"),
        }
    }
}

impl Operator for Compress {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        let condition = required(inputs, 1);
        axes::list("condition", condition)?;
        let dims = match (&input.dims, self.axis) {
            (_, None) => Some(vec![None]),
            (None, Some(_)) => None,
            (Some(dims), Some(axis)) => {
                let mut dims = dims.clone();
                let axis = axes::axis("axis", axis, dims.len())?;
                dims[axis] = None;
                Some(dims)
            }
        };
        Ok(vec![Fact::new(input.dtype, dims)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (input, condition) = (required(inputs, 0), required(inputs, 1));
        self.infer(&[Some(&input.into()), Some(&condition.into())])?;
        let condition = elements::<bool>(condition);
        let mut shape = match self.axis {
            None => vec![input.shape().elements()],
            Some(_) => input.shape().to_vec(),
        };
        let axis = axes::axis("axis", self.axis.unwrap_or(0), shape.len())?;
        let size = shape[axis];
        if let Some(at) = condition.iter().skip(size).position(|&selected| selected) {
            return Err(OpError::invalid(
                format!("condition[{}]", size + at),
                format!("is true, and the axis has {size} elements"),
            ));
        }
        let selected = places(&condition[..size.min(condition.len())], &false)?;
        outputs.check_scratch(size_of_val(&*selected))?;
        shape[axis] = selected.len();
        let slices = Slices {
            places: selected,
            size,
            block: shape[axis + 1..].iter().product(),
        };
        relocate(input, &slices, 0, &Shape::new(&shape)?, outputs)
    }
}

/// `X` to `Y: [rank of X, count]`, the coordinates of the elements that are not 0, false or empty.
#[derive(Debug)]
struct NonZero;

impl Operator for NonZero {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let rank = required(inputs, 0).dims.as_ref().map(Vec::len);
        Ok(vec![Fact::new(DType::I64, Some(vec![rank, None]))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        let count = x.visit(Count)?;
        outputs.check_scratch(count.saturating_mul(size_of::<usize>()))?;
        let places = x.visit(Places)?;
        let rank = x.shape().len();
        let y = outputs.make::<i64>(&Shape::new(&[rank, count])?)?;
        let mut stride = 1;
        for axis in (0..rank).rev() {
            let size = x.shape()[axis];
            let y = &mut y[axis * count..][..count];
            elementwise::map(&places, y, |places, y| {
                for (y, place) in y.iter_mut().zip(places) {
                    *y = (place / stride % size) as i64;
                }
            });
            stride *= size;
        }
        Ok(())
    }
}

struct Count;

impl Visitor for Count {
    type Output = Result<usize, OpError>;

    fn visit<T: Element>(self, data: &[T]) -> Result<usize, OpError> {
        let (zero, mut count) = (T::default(), 0);
        for data in data.chunks(PART) {
            stop::check()?;
            count += data.iter().filter(|x| **x != zero).count();
        }
        Ok(count)
    }
}

struct Places;

impl Visitor for Places {
    type Output = Result<Vec<usize>, OpError>;

    fn visit<T: Element>(self, data: &[T]) -> Result<Vec<usize>, OpError> {
        places(data, &T::default())
    }
}

/// The places of the elements that are not `zero`.
fn places<T: PartialEq>(data: &[T], zero: &T) -> Result<Vec<usize>, OpError> {
    let mut places = Vec::new();
    for (at, x) in data.iter().enumerate() {
        stop::check_step(at)?;
        if x != zero {
            allocate::push(&mut places, at);
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn conditions_may_be_short() {
        let x = iota(&[2, 3]);
        let condition = tensor(&[2], vec![false, true]);
        let compress = |axis| node("Compress", 11).int("axis", axis);
        let inputs = [Some(&x), Some(&condition)];
        assert_eq!(
            compress(-1).run(&inputs),
            Ok(vec![tensor(&[2, 1], vec![1.0f32, 4.0])])
        );
        assert_eq!(
            node("Compress", 9).run(&inputs),
            Ok(vec![tensor(&[1], vec![1.0f32])])
        );
        let long = tensor(&[3], vec![false, false, true]);
        assert_eq!(
            compress(0).error(&[Some(&x), Some(&long)]),
            "condition[2] is true, and the axis has 2 elements"
        );
    }

    #[test]
    fn places_of_what_is_not_zero() {
        let x = tensor(&[2, 2], vec![0.0f32, -0.0, f32::NAN, 1.0]);
        let y = node("NonZero", 13).run(&[Some(&x)]);
        assert_eq!(y, Ok(vec![tensor(&[2, 2], vec![1i64, 1, 0, 1])]));
        let y = node("NonZero", 13)
            .run(&[Some(&tensor(&[], vec![true]))])
            .expect("it runs");
        assert_eq!(**y[0].shape(), [0, 1]);
        let y = node("NonZero", 9)
            .run(&[Some(&iota(&[0, 2]))])
            .expect("it runs");
        assert_eq!(**y[0].shape(), [2, 0]);
    }
}
