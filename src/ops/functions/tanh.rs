//! The hyperbolic tangent.

use fearless_simd::{Simd, SimdBase, SimdFloat};

use super::VectorFunction;
use super::exp::exp_less_one;

/// Within 3 units in the last place.
#[derive(Debug)]
pub(in crate::ops) struct Tanh;

impl VectorFunction for Tanh {
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, _: [f32; 2]) -> S::f32s {
        let less = exp_less_one(s, x.abs() * -2.0);
        (less / (less + 2.0)).copysign(x)
    }
}
