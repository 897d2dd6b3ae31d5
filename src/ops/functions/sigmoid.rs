//! The logistic function, and numbers times it.

use fearless_simd::{Select, Simd, SimdBase};

use super::VectorFunction;
use super::exp::exp;

/// Within 3 units in the last place.
#[derive(Debug)]
pub(in crate::ops) struct Sigmoid;

impl VectorFunction for Sigmoid {
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, _: [f32; 2]) -> S::f32s {
        sigmoid(s, x)
    }
}

/// `x` times the sigmoid of `alpha x`. For an `alpha` of 1 within 4 units in the last place.
#[derive(Debug)]
pub(in crate::ops) struct Swish;

impl VectorFunction for Swish {
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, [alpha, _]: [f32; 2]) -> S::f32s {
        x * sigmoid(s, x * alpha)
    }
}

/// `1 / (1 + e^-x)`, of a power that does not overflow.
#[inline(always)]
pub(super) fn sigmoid<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    let power = exp(s, -x.abs());
    let one = <S::f32s as SimdBase<S>>::splat(s, 1.0);
    x.simd_lt(0.0).select(power, one) / (power + 1.0)
}
