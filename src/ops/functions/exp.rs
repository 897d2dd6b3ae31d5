//! Powers of e.
//!
//! The number is split into a multiple of ln 2 and a rest, as W. J. Cody and W. Waite do it in "Software Manual for the
//! Elementary Functions": a power of two times e to the power of the rest, which a polynomial gives.

use fearless_simd::{Bytes, Select, Simd, SimdBase, SimdFloat};

use super::{VectorFunction, polynomial};

/// Within 1 unit in the last place.
#[derive(Debug)]
pub(in crate::ops) struct Exp;

impl VectorFunction for Exp {
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, _: [f32; 2]) -> S::f32s {
        exp(s, x)
    }
}

/// Between these, results are neither zero nor infinite.
const BOUNDS: [f32; 2] = [-104.0, 89.0];

/// A number that large holds no digits behind the point: what is added to it is rounded to whole numbers.
const WHOLE: f32 = 12_582_912.0;

/// ln 2 as the sum of two numbers; the multiples of the first that are needed have no more digits than f32.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// The Taylor series of `(e^x - 1 - x) / x^2`, fitted to -0.3475..0.3475.
const SERIES: [f32; 6] = [
    0.5,
    0.166_666_67,
    0.041_666_35,
    0.008_333_272,
    0.001_394_127_7,
    0.000_199_145_46,
];

/// `x = times ln 2 + rest`
struct Split<S: Simd> {
    times: S::i32s,
    rest: S::f32s,
}

#[inline(always)]
fn split<S: Simd>(s: S, x: S::f32s) -> Split<S> {
    let [least, most] = BOUNDS;
    // Comparisons keep NaN.
    let x = x
        .simd_lt(least)
        .select(<S::f32s as SimdBase<S>>::splat(s, least), x);
    let x = x
        .simd_gt(most)
        .select(<S::f32s as SimdBase<S>>::splat(s, most), x);
    let whole = x.mul_add(std::f32::consts::LOG2_E, WHOLE);
    let times = whole - WHOLE;
    let rest = times.mul_add(-LN_2[0], x);
    let bits: S::i32s = whole.bitcast();
    Split {
        times: bits - WHOLE.to_bits() as i32,
        rest: times.mul_add(-LN_2[1], rest),
    }
}

/// `e^x - 1` for what a split leaves.
#[inline(always)]
fn less_one<S: Simd>(s: S, rest: S::f32s) -> S::f32s {
    (rest * rest).mul_add(polynomial(s, rest, &SERIES), rest)
}

/// 2 to powers that f32 has in full.
#[inline(always)]
fn power_of_two<S: Simd>(power: S::i32s) -> S::f32s {
    ((power + 127) << 23u32).bitcast()
}

/// `e^x`
#[inline(always)]
pub(in crate::ops) fn exp<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    let Split { times, rest } = split(s, x);
    power(s, times, rest)
}

/// `e^(x + more)`, where `more` is small.
#[inline(always)]
pub(super) fn exp_of_sum<S: Simd>(s: S, x: S::f32s, more: S::f32s) -> S::f32s {
    let Split { times, rest } = split(s, x);
    power(s, times, rest + more)
}

#[inline(always)]
fn power<S: Simd>(s: S, times: S::i32s, rest: S::f32s) -> S::f32s {
    // The largest and the smallest powers of two are beyond f32, but not their roots.
    let half = times >> 1u32;
    let power = (less_one(s, rest) + 1.0) * power_of_two::<S>(half);
    power * power_of_two::<S>(times - half)
}

/// `e^x - 1`, with its digits kept where it is near 0. Within 2 units in the last place.
#[inline(always)]
pub(super) fn exp_less_one<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    let Split { times, rest } = split(s, x);
    let half = times >> 1u32;
    let other = times - half;
    let scale = power_of_two::<S>(half);
    let less = scale - power_of_two::<S>(-other);
    let y = less_one(s, rest).mul_add(scale, less) * power_of_two::<S>(other);
    // Of zeros too.
    y.copysign(x)
}
