//! OneHot: an axis on which one place is on and all others are off.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__OneHot.html>
//! Indices that are not integers are cut off; those outside the depth switch nothing on.

use super::{Fact, Inputs, Known, Op, Operator, Outputs, axes, elementwise, required};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::stop;
use crate::tensor::{Element, Scalar, Shape, ShapeError, Visitor};

pub(super) const ONE_HOT: Op = Op {
    domain: "ai.onnx",
    name: "OneHot",
    newest: 11,
    read: |attributes| Ok(Box::new(OneHot::read(attributes))),
    exact: true,
};

/// `indices: [I..]`, `depth` and `values`, off and on, to `output`, with a new axis of size `depth`.
#[derive(Debug)]
struct OneHot {
    axis: i64,
}

impl OneHot {
    fn read(attributes: &mut Attributes<'_>) -> OneHot {
        OneHot {
            axis: attributes.int("axis").unwrap_or(-1),
        }
    }
}

/// A number as an integer, cut off.
fn integer(value: Scalar<'_>) -> Option<i64> {
    match value {
        Scalar::Int(value) => Some(value),
        Scalar::UInt(value) => i64::try_from(value).ok(),
        value => value
            .to_f64()
            .filter(|value| value.is_finite())
            .map(|value| value as i64),
    }
}

impl Operator for OneHot {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (indices, depth) = (required(inputs, 0), required(inputs, 1));
        let values = required(inputs, 2);
        axes::single("depth", depth)?;
        if axes::list("values", values)?.is_some_and(|count| count != 2) {
            return Err(OpError::invalid(
                "values",
                format!("is {values}, must be off and on"),
            ));
        }
        let Some(mut dims) = indices.dims.clone() else {
            return Ok(vec![Fact::new(values.dtype, None)]);
        };
        if dims.len() == Shape::MAX_RANK {
            return Err(ShapeError::Rank(dims.len() + 1).into());
        }
        let axis = axes::axis("axis", self.axis, dims.len() + 1)?;
        let depth = match &depth.value {
            None => None,
            Some(value) => match value.as_view().scalar(0).and_then(integer) {
                Some(depth) => Some(axes::size("depth", depth)?),
                None => return Err(OpError::invalid("depth", "is no size")),
            },
        };
        dims.insert(axis, depth);
        Ok(vec![Fact::new(values.dtype, Some(dims))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (indices, values) = (required(inputs, 0), required(inputs, 2));
        let shape = Known::of(inputs, &[1]).shape(self)?;
        let axis = axes::axis("axis", self.axis, shape.len())?;
        let depth = shape[axis];
        outputs.check_output(shape.elements().saturating_mul(values.dtype().bytes()))?;
        let inner: usize = shape[axis + 1..].iter().product();
        outputs.check_scratch(
            indices
                .shape()
                .elements()
                .saturating_mul(size_of::<usize>()),
        )?;
        let mut hot = Vec::new();
        for (at, index) in indices.scalars().enumerate() {
            stop::check_step(at)?;
            let index = integer(index).unwrap_or(i64::MAX);
            if let Ok(place) = axes::place("indices", at, index, depth) {
                allocate::push(&mut hot, (at / inner * depth + place) * inner + at % inner);
            }
        }
        values.visit(Switching {
            hot,
            shape,
            outputs,
        })
    }
}

struct Switching<'o, 's, 'a> {
    /// The places that are on.
    hot: Vec<usize>,
    shape: Shape,
    outputs: &'o mut Outputs<'s, 'a>,
}

impl Visitor for Switching<'_, '_, '_> {
    type Output = Result<(), OpError>;

    fn visit<T: Element>(self, values: &[T]) -> Result<(), OpError> {
        let y = self.outputs.make::<T>(&self.shape)?;
        elementwise::fill(y, &values[0]);
        for (number, place) in self.hot.into_iter().enumerate() {
            stop::check_step(number)?;
            y[place].clone_from(&values[1]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn indices_outside_switch_nothing_on() {
        let indices = tensor(&[5], vec![0.9f32, -1.0, 2.0, f32::NAN, -3.0]);
        let depth = tensor(&[], vec![2u8]);
        let values = tensor(&[2], vec!["off".to_string(), "on".to_string()]);
        let y = node("OneHot", 11)
            .run(&[Some(&indices), Some(&depth), Some(&values)])
            .expect("it runs");
        let on: Vec<bool> = y[0]
            .as_slice::<String>()
            .expect("strings")
            .iter()
            .map(|s| s == "on")
            .collect();
        let wanted = [
            true, false, false, true, false, false, false, false, false, false,
        ];
        assert_eq!(on, wanted);
        let negative = tensor(&[1], vec![-1i64]);
        assert_eq!(
            node("OneHot", 9).error(&[Some(&indices), Some(&negative), Some(&values)]),
            "depth is -1, must be at least 0"
        );
    }
}
