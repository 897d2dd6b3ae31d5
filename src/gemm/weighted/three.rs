//! Sums of three by three neighbours: what is read of a row goes into the sums of all rows that it is a part of.

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdFloatElement};

use super::Runs;
use crate::gemm::{Finish, Sum};
use crate::parts::Looks;

/// Rows of sums at once: they, the weights and three neighbours are in registers.
const ROWS: usize = 4;

/// One vector, and three of them: neighbours, or their weights.
type Vector<S, T> = <T as SimdFloatElement>::Native<S>;
type Three<S, T> = [Vector<S, T>; 3];

/// As [`super::floats`], where elements are `pitch` apart from row to row. How many rows are done: those behind are shorter
/// than vectors, which would have no room, or too few.
#[inline(always)]
pub(super) fn rows<S: Simd, T: Sum + SimdFloatElement>(
    s: S,
    x: &[T],
    runs: Runs<'_>,
    pitch: usize,
    w: &[T; 9],
    start: T,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> usize {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let (width, count) = (runs.width, runs.lines.len());
    // What a vector holds behind a short row is written over by the next one.
    let rows = count.saturating_sub(len.saturating_sub(width).div_ceil(width));
    if rows < ROWS {
        return 0;
    }
    let finish = Finish {
        pitch: width,
        ..finish
    };
    let mut weights = [[<Vector<S, T> as SimdBase<S>>::splat(s, T::ZERO); 3]; 3];
    for tap in 0..9 {
        weights[tap / 3][tap % 3] = <Vector<S, T> as SimdBase<S>>::splat(s, w[tap]);
    }
    let [w0, w1, w2] = weights;
    let start = <Vector<S, T> as SimdBase<S>>::splat(s, start);
    let mut looks = Looks::default();
    let mut row = 0;
    while row < rows {
        // The last rows and vectors lie over those before.
        let first = row.min(rows - ROWS);
        let x = &x[runs.lines[first]..];
        let mut column = 0;
        while column < width {
            if looks.is_set(10 * ROWS * len) {
                return count;
            }
            let at = column.min(width.saturating_sub(len));
            let a = read::<S, T>(s, x, at);
            let s0 = plus::<S, T>(start, a, w0);
            let b = read::<S, T>(s, x, pitch + at);
            let s0 = plus::<S, T>(s0, b, w1);
            let s1 = plus::<S, T>(start, b, w0);
            let c = read::<S, T>(s, x, 2 * pitch + at);
            let s0 = plus::<S, T>(s0, c, w2);
            let s1 = plus::<S, T>(s1, c, w1);
            let s2 = plus::<S, T>(start, c, w0);
            let d = read::<S, T>(s, x, 3 * pitch + at);
            let s1 = plus::<S, T>(s1, d, w2);
            let s2 = plus::<S, T>(s2, d, w1);
            let s3 = plus::<S, T>(start, d, w0);
            let e = read::<S, T>(s, x, 4 * pitch + at);
            let s2 = plus::<S, T>(s2, e, w2);
            let s3 = plus::<S, T>(s3, e, w1);
            let f = read::<S, T>(s, x, 5 * pitch + at);
            let s3 = plus::<S, T>(s3, f, w2);
            let mut sums = [[s0], [s1], [s2], [s3]];
            let to = first * width + at;
            finish.apply_to(s, to, &mut sums);
            for r in 0..ROWS {
                sums[r][0].store_slice(&mut y[to + r * width..][..len]);
            }
            column = at + len;
        }
        row = first + ROWS;
    }
    rows
}

/// The neighbours from `at` on.
#[inline(always)]
fn read<S: Simd, T: SimdFloatElement>(s: S, x: &[T], at: usize) -> Three<S, T> {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let x = &x[at..at + len + 2];
    [
        <Vector<S, T> as SimdBase<S>>::from_slice(s, &x[..len]),
        <Vector<S, T> as SimdBase<S>>::from_slice(s, &x[1..len + 1]),
        <Vector<S, T> as SimdBase<S>>::from_slice(s, &x[2..len + 2]),
    ]
}

#[inline(always)]
fn plus<S: Simd, T: SimdFloatElement>(
    sum: Vector<S, T>,
    x: Three<S, T>,
    w: Three<S, T>,
) -> Vector<S, T> {
    let sum = w[0].mul_add(x[0], sum);
    let sum = w[1].mul_add(x[1], sum);
    w[2].mul_add(x[2], sum)
}
