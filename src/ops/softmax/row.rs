//! A row of f32 whose elements follow each other, in vectors.

#![allow(
    clippy::needless_range_loop,
    reason = "kernels are plain loops over all that they read: adapters do not inline across instruction sets"
)]

use fearless_simd::{Level, Select, Simd, SimdBase, SimdWiden};

use crate::ops::functions::exp;
use crate::parts::PART;
use crate::simd::{LANES, dispatch};
use crate::stop;

/// The softmax of `x`, or its logarithm. NaN anywhere makes all of them NaN.
pub(super) fn softmax(level: Level, logarithm: bool, x: &[f32], y: &mut [f32]) {
    let mut max = f32::NEG_INFINITY;
    for (number, x) in x.chunks(PART).enumerate() {
        if number > 0 && stop::is_set() {
            return;
        }
        max = dispatch!(level, s => max_of(s, x, max));
    }
    let mut sum = 0.0;
    for (number, (x, y)) in x.chunks(PART).zip(y.chunks_mut(PART)).enumerate() {
        if number > 0 && stop::is_set() {
            return;
        }
        sum += dispatch!(level, s => powers(s, x, max, y));
    }
    let logarithm = logarithm.then(|| sum.ln());
    for (number, (x, y)) in x.chunks(PART).zip(y.chunks_mut(PART)).enumerate() {
        if number > 0 && stop::is_set() {
            return;
        }
        match logarithm {
            None => dispatch!(level, s => scale(s, 1.0 / sum, y)),
            Some(logarithm) => dispatch!(level, s => subtract(s, x, max, logarithm, y)),
        }
    }
}

/// The elements from `first` on that a vector has; what it lacks is that of exponential 0.
#[inline(always)]
fn vector<S: Simd>(s: S, x: &[f32], first: usize) -> S::f32s {
    let len = <S::f32s as SimdBase<S>>::LEN;
    if first + len <= x.len() {
        return <S::f32s as SimdBase<S>>::from_slice(s, &x[first..first + len]);
    }
    let mut part = [f32::NEG_INFINITY; LANES];
    let x = &x[first..];
    part[..x.len()].copy_from_slice(x);
    <S::f32s as SimdBase<S>>::from_slice(s, &part[..len])
}

/// The largest of `max` and the elements that are no NaN.
#[inline(always)]
fn max_of<S: Simd>(s: S, x: &[f32], max: f32) -> f32 {
    let len = <S::f32s as SimdBase<S>>::LEN;
    let mut most = <S::f32s as SimdBase<S>>::splat(s, max);
    let mut first = 0;
    while first < x.len() {
        let x = vector(s, x, first);
        most = x.simd_gt(most).select(x, most);
        first += len;
    }
    let (lanes, mut max) = (most.as_slice(), max);
    for lane in 0..len {
        max = max.max(lanes[lane]);
    }
    max
}

/// `y = e^(x - max)`, and the sum of them.
#[inline(always)]
fn powers<S: Simd>(s: S, x: &[f32], max: f32, y: &mut [f32]) -> f64 {
    let len = <S::f32s as SimdBase<S>>::LEN;
    let mut sums = [<S::f64s as SimdBase<S>>::splat(s, 0.0); 2];
    let mut first = 0;
    while first < x.len() {
        let power = exp(s, vector(s, x, first) - max);
        let (low, high) = power.widen();
        sums = [sums[0] + low, sums[1] + high];
        let end = x.len().min(first + len);
        let y = &mut y[first..end];
        if y.len() == len {
            power.store_slice(y);
        } else {
            y.copy_from_slice(&power.as_slice()[..y.len()]);
        }
        first = end;
    }
    (sums[0] + sums[1]).reduce_sum()
}

/// `y = factor y`
#[inline(always)]
fn scale<S: Simd>(_: S, factor: f64, y: &mut [f32]) {
    for i in 0..y.len() {
        y[i] = (f64::from(y[i]) * factor) as f32;
    }
}

/// `y = x - max - logarithm`
#[inline(always)]
fn subtract<S: Simd>(_: S, x: &[f32], max: f32, logarithm: f64, y: &mut [f32]) {
    let x = &x[..y.len()];
    for i in 0..y.len() {
        y[i] = (f64::from(x[i] - max) - logarithm) as f32;
    }
}
