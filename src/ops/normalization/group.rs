//! InstanceNormalization, GroupNormalization: over the spatial axes, of one channel or of several together.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html>,
//! <https://onnx.ai/onnx/operators/onnx__GroupNormalization.html>

use half::{bf16, f16};

use super::{Cycle, Elements, Measure, normalize};
use crate::error::OpError;
use crate::ops::convert::{self, Numeric};
use crate::ops::{Fact, Inputs, Op, Operator, Outputs, required};
use crate::simd::Simd;
use crate::tensor::{TensorView, dispatch};

pub(in crate::ops) const GROUP_NORMALIZATION: Op = Op {
    domain: "ai.onnx",
    name: "GroupNormalization",
    newest: 21,
    read: |attributes| {
        attributes.ignore("stash_type", "everything is computed in f64");
        let groups = attributes.int("num_groups").unwrap_or_default();
        let groups = usize::try_from(groups).ok().filter(|groups| *groups > 0);
        Ok(Box::new(Group {
            groups: Some(groups.ok_or_else(|| {
                OpError::invalid("num_groups", "is not positive, must be at least 1")
            })?),
            scale_of_group: attributes.version() < 21,
            epsilon: attributes.float("epsilon").unwrap_or(1e-5).into(),
            names: ["X", "scale", "bias"],
        }))
    },
    exact: false,
};

pub(in crate::ops) const INSTANCE_NORMALIZATION: Op = Op {
    domain: "ai.onnx",
    name: "InstanceNormalization",
    newest: 22,
    read: |attributes| {
        attributes.ignore(
            "consumed_inputs",
            "a hint on buffers, without effect on results",
        );
        Ok(Box::new(Group {
            groups: None,
            scale_of_group: false,
            epsilon: attributes.float("epsilon").unwrap_or(1e-5).into(),
            names: ["input", "scale", "B"],
        }))
    },
    exact: false,
};

/// `X: [N, C, ..]`, a scale and a bias for each channel, or for each group, to `Y` of the shape of `X`.
#[derive(Debug)]
struct Group {
    /// `None` for as many as channels.
    groups: Option<usize>,
    /// Whether groups and not channels are scaled, as in version 18.
    scale_of_group: bool,
    epsilon: f64,
    names: [&'static str; 3],
}

impl Group {
    fn check(&self, inputs: &[&Fact]) -> Result<(), OpError> {
        let [x_name, ..] = self.names;
        let Some(dims) = &inputs[0].dims else {
            return Ok(());
        };
        let [_, channels, ..] = dims[..] else {
            return Err(OpError::invalid(
                x_name,
                format!("is {}, must have at least two axes", inputs[0]),
            ));
        };
        if let (Some(channels), Some(groups)) = (channels, self.groups)
            && channels % groups != 0
        {
            return Err(OpError::invalid(
                "num_groups",
                format!("is {groups}, must divide the channels of {}", inputs[0]),
            ));
        }
        let wanted = match (self.scale_of_group, self.groups) {
            (true, Some(groups)) => Some(groups),
            _ => channels,
        };
        for (name, input) in self.names.iter().zip(inputs).skip(1) {
            let fits = match input.dims.as_deref() {
                None => true,
                Some([size]) => wanted.is_none() || size.is_none() || *size == wanted,
                Some(_) => false,
            };
            if !fits {
                let wanted = wanted.map_or("?".to_string(), |wanted| wanted.to_string());
                return Err(OpError::invalid(
                    *name,
                    format!("is {input}, must have the shape [{wanted}]"),
                ));
            }
        }
        Ok(())
    }

    fn run<T: Numeric>(
        &self,
        x: &TensorView<'_>,
        scale: &TensorView<'_>,
        bias: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let (scale, bias) = (
            convert::widened(scale, outputs)?,
            convert::widened(bias, outputs)?,
        );
        let y = outputs.make::<T>(x.shape())?;
        if y.is_empty() {
            return Ok(());
        }
        let channels = x.shape()[1];
        let spatial: usize = x.shape()[2..].iter().product();
        let len = channels / self.groups.unwrap_or(channels) * spatial;
        let piece = if self.scale_of_group { len } else { spatial };
        let [scale, bias] = [scale, bias].map(|values| Cycle { values, piece });
        let level = Simd::installed();
        let measure = |_, x: &Elements<'_, '_>| Measure::Deviation.of(level, x, self.epsilon);
        normalize(&convert::wide(x)?, y, len, &measure, &scale, &bias);
        Ok(())
    }
}

impl Operator for Group {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let inputs = [0, 1, 2].map(|index| *required(inputs, index));
        self.check(&inputs)?;
        Ok(vec![Fact::new(inputs[0].dtype, inputs[0].dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let [x, scale, bias] = [0, 1, 2].map(|index| required(inputs, index));
        self.check(&[&x.into(), &scale.into(), &bias.into()])?;
        dispatch!(x.dtype(), T in [f32, f64, f16, bf16] => self.run::<T>(x, scale, bias, outputs))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn groups_of_one_channel_are_instances() {
        let x = iota(&[2, 4, 3]);
        let scale = tensor(&[4], vec![1f32, 2.0, 3.0, 4.0]);
        let bias = tensor(&[4], vec![0f32, -1.0, 1.0, 5.0]);
        let inputs = [Some(&x), Some(&scale), Some(&bias)];
        let instance = node("InstanceNormalization", 6).run(&inputs);
        for opset in [18, 21] {
            let group = node("GroupNormalization", opset).int("num_groups", 4);
            assert_eq!(group.run(&inputs), instance);
        }
    }

    #[test]
    fn sizes_are_checked() {
        let (x, one) = (iota(&[1, 4, 2]), iota(&[1]));
        let group = |groups| node("GroupNormalization", 21).int("num_groups", groups);
        let inputs = [Some(&x), Some(&one), Some(&one)];
        assert_eq!(
            group(3).error(&inputs),
            "num_groups is 3, must divide the channels of f32[1,4,2]"
        );
        assert_eq!(
            group(2).error(&inputs),
            "scale is f32[1], must have the shape [4]"
        );
        assert_eq!(
            group(0).error(&inputs),
            "num_groups is not positive, must be at least 1"
        );
        assert_eq!(
            node("InstanceNormalization", 1).error(&[Some(&one), Some(&one), Some(&one)]),
            "input is f32[1], must have at least two axes"
        );
        let empty = tensor::<f32>(&[0, 4, 2], vec![]);
        let four = iota(&[4]);
        assert_eq!(
            group(2).run(&[Some(&empty), Some(&four), Some(&four)]),
            Ok(vec![empty])
        );
    }
}
