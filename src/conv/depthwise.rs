//! Convolution where each input channel has weights of its own.
//!
//! With the elements of a plane sorted, each tap reads a run of them, for the windows of all rows at once.

use rayon::prelude::*;

use super::Sizes;
use super::sorted::{BEYOND, Sorted};
use crate::buffer::{SORTED, SUMS};
use crate::gemm::{Factor, Finish, Sum};
use crate::installed::Installed;
use crate::parts;
use crate::simd::{Simd, dispatch};
use crate::stop;

/// Multiplications that are worth a task of their own.
const GRAIN: usize = 1 << 17;

/// Multiplications between looks at whether the run is to stop.
const STOP_PRODUCTS: usize = 1 << 20;

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
    let Ok(offsets) = parts::collected((0..taps).map(|tap| sorted.offset(tap))) else {
        return;
    };
    let planes = (GRAIN / windows.saturating_mul(taps).max(1)).max(1);
    // Windows that are weighted between looks, a multiple of what vectors hold.
    let together = (STOP_PRODUCTS / taps.max(1) + 1).next_multiple_of(BEYOND);
    let channels = sizes.groups * sizes.outputs;
    let level = Simd::installed();
    let installed = Installed::hand_over();
    let run = |(first, y): (usize, &mut [T])| {
        let Some(_entered) = installed.enter() else {
            return;
        };
        parts::with_buffer::<T::Sum, SORTED>(sorted.elements() + BEYOND, |elements| {
            parts::with_buffer::<T::Sum, SUMS>(sorted.run.next_multiple_of(BEYOND), |sums| {
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
                    for (number, sums) in sums.chunks_mut(together).enumerate() {
                        if number > 0 && stop::is_set() {
                            return;
                        }
                        let elements = &elements[number * together..];
                        dispatch!(level, s => T::Sum::weighted(s, elements, &offsets, w, start, sums));
                    }
                    sorted.put(sums, finish.plane(first + at, windows), y);
                }
            });
        });
    };
    y.par_chunks_mut(windows * planes)
        .enumerate()
        .map(|(piece, y)| (piece * planes, y))
        .for_each(run);
}
