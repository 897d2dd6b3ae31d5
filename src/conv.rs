//! Convolution: windows of the input multiplied with weights.
//!
//! The weights are the left matrix of a product, and windows written out as columns the right one: they are written
//! straight into its panels. A transposed convolution multiplies first and adds the columns to the output. Where each
//! channel has weights of its own, a weighted sum of runs is faster, and for small windows tiles are.

#![allow(
    clippy::manual_memcpy,
    clippy::needless_range_loop,
    clippy::too_many_arguments,
    reason = "kernels are plain loops over all that they read: adapters do not inline across instruction sets"
)]

mod columns;
mod depthwise;
pub(crate) mod expanded;
pub(crate) mod led;
pub(crate) mod quantized;
mod sizes;
mod sorted;
mod windows;
pub(crate) mod winograd;

use fearless_simd::Level;
use ndarray::{ArrayViewMut2, Axis as NdAxis, Slice};
use rayon::prelude::*;

pub(crate) use columns::add;
use columns::add_rows;
use led::Led;
use sizes::ENOUGH;
pub(crate) use sizes::{Sizes, product};
use sorted::Sorted;
use windows::Windows;

use crate::allocate;
use crate::buffer::SORTED;
use crate::error::OpError;
use crate::gemm::{
    self, Factor, Finish, Left, ROWS, Right, Start, Sum, lay_left, left_len, matrix, matrix_mut,
    multiply, widened_bytes,
};
use crate::installed::Installed;
use crate::lasting::Lasting;
use crate::parts::{self, Looks, PART};
use crate::simd::Simd;
use crate::stop;

/// Weights laid out for products, one group after the other.
#[derive(Debug)]
pub(crate) struct Weights<S>(Lasting<[S; ROWS]>);

impl<S: Sum> Weights<S> {
    /// Of `w: [groups * outputs, inner]`, for a run or as long as a model `lasts`.
    ///
    /// # Errors
    /// The run is to stop.
    pub(crate) fn new(
        w: &[S],
        groups: usize,
        outputs: usize,
        inner: usize,
        lasts: bool,
    ) -> Result<Weights<S>, OpError> {
        let len = left_len(outputs, inner);
        let mut panels = Lasting::zeroed(groups * len, lasts)?;
        let mut looks = Looks::default();
        let level = Simd::installed();
        for group in 0..groups {
            // Groups may be many and have nothing.
            looks.check((outputs * inner).max(1))?;
            let w = matrix(
                &w[group * outputs * inner..][..outputs * inner],
                outputs,
                inner,
                false,
            );
            lay_left(level, &w, &mut panels[group * len..][..len]);
        }
        Ok(Weights(panels))
    }

    /// Those of a group.
    pub(crate) fn left(&self, group: usize, outputs: usize, inner: usize) -> Left<'_, S> {
        let panels = &self.0[group * left_len(outputs, inner)..];
        Left::new(panels, outputs, inner)
    }

    /// Bytes that such weights take.
    pub(crate) fn bytes(groups: usize, outputs: usize, inner: usize) -> usize {
        let panels = left_len(outputs, inner).saturating_mul(groups);
        panels.saturating_mul(size_of::<[S; ROWS]>())
    }
}

/// `y: [batch, groups * outputs, windows..]` of `x: [batch, groups * channels, ..]` and
/// `w: [groups * outputs, channels, taps..]`, with `bias` for each output channel, then finished. `laid` are the weights,
/// if they have been laid out before. What is finished has sums of its own type, and what is added the shape of `y`.
pub(crate) fn convolve<T: Factor>(
    sizes: &Sizes,
    x: &[T],
    w: &[T],
    laid: Option<&Weights<T::Sum>>,
    bias: Option<&[T::Sum]>,
    finish: Finish<'_, T::Sum>,
    y: &mut [T],
) {
    if sizes.is_empty() {
        return fill(bias, sizes.windows(), finish, y);
    }
    if sizes.is_depthwise() {
        if let Ok(w) = T::widened(w) {
            depthwise::convolve(sizes, x, &w, bias, finish, y);
        }
        return;
    }
    let in_group = sizes.channels * sizes.plane();
    let mut made = None;
    let Ok(laid) = lay(sizes, w, laid, &mut made) else {
        return;
    };
    if sizes.is_pointwise() && widened_bytes::<T>(1) == 0 {
        let Ok(x) = T::widened(x) else {
            return;
        };
        return convolve_columns::<T, _>(sizes, laid, bias, finish, y, |at| {
            let x = &x[at * in_group..][..in_group];
            matrix(x, sizes.channels, sizes.windows(), false)
        });
    }
    let sorted = Sorted::new(&sizes.axes);
    let Ok(offsets) = parts::collected((0..sizes.taps()).map(|tap| sorted.offset(tap))) else {
        return;
    };
    let (level, each) = (Simd::installed(), sorted.elements());
    let all = y.chunks_mut(sizes.outputs * sizes.windows()).enumerate();
    for (at, y) in all {
        if stop::is_set() {
            return;
        }
        let x = &x[at * in_group..][..in_group];
        parts::with_buffer::<T::Sum, SORTED>(sizes.channels * each, |planes| {
            sorted.sort_all(x, planes);
            let columns = |_| Windows {
                level,
                sorted: &sorted,
                offsets: &offsets,
                planes,
            };
            gemm::with_sums::<T>(y, |y| {
                let y = matrix_mut(y, sizes.outputs, sizes.windows());
                multiply_group(level, sizes, laid, bias, finish, at, y, columns);
            });
        });
    }
}

/// As [`convolve`], of the elements of `x` after what `lines` does to those of each channel, where windows are single elements.
pub(crate) fn convolve_led(
    sizes: &Sizes,
    x: &[f32],
    lines: &led::Lines,
    w: &[f32],
    laid: Option<&Weights<f32>>,
    bias: Option<&[f32]>,
    finish: Finish<'_, f32>,
    y: &mut [f32],
) {
    if sizes.is_empty() {
        return fill(bias, sizes.windows(), finish, y);
    }
    let mut made = None;
    let Ok(laid) = lay(sizes, w, laid, &mut made) else {
        return;
    };
    let (level, columns) = (Simd::installed(), sizes.windows());
    let in_group = sizes.channels * columns;
    convolve_columns::<f32, _>(sizes, laid, bias, finish, y, |at| Led {
        level,
        x: &x[at * in_group..][..in_group],
        columns,
        lines: &lines.lines[at % sizes.groups * sizes.channels..][..sizes.channels],
        bounds: &lines.bounds,
    });
}

/// The weights as they were laid out, or as they are now, in `made`.
///
/// # Errors
/// The run is to stop.
pub(crate) fn lay<'w, T: Factor>(
    sizes: &Sizes,
    w: &[T],
    laid: Option<&'w Weights<T::Sum>>,
    made: &'w mut Option<Weights<T::Sum>>,
) -> Result<&'w Weights<T::Sum>, OpError> {
    if let Some(laid) = laid {
        return Ok(laid);
    }
    let w = T::widened(w)?;
    Ok(made.insert(Weights::new(
        &w,
        sizes.groups,
        sizes.outputs,
        sizes.inner(),
        false,
    )?))
}

/// As [`convolve`], with the columns that `columns` has of group `at` of all images.
pub(crate) fn convolve_columns<T: Factor, R: Right<T::Sum>>(
    sizes: &Sizes,
    laid: &Weights<T::Sum>,
    bias: Option<&[T::Sum]>,
    finish: Finish<'_, T::Sum>,
    y: &mut [T],
    columns: impl Fn(usize) -> R + Sync,
) {
    if sizes.is_empty() {
        return fill(bias, sizes.windows(), finish, y);
    }
    let (level, installed) = (Simd::installed(), Installed::hand_over());
    if sizes.shuffled {
        let of_image = |(image, y): (usize, &mut [T::Sum])| {
            let _entered = installed.enter()?;
            let groups = shuffled_groups(sizes, y)?.into_par_iter().enumerate();
            groups.try_for_each(|(group, y)| {
                let _entered = installed.enter()?;
                let at = image * sizes.groups + group;
                multiply_group(level, sizes, laid, bias, finish, at, y, &columns);
                Some(())
            })
        };
        return gemm::with_sums::<T>(y, |y| {
            let images = y.par_chunks_exact_mut(sizes.outputs * sizes.groups * sizes.windows());
            let _ = images.enumerate().try_for_each(of_image);
        });
    }
    let run = |(at, y): (usize, &mut [T])| {
        let _entered = installed.enter()?;
        gemm::with_sums::<T>(y, |y| {
            let y = matrix_mut(y, sizes.outputs, sizes.windows());
            multiply_group(level, sizes, laid, bias, finish, at, y, &columns);
        });
        Some(())
    };
    let groups = y
        .par_chunks_mut(sizes.outputs * sizes.windows())
        .enumerate();
    // Groups may be many and small: what is stopped does not go through all of them.
    let _ = match groups.len() {
        1 => run((0, y)),
        _ => groups.try_for_each(run),
    };
}

/// The output of each group of an image, whose channels alternate between the groups; none if the run is to stop.
fn shuffled_groups<'y, S>(sizes: &Sizes, y: &'y mut [S]) -> Option<Vec<ArrayViewMut2<'y, S>>> {
    let mut groups = allocate::with_capacity(sizes.groups);
    let mut looks = Looks::default();
    let mut rest = matrix_mut(y, sizes.outputs, sizes.groups * sizes.windows());
    for _ in 0..sizes.groups {
        if looks.is_set(1) {
            return None;
        }
        let (group, others) = rest.split_at(NdAxis(1), sizes.windows());
        groups.push(group);
        rest = others;
    }
    Some(groups)
}

/// The sums of group `at` of all images, into their rows.
fn multiply_group<S: Sum, R: Right<S>>(
    level: Level,
    sizes: &Sizes,
    laid: &Weights<S>,
    bias: Option<&[S]>,
    finish: Finish<'_, S>,
    at: usize,
    y: ArrayViewMut2<'_, S>,
    columns: impl Fn(usize) -> R,
) {
    let (windows, inner) = (sizes.windows(), sizes.inner());
    let group = at % sizes.groups;
    let left = laid.left(group, sizes.outputs, inner);
    let start = match bias {
        Some(bias) => Start::Rows(&bias[group * sizes.outputs..][..sizes.outputs]),
        None => Start::Zero,
    };
    let finish = Finish {
        pitch: windows,
        ..finish.plane(at, sizes.outputs * windows)
    };
    gemm::multiply_panels(level, left, &columns(at), start, finish, y);
}

/// The output where there is nothing to sum up: `plane` elements of the bias for each output channel.
fn fill<T: Factor>(bias: Option<&[T::Sum]>, plane: usize, finish: Finish<'_, T::Sum>, y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let finish = Finish {
        pitch: plane,
        ..finish
    };
    let mut looks = Looks::default();
    let mut sums = allocate::filled(T::Sum::ZERO, plane.min(PART));
    for (channel, y) in y.chunks_mut(plane).enumerate() {
        let start = bias.map_or(T::Sum::ZERO, |bias| bias[channel % bias.len()]);
        for (number, y) in y.chunks_mut(PART).enumerate() {
            if looks.is_set(y.len()) {
                return;
            }
            let sums = &mut sums[..y.len()];
            sums.fill(start);
            finish.apply(channel, number * PART, sums);
            for (y, &sum) in y.iter_mut().zip(&*sums) {
                *y = T::narrow(sum);
            }
        }
    }
}

/// `y: [batch, groups * outputs, ..]` of `x: [batch, groups * channels, windows..]` and
/// `w: [groups * channels, outputs, taps..]`, with `bias` for each output channel.
pub(crate) fn transpose<T: Factor>(
    sizes: &Sizes,
    x: &[T],
    w: &[T],
    bias: Option<&[T::Sum]>,
    y: &mut [T],
) {
    if sizes.is_empty() || y.is_empty() {
        return fill(bias, sizes.plane(), Finish::NONE, y);
    }
    let (Ok(x), Ok(w)) = (T::widened(x), T::widened(w)) else {
        return;
    };
    let (windows, taps, plane) = (sizes.windows(), sizes.taps(), sizes.plane());
    let block = sizes.channel_block(size_of::<T::Sum>());
    let strip = sizes.strip(size_of::<T::Sum>());
    let (level, installed) = (Simd::installed(), Installed::hand_over());
    let count = sizes.batch * sizes.groups * sizes.outputs.div_ceil(block);
    let mut pieces = allocate::with_capacity(count);
    for (at, y) in y.chunks_mut(sizes.outputs * plane).enumerate() {
        for (index, y) in y.chunks_mut(block * plane).enumerate() {
            pieces.push((at, index * block, y));
        }
    }
    let run = |columns: &mut Vec<T::Sum>, (at, first, y): (usize, usize, &mut [T])| {
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
        let Ok(mut sums) = parts::filled(T::Sum::ZERO, plane) else {
            return;
        };
        let mut from = 0;
        while from < windows {
            // What is left over goes with the last strip.
            let to = match windows - from {
                left if left < 2 * strip => windows,
                _ => from + strip,
            };
            let x = x.slice_axis(NdAxis(1), Slice::from(from..to));
            let (count, len) = (to - from, outputs * taps * (to - from));
            if columns.len() < len && parts::resize(columns, len, &T::Sum::ZERO).is_err() {
                return;
            }
            let columns = &mut columns[..len];
            let mut view = matrix_mut(columns, outputs * taps, count);
            multiply(level, &w, &x, false, &mut view);
            for (index, y) in y.chunks_mut(plane).enumerate() {
                if from == 0 {
                    let start = bias.map_or(T::Sum::ZERO, |bias| {
                        bias[group * sizes.outputs + first + index]
                    });
                    sums.fill(start);
                }
                let columns = &columns[index * taps * count..][..taps * count];
                add_rows(columns, &sizes.axes, from..to, &mut sums, |sum, x| {
                    sum.plus_product(x, T::Sum::ONE)
                });
                if to < windows {
                    continue;
                }
                // What is stopped need not be whole.
                let _ = parts::each(y, |start, y| {
                    for (y, &sum) in y.iter_mut().zip(&sums[start..]) {
                        *y = T::narrow(sum);
                    }
                });
            }
            if stop::is_set() {
                return;
            }
            from = to;
        }
    };
    if pieces.len() >= ENOUGH {
        // They may be many and small: what is stopped does not go through all of them.
        pieces
            .into_par_iter()
            .try_for_each_init(Vec::new, |columns, piece| {
                let _entered = installed.enter()?;
                run(columns, piece);
                Some(())
            });
        return;
    }
    let mut columns = Vec::new();
    for piece in pieces {
        let Some(_entered) = installed.enter() else {
            return;
        };
        run(&mut columns, piece);
    }
}
