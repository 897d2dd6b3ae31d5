//! DepthToSpace and SpaceToDepth: blocks of channels laid out as blocks of pixels, and back.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__DepthToSpace.html>,
//! <https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html>

use super::layout::{Layout, relocate};
use super::{Fact, Inputs, Known, Op, Operator, Outputs, fact, required};
use crate::error::{OpError, Quoted};
use crate::onnx::attributes::Attributes;

pub(super) const DEPTH_TO_SPACE: Op = Op {
    domain: "ai.onnx",
    name: "DepthToSpace",
    newest: 13,
    read: |attributes| Ok(Box::new(Blocks::read(attributes, true)?)),
    exact: true,
};

pub(super) const SPACE_TO_DEPTH: Op = Op {
    domain: "ai.onnx",
    name: "SpaceToDepth",
    newest: 13,
    read: |attributes| Ok(Box::new(Blocks::read(attributes, false)?)),
    exact: true,
};

/// `[N, C * b * b, H, W]` to `[N, C, H * b, W * b]`, or back.
#[derive(Debug)]
struct Blocks {
    blocksize: usize,
    /// Whether channels become space.
    to_space: bool,
    /// Whether the channel counts before the place in the block (CRD), not behind it (DCR).
    channel_first: bool,
}

impl Blocks {
    fn read(attributes: &mut Attributes<'_>, to_space: bool) -> Result<Blocks, OpError> {
        let blocksize = attributes.int("blocksize").unwrap_or(0);
        let channel_first = match attributes.string("mode")? {
            None | Some("DCR") => false,
            Some("CRD") => true,
            Some(mode) => {
                return Err(OpError::invalid(
                    "mode",
                    format!("is {}, must be DCR or CRD", Quoted(mode)),
                ));
            }
        };
        match usize::try_from(blocksize) {
            Ok(blocksize) if blocksize > 0 => Ok(Blocks {
                blocksize,
                to_space,
                channel_first,
            }),
            _ => Err(OpError::invalid(
                "blocksize",
                format!("is {blocksize}, must be at least 1"),
            )),
        }
    }
}

impl Operator for Blocks {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        let Some(dims) = &input.dims else {
            return Ok(vec![Fact::new(input.dtype, None)]);
        };
        let [n, c, h, w] = dims.as_slice() else {
            return Err(OpError::invalid(
                "input",
                format!("is {input}, must have 4 axes"),
            ));
        };
        let block = Some(self.blocksize);
        let divided = |name: &str, dim: Option<usize>, by: Option<usize>| match (dim, by) {
            (Some(dim), Some(by)) if dim % by != 0 => Err(OpError::invalid(
                "input",
                format!("is {input}, its {name} must be a multiple of {by}"),
            )),
            (Some(dim), Some(by)) => Ok(Some(dim / by)),
            _ => Ok(None),
        };
        let square = fact::product([block, block])?;
        let dims = match self.to_space {
            true => vec![
                *n,
                divided("channels", *c, square)?,
                fact::product([*h, block])?,
                fact::product([*w, block])?,
            ],
            false => vec![
                *n,
                fact::product([*c, square])?,
                divided("height", *h, block)?,
                divided("width", *w, block)?,
            ],
        };
        Ok(vec![Fact::new(input.dtype, Some(dims))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        let shape = Known::of(inputs, &[]).shape(self)?;
        let [n, c, h, w] = [0, 1, 2, 3].map(|axis| input.shape()[axis]);
        let b = self.blocksize;
        let layout = match (self.to_space, self.channel_first) {
            (true, true) => Layout::of(&[n, c / b / b, b, b, h, w]).permuted(&[0, 1, 4, 2, 5, 3]),
            (true, false) => Layout::of(&[n, b, b, c / b / b, h, w]).permuted(&[0, 3, 4, 1, 5, 2]),
            (false, _) => Layout::of(&[n, c, h / b, b, w / b, b]).permuted(&[0, 3, 5, 1, 2, 4]),
        };
        relocate(input, &layout, 0, &shape, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node};

    #[test]
    fn there_and_back_again() {
        let x = iota(&[2, 12, 3, 1]);
        let y = node("DepthToSpace", 1)
            .int("blocksize", 2)
            .run(&[Some(&x)])
            .expect("it runs");
        assert_eq!(**y[0].shape(), [2, 3, 6, 2]);
        let back = node("SpaceToDepth", 13)
            .int("blocksize", 2)
            .run(&[Some(&y[0])]);
        assert_eq!(back, Ok(vec![x]));
    }

    #[test]
    fn sizes_that_do_not_divide_are_errors() {
        let error = |name, size, dims: &[usize]| {
            node(name, 13)
                .int("blocksize", size)
                .error(&[Some(&iota(dims))])
        };
        assert_eq!(
            error("DepthToSpace", 2, &[1, 6, 1, 1]),
            "input is f32[1,6,1,1], its channels must be a multiple of 4"
        );
        assert_eq!(
            error("SpaceToDepth", 2, &[1, 1, 2, 3]),
            "input is f32[1,1,2,3], its width must be a multiple of 2"
        );
        assert_eq!(
            error("SpaceToDepth", 0, &[1, 1, 2, 3]),
            "blocksize is 0, must be at least 1"
        );
        assert!(error("DepthToSpace", i64::MAX, &[1, 1, 1, 1]).contains("more elements"));
        assert!(error("DepthToSpace", 2, &[4, 1, 1]).contains("must have 4 axes"));
    }
}
