//! The product of a left matrix in panels and a right one that is laid out on the way, or has been before.

use fearless_simd::Level;
use ndarray::{ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::requantize::{Columns, Output, Requantize, Row, panel_row};
use super::tile::{PairProducts, panel};
use super::{COLUMNS, ROWS};
use crate::allocate;
use crate::buffer::RIGHT;
use crate::error::OpError;
use crate::gemm::product::pieces;
use crate::gemm::{Left, Right};
use crate::installed::Installed;
use crate::lasting::Lasting;
use crate::parts::{self, Looks};
use crate::simd::dispatch_named;
use crate::stop;

/// Multiplications that are worth a task of their own.
pub(crate) const GRAIN: usize = 1 << 20;

/// Steps that a tile goes through between looks at whether the run is to stop.
const TOGETHER: usize = 1 << 13;

/// Bytes of right panels that are laid out at once: as many are in the second cache.
const LAID_BYTES: usize = 1 << 19;

/// Elements of the panels of `columns` columns.
fn laid_len(steps: usize, columns: usize) -> usize {
    columns.next_multiple_of(COLUMNS).saturating_mul(steps)
}

/// Bytes that [`multiply`] takes for itself.
pub(crate) fn scratch_bytes(steps: usize, columns: usize) -> usize {
    let bytes = size_of::<i32>();
    let panel = laid_len(steps, COLUMNS).saturating_mul(bytes);
    let threads = rayon::current_num_threads();
    let all = laid_len(steps, columns).saturating_mul(bytes);
    let few = panel.saturating_mul(2).saturating_mul(threads);
    all.min(few.max(LAID_BYTES.saturating_mul(threads.max(2))))
}

/// The panels of a right matrix.
///
/// # Errors
/// The run is to stop.
pub(crate) fn lay_right(
    right: &impl Right<i32>,
    steps: usize,
    columns: usize,
) -> Result<Lasting<i32>, OpError> {
    let mut laid = Lasting::zeroed(laid_len(steps, columns), true)?;
    for (number, panel) in laid.chunks_mut((steps * COLUMNS).max(1)).enumerate() {
        stop::check()?;
        let first = number * COLUMNS;
        right.lay(first, COLUMNS.min(columns - first), panel);
    }
    Ok(laid)
}

/// `c` of the products of `left` and `right`, in parallel if it is large. `laid` are the panels of `right`, if they have
/// been laid out before.
pub(crate) fn multiply<O: Output>(
    level: Level,
    left: Left<'_, i32>,
    right: &impl Right<i32>,
    laid: Option<&[i32]>,
    finish: Requantize<'_>,
    c: ArrayViewMut2<'_, O>,
) {
    let (rows, columns) = c.dim();
    if rows == 0 || columns == 0 {
        return;
    }
    let steps = left.inner;
    let work = (rows.saturating_mul(columns)).saturating_mul(2 * steps);
    let threads = rayon::current_num_threads().min(work / GRAIN);
    if threads < 2 {
        return sweep(level, left, right, laid, 0, finish, c);
    }
    let installed = Installed::hand_over();
    let panels = columns.div_ceil(COLUMNS);
    if panels >= 2 * threads {
        let pieces = pieces(c, Axis(1), COLUMNS, threads);
        return pieces.into_par_iter().for_each(|(first, c)| {
            if let Some(_entered) = installed.enter() {
                let finish = finish.part(0, first);
                sweep(level, left, right, laid, first, finish, c);
            }
        });
    }
    let in_rows = |laid: &[i32]| {
        let pieces = pieces(c, Axis(0), ROWS, threads);
        pieces.into_par_iter().for_each(|(row, c)| {
            if let Some(_entered) = installed.enter() {
                let (left, finish) = (left.at_row(row), finish.part(row, 0));
                block(level, left, laid, COLUMNS, finish, c);
            }
        });
    };
    if let Some(laid) = laid {
        return in_rows(laid);
    }
    parts::with_buffer::<i32, RIGHT>(laid_len(steps, columns), |laid| {
        laid.par_chunks_mut((steps * COLUMNS).max(1))
            .enumerate()
            .for_each(|(number, panel)| {
                if let Some(_entered) = installed.enter() {
                    let first = number * COLUMNS;
                    right.lay(first, COLUMNS.min(columns - first), panel);
                }
            });
        in_rows(laid);
    });
}

/// Multiplies with the columns of `right` from `first` on, as many as `c` has.
fn sweep<O: Output>(
    level: Level,
    left: Left<'_, i32>,
    right: &impl Right<i32>,
    laid: Option<&[i32]>,
    first: usize,
    finish: Requantize<'_>,
    mut c: ArrayViewMut2<'_, O>,
) {
    let panel = left.inner * COLUMNS;
    let together = (LAID_BYTES / (panel * size_of::<i32>()).max(1)).max(1) * COLUMNS;
    let most = together.min(c.ncols());
    let blocks = c.axis_chunks_iter_mut(Axis(1), together).enumerate();
    if let Some(laid) = laid {
        for (number, c) in blocks {
            let at = number * together;
            let laid = &laid[(first + at) * left.inner..];
            block(level, left, laid, COLUMNS, finish.part(0, at), c);
        }
        return;
    }
    parts::with_buffer::<i32, RIGHT>(laid_len(left.inner, most), |laid| {
        for (number, c) in blocks {
            let done = number * together;
            let mut at = 0;
            while at < c.ncols() && !stop::is_set() {
                let count = COLUMNS.min(c.ncols() - at);
                let panel = &mut laid[at * left.inner..][..panel];
                right.lay(first + done + at, count, panel);
                at += COLUMNS;
            }
            block(level, left, laid, COLUMNS, finish.part(0, done), c);
        }
    });
}

/// Multiplies with right panels of `width` columns that are laid out, on this thread.
pub(crate) fn block<O: Output>(
    level: Level,
    left: Left<'_, i32>,
    laid: &[i32],
    width: usize,
    finish: Requantize<'_>,
    mut c: ArrayViewMut2<'_, O>,
) {
    let columns = c.ncols();
    let rows = c.rows_mut().into_iter();
    let mut rows: Vec<&mut [O]> = allocate::collected(
        rows.map(|row| row.into_slice().expect("elements of a row are neighbours")),
    );
    let (left, rows) = (&left, &mut rows[..]);
    dispatch_named!(level, s => tiles(s, left, laid, width, columns, finish, rows));
}

#[inline(always)]
fn tiles<S: PairProducts, O: Output>(
    s: S,
    left: &Left<'_, i32>,
    laid: &[i32],
    width: usize,
    columns: usize,
    finish: Requantize<'_>,
    rows: &mut [&mut [O]],
) {
    let steps = left.inner;
    let mut looks = Looks::default();
    let mut of_row = Row::new(&finish);
    let (mut sums, mut more) = ([[0; COLUMNS]; ROWS], [[0; COLUMNS]; ROWS]);
    let mut row = 0;
    while row < rows.len() {
        let height = ROWS.min(rows.len() - row);
        let panels = &left.panels[row / ROWS * steps..][..steps];
        let mut first = 0;
        while first < columns {
            let count = COLUMNS.min(columns - first);
            let begin = first / width * width;
            let right = &laid[begin * steps + first - begin..];
            let mut from = 0;
            while from == 0 || from < steps {
                let to = steps.min(from + TOGETHER);
                // In steps of a float product, whose tile takes about as long.
                if looks.is_set(ROWS * (to - from).max(1)) {
                    return;
                }
                let (panels, right) = (&panels[from..to], &right[from * width..]);
                if from == 0 {
                    panel(s, panels, right, width, height, count, &mut sums);
                } else {
                    panel(s, panels, right, width, height, count, &mut more);
                    for r in 0..height {
                        for c in 0..count {
                            sums[r][c] = sums[r][c].wrapping_add(more[r][c]);
                        }
                    }
                }
                from = to.max(1);
            }
            let column = Columns::new(&finish, first, count);
            for r in 0..height {
                let mut line = [O::default(); COLUMNS];
                of_row.go_to(&finish, row + r);
                panel_row(&sums[r], of_row, &column, &mut line);
                let y = &mut rows[row + r][first..first + count];
                match count {
                    COLUMNS => y.copy_from_slice(&line),
                    _ => y.copy_from_slice(&line[..count]),
                }
            }
            first += COLUMNS;
        }
        row += ROWS;
    }
}
