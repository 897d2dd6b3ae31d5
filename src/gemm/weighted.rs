//! Weighted sums of runs of elements, some vectors of a run at a time.

mod plane;
mod three;

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdFloatElement};

use super::Sum;
use super::finish::Finish;
use crate::parts::Looks;
use crate::simd::LANES;
pub(super) use plane::floats as of_neighbours;
pub(crate) use plane::{Planes, ROWS as PLANE_ROWS};

/// Rows of sums that follow each other: element `i` of row `r` is a sum over taps of the elements at
/// `lines[r] + offsets[tap] + i`.
#[derive(Clone, Copy)]
pub(crate) struct Runs<'a> {
    pub(crate) lines: &'a [usize],
    pub(crate) width: usize,
    pub(crate) offsets: &'a [usize],
    /// The elements from row to row, where taps read three neighbours in each of three rows that follow each other, and so do
    /// rows of sums.
    pitch: Option<usize>,
}

impl<'a> Runs<'a> {
    pub(crate) fn new(lines: &'a [usize], width: usize, offsets: &'a [usize]) -> Runs<'a> {
        let mut runs = Runs {
            lines,
            width,
            offsets,
            pitch: None,
        };
        if let &[_, _, _, pitch, _, _, _, _, _] = offsets {
            let neighbours = (0..9).all(|tap| offsets[tap] == tap / 3 * pitch + tap % 3);
            let rows = lines.windows(2).all(|lines| lines[0] + pitch == lines[1]);
            runs.pitch = (neighbours && rows).then_some(pitch);
        }
        runs
    }
}

/// The most vectors of sums at once, and the most elements of them.
const VECTORS: usize = 4;
const ELEMENTS: usize = VECTORS * LANES;

/// [`Sum::weighted`] of floats.
#[inline(always)]
pub(super) fn floats<S: Simd, T: Sum + SimdFloatElement>(
    s: S,
    x: &[T],
    runs: Runs<'_>,
    w: &[T],
    start: T,
    finish: Finish<'_, T>,
    y: &mut [T],
) {
    let len = <T::Native<S> as SimdBase<S>>::LEN;
    let w = &w[..runs.offsets.len()];
    let mut looks = Looks::default();
    let done = match (w.first_chunk(), runs.pitch) {
        (Some(w), Some(pitch)) => three::rows::<S, T>(s, x, runs, pitch, w, start, finish, y),
        _ => 0,
    };
    for row in done..runs.lines.len() {
        let mut at = 0;
        while at < runs.width {
            let (from, to) = (runs.lines[row] + at, row * runs.width + at);
            let vectors = (runs.width - at).div_ceil(len).min(VECTORS);
            if looks.is_set((w.len() + 1) * vectors * len) {
                return;
            }
            let x = &x[from..];
            match vectors {
                1 => sums::<S, T, 1>(s, x, runs.offsets, w, start, finish, to, y),
                2 => sums::<S, T, 2>(s, x, runs.offsets, w, start, finish, to, y),
                3 => sums::<S, T, 3>(s, x, runs.offsets, w, start, finish, to, y),
                _ => sums::<S, T, VECTORS>(s, x, runs.offsets, w, start, finish, to, y),
            }
            at += vectors * len;
        }
    }
}

/// Some vectors of sums, into `y` from `to` on. What they hold beyond a row is written over by the next one.
#[inline(always)]
fn sums<S: Simd, T: Sum + SimdFloatElement, const COUNT: usize>(
    s: S,
    x: &[T],
    offsets: &[usize],
    w: &[T],
    start: T,
    finish: Finish<'_, T>,
    to: usize,
    y: &mut [T],
) {
    let len = <T::Native<S> as SimdBase<S>>::LEN;
    let mut sums = [[<T::Native<S> as SimdBase<S>>::splat(s, start); COUNT]; 1];
    for tap in 0..offsets.len() {
        let weight = <T::Native<S> as SimdBase<S>>::splat(s, w[tap]);
        let x = &x[offsets[tap]..][..COUNT * len];
        for v in 0..COUNT {
            let x = <T::Native<S> as SimdBase<S>>::from_slice(s, &x[v * len..(v + 1) * len]);
            sums[0][v] = weight.mul_add(x, sums[0][v]);
        }
    }
    if to + COUNT * len <= y.len() {
        finish.apply_to(s, to, &mut sums);
        let y = &mut y[to..to + COUNT * len];
        for v in 0..COUNT {
            sums[0][v].store_slice(&mut y[v * len..(v + 1) * len]);
        }
        return;
    }
    let mut edge = [T::ZERO; ELEMENTS];
    for v in 0..COUNT {
        sums[0][v].store_slice(&mut edge[v * len..(v + 1) * len]);
    }
    let y = &mut y[to..];
    y.copy_from_slice(&edge[..y.len()]);
    finish.apply(0, to, y);
}
