//! Windows of sorted planes as the columns of a right matrix, with a row for each tap of each channel.

use fearless_simd::{Level, Simd};
use smallvec::SmallVec;

use super::sorted::Sorted;
use crate::gemm::parts::Looks;
use crate::gemm::{Right, Sum};
use crate::simd::dispatch;

/// Windows of the channels of a group.
pub(super) struct Windows<'a, S> {
    pub(super) level: Level,
    pub(super) sorted: &'a Sorted<'a>,
    /// Where the taps of the first window lie.
    pub(super) offsets: &'a [usize],
    /// The sorted planes of all channels.
    pub(super) planes: &'a [S],
}

/// Windows that follow each other: their first column, the place of the first one, and how many there are.
type Run = (usize, usize, usize);

impl<S: Sum> Right<S> for Windows<'_, S> {
    fn lay(&self, first: usize, count: usize, width: usize, panel: &mut [S]) {
        let mut runs: SmallVec<[Run; 16]> = SmallVec::new();
        let mut column = 0;
        while column < count {
            let (place, left) = self.sorted.window(first + column);
            let len = left.min(count - column);
            runs.push((column, place, len));
            column += len;
        }
        let each = self.sorted.elements();
        dispatch!(self.level, s => lay(s, self.planes, each, self.offsets, &runs, count, width, panel));
    }
}

#[inline(always)]
fn lay<V: Simd, S: Sum>(
    _: V,
    planes: &[S],
    each: usize,
    offsets: &[usize],
    runs: &[Run],
    count: usize,
    width: usize,
    panel: &mut [S],
) {
    let mut line = 0;
    let mut plane = 0;
    let mut looks = Looks::default();
    while line < panel.len() {
        for tap in 0..offsets.len() {
            if looks.is_set(width) {
                return;
            }
            let y = &mut panel[line..line + width];
            for column in count..width {
                y[column] = S::ZERO;
            }
            let x = &planes[plane + offsets[tap]..];
            for run in 0..runs.len() {
                let (column, place, len) = runs[run];
                copy(&x[place..place + len], &mut y[column..column + len]);
            }
            line += width;
        }
        plane += each;
    }
}

/// Copies a run, which is short most often: in blocks of fixed sizes, the last of which lies over the one before.
#[inline(always)]
fn copy<S: Sum>(x: &[S], y: &mut [S]) {
    match y.len() {
        16.. => blocks::<S, 16>(x, y),
        8.. => blocks::<S, 8>(x, y),
        4.. => blocks::<S, 4>(x, y),
        len => {
            for i in 0..len {
                y[i] = x[i];
            }
        }
    }
}

#[inline(always)]
fn blocks<S: Sum, const SIZE: usize>(x: &[S], y: &mut [S]) {
    let last = y.len() - SIZE;
    let mut at = 0;
    while at < y.len() {
        let from = at.min(last);
        let (x, y) = (&x[from..from + SIZE], &mut y[from..from + SIZE]);
        for i in 0..SIZE {
            y[i] = x[i];
        }
        at += SIZE;
    }
}
