//! Dropout: the input itself, or, in training, some of its elements with the others set to 0.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Dropout.html>
//! Differs: versions 1 and 6 pass everything on also where `is_test` is 0, which exporters leave out.
//! In training the elements to keep are those for which numpy's generator, started from `seed` (0 if there is
//! none), gives at least `ratio`, as the stored tests of the standard have it.

mod twister;

use half::{bf16, f16};

use super::convert::{Numeric, dispatch_numeric, one};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::error::OpError;
use crate::stop;
use crate::tensor::{DType, Rounding, TensorView, dispatch};
use twister::Twister;

pub(super) const DROPOUT: Op = Op {
    domain: "ai.onnx",
    name: "Dropout",
    newest: 22,
    read: |attributes| {
        attributes.ignore(
            "consumed_inputs",
            "a hint on buffers, without effect on results",
        );
        attributes.ignore("is_test", "models are run, not trained");
        if attributes.version() < 12 {
            attributes.ignore("ratio", "it counts in training only");
        }
        Ok(Box::new(Dropout {
            seed: attributes.int("seed").unwrap_or(0) as u32,
            mask: match attributes.version() {
                ..10 => Mask::Numbers,
                _ => Mask::Truths,
            },
        }))
    },
    exact: false,
};

/// `data` to `output` and, where it is wanted, `mask`, which tells the elements that are kept.
#[derive(Debug)]
struct Dropout {
    seed: u32,
    mask: Mask,
}

/// The elements of the mask.
#[derive(Clone, Copy, Debug)]
enum Mask {
    /// 1 of the type of the data.
    Numbers,
    Truths,
}

/// The ratio of elements to drop, if any are to be dropped.
fn dropped(inputs: Inputs<'_, '_>) -> Result<Option<f64>, OpError> {
    let input = |index: usize| inputs.get(index).and_then(Option::as_ref);
    match input(2) {
        Some(training) if one::<bool>("training_mode", training)? => {}
        _ => return Ok(None),
    }
    let ratio = match input(1) {
        None => 0.5,
        Some(ratio) => {
            dispatch_numeric!(ratio.dtype(), T => Ok(one::<T>("ratio", ratio)?.to_f64()))?
        }
    };
    match ratio {
        0.0 => Ok(None),
        ratio if (0.0..1.0).contains(&ratio) => Ok(Some(ratio)),
        ratio => Err(OpError::run(
            "ratio",
            format!("is {ratio}, must be at least 0 and below 1"),
        )),
    }
}

fn drop<T: Numeric>(
    data: &TensorView<'_>,
    ratio: f64,
    seed: u32,
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    let kept = 1.0 / (1.0 - ratio);
    let mut random = Twister::new(seed);
    let y = outputs.make(data.shape())?;
    for (index, (y, x)) in y.iter_mut().zip(elements::<T>(data)).enumerate() {
        stop::check_step(index)?;
        let factor = if random.unit() >= ratio { kept } else { 0.0 };
        *y = T::from_f64(x.to_f64() * factor, Rounding::default());
    }
    Ok(())
}

impl Operator for Dropout {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let data = required(inputs, 0);
        let mask = match self.mask {
            Mask::Numbers => data.dtype,
            Mask::Truths => DType::Bool,
        };
        Ok(vec![
            Fact::new(data.dtype, data.dims.clone()),
            Fact::new(mask, data.dims.clone()),
        ])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let data = required(inputs, 0);
        let ratio = dropped(inputs)?;
        match ratio {
            None => outputs.copy(data, data.shape())?,
            Some(ratio) => dispatch_numeric!(data.dtype(), T =>
                drop::<T>(data, ratio, self.seed, outputs))?,
        }
        if !outputs.wanted(1) {
            return Ok(());
        }
        match self.mask {
            Mask::Truths => {
                let mask = outputs.make_at::<bool>(1, data.shape())?;
                match ratio {
                    None => elementwise::fill(mask, &true),
                    Some(ratio) => {
                        let mut random = Twister::new(self.seed);
                        for (index, kept) in mask.iter_mut().enumerate() {
                            stop::check_step(index)?;
                            *kept = random.unit() >= ratio;
                        }
                    }
                }
                Ok(())
            }
            Mask::Numbers => dispatch!(data.dtype(), T in [f32, f64, f16, bf16] => {
                elementwise::fill(outputs.make_at::<T>(1, data.shape())?, &T::from_i64(1));
                Ok(())
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn nothing_is_dropped_but_in_training() {
        let x = tensor(&[3], vec![1f32, f32::NAN, 3.0]);
        for dropout in [
            node("Dropout", 1).float("ratio", 0.9),
            node("Dropout", 7).float("ratio", 0.9),
            node("Dropout", 22),
        ] {
            let y = dropout.run(&[Some(&x)]).expect("it runs");
            assert_eq!(format!("{y:?}"), format!("{:?}", [&x]));
        }
        let whole = |opset| {
            node("Dropout", opset)
                .outputs(2)
                .run(&[Some(&x)])
                .expect("it runs")
                .remove(1)
        };
        assert_eq!(whole(7), tensor(&[3], vec![1f32; 3]));
        assert_eq!(whole(10), tensor(&[3], vec![true; 3]));
        let ratio = |ratio: f32| tensor(&[], vec![ratio]);
        let training = tensor(&[], vec![true]);
        let dropout = node("Dropout", 13);
        assert_eq!(
            dropout.error(&[Some(&x), Some(&ratio(1.0)), Some(&training)]),
            "ratio is 1, must be at least 0 and below 1"
        );
        let x = tensor(&[1000], vec![1f32; 1000]);
        let y = dropout
            .run(&[Some(&x), Some(&ratio(0.25)), Some(&training)])
            .expect("it runs");
        let y = y[0].as_slice::<f32>().expect("f32");
        let kept = y.iter().filter(|y| **y == 4.0 / 3.0).count();
        let dropped = y.iter().filter(|y| **y == 0.0).count();
        assert_eq!(kept + dropped, 1000);
        assert!((700..800).contains(&kept));
    }
}
