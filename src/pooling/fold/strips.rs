//! A tile whose last two axes are folded at once.

use super::{IntoResult, Layout, Reduction, Results, Tile, Vectored, into_folded};
use crate::pooling::strips::{self, Slices};

impl<T: Vectored, R: Reduction<T>> Tile<'_, '_, T, R> {
    /// Folds the last two axes, which are all, into the results.
    pub(super) fn strips_into_results(
        &mut self,
        planes: usize,
        windows: (usize, usize),
        results: Results<'_, T>,
    ) {
        let geometry = self.job.geometry;
        let axis = &geometry.axes[0];
        let sink = IntoResult {
            values: results.values,
            places: results.places,
            columns: self.job.shares.columns,
            base: results.base,
        };
        let runs = geometry.runs[0].within(windows, axis.stride, 0);
        let slices = Slices {
            x: self.job.x,
            first: results.base,
            place: 0,
            count: planes,
            start: axis.start(windows.0),
            runs: &runs,
            axes: [axis, &geometry.axes[1]],
            to: 0,
            to_pitch: (windows.1 - windows.0) * geometry.band_output(),
        };
        let (level, reduction) = (self.job.level, self.job.reduction);
        strips::fold(level, reduction, slices, &self.edges, self.row, sink);
    }

    /// Folds the last two axes of slices from `at` on, whose first element has `place`, into the second buffer.
    pub(super) fn strips(&mut self, at: usize, place: usize, layout: Layout) {
        let geometry = self.job.geometry;
        let last = geometry.axes.len() - 1;
        let axes = [&geometry.axes[last - 1], &geometry.axes[last]];
        let size = axes[0].input * axes[1].input;
        self.each_block(layout, true, |tile, slice, count, to| {
            let slices = Slices {
                x: tile.job.x,
                first: at + slice * size,
                place: place + slice * size,
                count,
                start: axes[0].start(0),
                runs: &geometry.runs[last - 1],
                axes,
                to,
                to_pitch: layout.unit,
            };
            let (level, reduction) = (tile.job.level, tile.job.reduction);
            let sink = into_folded::<T, R>(tile.second);
            strips::fold(level, reduction, slices, &tile.edges, tile.row, sink);
        });
    }
}
