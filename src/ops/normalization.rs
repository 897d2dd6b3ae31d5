//! Normalizations: elements less their mean, divided by their deviation, scaled and shifted.
//!
//! Specification: the page of each, as <https://onnx.ai/onnx/operators/onnx__LayerNormalization.html>
//! Everything is computed in f64 and rounded once, whatever `stash_type` says; that gives the type of the
//! statistics where they are outputs.

mod affine;
mod batch;
mod group;
mod layer;
mod mean_variance;

use super::convert::{Numeric, Wide};
use super::elementwise;
use crate::gemm::parts::{self, Looks, PART};
use crate::stop;
use crate::tensor::Rounding;

pub(super) use batch::BATCH_NORMALIZATION;
pub(super) use group::{GROUP_NORMALIZATION, INSTANCE_NORMALIZATION};
pub(super) use layer::{LAYER_NORMALIZATION, RMS_NORMALIZATION};
pub(super) use mean_variance::MEAN_VARIANCE_NORMALIZATION;

/// Elements that are worth a task of their own.
const GRAIN: usize = 1 << 14;

/// What is taken from the elements of a run, and what the rest is multiplied by.
#[derive(Clone, Copy, Debug)]
struct Statistics {
    mean: f64,
    factor: f64,
}

/// Numbers that go over the elements again and again, each for `piece` elements in a row.
#[derive(Clone, Debug)]
struct Cycle {
    values: Vec<f64>,
    piece: usize,
}

impl Cycle {
    /// The number for element `index`.
    fn at(&self, index: usize) -> f64 {
        self.values[index / self.piece % self.values.len()]
    }
}

/// The sum of `f` over elements, added in several lanes that are joined in order.
#[inline(always)]
fn sum(x: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    for (number, x) in x.chunks(PART).enumerate() {
        if number > 0 && stop::is_set() {
            break;
        }
        for x in x.chunks(lanes.len()) {
            for (lane, x) in lanes.iter_mut().zip(x) {
                *lane += f(*x);
            }
        }
    }
    lanes.iter().sum()
}

/// How a run is measured.
#[derive(Clone, Copy, Debug)]
enum Measure {
    /// Mean and deviation.
    Deviation,
    /// The root of the mean square, around 0.
    RootMeanSquare,
}

impl Measure {
    fn of(self, x: &[f64], epsilon: f64) -> Statistics {
        let count = x.len() as f64;
        let mean = match self {
            Measure::Deviation => sum(x, |x| x) / count,
            Measure::RootMeanSquare => 0.0,
        };
        let variance = sum(x, |x| (x - mean) * (x - mean)) / count;
        Statistics {
            mean,
            factor: 1.0 / (variance + epsilon).sqrt(),
        }
    }
}

/// `y = (x - mean) * factor * scale + bias` for each run of `len` elements, whose statistics `measure` gives.
fn normalize<Y: Numeric>(
    read: &Wide<'_>,
    y: &mut [Y],
    len: usize,
    measure: &(dyn Fn(usize, &[f64]) -> Statistics + Sync),
    scale: &Cycle,
    bias: &Cycle,
) {
    if y.is_empty() {
        return;
    }
    // Pieces of a run for which both numbers stay the same.
    let piece = scale.piece.min(bias.piece).min(len);
    let together = len.saturating_mul((GRAIN / len).max(1));
    elementwise::parts(y, together, &|start, y| {
        let Ok(mut wide) = parts::filled(0.0, len) else {
            return;
        };
        let mut looks = Looks::default();
        for (index, y) in y.chunks_mut(len).enumerate() {
            let start = start + index * len;
            if parts::each(&mut wide, |first, wide| read(start + first, wide)).is_err() {
                return;
            }
            let Statistics { mean, factor } = measure(start / len, &wide);
            let pieces = wide.chunks(piece).zip(y.chunks_mut(piece));
            for (index, (x, y)) in pieces.enumerate() {
                let at = start + index * piece;
                let (factor, bias) = (factor * scale.at(at), bias.at(at));
                for (y, x) in y.chunks_mut(PART).zip(x.chunks(PART)) {
                    for (y, x) in y.iter_mut().zip(x) {
                        *y = Y::from_f64((x - mean) * factor + bias, Rounding::default());
                    }
                    if looks.is_set(y.len()) {
                        return;
                    }
                }
            }
        }
    });
}
