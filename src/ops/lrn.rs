//! LRN: elements divided by a power of the squares in the channels around them.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__LRN.html>

#![allow(
    clippy::needless_range_loop,
    reason = "kernels are plain loops over all that they read: adapters do not inline across instruction sets"
)]

use fearless_simd::Simd as Vectors;
use half::{bf16, f16};

use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::error::OpError;
use crate::gemm::{Factor, Sum};
use crate::parts::Looks;
use crate::simd::{self, Simd};
use crate::tensor::{TensorView, dispatch};

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

/// Elements whose sums are taken at once, in a buffer that the first cache holds.
const BLOCK: usize = 512;

/// Squares that are added one after the other: what they sum up to is added to the rest at once, so that long sums lose little.
const TOGETHER: usize = 32;

/// A type that sums of squares are raised to a power in.
trait Power: Sum {
    /// `y[i] = x[i] / (bias + part * sums[i])^beta`.
    fn divide<T: Factor<Sum = Self>>(x: &[T], sums: &[Self], lrn: &Lrn, y: &mut [T]);
}

macro_rules! power {
    ($($type:ident)*) => {
        $(impl Power for $type {
            #[inline(always)]
            fn divide<T: Factor<Sum = $type>>(x: &[T], sums: &[$type], lrn: &Lrn, y: &mut [T]) {
                let part = (lrn.alpha / lrn.size as f64) as $type;
                let (bias, beta) = (lrn.bias as $type, lrn.beta as $type);
                let (x, sums) = (&x[..y.len()], &sums[..y.len()]);
                // The exponent that all networks use is made of roots, which are much faster.
                if beta == 0.75 {
                    for i in 0..y.len() {
                        let root = (bias + part * sums[i]).sqrt();
                        y[i] = T::narrow(x[i].widen() / (root * root.sqrt()));
                    }
                } else {
                    for i in 0..y.len() {
                        y[i] = T::narrow(x[i].widen() / (bias + part * sums[i]).powf(beta));
                    }
                }
            }
        })*
    };
}
power! { f32 f64 }

impl Lrn {
    fn run<T: Factor<Sum: Power>>(
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
        let level = Simd::installed();
        elementwise::in_planes(y, plane, |start, y| {
            let (index, place) = (start / plane, start % plane);
            let channel = index % channels;
            let first = index - channel.min(before);
            let last = index + after.min(channels - 1 - channel);
            let around = &x[first * plane + place..last * plane + place + y.len()];
            let x = &x[start..][..y.len()];
            simd::dispatch!(level, s => normalize(s, self, x, around, plane, y));
        });
        Ok(())
    }
}

/// Elements of a plane, with those at the same places in planes from `around` on, each `plane` behind the one before.
#[inline(always)]
fn normalize<S: Vectors, T: Factor<Sum: Power>>(
    _: S,
    lrn: &Lrn,
    x: &[T],
    around: &[T],
    plane: usize,
    y: &mut [T],
) {
    let mut looks = Looks::default();
    let mut from = 0;
    while from < y.len() {
        let to = y.len().min(from + BLOCK);
        let mut sums = [T::Sum::ZERO; BLOCK];
        let mut first = from;
        while first < around.len() {
            if looks.is_set(TOGETHER * BLOCK) {
                return;
            }
            let mut squares = [T::Sum::ZERO; BLOCK];
            for number in 0..TOGETHER {
                let at = first + number * plane;
                if at + to - from > around.len() {
                    break;
                }
                let other = &around[at..at + to - from];
                for i in 0..other.len() {
                    let x = other[i].widen();
                    squares[i] = squares[i].plus_product(x, x);
                }
            }
            for i in 0..BLOCK {
                sums[i] = sums[i].plus(squares[i]);
            }
            first = first.saturating_add(plane.saturating_mul(TOGETHER));
        }
        T::Sum::divide(&x[from..to], &sums, lrn, &mut y[from..to]);
        from = to;
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
