//! A tile along its rows.

use super::{IntoResult, Layout, Reduction, Results, Tile, Vectored, folded, into_folded, items};
use crate::pooling::across::{self, Stage};
use crate::pooling::edges;
use crate::pooling::geometry::{LongRows, Way};
use crate::pooling::lanes::lanes_at;
use crate::pooling::long::{self, Field, Into, LongTaps, Source};
use crate::pooling::rows::{self, Rows};
use crate::pooling::runs::Run;
use crate::pooling::sink::Sink;
use crate::pooling::source::Unfolded;

impl<T: Vectored, R: Reduction<T>> Tile<'_, '_, T, R> {
    /// Folds the rows from `at` on, whose first element has `place`, along the last axis into the first buffer.
    pub(super) fn along(&mut self, at: usize, place: usize, layout: Layout) {
        let geometry = self.job.geometry;
        let last = geometry.axes.len() - 1;
        let axis = &geometry.axes[last];
        let size = axis.input * geometry.inner;
        let whole = (0, axis.output);
        self.each_block(layout, false, |tile, row, rows, into| {
            let (at, place) = (at + row * size, place + row * size);
            match geometry.ways[last] {
                Way::Rows => tile.few_taps(at, place, rows, whole, into),
                Way::Long => {
                    let long = geometry.long_rows(whole);
                    let mut row = 0;
                    while row < rows {
                        let count = long.most.min(rows - row);
                        let skipped = row * size;
                        let into = into + row * layout.unit;
                        tile.long_rows(at + skipped, place + skipped, count, 0, long, into);
                        row += count;
                    }
                }
                Way::Across => {
                    let source = Unfolded {
                        x: &tile.job.x[at..],
                        place,
                    };
                    let stage = Stage {
                        blocks: rows,
                        from_pitch: size,
                        to: into,
                        to_pitch: layout.unit,
                        ..tile.stage(last, geometry.inner, &geometry.runs[last])
                    };
                    let mut sink = into_folded::<T, R>(tile.first);
                    across::fold(tile.job.level, tile.job.reduction, source, &mut sink, stage);
                }
            }
        });
    }

    /// Folds `rows` rows from `at` on by a few taps.
    fn few_taps(
        &mut self,
        at: usize,
        place: usize,
        rows: usize,
        windows: (usize, usize),
        into: usize,
    ) {
        let geometry = self.job.geometry;
        let axis = &geometry.axes[geometry.axes.len() - 1];
        let len = windows.1 - windows.0;
        let start = axis.start(windows.0) as isize;
        // Narrow rows whose windows lie one behind the other are one long row.
        let even = len == axis.output
            && axis.input == axis.output * axis.stride
            && edges::is_narrow(axis.output, lanes_at::<T>(self.job.level));
        let (stretches, len) = if even { (1, rows * len) } else { (rows, len) };
        let rows = Rows {
            x: self.job.x,
            first: at.wrapping_add_signed(start),
            place: place.wrapping_add_signed(start),
            stretches,
            pitch: axis.input,
            len,
            column: windows.0,
        };
        let part = self.first.len() / R::PARTS;
        let (level, reduction) = (self.job.level, self.job.reduction);
        rows::fold(
            level,
            reduction,
            axis,
            &self.edges,
            rows,
            self.first,
            part,
            into,
            self.row,
        );
    }

    /// Folds the windows of `count` rows from `window` on by runs of taps into the first buffer.
    fn long_rows(
        &mut self,
        at: usize,
        place: usize,
        count: usize,
        window: usize,
        rows: LongRows,
        into: usize,
    ) {
        let geometry = self.job.geometry;
        let axis = &geometry.axes[geometry.axes.len() - 1];
        if axis.stride == 1 {
            let first = std::mem::take(&mut self.first);
            let mut sink = into_folded::<T, R>(first);
            self.runs_of_rows(at, place, count, window, rows, into, &mut sink);
            self.first = first;
            return;
        }
        let picked = std::mem::take(&mut self.picked);
        let mut sink = into_folded::<T, R>(picked);
        self.runs_of_rows(at, place, count, window, rows, 0, &mut sink);
        let (part, into_part) = (picked.len() / R::PARTS, self.first.len() / R::PARTS);
        let outputs = rows.windows.div_ceil(axis.stride);
        for p in 0..R::PARTS {
            for row in 0..count {
                let into = &mut self.first[p * into_part + into + row * outputs..][..outputs];
                let from = &picked[p * part + row * rows.windows..][..rows.windows];
                for output in 0..outputs {
                    into[output] = from[output * axis.stride];
                }
            }
        }
        self.picked = picked;
    }

    /// Folds windows at every position of `count` rows, from `window` on, to `to` and on.
    fn runs_of_rows(
        &mut self,
        at: usize,
        place: usize,
        count: usize,
        window: usize,
        rows: LongRows,
        to: usize,
        sink: &mut impl Sink<T, R>,
    ) {
        let geometry = self.job.geometry;
        let axis = &geometry.axes[geometry.axes.len() - 1];
        let (level, reduction) = (self.job.level, self.job.reduction);
        let start = axis.start(window) as isize;

        // The rows with their borders.
        let (size, end) = (axis.input as isize, start + rows.elements as isize);
        let (first, last) = (start.clamp(0, size), end.clamp(0, size));
        let before = (first - start).clamp(0, rows.elements as isize) as usize;
        for row in 0..count {
            let copy = &mut self.row[row * rows.elements..][..rows.elements];
            let (before, rest) = copy.split_at_mut(before);
            let (present, after) = rest.split_at_mut((last - first) as usize);
            before.fill(reduction.absent());
            let from = at + row * axis.input + first as usize;
            present.copy_from_slice(&self.job.x[from..][..present.len()]);
            after.fill(reduction.absent());
        }

        let taps = LongTaps {
            count: axis.kernel,
            step: axis.dilation,
        };
        let field = Field {
            rows: count,
            width: rows.elements,
            pitch: rows.elements,
            stretches: count,
            stride: 1,
            len: rows.windows,
        };
        let source = Source {
            row: self.row,
            place: place.wrapping_add_signed(start),
            runs: items::<T, R>(self.runs, 0),
            carry: items::<T, R>(self.carry, 0),
        };
        let into = Into {
            at: to,
            pitch: rows.windows,
            column: window,
            columns: geometry.columns(),
            shares: &[],
            share: 1.0,
            ascending: true,
        };
        long::fold(level, reduction, taps, field, source, into, sink);
    }

    /// Folds the only axis into the results.
    pub(super) fn only_axis(
        &mut self,
        planes: usize,
        windows: (usize, usize),
        results: Results<'_, T>,
    ) {
        let geometry = self.job.geometry;
        let axis = &geometry.axes[0];
        let (level, reduction, base) = (self.job.level, self.job.reduction, results.base);
        let mut sink = IntoResult {
            values: results.values,
            places: results.places,
            columns: self.job.shares.columns,
            base,
        };
        let len = windows.1 - windows.0;
        match geometry.ways[0] {
            Way::Across => {
                let source = Unfolded {
                    x: &self.job.x[base..],
                    place: 0,
                };
                let runs = geometry.runs[0].within(windows, axis.stride, 0);
                let stage = Stage {
                    blocks: planes,
                    from_pitch: geometry.plane_input,
                    to_pitch: len * geometry.inner,
                    column: windows.0 * geometry.inner,
                    ..self.stage(0, geometry.inner, &runs)
                };
                return across::fold(level, reduction, source, &mut sink, stage);
            }
            Way::Rows => self.few_taps(base, 0, planes, windows, 0),
            Way::Long => {
                let rows = geometry.long_rows(windows);
                let mut plane = 0;
                while plane < planes {
                    let count = rows.most.min(planes - plane);
                    let (skipped, to) = (plane * axis.input, plane * len);
                    let at = base + skipped;
                    if axis.stride == 1 {
                        self.runs_of_rows(at, skipped, count, windows.0, rows, to, &mut sink);
                    } else {
                        self.long_rows(at, skipped, count, windows.0, rows, to);
                    }
                    plane += count;
                }
                if axis.stride == 1 {
                    return;
                }
            }
        }
        // All windows are folded; they are only finished.
        let run = Run {
            window: 0,
            windows: planes * len,
            first: 0,
            count: 1,
            share: 1.0,
        };
        let stage = Stage {
            stride: 1,
            column: windows.0,
            ..self.stage(0, 1, std::slice::from_ref(&run))
        };
        let source = folded::<T, R>(self.first);
        across::fold(level, reduction, source, &mut sink, stage);
    }
}
