//! Sums over the elements of a run, and what is made of them.

#![allow(
    clippy::needless_range_loop,
    reason = "kernels are plain loops over all that they read: adapters do not inline across instruction sets"
)]

use fearless_simd::{Level, Simd};

use super::Statistics;
use crate::ops::convert::Numeric;
use crate::ops::elementwise::Run;
use crate::simd::dispatch;
use crate::tensor::Rounding;

/// What elements are added to, each to the next one, so that they need not wait for each other; joined in order.
pub(super) type Lanes = [f64; LANES];

const LANES: usize = 8;

/// Adds elements; all but the last that are added are a multiple of the lanes.
pub(super) fn add(level: Level, lanes: &mut Lanes, x: &[f64]) {
    dispatch!(level, s => add_in(s, lanes, x));
}

/// Adds the squares of what elements differ from `mean` by; as [`add`].
pub(super) fn add_squares(level: Level, lanes: &mut Lanes, x: &[f64], mean: f64) {
    dispatch!(level, s => add_squares_in(s, lanes, x, mean));
}

/// `y = (x - mean) * factor * scale + bias`
pub(super) fn finish<Y: Numeric>(
    level: Level,
    x: &[f64],
    statistics: Statistics,
    scale: Run<'_, f64>,
    bias: Run<'_, f64>,
    y: &mut [Y],
) {
    dispatch!(level, s => finish_in(s, x, statistics, scale, bias, y));
}

#[inline(always)]
fn add_in<S: Simd>(_: S, lanes: &mut Lanes, x: &[f64]) {
    let (mut sums, mut at) = (*lanes, 0);
    while at + LANES <= x.len() {
        let x = &x[at..at + LANES];
        for lane in 0..LANES {
            sums[lane] += x[lane];
        }
        at += LANES;
    }
    for lane in 0..x.len() - at {
        sums[lane] += x[at + lane];
    }
    *lanes = sums;
}

#[inline(always)]
fn add_squares_in<S: Simd>(_: S, lanes: &mut Lanes, x: &[f64], mean: f64) {
    let (mut sums, mut at) = (*lanes, 0);
    while at + LANES <= x.len() {
        let x = &x[at..at + LANES];
        for lane in 0..LANES {
            let less = x[lane] - mean;
            sums[lane] += less * less;
        }
        at += LANES;
    }
    for lane in 0..x.len() - at {
        let less = x[at + lane] - mean;
        sums[lane] += less * less;
    }
    *lanes = sums;
}

#[inline(always)]
fn finish_in<S: Simd, Y: Numeric>(
    _: S,
    x: &[f64],
    Statistics { mean, factor }: Statistics,
    scale: Run<'_, f64>,
    bias: Run<'_, f64>,
    y: &mut [Y],
) {
    let x = &x[..y.len()];
    for i in 0..y.len() {
        let factor = factor * scale.at(i);
        y[i] = Y::from_f64((x[i] - mean) * factor + bias.at(i), Rounding::default());
    }
}
