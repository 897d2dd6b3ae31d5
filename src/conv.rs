//! Convolution: windows of the input multiplied with weights.
//!
//! A block of windows is written out as columns, whose product with the weights is a block of the output;
//! a transposed convolution multiplies first and adds the columns to the output. Where each channel has
//! weights of its own, plain loops are faster.

mod columns;
mod depthwise;

use ndarray::{ArrayView2, ArrayViewMut2, Axis as NdAxis, Slice};
use rayon::prelude::*;

use columns::Rows;
pub(crate) use columns::add;

use crate::gemm::{Factor, Sum, matrix, multiply, multiply_rows, widened_bytes};
use crate::window::{Axes, Axis};

/// Bytes of columns that a thread works on.
const BLOCK_BYTES: usize = 1 << 19;

/// Bytes of columns that a thread of a transposed convolution works on.
const TRANSPOSED_BYTES: usize = 1 << 22;

/// Pieces of work that are enough to be done one by one on each thread.
const ENOUGH: usize = 8;

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
}

/// The product of one size of all axes.
pub(crate) fn product(axes: &[Axis], size: impl Fn(&Axis) -> usize) -> usize {
    axes.iter().map(size).product()
}

impl Sizes {
    fn taps(&self) -> usize {
        product(&self.axes, |axis| axis.kernel)
    }

    fn windows(&self) -> usize {
        product(&self.axes, |axis| axis.output)
    }

    fn plane(&self) -> usize {
        product(&self.axes, |axis| axis.input)
    }

    fn is_depthwise(&self) -> bool {
        self.channels == 1 && self.groups > 1
    }

    /// Whether the columns are the input itself.
    fn is_pointwise(&self) -> bool {
        self.axes.iter().all(Axis::is_identity)
    }

    /// Windows in a block.
    fn block(&self, bytes: usize) -> usize {
        let rows = self.channels.saturating_mul(self.taps()).max(1);
        let block = BLOCK_BYTES / rows.saturating_mul(bytes).max(1);
        block.next_multiple_of(32).clamp(64, self.windows().max(64))
    }

    /// Bytes that [`convolve`] takes for itself.
    pub(crate) fn scratch_bytes<T: Factor>(&self) -> usize {
        if !self.is_depthwise() {
            return self.block_scratch_bytes::<T>();
        }
        let row = self.axes.last().map_or(0, |axis| axis.output) * size_of::<T::Sum>();
        row.saturating_mul(rayon::current_num_threads())
            .saturating_add(self.weight_bytes::<T>())
    }

    /// Bytes that [`convolve_blocks`] takes for itself, with the weights in the type of sums.
    pub(crate) fn block_scratch_bytes<T: Factor>(&self) -> usize {
        let bytes = size_of::<T::Sum>();
        let block = self.block(bytes).min(self.windows());
        let rows = self.channels.saturating_mul(self.taps());
        let columns = rows.saturating_mul(block).saturating_mul(bytes);
        let narrow = widened_bytes::<T>(self.outputs.saturating_mul(block));
        columns
            .saturating_add(narrow)
            .saturating_mul(rayon::current_num_threads())
            .saturating_add(self.weight_bytes::<T>())
    }

    fn weight_bytes<T: Factor>(&self) -> usize {
        widened_bytes::<T>(self.groups * self.outputs * self.channels * self.taps())
    }

    /// Output channels whose columns [`transpose`] has at once.
    fn channel_block(&self, bytes: usize) -> usize {
        let each = self
            .taps()
            .saturating_mul(self.windows())
            .saturating_mul(bytes);
        let most = (TRANSPOSED_BYTES / each.max(1)).max(1);
        let fair = self
            .outputs
            .div_ceil(ENOUGH.div_ceil(self.groups * self.batch.max(1)));
        most.min(fair).max(1)
    }

    /// Bytes that [`transpose`] takes for itself.
    pub(crate) fn transposed_scratch_bytes<T: Factor>(&self) -> usize {
        let bytes = size_of::<T::Sum>();
        let input = self.batch * self.groups * self.channels * self.windows();
        let columns = self
            .channel_block(bytes)
            .saturating_mul(self.taps())
            .saturating_mul(self.windows());
        let each = columns.saturating_add(self.plane()).saturating_mul(bytes);
        each.saturating_mul(rayon::current_num_threads())
            .saturating_add(widened_bytes::<T>(input))
            .saturating_add(self.weight_bytes::<T>())
    }
}

/// `y: [batch, groups * outputs, windows..]` of `x: [batch, groups * channels, ..]` and
/// `w: [groups * outputs, channels, taps..]`, with `bias` for each output channel.
pub(crate) fn convolve<T: Factor>(
    sizes: &Sizes,
    x: &[T],
    w: &[T],
    bias: Option<&[T::Sum]>,
    y: &mut [T],
) {
    if sizes.channels == 0 || y.is_empty() {
        return fill(bias, sizes.windows(), y);
    }
    let w = T::widened(w);
    if sizes.is_depthwise() {
        return depthwise::convolve(sizes, x, &w, bias, y);
    }
    let in_group = sizes.channels * sizes.plane();
    let as_columns = match sizes.is_pointwise() && widened_bytes::<T>(1) == 0 {
        true => Some(T::widened(x)),
        false => None,
    };
    let rows = Rows::new(&sizes.axes);
    convolve_blocks::<T>(
        sizes,
        as_columns.as_deref(),
        &w,
        bias,
        y,
        |at, first, count, columns| {
            rows.gather(&x[at * in_group..][..in_group], first, count, columns);
        },
    );
}

/// As [`convolve`], with columns made by `gather` of group `at` of all images: `count` windows from the given
/// one on; or with an input that is its own columns.
pub(crate) fn convolve_blocks<T: Factor>(
    sizes: &Sizes,
    as_columns: Option<&[T::Sum]>,
    w: &[T::Sum],
    bias: Option<&[T::Sum]>,
    y: &mut [T],
    gather: impl Fn(usize, usize, usize, &mut [T::Sum]) + Sync,
) {
    if sizes.channels == 0 || y.is_empty() {
        return fill(bias, sizes.windows(), y);
    }
    let (windows, rows) = (sizes.windows(), sizes.channels * sizes.taps());
    let block = sizes.block(size_of::<T::Sum>());
    let mut pieces = Vec::new();
    for (at, y) in y.chunks_mut(sizes.outputs * windows).enumerate() {
        let y = ArrayViewMut2::from_shape((sizes.outputs, windows), y);
        let mut y = y.expect("the group has as many elements");
        let mut first = 0;
        while first < windows {
            let (piece, rest) = y.split_at(NdAxis(1), block.min(windows - first));
            pieces.push((at, first, piece));
            (first, y) = (first + block, rest);
        }
    }
    let run = |columns: &mut Vec<T::Sum>,
               (at, first, y): (usize, usize, ArrayViewMut2<'_, T>),
               product: Product<T>| {
        let group = at % sizes.groups;
        let w = &w[group * sizes.outputs * rows..][..sizes.outputs * rows];
        let w = matrix(w, sizes.outputs, rows, false);
        let bias = bias.map(|bias| &bias[group * sizes.outputs..][..sizes.outputs]);
        let count = y.ncols();
        if let Some(x) = as_columns {
            let x = matrix(
                &x[at * rows * windows..][..rows * windows],
                rows,
                windows,
                false,
            );
            let x = x.slice_axis(NdAxis(1), Slice::from(first..first + count));
            return multiply_rows(&w, &x, bias, y, product);
        }
        columns.resize(columns.len().max(rows * count), T::Sum::ZERO);
        let columns = &mut columns[..rows * count];
        gather(at, first, count, columns);
        multiply_rows(&w, &matrix(columns, rows, count, false), bias, y, product);
    };
    match pieces.len() >= ENOUGH {
        true => pieces
            .into_par_iter()
            .for_each_init(Vec::new, |columns, piece| {
                run(columns, piece, T::Sum::multiply);
            }),
        false => {
            let mut columns = Vec::new();
            for piece in pieces {
                run(&mut columns, piece, multiply);
            }
        }
    }
}

/// The output where there is nothing to sum up: `plane` elements of the bias for each output channel.
fn fill<T: Factor>(bias: Option<&[T::Sum]>, plane: usize, y: &mut [T]) {
    for (channel, y) in y.chunks_mut(plane.max(1)).enumerate() {
        let bias = bias.map_or(T::Sum::ZERO, |bias| bias[channel % bias.len()]);
        y.fill(T::narrow(bias));
    }
}

/// How blocks are multiplied.
type Product<T> = fn(
    &ArrayView2<'_, <T as Factor>::Sum>,
    &ArrayView2<'_, <T as Factor>::Sum>,
    bool,
    &mut ArrayViewMut2<'_, <T as Factor>::Sum>,
);

/// `y: [batch, groups * outputs, ..]` of `x: [batch, groups * channels, windows..]` and
/// `w: [groups * channels, outputs, taps..]`, with `bias` for each output channel.
pub(crate) fn transpose<T: Factor>(
    sizes: &Sizes,
    x: &[T],
    w: &[T],
    bias: Option<&[T::Sum]>,
    y: &mut [T],
) {
    if sizes.channels == 0 || y.is_empty() {
        return fill(bias, sizes.plane(), y);
    }
    let (x, w) = (T::widened(x), T::widened(w));
    let (windows, taps, plane) = (sizes.windows(), sizes.taps(), sizes.plane());
    let block = sizes.channel_block(size_of::<T::Sum>());
    let mut pieces = Vec::new();
    for (at, y) in y.chunks_mut(sizes.outputs * plane).enumerate() {
        for (index, y) in y.chunks_mut(block * plane).enumerate() {
            pieces.push((at, index * block, y));
        }
    }
    let run = |columns: &mut Vec<T::Sum>,
               (at, first, y): (usize, usize, &mut [T]),
               product: Product<T>| {
        let group = at % sizes.groups;
        let outputs = y.len() / plane;
        let in_group = sizes.channels * windows;
        let x = matrix(
            &x[at * in_group..][..in_group],
            sizes.channels,
            windows,
            false,
        );
        let weights = sizes.outputs * taps;
        let w = &w[group * sizes.channels * weights..][..sizes.channels * weights];
        let w = matrix(w, weights, sizes.channels, true);
        let w = w.slice_axis(
            NdAxis(0),
            Slice::from(first * taps..(first + outputs) * taps),
        );
        columns.resize(columns.len().max(outputs * taps * windows), T::Sum::ZERO);
        let columns = &mut columns[..outputs * taps * windows];
        let view = ArrayViewMut2::from_shape((outputs * taps, windows), &mut *columns);
        product(&w, &x, false, &mut view.expect("it was made so"));
        let mut sums = vec![T::Sum::ZERO; plane];
        for (index, y) in y.chunks_mut(plane).enumerate() {
            sums.fill(bias.map_or(T::Sum::ZERO, |bias| {
                bias[group * sizes.outputs + first + index]
            }));
            let columns = &columns[index * taps * windows..][..taps * windows];
            add(columns, &sizes.axes, &mut sums, |sum, x| {
                sum.plus_product(x, T::Sum::ONE)
            });
            for (y, &sum) in y.iter_mut().zip(&sums) {
                *y = T::narrow(sum);
            }
        }
    };
    match pieces.len() >= ENOUGH {
        true => pieces
            .into_par_iter()
            .for_each_init(Vec::new, |columns, piece| {
                run(columns, piece, T::Sum::multiply)
            }),
        false => {
            let mut columns = Vec::new();
            for piece in pieces {
                run(&mut columns, piece, multiply);
            }
        }
    }
}
