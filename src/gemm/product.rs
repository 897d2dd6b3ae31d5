//! The product of a left matrix in panels and a right one that is laid out on the way.
//!
//! The sum for an element of the output is always taken in the same order, whatever is done in parallel.

use fearless_simd::{Level, Simd as Vectors};
use ndarray::{ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::Sum;
use super::finish::Finish;
use super::laid::Laid;
use super::panels::{COLUMNS, Left, ROWS, Right, lay_right, lay_right_on_all, panel_columns};
use super::tile::{Block, Start};
use crate::allocate;
use crate::buffer::{ALIGNMENT, RIGHT};
use crate::installed::Installed;
use crate::parts::{self, Looks};
use crate::simd::{LANES, dispatch, prefetch};

/// Multiplications that are worth a task of their own.
const GRAIN: usize = 1 << 20;

/// Steps of the inner dimension that are multiplied at once: a right panel of as many stays near while the left ones pass by.
pub(super) const DEPTH: usize = 512;

/// Bytes of right panels that stay near together while a left one goes by.
const NEAR_BYTES: usize = 1 << 17;

/// So few right panels stay near in any case, so that a large left matrix goes by once.
const FEW_PANELS: usize = 2;

/// Bytes of right panels that are laid out at once: as many are in the second cache.
const LAID_BYTES: usize = 1 << 20;

/// Bytes that [`multiply`] takes for itself.
pub(crate) fn scratch_bytes<T>(inner: usize, columns: usize) -> usize {
    let panel = inner.saturating_mul(COLUMNS * size_of::<T>());
    let all = inner
        .saturating_mul(panel_columns(columns))
        .saturating_mul(size_of::<T>());
    let threads = rayon::current_num_threads();
    let few = panel.saturating_mul(ENOUGH).saturating_mul(threads);
    // What is left behind whole panels may be laid out by each thread.
    let rest = inner
        .saturating_mul(panel_columns(columns % COLUMNS))
        .saturating_mul(size_of::<T>())
        .saturating_mul(threads);
    all.min(few.max(LAID_BYTES.saturating_mul(threads.max(2))))
        .max(rest)
}

/// `c = left right`, from `start` on and then finished; in parallel if it is large.
pub(crate) fn multiply<T: Sum>(
    level: Level,
    left: Left<'_, T>,
    right: &impl Right<T>,
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    c: ArrayViewMut2<'_, T>,
) {
    let (rows, columns) = c.dim();
    if rows == 0 || columns == 0 {
        return;
    }
    let threads = threads_for(rows, left.inner, columns);
    if threads < 2 {
        return sweep(level, left, right, 0, start, finish, c);
    }
    if are_columns_dealt_out(rows, columns, threads) {
        let installed = Installed::hand_over();
        let pieces = pieces(c, Axis(1), COLUMNS, threads);
        return pieces.into_par_iter().for_each(|(first, c)| {
            if let Some(_entered) = installed.enter() {
                sweep(level, left, right, first, start, finish, c);
            }
        });
    }
    let bands = rows.div_ceil(ROWS);
    if right
        .in_rows()
        .is_some_and(|(_, pitch)| bands <= pass_by(pitch) * threads)
    {
        let installed = Installed::hand_over();
        let bands = pieces(c, Axis(0), ROWS, threads).into_par_iter();
        return bands.for_each(|(row, c)| {
            if let Some(_entered) = installed.enter() {
                let (left, start) = (left.at_row(row), start.part(row, 0));
                sweep(level, left, right, 0, start, finish.part(row, 0), c);
            }
        });
    }
    parts::with_buffer::<T, RIGHT>(left.inner * panel_columns(columns), |laid| {
        lay_right_on_all(right, columns, left.inner, laid);
        in_bands(level, left, laid, start, finish, c, threads);
    });
}

/// As [`multiply`], with a right matrix in panels of all its columns.
pub(super) fn multiply_laid<T: Sum>(
    level: Level,
    left: Left<'_, T>,
    panels: &[T],
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    c: ArrayViewMut2<'_, T>,
) {
    let (rows, columns) = c.dim();
    if rows == 0 || columns == 0 {
        return;
    }
    let threads = threads_for(rows, left.inner, columns);
    if threads < 2 {
        let laid = Laid::Panels(panels);
        return block(level, left, laid, start, finish, c);
    }
    if !are_columns_dealt_out(rows, columns, threads) {
        return in_bands(level, left, panels, start, finish, c, threads);
    }
    let installed = Installed::hand_over();
    let pieces = pieces(c, Axis(1), COLUMNS, threads);
    pieces.into_par_iter().for_each(|(first, c)| {
        if let Some(_entered) = installed.enter() {
            let laid = Laid::Panels(&panels[first * left.inner..]);
            let (start, finish) = (start.part(0, first), finish.part(0, first));
            block(level, left, laid, start, finish, c);
        }
    });
}

/// How many threads a product is worth.
pub(crate) fn threads_for(rows: usize, inner: usize, columns: usize) -> usize {
    // Of few columns it is the left matrix that takes the time.
    let work = rows
        .saturating_mul(columns.max(LANES))
        .saturating_mul(inner);
    rayon::current_num_threads().min(work / GRAIN)
}

/// Whether threads get columns of their own rather than rows: where that is about as even, they need not wait for each other.
fn are_columns_dealt_out(rows: usize, columns: usize, threads: usize) -> bool {
    let of_bands = unevenness(rows, ROWS, threads) + TOGETHER;
    columns.div_ceil(COLUMNS) >= ENOUGH * threads
        || unevenness(columns, COLUMNS, threads) <= of_bands
}

/// Multiplies with a right matrix in panels, each thread its rows.
fn in_bands<T: Sum>(
    level: Level,
    left: Left<'_, T>,
    panels: &[T],
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    c: ArrayViewMut2<'_, T>,
    threads: usize,
) {
    let installed = Installed::hand_over();
    let bands = pieces(c, Axis(0), ROWS, threads).into_par_iter();
    bands.for_each(|(row, c)| {
        if let Some(_entered) = installed.enter() {
            let (left, start) = (left.at_row(row), start.part(row, 0));
            let laid = Laid::Panels(panels);
            block(level, left, laid, start, finish.part(row, 0), c);
        }
    });
}

/// Panels for each thread with which it does not matter that one thread may have one more than another.
const ENOUGH: usize = 8;

/// What it takes as a part of all work that each thread reads all of a right matrix, which they may lay out together first.
const TOGETHER: f64 = 0.1;

/// How many times as long as all threads need together the slowest of them takes, each with its share of whole `unit`s.
fn unevenness(len: usize, unit: usize, threads: usize) -> f64 {
    let units = len.div_ceil(unit);
    let mut most = 0;
    for thread in 1..=threads {
        let [begin, end] = [thread - 1, thread].map(|at| (units * at / threads * unit).min(len));
        most = most.max(end - begin);
    }
    (most * threads) as f64 / len as f64
}

/// Cuts a matrix along an axis into pieces of whole `unit`s, with as many units in each or one more, and where they begin. There
/// are some pieces more than threads, since those are not always at hand.
pub(crate) fn pieces<T>(
    c: ArrayViewMut2<'_, T>,
    axis: Axis,
    unit: usize,
    threads: usize,
) -> Vec<(usize, ArrayViewMut2<'_, T>)> {
    let len = c.len_of(axis);
    let units = len.div_ceil(unit);
    let count = units.min(4 * threads);
    let mut pieces = allocate::with_capacity(count);
    let (mut rest, mut begin) = (c, 0);
    for piece in 1..=count {
        let end = (units * piece / count * unit).min(len);
        let (part, behind) = rest.split_at(axis, end - begin);
        pieces.push((begin, part));
        (rest, begin) = (behind, end);
    }
    pieces
}

/// Multiplies with the columns of `right` from `first` on, as many as `c` has.
fn sweep<T: Sum>(
    level: Level,
    left: Left<'_, T>,
    right: &impl Right<T>,
    first: usize,
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    c: ArrayViewMut2<'_, T>,
) {
    let (mut c, mut first) = (c, first);
    if let Some((elements, pitch)) = right.in_rows()
        && left.inner > 0
        && c.nrows() <= pass_by(pitch) * ROWS
    {
        let whole = c.ncols() / COLUMNS * COLUMNS;
        let (direct, rest) = c.split_at(Axis(1), whole);
        let laid = Laid::Rows(elements.get(first..).unwrap_or(&[]), pitch);
        let (start, finish) = (start.part(0, first), finish.part(0, first));
        block(level, left, laid, start, finish, direct);
        (c, first) = (rest, first + whole);
    }
    let panel = left.inner * COLUMNS;
    let columns = (LAID_BYTES / (panel * size_of::<T>()).max(1)).max(1) * COLUMNS;
    let most = columns.min(c.ncols());
    parts::with_buffer::<T, RIGHT>(left.inner * panel_columns(most), |laid| {
        let mut done = 0;
        for c in c.axis_chunks_iter_mut(Axis(1), columns) {
            lay_right(right, first + done, c.ncols(), left.inner, laid);
            let at = first + done;
            let (start, finish) = (start.part(0, at), finish.part(0, at));
            done += c.ncols();
            block(level, left, Laid::Panels(laid), start, finish, c);
        }
    });
}

/// Panels of a left matrix that pass by a right one of that pitch as it lies in memory: so few that to lay it out takes longer
/// than it saves. Rows that are a multiple of some lines of the cache apart would push each other out of it.
fn pass_by(pitch: usize) -> usize {
    if pitch.is_multiple_of(256) { 1 } else { 4 }
}

/// Multiplies with a right matrix that is laid out, on this thread.
fn block<T: Sum>(
    level: Level,
    left: Left<'_, T>,
    laid: Laid<'_, T>,
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    mut c: ArrayViewMut2<'_, T>,
) {
    let columns = c.ncols();
    if columns == 0 {
        return;
    }
    let mut rows: Vec<&mut [T]> = match c.is_standard_layout() {
        true => {
            let c = c.into_slice().expect("it lies in C order");
            allocate::collected(c.chunks_exact_mut(columns))
        }
        false => {
            let rows = c.rows_mut().into_iter();
            allocate::collected(
                rows.map(|row| row.into_slice().expect("elements of a row are neighbours")),
            )
        }
    };
    rows_of(level, left, laid, start, finish, &mut rows);
}

/// As [`block`], into rows of equal length.
pub(crate) fn rows_of<T: Sum>(
    level: Level,
    left: Left<'_, T>,
    laid: Laid<'_, T>,
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    rows: &mut [&mut [T]],
) {
    let columns = rows.first().map_or(0, |row| row.len());
    dispatch!(level, s => tiles(s, left, laid, columns, start, finish, rows));
}

#[inline(always)]
fn tiles<S: Vectors, T: Sum>(
    s: S,
    left: Left<'_, T>,
    laid: Laid<'_, T>,
    columns: usize,
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    rows: &mut [&mut [T]],
) {
    let mut looks = Looks::default();
    let mut from = 0;
    let mut start = start;
    while from == 0 || from < left.inner {
        let to = (from + DEPTH).min(left.inner);
        let finish = match to == left.inner {
            true => finish.effective(),
            false => None,
        };
        // Of short panels many stay near, so that long runs of each row of the output are written.
        let near = NEAR_BYTES / ((to - from).max(1) * COLUMNS * size_of::<T>());
        let together = match columns <= FEW_PANELS * COLUMNS {
            true => FEW_PANELS * COLUMNS,
            false => near.max(1) * COLUMNS,
        };
        let mut left_of = 0;
        while left_of < columns {
            let right_of = (left_of + together).min(columns);
            let soon = right_of..(right_of + together).min(columns);
            let soon = laid.panels(soon, from..to, left.inner);
            let share = soon
                .len()
                .div_ceil(rows.len().max(1))
                .next_multiple_of(LANES);
            let mut row = 0;
            while row < rows.len() {
                let end = (row + ROWS).min(rows.len());
                let mut at = row * share;
                while at < soon.len().min(end * share) {
                    prefetch(&soon[at]);
                    at += ALIGNMENT / size_of::<T>();
                }
                if looks.is_set(
                    (end - row) * (to - from).max(1) * (right_of - left_of).div_ceil(COLUMNS),
                ) {
                    return;
                }
                let at = row / ROWS * left.inner;
                let panel = &left.panels[at + from..at + to];
                let next = at + left.inner;
                let ahead = left.panels.get(next + from..next + to).unwrap_or(&[]);
                let block = Block {
                    left: panel,
                    ahead,
                    laid,
                    first: left_of,
                    end: right_of,
                    from,
                    inner: left.inner,
                };
                let finish = match finish {
                    Some(finish) => Some(finish.part(row, 0)),
                    None => None,
                };
                T::block(s, block, start.part(row, 0), finish, &mut rows[row..end]);
                row = end;
            }
            left_of = right_of;
        }
        start = Start::Output;
        from += DEPTH;
    }
}
