//! Gelu: numbers times their cumulative normal distribution.

use fearless_simd::{Bytes, Select, Simd, SimdBase, SimdFloat};

use super::exp::exp_of_sum;
use super::sigmoid::sigmoid;
use super::{VectorFunction, polynomial};

/// Within 6 units in the last place.
#[derive(Debug)]
pub(in crate::ops) struct Gelu;

/// The distribution less 1/2, divided by `x`, in powers of `x^2`, fitted to 0..1.
const NEAR: [f32; 6] = [
    0.398_942_3,
    -0.066_490_33,
    0.009_973_171,
    -0.001_185_984_7,
    0.000_113_143_65,
    -0.000_007_530_307_4,
];

/// The distribution below `-x` is `e^(-x^2 / 2) w TAIL((x - MIDDLE) w)` with `w = 1 / (x + MIDDLE)`: the polynomial is
/// fitted to 0..[`MOST`], of which this makes -1..0.55.
const TAIL: [f32; 10] = [
    0.759_554_2,
    -0.625_129_8,
    0.418_227_5,
    -0.220_515_01,
    0.085_272_916,
    -0.019_368_222,
    -0.000_755_015_06,
    0.002_185_413,
    -0.000_357_770_04,
    -0.000_230_539_91,
];
const MIDDLE: f32 = 4.25;

/// Numbers times the distribution from here on are 0.
const MOST: f32 = 14.6;

/// The bits of a number that has a half of the digits, so that its square is exact.
const HALF: u32 = 0xffff_f000;

impl VectorFunction for Gelu {
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, _: [f32; 2]) -> S::f32s {
        let distance = x.abs();
        let half = <S::f32s as SimdBase<S>>::splat(s, 0.5);
        let near = x.mul_add(polynomial(s, x * x, &NEAR), half);
        let tail = tail(s, distance);
        let one = <S::f32s as SimdBase<S>>::splat(s, 1.0);
        let far = x.simd_lt(0.0).select(tail, one - tail);
        x * distance.simd_lt(1.0).select(near, far)
    }
}

/// The normal distribution below `-x`, for an `x` that is not negative.
#[inline(always)]
fn tail<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    let most = <S::f32s as SimdBase<S>>::splat(s, MOST);
    let x = x.simd_gt(MOST).select(most, x);
    // An error of the square would be one of the power that is as large, not relative to it.
    let bits: S::u32s = x.bitcast();
    let short: S::f32s = (bits & HALF).bitcast();
    let (square, more) = (short * short * -0.5, (x - short) * (x + short) * -0.5);
    let one = <S::f32s as SimdBase<S>>::splat(s, 1.0);
    let w = one / (x + MIDDLE);
    exp_of_sum(s, square, more) * (w * polynomial(s, (x - MIDDLE) * w, &TAIL))
}

/// The approximation by a hyperbolic tangent, which is a sigmoid of the double. Relative errors grow with the negative
/// numbers that it is taken of: within `4 + 32 |x|` units in the last place.
#[derive(Debug)]
pub(in crate::ops) struct GeluByTanh;

/// Twice the root of 2 / pi, and that times 0.044715.
const DOUBLE: [f32; 2] = [1.595_769_2, 0.071_354_814];

impl VectorFunction for GeluByTanh {
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, _: [f32; 2]) -> S::f32s {
        let factor = polynomial(s, x * x, &DOUBLE);
        x * sigmoid(s, x * factor)
    }
}
