//! The fold of long windows, at a cost that grows with the logarithm of their length.
//!
//! Windows at every position are put together from runs of 1, 4, 16, 64 ... taps. Where a tap may be folded twice,
//! overlapping runs of one length cover a window; where it may not, the runs are the digits of its length to base 4,
//! the shortest last. No tap outside a window is ever folded, so sums neither drift nor carry a NaN along.

use fearless_simd::{Level, Simd, dispatch};

use super::across::{Folded, Source};
use super::lanes::{Accumulator, MOST_LANES, Vectored, lanes};
use super::reduce::{Places, Reduction};

/// From one length of runs to the next.
const BASE: usize = 4;

/// The taps of windows: `count`, `step` items apart.
#[derive(Clone, Copy)]
pub(super) struct LongTaps {
    pub(super) count: usize,
    pub(super) step: usize,
}

/// Windows whose first taps lie side by side, `len` in each of `stretches`, which lie `pitch` items apart in what is
/// folded and `len` items apart in the result.
#[derive(Clone, Copy)]
pub(super) struct Stretches {
    pub(super) count: usize,
    pub(super) pitch: usize,
    pub(super) len: usize,
}

/// Folds windows over `runs`, the accumulators of single taps, of which there are `total` and room for
/// [`MOST_LANES`] more; `runs` is consumed. Parts are `part` items apart there and `into_part` in `into`, which is
/// filled from `at` on.
#[expect(clippy::too_many_arguments, reason = "a kernel with all that it reads")]
pub(super) fn fold<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    taps: LongTaps,
    stretches: Stretches,
    runs: &mut [R::Item],
    part: usize,
    total: usize,
    into: &mut [R::Item],
    into_part: usize,
    at: usize,
) {
    dispatch!(level, s => windows(s, reduction, taps, stretches, runs, part, total, into, into_part, at));
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

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel with all that it reads")]
fn windows<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    taps: LongTaps,
    stretches: Stretches,
    runs: &mut [R::Item],
    part: usize,
    total: usize,
    into: &mut [R::Item],
    into_part: usize,
    at: usize,
) {
    let mut run = 1;
    let mut left = taps.count;
    loop {
        let last = run > taps.count / BASE;
        let digit = match (last, R::IDEMPOTENT) {
            (true, true) => taps.count.div_ceil(run),
            (true, false) => left / run,
            (false, true) => 0,
            (false, false) => left / run % BASE,
        };
        if digit > 0 {
            // Digits are folded from the end of the window on.
            let end = if R::IDEMPOTENT { taps.count } else { left };
            let mut offsets = [0; BASE];
            for index in 0..digit {
                let tap = match R::IDEMPOTENT {
                    true => (index * run).min(end - run),
                    false => end - (digit - index) * run,
                };
                offsets[index] = tap * taps.step;
            }
            let more = left < taps.count && !R::IDEMPOTENT;
            let runs = Folded { items: runs, part };
            add(s, reduction, runs, &offsets[..digit], stretches, more, into, into_part, at);
            left -= if R::IDEMPOTENT { 0 } else { digit * run };
        }
        if last {
            return;
        }
        lengthen(s, reduction, run * taps.step, runs, part, total);
        run *= BASE;
    }
}

/// Makes each run [`BASE`] times as long, by those that begin `reach` items apart behind it.
#[inline(always)]
fn lengthen<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    reach: usize,
    runs: &mut [R::Item],
    part: usize,
    total: usize,
) {
    let len = lanes::<S, T>();
    let whole = total.saturating_sub((BASE - 1) * reach);
    let mut i = 0;
    // Ascending, so that what lies behind a run is not lengthened yet.
    while i < whole {
        let mut acc = R::Acc::<S>::load(s, runs, part, i);
        for index in 1..BASE {
            acc = reduction.fold(s, acc, R::Acc::<S>::load(s, runs, part, i + index * reach));
        }
        acc.store(runs, part, i);
        i += len;
    }
}

/// Folds runs at `offsets` behind each window's first tap, before what `into` has of the window if that is `more`
/// than nothing.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel with all that it reads")]
fn add<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    runs: Folded<'_, R::Item>,
    offsets: &[usize],
    stretches: Stretches,
    more: bool,
    into: &mut [R::Item],
    into_part: usize,
    at: usize,
) {
    let len = lanes::<S, T>();
    for stretch in 0..stretches.count {
        let n = stretches.len.next_multiple_of(len);
        let mut rows = [runs; BASE];
        for index in 0..offsets.len() {
            let from = stretch * stretches.pitch + offsets[index];
            rows[index] = Source::<T, R>::from(runs, from, n);
        }
        let at = at + stretch * stretches.len;
        let mut i = 0;
        while i + len <= n {
            let mut acc = Source::<T, R>::get(rows[0], s, reduction, i);
            for index in 1..offsets.len() {
                acc = reduction.fold(s, acc, Source::<T, R>::get(rows[index], s, reduction, i));
            }
            if more {
                acc = reduction.fold(s, acc, R::Acc::<S>::load(s, into, into_part, at + i));
            }
            let rest = stretches.len - i;
            if rest >= len {
                acc.store(into, into_part, at + i);
            } else {
                store_first::<S, T, R>(acc, into, into_part, at + i, rest);
            }
            i += len;
        }
    }
}

/// Stores the first `count` accumulators: behind them are those of the next stretch, to which more may be added.
#[inline(always)]
fn store_first<S: Simd, T: Vectored, R: Reduction<T>>(
    acc: R::Acc<S>,
    into: &mut [R::Item],
    part: usize,
    at: usize,
    count: usize,
) {
    let mut all = [R::Item::default(); 3 * MOST_LANES];
    acc.store(&mut all, MOST_LANES, 0);
    for p in 0..R::PARTS {
        into[p * part + at..][..count].copy_from_slice(&all[p * MOST_LANES..][..count]);
    }
}
