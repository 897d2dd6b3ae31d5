//! The elements of a plane between zeros, in the order of their remainders modulo the strides of windows.
//!
//! In that order one window follows the other whatever the strides, so that each tap reads a run of elements, over all
//! rows at once.

mod copies;

use rayon::prelude::*;

use copies::Lines;
pub(super) use copies::pick;

use super::product;
use crate::allocate;
use crate::error::OpError;
use crate::gemm::{Factor, Sum};
use crate::installed::Installed;
use crate::parts::{self, Looks, PART};
use crate::window::Axis;

/// Elements that are read beyond the last one.
pub(super) const BEYOND: usize = 64;

/// Elements of a sorted plane.
pub(super) fn scratch_elements(axes: &[Axis]) -> usize {
    Sorted::sized(axes).elements().saturating_add(BEYOND)
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
    /// The remainders along each axis that taps read, in order.
    used: Vec<Vec<usize>>,
    /// How the elements of a row are copied.
    runs: Vec<Run>,
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

/// Quotient and remainder of the first element of an axis.
fn split(axis: &Axis) -> (usize, usize) {
    (axis.pad_begin / stride(axis), axis.pad_begin % stride(axis))
}

/// The remainders of the places that the taps along an axis read, in order.
fn used(axis: &Axis) -> Vec<usize> {
    let step = stride(axis);
    let remainders = (0..axis.kernel).map(|tap| tap * axis.dilation % step);
    let mut used = allocate::collected(remainders);
    used.sort_unstable();
    used.dedup();
    used
}

impl<'a> Sorted<'a> {
    pub(super) fn new(axes: &'a [Axis]) -> Sorted<'a> {
        let mut sorted = Sorted::sized(axes);
        sorted.used = allocate::collected(axes.iter().map(used));
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
        let remainders = &self.used[self.axes.len() - 1];
        let run = |&remainder: &usize| {
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
        runs.extend(remainders.iter().filter_map(run).filter(|run| run.len > 0));
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
        Sorted {
            axes,
            used: Vec::new(),
            runs: Vec::new(),
            each: sizes.iter().copied().fold(1, usize::saturating_mul),
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

    /// The places of the first windows of all rows of windows.
    ///
    /// # Errors
    /// The run is to stop.
    pub(super) fn lines(&self) -> Result<Vec<usize>, OpError> {
        let last = self.axes.last().map_or(1, |axis| axis.output);
        let rows = product(self.axes, |axis| axis.output) / last;
        parts::collected((0..rows).map(|row| self.window(row * last).0))
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
        let line = outer.len().checked_sub(1);
        let rows = line.map_or(1, |index| outer[index].input);
        let mut looks = Looks::default();
        for (slab, x) in x.chunks_exact(rows * last.input).enumerate() {
            if looks.is_set(1) {
                return;
            }
            let Some(base) = self.base(slab) else {
                continue;
            };
            let (mut quotient, mut remainder) = match line {
                Some(index) => split(&outer[index]),
                None => (0, 0),
            };
            if let (Some(index), [run]) = (line, &self.runs[..])
                && (step, stride(&outer[index])) == (1, 1)
                && run.len <= PART
            {
                let pitch = self.pitches[index];
                let read = rows.min(self.sizes[index].saturating_sub(quotient));
                if read == 0 {
                    continue;
                }
                let lines = Lines {
                    x: &x[run.begin..],
                    width: last.input,
                    pitch,
                    len: run.len,
                    count: read,
                };
                let at = base + quotient * pitch + run.first;
                let whole = match run.len {
                    8.. => lines.copy::<8>(&mut elements[at..], &mut looks),
                    4.. => lines.copy::<4>(&mut elements[at..], &mut looks),
                    _ => lines.copy::<1>(&mut elements[at..], &mut looks),
                };
                if !whole {
                    return;
                }
                continue;
            }
            for row in 0..rows {
                if looks.is_set(last.input) {
                    return;
                }
                let at = match line {
                    Some(index) if !self.is_read(index, quotient, remainder) => None,
                    Some(index) => {
                        Some(base + remainder * step * self.each + quotient * self.pitches[index])
                    }
                    None => Some(base),
                };
                if let Some(at) = at {
                    let x = &x[row * last.input..][..last.input];
                    let dealt = match (step, &self.runs[..]) {
                        _ if x.len() > PART => 0,
                        (2, [_, _]) => self.deal::<T, 2>(x, at, elements),
                        (4, [_, _, _, _]) => self.deal::<T, 4>(x, at, elements),
                        _ => 0,
                    };
                    for run in &self.runs {
                        let at = at + run.remainder * self.each + run.first;
                        let y = &mut elements[at + dealt..at + run.len];
                        if !y.is_empty() && !pick(&x[run.begin + dealt * step..], step, y) {
                            return;
                        }
                    }
                }
                remainder += 1;
                if line.is_some_and(|index| remainder == stride(&outer[index])) {
                    (quotient, remainder) = (quotient + 1, 0);
                }
            }
        }
    }

    /// Deals out the elements of a row, whose place is `at`, to all of its runs; how many there were for each of them.
    #[inline(always)]
    fn deal<T: Factor, const STEP: usize>(
        &self,
        x: &[T],
        at: usize,
        elements: &mut [T::Sum],
    ) -> usize {
        let (mut places, mut len) = ([0; STEP], usize::MAX);
        for run in &self.runs {
            places[run.begin] = at + run.remainder * self.each + run.first;
            len = len.min(run.len);
        }
        copies::deal::<T, STEP>(x, places, len, elements)
    }

    /// Whether taps read the elements of an axis with that quotient and remainder.
    #[inline(always)]
    fn is_read(&self, index: usize, quotient: usize, remainder: usize) -> bool {
        let used = &self.used[index];
        let all = used.len() == stride(&self.axes[index]);
        quotient < self.sizes[index] && (all || used.binary_search(&remainder).is_ok())
    }

    /// Where a slab begins, what all axes but the last two have the same index of, if taps read it.
    fn base(&self, slab: usize) -> Option<usize> {
        let axes = self.axes.len();
        let near = &self.axes[axes.saturating_sub(2)..];
        let mut phases: usize = near.iter().map(stride).product();
        let (mut rest, mut base) = (slab, 0);
        for index in (0..axes.saturating_sub(2)).rev() {
            let axis = &self.axes[index];
            let place = rest % axis.input + axis.pad_begin;
            rest /= axis.input;
            let (quotient, remainder) = (place / stride(axis), place % stride(axis));
            if !self.is_read(index, quotient, remainder) {
                return None;
            }
            base += remainder * phases * self.each + quotient * self.pitches[index];
            phases *= stride(axis);
        }
        Some(base)
    }
}
