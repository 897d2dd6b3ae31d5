//! Columns of windows, and columns added back to what they were written from.
//!
//! The columns of some windows are a matrix with a column for each and a row for each tap of each channel.

use std::ops::Range;

use super::product;
use crate::allocate;
use crate::parts::{Looks, PART};
use crate::window::Axis;

/// The rows of an input that the windows of a row of the output read.
pub(super) struct Rows<'a> {
    last: &'a Axis,
    outer: &'a [Axis],
    /// For each tap along the last axis, the windows that have it on the input.
    ranges: Vec<Range<usize>>,
    /// Taps along the outer axes.
    taps: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(axes: &'a [Axis]) -> Rows<'a> {
        let (last, outer) = axes.split_last().expect("a window has at least one axis");
        Rows {
            last,
            outer,
            ranges: allocate::collected((0..last.kernel).map(|tap| last.windows_on(tap))),
            taps: product(outer, |axis| axis.kernel),
        }
    }

    /// The start of the row that each outer tap of the windows in row `row` of the output reads, inside
    /// a channel; `None` where it lies on padding.
    pub(super) fn starts(&self, row: usize, starts: &mut Vec<Option<usize>>) {
        starts.clear();
        for tap in 0..self.taps {
            let (mut row, mut tap) = (row, tap);
            let (mut start, mut stride) = (Some(0), self.last.input);
            for axis in self.outer.iter().rev() {
                let (o, t) = (row % axis.output, tap % axis.kernel);
                (row, tap) = (row / axis.output, tap / axis.kernel);
                start = match axis.windows_on(t).contains(&o) {
                    true => start.map(|start| start + axis.place(o, t) * stride),
                    false => None,
                };
                stride *= axis.input;
            }
            starts.push(start);
        }
    }
}

/// Adds the columns of all windows of one channel to `y`, what they were written from.
pub(crate) fn add<T: Copy, S: Copy>(
    columns: &[T],
    axes: &[Axis],
    y: &mut [S],
    plus: impl Fn(S, T) -> S,
) {
    let windows = product(axes, |axis| axis.output);
    add_rows(columns, axes, 0..windows, y, plus);
}

/// As [`add`], of some windows, which are whole rows.
pub(super) fn add_rows<T: Copy, S: Copy>(
    columns: &[T],
    axes: &[Axis],
    numbers: Range<usize>,
    y: &mut [S],
    plus: impl Fn(S, T) -> S,
) {
    let windows = numbers.len();
    if windows == 0 || y.is_empty() {
        return;
    }
    let rows = Rows::new(axes);
    let mut starts = allocate::with_capacity(rows.taps);
    let mut looks = Looks::default();
    let first = numbers.start / rows.last.output;
    for row in 0..windows / rows.last.output {
        rows.starts(first + row, &mut starts);
        for (outer, start) in starts.iter().enumerate() {
            let Some(start) = *start else { continue };
            for (tap, range) in rows
                .ranges
                .iter()
                .enumerate()
                .filter(|(_, range)| !range.is_empty())
            {
                let line = outer * rows.last.kernel + tap;
                let columns = &columns[line * windows + row * rows.last.output..];
                let columns = &columns[range.clone()];
                let y = &mut y[start + rows.last.place(range.start, tap)..];
                for (number, columns) in columns.chunks(PART).enumerate() {
                    if looks.is_set(columns.len()) {
                        return;
                    }
                    let y = &mut y[number * PART * rows.last.stride..];
                    match rows.last.stride {
                        1 => {
                            for (y, &column) in y.iter_mut().zip(columns) {
                                *y = plus(*y, column);
                            }
                        }
                        stride => {
                            for (y, &column) in y.iter_mut().step_by(stride).zip(columns) {
                                *y = plus(*y, column);
                            }
                        }
                    }
                }
            }
        }
    }
}
