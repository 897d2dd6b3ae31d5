//! What exporters write as Reshape, Transpose and Reshape again: channels that were in groups alternate between them.
//!
//! Zhang, Zhou, Lin and Sun, <https://arxiv.org/abs/1707.01083>.

use std::sync::Arc;

use super::layout::{Layout, relocate};
use super::{Fact, Follow, Inputs, Operator, Outputs, required};
use crate::error::OpError;
use crate::tensor::Shape;

/// `x: [N, groups * C, D..]` to an output of the same shape, whose channel `c * groups + g` is channel `g * C + c` of `x`.
#[derive(Debug)]
struct ChannelShuffle {
    /// That of `x` and of the output, as the nodes that this one stands for have it.
    shape: Shape,
    groups: usize,
}

/// Of the channels of an input of that shape, which have as many groups.
pub(crate) fn channel_shuffle(shape: Shape, groups: usize) -> Arc<dyn Operator> {
    Arc::new(ChannelShuffle { shape, groups })
}

impl Operator for ChannelShuffle {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        match x.shape()? {
            Some(shape) if shape != self.shape => Err(OpError::invalid(
                "data",
                format!("is {x}, must have the shape {:?}", self.shape),
            )),
            _ => Ok(vec![Fact::of(x.dtype, &self.shape)]),
        }
    }

    fn picks(&self) -> bool {
        true
    }

    fn follow(&self, _index: usize, _inputs: &[Option<Fact>]) -> Option<Follow> {
        Some(Follow::ChannelShuffle(self.shape.clone(), self.groups))
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        self.infer(&[Some(&Fact::from(x))])?;
        let channels = self.shape[1] / self.groups;
        let plane = self.shape[2..].iter().product();
        let split = Shape::new(&[self.shape[0], self.groups, channels, plane])?;
        let layout = Layout::of(&split).permuted(&[0, 2, 1, 3]);
        relocate(x, &layout, 0, &self.shape, outputs)
    }
}
