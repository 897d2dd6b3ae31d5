//! MeanVarianceNormalization: over any axes.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__MeanVarianceNormalization.html>

use half::{bf16, f16};

use crate::error::OpError;
use crate::ops::convert::Numeric;
use crate::ops::{Fact, Inputs, Op, Operator, Outputs, elements, reduce, required};
use crate::parts;
use crate::stop;
use crate::tensor::{Rounding, TensorView, dispatch};

pub(in crate::ops) const MEAN_VARIANCE_NORMALIZATION: Op = Op {
    domain: "ai.onnx",
    name: "MeanVarianceNormalization",
    newest: 13,
    read: |attributes| {
        Ok(Box::new(MeanVariance {
            axes: attributes.ints("axes").unwrap_or(&[0, 2, 3]).to_vec(),
        }))
    },
    exact: false,
};

/// What is added to the deviation, which may be 0.
const EPSILON: f64 = 1e-9;

/// `X` to `Y` of the same shape.
#[derive(Debug)]
struct MeanVariance {
    axes: Vec<i64>,
}

impl MeanVariance {
    fn run<T: Numeric>(
        &self,
        x: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let shape = x.shape();
        let mask = reduce::mask("axes", &self.axes, shape.len())?;
        // How far the set that an element belongs to goes with a step along each axis.
        let (mut steps, mut sets) = (vec![0; shape.len()], 1);
        for axis in (0..shape.len()).rev().filter(|axis| !mask[*axis]) {
            steps[axis] = sets;
            sets *= shape[axis];
        }
        outputs.check_scratch(sets.saturating_mul(2 * size_of::<f64>()))?;
        let (x, y) = (elements::<T>(x), outputs.make::<T>(shape)?);
        if y.is_empty() {
            return Ok(());
        }
        let set_of = |index: usize| {
            let (mut rest, mut set) = (index, 0);
            for (size, step) in shape.iter().zip(&steps).rev() {
                set += rest % size * step;
                rest /= size;
            }
            set
        };
        let count = (x.len() / sets) as f64;
        let mut means = parts::filled(0.0, sets)?;
        for (index, x) in x.iter().enumerate() {
            stop::check_step(index)?;
            means[set_of(index)] += x.to_f64() / count;
        }
        let mut variances = parts::filled(0.0, sets)?;
        for (index, x) in x.iter().enumerate() {
            stop::check_step(index)?;
            let set = set_of(index);
            variances[set] += (x.to_f64() - means[set]).powi(2) / count;
        }
        for (index, (y, x)) in y.iter_mut().zip(x).enumerate() {
            stop::check_step(index)?;
            let set = set_of(index);
            let normal = (x.to_f64() - means[set]) / (variances[set].sqrt() + EPSILON);
            *y = T::from_f64(normal, Rounding::default());
        }
        Ok(())
    }
}

impl Operator for MeanVariance {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        if let Some(dims) = &x.dims {
            reduce::mask("axes", &self.axes, dims.len())?;
        }
        Ok(vec![Fact::new(x.dtype, x.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        dispatch!(x.dtype(), T in [f32, f64, f16, bf16] => self.run::<T>(x, outputs))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn over_any_axes() {
        let x = tensor(&[2, 2], vec![0f32, 10.0, 2.0, 30.0]);
        let run = |axes: &[i64]| {
            node("MeanVarianceNormalization", 9)
                .ints("axes", axes)
                .run(&[Some(&x)])
        };
        let wanted = |y: [f32; 4]| Ok(vec![tensor(&[2, 2], y.to_vec())]);
        assert_eq!(run(&[0]), wanted([-1.0, -1.0, 1.0, 1.0]));
        assert_eq!(run(&[-1]), wanted([-1.0, 1.0, -1.0, 1.0]));
        assert_eq!(
            node("MeanVarianceNormalization", 13).error(&[Some(&iota(&[1, 2, 3]))]),
            "axes[2] is 3, must be in -3..=2"
        );
    }
}
