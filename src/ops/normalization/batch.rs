//! BatchNormalization: by the statistics of channels, given or, in training, measured.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__BatchNormalization.html>
//! Differs: before version 14 there are no outputs but `Y`, and the given statistics count also where `is_test`
//! is 0, which exporters leave out.

use std::sync::Arc;

use fearless_simd::Level;
use half::{bf16, f16};

use super::affine::{Line, affine};
use super::{Cycle, Elements, Statistics, normalize, run};
use crate::allocate;
use crate::error::OpError;
use crate::gemm::Activation;
use crate::onnx::attributes::Attributes;
use crate::ops::convert::{self, Numeric};
use crate::ops::{
    Absorbed, Fact, Follow, Inputs, Lead, Op, Operator, Outputs, elementwise, required,
};
use crate::parts::{self, Looks};
use crate::simd::Simd;
use crate::tensor::{DType, Tensor, TensorView, dispatch};

pub(in crate::ops) const BATCH_NORMALIZATION: Op = Op {
    domain: "ai.onnx",
    name: "BatchNormalization",
    newest: 15,
    read: |attributes| Ok(Box::new(Batch::read(attributes)?)),
    exact: false,
};

/// `X: [N, C, ..]` and four numbers for each channel to `Y` of the shape of `X` and, from version 14 on, to the
/// mean and the variance that the next batch starts from.
#[derive(Clone, Debug)]
struct Batch {
    epsilon: f64,
    momentum: f64,
    training: bool,
    /// Whether the numbers are those of channels, and not of every place in them.
    spatial: bool,
    has_running: bool,
    /// What is done to `Y`, of type f32.
    activation: Activation<f64>,
}

const NAMES: [&str; 4] = ["scale", "B", "input_mean", "input_var"];

impl Batch {
    fn read(attributes: &mut Attributes<'_>) -> Result<Batch, OpError> {
        attributes.ignore(
            "consumed_inputs",
            "a hint on buffers, without effect on results",
        );
        attributes.ignore("is_test", "models are run, not trained");
        let spatial = match attributes.int("spatial") {
            None | Some(1) => true,
            Some(0) => false,
            Some(other) => {
                return Err(OpError::invalid(
                    "spatial",
                    format!("is {other}, must be 0 or 1"),
                ));
            }
        };
        Ok(Batch {
            epsilon: attributes.float("epsilon").unwrap_or(1e-5).into(),
            momentum: attributes.float("momentum").unwrap_or(0.9).into(),
            training: attributes.flag("training_mode")?,
            spatial,
            has_running: attributes.version() >= 14,
            activation: Activation::Identity,
        })
    }

    /// Checks the numbers; X without channels has one.
    fn check(&self, x: &Fact, numbers: &[&Fact]) -> Result<(), OpError> {
        let Some(dims) = &x.dims else {
            return Ok(());
        };
        if dims.is_empty() {
            return Err(OpError::invalid(
                "X",
                format!("is {x}, must have at least one axis"),
            ));
        }
        let wanted = match (dims.len(), self.spatial) {
            (1, _) => vec![Some(1)],
            (_, true) => vec![dims[1]],
            (_, false) => dims[1..].to_vec(),
        };
        for (name, number) in NAMES.iter().zip(numbers) {
            let Some(own) = &number.dims else { continue };
            let pairs = || own.iter().zip(&wanted);
            if own.len() != wanted.len()
                || pairs().any(|pair| matches!(pair, (Some(a), Some(b)) if a != b))
            {
                let wanted = Fact::new(number.dtype, Some(wanted));
                return Err(OpError::invalid(
                    *name,
                    format!("is {number}, must be {wanted} for X, which is {x}"),
                ));
            }
        }
        Ok(())
    }

    /// The factors and the summands of channels, if they are the same in each run and finite.
    fn constant_lines(&self, inputs: &[Option<Fact>]) -> Option<(Vec<f64>, Vec<f64>)> {
        if self.training || !self.spatial {
            return None;
        }
        let number = |index: usize| -> Option<Vec<f64>> {
            let numbers = inputs[index].as_ref()?.value.as_ref()?;
            let numbers = numbers.as_slice::<f32>()?.iter();
            Some(numbers.map(|x| f64::from(*x)).collect())
        };
        let (scale, bias, means) = (number(1)?, number(2)?, number(3)?);
        let variances = number(4)?.into_iter();
        let factors: Vec<f64> = variances
            .zip(&scale)
            .map(|(variance, scale)| scale / (variance + self.epsilon).sqrt())
            .collect();
        let summands = bias.iter().zip(means).zip(&factors);
        let summands = summands
            .map(|((bias, mean), factor)| bias - mean * factor)
            .collect();
        let finite = factors.iter().all(|factor| factor.is_finite());
        finite.then_some((factors, summands))
    }

    /// Constant scale and bias so that each channel is multiplied and something added to it.
    fn moved(
        inputs: &[Option<Fact>],
        factors: Vec<f64>,
        summands: Vec<f64>,
    ) -> Option<Vec<(usize, Tensor)>> {
        let number = |index: usize| inputs[index].as_ref()?.value.as_ref()?.as_slice::<f32>();
        let (scale, bias) = (number(1)?, number(2)?);
        let channels = scale.len();
        let [factors, summands] = [factors, summands].map(|list| Follow::spread(list, channels));
        if [factors.len(), summands.len(), bias.len()] != [channels; 3] {
            return None;
        }
        let scale = scale.iter().zip(&factors);
        let scale = scale.map(|(scale, factor)| (f64::from(*scale) * factor) as f32);
        let bias = bias.iter().zip(&factors).zip(summands);
        let bias =
            bias.map(|((bias, factor), summand)| (f64::from(*bias) * factor + summand) as f32);
        let list = |numbers| Tensor::new(&[channels], numbers).ok();
        Some(vec![
            (1, list(allocate::collected(scale))?),
            (2, list(allocate::collected(bias))?),
        ])
    }

    fn run<T: Numeric>(
        &self,
        x: &TensorView<'_>,
        [scale, bias, mean, variance]: [&TensorView<'_>; 4],
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let shape = x.shape();
        let channels = shape.get(1).copied().unwrap_or(1);
        let places: usize = shape.iter().skip(2).product();
        let (channels, places) = match self.spatial {
            true => (channels, places),
            false => (channels * places, 1),
        };
        let read = convert::wide(x)?;
        let [scale, bias] = [
            convert::widened(scale, outputs)?,
            convert::widened(bias, outputs)?,
        ];
        let (mut means, mut variances) = (
            convert::widened(mean, outputs)?,
            convert::widened(variance, outputs)?,
        );
        if self.training {
            outputs.check_scratch(shape.elements().saturating_mul(size_of::<f64>()))?;
            let mut data = parts::filled(0.0, shape.elements())?;
            elementwise::in_chunks(&mut data, |start, data| read(start, data));
            let room = || allocate::with_capacity(channels);
            let (mut own_means, mut own_variances): (Vec<f64>, Vec<f64>) = (room(), room());
            let (level, mut looks) = (Simd::installed(), Looks::default());
            for channel in 0..channels {
                looks.check(data.len() / channels)?;
                let (mean, variance) = measure(level, &data, channel, channels, places);
                own_means.push(mean);
                own_variances.push(variance);
            }
            for (index, output, own) in [(1, mean, &own_means), (2, variance, &own_variances)] {
                let given = if index == 1 { &means } else { &variances };
                let mix = |(given, own): (&f64, &f64)| {
                    given * self.momentum + own * (1.0 - self.momentum)
                };
                let mixed: Vec<f64> = parts::collected(given.iter().zip(own).map(mix))?;
                convert::put(index, output.dtype(), output.shape(), &mixed, outputs)?;
            }
            (means, variances) = (own_means, own_variances);
        } else {
            convert::put(1, mean.dtype(), mean.shape(), &means, outputs)?;
            convert::put(2, variance.dtype(), variance.shape(), &variances, outputs)?;
        }
        let both = means.iter().zip(variances);
        let statistics: Vec<Statistics> =
            parts::collected(both.map(|(mean, variance)| Statistics {
                mean: *mean,
                factor: 1.0 / (variance + self.epsilon).sqrt(),
            }))?;
        if let (Some(x), false) = (x.as_slice::<f32>(), self.training) {
            let numbers = statistics.iter().zip(scale.iter().zip(&*bias));
            let lines: Vec<Line> = parts::collected(numbers.map(|(of, (scale, bias))| {
                let factor = of.factor * scale;
                (factor, bias - of.mean * factor)
            }))?;
            // A variance of 0 without epsilon divides by 0, which only differences from the mean survive.
            if self.spatial && lines.iter().all(|line| line.0.is_finite()) {
                let y = outputs.make::<f32>(shape)?;
                affine(x, &lines, places, self.activation, y);
                return Ok(());
            }
        }
        let y = outputs.make::<T>(shape)?;
        let [scale, bias] = [scale, bias].map(|values| Cycle {
            values,
            piece: places,
        });
        let measure = |run: usize, _: &Elements<'_, '_>| statistics[run % channels];
        normalize(&read, y, places, &measure, &scale, &bias);
        Ok(())
    }
}

/// Mean and variance of a channel in all of the batch; NaN if there are no elements.
fn measure(level: Level, x: &[f64], channel: usize, channels: usize, places: usize) -> (f64, f64) {
    if places == 0 {
        return (f64::NAN, f64::NAN);
    }
    let runs = || {
        let start = channel * places;
        let mut looks = Looks::default();
        x.chunks(channels * places)
            .map(move |x| &x[start..start + places])
            .take_while(move |x| !looks.is_set(x.len()))
    };
    let count = runs().count() as f64 * places as f64;
    let sums = runs().map(|x| super::sum(x, |lanes, x| run::add(level, lanes, x)));
    let mean = sums.sum::<f64>() / count;
    let squares = runs().map(|x| super::sum(x, |lanes, x| run::add_squares(level, lanes, x, mean)));
    (mean, squares.sum::<f64>() / count)
}

impl Operator for Batch {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        let numbers = [1, 2, 3, 4].map(|index| *required(inputs, index));
        self.check(x, &numbers)?;
        let [.., mean, variance] = numbers;
        let running = |like: &Fact| Fact::new(like.dtype, like.dims.clone());
        let mut facts = vec![Fact::new(x.dtype, x.dims.clone())];
        let count = if self.has_running { 1 } else { 2 };
        for _ in 0..count {
            facts.extend([running(mean), running(variance)]);
        }
        Ok(facts)
    }

    fn absorbs(&self) -> bool {
        self.activation == Activation::Identity
    }

    fn absorb(&self, follow: Follow, inputs: &[Option<Fact>]) -> Option<Absorbed> {
        let float = inputs[0].as_ref()?.dtype == DType::F32;
        if !float || self.activation != Activation::Identity || !follow.is_along(1) {
            return None;
        }
        self.constant_lines(inputs)?;
        let mut operator = self.clone();
        let constants = match follow {
            Follow::Activation(activation) => {
                operator.activation = activation;
                Vec::new()
            }
            Follow::Affine {
                factors, summands, ..
            } => Batch::moved(inputs, factors, summands)?,
            Follow::Plus(_) | Follow::ChannelShuffle(..) => return None,
        };
        Some(Absorbed {
            operator: Arc::new(operator),
            constants,
            plus: None,
        })
    }

    fn follow(&self, index: usize, inputs: &[Option<Fact>]) -> Option<Follow> {
        if index != 0 || self.activation != Activation::Identity {
            return None;
        }
        let (factors, summands) = self.constant_lines(inputs)?;
        Some(Follow::Affine {
            axis: 1,
            factors,
            summands,
        })
    }

    fn lead(&self, inputs: &[Option<Fact>]) -> Option<Lead> {
        let (factors, summands) = self.constant_lines(inputs)?;
        Some(Lead {
            factors,
            summands,
            activation: self.activation,
        })
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        if !self.has_running && (1..5).any(|index| outputs.wanted(index)) {
            return Err(OpError::unsupported(
                "the statistics that versions before 14 gather in training",
            ));
        }
        let x = required(inputs, 0);
        let numbers = [1, 2, 3, 4].map(|index| required(inputs, index));
        let facts = numbers.map(Fact::from);
        self.check(&Fact::from(x), &facts.each_ref())?;
        dispatch!(x.dtype(), T in [f32, f64, f16, bf16] => self.run::<T>(x, numbers, outputs))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn numbers_of_channels_or_of_places() {
        let x = iota(&[1, 2, 2]);
        let numbers = |dims: &[usize], scale: f32, mean: f32| {
            let len = dims.iter().product();
            [scale, 0.0, mean, 1.0].map(|x| tensor(dims, vec![x; len]))
        };
        let run = |node: crate::ops::testing::Node, numbers: [crate::Tensor; 4]| {
            let [scale, bias, mean, variance] = &numbers;
            node.float("epsilon", 0.0)
                .run(&[
                    Some(&x),
                    Some(scale),
                    Some(bias),
                    Some(mean),
                    Some(variance),
                ])
                .map_err(|error| error.to_string())
        };
        let wanted = Ok(vec![tensor(&[1, 2, 2], vec![-2f32, 0.0, 2.0, 4.0])]);
        assert_eq!(
            run(node("BatchNormalization", 15), numbers(&[2], 2.0, 1.0)),
            wanted
        );
        let old = node("BatchNormalization", 7).int("spatial", 0);
        assert_eq!(run(old, numbers(&[2, 2], 2.0, 1.0)), wanted);
        let old = node("BatchNormalization", 6).int("is_test", 1);
        assert_eq!(run(old, numbers(&[2], 2.0, 1.0)), wanted);
        assert_eq!(
            run(node("BatchNormalization", 9), numbers(&[3], 2.0, 1.0)).unwrap_err(),
            "scale is f32[3], must be f32[2] for X, which is f32[1,2,2]"
        );
    }

    #[test]
    fn training_on_no_elements_gives_none() {
        let x = tensor::<f32>(&[2, 3, 0], vec![]);
        let ones = tensor(&[3], vec![1f32; 3]);
        let inputs = [&x, &ones, &ones, &ones, &ones].map(Some);
        let batch = node("BatchNormalization", 15).int("training_mode", 1);
        assert_eq!(batch.run(&inputs).expect("it runs")[0], x);
    }

    #[test]
    fn training_measures_the_batch() {
        let x = tensor(&[2, 2, 1], vec![1f32, 10.0, 3.0, 30.0]);
        let numbers = [1f32, 0.0, 4.0, 8.0].map(|x| tensor(&[2], vec![x; 2]));
        let [scale, bias, mean, variance] = numbers.each_ref().map(Some);
        let batch = node("BatchNormalization", 14)
            .float("epsilon", 0.0)
            .float("momentum", 0.5)
            .outputs(3);
        let inputs = [Some(&x), scale, bias, mean, variance];
        assert_eq!(
            batch.clone().int("training_mode", 1).run(&inputs),
            Ok(vec![
                tensor(&[2, 2, 1], vec![-1f32, -1.0, 1.0, 1.0]),
                tensor(&[2], vec![3f32, 12.0]),
                tensor(&[2], vec![4.5f32, 54.0]),
            ])
        );
        let given = batch.run(&inputs).expect("it runs");
        assert_eq!(&given[1..], &numbers[2..]);
    }
}
