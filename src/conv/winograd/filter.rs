//! The sizes of tiles, and which of them is the fastest for a convolution.

use super::super::{Sizes, product};
use super::slices::Slices;
use crate::gemm::ROWS;
use crate::simd::LANES;
use crate::window::Axis;

/// F(`out` x `out`, `taps` x `taps`): a tile of as many outputs, of windows of as many taps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Filter {
    pub(super) out: usize,
    pub(super) taps: usize,
}

/// Those that there are. Windows of 3x3 are in two of them: larger tiles take fewer multiplications if the output is large.
const ALL: [Filter; 4] = [
    Filter::sized(2, 3),
    Filter::SMALL_WINDOWS,
    Filter::sized(4, 4),
    Filter::sized(4, 5),
];

/// Work with a filter's sizes as constants: `PLACES` and `OUT`, along an axis.
macro_rules! with_sizes {
    ($filter:expr, <$PLACES:ident, $OUT:ident> $work:expr) => {
        match ($filter.places(), $filter.out) {
            (4, 2) => with_sizes!(@ 4, 2, $PLACES, $OUT, $work),
            (6, 4) => with_sizes!(@ 6, 4, $PLACES, $OUT, $work),
            (7, 4) => with_sizes!(@ 7, 4, $PLACES, $OUT, $work),
            (8, 4) => with_sizes!(@ 8, 4, $PLACES, $OUT, $work),
            _ => unreachable!("it is one of all filters"),
        }
    };
    (@ $places:literal, $out:literal, $PLACES:ident, $OUT:ident, $work:expr) => {{
        const $PLACES: usize = $places;
        const $OUT: usize = $out;
        $work
    }};
}
pub(super) use with_sizes;

/// The most tiles of a row, of all slices, where there are several slices.
const MOST: usize = 1 << 10;

/// The most transformed weights for each of the original ones, with those that fill panels up.
const MOST_WEIGHTS: usize = 7;

/// Of what a product of all weights takes, the most that tiles may take: below it, what is not counted is less than what is
/// gained.
const SHARE: f64 = 0.75;

/// What it takes to transform a number of a tile, in multiplications of the register tile.
const TRANSFORM: f64 = 8.0;

/// What it takes to read a weight, in the same: large weights are in no cache.
const WEIGHT: f64 = 4.0;

impl Filter {
    /// F(4x4, 3x3).
    pub(crate) const SMALL_WINDOWS: Filter = Filter::sized(4, 3);

    const fn sized(out: usize, taps: usize) -> Filter {
        Filter { out, taps }
    }

    /// Outputs of a tile along an axis.
    pub(crate) const fn out(self) -> usize {
        self.out
    }

    /// Elements that a tile reads along an axis.
    pub(crate) const fn places(self) -> usize {
        self.out + self.taps - 1
    }

    /// Elements of a transformed tile.
    pub(super) const fn area(self) -> usize {
        self.places() * self.places()
    }

    /// Tiles along an axis.
    pub(super) fn tiles(self, axis: &Axis) -> usize {
        axis.output.div_ceil(self.out)
    }

    /// The filter with which a convolution takes the least time, if it takes much less than a product of all weights.
    ///
    /// With strides, the elements of each remainder are a plane of their own, on which windows are smaller and lie side by
    /// side.
    pub(crate) fn of(sizes: &Sizes) -> Option<Filter> {
        let mut least = SHARE * product_cost(sizes);
        let mut found = None;
        for filter in ALL {
            let cost = filter.cost(sizes);
            if cost < least {
                (least, found) = (cost, Some(filter));
            }
        }
        found
    }

    /// Whether a convolution takes much less time than a product of all weights.
    pub(crate) fn pays(self, sizes: &Sizes) -> bool {
        self.cost(sizes) < SHARE * product_cost(sizes)
    }

    /// What a convolution takes, in multiplications of the register tile; infinite if windows do not fit.
    fn cost(self, sizes: &Sizes) -> f64 {
        let [outer @ .., rows, columns] = &*sizes.axes else {
            return f64::INFINITY;
        };
        let taps = |axis: &Axis| axis.kernel.div_ceil(axis.stride);
        let before = [rows.kernel, columns.kernel, sizes.outputs, MOST_WEIGHTS];
        let filled_up = sizes.outputs.next_multiple_of(ROWS);
        let after = [rows.stride, columns.stride, self.area(), filled_up];
        let product = |sizes: [usize; 4]| sizes.into_iter().fold(1, usize::saturating_mul);
        if [rows, columns].iter().any(|axis| axis.dilation != 1)
            || taps(rows).max(taps(columns)) != self.taps
            || product(after) > product(before)
            || sizes.is_depthwise()
        {
            return f64::INFINITY;
        }
        let slices = Slices::sized(outer);
        let most = slices.inputs.max(slices.outputs);
        if most > 1 && self.tiles(columns).saturating_mul(most) > MOST {
            return f64::INFINITY;
        }
        let tiles = self.tiles(rows) as f64 * self.tiles(columns) as f64;
        let channels = sizes.channels as f64 * rows.stride as f64 * columns.stride as f64;
        let outputs = sizes.outputs as f64;
        let weights = channels * outputs * slices.taps as f64;
        let transformed = channels * slices.inputs as f64 + outputs * slices.outputs as f64;
        let products = weights * (filled(tiles * slices.outputs as f64) + WEIGHT);
        self.area() as f64 * (products + TRANSFORM * tiles * transformed)
    }
}

/// What a product of all weights takes, in multiplications of the register tile.
fn product_cost(sizes: &Sizes) -> f64 {
    let windows = product(&sizes.axes, |axis| axis.output) as f64;
    let weights = sizes.outputs as f64 * sizes.channels as f64 * sizes.taps() as f64;
    weights * (filled(windows) + WEIGHT)
}

/// As many columns, with those that fill vectors up.
fn filled(columns: f64) -> f64 {
    (columns / LANES as f64).ceil() * LANES as f64
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    /// Of planes of `size` elements along both axes, whose windows are centered on every `stride`-th.
    fn sizes(channels: usize, outputs: usize, size: usize, kernel: usize, stride: usize) -> Sizes {
        let axis = Axis {
            input: size,
            output: size.div_ceil(stride),
            kernel,
            stride,
            dilation: 1,
            pad_begin: kernel / 2,
            pad_end: kernel / 2,
        };
        Sizes {
            batch: 1,
            groups: 1,
            channels,
            outputs,
            axes: smallvec![axis; 2],
            shuffled: false,
        }
    }

    #[test]
    fn layers_of_known_networks_have_their_filter() {
        for (sizes, wanted) in [
            (sizes(64, 64, 56, 3, 1), Some(Filter::sized(4, 3))),
            (sizes(512, 512, 7, 3, 1), Some(Filter::sized(2, 3))),
            (sizes(48, 128, 27, 5, 1), Some(Filter::sized(4, 5))),
            (sizes(3, 64, 224, 7, 2), Some(Filter::sized(4, 4))),
            (sizes(96, 256, 54, 5, 2), Some(Filter::sized(4, 3))),
            (sizes(3, 96, 224, 11, 4), Some(Filter::sized(4, 3))),
            (sizes(64, 64, 56, 1, 1), None),
            (sizes(128, 128, 56, 3, 2), None),
            (sizes(3, 64, 224, 3, 1), None),
            (sizes(64, 64, 56, 7, 1), None),
            (sizes(64, 3, 224, 3, 1), None),
        ] {
            assert_eq!(Filter::of(&sizes), wanted, "{sizes:?}");
        }
    }

    #[test]
    fn windows_with_gaps_have_none() {
        let mut sizes = sizes(64, 64, 56, 3, 1);
        sizes.axes[0].dilation = 2;
        assert_eq!(Filter::of(&sizes), None);
    }

    #[test]
    fn channels_with_weights_of_their_own_have_none() {
        let mut sizes = sizes(1, 16, 64, 10, 2);
        assert!(Filter::of(&sizes).is_some());
        sizes.groups = 2;
        assert_eq!(Filter::of(&sizes), None);
    }

    #[test]
    fn windows_of_a_row_would_take_too_many_weights() {
        let mut sizes = sizes(256, 256, 64, 5, 1);
        sizes.axes[0].kernel = 1;
        assert_eq!(Filter::of(&sizes), None);
    }
}
