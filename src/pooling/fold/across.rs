//! A tile across its rows.

use super::{IntoResult, Layout, Reduction, Results, Tile, Vectored, folded, into_folded, items};
use crate::pooling::across::{self, Stage};
use crate::pooling::geometry::{STRIP, Way};
use crate::pooling::long::{self, Field, Into, LongTaps, Source};
use crate::pooling::runs::Run;
use crate::pooling::sink::Sink;

/// The rows of a block that are folded by runs of taps, and where their windows go.
#[derive(Clone, Copy)]
struct Block<'a> {
    /// Where the block begins in the first buffer.
    at: usize,
    windows: usize,
    to: usize,
    /// If windows are divided: the shares of the rows of windows, and of the axes behind theirs but the last.
    shares: &'a [Run],
    middle: &'a [f64],
}

impl<T: Vectored, R: Reduction<T>> Tile<'_, '_, T, R> {
    /// Folds axis `index`, which is neither the first nor the last, from the first buffer into the second.
    pub(super) fn across(&mut self, index: usize, from: Layout, into: Layout) {
        let geometry = self.job.geometry;
        self.each_block(into, true, |tile, block, blocks, to| {
            let second = std::mem::take(&mut tile.second);
            let mut sink = into_folded::<T, R>(second);
            if geometry.ways[index] == Way::Long {
                for each in 0..blocks {
                    let rows = Block {
                        at: (block + each) * from.pitch(),
                        windows: geometry.axes[index].output,
                        to: to + each * into.unit,
                        shares: &[],
                        middle: &[],
                    };
                    tile.runs_across(index, from, rows, &mut sink);
                }
            } else {
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
                across::fold(level, reduction, source, &mut sink, stage);
            }
            tile.second = second;
        });
    }

    /// Folds the first axis, which is not the last, from the first buffer into the results.
    pub(super) fn first_axis(
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
        if geometry.ways[0] == Way::Long {
            for plane in 0..planes {
                let rows = Block {
                    at: plane * layout.pitch(),
                    windows: windows.1 - windows.0,
                    to: plane * size,
                    shares: &runs,
                    middle: self.job.shares.middle,
                };
                self.runs_across(0, layout, rows, &mut sink);
            }
            return;
        }
        let stage = Stage {
            blocks: planes,
            from_pitch: layout.pitch(),
            to_pitch: size,
            middle: self.job.shares.middle,
            ..self.stage(0, layout.unit, &runs)
        };
        let source = folded::<T, R>(self.first);
        let (level, reduction) = (self.job.level, self.job.reduction);
        across::fold(level, reduction, source, &mut sink, stage);
    }

    /// Folds windows of axis `index` by runs of taps.
    fn runs_across(
        &mut self,
        index: usize,
        from: Layout,
        rows: Block<'_>,
        sink: &mut impl Sink<T, R>,
    ) {
        let geometry = self.job.geometry;
        let axis = &geometry.axes[index];
        let (level, reduction) = (self.job.level, self.job.reduction);
        let taps = LongTaps {
            count: axis.kernel,
            step: axis.dilation * from.unit,
        };
        // Strips so narrow that the rows of a few taps stay in the first cache, and alike in what divides them.
        let parts = if R::DIVIDES {
            rows.middle.len().max(1)
        } else {
            1
        };
        let size = from.unit / parts;
        for part in 0..parts {
            let mut column = 0;
            while column < size {
                let width = STRIP.min(size - column);
                let field = Field {
                    rows: from.pitch() / from.unit,
                    width,
                    pitch: from.unit,
                    stretches: rows.windows,
                    stride: axis.stride,
                    len: width,
                };
                let skipped = part * size + column;
                let source = Source {
                    row: &[],
                    place: 0,
                    runs: items::<T, R>(self.first, rows.at + skipped),
                    carry: items::<T, R>(self.carry, 0),
                };
                let into = Into {
                    at: rows.to + skipped,
                    pitch: from.unit,
                    column,
                    columns: geometry.columns(),
                    shares: rows.shares,
                    share: rows.middle.get(part).copied().unwrap_or(1.0),
                    ascending: width == from.unit,
                };
                long::fold(level, reduction, taps, field, source, into, sink);
                column += width;
            }
        }
    }
}
