//! Where a weight is, before and after it is transformed.

use super::super::{Sizes, product};
use super::filter::Filter;
use crate::error::OpError;
use crate::gemm::{ROWS, left_len};
use crate::parts::Looks;
use crate::window::Axis;

/// The sizes of both.
pub(super) struct Layout<'a> {
    groups: usize,
    /// Channels and outputs of a group.
    channels: usize,
    outputs: usize,
    /// Taps of the axes before the last two.
    taps: usize,
    rows: &'a Axis,
    columns: &'a Axis,
    places: usize,
    /// Steps of the panels of a place and tap.
    each: usize,
}

/// The windows of a panel of outputs, of one channel, phase and tap of the axes before the last two.
pub(super) struct Spot {
    /// Where the panels of the first place have them.
    pub(super) panel: usize,
    /// Where the weights of the first window begin, and how many windows there are.
    first: usize,
    count: usize,
    /// The first taps along the last two axes.
    begin: [usize; 2],
}

impl<'a> Layout<'a> {
    pub(super) fn new(filter: Filter, sizes: &'a Sizes) -> Layout<'a> {
        let [outer @ .., rows, columns] = &*sizes.axes else {
            unreachable!("a filter is for two axes at least");
        };
        Layout {
            groups: sizes.groups,
            channels: sizes.channels,
            outputs: sizes.outputs,
            taps: product(outer, |axis| axis.kernel),
            rows,
            columns,
            places: filter.area(),
            each: left_len(sizes.outputs, sizes.channels * rows.stride * columns.stride),
        }
    }

    /// Steps of all panels.
    pub(super) fn len(&self) -> usize {
        self.groups * self.places * self.place_len()
    }

    /// Steps of the panels of a place.
    pub(super) fn place_len(&self) -> usize {
        self.taps * self.each
    }

    /// Calls `visit` with all windows.
    ///
    /// # Errors
    /// The work is to stop.
    pub(super) fn each(&self, mut visit: impl FnMut(Spot)) -> Result<(), OpError> {
        let phases = self.rows.stride * self.columns.stride;
        let area = self.rows.kernel * self.columns.kernel;
        let mut looks = Looks::default();
        for group in 0..self.groups {
            for first in (0..self.outputs).step_by(ROWS) {
                for at in 0..self.channels * self.taps * phases {
                    looks.check(ROWS * self.places)?;
                    let (phase, at) = (at % phases, at / phases);
                    let (channel, tap) = (at / self.taps * phases + phase, at % self.taps);
                    let of_group = group * self.places * self.place_len();
                    let of_outputs = first / ROWS * self.channels * phases;
                    let output = group * self.outputs + first;
                    visit(Spot {
                        panel: of_group + tap * self.each + of_outputs + channel,
                        first: (output * self.channels * self.taps + at) * area,
                        count: ROWS.min(self.outputs - first),
                        begin: [phase / self.columns.stride, phase % self.columns.stride],
                    });
                }
            }
        }
        Ok(())
    }

    /// Calls `visit` with the row, the column and the number of the window of each weight, and with the weight's place.
    #[inline(always)]
    pub(super) fn of_windows(&self, spot: &Spot, mut visit: impl FnMut([usize; 3], usize)) {
        let area = self.rows.kernel * self.columns.kernel;
        for window in 0..spot.count {
            let first = spot.first + window * self.channels * self.taps * area;
            let down = (spot.begin[0]..self.rows.kernel).step_by(self.rows.stride);
            for (r, y) in down.enumerate() {
                let across = (spot.begin[1]..self.columns.kernel).step_by(self.columns.stride);
                for (c, x) in across.enumerate() {
                    visit([r, c, window], first + y * self.columns.kernel + x);
                }
            }
        }
    }
}
