//! Convolution where each input channel has weights of its own.
//!
//! With the elements of a plane sorted, each tap of the windows of a row reads a run of them.

use ndarray::ArrayViewMut2;
use rayon::prelude::*;

use super::Sizes;
use super::sorted::{BEYOND, Sorted};
use crate::buffer::SORTED;
use crate::gemm::{self, Factor, Finish, Runs, Sum};
use crate::installed::Installed;
use crate::parts;
use crate::simd::{Simd, dispatch};
use crate::stop;

/// Multiplications that are worth a task of their own.
const GRAIN: usize = 1 << 17;

pub(super) fn convolve<T: Factor>(
    sizes: &Sizes,
    x: &[T],
    w: &[T::Sum],
    bias: Option<&[T::Sum]>,
    finish: Finish<'_, T::Sum>,
    y: &mut [T],
) {
    let (windows, taps, plane) = (sizes.windows(), sizes.taps(), sizes.plane());
    let sorted = Sorted::new(&sizes.axes);
    let offsets = parts::collected((0..taps).map(|tap| sorted.offset(tap)));
    let (Ok(offsets), Ok(lines)) = (offsets, sorted.lines()) else {
        return;
    };
    let runs = Runs {
        lines: &lines,
        width: windows / lines.len(),
        offsets: &offsets,
    };
    let planes = (GRAIN / windows.saturating_mul(taps).max(1)).max(1);
    let channels = sizes.groups * sizes.outputs;
    let level = Simd::installed();
    let installed = Installed::hand_over();
    let run = |(first, y): (usize, &mut [T])| {
        let Some(_entered) = installed.enter() else {
            return;
        };
        parts::with_buffer::<T::Sum, SORTED>(sorted.elements() + BEYOND, |elements| {
            // What is not on the input stays zero from plane to plane.
            if parts::fill(elements, &T::Sum::ZERO).is_err() {
                return;
            }
            let mut input = None;
            for (at, y) in y.chunks_mut(windows).enumerate() {
                if stop::is_set() {
                    return;
                }
                let (image, channel) = ((first + at) / channels, (first + at) % channels);
                let from = image * sizes.groups + channel / sizes.outputs;
                if input.replace(from) != Some(from) {
                    sorted.sort(&x[from * plane..][..plane], elements);
                }
                let w = &w[channel * taps..][..taps];
                let start = bias.map_or(T::Sum::ZERO, |bias| bias[channel]);
                let finish = finish.plane(first + at, windows);
                let y = ArrayViewMut2::from_shape((1, windows), y);
                gemm::with_sums::<T>(y.expect("as many as there are"), |y| {
                    let y = y.into_slice().expect("a row lies in order");
                    dispatch!(level, s => T::Sum::weighted(s, elements, runs, w, start, finish, y));
                });
            }
        });
    };
    y.par_chunks_mut(windows * planes)
        .enumerate()
        .map(|(piece, y)| (piece * planes, y))
        .for_each(run);
}
