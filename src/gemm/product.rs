//! The product of a left matrix in panels and a right one that is laid out on the way.
//!
//! The sum for an element of the output is always taken in the same order, whatever is done in parallel.

use fearless_simd::{Level, Simd as Vectors};
use ndarray::{ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::Sum;
use super::finish::Finish;
use super::panels::{COLUMNS, Left, ROWS, Right, panel_columns, width};
use super::tile::{Panels, Start};
use crate::allocate;
use crate::buffer::RIGHT;
use crate::installed::Installed;
use crate::parts::{self, Looks};
use crate::simd::dispatch;
use crate::stop;

/// Multiplications that are worth a task of their own.
const GRAIN: usize = 1 << 20;

/// Steps of the inner dimension that are multiplied at once: a right panel of as many stays near while the left ones pass by.
pub(super) const DEPTH: usize = 384;

/// Panels of a right matrix that stay near together.
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
    all.min(panel.max(LAID_BYTES).saturating_mul(threads.max(2)))
}

/// `c = left right`, from `start` on and then finished; in parallel if it is large.
pub(crate) fn multiply<T: Sum>(
    level: Level,
    left: Left<'_, T>,
    right: &impl Right<T>,
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    mut c: ArrayViewMut2<'_, T>,
) {
    let (rows, columns) = c.dim();
    if rows == 0 || columns == 0 {
        return;
    }
    let work = rows.saturating_mul(columns).saturating_mul(left.inner);
    let threads = rayon::current_num_threads().min(work / GRAIN);
    if threads < 2 {
        return sweep(level, left, right, 0, start, finish, c);
    }
    let installed = Installed::hand_over();
    let panels = columns.div_ceil(COLUMNS);
    if panels >= 2 * threads {
        // Some pieces more than threads, since those are not always at hand.
        let size = panels.div_ceil(panels.min(4 * threads)) * COLUMNS;
        let pieces: Vec<_> = c.axis_chunks_iter_mut(Axis(1), size).enumerate().collect();
        return pieces.into_par_iter().for_each(|(number, c)| {
            if let Some(_entered) = installed.enter() {
                sweep(level, left, right, number * size, start, finish, c);
            }
        });
    }
    parts::with_buffer::<T, RIGHT>(left.inner * panel_columns(columns), |laid| {
        laid.par_chunks_mut((left.inner * COLUMNS).max(1))
            .enumerate()
            .for_each(|(number, panel)| {
                let Some(_entered) = installed.enter() else {
                    return;
                };
                let first = number * COLUMNS;
                let count = COLUMNS.min(columns - first);
                right.lay(first, count, width(first, columns), panel);
            });
        let size = rows.div_ceil(ROWS).div_ceil(4 * threads) * ROWS;
        let laid = &*laid;
        let pieces: Vec<_> = c.axis_chunks_iter_mut(Axis(0), size).enumerate().collect();
        pieces.into_par_iter().for_each(|(number, c)| {
            let Some(_entered) = installed.enter() else {
                return;
            };
            let part = Left {
                panels: &left.panels[number * size / ROWS * left.inner..],
                inner: left.inner,
            };
            let (row, start) = (number * size, start.at_row(number * size));
            block(level, part, laid, COLUMNS, start, finish.part(row, 0), c);
        });
    });
}

/// Multiplies with the columns of `right` from `first` on, as many as `c` has.
fn sweep<T: Sum>(
    level: Level,
    left: Left<'_, T>,
    right: &impl Right<T>,
    first: usize,
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    mut c: ArrayViewMut2<'_, T>,
) {
    let panel = left.inner * COLUMNS;
    let columns = (LAID_BYTES / (panel * size_of::<T>()).max(1)).max(1) * COLUMNS;
    let most = columns.min(c.ncols());
    parts::with_buffer::<T, RIGHT>(left.inner * panel_columns(most), |laid| {
        let mut done = 0;
        for c in c.axis_chunks_iter_mut(Axis(1), columns) {
            let mut at = 0;
            while at < c.ncols() && !stop::is_set() {
                let width = width(at, c.ncols());
                let count = width.min(c.ncols() - at);
                let panel = &mut laid[at * left.inner..][..width * left.inner];
                right.lay(first + done + at, count, width, panel);
                at += width;
            }
            let finish = finish.part(0, first + done);
            done += c.ncols();
            block(level, left, laid, COLUMNS, start, finish, c);
        }
    });
}

/// Multiplies with right panels that are laid out, on this thread; each has `panel` columns, or what is left of them.
pub(crate) fn block<T: Sum>(
    level: Level,
    left: Left<'_, T>,
    laid: &[T],
    panel: usize,
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    mut c: ArrayViewMut2<'_, T>,
) {
    let columns = c.ncols();
    let rows = c.rows_mut().into_iter();
    let mut rows: Vec<&mut [T]> = allocate::collected(
        rows.map(|row| row.into_slice().expect("elements of a row are neighbours")),
    );
    dispatch!(level, s => tiles(s, left, laid, panel, columns, start, finish, &mut rows));
}

#[inline(always)]
fn tiles<S: Vectors, T: Sum>(
    s: S,
    left: Left<'_, T>,
    laid: &[T],
    panel: usize,
    columns: usize,
    start: Start<'_, T>,
    finish: Finish<'_, T>,
    rows: &mut [&mut [T]],
) {
    // Few panels of the right matrix stay near while the left one goes by, once; of many, one stays near at a time.
    let together = match columns <= FEW_PANELS * COLUMNS {
        true => ROWS,
        false => rows.len(),
    };
    let mut looks = Looks::default();
    let mut from = 0;
    let mut start = start;
    while from == 0 || from < left.inner {
        let to = (from + DEPTH).min(left.inner);
        let finish = match to == left.inner {
            true => finish.effective(),
            false => None,
        };
        let mut top = 0;
        while top < rows.len() {
            let bottom = (top + together).min(rows.len());
            let mut first = 0;
            while first < columns {
                if looks.is_set((bottom - top) * (to - from).max(1)) {
                    return;
                }
                let (begin, next) = (first / panel * panel, (first + COLUMNS).min(columns));
                let width = panel_columns(columns - begin).min(panel);
                let right = &laid[begin * left.inner..][from * width + first - begin..];
                let mut row = top;
                while row < bottom {
                    let end = (row + ROWS).min(bottom);
                    let panels = Panels {
                        left: &left.panels[row / ROWS * left.inner..][from..to],
                        right,
                        width,
                        columns: next - first,
                    };
                    let finish = match finish {
                        Some(finish) => Some(finish.part(row, 0)),
                        None => None,
                    };
                    let rows = &mut rows[row..end];
                    T::panel(s, panels, start.at_row(row), finish, rows, first);
                    row = end;
                }
                first = next;
            }
            top = bottom;
        }
        start = Start::Output;
        from += DEPTH;
    }
}
