//! The fold of planes, or of bands of one: along rows first, then across, axis by axis, the first axis into the results.
//!
//! That order keeps the first tap in row-major order first, which decides between equal elements.

mod across;
mod along;
mod strips;

use std::mem::swap;

use fearless_simd::Level;

use super::across::Stage;
use super::edges::{self, Edges};
use super::geometry::{Geometry, Layout, Way};
use super::lanes::{Vectored, lanes_at};
use super::long::Items;
use super::reduce::Reduction;
use super::runs::Run;
use super::sink::{IntoFolded, IntoResult, fill};
use super::source::Folded;
use super::whole;
use crate::installed::HandedOver;
use crate::stop;

/// Elements of whole planes that are folded between looks at whether the run is to stop.
const STOP_ELEMENTS: usize = 1 << 22;

/// A pool, as all its parts see it.
pub(super) struct Job<'a, T, R> {
    pub(super) level: Level,
    pub(super) installed: HandedOver,
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
    pub(super) carry: &'a mut [I],
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
    let share = shares.product();
    let together = (STOP_ELEMENTS / size.max(1)).max(1);
    let mut from = bands.from * size;
    for values in bands.values.chunks_mut(together) {
        if stop::is_set() {
            return;
        }
        whole::fold(job.level, job.reduction, job.x, from, size, share, values);
        from += values.len() * size;
    }
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
        Way::Rows => {
            let (axis, lanes) = (&geometry.axes[last], lanes_at::<T>(job.level));
            let all = !geometry.strips && edges::is_narrow(axis.output, lanes);
            Edges::new(axis, lanes, all, buffers.edges)
        }
        _ => Edges::none(),
    };
    let mut tile = Tile {
        job,
        edges,
        first: buffers.first,
        second: buffers.second,
        runs: buffers.runs,
        picked: buffers.picked,
        carry: buffers.carry,
        row: buffers.row,
    };
    let (most_planes, most_windows) = geometry.tile;
    let count = geometry.bands();
    let mut band = bands.from;
    while band < bands.to && !stop::is_set() {
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
    /// Windows that are folded by runs of taps, in part.
    carry: &'a mut [R::Item],
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
        if last == 1 && geometry.strips {
            return self.strips_into_results(planes, windows, results);
        }
        let mut unfolded = last;
        let mut layout = geometry.layout(last - 1, planes, windows);
        if geometry.strips {
            layout = geometry.layout(last - 2, planes, windows);
            self.strips(results.base + skipped, skipped, layout);
            swap(&mut self.first, &mut self.second);
            unfolded -= 1;
        } else {
            self.along(results.base + skipped, skipped, layout);
        }
        for index in (1..unfolded).rev() {
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
                fill::<T, R>(level, reduction, &mut into_folded::<T, R>(items), at, len);
            };
            items(self, at, before);
            if rows > 0 {
                fold(self, block * rows, rows, at + before);
            }
            items(self, at + end, after);
        }
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
}
