//! How a pool is folded: which axes, in which way, and how much of it at a time.

use smallvec::SmallVec;

use super::Plan;
use super::lanes::{MOST_LANES, Vectored};
use super::reduce::Reduction;
use super::rows;
use super::runs::Runs;
use super::strips;
use crate::window::{Axes, Axis};

/// How the windows of an axis are folded. The order of a window's taps depends on it, so it is the same for all
/// instruction sets and numbers of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Along rows, a few taps from the tensor.
    Rows,
    /// From runs of taps.
    Long,
    /// Tap by tap across rows, or across elements where windows are far apart.
    Across,
}

impl Way {
    fn of(axis: &Axis, inner: usize, is_last: bool) -> Way {
        let extent = (axis.kernel - 1) as u128 * axis.dilation as u128 + 1;
        let reach = (axis.output - 1) as u128 * axis.stride as u128 + extent;
        let near = reach <= 4 * axis.input as u128 + 64;
        if near && is_last && inner == 1 && rows::suits(axis) {
            return Way::Rows;
        }
        // Across rows the taps are loaded one by one, along a row the elements.
        let worth = match is_last && inner == 1 {
            true => axis.stride / 16 <= axis.kernel,
            false => axis.kernel > rows::FEW && axis.stride <= axis.kernel / 4,
        };
        match near && worth && !(is_last && inner > 1) {
            true => Way::Long,
            false => Way::Across,
        }
    }
}

/// What is folded for some windows of an axis: rows of the input, and rows of nothing before and after them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) first: usize,
    pub(super) rows: usize,
    pub(super) before: usize,
    pub(super) after: usize,
}

/// The accumulators that an axis is folded from: blocks of `before + rows + after` rows of `unit`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) blocks: usize,
    pub(super) span: Span,
    pub(super) unit: usize,
}

impl Layout {
    /// From one block to the next.
    pub(super) fn pitch(&self) -> usize {
        (self.span.before + self.span.rows + self.span.after).saturating_mul(self.unit)
    }

    pub(super) fn is_padded(&self) -> bool {
        self.span.before + self.span.after > 0
    }
}

/// A pool as it is folded. Axes on which nothing is folded, before the first that is, count as planes.
pub(super) struct Geometry {
    pub(super) axes: Axes,
    pub(super) ways: SmallVec<[Way; 4]>,
    pub(super) runs: SmallVec<[Runs; 3]>,
    pub(super) inner: usize,
    pub(super) planes: usize,
    pub(super) plane_input: usize,
    pub(super) plane_output: usize,
    /// Whether the last two axes are folded at once.
    pub(super) strips: bool,
    /// Whether each plane is one window over all of it.
    pub(super) whole: bool,
    /// Whether some window has no tap on the input.
    pub(super) bare: bool,
    /// Whether some window has fewer taps on the input than others.
    pub(super) bordered: bool,
    /// How many planes, or else how many windows of the first axis, are folded at a time.
    pub(super) tile: (usize, usize),
    parts: usize,
    idempotent: bool,
    places: bool,
    item_bytes: usize,
    element_bytes: usize,
}

/// What may lie in a core's first cache, in bytes, beside what is read and written.
const NEAR_BYTES: usize = 24 << 10;
/// What may lie in its second cache.
const FAR_BYTES: usize = 640 << 10;

/// The elements of short rows that are folded along together.
const TOGETHER: usize = 1024;

/// The columns that are folded at a time across many rows.
pub(super) const STRIP: usize = 2 * MOST_LANES;

/// Items beyond the last that kernels may write.
const SLACK: usize = 2 * MOST_LANES;

impl Geometry {
    pub(super) fn new<T: Vectored, R: Reduction<T>>(plan: &Plan, reduction: &R) -> Geometry {
        let mut axes = Axes::from_slice(plan.axes());
        let mut planes = plan.planes();
        if axes.is_empty() {
            axes.push(Axis::global(1));
        }
        let whole = plan.is_whole() && plan.plane_input() > 0 && !R::PLACES;
        while axes.len() > 1 && !whole && axes[0].is_identity() {
            planes *= axes[0].input;
            axes.remove(0);
        }
        let inner = plan.inner();
        let last = axes.len() - 1;
        let ways: SmallVec<[Way; 4]> = (0..axes.len())
            .map(|i| Way::of(&axes[i], inner, i == last))
            .collect();
        let mut geometry = Geometry {
            strips: last > 0
                && ways[last - 1..] == [Way::Across, Way::Rows]
                && strips::suits::<T, R>(&axes[last - 1], &axes[last]),
            ways,
            runs: SmallVec::new(),
            inner,
            planes,
            plane_input: axes.iter().map(|axis| axis.input).product::<usize>() * inner,
            plane_output: axes.iter().map(|axis| axis.output).product::<usize>() * inner,
            whole,
            bare: axes.iter().any(Axis::has_bare_windows),
            bordered: axes
                .iter()
                .any(|axis| axis.full_windows() != (0..axis.output)),
            tile: (1, 1),
            parts: R::PARTS,
            idempotent: R::IDEMPOTENT,
            places: R::PLACES,
            item_bytes: size_of::<R::Item>(),
            element_bytes: size_of::<T>(),
            axes,
        };
        if !whole {
            for (index, axis) in geometry.axes.iter().enumerate() {
                let needed = index < last || geometry.ways[index] == Way::Across;
                geometry.runs.push(match needed {
                    true => Runs::of(reduction, axis, R::DIVIDES && index < last),
                    false => Runs::default(),
                });
            }
            geometry.tile = geometry.choose_tile();
        }
        geometry
    }

    /// The windows of the first axis in each plane, by which work is parted.
    pub(super) fn bands(&self) -> usize {
        if self.whole { 1 } else { self.axes[0].output }
    }

    /// The results of such a window.
    pub(super) fn band_output(&self) -> usize {
        self.plane_output / self.bands().max(1)
    }

    /// The results of a row.
    pub(super) fn columns(&self) -> usize {
        self.axes[self.axes.len() - 1].output * self.inner
    }

    /// What is folded for windows `from..to` of axis `index`, which are all but for the first axis.
    pub(super) fn span(&self, index: usize, (from, to): (usize, usize)) -> Span {
        let axis = &self.axes[index];
        let (size, start) = (axis.input as i64, axis.start(from));
        // The ways that need a reach are for windows near the input, where it does not overflow.
        let reach = (axis.kernel - 1).saturating_mul(axis.dilation) as i64;
        let end = axis.start(to - 1).saturating_add(reach).saturating_add(1);
        let all = index > 0 || (from, to) == (0, axis.output);
        let (first, last) = match all {
            true => (0, size),
            false => (start.clamp(0, size), end.clamp(0, size)),
        };
        let last = last.max(first);
        let padded = self.ways[index] == Way::Long && index + 1 < self.axes.len();
        let rows_of_nothing = |rows: i64| if padded { rows.max(0) as usize } else { 0 };
        Span {
            first: first as usize,
            rows: (last - first) as usize,
            // Windows that lie on pads alone end there.
            before: rows_of_nothing(first.min(end) - start),
            after: rows_of_nothing(end - last.max(start)),
        }
    }

    /// What axis `index`, not the last, is folded from, for `windows` of the first axis of `planes` planes.
    pub(super) fn layout(&self, index: usize, planes: usize, windows: (usize, usize)) -> Layout {
        let mut blocks = planes;
        for outer in 0..index {
            blocks *= match outer {
                0 => self.span(0, windows).rows,
                _ => self.axes[outer].input,
            };
        }
        let windows = match index {
            0 => windows,
            _ => (0, self.axes[index].output),
        };
        let behind = self.axes[index + 1..].iter();
        Layout {
            blocks,
            span: self.span(index, windows),
            unit: behind.map(|axis| axis.output).product::<usize>() * self.inner,
        }
    }

    /// The items of the two buffers that axes are folded from and into, by turns, for that many windows of the first axis.
    pub(super) fn items(&self, planes: usize, windows: usize) -> (usize, usize) {
        let last = self.axes.len() - 1;
        let mut items = [0, 0];
        if last == 1 && self.strips {
            return (0, 0);
        }
        if last == 0 && !(self.ways[0] == Way::Long && self.axes[0].stride == 1) {
            items[0] = (planes * self.inner).saturating_mul(windows);
        }
        // Rows of the first axis that so many windows reach, wherever they are.
        let axis = &self.axes[0];
        let extent = (axis.kernel - 1)
            .saturating_mul(axis.dilation)
            .saturating_add(1);
        let reach = ((windows - 1).saturating_mul(axis.stride)).saturating_add(extent);
        // All windows get all rows, reached or not.
        let (rows_of_plane, padded_rows) = match windows == axis.output {
            true => (
                axis.input,
                reach.max(axis.pad_begin.saturating_add(axis.input)),
            ),
            false => (axis.input.min(reach), reach),
        };
        let mut rows = planes.saturating_mul(rows_of_plane);
        for axis in &self.axes[1..last.max(1)] {
            rows = rows.saturating_mul(axis.input);
        }
        for index in (0..last).rev() {
            let layout = self.layout(index, planes, (0, windows));
            let needed = match index {
                0 if self.ways[0] == Way::Long => planes.saturating_mul(padded_rows),
                0 => rows,
                // Rows of nothing come with each block.
                _ => {
                    rows /= self.axes[index].input.max(1);
                    let span = layout.span;
                    rows.saturating_mul(span.before + span.rows + span.after)
                }
            };
            if self.strips && index == last - 1 {
                continue;
            }
            let buffer = &mut items[(last - 1 - index) % 2];
            *buffer = needed.saturating_mul(layout.unit).max(*buffer);
        }
        let room =
            |items: usize| self.parts * items.saturating_add(SLACK).next_multiple_of(MOST_LANES);
        (room(items[0]), room(items[1]))
    }

    /// The items of windows in part that are folded by runs of taps, for that many windows of the first axis.
    pub(super) fn carried(&self, windows: usize) -> usize {
        if self.idempotent {
            return 0;
        }
        let last = self.axes.len() - 1;
        let mut most = 0;
        for (index, axis) in self.axes.iter().enumerate() {
            let windows = if index == 0 { windows } else { axis.output };
            most = most.max(match self.ways[index] {
                Way::Long if index == last => {
                    let rows = self.long_rows((0, windows));
                    rows.most * rows.windows
                }
                Way::Long => windows.saturating_mul(STRIP),
                _ => 0,
            });
        }
        match most {
            0 => 0,
            most => self.parts * most.saturating_add(SLACK).next_multiple_of(MOST_LANES),
        }
    }

    /// What windows `from..to` of rows take that are folded along by runs of taps.
    pub(super) fn long_rows(&self, (from, to): (usize, usize)) -> LongRows {
        let axis = &self.axes[self.axes.len() - 1];
        let windows = (to - from - 1) * axis.stride + 1;
        let elements = windows + (axis.kernel - 1) * axis.dilation;
        // A vector on two rows would have places that do not follow each other.
        let most = match self.places {
            true => 1,
            false => (TOGETHER / elements).max(1),
        };
        LongRows {
            most,
            windows,
            elements,
            items: self.parts * (most * elements + SLACK).next_multiple_of(MOST_LANES),
            picked: match axis.stride {
                1 => 0,
                _ => self.parts * (most * windows + SLACK).next_multiple_of(MOST_LANES),
            },
        }
    }

    fn choose_tile(&self) -> (usize, usize) {
        let axis = &self.axes[0];
        let only_long = self.axes.len() == 1 && self.ways[0] == Way::Long;
        let bytes = |planes, windows| {
            let (a, b) = self.items(planes, windows);
            let row = match only_long {
                true => self.long_rows((0, windows)).items,
                false => 0,
            };
            a.saturating_add(b)
                .saturating_add(row)
                .saturating_mul(self.item_bytes)
        };
        let whole = match self.axes.len() == 2 && self.strips {
            // Each row is read by one strip after the other.
            true => self.plane_input.saturating_mul(self.element_bytes),
            false => bytes(1, axis.output),
        };
        if whole <= NEAR_BYTES {
            // A plane without elements takes nothing.
            return ((NEAR_BYTES / whole.max(1)).clamp(1, 64), axis.output);
        }
        let overlap = ((axis.kernel - 1).saturating_mul(axis.dilation)) / axis.stride;
        // Rows that two bands share are folded twice.
        let least = overlap.saturating_mul(8).max(1);
        let a_window = (whole / axis.output).max(1);
        let windows = (NEAR_BYTES / a_window)
            .max(least.min(FAR_BYTES / a_window))
            .max(overlap / 2)
            .clamp(1, axis.output);
        (1, windows)
    }

    /// The most bytes that folding takes beside input and output.
    pub(super) fn scratch_bytes(&self) -> usize {
        if self.whole {
            return 0;
        }
        let (planes, windows) = self.tile;
        let (a, b) = self.items(planes, windows);
        let mut items = a.saturating_add(b).saturating_add(self.carried(windows));
        let last = self.axes.len() - 1;
        if self.ways[last] == Way::Long {
            let windows = match last {
                0 => windows,
                _ => self.axes[last].output,
            };
            let row = self.long_rows((0, windows));
            items = items
                .saturating_add(2 * row.items)
                .saturating_add(row.picked);
        }
        let columns = self.axes[last].output.saturating_mul(self.inner);
        let threads = rayon::current_num_threads().min(self.planes * self.bands());
        items
            .saturating_mul(self.item_bytes)
            .saturating_mul(threads)
            .saturating_add(columns.saturating_mul(size_of::<f64>()))
    }
}

/// The sizes of what windows along rows take that are folded by runs of taps.
#[derive(Clone, Copy)]
pub(super) struct LongRows {
    /// The most rows at a time.
    pub(super) most: usize,
    /// The windows of a row, at every position.
    pub(super) windows: usize,
    /// The elements of a row with its borders.
    pub(super) elements: usize,
    /// The items of runs.
    pub(super) items: usize,
    /// The items of windows at every position, if not all are wanted.
    pub(super) picked: usize,
}
