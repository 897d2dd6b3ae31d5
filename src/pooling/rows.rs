//! The fold along rows, for windows of a few taps: straight from the tensor, with masks where a tap leaves its row.
//!
//! Rows that lie one behind the other, and whose windows do too, are one long row: narrow planes fill vectors as
//! wide ones do.

use fearless_simd::{Level, Select, Simd, SimdBase, SimdMask, dispatch};

use super::across::copy_present;
use super::lanes::{Accumulator, MOST_LANES, Vectored, lanes};
use super::reduce::{Places, Reduction};
use crate::window::Axis;

/// The most taps that are folded one by one.
pub(super) const FEW: usize = 7;

/// Whether the windows of an axis can be folded here.
pub(super) fn suits(axis: &Axis) -> bool {
    match (axis.stride, axis.kernel, axis.dilation) {
        (1, 1..=FEW, _) | (2, 2..=3, 1) | (4, 4, 1) => true,
        _ => false,
    }
}

/// Rows to fold.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, T> {
    /// The tensor.
    pub(super) x: &'a [T],
    /// Where the first tap of the first window would be, counted with wrapping.
    pub(super) first: usize,
    /// The place of that.
    pub(super) place: usize,
    /// Stretches of windows that follow each other evenly.
    pub(super) stretches: usize,
    /// Elements from one stretch to the next.
    pub(super) pitch: usize,
    /// Windows in a stretch.
    pub(super) len: usize,
    /// The column of the first window of a stretch.
    pub(super) column: usize,
}

/// Which taps lie on the row, for vectors of windows that touch its ends.
pub(super) struct Edges<'a> {
    columns: usize,
    taps: usize,
    /// The first column with all taps.
    left: usize,
    /// The first column behind `left` whose vector touches the right end.
    right: usize,
    /// For each of these columns, and each tap, a bit a lane.
    bits: &'a [u64],
}

/// The columns of `axis` that [`Edges`] keep, below the one number and from the other on.
fn bounds(axis: &Axis, lanes: usize) -> (usize, usize) {
    let full = axis.full_windows();
    let left = full.start.min(axis.output);
    (left, (full.end + 1).saturating_sub(lanes).max(left))
}

/// The words that [`Edges::new`] takes.
pub(super) fn edge_words(axis: &Axis, lanes: usize) -> usize {
    let (left, right) = bounds(axis, lanes);
    (left + (axis.output - right.min(axis.output))) * axis.kernel
}

impl<'a> Edges<'a> {
    /// Those of no rows.
    pub(super) fn none() -> Edges<'a> {
        Edges {
            columns: 0,
            taps: 0,
            left: 0,
            right: 0,
            bits: &[],
        }
    }

    pub(super) fn new(axis: &Axis, lanes: usize, words: &'a mut [u64]) -> Edges<'a> {
        let (left, right) = bounds(axis, lanes);
        let mut kept = 0;
        for column in (0..left).chain(right..axis.output) {
            for tap in 0..axis.kernel {
                let mut bits = 0;
                let mut at = column;
                for lane in 0..lanes {
                    let position = axis.start(at) + (tap * axis.dilation) as i64;
                    let present = (0..axis.input as i64).contains(&position);
                    bits |= u64::from(present) << lane;
                    at = if at + 1 == axis.output { 0 } else { at + 1 };
                }
                words[kept * axis.kernel + tap] = bits;
            }
            kept += 1;
        }
        Edges {
            columns: axis.output,
            taps: axis.kernel,
            left,
            right,
            bits: &words[..kept * axis.kernel],
        }
    }

    /// The bits of the taps of a vector of windows from `column` on, if not all are on the row.
    #[inline(always)]
    fn at(&self, column: usize) -> Option<&[u64]> {
        if column >= self.left && column < self.right {
            return None;
        }
        let kept = match column < self.left {
            true => column,
            false => self.left + column - self.right,
        };
        self.bits.get(kept * self.taps..(kept + 1) * self.taps)
    }
}

/// Folds the windows of `axis` into `items`, densely, from `at` on.
#[expect(clippy::too_many_arguments, reason = "a kernel with all that it reads")]
pub(super) fn fold<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    axis: &Axis,
    edges: &Edges<'_>,
    rows: Rows<'_, T>,
    items: &mut [R::Item],
    part: usize,
    at: usize,
) {
    dispatch!(level, s => windows(s, reduction, axis, edges, rows, items, part, at));
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel with all that it reads")]
fn windows<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    axis: &Axis,
    edges: &Edges<'_>,
    rows: Rows<'_, T>,
    items: &mut [R::Item],
    part: usize,
    at: usize,
) {
    match (axis.stride, axis.kernel, axis.dilation) {
        (1, 3, 1) => dense::<S, T, R, 3, 1>(s, reduction, edges, rows, items, part, at),
        (1, _, _) => sparse(s, reduction, axis, edges, rows, items, part, at),
        (2, 2, _) => dense::<S, T, R, 2, 2>(s, reduction, edges, rows, items, part, at),
        (2, _, _) => dense::<S, T, R, 3, 2>(s, reduction, edges, rows, items, part, at),
        _ => dense::<S, T, R, 4, 4>(s, reduction, edges, rows, items, part, at),
    }
}

/// `raw` where the bits are set, else `absent`.
#[inline(always)]
fn present<S: Simd, T: Vectored>(s: S, bits: u64, raw: T::Raw<S>, absent: T::Raw<S>) -> T::Raw<S> {
    <T::Raw<S> as SimdBase<S>>::Mask::from_bitmask(s, bits).select(raw, absent)
}

/// The elements at every `STRIDE`-th position of `x`, from each of the first `STRIDE` positions.
#[inline(always)]
fn phases<S: Simd, T: Vectored, const STRIDE: usize>(s: S, x: &[T]) -> [T::Raw<S>; STRIDE] {
    let len = lanes::<S, T>();
    let mut phases = [T::load(s, &x[..len]); STRIDE];
    if STRIDE == 2 {
        let (even, odd) = phases[0].deinterleave(T::load(s, &x[len..2 * len]));
        phases[0] = even;
        phases[1] = odd;
    }
    if STRIDE == 4 {
        let (even, odd) = phases[0].deinterleave(T::load(s, &x[len..2 * len]));
        let third = T::load(s, &x[2 * len..3 * len]);
        let (more_even, more_odd) = third.deinterleave(T::load(s, &x[3 * len..4 * len]));
        (phases[0], phases[2]) = even.deinterleave(more_even);
        (phases[1], phases[3]) = odd.deinterleave(more_odd);
    }
    phases
}

/// `TAPS` neighbours as taps, at every `STRIDE`-th element.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel with all that it reads")]
fn dense<S: Simd, T: Vectored, R: Reduction<T>, const TAPS: usize, const STRIDE: usize>(
    s: S,
    reduction: &R,
    edges: &Edges<'_>,
    rows: Rows<'_, T>,
    items: &mut [R::Item],
    part: usize,
    at: usize,
) {
    let len = lanes::<S, T>();
    let advance = len % edges.columns;
    let span = (TAPS - 1) / STRIDE * STRIDE + STRIDE * len;
    let absent = T::load(s, &[reduction.absent(); MOST_LANES]);
    let mut copy = [T::default(); FEW + 4 * MOST_LANES];
    for stretch in 0..rows.stretches {
        let mut from = rows.first.wrapping_add(stretch * rows.pitch);
        let mut place = rows.place.wrapping_add(stretch * rows.pitch);
        let mut column = rows.column;
        let into = at + stretch * rows.len;
        let mut i = 0;
        while i < rows.len {
            let x = match rows.x.get(from..from.wrapping_add(span)) {
                Some(x) => x,
                None => {
                    copy_present(rows.x, from, &mut copy[..span]);
                    &copy[..span]
                }
            };
            let acc = match edges.at(column) {
                None => window::<S, T, R, TAPS, STRIDE, false>(s, reduction, x, place, &[], absent),
                Some(bits) => window::<S, T, R, TAPS, STRIDE, true>(s, reduction, x, place, bits, absent),
            };
            acc.store(items, part, into + i);
            i += len;
            from = from.wrapping_add(STRIDE * len);
            place = place.wrapping_add(STRIDE * len);
            column += advance;
            if column >= edges.columns {
                column -= edges.columns;
            }
        }
    }
}

/// One vector of windows whose taps are the first elements of `x`.
#[inline(always)]
fn window<
    S: Simd,
    T: Vectored,
    R: Reduction<T>,
    const TAPS: usize,
    const STRIDE: usize,
    const MASKED: bool,
>(
    s: S,
    reduction: &R,
    x: &[T],
    place: usize,
    bits: &[u64],
    absent: T::Raw<S>,
) -> R::Acc<S> {
    let mut acc = None;
    let mut tap = 0;
    while tap < TAPS {
        let phases = phases::<S, T, STRIDE>(s, &x[tap..tap + STRIDE * lanes::<S, T>()]);
        for phase in 0..STRIDE {
            if tap + phase < TAPS {
                let mut raw = phases[phase];
                if MASKED {
                    raw = present::<S, T>(s, bits[tap + phase], raw, absent);
                }
                let places = Places {
                    first: place.wrapping_add(tap + phase),
                    step: STRIDE,
                };
                let next = reduction.start(s, raw, places);
                acc = Some(match acc {
                    None => next,
                    Some(acc) => reduction.fold(s, acc, next),
                });
            }
        }
        tap += STRIDE;
    }
    acc.expect("a window has a tap")
}

/// A few taps, apart from each other, at every element.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel with all that it reads")]
fn sparse<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    axis: &Axis,
    edges: &Edges<'_>,
    rows: Rows<'_, T>,
    items: &mut [R::Item],
    part: usize,
    at: usize,
) {
    let len = lanes::<S, T>();
    let advance = len % edges.columns;
    let absent = T::load(s, &[reduction.absent(); MOST_LANES]);
    for stretch in 0..rows.stretches {
        let mut column = rows.column;
        let into = at + stretch * rows.len;
        let mut i = 0;
        while i < rows.len {
            let bits = edges.at(column);
            let mut acc = None;
            let mut offset = stretch * rows.pitch + i;
            for tap in 0..axis.kernel {
                let from = rows.first.wrapping_add(offset);
                let mut raw = match rows.x.get(from..from.wrapping_add(len)) {
                    Some(x) => T::load(s, x),
                    None => {
                        let mut copy = [T::default(); MOST_LANES];
                        copy_present(rows.x, from, &mut copy[..len]);
                        T::load(s, &copy)
                    }
                };
                if let Some(bits) = bits {
                    raw = present::<S, T>(s, bits[tap], raw, absent);
                }
                let places = Places {
                    first: rows.place.wrapping_add(offset),
                    step: 1,
                };
                let next = reduction.start(s, raw, places);
                acc = Some(match acc {
                    None => next,
                    Some(acc) => reduction.fold(s, acc, next),
                });
                offset = offset.wrapping_add(axis.dilation);
            }
            acc.expect("a window has a tap").store(items, part, into + i);
            i += len;
            column += advance;
            if column >= edges.columns {
                column -= edges.columns;
            }
        }
    }
}
