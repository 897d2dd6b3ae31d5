//! The p-norm of any power and any magnitudes.

use fearless_simd::Simd;

use super::sum::Doubles;
use super::{Context, Places, Power, Reduction, SumElement};
use crate::pooling::lanes::Accumulator;

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
    fn turn(self, by: usize) -> Self {
        Scaled {
            scale: self.scale.turn(by),
            sum: self.sum.turn(by),
            lost: self.lost.turn(by),
        }
    }
}

impl ScaledPowerSum {
    /// The sum and its error under another scale, which is not smaller.
    #[inline(always)]
    fn under<S: Simd, D: Doubles<S>>(&self, s: S, x: Scaled<D>, scale: D) -> (D, D) {
        let one = D::splat(s, 1.0);
        let power = self.0.of(s, x.scale.div(scale));
        // Two scales of zero or infinity have no quotient.
        let factor = x.scale.where_equal(scale, one, power);
        (x.sum.mul(factor), x.lost.mul(factor))
    }
}

impl<T: SumElement> Reduction<T> for ScaledPowerSum {
    type Item = f64;
    type Acc<S: Simd> = Scaled<T::Wide<S>>;
    const PARTS: usize = 3;
    const IDEMPOTENT: bool = false;

    fn absent(&self) -> T {
        T::from_f64(0.0)
    }

    #[inline(always)]
    fn start<S: Simd>(&self, s: S, x: T::Raw<S>, _: Places) -> Self::Acc<S> {
        let (zero, one) = (T::Wide::splat(s, 0.0), T::Wide::splat(s, 1.0));
        let magnitude = T::widen(s, x).abs();
        Scaled {
            // A NaN gets the largest of all scales, so that no other term hides it.
            scale: magnitude.where_number(magnitude, T::Wide::splat(s, f64::INFINITY)),
            sum: magnitude.where_number(magnitude.where_equal(zero, zero, one), magnitude),
            lost: zero,
        }
    }

    #[inline(always)]
    fn fold<S: Simd>(&self, s: S, a: Self::Acc<S>, b: Self::Acc<S>) -> Self::Acc<S> {
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

    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        s: S,
        acc: Self::Acc<S>,
        _: Context<'_>,
        values: &mut [T],
        _: &mut [i64],
    ) {
        let root = self.0.root(s, acc.sum.add(acc.lost));
        T::narrow(acc.scale.mul(root), values);
    }
}
