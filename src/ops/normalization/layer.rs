//! LayerNormalization, RMSNormalization: over the axes from one on.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__LayerNormalization.html>,
//! <https://onnx.ai/onnx/operators/onnx__RMSNormalization.html>

use std::sync::Arc;

use half::{bf16, f16};

use super::{Cycle, Elements, Measure, Statistics, normalize};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::ops::broadcast::{self, Broadcast};
use crate::ops::convert::{self, Numeric};
use crate::ops::{Fact, Inputs, Op, Operator, Outputs, axes, required};
use crate::parts::{self, Looks};
use crate::simd::Simd;
use crate::tensor::{DType, Shape, TensorView, dispatch};

pub(in crate::ops) const LAYER_NORMALIZATION: Op = Op {
    domain: "ai.onnx",
    name: "LayerNormalization",
    newest: 17,
    read: |attributes| Ok(Box::new(Layer::read(attributes, Measure::Deviation)?)),
    exact: false,
};

pub(in crate::ops) const RMS_NORMALIZATION: Op = Op {
    domain: "ai.onnx",
    name: "RMSNormalization",
    newest: 23,
    read: |attributes| Ok(Box::new(Layer::read(attributes, Measure::RootMeanSquare)?)),
    exact: false,
};

/// A LayerNormalization from `axis` on, whose statistics are no outputs.
pub(crate) fn layer_normalization(axis: usize, epsilon: f64) -> Arc<dyn Operator> {
    Arc::new(Layer {
        measure: Measure::Deviation,
        axis: axis as i64,
        epsilon,
        stash: DType::F32,
    })
}

/// `X`, a scale and perhaps a bias that broadcast to it, to `Y` of the shape of `X` and the type of the scale,
/// and for `Deviation` to the mean and the factor of each run, if they are wanted.
#[derive(Debug)]
struct Layer {
    measure: Measure,
    axis: i64,
    epsilon: f64,
    /// The type of the statistics.
    stash: DType,
}

impl Layer {
    fn read(attributes: &mut Attributes<'_>, measure: Measure) -> Result<Layer, OpError> {
        let stash = match attributes.int("stash_type").unwrap_or(1) {
            1 => DType::F32,
            10 => DType::F16,
            11 => DType::F64,
            16 => DType::BF16,
            other => {
                return Err(OpError::invalid(
                    "stash_type",
                    format!("is {other}, must be 1 for f32, 10 for f16, 11 for f64 or 16 for bf16"),
                ));
            }
        };
        Ok(Layer {
            measure,
            axis: attributes.int("axis").unwrap_or(-1),
            epsilon: attributes.float("epsilon").unwrap_or(1e-5).into(),
            stash,
        })
    }

    fn names(&self) -> [&'static str; 2] {
        match self.measure {
            Measure::Deviation => ["Scale", "B"],
            Measure::RootMeanSquare => ["scale", ""],
        }
    }

    fn run<Y: Numeric>(
        &self,
        x: &TensorView<'_>,
        [scale, bias]: [Cycle; 2],
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let axis = axes::axis("axis", self.axis, x.shape().len())?;
        let len = x.shape()[axis..].iter().product();
        let y = outputs.make::<Y>(x.shape())?;
        let level = Simd::installed();
        let measure = |_, x: &Elements<'_, '_>| self.measure.of(level, x, self.epsilon);
        let read = convert::wide(x)?;
        normalize(&read, y, len, &measure, &scale, &bias);
        if !outputs.wanted(1) && !outputs.wanted(2) {
            return Ok(());
        }
        let sizes = x.shape().iter().enumerate();
        let sizes: Vec<usize> = sizes
            .map(|(at, &size)| if at < axis { size } else { 1 })
            .collect();
        let shape = Shape::new(&sizes)?;
        outputs.check_scratch(2usize.saturating_mul(shape.elements() * size_of::<f64>()))?;
        let mut buffer = Elements::buffer(len);
        let room = || allocate::with_capacity(shape.elements());
        let (mut means, mut factors): (Vec<f64>, Vec<f64>) = (room(), room());
        let mut looks = Looks::default();
        for run in 0..shape.elements() {
            looks.check(len)?;
            let elements = Elements::new(&read, run * len, len, &mut buffer);
            let Statistics { mean, factor } = measure(run, &elements);
            means.push(mean);
            factors.push(factor);
        }
        for (index, values) in [(1, means), (2, factors)] {
            convert::put(index, self.stash, &shape, &values, outputs)?;
        }
        Ok(())
    }
}

/// The elements of `x` for each element of a run, or of all of `shape` where they differ from run to run.
fn spread(
    name: &str,
    x: &TensorView<'_>,
    shape: &Shape,
    axis: usize,
    outputs: &mut Outputs<'_, '_>,
) -> Result<Cycle, OpError> {
    let (whole, fact) = (Fact::of(x.dtype(), shape), Fact::from(x));
    Broadcast::Second.dims(("X", &whole), (name, &fact))?;
    let values = convert::widened(x, outputs)?;
    if values.len() == 1 {
        let piece = usize::MAX;
        return Ok(Cycle { values, piece });
    }
    let padded = broadcast::padded(x.shape(), shape.len());
    let from = if padded[..axis].iter().all(|size| *size == 1) {
        axis
    } else {
        0
    };
    let (sizes, padded) = (&shape[from..], &padded[from..]);
    if sizes == padded {
        return Ok(Cycle { values, piece: 1 });
    }
    let count: usize = sizes.iter().product();
    outputs.check_scratch(count.saturating_mul(size_of::<f64>()))?;
    let at = |index: usize| {
        let (mut rest, mut at, mut step) = (index, 0, 1);
        for (&size, &own) in sizes.iter().zip(padded).rev() {
            if own != 1 {
                at += rest % size * step;
            }
            rest /= size;
            step *= own;
        }
        values[at]
    };
    Ok(Cycle {
        values: parts::collected((0..count).map(at))?,
        piece: 1,
    })
}

impl Operator for Layer {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, scale) = (required(inputs, 0), required(inputs, 1));
        let statistics = match &x.dims {
            None => None,
            Some(dims) => {
                let axis = axes::axis("axis", self.axis, dims.len())?;
                let dims = dims.iter().enumerate();
                Some(
                    dims.map(|(at, dim)| if at < axis { *dim } else { Some(1) })
                        .collect(),
                )
            }
        };
        for (name, input) in self.names().iter().zip(&inputs[1..]) {
            if let Some(input) = input {
                Broadcast::Second.dims(("X", x), (name, input))?;
            }
        }
        let mut facts = vec![Fact::new(scale.dtype, x.dims.clone())];
        if let Measure::Deviation = self.measure {
            facts.extend([0, 1].map(|_| Fact::new(self.stash, statistics.clone())));
        }
        Ok(facts)
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (x, scale) = (required(inputs, 0), required(inputs, 1));
        let axis = axes::axis("axis", self.axis, x.shape().len())?;
        let [scale_name, bias_name] = self.names();
        let scales = spread(scale_name, scale, x.shape(), axis, outputs)?;
        let bias = match inputs.get(2).and_then(Option::as_ref) {
            Some(bias) => spread(bias_name, bias, x.shape(), axis, outputs)?,
            None => Cycle {
                values: vec![0.0],
                piece: usize::MAX,
            },
        };
        dispatch!(scale.dtype(), Y in [f32, f64, f16, bf16] =>
            self.run::<Y>(x, [scales, bias], outputs))
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn scales_may_be_single_or_differ_from_run_to_run() {
        let x = tensor(&[2, 2], vec![1f32, 3.0, 10.0, 30.0]);
        let run = |scale: &crate::Tensor, bias: Option<&crate::Tensor>| {
            node("LayerNormalization", 17)
                .float("epsilon", 0.0)
                .run(&[Some(&x), Some(scale), bias])
        };
        let one = tensor(&[1], vec![2f32]);
        let wanted = tensor(&[2, 2], vec![-2f32, 2.0, -2.0, 2.0]);
        assert_eq!(run(&one, None), Ok(vec![wanted]));
        let rows = tensor(&[2, 1], vec![1f32, 5.0]);
        let wanted = tensor(&[2, 2], vec![0f32, 2.0, 0.0, 10.0]);
        assert_eq!(run(&rows, Some(&rows)), Ok(vec![wanted]));
        assert_eq!(
            run(&iota(&[3]), None).unwrap_err().to_string(),
            "Scale is f32[3], must broadcast to X, which is f32[2,2]"
        );
    }

    #[test]
    fn the_scale_gives_the_type() {
        let x = tensor(&[2], vec![3f32, 4.0]);
        let scale = tensor(&[2], vec![f16::ONE, f16::from_f32(2.0)]);
        let y = node("RMSNormalization", 23)
            .float("epsilon", 0.0)
            .run(&[Some(&x), Some(&scale)])
            .expect("it runs");
        let root = 12.5f64.sqrt();
        let wanted = [3.0 / root, 8.0 / root].map(f16::from_f64);
        assert_eq!(y, [tensor(&[2], wanted.to_vec())]);
        assert_eq!(
            node("RMSNormalization", 23)
                .int("axis", 1)
                .error(&[Some(&x), Some(&scale)]),
            "axis is 1, must be in -1..=0"
        );
        let empty = tensor::<f32>(&[2, 0], vec![]);
        let none = tensor::<f32>(&[0], vec![]);
        assert_eq!(
            node("LayerNormalization", 17).run(&[Some(&empty), Some(&none)]),
            Ok(vec![empty])
        );
    }

    #[test]
    fn statistics_are_outputs_too() {
        let x = tensor(&[1, 2, 2], vec![1f32, 3.0, 10.0, 30.0]);
        let layer = node("LayerNormalization", 17).float("epsilon", 0.0);
        let y = layer
            .outputs(3)
            .run(&[Some(&x), Some(&tensor(&[], vec![1f32]))])
            .expect("it runs");
        assert_eq!(y[1], tensor(&[1, 2, 1], vec![2f32, 20.0]));
        assert_eq!(y[2], tensor(&[1, 2, 1], vec![1f32, 0.1]));
    }
}
