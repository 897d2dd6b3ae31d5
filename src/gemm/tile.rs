//! Register tiles: some rows of a left panel times some vectors of a right one.

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdFloatElement};

use super::Sum;
use super::panels::{COLUMNS, ROWS};

/// Where sums begin.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a, T> {
    /// At zero.
    Zero,
    /// At one number for each row.
    Rows(&'a [T]),
    /// At what the output holds.
    Output,
}

impl<'a, T> Start<'a, T> {
    /// For the rows from `row` on.
    #[inline(always)]
    pub(super) fn at_row(self, row: usize) -> Start<'a, T> {
        match self {
            Start::Rows(numbers) => Start::Rows(&numbers[row..]),
            other => other,
        }
    }
}

/// A panel of the left matrix and one of the right, along the same part of the inner dimension.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a, T> {
    pub(super) left: &'a [[T; ROWS]],
    /// `width` elements for each step, of which the first `columns` are the matrix's.
    pub(super) right: &'a [T],
    pub(super) width: usize,
    pub(super) columns: usize,
}

/// One vector.
type Vector<S, T> = <T as SimdFloatElement>::Native<S>;

/// Multiplies two panels of floats, into the columns of `rows` from `column` on.
#[inline(always)]
pub(super) fn floats<S: Simd, T: Sum + SimdFloatElement>(
    s: S,
    panels: Panels<'_, T>,
    start: Start<'_, T>,
    rows: &mut [&mut [T]],
    column: usize,
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    // The sums of a tile are in registers: there are 32 where vectors have 64 bytes, and at least 16 elsewhere.
    let wide = const { size_of::<Vector<S, T>>() == 64 };
    let height = if wide { ROWS } else { ROWS / 2 };
    let mut row = 0;
    while row < rows.len() {
        let (start, rows) = (start.at_row(row), &mut rows[row..]);
        let mut at = 0;
        while at < panels.columns {
            let vectors = (panels.columns - at).div_ceil(len).min(3);
            let to = column + at;
            match (wide, vectors) {
                (true, 1) => tile::<S, T, ROWS, 1>(s, panels, row, at, start, rows, to),
                (true, 2) => tile::<S, T, ROWS, 2>(s, panels, row, at, start, rows, to),
                (true, _) => tile::<S, T, ROWS, 3>(s, panels, row, at, start, rows, to),
                (false, 1) => tile::<S, T, { ROWS / 2 }, 1>(s, panels, row, at, start, rows, to),
                (false, 2) => tile::<S, T, { ROWS / 2 }, 2>(s, panels, row, at, start, rows, to),
                (false, _) => tile::<S, T, { ROWS / 2 }, 3>(s, panels, row, at, start, rows, to),
            }
            at += vectors * len;
        }
        row += height;
    }
}

/// Multiplies the rows of the left panel from `row` on with the columns of the right one from `at` on, into `rows` from
/// column `to` on.
#[inline(always)]
fn tile<S: Simd, T: Sum + SimdFloatElement, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    panels: Panels<'_, T>,
    row: usize,
    at: usize,
    start: Start<'_, T>,
    rows: &mut [&mut [T]],
    to: usize,
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let width = VECTORS * len;
    let mut sums = [T::ZERO; ROWS * COLUMNS];
    sum::<S, T, HEIGHT, VECTORS>(s, panels, row, at, &mut sums);
    let columns = (panels.columns - at).min(width);
    for r in 0..HEIGHT.min(rows.len()) {
        let y = &mut rows[r][to..to + columns];
        let sums = &sums[r * width..][..columns];
        match start {
            Start::Zero => y.copy_from_slice(sums),
            Start::Rows(numbers) => {
                let number = <Vector<S, T> as SimdBase<S>>::splat(s, numbers[r]);
                let mut c = 0;
                while c + len <= columns {
                    let sum = <Vector<S, T> as SimdBase<S>>::from_slice(s, &sums[c..c + len]);
                    (number + sum).store_slice(&mut y[c..c + len]);
                    c += len;
                }
                while c < columns {
                    y[c] = numbers[r].plus(sums[c]);
                    c += 1;
                }
            }
            Start::Output => {
                let mut c = 0;
                while c + len <= columns {
                    let sum = <Vector<S, T> as SimdBase<S>>::from_slice(s, &sums[c..c + len]);
                    let so_far = <Vector<S, T> as SimdBase<S>>::from_slice(s, &y[c..c + len]);
                    (so_far + sum).store_slice(&mut y[c..c + len]);
                    c += len;
                }
                while c < columns {
                    y[c] = y[c].plus(sums[c]);
                    c += 1;
                }
            }
        }
    }
}

/// The sums of a tile, row by row. They stay in registers only as long as nothing else is done to them here.
#[inline(always)]
fn sum<S: Simd, T: SimdFloatElement, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    panels: Panels<'_, T>,
    row: usize,
    at: usize,
    tile: &mut [T; ROWS * COLUMNS],
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let zero = <Vector<S, T> as SimdBase<S>>::splat(s, T::from(0i8));
    let mut sums = [[zero; VECTORS]; HEIGHT];
    let mut right = panels.right;
    for k in 0..panels.left.len() {
        let left = &panels.left[k][row..row + HEIGHT];
        let steps = &right[at..at + VECTORS * len];
        let mut b = [zero; VECTORS];
        for v in 0..VECTORS {
            let step = &steps[v * len..(v + 1) * len];
            b[v] = <Vector<S, T> as SimdBase<S>>::from_slice(s, step);
        }
        for r in 0..HEIGHT {
            let a = <Vector<S, T> as SimdBase<S>>::splat(s, left[r]);
            for v in 0..VECTORS {
                sums[r][v] = a.mul_add(b[v], sums[r][v]);
            }
        }
        right = &right[panels.width..];
    }
    for r in 0..HEIGHT {
        for v in 0..VECTORS {
            let first = (r * VECTORS + v) * len;
            sums[r][v].store_slice(&mut tile[first..first + len]);
        }
    }
}
