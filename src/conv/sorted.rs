//! The elements of a plane between zeros, in the order of their remainders modulo the strides of windows.
//!
//! In that order one window follows the other whatever the strides, so that each tap reads a run of elements, over all
//! rows at once.

use rayon::prelude::*;

use super::product;
use crate::allocate;
use crate::gemm::{Factor, Finish, Sum};
use crate::installed::Installed;
use crate::parts::{self, Looks, PART};
use crate::window::Axis;

/// Elements of a row that are copied at once.
const BLOCK: usize = 8;

/// Elements that are read beyond the last one.
pub(super) const BEYOND: usize = 64;

/// Elements of a sorted plane and of the sums of its windows.
pub(super) fn scratch_elements(axes: &[Axis]) -> usize {
    let sorted = Sorted::sized(axes);
    sorted
        .elements()
        .saturating_add(sorted.run)
        .saturating_add(2 * BEYOND)
}

/// The order in which the elements of a plane lie: first by the remainders of their places modulo the strides, axis by
/// axis, then by the quotients.
pub(super) struct Sorted<'a> {
    axes: &'a [Axis],
    /// Quotients along each axis.
    sizes: Vec<usize>,
    /// Elements from one quotient of an axis to the next.
    pitches: Vec<usize>,
    /// Elements with the same remainders.
    each: usize,
    /// The remainders of the elements that taps read, in order.
    used: Vec<usize>,
    /// How the elements of a row are copied.
    runs: Vec<Run>,
    /// Places from that of the first window to behind that of the last one.
    pub(super) run: usize,
}

/// The stride of an axis; that of a single window does not matter.
fn stride(axis: &Axis) -> usize {
    if axis.output == 1 { 1 } else { axis.stride }
}

/// Elements of a row that have the same remainder: every so many from `begin` on.
struct Run {
    begin: usize,
    remainder: usize,
    /// The quotient of the first one.
    first: usize,
    len: usize,
}

/// Quotient and remainder; those by small strides take no division.
#[inline(always)]
fn split(place: usize, stride: usize) -> (usize, usize) {
    match stride {
        1 => (place, 0),
        2 => (place / 2, place % 2),
        4 => (place / 4, place % 4),
        _ => (place / stride, place % stride),
    }
}

impl<'a> Sorted<'a> {
    pub(super) fn new(axes: &'a [Axis]) -> Sorted<'a> {
        let mut sorted = Sorted::sized(axes);
        let remainders = (0..product(axes, |axis| axis.kernel)).map(|tap| sorted.tap(tap).0);
        sorted.used = allocate::collected(remainders);
        sorted.used.sort_unstable();
        sorted.used.dedup();
        sorted.runs = sorted.runs();
        sorted
    }

    /// The runs of the remainders that taps along the last axis read.
    fn runs(&self) -> Vec<Run> {
        let (last, size) = (
            &self.axes[self.axes.len() - 1],
            self.sizes[self.sizes.len() - 1],
        );
        let step = stride(last);
        let taps = 0..last.kernel;
        let mut remainders = allocate::collected(taps.map(|tap| tap * last.dilation % step));
        remainders.sort_unstable();
        remainders.dedup();
        let run = |remainder: usize| {
            // The first element with that remainder.
            let begin = (remainder + step - last.pad_begin % step) % step;
            let first = (begin + last.pad_begin) / step;
            let left = last.input.checked_sub(begin)?.div_ceil(step);
            Some(Run {
                begin,
                remainder,
                first,
                len: left.min(size.checked_sub(first)?),
            })
        };
        let mut runs = allocate::with_capacity(remainders.len());
        runs.extend(
            remainders
                .into_iter()
                .filter_map(run)
                .filter(|run| run.len > 0),
        );
        runs
    }

    /// The sizes alone: the taps may be more than the memory holds.
    fn sized(axes: &'a [Axis]) -> Sorted<'a> {
        let size = |axis: &Axis| {
            // Places on padding that no window reads are left out.
            let windows = (axis.output - 1).saturating_mul(stride(axis));
            let taps = (axis.kernel - 1).saturating_mul(axis.dilation);
            windows.saturating_add(taps) / stride(axis) + 1
        };
        let sizes: Vec<usize> = axes.iter().map(size).collect();
        let mut pitches = vec![1; axes.len()];
        for axis in (1..axes.len()).rev() {
            pitches[axis - 1] = usize::saturating_mul(pitches[axis], sizes[axis]);
        }
        let lasts = axes.iter().zip(&pitches);
        Sorted {
            axes,
            used: Vec::new(),
            runs: Vec::new(),
            each: sizes.iter().copied().fold(1, usize::saturating_mul),
            run: lasts
                .map(|(axis, pitch)| (axis.output - 1).saturating_mul(*pitch))
                .fold(1, usize::saturating_add),
            sizes,
            pitches,
        }
    }

    pub(super) fn elements(&self) -> usize {
        let strides = self.axes.iter().map(stride);
        strides.fold(self.each, usize::saturating_mul)
    }

    /// Places from one window to the next along an axis.
    pub(super) fn pitch(&self, axis: usize) -> usize {
        self.pitches[axis]
    }

    /// Where the element lies that a tap of the first window reads.
    pub(super) fn offset(&self, tap: usize) -> usize {
        let (remainder, offset) = self.tap(tap);
        remainder * self.each + offset
    }

    /// The remainders of the element that a tap of the first window reads, as one number, and where it lies among those
    /// with the same ones. What is too large for the memory may be any number.
    fn tap(&self, tap: usize) -> (usize, usize) {
        let (mut tap, mut phase, mut phases, mut offset) = (tap, 0usize, 1usize, 0usize);
        for (axis, pitch) in self.axes.iter().zip(&self.pitches).rev() {
            let place = tap % axis.kernel * axis.dilation;
            tap /= axis.kernel;
            phase = phase.saturating_add((place % stride(axis)).saturating_mul(phases));
            phases = phases.saturating_mul(stride(axis));
            offset = offset.saturating_add((place / stride(axis)).saturating_mul(*pitch));
        }
        (phase, offset)
    }

    /// The place of a window, and how many follow it in its row, itself counted.
    pub(super) fn window(&self, number: usize) -> (usize, usize) {
        let (mut rest, mut place) = (number, 0);
        for (axis, pitch) in self.axes.iter().zip(&self.pitches).rev() {
            place += rest % axis.output * pitch;
            rest /= axis.output;
        }
        let row = self.axes.last().map_or(1, |axis| axis.output);
        (place, row - number % row)
    }

    /// Copies all planes of `x`, between zeros.
    pub(super) fn sort_all<T: Factor>(&self, x: &[T], planes: &mut [T::Sum]) {
        let each = self.elements();
        let plane = x.len() / (planes.len() / each).max(1);
        let installed = Installed::hand_over();
        planes
            .par_chunks_exact_mut(each)
            .enumerate()
            .with_min_len((1 << 15) / each + 1)
            // Planes may be many and small: what is stopped does not go through all of them.
            .try_for_each(|(number, elements)| {
                let _entered = installed.enter()?;
                parts::fill(elements, &T::Sum::ZERO).ok()?;
                self.sort(&x[number * plane..][..plane], elements);
                Some(())
            });
    }

    /// Copies the elements of a plane to their places.
    pub(super) fn sort<T: Factor>(&self, x: &[T], elements: &mut [T::Sum]) {
        let (last, outer) = self.axes.split_last().expect("a window has an axis");
        if x.is_empty() {
            return;
        }
        let step = stride(last);
        let all_used = self.used.len() == self.axes.iter().map(stride).product::<usize>();
        let mut looks = Looks::default();
        for (row, x) in x.chunks_exact(last.input).enumerate() {
            if looks.is_set(x.len()) {
                return;
            }
            let (mut rest, mut phase, mut phases, mut offset) = (row, 0, step, 0);
            let mut read = true;
            for index in (0..outer.len()).rev() {
                let axis = &outer[index];
                let mut own = rest;
                if index > 0 {
                    own = rest % axis.input;
                    rest /= axis.input;
                }
                let (quotient, remainder) = split(own + axis.pad_begin, stride(axis));
                phase += remainder * phases;
                phases *= stride(axis);
                offset += quotient * self.pitches[index];
                read &= quotient < self.sizes[index];
            }
            if !read {
                continue;
            }
            for run in &self.runs {
                let phase = phase + run.remainder;
                if !all_used && self.used.binary_search(&phase).is_err() {
                    continue;
                }
                let at = phase * self.each + offset + run.first;
                for (number, y) in elements[at..at + run.len].chunks_mut(PART).enumerate() {
                    if number > 0 && looks.is_set(PART) {
                        return;
                    }
                    let x = &x[run.begin + number * PART * step..];
                    match step {
                        1 => pick::<T, 1>(x, 1, y),
                        2 => pick::<T, 2>(x, 2, y),
                        4 => pick::<T, 4>(x, 4, y),
                        _ => pick::<T, 0>(x, step, y),
                    }
                }
            }
        }
    }

    /// Writes the sums of the windows, finished.
    pub(super) fn put<T: Factor>(
        &self,
        sums: &mut [T::Sum],
        finish: Finish<'_, T::Sum>,
        y: &mut [T],
    ) {
        let (last, outer) = self.axes.split_last().expect("a window has an axis");
        let mut looks = Looks::default();
        for (row, y) in y.chunks_mut(last.output).enumerate() {
            if looks.is_set(y.len()) {
                return;
            }
            let (mut rest, mut at) = (row, 0);
            for (index, axis) in outer.iter().enumerate().rev() {
                let mut own = rest;
                if index > 0 {
                    own = rest % axis.output;
                    rest /= axis.output;
                }
                at += own * self.pitches[index];
            }
            let sums = &mut sums[at..at + last.output];
            finish.apply(0, row * last.output, sums);
            for (y, &sum) in y.iter_mut().zip(&*sums) {
                *y = T::narrow(sum);
            }
        }
    }
}

/// Every `step`-th element; `STEP` is the same number where the compiler is to know it, so that vectors are read.
#[inline(always)]
fn pick<T: Factor, const STEP: usize>(x: &[T], step: usize, y: &mut [T::Sum]) {
    let step = if STEP > 0 { STEP } else { step };
    let x = &x[..(y.len() - 1) * step + 1];
    let mut i = 0;
    // Rows are short: blocks of a known size take no call, and the last one lies over the one before.
    while y.len() >= BLOCK && i < y.len() {
        let from = i.min(y.len() - BLOCK);
        let y = &mut y[from..from + BLOCK];
        let x = &x[from * step..][..(BLOCK - 1) * step + 1];
        for j in 0..BLOCK {
            y[j] = x[j * step].widen();
        }
        i = from + BLOCK;
    }
    while i < y.len() {
        y[i] = x[i * step].widen();
        i += 1;
    }
}
