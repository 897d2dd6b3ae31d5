//! The error function: a polynomial near 0, and 1 less an exponential of a polynomial elsewhere.

use fearless_simd::{Select, Simd, SimdBase, SimdFloat};

use super::exp::exp;
use super::{VectorFunction, polynomial};

/// Within 2 units in the last place.
#[derive(Debug)]
pub(in crate::ops) struct Erf;

/// `erf(x) / x - 1` in powers of `x^2`, fitted to 0..1.
const NEAR: [f32; 7] = [
    0.128_379_17,
    -0.376_126_26,
    0.112_835_854,
    -0.026_853_813,
    0.005_188_328,
    -0.000_801_019_9,
    0.000_078_538_775,
];

/// `ln(1 - erf(x))`, fitted to 1..[`MOST`].
const FAR: [f32; 7] = [
    -0.000_341_522_34,
    -1.127_089_1,
    -0.638_144_85,
    -0.103_106_76,
    0.021_838_067,
    -0.002_947_659,
    0.000_186_379_25,
];

/// From here on, the function is 1.
const MOST: f32 = 3.95;

impl VectorFunction for Erf {
    #[inline(always)]
    fn of<S: Simd>(s: S, x: S::f32s, _: [f32; 2]) -> S::f32s {
        let distance = x.abs();
        let near = x.mul_add(polynomial(s, x * x, &NEAR), x);
        let most = <S::f32s as SimdBase<S>>::splat(s, MOST);
        let held = distance.simd_gt(MOST).select(most, distance);
        let one = <S::f32s as SimdBase<S>>::splat(s, 1.0);
        let far = one - exp(s, polynomial(s, held, &FAR));
        distance.simd_lt(1.0).select(near, far.copysign(x))
    }
}
