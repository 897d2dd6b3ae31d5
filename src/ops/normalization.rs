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
mod run;

use fearless_simd::Level;

use super::convert::{Numeric, Wide};
use super::elementwise::{self, Run};
use crate::allocate;
use crate::parts::PART;
use crate::simd::Simd;
use crate::stop;
use run::Lanes;

pub(super) use batch::BATCH_NORMALIZATION;
pub(super) use group::{GROUP_NORMALIZATION, INSTANCE_NORMALIZATION};
pub(crate) use layer::layer_normalization;
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
    /// The numbers for elements from `index` on, and how many of at most `most` elements they are for.
    fn run(&self, index: usize, most: usize) -> (Run<'_, f64>, usize) {
        let at = index / self.piece % self.values.len();
        match self.piece {
            1 => {
                let values = &self.values[at..];
                (Run::Each(values), values.len().min(most))
            }
            piece => (
                Run::One(&self.values[at]),
                (piece - index % piece).min(most),
            ),
        }
    }
}

/// The sum of what `add` takes of elements.
fn sum(x: &[f64], add: impl Fn(&mut Lanes, &[f64])) -> f64 {
    let mut lanes = Lanes::default();
    for (number, x) in x.chunks(PART).enumerate() {
        if number > 0 && stop::is_set() {
            break;
        }
        add(&mut lanes, x);
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

    /// The sum of what `add` takes of them.
    fn sum(&self, add: impl Fn(&mut Lanes, &[f64])) -> f64 {
        let mut lanes = Lanes::default();
        self.each(|_, x| add(&mut lanes, x));
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
    fn of(self, level: Level, x: &Elements<'_, '_>, epsilon: f64) -> Statistics {
        let count = x.len as f64;
        let mean = match self {
            Measure::Deviation => x.sum(|lanes, x| run::add(level, lanes, x)) / count,
            Measure::RootMeanSquare => 0.0,
        };
        let variance = x.sum(|lanes, x| run::add_squares(level, lanes, x, mean)) / count;
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
    let level = Simd::installed();
    let together = len.saturating_mul((GRAIN / len).max(1));
    elementwise::parts(y, together, &|start, y| {
        let mut buffer = Elements::buffer(len);
        for (index, y) in y.chunks_mut(len).enumerate() {
            let elements = Elements::new(read, start + index * len, len, &mut buffer);
            let statistics = measure(elements.start / len, &elements);
            let whole = elements.each(|first, x| {
                let y = &mut y[first..first + x.len()];
                let mut done = 0;
                while done < x.len() {
                    let at = elements.start + first + done;
                    let (scale, count) = scale.run(at, x.len() - done);
                    let (bias, count) = bias.run(at, count);
                    let (x, y) = (&x[done..done + count], &mut y[done..done + count]);
                    run::finish(level, x, statistics, scale, bias, y);
                    done += count;
                }
            });
            if !whole {
                return;
            }
        }
    });
}
