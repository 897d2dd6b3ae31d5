//! The fold of long windows, at a cost that grows with the logarithm of their length.
//!
//! Windows at every position are put together from runs of taps, each some times as long as the ones that it is put
//! together from. Where a tap may be folded twice, overlapping runs cover a window; where it may not, the runs of each
//! length are the digits of the window's length, the shortest last. No tap outside a window is ever folded, so sums
//! neither drift nor carry a NaN along.

use fearless_simd::{Level, Simd, dispatch};

use super::lanes::{Accumulator, MOST_LANES, Vectored, lanes};
use super::reduce::{Places, Reduction};

/// The most runs that are folded into one at a time.
const MOST: usize = 8;

/// The taps of windows: `count`, `step` items apart.
#[derive(Clone, Copy)]
pub(super) struct LongTaps {
    pub(super) count: usize,
    pub(super) step: usize,
}

/// What is folded: `rows` rows of `width` accumulators of single taps, `pitch` items apart. Windows begin at every item
/// of `stretches` rows, `stride` rows apart; the last ones of a row that is folded along are no whole windows.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) rows: usize,
    pub(super) width: usize,
    pub(super) pitch: usize,
    pub(super) stretches: usize,
    pub(super) stride: usize,
    /// Windows in a stretch.
    pub(super) len: usize,
    /// From the windows of one stretch to those of the next.
    pub(super) into_pitch: usize,
}

/// Accumulators in a buffer, from `at` on, their parts `part` items apart.
pub(super) struct Items<'a, I> {
    pub(super) items: &'a mut [I],
    pub(super) part: usize,
    pub(super) at: usize,
}

/// Folds windows over `runs`, which is consumed, into `into`. Both have room for [`MOST_LANES`] more.
pub(super) fn fold<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    taps: LongTaps,
    field: Field,
    runs: Items<'_, R::Item>,
    into: Items<'_, R::Item>,
) {
    dispatch!(level, s => windows(s, reduction, taps, field, runs, into));
}

/// Folds a row of elements, of which there are at least `len` and [`MOST_LANES`], into the accumulators of single taps.
pub(super) fn start<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    row: &[T],
    len: usize,
    place: usize,
    runs: &mut [R::Item],
) {
    dispatch!(level, s => start_each(s, reduction, row, len, place, runs));
}

#[inline(always)]
fn start_each<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    row: &[T],
    len: usize,
    place: usize,
    runs: &mut [R::Item],
) {
    let lanes = lanes::<S, T>();
    let part = runs.len() / R::PARTS;
    let mut i = 0;
    while i < len {
        let places = Places {
            first: place.wrapping_add(i),
            step: 1,
        };
        let raw = T::load(s, &row[i..i + lanes]);
        reduction.start(s, raw, places).store(runs, part, i);
        i += lanes;
    }
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
    mut runs: Items<'_, R::Item>,
    mut into: Items<'_, R::Item>,
) {
    // Taps in a run, and how many runs a window has left: those of its first taps.
    let (mut run, mut left) = (1, taps.count);
    let mut more = false;
    loop {
        let last = left <= MOST;
        let radix = if last {
            left
        } else {
            radix(left, R::IDEMPOTENT)
        };
        let digit = match (last, R::IDEMPOTENT) {
            (true, _) => left,
            (false, true) => 0,
            (false, false) => left % radix,
        };
        if digit > 0 {
            let mut offsets = [0; MOST];
            for index in 0..digit {
                let tap = (left - digit + index) * run;
                // Where a tap may be folded twice, the last run is moved back into the window.
                offsets[index] = tap.min(taps.count - run) * taps.step;
            }
            add(
                s,
                reduction,
                &runs,
                &offsets[..digit],
                field,
                more,
                &mut into,
            );
            more = true;
        }
        if last {
            return;
        }
        lengthen(s, reduction, radix, run * taps.step, field, &mut runs);
        run *= radix;
        left = match R::IDEMPOTENT {
            true => taps.count.div_ceil(run),
            false => left / radix,
        };
    }
}

/// Makes each run `radix` times as long, by those that begin `reach` items apart behind it.
#[inline(always)]
fn lengthen<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    radix: usize,
    reach: usize,
    field: Field,
    runs: &mut Items<'_, R::Item>,
) {
    let (len, part) = (lanes::<S, T>(), runs.part);
    let total = (field.rows - 1) * field.pitch + field.width;
    let whole = total.saturating_sub((radix - 1) * reach);
    for row in 0..field.rows {
        let first = row * field.pitch;
        let width = field.width.min(whole.saturating_sub(first));
        let (mut at, mut rest) = (runs.at + first, width);
        // Ascending, so that what lies behind a run is not lengthened yet.
        while rest >= len {
            let acc = longer::<S, T, R>(s, reduction, radix, reach, runs.items, part, at);
            acc.store(runs.items, part, at);
            at += len;
            rest -= len;
        }
        if rest > 0 {
            let acc = longer::<S, T, R>(s, reduction, radix, reach, runs.items, part, at);
            store_first::<S, T, R>(acc, runs, at, rest);
        }
    }
}

/// The runs at `at`, `radix` times as long.
#[inline(always)]
fn longer<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    radix: usize,
    reach: usize,
    items: &[R::Item],
    part: usize,
    at: usize,
) -> R::Acc<S> {
    let items = &items[at..];
    let mut acc = R::Acc::<S>::load(s, items, part, 0);
    let mut behind = reach;
    for _ in 1..radix {
        acc = reduction.fold(s, acc, R::Acc::<S>::load(s, items, part, behind));
        behind += reach;
    }
    acc
}

/// Folds runs at `offsets` behind each window's first tap, before what `into` has of the window if that is `more`
/// than nothing.
#[inline(always)]
fn add<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    runs: &Items<'_, R::Item>,
    offsets: &[usize],
    field: Field,
    more: bool,
    into: &mut Items<'_, R::Item>,
) {
    let len = lanes::<S, T>();
    let n = field.len.next_multiple_of(len);
    for stretch in 0..field.stretches {
        let from = runs.at + stretch * field.stride * field.pitch;
        let mut rows = [&runs.items[..0]; MOST];
        for index in 0..offsets.len() {
            let from = from + offsets[index];
            rows[index] = &runs.items[from..from + (R::PARTS - 1) * runs.part + n];
        }
        let (first, others) = (rows[0], &rows[1..offsets.len()]);
        let to = into.at + stretch * field.into_pitch;
        let mut i = 0;
        while field.len - i >= len {
            let acc =
                sum_of_runs::<S, T, R>(s, reduction, first, others, runs.part, i, more, into, to);
            acc.store(into.items, into.part, to + i);
            i += len;
        }
        if i < field.len {
            let acc =
                sum_of_runs::<S, T, R>(s, reduction, first, others, runs.part, i, more, into, to);
            store_first::<S, T, R>(acc, into, to + i, field.len - i);
        }
    }
}

/// The runs at `i` of some rows, and what the windows have already if that is `more` than nothing.
#[inline(always)]
fn sum_of_runs<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    first: &[R::Item],
    others: &[&[R::Item]],
    part: usize,
    i: usize,
    more: bool,
    into: &Items<'_, R::Item>,
    to: usize,
) -> R::Acc<S> {
    let mut acc = R::Acc::<S>::load(s, first, part, i);
    for row in others {
        acc = reduction.fold(s, acc, R::Acc::<S>::load(s, row, part, i));
    }
    if more {
        let behind = R::Acc::<S>::load(s, into.items, into.part, to + i);
        acc = reduction.fold(s, acc, behind);
    }
    acc
}

/// Stores the first `count` accumulators: behind them is what others need.
#[inline(always)]
fn store_first<S: Simd, T: Vectored, R: Reduction<T>>(
    acc: R::Acc<S>,
    into: &mut Items<'_, R::Item>,
    at: usize,
    count: usize,
) {
    let mut all = [R::Item::default(); 3 * MOST_LANES];
    acc.store(&mut all, MOST_LANES, 0);
    for p in 0..R::PARTS {
        into.items[p * into.part + at..][..count].copy_from_slice(&all[p * MOST_LANES..][..count]);
    }
}
