//! A right matrix that is laid out.

use std::ops::Range;

use super::panels::{COLUMNS, panel_columns};

/// A right matrix as tiles read it.
#[derive(Clone, Copy)]
pub(crate) enum Laid<'a, T> {
    /// In panels.
    Panels(&'a [T]),
    /// In rows, each so many elements behind the one before.
    Rows(&'a [T], usize),
}

impl<'a, T> Laid<'a, T> {
    /// The elements from column `first`, where a panel begins, and row `from` of `inner` on, and how many there are from row to row.
    #[inline(always)]
    pub(super) fn part(self, first: usize, from: usize, inner: usize) -> (&'a [T], usize) {
        match self {
            Laid::Panels(elements) => (&elements[first * inner + from * COLUMNS..], COLUMNS),
            Laid::Rows(elements, pitch) => (&elements[from * pitch + first..], pitch),
        }
    }

    /// The elements of the panels of some columns, of some rows of `inner`; none if what lies between them is not theirs.
    #[inline(always)]
    pub(super) fn panels(self, columns: Range<usize>, rows: Range<usize>, inner: usize) -> &'a [T] {
        match self {
            Laid::Panels(elements) if rows.len() == inner || columns.len() <= COLUMNS => {
                let begin = columns.start * inner + rows.start * COLUMNS;
                match elements.get(begin..begin + rows.len() * panel_columns(columns.len())) {
                    Some(elements) => elements,
                    None => &[],
                }
            }
            _ => &[],
        }
    }
}
