//! Windows written out as columns, and columns added back to what they were written from.
//!
//! The columns of some windows are a matrix with a column for each and a row for each tap of each channel.

use std::ops::Range;

use super::product;
use crate::gemm::{Factor, Sum};
use crate::window::Axis;

/// The rows of an input that the windows of a row of the output read.
pub(super) struct Rows<'a> {
    last: &'a Axis,
    outer: &'a [Axis],
    /// For each tap along the last axis, the windows that have it on the input.
    ranges: Vec<Range<usize>>,
    /// Taps along the outer axes.
    taps: usize,
    /// Elements of a channel.
    plane: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(axes: &'a [Axis]) -> Rows<'a> {
        let (last, outer) = axes.split_last().expect("a window has at least one axis");
        Rows {
            last,
            outer,
            ranges: (0..last.kernel).map(|tap| last.windows_on(tap)).collect(),
            taps: product(outer, |axis| axis.kernel),
            plane: product(axes, |axis| axis.input),
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

    /// Writes out `count` windows from `first` on of all channels of `x`, `width` elements for each tap.
    pub(super) fn gather<T: Factor>(
        &self,
        x: &[T],
        first: usize,
        count: usize,
        width: usize,
        columns: &mut [T::Sum],
    ) {
        if count < width {
            for line in columns.chunks_exact_mut(width) {
                line[count..].fill(T::Sum::ZERO);
            }
        }
        let channels = columns.len() / width / self.taps / self.last.kernel;
        let mut starts = Vec::with_capacity(self.taps);
        let mut done = 0;
        while done < count {
            let (row, at) = (
                (first + done) / self.last.output,
                (first + done) % self.last.output,
            );
            let len = (self.last.output - at).min(count - done);
            self.starts(row, &mut starts);
            let mut line = done;
            for channel in 0..channels {
                for start in &starts {
                    for (tap, range) in self.ranges.iter().enumerate() {
                        let columns = &mut columns[line..][..len];
                        line += width;
                        let Some(start) = start else {
                            columns.fill(T::Sum::ZERO);
                            continue;
                        };
                        let x = &x[channel * self.plane + start..][..self.last.input];
                        self.copy(x, tap, range, at, columns);
                    }
                }
            }
            done += len;
        }
    }

    /// Tap `tap` of the windows from `at` on, which read the row `x`.
    fn copy<T: Factor>(
        &self,
        x: &[T],
        tap: usize,
        range: &Range<usize>,
        at: usize,
        columns: &mut [T::Sum],
    ) {
        let end = at + columns.len();
        let first = range.start.clamp(at, end);
        let last = range.end.clamp(first, end);
        columns[..first - at].fill(T::Sum::ZERO);
        columns[last - at..].fill(T::Sum::ZERO);
        if first == last {
            return;
        }
        let x = &x[self.last.place(first, tap)..];
        let columns = &mut columns[first - at..last - at];
        match self.last.stride {
            1 => widen_run(&x[..columns.len()], columns),
            stride => {
                for (column, x) in columns.iter_mut().zip(x.iter().step_by(stride)) {
                    *column = x.widen();
                }
            }
        }
    }
}

/// Widens a run of elements, which is short most often: in blocks of fixed sizes, the last of which lies over the one
/// before.
#[inline(always)]
fn widen_run<T: Factor>(x: &[T], y: &mut [T::Sum]) {
    let len = y.len();
    match len {
        16.. => blocks::<T, 16>(x, y),
        8.. => blocks::<T, 8>(x, y),
        4.. => blocks::<T, 4>(x, y),
        _ => {
            for i in 0..len {
                y[i] = x[i].widen();
            }
        }
    }
}

#[inline(always)]
fn blocks<T: Factor, const SIZE: usize>(x: &[T], y: &mut [T::Sum]) {
    let last = y.len() - SIZE;
    let mut at = 0;
    while at < y.len() {
        let from = at.min(last);
        let (x, y) = (&x[from..from + SIZE], &mut y[from..from + SIZE]);
        for i in 0..SIZE {
            y[i] = x[i].widen();
        }
        at += SIZE;
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
    if windows == 0 || y.is_empty() {
        return;
    }
    let rows = Rows::new(axes);
    let mut starts = Vec::with_capacity(rows.taps);
    for row in 0..windows / rows.last.output {
        rows.starts(row, &mut starts);
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
