//! Convolutions of 8-bit integers less their zero points, summed up exactly: sums wrap in 32 bits.
//!
//! As with floats, the weights are the left matrix of a product and windows the right one, of pairs of channels. What is laid
//! over pads counts as the zero point.

pub(crate) mod winograd;

use fearless_simd::{Level, Simd as Vectors};
use rayon::prelude::*;

use super::sorted::{self, Sorted};
use super::windows::Windows;
use super::{Sizes, depthwise};
use crate::buffer::{LEFT, SORTED, SUMS};
use crate::error::OpError;
use crate::gemm::quantized::{
    self, Byte, Bytes, GRAIN, Output, Requantize, finish, lay_left, multiply, steps, widened,
};
use crate::gemm::{Finish, Left, ROWS, left_len, matrix_mut};
use crate::installed::Installed;
use crate::lasting::Lasting;
use crate::parts::{self, Looks, PART};
use crate::simd::{Simd, dispatch};

/// Sums of as many products of two differences of 8-bit integers are exact as f32: fewer than 2 to the 24.
const FLOAT_TAPS: usize = (1 << 24) / (255 * 255);

/// Weights less their zero points, laid out.
#[derive(Debug)]
pub(crate) enum Weights {
    /// One group after the other, for products of pairs.
    Pairs(Lasting<[i32; ROWS]>),
    /// Where each channel has weights of its own, as they come.
    Floats(Vec<f32>),
}

/// Whether each channel has weights of its own, whose sums floats hold.
fn in_floats(groups: usize, channels: usize, taps: usize) -> bool {
    groups > 1 && channels == 1 && taps <= FLOAT_TAPS
}

impl Weights {
    /// Of `w: [groups * outputs, channels, taps..]` with one zero point for all or one for each output.
    ///
    /// # Errors
    /// The run is to stop.
    pub(crate) fn new<T: Byte>(
        w: &[T],
        zeros: &[i32],
        groups: usize,
        outputs: usize,
        channels: usize,
        taps: usize,
        lasts: bool,
    ) -> Result<Weights, OpError> {
        let inner = channels * taps;
        if in_floats(groups, channels, taps) {
            let less = w.iter().enumerate().map(|(at, &w)| {
                let zero = zeros[at / inner % zeros.len()];
                (w.into() - zero) as f32
            });
            return parts::collected(less).map(Weights::Floats);
        }
        let len = left_len(outputs, steps(channels, taps));
        let mut panels = Lasting::zeroed(groups * len, lasts)?;
        let mut looks = Looks::default();
        for group in 0..groups {
            // Groups may be many and have nothing.
            looks.check((outputs * inner).max(1))?;
            let w = &w[group * outputs * inner..][..outputs * inner];
            let zeros = match zeros.len() {
                1 => zeros,
                _ => &zeros[group * outputs..][..outputs],
            };
            lay_left(w, zeros, channels, taps, &mut panels[group * len..][..len]);
        }
        Ok(Weights::Pairs(panels))
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Weights::Pairs(panels) => panels.len() * size_of::<[i32; ROWS]>(),
            Weights::Floats(w) => size_of_val(&w[..]),
        }
    }
}

impl Sizes {
    /// Steps of the inner dimension of a quantized product.
    fn steps(&self) -> usize {
        steps(self.channels, self.taps())
    }

    /// Bytes that [`convolve`] takes for itself, and those of [`Weights`].
    pub(crate) fn quantized_scratch_bytes(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let threads = rayon::current_num_threads();
        let weights = left_len(self.outputs, self.steps()).saturating_mul(self.groups);
        let weights = weights.saturating_mul(size_of::<[i32; ROWS]>());
        if self.is_pointwise() {
            let columns = quantized::scratch_bytes(self.steps(), self.windows());
            return columns.saturating_mul(threads).saturating_add(weights);
        }
        let plane = sorted::scratch_elements(&self.axes).saturating_mul(size_of::<i32>());
        let read = self.plane().saturating_mul(size_of::<i32>());
        let columns = quantized::scratch_bytes(self.steps(), self.windows());
        let sums = match self.is_depthwise() {
            true => self.windows().saturating_mul(size_of::<f32>()),
            false => 0,
        };
        plane
            .saturating_mul(self.channels.div_ceil(2))
            .saturating_add(read)
            .saturating_add(columns)
            .saturating_add(sums)
            .saturating_mul(threads)
            .saturating_add(weights)
            .saturating_add(self.tap_bytes())
            .saturating_add(self.line_bytes())
    }
}

/// `y: [batch, groups * outputs, windows..]` of `x: [batch, groups * channels, ..]` less `zero`, with the weights that
/// were laid out of the same sizes.
pub(crate) fn convolve<T: Byte, O: Output>(
    sizes: &Sizes,
    x: &[T],
    zero: i32,
    weights: &Weights,
    to: Requantize<'_>,
    y: &mut [O],
) {
    if y.is_empty() {
        return;
    }
    let level = Simd::installed();
    let panels = match weights {
        Weights::Floats(w) => return in_floats_of(level, sizes, x, zero, w, to, y),
        Weights::Pairs(panels) => panels,
    };
    let sorted = match sizes.is_pointwise() || sizes.is_empty() {
        true => None,
        false => Some(Sorted::new(&sizes.axes)),
    };
    let offsets =
        |sorted: &Sorted<'_>| parts::collected((0..sizes.taps()).map(|tap| sorted.offset(tap)));
    let Ok(offsets) = sorted.as_ref().map_or(Ok(Vec::new()), offsets) else {
        return;
    };
    let (windows, taps, plane) = (sizes.windows(), sizes.taps(), sizes.plane());
    let (in_group, len) = (
        sizes.channels * plane,
        left_len(sizes.outputs, sizes.steps()),
    );
    let zeros = [zero];
    let installed = Installed::hand_over();
    let run = |(at, y): (usize, &mut [O])| {
        let _entered = installed.enter()?;
        let group = at % sizes.groups;
        let x = &x[at * in_group..][..in_group];
        let left = Left::new(&panels[group * len..][..len], sizes.outputs, sizes.steps());
        let to = to.part(group * sizes.outputs, 0);
        let y = matrix_mut(y, sizes.outputs, windows);
        let Some(sorted) = &sorted else {
            let right = Bytes::new(level, x, sizes.channels * taps, windows, &zeros);
            multiply(level, left, &right, None, to, y);
            return Some(());
        };
        let pairs = sizes.channels.div_ceil(2);
        parts::with_buffer::<i32, SORTED>(pairs * sorted.elements(), |planes| {
            sort_pairs(level, sorted, x, plane, zero, planes);
            let right = Windows {
                level,
                sorted,
                offsets: &offsets,
                planes,
            };
            multiply(level, left, &right, None, to, y);
        });
        Some(())
    };
    let each = sizes.outputs * windows;
    let work = each.saturating_mul(2 * sizes.steps());
    // Groups may be many and small: what is stopped does not go through all of them.
    let _ = match work / GRAIN < rayon::current_num_threads() {
        true => {
            let together = (GRAIN / work.max(1)).max(1);
            let groups = y.par_chunks_mut(each).enumerate();
            groups.with_min_len(together).try_for_each(run)
        }
        false => y.chunks_mut(each).enumerate().try_for_each(run),
    };
}

/// Sorts the planes of `x` less `zero`, two at a time, between zeros.
fn sort_pairs<T: Byte>(
    level: Level,
    sorted: &Sorted<'_>,
    x: &[T],
    plane: usize,
    zero: i32,
    planes: &mut [i32],
) {
    let zeros = [zero];
    let each = sorted.elements();
    let installed = Installed::hand_over();
    planes
        .par_chunks_exact_mut(each)
        .enumerate()
        .with_min_len((1 << 14) / each + 1)
        // Planes may be many and small: what is stopped does not go through all of them.
        .try_for_each(|(number, elements)| {
            let _entered = installed.enter()?;
            parts::fill(elements, &0).ok()?;
            let x = &x[2 * number * plane..];
            let two = x.len().min(2 * plane);
            parts::with_buffer::<i32, SUMS>(plane, |pairs| {
                Bytes::new(level, &x[..two], two / plane.max(1), plane, &zeros).interleave(pairs);
                sorted.sort::<i32>(pairs, elements);
            });
            Some(())
        });
}

/// The convolution where each channel has weights of its own: floats hold all sums exactly.
fn in_floats_of<T: Byte, O: Output>(
    level: Level,
    sizes: &Sizes,
    x: &[T],
    zero: i32,
    w: &[f32],
    to: Requantize<'_>,
    y: &mut [O],
) {
    let plane = sizes.plane();
    let channels = sizes.groups * sizes.outputs;
    let read = |sorted: &Sorted<'_>, number: usize, elements: &mut [f32]| {
        parts::with_buffer::<f32, LEFT>(plane, |x_plane| {
            widened(level, &x[number * plane..][..plane], zero, x_plane);
            sorted.sort::<f32>(x_plane, elements);
        });
    };
    let write = |number: usize, y: &mut [O], sum: &mut dyn FnMut(&mut [f32])| {
        parts::with_buffer::<f32, SUMS>(y.len(), |sums| {
            sum(sums);
            dispatch!(level, s => outputs(s, to, number % channels, sums, y));
        });
    };
    depthwise::weigh(
        sizes,
        w,
        |_| 0.0,
        |_| Finish::NONE,
        |_, _| 0,
        read,
        write,
        y,
    );
}

/// An output plane of its sums.
#[inline(always)]
fn outputs<S: Vectors, O: Output>(
    _: S,
    to: Requantize<'_>,
    channel: usize,
    sums: &[f32],
    y: &mut [O],
) {
    let mut looks = Looks::default();
    let mut at = 0;
    while at < y.len() && !looks.is_set(PART) {
        let next = y.len().min(at + PART);
        finish(&to, channel, &sums[at..next], &mut y[at..next]);
        at = next;
    }
}
