//! The sizes of a convolution, and what it takes beside its operands.

use ndarray::ArrayViewMut2;

use super::sorted;
use crate::gemm::{self, Factor, ROWS, left_len, widened_bytes};
use crate::window::{Axes, Axis};

/// Bytes of columns that a thread of a transposed convolution works on.
const TRANSPOSED_BYTES: usize = 1 << 22;

/// Pieces of work that are enough to be done one by one on each thread.
pub(super) const ENOUGH: usize = 8;

/// The sizes of a convolution.
#[derive(Debug)]
pub(crate) struct Sizes {
    pub(crate) batch: usize,
    pub(crate) groups: usize,
    /// Input channels of a group.
    pub(crate) channels: usize,
    /// Output channels of a group.
    pub(crate) outputs: usize,
    /// The window laid over the input; over the output for a transposed convolution.
    pub(crate) axes: Axes,
    /// Whether the output channels alternate between the groups, which only windows of single elements do.
    pub(crate) shuffled: bool,
}

/// The product of one size of all axes; what is too large for the memory may be any large number.
pub(crate) fn product(axes: &[Axis], size: impl Fn(&Axis) -> usize) -> usize {
    axes.iter().map(size).fold(1, usize::saturating_mul)
}

impl Sizes {
    pub(in crate::conv) fn taps(&self) -> usize {
        product(&self.axes, |axis| axis.kernel)
    }

    pub(in crate::conv) fn windows(&self) -> usize {
        product(&self.axes, |axis| axis.output)
    }

    pub(in crate::conv) fn plane(&self) -> usize {
        product(&self.axes, |axis| axis.input)
    }

    /// Whether there is nothing to sum up.
    pub(in crate::conv) fn is_empty(&self) -> bool {
        [self.batch, self.groups, self.channels, self.outputs].contains(&0)
            || self.axes.iter().any(|axis| axis.output == 0)
    }

    pub(crate) fn is_depthwise(&self) -> bool {
        self.channels == 1 && self.groups > 1
    }

    /// Whether the columns are the input itself.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.axes.iter().all(Axis::is_identity)
    }

    /// Bytes that [`convolve`](super::convolve) takes for itself.
    pub(crate) fn scratch_bytes<T: Factor>(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let plane = sorted::scratch_elements(&self.axes).saturating_mul(size_of::<T::Sum>());
        if !self.is_depthwise() {
            let planes = match self.is_pointwise() {
                true => 0,
                false => plane.saturating_mul(self.channels),
            };
            return planes
                .saturating_add(self.block_scratch_bytes::<T>())
                .saturating_add(self.tap_bytes());
        }
        plane
            .saturating_add(widened_bytes::<T>(self.windows()))
            .saturating_mul(rayon::current_num_threads())
            .saturating_add(self.weight_bytes::<T>())
            .saturating_add(self.tap_bytes())
            .saturating_add(self.line_bytes())
    }

    /// Bytes of the places that taps read, and of the runs that hold them.
    pub(in crate::conv) fn tap_bytes(&self) -> usize {
        self.taps().saturating_mul(7 * size_of::<usize>())
    }

    /// Bytes of the places of rows of windows.
    pub(in crate::conv) fn line_bytes(&self) -> usize {
        let row = self.axes.last().map_or(1, |axis| axis.output);
        (self.windows() / row).saturating_mul(size_of::<usize>())
    }

    /// Bytes that [`convolve_columns`](super::convolve_columns) takes for itself, with the weights in the type of sums.
    pub(crate) fn block_scratch_bytes<T: Factor>(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let columns = gemm::scratch_bytes::<T::Sum>(self.inner(), self.windows());
        let narrow = widened_bytes::<T>(self.outputs.saturating_mul(self.windows()));
        let laid = left_len(self.outputs, self.inner()).saturating_mul(self.groups);
        let views = match self.shuffled {
            true => self.batch.saturating_mul(self.groups),
            false => 0,
        };
        narrow
            .saturating_mul(rayon::current_num_threads())
            .saturating_add(columns)
            .saturating_add(views.saturating_mul(size_of::<ArrayViewMut2<'_, T>>()))
            .saturating_add(laid.saturating_mul(size_of::<[T::Sum; ROWS]>()))
            .saturating_add(self.weight_bytes::<T>())
    }

    /// Weights of an output.
    pub(in crate::conv) fn inner(&self) -> usize {
        self.channels.saturating_mul(self.taps())
    }

    pub(in crate::conv) fn weight_bytes<T: Factor>(&self) -> usize {
        let outputs = self.groups.saturating_mul(self.outputs);
        widened_bytes::<T>(outputs.saturating_mul(self.inner()))
    }

    /// Output channels whose columns [`transpose`](super::transpose) has at once.
    pub(in crate::conv) fn channel_block(&self, bytes: usize) -> usize {
        let each = self
            .taps()
            .saturating_mul(self.windows())
            .saturating_mul(bytes);
        let most = (TRANSPOSED_BYTES / each.max(1)).max(1);
        let fair = self
            .outputs
            .div_ceil(ENOUGH.div_ceil(self.groups.saturating_mul(self.batch)));
        most.min(fair).max(1)
    }

    /// Windows whose columns [`transpose`](super::transpose) has at once: whole rows, at least two windows, and all of them unless it has
    /// a single channel.
    pub(in crate::conv) fn strip(&self, bytes: usize) -> usize {
        let row = self.axes.last().map_or(1, |axis| axis.output).max(1);
        let each = self.taps().saturating_mul(row).saturating_mul(bytes);
        let rows = (TRANSPOSED_BYTES / each.max(1)).max(2usize.div_ceil(row));
        rows.saturating_mul(row)
    }

    /// Bytes that [`transpose`](super::transpose) takes for itself.
    pub(crate) fn transposed_scratch_bytes<T: Factor>(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let bytes = size_of::<T::Sum>();
        let input = [self.batch, self.groups, self.channels, self.windows()];
        let input = input.into_iter().fold(1, usize::saturating_mul);
        let columns = self
            .channel_block(bytes)
            .saturating_mul(self.taps())
            .saturating_mul(self.windows().min(self.strip(bytes).saturating_mul(2)));
        let each = columns.saturating_add(self.plane()).saturating_mul(bytes);
        each.saturating_mul(rayon::current_num_threads())
            .saturating_add(widened_bytes::<T>(input))
            .saturating_add(self.weight_bytes::<T>())
    }
}
