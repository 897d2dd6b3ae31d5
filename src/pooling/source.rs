//! What taps are read from: elements, or accumulators in a buffer.

use fearless_simd::Simd;

use super::lanes::{Accumulator, MOST_LANES, Vectored, lanes};
use super::reduce::{Places, Reduction};

/// What taps are read from.
pub(super) trait Source<T: Vectored, R: Reduction<T>>: Copy {
    /// Whether it holds accumulators.
    const FOLDED: bool;

    /// From `at` on, at least `len` accumulators.
    fn from(self, at: usize, len: usize) -> Self;
    fn get<S: Simd>(self, s: S, reduction: &R, at: usize) -> R::Acc<S>;
}

/// Accumulators in a buffer, their parts `part` items apart.
#[derive(Clone, Copy)]
pub(super) struct Folded<'a, I> {
    pub(super) items: &'a [I],
    pub(super) part: usize,
}

impl<T: Vectored, R: Reduction<T>> Source<T, R> for Folded<'_, R::Item> {
    const FOLDED: bool = true;

    #[inline(always)]
    fn from(self, at: usize, len: usize) -> Self {
        Folded {
            items: &self.items[at..at + (R::PARTS - 1) * self.part + len],
            part: self.part,
        }
    }

    #[inline(always)]
    fn get<S: Simd>(self, s: S, _: &R, at: usize) -> R::Acc<S> {
        R::Acc::<S>::load(s, self.items, self.part, at)
    }
}

/// Elements of a tensor, with their places from `place` on.
#[derive(Clone, Copy)]
pub(super) struct Unfolded<'a, T> {
    pub(super) x: &'a [T],
    pub(super) place: usize,
}

impl<T: Vectored, R: Reduction<T>> Source<T, R> for Unfolded<'_, T> {
    const FOLDED: bool = false;

    #[inline(always)]
    fn from(self, at: usize, _: usize) -> Self {
        Unfolded {
            x: &self.x[at..],
            place: self.place.wrapping_add(at),
        }
    }

    #[inline(always)]
    fn get<S: Simd>(self, s: S, reduction: &R, at: usize) -> R::Acc<S> {
        let places = Places {
            first: self.place.wrapping_add(at),
            step: 1,
        };
        let raw = match self.x.get(at..at + lanes::<S, T>()) {
            Some(x) => T::load(s, x),
            None => {
                let mut x = [T::default(); MOST_LANES];
                copy_present(self.x, at, &mut x);
                T::load(s, &x)
            }
        };
        reduction.start(s, raw, places)
    }
}

/// Copies those elements of `x` from `at` on that exist, counting with wrapping.
#[cold]
#[inline(never)]
pub(super) fn copy_present<T: Copy>(x: &[T], at: usize, into: &mut [T]) {
    for (index, into) in into.iter_mut().enumerate() {
        if let Some(x) = x.get(at.wrapping_add(index)) {
            *into = *x;
        }
    }
}

/// The accumulators of no taps.
#[inline(always)]
pub(super) fn absent<S: Simd, T: Vectored, R: Reduction<T>>(s: S, reduction: &R) -> R::Acc<S> {
    let absent = T::load(s, &[reduction.absent(); MOST_LANES]);
    reduction.start(s, absent, Places { first: 0, step: 0 })
}
