//! ConvTranspose: each element of the input adds weighted windows to the output.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__ConvTranspose.html>
//! Where the wanted output is larger than what the windows reach, pads are 0 and the rest is the bias.

use half::{bf16, f16};

use super::convolution::{Convolution, check_each};
use super::{Dims, Fact, Inputs, Known, Op, Operator, Outputs, elements, fact, required};
use crate::conv::{Sizes, transpose};
use crate::error::OpError;
use crate::gemm::Factor;
use crate::onnx::attributes::Attributes;
use crate::tensor::dispatch;
use crate::window::{Axis, at_least};

pub(super) const CONV_TRANSPOSE: Op = Op {
    domain: "ai.onnx",
    name: "ConvTranspose",
    newest: 22,
    read: |attributes| Ok(Box::new(ConvTranspose::read(attributes)?)),
    exact: false,
};

/// `X: [N, C, D1..Dk]`, `W: [C, M / group, k1..kk]` and `B: [M]` to `Y: [N, M, O1..Ok]`.
#[derive(Debug)]
struct ConvTranspose {
    convolution: Convolution,
    output_padding: Option<Vec<i64>>,
    output_shape: Option<Vec<i64>>,
}

/// Spatial axes, as far as they are known.
type Axes = Vec<Option<Axis>>;

impl ConvTranspose {
    fn read(attributes: &mut Attributes<'_>) -> Result<ConvTranspose, OpError> {
        let mut ints = |name| attributes.ints(name).map(<[i64]>::to_vec);
        Ok(ConvTranspose {
            output_padding: ints("output_padding"),
            output_shape: ints("output_shape"),
            convolution: Convolution::read(attributes)?,
        })
    }

    /// The window over the output, as far as it is known, and the dimensions of the output.
    fn axes(&self, x: &Fact, w: &Fact) -> Result<Option<(Axes, Dims)>, OpError> {
        let Some(operands) = self.convolution.operands(["X", "W"], x, w)? else {
            return Ok(None);
        };
        let [channels, outputs] = operands.weights;
        let (spatial, group) = (&operands.spatial, self.convolution.group);
        if let Some(channels) = channels
            && (operands.channels.is_some_and(|all| all != channels) || channels % group != 0)
        {
            return Err(OpError::invalid(
                "W",
                format!(
                    "is {w}, must begin with the channels of X, which is {x}, in {group} groups"
                ),
            ));
        }
        let padding = self.output_padding.as_deref();
        if let Some(padding) = padding {
            at_least("output_padding", padding, spatial.len(), 0)?;
        }
        // Some exporters give the whole shape of the output.
        let shape = match &self.output_shape {
            Some(shape) if shape.len() == spatial.len() + 2 => Some(&shape[2..]),
            shape => shape.as_deref(),
        };
        if let Some(shape) = shape {
            at_least("output_shape", shape, spatial.len(), 0)?;
        }
        let axis = |(index, size): (usize, &Option<usize>)| match (&operands.window, size) {
            (Some(window), Some(size)) => {
                let padding = padding.map_or(0, |padding| padding[index]);
                let wanted = shape.map(|shape| shape[index]);
                window
                    .transposed_axis(index, *size, padding, wanted)
                    .map(Some)
            }
            _ => Ok(None),
        };
        let axes = spatial.iter().enumerate().map(axis);
        let axes: Axes = axes.collect::<Result<_, _>>()?;
        let outputs = fact::product([outputs, Some(group)])?;
        let mut dims = vec![operands.batch, outputs];
        dims.extend(axes.iter().map(|axis| axis.map(|axis| axis.input)));
        Ok(Some((axes, Some(dims))))
    }

    fn transpose<T: Factor>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let (x, w) = (required(inputs, 0), required(inputs, 1));
        let shape = Known::of(inputs, &[]).shape(self)?;
        let axes = self.axes(&x.into(), &w.into())?.map(|(axes, _)| axes);
        let axes = axes.and_then(|axes| axes.into_iter().collect());
        let sizes = Sizes {
            batch: x.shape()[0],
            groups: self.convolution.group,
            channels: x.shape()[1] / self.convolution.group,
            outputs: w.shape()[1],
            axes: axes.expect("the shapes of tensors are known"),
            shuffled: false,
        };
        outputs.check_output(shape.elements().saturating_mul(size_of::<T>()))?;
        outputs.check_scratch(sizes.transposed_scratch_bytes::<T>())?;
        let bias = inputs.get(2).and_then(Option::as_ref);
        let bias = bias.map(|bias| T::widened(elements::<T>(bias)));
        let bias = bias.transpose()?;
        let y = outputs.make::<T>(&shape)?;
        transpose::<T>(&sizes, elements(x), elements(w), bias.as_deref(), y);
        Ok(())
    }
}

impl Operator for ConvTranspose {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, w) = (required(inputs, 0), required(inputs, 1));
        let dims = self.axes(x, w)?.and_then(|(_, dims)| dims);
        if let Some(bias) = inputs.get(2).copied().flatten() {
            check_each("B", bias, dims.as_ref().and_then(|dims| dims[1]), false)?;
        }
        Ok(vec![Fact::new(x.dtype, dims)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        dispatch!(
            required(inputs, 0).dtype(),
            T in [f32, f64, f16, bf16] => self.transpose::<T>(inputs, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Node, iota, node, tensor};

    fn run(node: Node, x: &[usize], w: &[usize]) -> Result<(Vec<usize>, Vec<f32>), String> {
        let ones = tensor(w, vec![1.0f32; w.iter().product()]);
        node.run(&[Some(&iota(x)), Some(&ones)])
            .map(|y| {
                (
                    y[0].shape().to_vec(),
                    y[0].as_slice().expect("f32").to_vec(),
                )
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn windows_overlap_and_pads_are_cut_off() {
        let transpose = || node("ConvTranspose", 11);
        let y = |node| run(node, &[1, 1, 3], &[1, 1, 3]).map(|(_, y)| y);
        assert_eq!(y(transpose()), Ok(vec![0.0, 1.0, 3.0, 3.0, 2.0]));
        assert_eq!(y(transpose().ints("pads", &[1, 2])), Ok(vec![1.0, 3.0]));
        let strided = || transpose().ints("strides", &[2]);
        assert_eq!(y(strided()), Ok(vec![0.0, 0.0, 1.0, 1.0, 3.0, 2.0, 2.0]));
        assert_eq!(
            y(strided().ints("output_padding", &[1])),
            Ok(vec![0.0, 0.0, 1.0, 1.0, 3.0, 2.0, 2.0, 0.0])
        );
        assert_eq!(
            y(strided().string("auto_pad", "SAME_UPPER")),
            Ok(vec![0.0, 0.0, 1.0, 1.0, 3.0, 2.0])
        );
        assert_eq!(
            y(strided().string("auto_pad", "SAME_LOWER")),
            Ok(vec![0.0, 1.0, 1.0, 3.0, 2.0, 2.0])
        );
        assert_eq!(
            y(strided().ints("output_shape", &[8])),
            Ok(vec![0.0, 0.0, 1.0, 1.0, 3.0, 2.0, 2.0, 0.0])
        );
        assert!(
            y(transpose().ints("pads", &[9, 9]))
                .unwrap_err()
                .contains("must be at least 0")
        );
    }

    #[test]
    fn groups_and_sizes_of_zero() {
        let grouped = node("ConvTranspose", 1).int("group", 2);
        assert_eq!(
            run(grouped.clone(), &[1, 2, 2], &[2, 2, 1]),
            Ok((vec![1, 4, 2], vec![0.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0]))
        );
        assert_eq!(
            run(grouped, &[1, 3, 2], &[3, 2, 1]).unwrap_err(),
            "W is f32[3,2,1], must begin with the channels of X, which is f32[1,3,2], in 2 groups"
        );
        let transpose = || node("ConvTranspose", 22);
        assert_eq!(
            run(transpose(), &[0, 1, 2], &[1, 1, 1]),
            Ok((vec![0, 1, 2], vec![]))
        );
        assert_eq!(
            run(
                transpose().ints("output_shape", &[2]),
                &[1, 1, 0],
                &[1, 1, 1]
            ),
            Ok((vec![1, 1, 2], vec![0.0, 0.0]))
        );
    }
}
