//! Convolution where each input channel has weights of its own.
//!
//! With the elements of a plane sorted, each tap of the windows of a row reads a run of them.

use rayon::prelude::*;

use super::Sizes;
use super::sorted::{BEYOND, Sorted};
use crate::buffer::SORTED;
use crate::gemm::{self, Factor, Finish, Plane, Runs, Sum, widened_bytes};
use crate::installed::Installed;
use crate::parts;
use crate::simd::{Simd, dispatch};
use crate::stop;
use crate::window::Axis;

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
    let x = match widened_bytes::<T>(1) {
        0 => T::widened(x).ok(),
        _ => None,
    };
    let planes = x.as_deref().and_then(|x| planes(sizes, x));
    weigh(sizes, w, planes, start, finish, read, write, y);
}

/// The first plane of `x`, if neighbours can be read where they lie.
fn planes<'a, S>(sizes: &Sizes, x: &'a [S]) -> Option<Plane<'a, S>> {
    let [rows, columns] = &*sizes.axes else {
        return None;
    };
    let three = |axis: &Axis| axis.kernel == 3 && axis.dilation == 1;
    let on_plane = columns.pad_begin == 1
        && columns.output > 0
        && columns.stride * (columns.output - 1) < columns.input;
    let suits = three(rows) && three(columns) && rows.stride == columns.stride && on_plane;
    suits.then_some(Plane {
        x,
        begin: 0,
        height: rows.input,
        width: columns.input,
        pad: rows.pad_begin,
        stride: rows.stride,
        rows: rows.output,
        columns: columns.output,
    })
}

/// The weighted sums of windows: `start` has the number that those of a channel begin at, `finish` what is done to an output
/// plane of some number, `read` sorts an input plane, and `write` makes an output plane of its sums, which it asks for. `planes`
/// is the first plane that is read, where it need not be sorted.
pub(super) fn weigh<'f, S: Sum, Y: Send>(
    sizes: &Sizes,
    w: &[S],
    planes: Option<Plane<'_, S>>,
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
    let together = (GRAIN / windows.saturating_mul(taps).max(1)).max(1);
    let channels = sizes.groups * sizes.outputs;
    let level = Simd::installed();
    let installed = Installed::hand_over();
    let run = |(first, y): (usize, &mut [Y])| {
        let Some(_entered) = installed.enter() else {
            return;
        };
        parts::with_buffer::<S, SORTED>(sorted.elements() + BEYOND, |elements| {
            let mut input = None;
            // Planes are small: it is worth not to divide for each.
            let mut channel = first % channels;
            let (mut from, mut of_input) = (first / sizes.outputs, first % sizes.outputs);
            for (at, y) in y.chunks_mut(windows).enumerate() {
                if stop::is_set() {
                    return;
                }
                let w = &w[channel * taps..][..taps];
                let (start, finish) = (start(channel), finish(first + at));
                write(first + at, y, &mut |sums| {
                    if let (Some(plane), Some(w)) = (planes, w.first_chunk()) {
                        let begin = from * sizes.plane();
                        let plane = Plane { begin, ..plane };
                        let done = dispatch!(level, s => S::of_neighbours(s, plane, w, start, finish, sums));
                        if done {
                            return;
                        }
                    }
                    // What is not on the input stays zero from plane to plane.
                    if input.is_none() && parts::fill(elements, &S::ZERO).is_err() {
                        return;
                    }
                    if input.replace(from) != Some(from) {
                        read(&sorted, from, elements);
                    }
                    dispatch!(level, s => S::weighted(s, elements, runs, w, start, finish, sums));
                });
                channel = if channel + 1 < channels {
                    channel + 1
                } else {
                    0
                };
                of_input += 1;
                if of_input == sizes.outputs {
                    (from, of_input) = (from + 1, 0);
                }
            }
        });
    };
    y.par_chunks_mut(windows * together)
        .enumerate()
        .map(|(piece, y)| (piece * together, y))
        .for_each(run);
}
