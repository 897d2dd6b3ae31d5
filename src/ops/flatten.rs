//! Flatten: the axes before `axis` become one, those from `axis` on another.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Flatten.html>

use super::fact::{self, Dims};
use super::{Fact, Inputs, Op, Operator, Outputs, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;

pub(super) const FLATTEN: Op = Op {
    domain: "ai.onnx",
    name: "Flatten",
    newest: 25,
    read: |attributes| Ok(Box::new(Flatten::read(attributes))),
    exact: true,
};

/// `input: [D0..Dk]` to `output: [D0 * .. * Da-1, Da * .. * Dk]`.
#[derive(Debug)]
struct Flatten {
    axis: i64,
    /// Whether an axis may count from the end, as from version 11 on.
    from_end: bool,
}

impl Flatten {
    fn read(attributes: &mut Attributes<'_>) -> Flatten {
        Flatten {
            axis: attributes.int("axis").unwrap_or(1),
            from_end: attributes.version() >= 11,
        }
    }

    fn dims(&self, input: &Fact) -> Result<Dims, OpError> {
        if self.axis < 0 && !self.from_end {
            return Err(OpError::invalid(
                "axis",
                format!("is {}, must be at least 0 before opset 11", self.axis),
            ));
        }
        let Some(dims) = &input.dims else {
            return Ok(Some(vec![None, None]));
        };
        let rank = dims.len() as i64;
        let axis = match self.axis {
            axis if (0..=rank).contains(&axis) => axis,
            axis if (-rank..0).contains(&axis) => axis + rank,
            axis => {
                let least = if self.from_end { -rank } else { 0 };
                return Err(OpError::invalid(
                    "axis",
                    format!("is {axis}, must be in {least}..={rank} for {input}"),
                ));
            }
        };
        let (before, after) = dims.split_at(axis as usize);
        Ok(Some(vec![
            fact::product(before.iter().copied())?,
            fact::product(after.iter().copied())?,
        ]))
    }
}

impl Operator for Flatten {
    fn picks(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        Ok(vec![Fact::new(input.dtype, self.dims(input)?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        let shape = fact::known(self.dims(&Fact::from(input))?)?;
        outputs.pass(inputs, 0, &shape)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Node, iota, node};

    fn shape(node: Node, dims: &[usize]) -> Result<Vec<usize>, String> {
        match node.run(&[Some(&iota(dims))]) {
            Ok(y) => Ok(y[0].shape().to_vec()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_axis_splits_the_shape() {
        let at = |axis| shape(node("Flatten", 13).int("axis", axis), &[2, 3, 4]);
        assert_eq!(shape(node("Flatten", 1), &[2, 3, 4]), Ok(vec![2, 12]));
        assert_eq!(at(0), Ok(vec![1, 24]));
        assert_eq!(at(3), Ok(vec![24, 1]));
        assert_eq!(at(-1), Ok(vec![6, 4]));
        assert_eq!(at(-3), Ok(vec![1, 24]));
        assert_eq!(shape(node("Flatten", 25), &[0, 3, 4]), Ok(vec![0, 12]));
        assert_eq!(
            shape(node("Flatten", 9).int("axis", 0), &[]),
            Ok(vec![1, 1])
        );
    }

    #[test]
    fn an_axis_out_of_range_is_an_error() {
        let at = |opset, axis| shape(node("Flatten", opset).int("axis", axis), &[2, 3]);
        assert_eq!(
            at(9, -1).unwrap_err(),
            "axis is -1, must be at least 0 before opset 11"
        );
        assert_eq!(
            at(9, 3).unwrap_err(),
            "axis is 3, must be in 0..=2 for f32[2,3]"
        );
        assert_eq!(
            at(11, -3).unwrap_err(),
            "axis is -3, must be in -2..=2 for f32[2,3]"
        );
        assert_eq!(
            shape(node("Flatten", 13), &[]).unwrap_err(),
            "axis is 1, must be in 0..=0 for f32[]"
        );
        assert!(at(11, i64::MIN).is_err());
    }
}
