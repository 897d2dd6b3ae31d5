//! The fold along rows, for windows of a few taps: straight from the tensor, with masks where a tap leaves its row.
//!
//! Rows that lie one behind the other, and whose windows do too, are one long row: narrow planes fill vectors as
//! wide ones do.

use fearless_simd::{Level, Simd, SimdBase, dispatch};

use super::across::{self, copy_present};
use super::lanes::{Accumulator, MOST_LANES, Vectored, lanes};
use super::reduce::{Places, Reduction};
use crate::window::Axis;

/// The most taps that are folded one by one.
pub(super) const FEW: usize = 15;

/// Whether the windows of an axis can be folded here.
pub(super) fn suits(axis: &Axis) -> bool {
    matches!(
        (axis.stride, axis.kernel, axis.dilation),
        (1, 1..=FEW, _) | (2, 2..=3, 1) | (4, 4, 1)
    )
}

/// Elements that [`fold`] takes to spare, for vectors that reach beyond the tensor.
pub(super) const SPARE: usize = 4 * (MOST_LANES + 1);

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
    /// A bit for each tap that some window lacks.
    partial: u64,
}

/// The columns of `axis` that [`Edges`] keep, below the one number and from the other on. Of narrow rows they keep all.
fn bounds(axis: &Axis, lanes: usize) -> (usize, usize) {
    let full = axis.full_windows();
    let left = full.start.min(axis.output);
    let right = (full.end + 1).saturating_sub(lanes).max(left);
    match is_narrow(axis.output, lanes) {
        true => (0, 0),
        false => (left, right.min(axis.output)),
    }
}

/// Whether rows are so short that their ends are best folded as all else.
pub(super) fn is_narrow(columns: usize, lanes: usize) -> bool {
    columns < 8 * lanes
}

/// The words that [`Edges::new`] takes, with vectors of any length.
pub(super) fn edge_words(axis: &Axis) -> usize {
    let (left, right) = bounds(axis, MOST_LANES);
    (left + axis.output - right) * axis.kernel
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
            partial: 0,
        }
    }

    pub(super) fn new(axis: &Axis, lanes: usize, words: &'a mut [u64]) -> Edges<'a> {
        let (left, right) = bounds(axis, lanes);
        let (taps, columns) = (axis.kernel, axis.output);
        let kept = left + columns - right;
        let mut partial = 0;
        for tap in 0..taps {
            let present = |column| {
                let position = axis.start(column) + (tap * axis.dilation) as i64;
                u64::from((0..axis.input as i64).contains(&position))
            };
            // The vector from a column on is that from the next column on, moved up by a lane.
            let mut bits = 0;
            for lane in (0..lanes).rev() {
                bits = bits << 1 | present(lane % columns);
            }
            let all = u64::MAX >> (MOST_LANES - lanes);
            for column in (right..columns).rev() {
                bits = (bits << 1 | present(column)) & all;
                words[(left + column - right) * taps + tap] = bits;
                partial |= u64::from(bits != all) << tap;
            }
            if left > 0 {
                bits = 0;
                for lane in (0..lanes).rev() {
                    bits = bits << 1 | present((left + lane) % columns);
                }
                for column in (0..left).rev() {
                    bits = (bits << 1 | present(column)) & all;
                    words[column * taps + tap] = bits;
                    partial |= u64::from(bits != all) << tap;
                }
            }
        }
        Edges {
            columns,
            taps,
            left,
            right,
            bits: &words[..kept * taps],
            partial,
        }
    }

    /// The bits of the taps of a vector of windows from `column` on, if it touches an end.
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
pub(super) fn fold<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    axis: &Axis,
    edges: &Edges<'_>,
    rows: Rows<'_, T>,
    items: &mut [R::Item],
    part: usize,
    at: usize,
    spare: &mut [T],
) {
    dispatch!(level, s => windows(s, reduction, axis, edges, rows, items, part, at, spare));
}

#[inline(always)]
fn windows<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    axis: &Axis,
    edges: &Edges<'_>,
    rows: Rows<'_, T>,
    items: &mut [R::Item],
    part: usize,
    at: usize,
    spare: &mut [T],
) {
    match (axis.stride, axis.kernel, axis.dilation) {
        (1, 3, 1) => dense::<S, T, R, 3, 1>(s, reduction, edges, rows, items, part, at, spare),
        (1, _, _) => sparse(s, reduction, axis, edges, rows, items, part, at, spare),
        (2, 2, _) => dense::<S, T, R, 2, 2>(s, reduction, edges, rows, items, part, at, spare),
        (2, _, _) => dense::<S, T, R, 3, 2>(s, reduction, edges, rows, items, part, at, spare),
        _ => dense::<S, T, R, 4, 4>(s, reduction, edges, rows, items, part, at, spare),
    }
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
fn dense<S: Simd, T: Vectored, R: Reduction<T>, const TAPS: usize, const STRIDE: usize>(
    s: S,
    reduction: &R,
    edges: &Edges<'_>,
    rows: Rows<'_, T>,
    items: &mut [R::Item],
    part: usize,
    at: usize,
    spare: &mut [T],
) {
    let len = lanes::<S, T>();
    if rows.len <= len && is_narrow(edges.columns, len) {
        // A vector a row: all rows are one piece.
        let piece = Piece {
            from: rows.first,
            place: rows.place,
            into: at,
            vectors: rows.stretches,
            step: rows.pitch,
            into_step: rows.len,
            word: rows.column * TAPS,
            advance: 0,
        };
        vectors::<S, T, R, TAPS, STRIDE, true>(
            s, reduction, edges, rows.x, piece, items, part, spare,
        );
        return;
    }
    for stretch in 0..rows.stretches {
        let mut piece = Piece {
            from: rows.first.wrapping_add(stretch * rows.pitch),
            place: rows.place.wrapping_add(stretch * rows.pitch),
            into: at + stretch * rows.len,
            vectors: rows.len.div_ceil(len),
            step: STRIDE * len,
            into_step: len,
            word: rows.column * TAPS,
            advance: len % edges.columns * TAPS,
        };
        if edges.partial == 0 {
            vectors::<S, T, R, TAPS, STRIDE, false>(
                s, reduction, edges, rows.x, piece, items, part, spare,
            );
            continue;
        }
        if is_narrow(edges.columns, len) {
            vectors::<S, T, R, TAPS, STRIDE, true>(
                s, reduction, edges, rows.x, piece, items, part, spare,
            );
            continue;
        }
        // A few vectors that touch the left end, many that touch none, and a few that touch the right end.
        let all = piece.vectors;
        let left = edges
            .left
            .saturating_sub(rows.column)
            .div_ceil(len)
            .min(all);
        let inner = edges
            .right
            .saturating_sub(rows.column)
            .div_ceil(len)
            .clamp(left, all);
        piece.advance = len * TAPS;
        if left > 0 {
            piece.vectors = left;
            vectors::<S, T, R, TAPS, STRIDE, true>(
                s, reduction, edges, rows.x, piece, items, part, spare,
            );
            piece = piece.behind(left);
        }
        piece.vectors = inner - left;
        vectors::<S, T, R, TAPS, STRIDE, false>(
            s, reduction, edges, rows.x, piece, items, part, spare,
        );
        if inner < all {
            piece = piece.behind(inner - left);
            piece.vectors = all - inner;
            piece.word = (edges.left + rows.column + inner * len - edges.right) * TAPS;
            vectors::<S, T, R, TAPS, STRIDE, true>(
                s, reduction, edges, rows.x, piece, items, part, spare,
            );
        }
    }
}

/// Vectors of windows that follow each other.
#[derive(Clone, Copy)]
struct Piece {
    /// Where the first tap of the first window would be, counted with wrapping.
    from: usize,
    /// The place of that.
    place: usize,
    /// Where the accumulators go.
    into: usize,
    vectors: usize,
    /// From the first tap of one vector to that of the next, and from its accumulators to those of the next.
    step: usize,
    into_step: usize,
    /// The word of the edges for the first tap of the first vector, and from one vector to the next.
    word: usize,
    advance: usize,
}

impl Piece {
    /// What follows behind so many vectors.
    #[inline(always)]
    fn behind(self, vectors: usize) -> Piece {
        Piece {
            from: self.from.wrapping_add(vectors * self.step),
            place: self.place.wrapping_add(vectors * self.step),
            into: self.into + vectors * self.into_step,
            ..self
        }
    }
}

/// Folds vectors of windows.
#[inline(always)]
fn vectors<
    S: Simd,
    T: Vectored,
    R: Reduction<T>,
    const TAPS: usize,
    const STRIDE: usize,
    const MASKED: bool,
>(
    s: S,
    reduction: &R,
    edges: &Edges<'_>,
    x: &[T],
    mut piece: Piece,
    items: &mut [R::Item],
    part: usize,
    spare: &mut [T],
) {
    let len = lanes::<S, T>();
    let step = piece.step;
    let span = (TAPS - 1) / STRIDE * STRIDE + STRIDE * len + if STRIDE == 1 { len / 2 } else { 0 };
    let absent = across::absent(s, reduction);
    let (bits, partial) = (edges.bits, edges.partial);
    let mut word = piece.word;
    while piece.vectors > 0 {
        // Vectors that lie in the tensor with all that they read.
        let inside = match x
            .len()
            .checked_sub(span)
            .and_then(|end| end.checked_sub(piece.from))
        {
            Some(room) => (room / step.max(1) + 1).min(piece.vectors),
            None => 0,
        };
        let (mut rest, count) = match inside {
            0 => {
                copy_present(x, piece.from, &mut spare[..span]);
                (&spare[..span], 1)
            }
            count => (&x[piece.from..], count),
        };
        let mut into = &mut items
            [piece.into..piece.into + (R::PARTS - 1) * part + (count - 1) * piece.into_step + len];
        let mut place = piece.place;
        while rest.len() >= span && into.len() >= (R::PARTS - 1) * part + len {
            let mut words = [0; TAPS];
            if MASKED {
                words.copy_from_slice(&bits[word..word + TAPS]);
                word += piece.advance;
                word -= if word >= bits.len() { bits.len() } else { 0 };
            }
            let window = &rest[..span];
            let acc = window_at::<S, T, R, TAPS, STRIDE, MASKED>(
                s, reduction, window, place, words, partial, absent,
            );
            acc.store(into, part, 0);
            rest = rest.get(step..).unwrap_or(&[]);
            into = &mut into[piece.into_step..];
            place = place.wrapping_add(step);
        }
        piece = piece.behind(count);
        piece.vectors -= count;
    }
}

/// One vector of windows whose taps are the first elements of `x`.
#[inline(always)]
fn window_at<
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
    bits: [u64; TAPS],
    partial: u64,
    absent: R::Acc<S>,
) -> R::Acc<S> {
    let len = lanes::<S, T>();
    let mut acc = absent;
    let mut tap = 0;
    while tap < TAPS {
        let places = Places {
            first: place.wrapping_add(tap),
            step: STRIDE,
        };
        if STRIDE == 1 {
            let next = reduction.start_from(s, &x[tap..tap + len + len / 2], places);
            acc = tap_folded::<S, T, R, MASKED>(
                s, reduction, tap, acc, next, bits[tap], partial, absent,
            );
        } else {
            let phases = phases::<S, T, STRIDE>(s, &x[tap..tap + STRIDE * len]);
            for phase in 0..STRIDE {
                if tap + phase < TAPS {
                    let tap = tap + phase;
                    let places = Places {
                        first: place.wrapping_add(tap),
                        step: STRIDE,
                    };
                    let next = reduction.start(s, phases[phase], places);
                    acc = tap_folded::<S, T, R, MASKED>(
                        s, reduction, tap, acc, next, bits[tap], partial, absent,
                    );
                }
            }
        }
        tap += STRIDE;
    }
    acc
}

/// `acc` with one more tap, where that is on the row.
#[inline(always)]
fn tap_folded<S: Simd, T: Vectored, R: Reduction<T>, const MASKED: bool>(
    s: S,
    reduction: &R,
    tap: usize,
    acc: R::Acc<S>,
    next: R::Acc<S>,
    bits: u64,
    partial: u64,
    absent: R::Acc<S>,
) -> R::Acc<S> {
    let folded = match tap {
        0 => next,
        _ => reduction.fold(s, acc, next),
    };
    match MASKED && partial >> tap & 1 == 1 {
        true => folded.where_set(s, bits, if tap == 0 { absent } else { acc }),
        false => folded,
    }
}

/// A few taps, apart from each other, at every element.
#[inline(always)]
fn sparse<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    axis: &Axis,
    edges: &Edges<'_>,
    rows: Rows<'_, T>,
    items: &mut [R::Item],
    part: usize,
    at: usize,
    spare: &mut [T],
) {
    let len = lanes::<S, T>();
    let advance = len % edges.columns;
    let absent = across::absent(s, reduction);
    for stretch in 0..rows.stretches {
        let mut column = rows.column;
        let into = at + stretch * rows.len;
        let mut i = 0;
        while i < rows.len {
            let bits = edges.at(column);
            let mut acc = absent;
            let mut offset = stretch * rows.pitch + i;
            for tap in 0..axis.kernel {
                let from = rows.first.wrapping_add(offset);
                let places = Places {
                    first: rows.place.wrapping_add(offset),
                    step: 1,
                };
                let next = match rows.x.get(from..from.wrapping_add(len + len / 2)) {
                    Some(x) => reduction.start_from(s, x, places),
                    None => {
                        copy_present(rows.x, from, &mut spare[..len]);
                        reduction.start(s, T::load(s, spare), places)
                    }
                };
                let folded = match tap {
                    0 => next,
                    _ => reduction.fold(s, acc, next),
                };
                acc = match bits {
                    Some(bits) => folded.where_set(s, bits[tap], acc),
                    None => folded,
                };
                offset = offset.wrapping_add(axis.dilation);
            }
            acc.store(items, part, into + i);
            i += len;
            column += advance;
            if column >= edges.columns {
                column -= edges.columns;
            }
        }
    }
}
