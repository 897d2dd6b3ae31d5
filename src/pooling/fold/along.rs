//! A tile along its rows.

use super::{
    IntoFolded, IntoResult, Layout, Reduction, Results, Tile, Vectored, folded, into_folded, items,
};
use crate::pooling::across::{self, Sink, Stage, Unfolded};
use crate::pooling::edges;
use crate::pooling::geometry::{LongRow, Way};
use crate::pooling::lanes::{MOST_LANES, lanes_at};
use crate::pooling::long::{self, Field, Into, LongTaps, Source};
use crate::pooling::rows::{self, Rows};
use crate::pooling::runs::Run;

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
                    let long = geometry.long_row(whole);
                    for row in 0..rows {
                        let skipped = row * size;
                        let into = into + row * layout.unit;
                        tile.long_row(at + skipped, place + skipped, 0, long, into);
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

    /// Folds the windows of a row from `window` on by runs of taps into the first buffer.
    fn long_row(&mut self, at: usize, place: usize, window: usize, row: LongRow, into: usize) {
        let geometry = self.job.geometry;
        let axis = &geometry.axes[geometry.axes.len() - 1];
        if axis.stride == 1 {
            let first = std::mem::take(&mut self.first);
            self.runs_of_row(
                at,
                place,
                window,
                row,
                into,
                &mut into_folded::<T, R>(first),
            );
            self.first = first;
            return;
        }
        let picked = std::mem::take(&mut self.picked);
        let mut sink: IntoFolded<'_, R::Item> = into_folded::<T, R>(picked);
        let part = sink.part;
        self.runs_of_row(at, place, window, row, 0, &mut sink);
        let into_part = self.first.len() / R::PARTS;
        let outputs = row.windows.div_ceil(axis.stride);
        for p in 0..R::PARTS {
            let into = &mut self.first[p * into_part + into..][..outputs];
            let from = &picked[p * part..][..row.windows];
            for output in 0..outputs {
                into[output] = from[output * axis.stride];
            }
        }
        self.picked = picked;
    }

    /// Folds windows at every position of a row, from `window` on, to `to` and on.
    fn runs_of_row(
        &mut self,
        at: usize,
        place: usize,
        window: usize,
        row: LongRow,
        to: usize,
        sink: &mut impl Sink<T, R>,
    ) {
        let geometry = self.job.geometry;
        let axis = &geometry.axes[geometry.axes.len() - 1];
        let (level, reduction) = (self.job.level, self.job.reduction);
        let start = axis.start(window) as isize;

        // The row with its borders.
        let (size, end) = (axis.input as isize, start + row.elements as isize);
        let (first, last) = (start.clamp(0, size), end.clamp(0, size));
        let (before, rest) = self
            .row
            .split_at_mut((first - start).clamp(0, row.elements as isize) as usize);
        let (present, after) = rest.split_at_mut((last - first) as usize);
        before.fill(reduction.absent());
        present.copy_from_slice(&self.job.x[at + first as usize..][..present.len()]);
        let after_len = row.elements - before.len() - present.len();
        after[..after_len].fill(reduction.absent());

        let taps = LongTaps {
            count: axis.kernel,
            step: axis.dilation,
        };
        let field = Field {
            rows: 1,
            width: row.elements,
            pitch: 0,
            stretches: 1,
            stride: 0,
            len: row.windows,
        };
        let source = Source {
            row: self.row,
            place: place.wrapping_add_signed(start),
            runs: items::<T, R>(self.runs, 0),
            carry: items::<T, R>(self.carry, 0),
        };
        let into = Into {
            at: to,
            pitch: 0,
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
                let row = geometry.long_row(windows);
                for plane in 0..planes {
                    let (skipped, to) = (plane * axis.input, plane * len);
                    if axis.stride == 1 {
                        let at = base + skipped;
                        self.runs_of_row(at, skipped, windows.0, row, to, &mut sink);
                    } else {
                        self.long_row(base + skipped, skipped, windows.0, row, to);
                    }
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
