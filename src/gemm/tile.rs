//! Register tiles: some rows of a left panel times some vectors of a right one.

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdFloatElement};

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
    pub(super) fn from_row(self, row: usize) -> Start<'a, T> {
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
pub(super) fn floats<S: Simd, T: SimdFloatElement>(
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
        let (start, rows) = (start.from_row(row), &mut rows[row..]);
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
fn tile<S: Simd, T: SimdFloatElement, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    panels: Panels<'_, T>,
    row: usize,
    at: usize,
    start: Start<'_, T>,
    rows: &mut [&mut [T]],
    to: usize,
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let nothing = T::from(0i8);
    let zero = <Vector<S, T> as SimdBase<S>>::splat(s, nothing);
    let columns = (panels.columns - at).min(VECTORS * len);
    let mut sums = [[zero; VECTORS]; HEIGHT];
    for r in 0..HEIGHT {
        match start {
            Start::Rows(numbers) if r < rows.len() => {
                sums[r] = [<Vector<S, T> as SimdBase<S>>::splat(s, numbers[r]); VECTORS];
            }
            Start::Output if r < rows.len() => {
                let mut spare = [nothing; COLUMNS];
                let mut y = &rows[r][to..to + columns];
                if columns < VECTORS * len {
                    spare[..columns].copy_from_slice(y);
                    y = &spare;
                }
                for v in 0..VECTORS {
                    let y = &y[v * len..(v + 1) * len];
                    sums[r][v] = <Vector<S, T> as SimdBase<S>>::from_slice(s, y);
                }
            }
            _ => {}
        }
    }
    for (left, right) in panels
        .left
        .iter()
        .zip(panels.right.chunks_exact(panels.width))
    {
        let (left, right) = (&left[row..row + HEIGHT], &right[at..at + VECTORS * len]);
        let mut b = [zero; VECTORS];
        for v in 0..VECTORS {
            let right = &right[v * len..(v + 1) * len];
            b[v] = <Vector<S, T> as SimdBase<S>>::from_slice(s, right);
        }
        for r in 0..HEIGHT {
            let a = <Vector<S, T> as SimdBase<S>>::splat(s, left[r]);
            for v in 0..VECTORS {
                sums[r][v] = a.mul_add(b[v], sums[r][v]);
            }
        }
    }
    for r in 0..HEIGHT {
        if r < rows.len() {
            let y = &mut rows[r][to..to + columns];
            if columns == VECTORS * len {
                for v in 0..VECTORS {
                    sums[r][v].store_slice(&mut y[v * len..(v + 1) * len]);
                }
            } else {
                let mut spare = [nothing; COLUMNS];
                for v in 0..VECTORS {
                    sums[r][v].store_slice(&mut spare[v * len..(v + 1) * len]);
                }
                y.copy_from_slice(&spare[..columns]);
            }
        }
    }
}
