//! Where accumulators go: a buffer, or the results of a pool.

use fearless_simd::{Level, Simd};

use super::lanes::{Accumulator, MOST_LANES, Vectored, lanes};
use super::reduce::Reduction;
use super::source::absent;
use crate::simd::dispatch;

/// Where accumulators go, in ascending order: what is written beyond the last window of a row is written again.
pub(super) trait Sink<T: Vectored, R: Reduction<T>> {
    /// How many windows from `at` on have room.
    fn room(&self, at: usize) -> usize;

    /// The divisor of windows in `column` and on of a row with the share `row`.
    fn divisor<S: Simd>(&self, s: S, reduction: &R, row: f64, column: usize) -> R::Divisor<S>;

    /// Puts the accumulators of windows `at` and on. There is room for all of them.
    fn put_whole<S: Simd>(
        &mut self,
        s: S,
        reduction: &R,
        acc: R::Acc<S>,
        divisor: R::Divisor<S>,
        at: usize,
    );

    /// As [`Sink::put_whole`], but only the first `count`.
    fn put_first<S: Simd>(
        &mut self,
        s: S,
        reduction: &R,
        acc: R::Acc<S>,
        divisor: R::Divisor<S>,
        at: usize,
        count: usize,
    );

    /// As [`Sink::put_whole`], but those for which there is no room are dropped.
    #[inline(always)]
    fn put<S: Simd>(
        &mut self,
        s: S,
        reduction: &R,
        acc: R::Acc<S>,
        divisor: R::Divisor<S>,
        at: usize,
    ) {
        match self.room(at) {
            room if room < lanes::<S, T>() => {
                self.put_first(s, reduction, acc, divisor, at, room);
            }
            _ => self.put_whole(s, reduction, acc, divisor, at),
        }
    }
}

/// Into a buffer, which has room for [`MOST_LANES`] more than is asked for.
pub(super) struct IntoFolded<'a, I> {
    pub(super) items: &'a mut [I],
    pub(super) part: usize,
}

impl<T: Vectored, R: Reduction<T>> Sink<T, R> for IntoFolded<'_, R::Item> {
    #[inline(always)]
    fn room(&self, at: usize) -> usize {
        self.part - at
    }

    #[inline(always)]
    fn divisor<S: Simd>(&self, s: S, reduction: &R, row: f64, _: usize) -> R::Divisor<S> {
        reduction.divisor(s, row, &[1.0; MOST_LANES])
    }

    #[inline(always)]
    fn put_whole<S: Simd>(&mut self, _: S, _: &R, acc: R::Acc<S>, _: R::Divisor<S>, at: usize) {
        acc.store(self.items, self.part, at);
    }

    #[inline(always)]
    fn put_first<S: Simd>(
        &mut self,
        _: S,
        _: &R,
        acc: R::Acc<S>,
        _: R::Divisor<S>,
        at: usize,
        count: usize,
    ) {
        store_first::<S, T, R>(acc, self.items, self.part, at, count);
    }
}

/// Into the results of a pool.
pub(super) struct IntoResult<'a, T> {
    pub(super) values: &'a mut [T],
    /// As many as values, if the reduction yields places.
    pub(super) places: &'a mut [i64],
    /// The shares of the columns of a row, repeated for a vector's length.
    pub(super) columns: &'a [f64],
    /// Where places begin to count.
    pub(super) base: usize,
}

impl<T: Vectored, R: Reduction<T>> Sink<T, R> for IntoResult<'_, T> {
    #[inline(always)]
    fn room(&self, at: usize) -> usize {
        self.values.len() - at
    }

    #[inline(always)]
    fn divisor<S: Simd>(&self, s: S, reduction: &R, row: f64, column: usize) -> R::Divisor<S> {
        let columns = match R::DIVIDES {
            true => &self.columns[column..column + lanes::<S, T>()],
            false => &[],
        };
        reduction.divisor(s, row, columns)
    }

    #[inline(always)]
    fn put_whole<S: Simd>(
        &mut self,
        s: S,
        reduction: &R,
        acc: R::Acc<S>,
        divisor: R::Divisor<S>,
        at: usize,
    ) {
        let len = lanes::<S, T>();
        let values = &mut self.values[at..at + len];
        let places = match R::PLACES {
            true => &mut self.places[at..at + len],
            false => &mut [],
        };
        reduction.finish(s, acc, divisor, self.base, values, places);
    }

    #[inline(always)]
    fn put_first<S: Simd>(
        &mut self,
        s: S,
        reduction: &R,
        acc: R::Acc<S>,
        divisor: R::Divisor<S>,
        at: usize,
        count: usize,
    ) {
        let len = lanes::<S, T>();
        let (mut values, mut places) = ([T::default(); MOST_LANES], [0; MOST_LANES]);
        let (into, places_into) = (&mut values[..len], &mut places[..len]);
        reduction.finish(s, acc, divisor, self.base, into, places_into);
        self.values[at..at + count].copy_from_slice(&values[..count]);
        if R::PLACES {
            self.places[at..at + count].copy_from_slice(&places[..count]);
        }
    }
}

/// Stores the first `count` accumulators.
#[inline(always)]
pub(super) fn store_first<S: Simd, T: Vectored, R: Reduction<T>>(
    acc: R::Acc<S>,
    items: &mut [R::Item],
    part: usize,
    at: usize,
    count: usize,
) {
    if count == lanes::<S, T>() {
        return acc.store(items, part, at);
    }
    let mut all = [R::Item::default(); 3 * MOST_LANES];
    acc.store(&mut all, MOST_LANES, 0);
    for p in 0..R::PARTS {
        items[p * part + at..][..count].copy_from_slice(&all[p * MOST_LANES..][..count]);
    }
}

/// Fills `len` items from `at` on with accumulators of nothing.
pub(super) fn fill<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    into: &mut IntoFolded<'_, R::Item>,
    at: usize,
    len: usize,
) {
    if len > 0 {
        dispatch!(level, s => fill_each::<_, T, R>(s, reduction, into, at, len));
    }
}

#[inline(always)]
fn fill_each<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    into: &mut IntoFolded<'_, R::Item>,
    at: usize,
    len: usize,
) {
    let absent = absent(s, reduction);
    let mut i = 0;
    while i < len {
        absent.store(into.items, into.part, at + i);
        i += lanes::<S, T>();
    }
}
