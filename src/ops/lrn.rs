//! LRN: elements divided by a power of the squares in the channels around them.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__LRN.html>

use half::{bf16, f16};

use super::convert::Numeric;
use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::allocate;
use crate::error::OpError;
use crate::tensor::{Rounding, TensorView, dispatch};

pub(super) const LRN: Op = Op {
    domain: "ai.onnx",
    name: "LRN",
    newest: 13,
    read: |attributes| {
        let size = attributes.int("size").unwrap_or_default();
        Ok(Box::new(Lrn {
            size: usize::try_from(size)
                .ok()
                .filter(|size| *size > 0)
                .ok_or_else(|| {
                    OpError::invalid("size", format!("is {size}, must be at least 1"))
                })?,
            alpha: attributes.float("alpha").unwrap_or(1e-4).into(),
            beta: attributes.float("beta").unwrap_or(0.75).into(),
            bias: attributes.float("bias").unwrap_or(1.0).into(),
        }))
    },
    exact: false,
};

/// `X: [N, C, ..]` to `Y` of the same shape.
#[derive(Debug)]
struct Lrn {
    /// The number of channels whose squares count.
    size: usize,
    alpha: f64,
    beta: f64,
    bias: f64,
}

impl Lrn {
    fn run<T: Numeric>(
        &self,
        x: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let channels = x.shape()[1];
        let plane: usize = x.shape()[2..].iter().product();
        let (x, y) = (elements::<T>(x), outputs.make::<T>(x.shape())?);
        if y.is_empty() {
            return Ok(());
        }
        let (before, after) = ((self.size - 1) / 2, self.size / 2);
        elementwise::in_planes(y, plane, |start, y| {
            let (index, place) = (start / plane, start % plane);
            let channel = index % channels;
            let first = index - channel.min(before);
            let last = index + after.min(channels - 1 - channel);
            let mut sums = allocate::filled(0.0, y.len());
            let whole = elementwise::each_rows(last + 1 - first, y.len(), |around| {
                for other in around {
                    let x = &x[(first + other) * plane + place..];
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum += x.to_f64() * x.to_f64();
                    }
                }
            });
            if !whole {
                return;
            }
            let x = &x[start..];
            let part = self.alpha / self.size as f64;
            for ((y, x), sum) in y.iter_mut().zip(x).zip(sums) {
                let base = self.bias + part * sum;
                *y = T::from_f64(x.to_f64() / self.power(base), Rounding::default());
            }
        });
        Ok(())
    }

    /// The exponent that all networks use is made of roots, which are much faster.
    #[inline(always)]
    fn power(&self, base: f64) -> f64 {
        match self.beta {
            0.75 => {
                let root = base.sqrt();
                root * root.sqrt()
            }
            beta => base.powf(beta),
        }
    }
}

impl Operator for Lrn {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        match &x.dims {
            Some(dims) if dims.len() < 2 => Err(OpError::invalid(
                "X",
                format!("is {x}, must have at least two axes"),
            )),
            dims => Ok(vec![Fact::new(x.dtype, dims.clone())]),
        }
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        self.infer(&[Some(&Fact::from(x))])?;
        dispatch!(x.dtype(), T in [f32, f64, f16, bf16] => self.run::<T>(x, outputs))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn windows_are_cut_at_the_first_and_the_last_channel() {
        let x = tensor(&[1, 3], vec![1f32, 2.0, 3.0]);
        let run = |size: i64| {
            node("LRN", 1)
                .int("size", size)
                .float("alpha", size as f32)
                .float("beta", 1.0)
                .float("bias", 0.0)
                .run(&[Some(&x)])
        };
        let wanted = vec![1f32 / 5.0, 2.0 / 14.0, 3.0 / 13.0];
        assert_eq!(run(3), Ok(vec![tensor(&[1, 3], wanted)]));
        // An even size reaches further behind.
        let wanted = vec![1f32 / 5.0, 2.0 / 13.0, 3.0 / 9.0];
        assert_eq!(run(2), Ok(vec![tensor(&[1, 3], wanted)]));
        assert_eq!(
            node("LRN", 13).int("size", 0).error(&[Some(&x)]),
            "size is 0, must be at least 1"
        );
        assert_eq!(
            node("LRN", 13)
                .int("size", 1)
                .error(&[Some(&tensor(&[1], vec![0f32]))]),
            "X is f32[1], must have at least two axes"
        );
    }
}
