//! Convolution where each input channel has weights of its own.
//!
//! With the elements of a plane sorted, each tap of the windows of a row reads a run of them.

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
    let (windows, plane) = (sizes.windows(), sizes.plane());
    let start = |channel: usize| bias.map_or(T::Sum::ZERO, |bias| bias[channel]);
    let read = |sorted: &Sorted<'_>, number: usize, elements: &mut [T::Sum]| {
        sorted.sort(&x[number * plane..][..plane], elements);
    };
    let finish = |number: usize| finish.plane(number, windows);
    let write = |_: usize, y: &mut [T], sum: &mut dyn FnMut(&mut [T::Sum])| {
        gemm::with_sums::<T>(y, sum);
    };
    weigh(sizes, w, start, finish, read, write, y);
}

/// The weighted sums of windows: `start` has the number that those of a channel begin at, `finish` what is done to an output
/// plane of some number, `read` sorts an input plane, and `write` makes an output plane of its sums, which it asks for.
pub(super) fn weigh<'f, S: Sum, Y: Send>(
    sizes: &Sizes,
    w: &[S],
    start: impl Fn(usize) -> S + Sync,
    finish: impl Fn(usize) -> Finish<'f, S> + Sync,
    read: impl Fn(&Sorted<'_>, usize, &mut [S]) + Sync,
    write: impl Fn(usize, &mut [Y], &mut dyn FnMut(&mut [S])) + Sync,
    y: &mut [Y],
) {
    let (windows, taps) = (sizes.windows(), sizes.taps());
    let sorted = Sorted::new(&sizes.axes);
    let offsets = parts::collected((0..taps).map(|tap| sorted.offset(tap)));
    let (Ok(offsets), Ok(lines)) = (offsets, sorted.lines()) else {
        return;
    };
    let runs = Runs::new(&lines, windows / lines.len(), &offsets);
    let planes = (GRAIN / windows.saturating_mul(taps).max(1)).max(1);
    let channels = sizes.groups * sizes.outputs;
    let level = Simd::installed();
    let installed = Installed::hand_over();
    let run = |(first, y): (usize, &mut [Y])| {
        let Some(_entered) = installed.enter() else {
            return;
        };
        parts::with_buffer::<S, SORTED>(sorted.elements() + BEYOND, |elements| {
            // What is not on the input stays zero from plane to plane.
            if parts::fill(elements, &S::ZERO).is_err() {
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
                    read(&sorted, from, elements);
                }
                let (elements, w) = (&*elements, &w[channel * taps..][..taps]);
                let (start, finish) = (start(channel), finish(first + at));
                write(first + at, y, &mut |sums| {
                    dispatch!(level, s => S::weighted(s, elements, runs, w, start, finish, sums));
                });
            }
        });
    };
    y.par_chunks_mut(windows * planes)
        .enumerate()
        .map(|(piece, y)| (piece * planes, y))
        .for_each(run);
}
