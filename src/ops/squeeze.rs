//! Squeeze and Unsqueeze: axes of size 1 taken out and put in.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Squeeze.html>,
//! <https://onnx.ai/onnx/operators/onnx__Unsqueeze.html>

use super::{Dims, Fact, Inputs, Known, Op, Operator, Outputs, axes, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::{Shape, ShapeError};

pub(super) const SQUEEZE: Op = Op {
    domain: "ai.onnx",
    name: "Squeeze",
    newest: 25,
    read: |attributes| Ok(Box::new(Squeeze::read(attributes, Squeeze::without))),
    exact: true,
};

pub(super) const UNSQUEEZE: Op = Op {
    domain: "ai.onnx",
    name: "Unsqueeze",
    newest: 25,
    read: |attributes| Ok(Box::new(Squeeze::read(attributes, Squeeze::with))),
    exact: true,
};

/// `data` to the same elements without, or with, the axes of size 1.
#[derive(Debug)]
struct Squeeze {
    /// The axes where they are an attribute, before version 13; later they are an input.
    axes: Option<Vec<i64>>,
    change: fn(&Fact, Axes<'_>) -> Result<Dims, OpError>,
}

/// The axes that a node names.
#[derive(Clone, Copy)]
enum Axes<'a> {
    All,
    These(&'a [i64]),
    /// Not known yet, but perhaps their number.
    Some(Option<usize>),
}

impl Squeeze {
    fn read(
        attributes: &mut Attributes<'_>,
        change: fn(&Fact, Axes<'_>) -> Result<Dims, OpError>,
    ) -> Squeeze {
        Squeeze {
            axes: attributes.ints("axes").map(<[i64]>::to_vec),
            change,
        }
    }

    fn without(data: &Fact, axes: Axes<'_>) -> Result<Dims, OpError> {
        let Some(dims) = &data.dims else {
            return Ok(None);
        };
        let axes = match axes {
            Axes::Some(Some(count)) if count <= dims.len() => {
                return Ok(Some(vec![None; dims.len() - count]));
            }
            Axes::Some(_) => return Ok(None),
            Axes::All if dims.contains(&None) => return Ok(None),
            Axes::All => (0..dims.len())
                .filter(|&axis| dims[axis] == Some(1))
                .collect(),
            Axes::These(axes) => axes::axes("axes", axes, dims.len())?,
        };
        if let Some(axis) = axes
            .iter()
            .find(|&&axis| dims[axis].is_some_and(|dim| dim != 1))
        {
            return Err(OpError::invalid(
                "axes",
                format!("name axis {axis} of data, which is {data}: it must have size 1"),
            ));
        }
        let kept = (0..dims.len()).filter(|axis| !axes.contains(axis));
        Ok(Some(kept.map(|axis| dims[axis]).collect()))
    }

    fn with(data: &Fact, axes: Axes<'_>) -> Result<Dims, OpError> {
        let Some(dims) = &data.dims else {
            return Ok(None);
        };
        let rank = |count: usize| match dims.len().saturating_add(count) {
            rank if rank <= Shape::MAX_RANK => Ok(rank),
            rank => Err(ShapeError::Rank(rank)),
        };
        let axes = match axes {
            Axes::Some(Some(count)) => return Ok(Some(vec![None; rank(count)?])),
            Axes::Some(None) => return Ok(None),
            Axes::All => return Err(OpError::invalid("axes", "are missing")),
            Axes::These(axes) => axes::axes("axes", axes, rank(axes.len())?)?,
        };
        let mut old = dims.iter().copied();
        let size = |axis| match axes.contains(&axis) {
            true => Some(1),
            false => old.next().flatten(),
        };
        Ok(Some((0..dims.len() + axes.len()).map(size).collect()))
    }
}

impl Operator for Squeeze {
    fn picks(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let data = required(inputs, 0);
        let input = inputs.get(1).copied().flatten();
        let count = match input.map(|fact| (fact, fact.dims.as_deref())) {
            None => None,
            // A scalar is one axis: function bodies of ONNX itself write that (AffineGrid).
            Some((_, Some([]))) => Some(1),
            Some((fact, _)) => axes::list("axes", fact)?,
        };
        let values = input.and_then(Fact::ints).or(self.axes.as_deref());
        let axes = match (values, input) {
            (Some(values), _) => Axes::These(values),
            (None, Some(_)) => Axes::Some(count),
            (None, None) => Axes::All,
        };
        Ok(vec![Fact::new(data.dtype, (self.change)(data, axes)?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let shape = Known::of(inputs, &[1]).shape(self)?;
        outputs.pass(inputs, 0, &shape)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Node, iota, node, tensor};

    fn shape(node: Node, dims: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>, String> {
        let axes = axes.map(|axes| tensor(&[axes.len()], axes.to_vec()));
        node.run(&[Some(&iota(dims)), axes.as_ref()])
            .map(|y| y[0].shape().to_vec())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn axes_come_and_go() {
        let squeeze = || node("Squeeze", 13);
        assert_eq!(shape(squeeze(), &[1, 2, 1], None), Ok(vec![2]));
        assert_eq!(shape(squeeze(), &[1, 0, 1], Some(&[-1])), Ok(vec![1, 0]));
        assert_eq!(shape(squeeze(), &[1, 2], Some(&[])), Ok(vec![1, 2]));
        let attribute = node("Squeeze", 1).ints("axes", &[0]);
        assert_eq!(shape(attribute, &[1, 2], None), Ok(vec![2]));
        assert_eq!(
            shape(squeeze(), &[1, 2], Some(&[1])).unwrap_err(),
            "axes name axis 1 of data, which is f32[1,2]: it must have size 1"
        );
        let unsqueeze = || node("Unsqueeze", 25);
        assert_eq!(shape(unsqueeze(), &[2], Some(&[0, -1])), Ok(vec![1, 2, 1]));
        assert_eq!(shape(unsqueeze(), &[], Some(&[0])), Ok(vec![1]));
        let scalar = tensor(&[], vec![1i64]);
        let y = unsqueeze().run(&[Some(&iota(&[2])), Some(&scalar)]);
        assert_eq!(y.expect("a scalar is an axis")[0].shape()[..], [2, 1]);
        let attribute = node("Unsqueeze", 1).ints("axes", &[1]);
        assert_eq!(shape(attribute, &[2], None), Ok(vec![2, 1]));
        assert_eq!(
            shape(unsqueeze(), &[2], Some(&[0, 0])).unwrap_err(),
            "axes[1] is 0, the same axis as axes[0]"
        );
        assert_eq!(
            shape(unsqueeze(), &[2], Some(&[2])).unwrap_err(),
            "axes[0] is 2, must be in -2..=1"
        );
    }
}
