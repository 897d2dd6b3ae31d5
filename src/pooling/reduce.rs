//! What a pool does with the taps of a window: the reductions, each over the lanes of any instruction set.

mod max;
mod max_with_index;
mod mean;
mod power_sum;
mod quantized_mean;
mod scaled_power_sum;
mod sum;

use fearless_simd::Simd;

use super::lanes::{Accumulator, Vectored};
use crate::buffer::Item;
use crate::window::Axis;

pub(crate) use max::Max;
pub use max::MaxElement;
pub use max_with_index::StorageOrder;
pub(crate) use max_with_index::{MaxWithIndex, column_major};
pub(crate) use mean::Mean;
pub(crate) use power_sum::{Power, PowerSum};
pub(crate) use quantized_mean::{Quantization, Quantized, QuantizedMean};
pub(crate) use scaled_power_sum::ScaledPowerSum;
pub use sum::SumElement;

/// Where the taps in the lanes of a vector lie: lane `i` at `first + i * step` of the plane, counted with
/// wrapping, since lanes off the input have places too.
#[derive(Clone, Copy)]
pub struct Places {
    pub(crate) first: usize,
    pub(crate) step: usize,
}

/// Folds the taps of windows in row-major order, each lane for a window of its own.
pub(crate) trait Reduction<T: Vectored>: Sync {
    /// What the parts of an accumulator are made of.
    type Item: Item;
    /// What is carried from tap to tap.
    type Acc<S: Simd>: Accumulator<S, Item = Self::Item>;
    /// What the sums of a vector of windows are divided by, if they are.
    type Divisor<S: Simd>: Copy;
    /// The parts of an accumulator.
    const PARTS: usize;
    /// Whether a tap may be folded twice.
    const IDEMPOTENT: bool;
    /// Whether small square windows have a kernel of their own: all that is compiled for each instruction set takes its time.
    const STRIPS: bool = false;
    /// Whether results are divided by the number of taps.
    const DIVIDES: bool = false;
    /// Whether places are yielded beside values.
    const PLACES: bool = false;

    /// An element that changes nothing where it is folded: it stands for taps off the input.
    fn absent(&self) -> T;

    /// One tap a window.
    fn start<S: Simd>(&self, s: S, x: T::Raw<S>, places: Places) -> Self::Acc<S>;

    /// As `start`, from memory: `x` has half as many elements again as there are lanes.
    #[inline(always)]
    fn start_from<S: Simd>(&self, s: S, x: &[T], places: Places) -> Self::Acc<S> {
        self.start(s, T::load(s, x), places)
    }

    /// Two runs of taps, `a` before `b`.
    fn fold<S: Simd>(&self, s: S, a: Self::Acc<S>, b: Self::Acc<S>) -> Self::Acc<S>;

    /// The factor of the divisor that window `o` of one axis contributes, in the form that `divisor` takes.
    fn share(&self, _axis: &Axis, _o: usize) -> f64 {
        1.0
    }

    /// The divisor whose share of the last axis is in `columns`, an element a lane, and that of the others `row`.
    fn divisor<S: Simd>(&self, s: S, row: f64, columns: &[f64]) -> Self::Divisor<S>;

    /// Writes the results of as many windows as there are lanes. Places count from `base` on.
    fn finish<S: Simd>(
        &self,
        s: S,
        acc: Self::Acc<S>,
        divisor: Self::Divisor<S>,
        base: usize,
        values: &mut [T],
        places: &mut [i64],
    );

    /// The result of a window without any tap on the input.
    fn nothing(&self) -> T {
        self.absent()
    }

    /// Settles the result of a window over all of `plane`, whose taps were folded in another order.
    fn settle_whole(&self, _plane: &[T], _value: &mut T) {}

    /// Whether the place of a window with this result has to be settled by geometry.
    fn settles(&self, _value: T) -> bool {
        false
    }
}
