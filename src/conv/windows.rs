//! Windows of sorted planes as the columns of a right matrix, with a row for each tap of each channel.

use fearless_simd::{Level, Simd};
use smallvec::SmallVec;

use super::sorted::Sorted;
use crate::gemm::{COLUMNS, Right, Sum};
use crate::parts::Looks;
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

/// Blocks of as many elements that are copied from plane to panel for each tap: where they come from, beside the place of the
/// tap, and the column they go to. Runs of windows are cut into them; the last one of a run may lie over the one before.
type Blocks = SmallVec<[(usize, usize); 8]>;

/// How the windows of a panel are copied: in blocks of 8, of 4 and of 1.
#[derive(Default)]
struct Cut {
    eights: Blocks,
    fours: Blocks,
    ones: Blocks,
}

impl Cut {
    /// Adds windows that follow each other, the first at `place`, to the columns from `column` on.
    fn add(&mut self, place: usize, column: usize, len: usize) {
        let (blocks, size) = match len {
            8.. => (&mut self.eights, 8),
            4.. => (&mut self.fours, 4),
            _ => (&mut self.ones, 1),
        };
        let mut at = 0;
        while at < len {
            let from = at.min(len - size);
            blocks.push((place + from, column + from));
            at += size;
        }
    }
}

impl<S: Sum> Right<S> for Windows<'_, S> {
    fn lay(&self, first: usize, count: usize, panel: &mut [S]) {
        let each = self.sorted.elements();
        let (place, left) = self.sorted.window(first);
        if count == COLUMNS && left >= COLUMNS {
            let planes = &self.planes[place..];
            return dispatch!(self.level, s => lay_run(s, planes, each, self.offsets, panel));
        }
        let mut cut = Cut::default();
        let mut column = 0;
        while column < count {
            let (place, left) = self.sorted.window(first + column);
            let len = left.min(count - column);
            cut.add(place, column, len);
            column += len;
        }
        dispatch!(self.level, s => lay(s, self.planes, each, self.offsets, &cut, count, panel));
    }
}

#[inline(always)]
fn lay<V: Simd, S: Sum>(
    _: V,
    planes: &[S],
    each: usize,
    offsets: &[usize],
    cut: &Cut,
    count: usize,
    panel: &mut [S],
) {
    let mut line = 0;
    let mut plane = 0;
    let mut looks = Looks::default();
    while line < panel.len() {
        for tap in 0..offsets.len() {
            if looks.is_set(COLUMNS) {
                return;
            }
            let y = &mut panel[line..line + COLUMNS];
            for column in count..COLUMNS {
                y[column] = S::ZERO;
            }
            let x = &planes[plane + offsets[tap]..];
            copy::<S, 8>(x, &cut.eights, y);
            copy::<S, 4>(x, &cut.fours, y);
            copy::<S, 1>(x, &cut.ones, y);
            line += COLUMNS;
        }
        plane += each;
    }
}

/// As [`lay`], of windows that all follow each other; the first is at the beginning of `planes`.
#[inline(always)]
fn lay_run<V: Simd, S: Sum>(_: V, planes: &[S], each: usize, offsets: &[usize], panel: &mut [S]) {
    let (steps, _) = panel.as_chunks_mut::<COLUMNS>();
    let (mut step, mut plane) = (0, 0);
    let mut looks = Looks::default();
    while step < steps.len() {
        for tap in 0..offsets.len() {
            if looks.is_set(COLUMNS) {
                return;
            }
            let x = &planes[plane + offsets[tap]..][..COLUMNS];
            for i in 0..COLUMNS {
                steps[step][i] = x[i];
            }
            step += 1;
        }
        plane += each;
    }
}

#[inline(always)]
fn copy<S: Sum, const SIZE: usize>(x: &[S], blocks: &[(usize, usize)], y: &mut [S]) {
    for block in 0..blocks.len() {
        let (place, column) = blocks[block];
        let (x, y) = (&x[place..place + SIZE], &mut y[column..column + SIZE]);
        for i in 0..SIZE {
            y[i] = x[i];
        }
    }
}
