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
use crate::allocate;
use crate::parts::PART;
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

/// What elements are added to, each to the next one, so that they need not wait for each other; joined in order.
type Lanes = [f64; 8];

/// Adds `f` of the elements; all but the last that are added are a multiple of the lanes.
#[inline(always)]
fn add(lanes: &mut Lanes, x: &[f64], f: impl Fn(f64) -> f64) {
    for x in x.chunks(lanes.len()) {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane += f(*x);
        }
    }
}

/// The sum of `f` over elements.
#[inline(always)]
fn sum(x: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = Lanes::default();
    for (number, x) in x.chunks(PART).enumerate() {
        if number > 0 && stop::is_set() {
            break;
        }
        add(&mut lanes, x, &f);
    }
    lanes.iter().sum()
}

/// The elements of a run, from `start` on. Many are read in parts, each time that they are needed.
struct Elements<'a, 'x> {
    read: &'a Wide<'x>,
    start: usize,
    len: usize,
    /// All of them, where they are few.
    few: &'a [f64],
}

impl<'a, 'x> Elements<'a, 'x> {
    /// A buffer for few of them.
    fn buffer(len: usize) -> Vec<f64> {
        allocate::filled(0.0, if len <= PART { len } else { 0 })
    }

    fn new(
        read: &'a Wide<'x>,
        start: usize,
        len: usize,
        buffer: &'a mut [f64],
    ) -> Elements<'a, 'x> {
        read(start, buffer);
        Elements {
            read,
            start,
            len,
            few: buffer,
        }
    }

    /// Calls `run` with parts of them, and where each begins; false if the run is to stop.
    fn each(&self, mut run: impl FnMut(usize, &[f64])) -> bool {
        if self.len == self.few.len() {
            run(0, self.few);
            return true;
        }
        let mut part = allocate::filled(0.0, PART);
        for first in (0..self.len).step_by(PART) {
            if first > 0 && stop::is_set() {
                return false;
            }
            let part = &mut part[..PART.min(self.len - first)];
            (self.read)(self.start + first, part);
            run(first, part);
        }
        true
    }

    /// The sum of `f` over them.
    fn sum(&self, f: impl Fn(f64) -> f64) -> f64 {
        let mut lanes = Lanes::default();
        self.each(|_, x| add(&mut lanes, x, &f));
        lanes.iter().sum()
    }
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
    fn of(self, x: &Elements<'_, '_>, epsilon: f64) -> Statistics {
        let count = x.len as f64;
        let mean = match self {
            Measure::Deviation => x.sum(|x| x) / count,
            Measure::RootMeanSquare => 0.0,
        };
        let variance = x.sum(|x| (x - mean) * (x - mean)) / count;
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
    measure: &(dyn Fn(usize, &Elements<'_, '_>) -> Statistics + Sync),
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
        let mut buffer = Elements::buffer(len);
        for (index, y) in y.chunks_mut(len).enumerate() {
            let elements = Elements::new(read, start + index * len, len, &mut buffer);
            let Statistics { mean, factor } = measure(elements.start / len, &elements);
            let whole = elements.each(|first, x| {
                let y = &mut y[first..first + x.len()];
                let (mut number, mut done, mut from) = (first / piece, first % piece, 0);
                while from < x.len() {
                    let to = x.len().min(from + piece - done);
                    let at = elements.start + number * piece;
                    let (factor, bias) = (factor * scale.at(at), bias.at(at));
                    for (y, x) in y[from..to].iter_mut().zip(&x[from..to]) {
                        *y = Y::from_f64((x - mean) * factor + bias, Rounding::default());
                    }
                    (number, done, from) = (number + 1, 0, to);
                }
            });
            if !whole {
                return;
            }
        }
    });
}
