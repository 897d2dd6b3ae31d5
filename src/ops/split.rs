//! Split: a tensor cut into several along an axis.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Split.html>

use super::layout::{Layout, relocate};
use super::{Fact, Inputs, Known, Op, Operator, Outputs, axes, fact, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;

pub(super) const SPLIT: Op = Op {
    domain: "ai.onnx",
    name: "Split",
    newest: 18,
    read: |attributes| Ok(Box::new(Split::read(attributes)?)),
    exact: true,
};

/// `input` to `outputs`, whose sizes along the axis add up to that of `input`.
#[derive(Debug)]
struct Split {
    axis: i64,
    /// The sizes where they are an attribute, before version 13; later they are an input.
    split: Option<Vec<i64>>,
    outputs: usize,
    /// Whether the last part may be smaller than the others, as from version 18 on.
    uneven: bool,
}

impl Split {
    fn read(attributes: &mut Attributes<'_>) -> Result<Split, OpError> {
        let outputs = attributes.outputs();
        if let Some(wanted) = attributes.int("num_outputs")
            && wanted != outputs as i64
        {
            return Err(OpError::invalid(
                "num_outputs",
                format!("is {wanted}, the node has {outputs} outputs"),
            ));
        }
        Ok(Split {
            axis: attributes.int("axis").unwrap_or(0),
            split: attributes.ints("split").map(<[i64]>::to_vec),
            outputs,
            uneven: attributes.version() >= 18,
        })
    }

    /// The given sizes: the outer `None` where there are none, the inner one where they are not known yet.
    fn given(&self, inputs: &[Option<&Fact>]) -> Result<Option<Option<Vec<i64>>>, OpError> {
        let Some(fact) = inputs.get(1).copied().flatten() else {
            return Ok(self.split.clone().map(Some));
        };
        if self.split.is_some() {
            return Err(OpError::invalid(
                "split",
                "is given as an attribute and as an input",
            ));
        }
        axes::list("split", fact)?;
        // Version 1 takes the sizes as numbers of the type of the data.
        let floats = || {
            let values = fact.value.as_ref()?.as_view();
            let values = values.scalars().map(|value| value.to_f64());
            values
                .map(|value| value.map(|value| value as i64))
                .collect()
        };
        Ok(Some(fact.integers().or_else(floats)))
    }

    /// The sizes of the outputs along an axis of `size`.
    fn sizes(
        &self,
        given: Option<&[i64]>,
        size: Option<usize>,
    ) -> Result<Vec<Option<usize>>, OpError> {
        let Some(given) = given else {
            let Some(size) = size else {
                return Ok(vec![None; self.outputs]);
            };
            let each = size.div_ceil(self.outputs);
            if !self.uneven && each * self.outputs != size {
                return Err(OpError::invalid(
                    "",
                    format!(
                        "an axis of {size} does not split into {} equal parts",
                        self.outputs
                    ),
                ));
            }
            let part = |index: usize| Some(size.saturating_sub(each * index).min(each));
            return Ok((0..self.outputs).map(part).collect());
        };
        if given.len() != self.outputs {
            return Err(OpError::invalid(
                "split",
                format!(
                    "has {} values, the node has {} outputs",
                    given.len(),
                    self.outputs
                ),
            ));
        }
        let mut sizes = Vec::with_capacity(given.len());
        let mut sum = 0usize;
        for (index, &value) in given.iter().enumerate() {
            let part = axes::size(format!("split[{index}]"), value)?;
            sum = sum.saturating_add(part);
            sizes.push(Some(part));
        }
        match size {
            Some(size) if size != sum => Err(OpError::invalid(
                "split",
                format!("is {given:?}, which adds up to {sum}, must add up to {size}"),
            )),
            _ => Ok(sizes),
        }
    }
}

impl Operator for Split {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        let given = self.given(inputs)?;
        let Some(dims) = &input.dims else {
            return Ok(vec![Fact::new(input.dtype, None); self.outputs]);
        };
        let axis = axes::axis("axis", self.axis, dims.len())?;
        let sizes = match given {
            Some(None) => vec![None; self.outputs],
            None => self.sizes(None, dims[axis])?,
            Some(Some(given)) => self.sizes(Some(&given), dims[axis])?,
        };
        let part = |size| {
            let mut dims = dims.clone();
            dims[axis] = size;
            Fact::new(input.dtype, Some(dims))
        };
        Ok(sizes.into_iter().map(part).collect())
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        let parts = self.infer(&Known::of(inputs, &[1]).facts())?;
        let axis = axes::axis("axis", self.axis, input.shape().len())?;
        let mut at = 0;
        for (index, part) in parts.into_iter().enumerate() {
            let shape = fact::known(part.dims)?;
            if outputs.wanted(index) {
                let mut layout = Layout::of(input.shape());
                let run = &mut layout.axes[axis][0];
                run.len = shape[axis];
                run.start = Some(at * run.step as usize);
                relocate(input, &layout, index, &shape, outputs)?;
            }
            at += shape[axis];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Node, iota, node, tensor};

    fn sizes(node: Node, split: Option<Vec<i64>>, dims: &[usize]) -> Result<Vec<usize>, String> {
        let split = split.map(|split| tensor(&[split.len()], split));
        node.run(&[Some(&iota(dims)), split.as_ref()])
            .map(|parts| parts.iter().map(|part| part.shape()[0]).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn parts_are_equal_or_as_given() {
        let split = |opset, outputs| node("Split", opset).outputs(outputs);
        assert_eq!(sizes(split(2, 3), None, &[6, 2]), Ok(vec![2, 2, 2]));
        assert_eq!(
            sizes(split(13, 3), None, &[7]).unwrap_err(),
            "an axis of 7 does not split into 3 equal parts"
        );
        let uneven = split(18, 3).int("num_outputs", 3);
        assert_eq!(sizes(uneven.clone(), None, &[7]), Ok(vec![3, 3, 1]));
        assert_eq!(sizes(uneven, None, &[0, 2]), Ok(vec![0, 0, 0]));
        assert_eq!(sizes(split(13, 2), Some(vec![0, 7]), &[7]), Ok(vec![0, 7]));
        let attribute = split(2, 2).ints("split", &[1, 2]);
        assert_eq!(sizes(attribute, None, &[3]), Ok(vec![1, 2]));
        let numbers = tensor(&[2], vec![1.0f32, 2.0]);
        let parts = split(1, 2).run(&[Some(&iota(&[3])), Some(&numbers)]);
        assert_eq!(parts.expect("it runs")[1], tensor(&[2], vec![1.0f32, 2.0]));
    }

    #[test]
    fn sizes_that_do_not_fit_are_errors() {
        let split = || node("Split", 13).outputs(2);
        assert_eq!(
            sizes(split(), Some(vec![1, 1]), &[3]).unwrap_err(),
            "split is [1, 1], which adds up to 2, must add up to 3"
        );
        assert_eq!(
            sizes(split(), Some(vec![-1, 4]), &[3]).unwrap_err(),
            "split[0] is -1, must be at least 0"
        );
        assert!(sizes(split(), Some(vec![3]), &[3]).is_err());
        let other = node("Split", 18).outputs(2).int("num_outputs", 3);
        assert!(sizes(other, None, &[3]).is_err());
    }
}
