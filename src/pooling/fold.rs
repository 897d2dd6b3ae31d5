//! The fold of planes, or of bands of one: along rows first, then across, axis by axis, the first axis into the results.
//!
//! That order keeps the first tap in row-major order first, which decides between equal elements.

use std::mem::swap;

use fearless_simd::Level;

use super::across::{self, Folded, IntoFolded, IntoResult, Stage, Unfolded};
use super::geometry::{Geometry, Layout, LongRow, Way};
use super::lanes::{MOST_LANES, Vectored, lanes_at};
use super::long::{self, Field, Items, LongTaps};
use super::reduce::Reduction;
use super::rows::{self, Edges, Rows};
use super::runs::Run;
use super::whole;

/// A pool, as all its parts see it.
pub(super) struct Job<'a, T, R> {
    pub(super) level: Level,
    pub(super) geometry: &'a Geometry,
    pub(super) reduction: &'a R,
    pub(super) x: &'a [T],
    pub(super) shares: Shares<'a>,
}

/// The shares of the divisor, if there is one.
#[derive(Clone, Copy)]
pub(super) struct Shares<'a> {
    /// Of the last axis: an element for each result of a row, then the first ones again.
    pub(super) columns: &'a [f64],
    /// Of the axes between the first and the last, for each of their rows.
    pub(super) middle: &'a [f64],
}

/// The buffers of one thread.
pub(super) struct Buffers<'a, T, I> {
    pub(super) first: &'a mut [I],
    pub(super) second: &'a mut [I],
    pub(super) runs: &'a mut [I],
    pub(super) picked: &'a mut [I],
    pub(super) row: &'a mut [T],
    pub(super) edges: &'a mut [u64],
}

/// The results of the bands `from..to`, counted over all planes.
pub(super) struct Bands<'a, T> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) values: &'a mut [T],
    pub(super) places: &'a mut [i64],
}

/// Folds whole planes.
pub(super) fn whole_planes<T: Vectored, R: Reduction<T>>(job: &Job<'_, T, R>, bands: Bands<'_, T>) {
    let size = job.geometry.plane_input;
    let shares = job
        .geometry
        .axes
        .iter()
        .map(|axis| job.reduction.share(axis, 0));
    whole::fold(
        job.level,
        job.reduction,
        job.x,
        bands.from * size,
        size,
        shares.product(),
        bands.values,
    );
}

/// Folds bands.
pub(super) fn bands<T: Vectored, R: Reduction<T>>(
    job: &Job<'_, T, R>,
    buffers: Buffers<'_, T, R::Item>,
    bands: Bands<'_, T>,
) {
    let geometry = job.geometry;
    let last = geometry.axes.len() - 1;
    let edges = match geometry.ways[last] {
        Way::Rows => Edges::new(
            &geometry.axes[last],
            lanes_at::<T>(job.level),
            buffers.edges,
        ),
        _ => Edges::none(),
    };
    let mut tile = Tile {
        job,
        edges,
        first: buffers.first,
        second: buffers.second,
        runs: buffers.runs,
        picked: buffers.picked,
        row: buffers.row,
    };
    let (most_planes, most_windows) = geometry.tile;
    let count = geometry.bands();
    let mut band = bands.from;
    while band < bands.to {
        let (plane, from) = (band / count, band % count);
        let end = bands.to - plane * count;
        let (planes, to) = match from == 0 && end >= count && most_windows == count {
            true => ((end / count).min(most_planes), count),
            false => (1, end.min(count).min(from + most_windows)),
        };
        let at = (band - bands.from) * geometry.band_output();
        let results = Results {
            base: plane * geometry.plane_input,
            values: &mut bands.values[at..],
            places: match R::PLACES {
                true => &mut bands.places[at..],
                false => &mut [],
            },
        };
        tile.fold(planes, (from, to), results);
        band += planes * (to - from);
    }
}

/// Where a tile's results go.
struct Results<'a, T> {
    /// Where its first plane begins in the tensor.
    base: usize,
    values: &'a mut [T],
    places: &'a mut [i64],
}

/// What one tile after the other is folded with.
struct Tile<'a, 'j, T: Vectored, R: Reduction<T>> {
    job: &'a Job<'j, T, R>,
    edges: Edges<'a>,
    /// Axes are folded from one of these into the other.
    first: &'a mut [R::Item],
    second: &'a mut [R::Item],
    /// A row that is folded by runs of taps: the runs, windows at every position, and its elements with their borders.
    runs: &'a mut [R::Item],
    picked: &'a mut [R::Item],
    row: &'a mut [T],
}

/// A buffer as accumulators.
fn folded<T: Vectored, R: Reduction<T>>(items: &[R::Item]) -> Folded<'_, R::Item> {
    Folded {
        part: items.len() / R::PARTS,
        items,
    }
}

/// A buffer for accumulators.
fn into_folded<T: Vectored, R: Reduction<T>>(items: &mut [R::Item]) -> IntoFolded<'_, R::Item> {
    IntoFolded {
        part: items.len() / R::PARTS,
        items,
    }
}

/// The columns that are folded at a time across many rows.
const STRIP: usize = 2 * MOST_LANES;

/// A buffer of runs or windows from `at` on.
fn items<T: Vectored, R: Reduction<T>>(items: &mut [R::Item], at: usize) -> Items<'_, R::Item> {
    Items {
        part: items.len() / R::PARTS,
        items,
        at,
    }
}

impl<T: Vectored, R: Reduction<T>> Tile<'_, '_, T, R> {
    /// Folds `windows` of the first axis of the next `planes` planes.
    fn fold(&mut self, planes: usize, windows: (usize, usize), results: Results<'_, T>) {
        let geometry = self.job.geometry;
        let last = geometry.axes.len() - 1;
        if last == 0 {
            return self.only_axis(planes, windows, results);
        }
        let rest: usize = geometry.axes[1..].iter().map(|axis| axis.input).product();
        let skipped = geometry.span(0, windows).first * rest * geometry.inner;
        let mut layout = geometry.layout(last - 1, planes, windows);
        self.along(results.base + skipped, skipped, layout);
        for index in (1..last).rev() {
            let into = geometry.layout(index - 1, planes, windows);
            self.across(index, layout, into);
            swap(&mut self.first, &mut self.second);
            layout = into;
        }
        self.first_axis(layout, planes, windows, results);
        if last.is_multiple_of(2) {
            swap(&mut self.first, &mut self.second);
        }
    }

    /// Calls `fold` with this tile, a row, how many rows from it on, and where their results go in `layout`, and fills the
    /// rows of nothing around them.
    fn each_block(
        &mut self,
        layout: Layout,
        into_second: bool,
        mut fold: impl FnMut(&mut Self, usize, usize, usize),
    ) {
        let (level, reduction) = (self.job.level, self.job.reduction);
        // Without rows of nothing between them all blocks are one.
        let (blocks, rows) = match layout.is_padded() {
            true => (layout.blocks, layout.span.rows),
            false => (1, layout.blocks * layout.span.rows),
        };
        for block in 0..blocks {
            let at = block * layout.pitch();
            let before = layout.span.before * layout.unit;
            let after = layout.span.after * layout.unit;
            let end = before + rows * layout.unit;
            let items = |tile: &mut Self, at, len| {
                let items = if into_second {
                    &mut *tile.second
                } else {
                    &mut *tile.first
                };
                across::fill::<T, R>(level, reduction, &mut into_folded::<T, R>(items), at, len);
            };
            items(self, at, before);
            if rows > 0 {
                fold(self, block * rows, rows, at + before);
            }
            items(self, at + end, after);
        }
    }

    /// Folds the rows from `at` on, whose first element has `place`, along the last axis into the first buffer.
    fn along(&mut self, at: usize, place: usize, layout: Layout) {
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
                        tile.long_row(
                            at + skipped,
                            place + skipped,
                            0,
                            long,
                            into + row * layout.unit,
                        );
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

    /// One block of axis `index`, from the beginning of a buffer to that of another.
    fn stage<'r>(&self, index: usize, unit: usize, runs: &'r [Run]) -> Stage<'r> {
        let axis = &self.job.geometry.axes[index];
        Stage {
            blocks: 1,
            from: 0,
            from_pitch: 0,
            to: 0,
            to_pitch: 0,
            unit,
            stride: axis.stride,
            dilation: axis.dilation,
            runs,
            columns: self.job.geometry.columns(),
            column: 0,
            middle: &[],
        }
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
            && rows::is_narrow(axis.output, lanes_at::<T>(self.job.level));
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

    /// Folds the windows of a row from `window` on by runs of taps.
    fn long_row(&mut self, at: usize, place: usize, window: usize, row: LongRow, into: usize) {
        let (level, reduction) = (self.job.level, self.job.reduction);
        let axis = &self.job.geometry.axes[self.job.geometry.axes.len() - 1];
        let start = axis.start(window) as isize;

        // The row with its borders.
        let (size, end) = (axis.input as isize, start + row.elements as isize);
        let (first, last) = (start.clamp(0, size), end.clamp(0, size));
        let copy = &mut self.row[..row.elements + MOST_LANES];
        let (before, rest) =
            copy.split_at_mut((first - start).clamp(0, row.elements as isize) as usize);
        let (present, after) = rest.split_at_mut((last - first) as usize);
        before.fill(reduction.absent());
        present.copy_from_slice(&self.job.x[at + first as usize..][..present.len()]);
        after.fill(reduction.absent());

        let place = place.wrapping_add_signed(start);
        long::start(level, reduction, self.row, row.elements, place, self.runs);
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
            into_pitch: 0,
        };
        let into_part = self.first.len() / R::PARTS;
        if axis.stride == 1 {
            let (runs, into) = (items::<T, R>(self.runs, 0), items::<T, R>(self.first, into));
            return long::fold(level, reduction, taps, field, runs, into);
        }
        let picked_part = self.picked.len() / R::PARTS;
        let (runs, picked) = (items::<T, R>(self.runs, 0), items::<T, R>(self.picked, 0));
        long::fold(level, reduction, taps, field, runs, picked);
        let outputs = row.windows.div_ceil(axis.stride);
        for p in 0..R::PARTS {
            let into = &mut self.first[p * into_part + into..][..outputs];
            let from = &self.picked[p * picked_part..][..row.windows];
            for output in 0..outputs {
                into[output] = from[output * axis.stride];
            }
        }
    }

    /// Folds axis `index`, which is neither the first nor the last, from the first buffer into the second.
    fn across(&mut self, index: usize, from: Layout, into: Layout) {
        let geometry = self.job.geometry;
        let windows = (0, geometry.axes[index].output);
        self.each_block(into, true, |tile, block, blocks, to| {
            if geometry.ways[index] == Way::Long {
                for each in 0..blocks {
                    let at = (block + each) * from.pitch();
                    tile.long_rows(index, from, at, windows, to + each * into.unit);
                }
                return;
            }
            let stage = Stage {
                blocks,
                from: block * from.pitch(),
                from_pitch: from.pitch(),
                to,
                to_pitch: into.unit,
                ..tile.stage(index, from.unit, &geometry.runs[index])
            };
            let (level, reduction) = (tile.job.level, tile.job.reduction);
            let source = folded::<T, R>(tile.first);
            across::fold(
                level,
                reduction,
                source,
                &mut into_folded::<T, R>(tile.second),
                stage,
            );
        });
    }

    /// Folds windows of axis `index`, whose rows lie in the first buffer from `at` on, by runs of taps into the second.
    fn long_rows(
        &mut self,
        index: usize,
        from: Layout,
        at: usize,
        windows: (usize, usize),
        to: usize,
    ) {
        let axis = &self.job.geometry.axes[index];
        let taps = LongTaps {
            count: axis.kernel,
            step: axis.dilation * from.unit,
        };
        // Strips so narrow that the rows of a few taps stay in the first cache.
        let rows = from.pitch() / from.unit;
        let mut column = 0;
        while column < from.unit {
            let width = STRIP.min(from.unit - column);
            let field = Field {
                rows,
                width,
                pitch: from.unit,
                stretches: windows.1 - windows.0,
                stride: axis.stride,
                len: width,
                into_pitch: from.unit,
            };
            let runs = items::<T, R>(self.first, at + column);
            let into = items::<T, R>(self.second, to + column);
            long::fold(self.job.level, self.job.reduction, taps, field, runs, into);
            column += width;
        }
    }

    /// Folds the first axis, which is not the last, from the first buffer into the results.
    fn first_axis(
        &mut self,
        layout: Layout,
        planes: usize,
        windows: (usize, usize),
        results: Results<'_, T>,
    ) {
        let geometry = self.job.geometry;
        let axis = &geometry.axes[0];
        let mut sink = IntoResult {
            values: results.values,
            places: results.places,
            columns: self.job.shares.columns,
            base: results.base,
        };
        let size = (windows.1 - windows.0) * geometry.band_output();
        let runs = geometry.runs[0].within(windows, axis.stride, layout.span.first);
        let (level, reduction) = (self.job.level, self.job.reduction);
        if geometry.ways[0] != Way::Long {
            let stage = Stage {
                blocks: planes,
                from_pitch: layout.pitch(),
                to_pitch: size,
                middle: self.job.shares.middle,
                ..self.stage(0, layout.unit, &runs)
            };
            let source = folded::<T, R>(self.first);
            return across::fold(level, reduction, source, &mut sink, stage);
        }
        // The windows are folded as rows of their own, and then only finished.
        let mut rows = runs;
        for run in rows.iter_mut() {
            (run.first, run.count) = (run.window, 1);
        }
        for plane in 0..planes {
            self.long_rows(0, layout, plane * layout.pitch(), windows, 0);
            let stage = Stage {
                to: plane * size,
                stride: 1,
                middle: self.job.shares.middle,
                ..self.stage(0, layout.unit, &rows)
            };
            let source = folded::<T, R>(self.second);
            across::fold(level, reduction, source, &mut sink, stage);
        }
    }

    /// Folds the only axis into the results.
    fn only_axis(&mut self, planes: usize, windows: (usize, usize), results: Results<'_, T>) {
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
                    let skipped = plane * axis.input;
                    self.long_row(base + skipped, skipped, windows.0, row, plane * len);
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
