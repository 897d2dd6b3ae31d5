//! The ends of rows: which taps of the windows there lie on the row.

use super::lanes::MOST_LANES;
use crate::window::Axis;

/// Which taps lie on the row, for vectors of windows that touch its ends.
pub(super) struct Edges<'a> {
    pub(super) columns: usize,
    taps: usize,
    /// The first column with all taps.
    pub(super) left: usize,
    /// The first column behind `left` whose vector touches the right end.
    pub(super) right: usize,
    /// For each of these columns, and each tap, a bit a lane.
    pub(super) bits: &'a [u64],
    /// A bit for each tap that some window lacks.
    pub(super) partial: u64,
}

/// The columns of `axis` that [`Edges`] keep, below the one number and from the other on.
fn bounds(axis: &Axis, lanes: usize, all: bool) -> (usize, usize) {
    let full = axis.full_windows();
    let left = full.start.min(axis.output);
    let right = (full.end + 1).saturating_sub(lanes).max(left);
    match all {
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
    let (left, right) = bounds(axis, MOST_LANES, is_narrow(axis.output, MOST_LANES));
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

    /// Those of the columns near the ends, or of all.
    pub(super) fn new(axis: &Axis, lanes: usize, all: bool, words: &'a mut [u64]) -> Edges<'a> {
        let (left, right) = bounds(axis, lanes, all);
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
            let whole = u64::MAX >> (MOST_LANES - lanes);
            for column in (right..columns).rev() {
                bits = (bits << 1 | present(column)) & whole;
                words[(left + column - right) * taps + tap] = bits;
                partial |= u64::from(bits != whole) << tap;
            }
            if left > 0 {
                bits = 0;
                for lane in (0..lanes).rev() {
                    bits = bits << 1 | present((left + lane) % columns);
                }
                for column in (0..left).rev() {
                    bits = (bits << 1 | present(column)) & whole;
                    words[column * taps + tap] = bits;
                    partial |= u64::from(bits != whole) << tap;
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
    pub(super) fn at(&self, column: usize) -> Option<&[u64]> {
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
