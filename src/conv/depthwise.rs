//! Convolution where each input channel has weights of its own.
//!
//! With the elements of a plane sorted, each tap of the windows of a row reads a run of them.

use rayon::prelude::*;

use super::Sizes;
use super::sorted::{BEYOND, Sorted};
use crate::buffer::SORTED;
use crate::gemm::{self, Factor, Finish, PLANE_ROWS, Planes, Runs, Sum, widened_bytes};
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
    let (level, channels) = (Simd::installed(), sizes.groups * sizes.outputs);
    let (w_planes, _) = w.as_chunks::<9>();
    let several = |first: usize, y: &mut [T]| {
        let (Some(planes), Ok(y)) = (planes, T::sums(y)) else {
            return 0;
        };
        let (channel, of_input) = (first % channels, first % sizes.outputs);
        // Those that read planes which follow each other, or one and the same.
        let (pitch, most) = match sizes.outputs {
            1 => (plane, channels - channel),
            outputs => (0, outputs - of_input),
        };
        let w = &w_planes[channel..][..most.min(y.len() / windows)];
        let bias = bias.map(|bias| &bias[channel..]);
        let begin = first / sizes.outputs * plane;
        let planes = Planes {
            begin,
            pitch,
            ..planes
        };
        let finish = finish(first);
        dispatch!(level, s => T::Sum::of_neighbours(s, planes, w, bias, finish, y))
    };
    weigh(sizes, w, start, finish, several, read, write, y);
}

/// The planes of `x`, if neighbours can be read where they lie, for some rows of windows at once.
pub(super) fn planes<'a, S>(sizes: &Sizes, x: &'a [S]) -> Option<Planes<'a, S>> {
    let [rows, columns] = &*sizes.axes else {
        return None;
    };
    let three = |axis: &Axis| axis.kernel == 3 && axis.dilation == 1;
    let on_plane = columns.pad_begin == 1
        && columns.output > 0
        && columns.stride * (columns.output - 1) < columns.input;
    let near = matches!(rows.stride, 1 | 2) && rows.output >= PLANE_ROWS;
    let suits = three(rows) && three(columns) && rows.stride == columns.stride && on_plane && near;
    suits.then_some(Planes {
        x,
        begin: 0,
        pitch: 0,
        height: rows.input,
        width: columns.input,
        pad: rows.pad_begin,
        stride: rows.stride,
        rows: rows.output,
        columns: columns.output,
    })
}

/// The weighted sums of windows: `start` has the number that those of a channel begin at, and `finish` what is done to output
/// planes from some number on, as rows. `several` does planes from some number on, if it can, and says how many; of each other one
/// `read` sorts the input plane, and `write` makes the output plane of its sums, which it asks for.
pub(super) fn weigh<'f, S: Sum, Y: Send>(
    sizes: &Sizes,
    w: &[S],
    start: impl Fn(usize) -> S + Sync,
    finish: impl Fn(usize) -> Finish<'f, S> + Sync,
    several: impl Fn(usize, &mut [Y]) -> usize + Sync,
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
            let mut at = 0;
            while at * windows < y.len() {
                if stop::is_set() {
                    return;
                }
                let (number, y) = (first + at, &mut y[at * windows..]);
                let done = several(number, y);
                if done > 0 {
                    at += done;
                    continue;
                }
                at += 1;
                let (channel, from) = (number % channels, number / sizes.outputs);
                // What is not on the input stays zero from plane to plane.
                if input.is_none() && parts::fill(elements, &S::ZERO).is_err() {
                    return;
                }
                let w = &w[channel * taps..][..taps];
                let (start, finish) = (start(channel), finish(number));
                write(number, &mut y[..windows], &mut |sums| {
                    if input.replace(from) != Some(from) {
                        read(&sorted, from, elements);
                    }
                    dispatch!(level, s => S::weighted(s, elements, runs, w, start, finish, sums));
                });
            }
        });
    };
    y.par_chunks_mut(windows * together)
        .enumerate()
        .map(|(piece, y)| (piece * together, y))
        .for_each(run);
}
