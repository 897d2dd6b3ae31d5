//! The p-norm of any power and any magnitudes, in `f64`.

use fearless_simd::Simd;

use super::sum::Doubles;
use super::{Places, Power, Reduction};
use crate::pooling::lanes::{Accumulator, Lanes};

/// The p-norm as `scale^p * (sum + lost)`: the scale is the largest magnitude so far, and the error of the sum's
/// rounding is carried along.
pub(crate) struct ScaledPowerSum(pub(crate) Power);

/// The three numbers of an accumulator.
#[derive(Clone, Copy)]
pub(crate) struct Scaled<D> {
    scale: D,
    sum: D,
    lost: D,
}

impl<S: Simd, D: Accumulator<S, Item = f64>> Accumulator<S> for Scaled<D> {
    type Item = f64;

    #[inline(always)]
    fn load(s: S, items: &[f64], part: usize, at: usize) -> Self {
        Scaled {
            scale: D::load(s, items, part, at),
            sum: D::load(s, items, part, part + at),
            lost: D::load(s, items, part, 2 * part + at),
        }
    }

    #[inline(always)]
    fn store(self, items: &mut [f64], part: usize, at: usize) {
        self.scale.store(items, part, at);
        self.sum.store(items, part, part + at);
        self.lost.store(items, part, 2 * part + at);
    }

    #[inline(always)]
    fn where_set(self, s: S, bits: u64, other: Self) -> Self {
        Scaled {
            scale: self.scale.where_set(s, bits, other.scale),
            sum: self.sum.where_set(s, bits, other.sum),
            lost: self.lost.where_set(s, bits, other.lost),
        }
    }

    #[inline(always)]
    fn turned(self, by: usize) -> Self {
        Scaled {
            scale: self.scale.turned(by),
            sum: self.sum.turned(by),
            lost: self.lost.turned(by),
        }
    }
}

impl ScaledPowerSum {
    #[inline(always)]
    fn one<S: Simd, D: Doubles<S>>(s: S, x: D) -> Scaled<D> {
        let (zero, one) = (D::splat(s, 0.0), D::splat(s, 1.0));
        let magnitude = x.abs();
        Scaled {
            // A NaN gets the largest of all scales, so that no other term hides it.
            scale: magnitude.where_number(magnitude, D::splat(s, f64::INFINITY)),
            sum: magnitude.where_number(magnitude.where_equal(zero, zero, one), magnitude),
            lost: zero,
        }
    }

    #[inline(always)]
    fn both<S: Simd, D: Doubles<S>>(&self, s: S, a: Scaled<D>, b: Scaled<D>) -> Scaled<D> {
        let scale = a.scale.max(b.scale);
        let ((a, lost_a), (b, lost_b)) = (self.under(s, a, scale), self.under(s, b, scale));
        let sum = a.add(b);
        let part = sum.sub(a);
        let lost = a.sub(sum.sub(part)).add(b.sub(part));
        Scaled {
            scale,
            sum,
            lost: lost_a.add(lost_b).add(lost),
        }
    }

    /// The sum and its error under another scale, which is not smaller.
    #[inline(always)]
    fn under<S: Simd, D: Doubles<S>>(&self, s: S, x: Scaled<D>, scale: D) -> (D, D) {
        let one = D::splat(s, 1.0);
        let power = self.0.of(s, x.scale.div(scale));
        // Two scales of zero or infinity have no quotient.
        let factor = x.scale.where_equal(scale, one, power);
        (x.sum.mul(factor), x.lost.mul(factor))
    }

    #[inline(always)]
    fn norm<S: Simd, D: Doubles<S>>(&self, s: S, x: Scaled<D>) -> D {
        x.scale.mul(self.0.root(s, x.sum.add(x.lost)))
    }
}

impl Reduction<f64> for ScaledPowerSum {
    type Item = f64;
    type Acc<S: Simd> = Scaled<Lanes<S::f64s, 1, 1>>;
    type Divisor<S: Simd> = ();
    const PARTS: usize = 3;
    const IDEMPOTENT: bool = false;

    fn absent(&self) -> f64 {
        0.0
    }

    #[inline(always)]
    fn start<S: Simd>(&self, s: S, x: S::f64s, _: Places) -> Self::Acc<S> {
        ScaledPowerSum::one(s, Lanes([[x]]))
    }

    #[inline(always)]
    fn fold<S: Simd>(&self, s: S, a: Self::Acc<S>, b: Self::Acc<S>) -> Self::Acc<S> {
        self.both(s, a, b)
    }

    #[inline(always)]
    fn divisor<S: Simd>(&self, _: S, _: f64, _: &[f64]) {}

    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        s: S,
        acc: Self::Acc<S>,
        _: (),
        _: usize,
        values: &mut [f64],
        _: &mut [i64],
    ) {
        self.norm(s, acc).store(values, 0, 0);
    }
}
