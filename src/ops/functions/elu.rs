//! Exponential linear units: numbers above 0, and something of `e^x - 1` below.

use fearless_simd::{Select, Simd, SimdBase};

use super::VectorFunction;
use super::exp::exp_less_one;

/// `alpha (e^x - 1)` below 0. Within 3 units in the last place.
#[derive(Debug)]
pub(in crate::ops) struct Elu;

impl VectorFunction for Elu {
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, [alpha, _]: [f32; 2]) -> S::f32s {
        x.simd_ge(0.0).select(x, exp_less_one(s, x) * alpha)
    }
}

/// `alpha (e^(x / alpha) - 1)` below 0. For an `alpha` of 1 within 3 units in the last place.
#[derive(Debug)]
pub(in crate::ops) struct Celu;

impl VectorFunction for Celu {
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, [alpha, _]: [f32; 2]) -> S::f32s {
        x.simd_gt(0.0).select(x, exp_less_one(s, x / alpha) * alpha)
    }
}

/// [`Elu`] times `gamma`. Within 4 units in the last place.
#[derive(Debug)]
pub(in crate::ops) struct Selu;

impl VectorFunction for Selu {
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, [alpha, gamma]: [f32; 2]) -> S::f32s {
        x.simd_gt(0.0).select(x, exp_less_one(s, x) * alpha) * gamma
    }
}
