//! A right matrix that many products have in common, laid out once.

use fearless_simd::Level;
use ndarray::{ArrayView2, Axis, Slice};
use rayon::prelude::*;

use super::finish::Finish;
use super::panels::{Left, ROWS, lay_left, lay_right_on_all, left_len, panel_columns};
use super::product::{multiply_laid, threads_for};
use super::tile::Start;
use super::{LEFT_BYTES, Sum, matrix_mut};
use crate::buffer::{ALIGNMENT, LEFT};
use crate::error::OpError;
use crate::installed::Installed;
use crate::lasting::Lasting;
use crate::stop;

/// Panels of a left matrix that are laid out as one task.
const TASK: usize = 4;

/// A matrix in panels of columns.
#[derive(Debug)]
pub(crate) struct RightPanels<T> {
    elements: Lasting<T>,
    /// Where they begin: at a line of the cache.
    begin: usize,
    inner: usize,
    columns: usize,
}

impl<T: Sum> RightPanels<T> {
    /// Of `b`.
    ///
    /// # Errors
    /// The run is to stop.
    pub(crate) fn new(b: &ArrayView2<'_, T>) -> Result<RightPanels<T>, OpError> {
        let (inner, columns) = b.dim();
        let len = inner * panel_columns(columns);
        let room = ALIGNMENT / size_of::<T>();
        let mut elements = Lasting::<T>::zeroed(len + room, true)?;
        let begin = elements.as_ptr().align_offset(ALIGNMENT).min(room);
        lay_right_on_all(b, columns, inner, &mut elements[begin..begin + len]);
        stop::check()?;
        Ok(RightPanels {
            elements,
            begin,
            inner,
            columns,
        })
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.elements.len() * size_of::<T>()
    }

    /// Bytes that [`RightPanels::multiply`] takes for itself, with a left matrix of `rows`.
    pub(crate) fn scratch_bytes(&self, rows: usize) -> usize {
        let rows = rows.min(self.together());
        left_len(rows, self.inner).saturating_mul(size_of::<[T; ROWS]>())
    }

    /// The rows of a left matrix that are laid out at once.
    fn together(&self) -> usize {
        let most = LEFT_BYTES / size_of::<T>();
        (most / self.inner.max(1) / ROWS * ROWS).max(ROWS)
    }

    /// `c = a b`, from `start` on and then finished; in parallel if it is large. `a` and `c` have as many rows.
    pub(crate) fn multiply(
        &self,
        level: Level,
        a: &ArrayView2<'_, T>,
        start: Start<'_, T>,
        finish: Finish<'_, T>,
        c: &mut [T],
    ) {
        let panels = &self.elements[self.begin..];
        let together = self.together();
        let mut c = matrix_mut(c, a.nrows(), self.columns);
        let blocks = a.axis_chunks_iter(Axis(0), together);
        for (number, (a, c)) in blocks
            .zip(c.axis_chunks_iter_mut(Axis(0), together))
            .enumerate()
        {
            if stop::is_set() {
                return;
            }
            let row = number * together;
            let (start, finish) = (start.part(row, 0), finish.part(row, 0));
            T::with_buffer::<LEFT, _>(left_len(a.nrows(), self.inner) * ROWS, |left| {
                let (left, _) = left.as_chunks_mut::<ROWS>();
                if threads_for(a.nrows(), self.inner, self.columns) < 2 {
                    lay_left(level, &a, left);
                } else {
                    let installed = Installed::hand_over();
                    let tasks = left.par_chunks_mut((TASK * self.inner).max(1));
                    tasks.enumerate().for_each(|(number, left)| {
                        if let Some(_entered) = installed.enter() {
                            let first = number * TASK * ROWS;
                            let end = (first + TASK * ROWS).min(a.nrows());
                            let a = a.slice_axis(Axis(0), Slice::from(first..end));
                            lay_left(level, &a, left);
                        }
                    });
                }
                let left = Left::new(left, a.nrows(), self.inner);
                multiply_laid(level, left, panels, start, finish, c);
            });
        }
    }
}
