//! The fold along rows, for windows of a few taps: straight from the tensor, with masks where a tap leaves its row.
//!
//! Rows that lie one behind the other, and whose windows do too, are one long row: narrow planes fill vectors as
//! wide ones do.

use fearless_simd::{Level, Simd};

use super::edges::{Edges, is_narrow};
use super::lanes::{Accumulator, MOST_LANES, Vectored, lanes};
use super::reduce::{Places, Reduction};
use super::source::{absent, copy_present};
use super::taps::{span, window_at};
use crate::simd::dispatch;
use crate::stop;
use crate::window::Axis;

/// The most taps that are folded one by one.
pub(super) const FEW: usize = 7;

/// Whether the windows of an axis can be folded here.
pub(super) fn suits(axis: &Axis) -> bool {
    matches!(
        (axis.stride, axis.kernel, axis.dilation),
        (1, 1..=FEW, _) | (2, 2..=3, 1) | (4, 4, 1)
    )
}

/// Vectors that are folded between looks at whether the run is to stop; a multiple of the lanes of any.
const STOP_VECTORS: usize = 1 << 13;

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
    let span = span::<S, T>(TAPS, STRIDE, 1);
    let absent = absent(s, reduction);
    let (bits, partial) = (edges.bits, edges.partial);
    let mut word = piece.word;
    while piece.vectors > 0 {
        // Vectors that lie in the tensor with all that they read.
        let inside = match x
            .len()
            .checked_sub(span)
            .and_then(|end| end.checked_sub(piece.from))
        {
            Some(room) => (room / step.max(1) + 1)
                .min(piece.vectors)
                .min(STOP_VECTORS),
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
                s, reduction, window, place, 1, words, partial, absent,
            );
            acc.store(into, part, 0);
            rest = rest.get(step..).unwrap_or(&[]);
            into = &mut into[piece.into_step..];
            place = place.wrapping_add(step);
        }
        piece = piece.behind(count);
        piece.vectors -= count;
        if count == STOP_VECTORS && stop::is_set() {
            return;
        }
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
    let absent = absent(s, reduction);
    for stretch in 0..rows.stretches {
        let mut column = rows.column;
        let into = at + stretch * rows.len;
        let mut i = 0;
        while i < rows.len {
            if i > 0 && i.is_multiple_of(STOP_VECTORS) && stop::is_set() {
                return;
            }
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
