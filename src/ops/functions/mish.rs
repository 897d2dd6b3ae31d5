//! Mish: numbers times the hyperbolic tangent of their softplus.

use fearless_simd::{Select, Simd, SimdBase, SimdFloat};

use super::VectorFunction;
use super::exp::exp;

/// Within 5 units in the last place.
#[derive(Debug)]
pub(in crate::ops) struct Mish;

impl VectorFunction for Mish {
    /// Of `p = e^x`, the tangent is `p (p + 2) / (p (p + 2) + 2)`; of `p = e^-x` it is `(1 + 2 p) / (1 + 2 p + 2 p^2)`. The
    /// one that does not overflow is taken.
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, _: [f32; 2]) -> S::f32s {
        let power = exp(s, -x.abs());
        let negative = x.simd_lt(0.0);
        let two = <S::f32s as SimdBase<S>>::splat(s, 2.0);
        let up = negative.select(power * (power + 2.0), power.mul_add(2.0, 1.0));
        let more = negative.select(two, power * power * 2.0);
        x * (up / (up + more))
    }
}
