//! The fold across rows: neighbouring windows share the same taps of neighbouring rows, vector by vector.

use fearless_simd::{Level, Simd, dispatch};

use super::lanes::{Accumulator, MOST_LANES, Vectored, lanes};
use super::reduce::{Places, Reduction};
use super::runs::Run;

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

/// An axis to fold: blocks of rows of `unit` accumulators.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub(super) blocks: usize,
    /// Where the first block begins, and from one to the next.
    pub(super) from: usize,
    pub(super) from_pitch: usize,
    /// Where its results begin, and those of the next.
    pub(super) to: usize,
    pub(super) to_pitch: usize,
    pub(super) unit: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// The windows of a block.
    pub(super) runs: &'a [Run],
    /// If results are divided: how many a row has, the column of the first, and the shares of the axes between the first
    /// and the last.
    pub(super) columns: usize,
    pub(super) column: usize,
    pub(super) middle: &'a [f64],
}

/// Taps of neighbouring windows: `count` of them, `step` apart, the first at `first`.
#[derive(Clone, Copy)]
struct Taps {
    first: usize,
    count: usize,
    step: usize,
}

/// Windows that follow each other: `len` from `at` on, the first in column `column` of rows of `columns`.
#[derive(Clone, Copy)]
struct Windows {
    at: usize,
    len: usize,
    /// The share of the row in the divisor, if there is one.
    row: f64,
    column: usize,
    columns: usize,
}

/// Folds the windows of an axis.
pub(super) fn fold<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    source: impl Source<T, R>,
    sink: &mut impl Sink<T, R>,
    stage: Stage<'_>,
) {
    dispatch!(level, s => blocks(s, reduction, source, sink, stage));
}

#[inline(always)]
fn blocks<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    source: impl Source<T, R>,
    sink: &mut impl Sink<T, R>,
    stage: Stage<'_>,
) {
    // Windows whose taps are side by side are one long row, unless they differ in the divisor.
    let divided = R::DIVIDES && !stage.middle.is_empty();
    for block in 0..stage.blocks {
        for run in stage.runs {
            let (rows, parts, len) = match (divided, stage.stride) {
                (true, _) => (run.windows, stage.middle.len(), stage.columns),
                (false, 1) => (1, 1, run.windows * stage.unit),
                (false, _) => (run.windows, 1, stage.unit),
            };
            for row in 0..rows {
                for part in 0..parts {
                    let first = (run.first + row * stage.stride) * stage.unit + part * len;
                    let taps = Taps {
                        first: stage.from + block * stage.from_pitch + first,
                        count: run.count,
                        step: stage.dilation * stage.unit,
                    };
                    let at = (run.window + row) * stage.unit + part * len;
                    let windows = Windows {
                        at: stage.to + block * stage.to_pitch + at,
                        len,
                        row: if divided {
                            run.share * stage.middle[part]
                        } else {
                            run.share
                        },
                        column: if R::DIVIDES {
                            (stage.column + at) % stage.columns
                        } else {
                            0
                        },
                        columns: stage.columns,
                    };
                    windows_of_run(s, reduction, source, taps, sink, windows);
                }
            }
        }
    }
}

#[inline(always)]
fn windows_of_run<S: Simd, T: Vectored, R: Reduction<T>, F: Source<T, R>>(
    s: S,
    reduction: &R,
    source: F,
    taps: Taps,
    sink: &mut impl Sink<T, R>,
    windows: Windows,
) {
    match taps.count {
        1 if F::FOLDED => few::<S, T, R, 1>(s, reduction, source, taps, sink, windows),
        2 if F::FOLDED => few::<S, T, R, 2>(s, reduction, source, taps, sink, windows),
        3 if F::FOLDED => few::<S, T, R, 3>(s, reduction, source, taps, sink, windows),
        _ => many(s, reduction, source, taps, sink, windows),
    }
}

/// The column `advance`, which is less than a row has, behind another.
#[inline(always)]
fn next_column(column: usize, advance: usize, columns: usize) -> usize {
    let next = column + advance;
    if next < columns { next } else { next - columns }
}

/// The accumulators of no taps.
#[inline(always)]
pub(super) fn absent<S: Simd, T: Vectored, R: Reduction<T>>(s: S, reduction: &R) -> R::Acc<S> {
    let absent = T::load(s, &[reduction.absent(); MOST_LANES]);
    reduction.start(s, absent, Places { first: 0, step: 0 })
}

#[inline(always)]
fn few<S: Simd, T: Vectored, R: Reduction<T>, const TAPS: usize>(
    s: S,
    reduction: &R,
    source: impl Source<T, R>,
    taps: Taps,
    sink: &mut impl Sink<T, R>,
    windows: Windows,
) {
    let len = lanes::<S, T>();
    let n = windows.len.next_multiple_of(len);
    let mut rows = [source; TAPS];
    for tap in 0..TAPS {
        rows[tap] = source.from(taps.first + tap * taps.step, n);
    }
    let advance = len % windows.columns;
    let mut column = windows.column;
    let mut i = 0;
    while n - i >= len {
        let mut acc = rows[0].get(s, reduction, i);
        for tap in 1..TAPS {
            acc = reduction.fold(s, acc, rows[tap].get(s, reduction, i));
        }
        let divisor = sink.divisor(s, reduction, windows.row, column);
        sink.put(s, reduction, acc, divisor, windows.at + i);
        if R::DIVIDES {
            column = next_column(column, advance, windows.columns);
        }
        i += len;
    }
}

#[inline(always)]
fn many<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    source: impl Source<T, R>,
    taps: Taps,
    sink: &mut impl Sink<T, R>,
    windows: Windows,
) {
    let len = lanes::<S, T>();
    let absent = absent(s, reduction);
    let advance = len % windows.columns;
    let mut column = windows.column;
    let mut i = 0;
    while i < windows.len {
        let mut acc = absent;
        if taps.count > 0 {
            let mut from = taps.first + i;
            acc = source.get(s, reduction, from);
            for _ in 1..taps.count {
                from += taps.step;
                acc = reduction.fold(s, acc, source.get(s, reduction, from));
            }
        }
        let divisor = sink.divisor(s, reduction, windows.row, column);
        sink.put(s, reduction, acc, divisor, windows.at + i);
        if R::DIVIDES {
            column = next_column(column, advance, windows.columns);
        }
        i += len;
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
