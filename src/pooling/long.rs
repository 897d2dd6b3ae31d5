//! The fold of long windows, at a cost that grows with the logarithm of their length.
//!
//! Windows at every position are put together from runs of taps, each some times as long as the ones that it is put
//! together from. Where a tap may be folded twice, overlapping runs cover a window; where it may not, the runs of each
//! length are the digits of the window's length, the shortest last. No tap outside a window is ever folded, so sums
//! neither drift nor carry a NaN along.

use fearless_simd::{Level, Simd};

use super::lanes::{Accumulator, Vectored, lanes};
use super::reduce::{Places, Reduction};
use super::runs::Run;
use super::sink::{Sink, store_first};
use crate::simd::dispatch;
use crate::stop;

/// The most runs that are folded into one at a time.
const MOST: usize = 8;

/// The vectors of windows that are folded at a time, where there are as many, and their elements are not so small that
/// each vector makes several of accumulators.
const BLOCK: usize = 4;

/// Items that are folded between looks at whether the run is to stop; a multiple of those of any block.
const STOP_ITEMS: usize = 1 << 16;

/// The taps of windows: `count`, `step` items apart.
#[derive(Clone, Copy)]
pub(super) struct LongTaps {
    pub(super) count: usize,
    pub(super) step: usize,
}

/// What is folded: `rows` rows of `width` single taps, `pitch` items apart. Windows begin at every item of `stretches`
/// rows, `stride` rows apart; the last ones of a row that is folded along are no whole windows.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) rows: usize,
    pub(super) width: usize,
    pub(super) pitch: usize,
    pub(super) stretches: usize,
    pub(super) stride: usize,
    /// Windows in a stretch.
    pub(super) len: usize,
}

/// Where the windows go.
#[derive(Clone, Copy)]
pub(super) struct Into<'a> {
    pub(super) at: usize,
    /// From the windows of one stretch to those of the next.
    pub(super) pitch: usize,
    /// If they are divided: the column of the first window of a stretch, how many there are, the shares of stretches, and
    /// what all of them have in common.
    pub(super) column: usize,
    pub(super) columns: usize,
    pub(super) shares: &'a [Run],
    pub(super) share: f64,
    /// Whether what lies behind the windows of a stretch is written later.
    pub(super) ascending: bool,
}

/// Accumulators in a buffer, from `at` on, their parts `part` items apart.
pub(super) struct Items<'a, I> {
    pub(super) items: &'a mut [I],
    pub(super) part: usize,
    pub(super) at: usize,
}

/// What windows are folded from.
pub(super) struct Source<'a, T, I> {
    /// A row of elements, with [`MOST_LANES`] to spare; or none, if the single taps are the first runs.
    pub(super) row: &'a [T],
    /// The place of its first element.
    pub(super) place: usize,
    /// Runs, which are lengthened, with room for [`MOST_LANES`] more.
    pub(super) runs: Items<'a, I>,
    /// The last taps of windows, as long as more are to come before them: as the runs, as many as there are windows.
    pub(super) carry: Items<'a, I>,
}

/// Folds windows.
pub(super) fn fold<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    taps: LongTaps,
    field: Field,
    source: Source<'_, T, R::Item>,
    into: Into<'_>,
    sink: &mut impl Sink<T, R>,
) {
    dispatch!(level, s => windows(s, reduction, taps, field, source, into, sink));
}

/// How many runs the next longer ones are put together from, for windows of `count` runs: where digits are left over,
/// as few as can be.
fn radix(count: usize, idempotent: bool) -> usize {
    let cost = |radix: &usize| match idempotent {
        true => radix + count.div_ceil(*radix).min(MOST),
        false => {
            radix
                + count % radix
                + (count / radix).min(MOST)
                + usize::from(!count.is_multiple_of(*radix))
        }
    };
    (3..=MOST).min_by_key(cost).unwrap_or(MOST)
}

#[inline(always)]
fn windows<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    taps: LongTaps,
    field: Field,
    mut source: Source<'_, T, R::Item>,
    into: Into<'_>,
    sink: &mut impl Sink<T, R>,
) {
    // Taps in a run, and how many runs a window has left: those of its first taps.
    let (mut run, mut left) = (1, taps.count);
    let mut more = false;
    let mut offsets = [0; MOST];
    while left > MOST {
        let radix = radix(left, R::IDEMPOTENT);
        let digit = if R::IDEMPOTENT { 0 } else { left % radix };
        if digit > 0 {
            for index in 0..digit {
                offsets[index] = (left - digit + index) * run * taps.step;
            }
            add(
                s,
                reduction,
                &mut source,
                &offsets[..digit],
                run == 1,
                more,
                field,
            );
            more = true;
        }
        for index in 0..radix {
            offsets[index] = index * run * taps.step;
        }
        lengthen(
            s,
            reduction,
            &mut source,
            &offsets[..radix],
            run == 1,
            field,
        );
        run *= radix;
        left = match R::IDEMPOTENT {
            true => taps.count.div_ceil(run),
            false => left / radix,
        };
    }
    for index in 0..left {
        // Where a tap may be folded twice, the last run is moved back into the window.
        offsets[index] = (index * run).min(taps.count - run) * taps.step;
    }
    finish(
        s,
        reduction,
        &source,
        &offsets[..left],
        run == 1,
        more,
        field,
        into,
        sink,
    );
}

/// Makes each run as long as those at `offsets` behind it are together.
#[inline(always)]
fn lengthen<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    source: &mut Source<'_, T, R::Item>,
    offsets: &[usize],
    single: bool,
    field: Field,
) {
    let len = lanes::<S, T>();
    let total = (field.rows - 1) * field.pitch + field.width;
    let whole = total.saturating_sub(offsets[offsets.len() - 1]);
    // Rows without anything between them are one.
    let (rows, width) = match field.width == field.pitch {
        true => (1, total),
        false => (field.rows, field.width),
    };
    for row in 0..rows {
        let first = row * field.pitch;
        let end = (first + width).min(whole);
        let mut at = first;
        // Ascending, so that what lies behind a run is not lengthened yet.
        if const { size_of::<T>() >= 4 } {
            while at + BLOCK * len <= end {
                if (at - first).is_multiple_of(STOP_ITEMS) && at > first && stop::is_set() {
                    return;
                }
                let accs = gather::<S, T, R, BLOCK>(s, reduction, source, offsets, single, at);
                let (items, part) = (
                    &mut source.runs.items[source.runs.at + at..],
                    source.runs.part,
                );
                for v in 0..BLOCK {
                    accs[v].store(items, part, v * len);
                }
                at += BLOCK * len;
            }
        }
        while at < end {
            let accs = gather::<S, T, R, 1>(s, reduction, source, offsets, single, at);
            // What lies behind the runs is needed as it is.
            let (runs, count) = (&mut source.runs, len.min(end - at));
            store_first::<S, T, R>(accs[0], runs.items, runs.part, runs.at + at, count);
            at += len;
        }
    }
}

/// Folds runs at `offsets` behind each window's first tap into what is carried, before what that has already if it is
/// `more` than nothing.
#[inline(always)]
fn add<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    source: &mut Source<'_, T, R::Item>,
    offsets: &[usize],
    single: bool,
    more: bool,
    field: Field,
) {
    let len = lanes::<S, T>();
    for stretch in 0..field.stretches {
        let from = stretch * field.stride * field.pitch;
        let to = stretch * field.len;
        let mut i = 0;
        while i < field.len {
            let accs = gather::<S, T, R, 1>(s, reduction, source, offsets, single, from + i);
            let mut acc = accs[0];
            if more {
                acc = reduction.fold(s, acc, carried::<S, T, R>(s, source, to + i));
            }
            let (carry, count) = (&mut source.carry, len.min(field.len - i));
            store_first::<S, T, R>(acc, carry.items, carry.part, carry.at + to + i, count);
            i += len;
        }
    }
}

/// What windows `at` and on carry.
#[inline(always)]
fn carried<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    source: &Source<'_, T, R::Item>,
    at: usize,
) -> R::Acc<S> {
    R::Acc::<S>::load(
        s,
        source.carry.items,
        source.carry.part,
        source.carry.at + at,
    )
}

/// As [`add`], into where the windows go.
#[inline(always)]
fn finish<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    source: &Source<'_, T, R::Item>,
    offsets: &[usize],
    single: bool,
    more: bool,
    field: Field,
    into: Into<'_>,
    sink: &mut impl Sink<T, R>,
) {
    let len = lanes::<S, T>();
    let (mut stretches, mut width) = (field.stretches, field.len);
    if !R::DIVIDES && !more && field.stride == 1 && width == field.pitch && width == into.pitch {
        // Stretches without anything between them are one.
        (stretches, width) = (1, stretches * width);
    }
    let mut shares = into.shares;
    let mut share = into.share;
    for stretch in 0..stretches {
        while R::DIVIDES && !shares.is_empty() && stretch >= shares[0].window {
            share = into.share * shares[0].share;
            shares = &shares[1..];
        }
        let from = stretch * field.stride * field.pitch;
        let (at, carried_at) = (into.at + stretch * into.pitch, stretch * field.len);
        let mut column = into.column;
        let mut i = 0;
        if const { size_of::<T>() >= 4 } {
            while i + BLOCK * len <= width && i + BLOCK * len <= sink.room(at) {
                let mut accs =
                    gather::<S, T, R, BLOCK>(s, reduction, source, offsets, single, from + i);
                for v in 0..BLOCK {
                    if more {
                        let behind = carried::<S, T, R>(s, source, carried_at + i + v * len);
                        accs[v] = reduction.fold(s, accs[v], behind);
                    }
                    let divisor = sink.divisor(s, reduction, share, column);
                    sink.put_whole(s, reduction, accs[v], divisor, at + i + v * len);
                    column = next_column(column + len, into.columns);
                }
                i += BLOCK * len;
            }
        }
        while i < width {
            let accs = gather::<S, T, R, 1>(s, reduction, source, offsets, single, from + i);
            let mut acc = accs[0];
            if more {
                acc = reduction.fold(s, acc, carried::<S, T, R>(s, source, carried_at + i));
            }
            let divisor = sink.divisor(s, reduction, share, column);
            if into.ascending || i + len <= width {
                sink.put(s, reduction, acc, divisor, at + i);
            } else {
                sink.put_first(s, reduction, acc, divisor, at + i, width - i);
            }
            column = next_column(column + len, into.columns);
            i += len;
        }
    }
}

/// The column of a row of `columns` that is `column` when those of the next rows count on.
#[inline(always)]
fn next_column(column: usize, columns: usize) -> usize {
    if column < columns {
        column
    } else {
        column % columns
    }
}

/// The fold of runs at `offsets` behind windows `at` and on.
#[inline(always)]
fn gather<S: Simd, T: Vectored, R: Reduction<T>, const VECTORS: usize>(
    s: S,
    reduction: &R,
    source: &Source<'_, T, R::Item>,
    offsets: &[usize],
    single: bool,
    at: usize,
) -> [R::Acc<S>; VECTORS] {
    match single && !source.row.is_empty() {
        true => gather_taps(s, reduction, source, offsets, at),
        false => gather_runs::<S, T, R, VECTORS>(s, reduction, &source.runs, offsets, at),
    }
}

#[inline(always)]
fn gather_taps<S: Simd, T: Vectored, R: Reduction<T>, const VECTORS: usize>(
    s: S,
    reduction: &R,
    source: &Source<'_, T, R::Item>,
    offsets: &[usize],
    at: usize,
) -> [R::Acc<S>; VECTORS] {
    let mut accs = taps(s, reduction, source, at + offsets[0]);
    for &offset in &offsets[1..] {
        let next = taps::<S, T, R, VECTORS>(s, reduction, source, at + offset);
        for v in 0..VECTORS {
            accs[v] = reduction.fold(s, accs[v], next[v]);
        }
    }
    accs
}

/// The single taps from `at` on.
#[inline(always)]
fn taps<S: Simd, T: Vectored, R: Reduction<T>, const VECTORS: usize>(
    s: S,
    reduction: &R,
    source: &Source<'_, T, R::Item>,
    at: usize,
) -> [R::Acc<S>; VECTORS] {
    let len = lanes::<S, T>();
    let x = &source.row[at..at + VECTORS * len + len / 2];
    let mut places = Places {
        first: source.place.wrapping_add(at),
        step: 1,
    };
    let mut accs = [reduction.start_from(s, x, places); VECTORS];
    for v in 1..VECTORS {
        places.first = places.first.wrapping_add(len);
        accs[v] = reduction.start_from(s, &x[v * len..v * len + len + len / 2], places);
    }
    accs
}

#[inline(always)]
fn gather_runs<S: Simd, T: Vectored, R: Reduction<T>, const VECTORS: usize>(
    s: S,
    reduction: &R,
    runs: &Items<'_, R::Item>,
    offsets: &[usize],
    at: usize,
) -> [R::Acc<S>; VECTORS] {
    let len = lanes::<S, T>();
    let all = (R::PARTS - 1) * runs.part + VECTORS * len;
    let first = runs.at + at + offsets[0];
    let items = &runs.items[first..first + all];
    let mut accs = [R::Acc::<S>::load(s, items, runs.part, 0); VECTORS];
    for v in 1..VECTORS {
        accs[v] = R::Acc::<S>::load(s, items, runs.part, v * len);
    }
    for &offset in &offsets[1..] {
        let first = runs.at + at + offset;
        let items = &runs.items[first..first + all];
        for v in 0..VECTORS {
            let next = R::Acc::<S>::load(s, items, runs.part, v * len);
            accs[v] = reduction.fold(s, accs[v], next);
        }
    }
    accs
}
