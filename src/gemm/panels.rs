//! How matrices lie in memory for tiles: in panels, whose elements are in the order in which tiles read them. The
//! layout is the same for all instruction sets, so that constant matrices are laid out once.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use fearless_simd::{Level, Simd, SimdBase, u32x4};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::installed::Installed;
use crate::parts::Looks;
use crate::simd::{LANES, dispatch};
use crate::stop;

/// Rows of a panel of a left matrix.
pub(crate) const ROWS: usize = 12;
/// Rows of a left matrix that are read at once.
const LINES: usize = 4;
/// Columns of a panel of a right matrix; the last one is filled up. A tile of f32 is as wide, or reads half of a line of the
/// cache: all of what it reads follows each other, so that nothing pushes it out of the first cache.
pub(crate) const COLUMNS: usize = LANES;

/// Elements of the panels of `columns` columns, for each row of the matrix.
pub(crate) fn panel_columns(columns: usize) -> usize {
    columns.next_multiple_of(COLUMNS)
}

/// A left matrix in panels: each has all columns, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a, T> {
    pub(super) panels: &'a [[T; ROWS]],
    pub(super) inner: usize,
}

impl<'a, T> Left<'a, T> {
    /// Of panels that [`lay_left`] has made, and perhaps those that are multiplied next.
    pub(crate) fn new(panels: &'a [[T; ROWS]], rows: usize, inner: usize) -> Left<'a, T> {
        debug_assert!(
            left_len(rows, inner) <= panels.len(),
            "all rows have panels"
        );
        Left { panels, inner }
    }

    /// The panels of the rows from `row` on, a multiple of those of a panel.
    pub(crate) fn at_row(self, row: usize) -> Left<'a, T> {
        let panels = &self.panels[row / ROWS * self.inner..];
        Left { panels, ..self }
    }
}

/// Steps of the panels of a left matrix.
pub(crate) fn left_len(rows: usize, inner: usize) -> usize {
    rows.div_ceil(ROWS).saturating_mul(inner)
}

/// Lays out a left matrix.
pub(crate) fn lay_left<T: Pod>(level: Level, a: &ArrayView2<'_, T>, panels: &mut [[T; ROWS]]) {
    let (rows, inner) = a.dim();
    if inner == 0 {
        return;
    }
    let mut looks = Looks::default();
    for (number, panel) in panels.chunks_exact_mut(inner).enumerate() {
        if looks.is_set(panel.len() * ROWS) {
            return;
        }
        let first = number * ROWS;
        let count = ROWS.min(rows - first);
        if count < ROWS {
            panel.fill([T::zeroed(); ROWS]);
        }
        match *a.strides() {
            [1, _] if rows > 1 => {
                for (step, column) in panel.iter_mut().zip(a.columns()) {
                    let column = column
                        .to_slice()
                        .expect("elements of a column are neighbours");
                    step[..count].copy_from_slice(&column[first..first + count]);
                }
            }
            [_, 1] if count == ROWS => {
                let line = |r: usize| a.row(first + r).to_slice().expect("neighbours");
                for r in (0..ROWS).step_by(LINES) {
                    let lines = [line(r), line(r + 1), line(r + 2), line(r + 3)];
                    dispatch!(level, s => lay_lines(s, lines, r, panel));
                }
            }
            _ => {
                for r in 0..count {
                    for (step, &x) in panel.iter_mut().zip(a.row(first + r)) {
                        step[r] = x;
                    }
                }
            }
        }
    }
}

/// Lays out rows, whose elements go to the places from `r` on.
#[inline(always)]
fn lay_lines<S: Simd, T: Pod>(s: S, lines: [&[T]; LINES], r: usize, panel: &mut [[T; ROWS]]) {
    let len = panel.len();
    let [a, b, c, d] = lines;
    let lines = [&a[..len], &b[..len], &c[..len], &d[..len]];
    let mut done = 0;
    if const { size_of::<T>() == size_of::<u32>() } {
        let [a, b, c, d] = lines;
        let (a, b, c, d) = (cast_slice(a), cast_slice(b), cast_slice(c), cast_slice(d));
        let panel: &mut [[u32; ROWS]] = cast_slice_mut(panel);
        while done + LINES <= len {
            let end = done + LINES;
            let a = u32x4::from_slice(s, &a[done..end]);
            let b = u32x4::from_slice(s, &b[done..end]);
            let c = u32x4::from_slice(s, &c[done..end]);
            let d = u32x4::from_slice(s, &d[done..end]);
            let (low, high) = (a.interleave(c), b.interleave(d));
            let (first, second) = low.0.interleave(high.0);
            let (third, fourth) = low.1.interleave(high.1);
            let columns = [first, second, third, fourth];
            for k in 0..LINES {
                columns[k].store_slice(&mut panel[done + k][r..r + LINES]);
            }
            done = end;
        }
    }
    for k in done..len {
        for i in 0..LINES {
            panel[k][r + i] = lines[i][k];
        }
    }
}

/// A right matrix, whose panels are laid out as they are needed.
pub(crate) trait Right<T>: Sync {
    /// Lays out the panel of the columns from `first` on: for each row [`COLUMNS`] elements, of which the first `count` are
    /// the matrix's.
    fn lay(&self, first: usize, count: usize, panel: &mut [T]);

    /// The elements, if they lie in memory row by row, and how many there are from row to row.
    fn in_rows(&self) -> Option<(&[T], usize)> {
        None
    }
}

/// A right matrix in memory.
impl<T: Copy + Default + Sync> Right<T> for ArrayView2<'_, T> {
    fn in_rows(&self) -> Option<(&[T], usize)> {
        self.to_slice().map(|elements| (elements, self.ncols()))
    }

    fn lay(&self, first: usize, count: usize, panel: &mut [T]) {
        let (steps, _) = panel.as_chunks_mut::<COLUMNS>();
        if let Some((elements, pitch)) = self.in_rows() {
            let elements = elements.get(first..).unwrap_or(&[]);
            return lay_rows(elements, pitch, count, steps);
        }
        let mut looks = Looks::default();
        match *self.strides() {
            [_, 1] => {
                for (step, row) in steps.iter_mut().zip(self.rows()) {
                    if looks.is_set(COLUMNS) {
                        return;
                    }
                    let row = row.to_slice().expect("elements of a row are neighbours");
                    step[..count].copy_from_slice(&row[first..first + count]);
                    step[count..].fill(T::default());
                }
            }
            _ => {
                for column in 0..count {
                    if looks.is_set(self.nrows()) {
                        return;
                    }
                    for (step, &x) in steps.iter_mut().zip(self.column(first + column)) {
                        step[column] = x;
                    }
                }
                for step in steps {
                    step[count..].fill(T::default());
                }
            }
        }
    }
}

/// Panels that are laid out at once: long runs of rows that lie far from each other arrive sooner than short ones.
const TOGETHER: usize = 4;

/// Lays out the panels of `columns` columns from `first` on, each of `inner` steps.
pub(crate) fn lay_right<T: Copy>(
    right: &impl Right<T>,
    first: usize,
    columns: usize,
    inner: usize,
    panels: &mut [T],
) {
    let mut at = 0;
    while at < columns && !stop::is_set() {
        if let Some((elements, pitch)) = right.in_rows()
            && at + TOGETHER * COLUMNS <= columns
        {
            let elements = elements.get(first + at..).unwrap_or(&[]);
            let panels = &mut panels[at * inner..][..TOGETHER * COLUMNS * inner];
            lay_together(elements, pitch, panels);
            at += TOGETHER * COLUMNS;
            continue;
        }
        let count = COLUMNS.min(columns - at);
        let panel = &mut panels[at * inner..][..COLUMNS * inner];
        right.lay(first + at, count, panel);
        at += COLUMNS;
    }
}

/// As [`lay_right`], of the first columns, on all threads.
pub(crate) fn lay_right_on_all<T: Copy + Send>(
    right: &impl Right<T>,
    columns: usize,
    inner: usize,
    panels: &mut [T],
) {
    let installed = Installed::hand_over();
    let panels = panels.par_chunks_mut((inner * COLUMNS * TOGETHER).max(1));
    panels.enumerate().for_each(|(number, panels)| {
        if let Some(_entered) = installed.enter() {
            let first = number * COLUMNS * TOGETHER;
            let count = (COLUMNS * TOGETHER).min(columns - first);
            lay_right(right, first, count, inner, panels);
        }
    });
}

/// Lays out [`TOGETHER`] panels of rows that begin `pitch` apart.
fn lay_together<T: Copy>(elements: &[T], pitch: usize, panels: &mut [T]) {
    let (steps, _) = panels.as_chunks_mut::<COLUMNS>();
    let inner = steps.len() / TOGETHER;
    let mut looks = Looks::default();
    for k in 0..inner {
        if looks.is_set(TOGETHER * COLUMNS) {
            return;
        }
        let (row, _) = elements[k * pitch..][..TOGETHER * COLUMNS].as_chunks::<COLUMNS>();
        for panel in 0..TOGETHER {
            steps[panel * inner + k] = row[panel];
        }
    }
}

/// Lays out [`COLUMNS`] elements of each row, of which the first `count` are the panel's; rows begin `pitch` apart.
fn lay_rows<T: Copy + Default>(
    elements: &[T],
    pitch: usize,
    count: usize,
    steps: &mut [[T; COLUMNS]],
) {
    let mut looks = Looks::default();
    for (k, step) in steps.iter_mut().enumerate() {
        if looks.is_set(COLUMNS) {
            return;
        }
        let row = &elements[k * pitch..];
        // What follows the row fills the panel up as well as zeros, and a copy of a known size takes no call.
        match row.first_chunk() {
            Some(row) => *step = *row,
            None => {
                step[..count].copy_from_slice(&row[..count]);
                step[count..].fill(T::default());
            }
        }
    }
}
