//! The mean.

use fearless_simd::Simd;

use super::sum::Doubles;
use super::{Places, Reduction, SumElement};
use crate::window::Axis;

/// The mean: the sum over the number of taps that count, 0 for none.
pub(crate) struct Mean {
    pub(crate) count_include_pad: bool,
}

/// The number of taps of window `o` that count. Pads can make the product over the axes larger than any integer type.
pub(super) fn count(axis: &Axis, o: usize, count_include_pad: bool) -> f64 {
    let count = match count_include_pad {
        true => axis.padded_taps(o),
        false => axis.real_taps(o).1,
    };
    count.max(1) as f64
}

impl<T: SumElement> Reduction<T> for Mean {
    type Item = f64;
    type Acc<S: Simd> = T::Sums<S>;
    type Divisor<S: Simd> = T::Wide<S>;
    const PARTS: usize = T::SUM_PARTS;
    const IDEMPOTENT: bool = false;
    const STRIPS: bool = size_of::<T>() == 4;
    const DIVIDES: bool = true;

    fn absent(&self) -> T {
        // Minus zero changes no sum, not even that of minus zeros.
        T::from_f64(-0.0)
    }

    fn nothing(&self) -> T {
        T::from_f64(0.0)
    }

    #[inline(always)]
    fn start<S: Simd>(&self, s: S, x: T::Raw<S>, _: Places) -> T::Sums<S> {
        T::sum(s, T::widen(s, x))
    }

    #[inline(always)]
    fn start_from<S: Simd>(&self, s: S, x: &[T], _: Places) -> T::Sums<S> {
        T::sum(s, T::widen_from(s, x))
    }

    #[inline(always)]
    fn fold<S: Simd>(&self, _: S, a: T::Sums<S>, b: T::Sums<S>) -> T::Sums<S> {
        T::add(a, b)
    }

    fn share(&self, axis: &Axis, o: usize) -> f64 {
        T::share(count(axis, o, self.count_include_pad))
    }

    #[inline(always)]
    fn divisor<S: Simd>(&self, s: S, row: f64, columns: &[f64]) -> T::Wide<S> {
        T::Wide::of(s, columns).mul(T::Wide::splat(s, row))
    }

    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        s: S,
        acc: T::Sums<S>,
        divisor: T::Wide<S>,
        _: usize,
        values: &mut [T],
        _: &mut [i64],
    ) {
        T::narrow(T::mean(T::total(s, acc), divisor), values);
    }
}
