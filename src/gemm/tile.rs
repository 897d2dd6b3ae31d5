//! Register tiles: some rows of a left panel times some vectors of a right one.

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdFloatElement};

use super::Sum;
use super::finish::Finish;
use super::panels::{COLUMNS, ROWS};
use crate::simd::prefetch;

/// Where sums begin.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a, T> {
    /// At zero.
    Zero,
    /// At one number for each row.
    Rows(&'a [T]),
    /// At one number for each column.
    Columns(&'a [T]),
    /// At what the output holds.
    Output,
}

impl<'a, T> Start<'a, T> {
    /// For the part of the matrix from `row` and `column` on.
    #[inline(always)]
    pub(super) fn part(self, row: usize, column: usize) -> Start<'a, T> {
        match self {
            Start::Rows(numbers) => Start::Rows(&numbers[row..]),
            Start::Columns(numbers) => Start::Columns(&numbers[column..]),
            other => other,
        }
    }
}

/// A panel of the left matrix and one of the right, along the same part of the inner dimension.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a, T> {
    pub(super) left: &'a [[T; ROWS]],
    /// What is multiplied next with the same columns, as long as `left`.
    pub(super) ahead: &'a [[T; ROWS]],
    /// `width` elements from step to step, of which the first `columns` are the matrix's.
    pub(super) right: &'a [T],
    pub(super) width: usize,
    pub(super) columns: usize,
}

/// One vector.
type Vector<S, T> = <T as SimdFloatElement>::Native<S>;

/// Multiplies two panels of floats, into the columns of `rows` from `column` on, which are then finished.
#[inline(always)]
pub(super) fn floats<S: Simd, T: Sum + SimdFloatElement>(
    s: S,
    panels: Panels<'_, T>,
    start: Start<'_, T>,
    finish: Option<Finish<'_, T>>,
    rows: &mut [&mut [T]],
    column: usize,
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    // The sums of a tile and what they are made of are in registers: there are 32 where vectors have 64 bytes, and at least
    // 16 elsewhere.
    let wide = const { size_of::<Vector<S, T>>() == 64 };
    let whole = match panels.columns % len {
        1..=FEW if !wide => panels.columns / len * len,
        _ => panels.columns,
    };
    // A single vector of columns leaves registers for all rows.
    let single = !wide && rows.len() == ROWS && whole.div_ceil(len) % 2 == 1;
    let paired = if single {
        (whole - 1) / len * len
    } else {
        whole
    };
    let mut row = 0;
    while row < rows.len() && paired > 0 {
        let left = rows.len() - row;
        // A tile takes as long for two rows as for all: eight are two tiles of four.
        let most = match left {
            _ if wide => ROWS,
            ..=4 | 8 => 4,
            _ => ROWS / 2,
        };
        let mut at = 0;
        while at < paired {
            let two = paired - at > len;
            let (start, rows, to) = (start.part(row, 0), &mut rows[row..], column + at);
            let finish = match finish {
                Some(finish) => Some(finish.part(row, 0)),
                None => None,
            };
            match (wide, two, left) {
                (_, true, ..=4) | (false, true, 8) => {
                    tile::<S, T, 4, 2>(s, panels, row, at, start, finish, rows, to)
                }
                (true, true, ..=8) => {
                    tile::<S, T, 8, 2>(s, panels, row, at, start, finish, rows, to)
                }
                (true, true, _) => {
                    tile::<S, T, ROWS, 2>(s, panels, row, at, start, finish, rows, to)
                }
                (true, false, _) => {
                    tile::<S, T, ROWS, 1>(s, panels, row, at, start, finish, rows, to)
                }
                (false, false, ..=4 | 8) => {
                    tile::<S, T, 4, 1>(s, panels, row, at, start, finish, rows, to)
                }
                (false, true, _) => {
                    tile::<S, T, { ROWS / 2 }, 2>(s, panels, row, at, start, finish, rows, to)
                }
                (false, false, _) => {
                    tile::<S, T, { ROWS / 2 }, 1>(s, panels, row, at, start, finish, rows, to)
                }
            }
            at += if two { 2 * len } else { len };
        }
        row += most;
    }
    if single {
        tile::<S, T, ROWS, 1>(s, panels, 0, paired, start, finish, rows, column + paired);
    }
    if whole < panels.columns && !rows.is_empty() {
        match panels.columns - whole {
            1 => few::<S, T, 1, 4>(s, panels, whole, start, finish, rows, column + whole),
            _ => few::<S, T, FEW, 1>(s, panels, whole, start, finish, rows, column + whole),
        }
    }
}

/// So many columns are few: a vector of them would be mostly empty.
const FEW: usize = 4;

/// Multiplies the left panel with at most `COUNT` columns of the right one from `at` on, into `rows` from column `to` on.
/// Here vectors hold rows, and every `CHAINS`-th step is summed up on its own, so that one need not wait for the one before.
#[inline(always)]
fn few<S: Simd, T: Sum + SimdFloatElement, const COUNT: usize, const CHAINS: usize>(
    s: S,
    panels: Panels<'_, T>,
    at: usize,
    start: Start<'_, T>,
    finish: Option<Finish<'_, T>>,
    rows: &mut [&mut [T]],
    to: usize,
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN.min(ROWS);
    let vectors = const { ROWS.div_ceil(<Vector<S, T> as SimdBase<S>>::LEN) };
    let zero = <Vector<S, T> as SimdBase<S>>::splat(s, T::ZERO);
    let mut chains = [[[zero; ROWS]; COUNT]; CHAINS];
    let whole = panels.left.len() / CHAINS * CHAINS;
    let mut k = 0;
    while k < whole {
        for chain in 0..CHAINS {
            step::<S, T, COUNT>(s, panels, k + chain, at, &mut chains[chain]);
        }
        k += CHAINS;
    }
    while k < panels.left.len() {
        step::<S, T, COUNT>(s, panels, k, at, &mut chains[0]);
        k += 1;
    }
    let mut sums = chains[0];
    for chain in 1..CHAINS {
        for c in 0..COUNT {
            for v in 0..vectors {
                sums[c][v] += chains[chain][c][v];
            }
        }
    }
    let mut columns = [[T::ZERO; ROWS]; COUNT];
    for c in 0..COUNT {
        for v in 0..vectors {
            let first = (v * len).min(ROWS - len);
            sums[c][v].store_slice(&mut columns[c][first..first + len]);
        }
    }
    let count = panels.columns - at;
    for r in 0..rows.len() {
        let y = &mut rows[r][to..to + count];
        for c in 0..count {
            y[c] = match start {
                Start::Zero => columns[c][r],
                Start::Rows(numbers) => numbers[r].plus(columns[c][r]),
                Start::Columns(numbers) => numbers[to + c].plus(columns[c][r]),
                Start::Output => y[c].plus(columns[c][r]),
            };
        }
        if let Some(finish) = finish {
            finish.apply(r, to, y);
        }
    }
}

/// Adds the products of step `k` of the columns from `at` on.
#[inline(always)]
fn step<S: Simd, T: Sum + SimdFloatElement, const COUNT: usize>(
    s: S,
    panels: Panels<'_, T>,
    k: usize,
    at: usize,
    sums: &mut [[Vector<S, T>; ROWS]; COUNT],
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN.min(ROWS);
    let vectors = const { ROWS.div_ceil(<Vector<S, T> as SimdBase<S>>::LEN) };
    let left = &panels.left[k];
    let right = &panels.right[k * panels.width + at..][..COUNT];
    for c in 0..COUNT {
        let b = <Vector<S, T> as SimdBase<S>>::splat(s, right[c]);
        for v in 0..vectors {
            // The last vector lies over the one before.
            let first = (v * len).min(ROWS - len);
            let a = <Vector<S, T> as SimdBase<S>>::from_slice(s, &left[first..first + len]);
            sums[c][v] = a.mul_add(b, sums[c][v]);
        }
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
    finish: Option<Finish<'_, T>>,
    rows: &mut [&mut [T]],
    to: usize,
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let zero = <Vector<S, T> as SimdBase<S>>::splat(s, T::ZERO);
    let (height, width) = (HEIGHT.min(rows.len()), VECTORS * len);
    let columns = (panels.columns - at).min(width);
    let whole = height == HEIGHT && columns == width;
    let mut sums = [[zero; VECTORS]; HEIGHT];
    match start {
        Start::Zero => {}
        Start::Rows(numbers) => {
            for r in 0..HEIGHT {
                // Rows that fill the panel up are not written.
                let number = numbers[r.min(height - 1)];
                sums[r] = [<Vector<S, T> as SimdBase<S>>::splat(s, number); VECTORS];
            }
        }
        Start::Columns(numbers) if columns == width => {
            let numbers = &numbers[to..to + width];
            for r in 0..HEIGHT {
                for v in 0..VECTORS {
                    let numbers = &numbers[v * len..(v + 1) * len];
                    sums[r][v] = <Vector<S, T> as SimdBase<S>>::from_slice(s, numbers);
                }
            }
        }
        Start::Columns(numbers) => {
            let mut line = [T::ZERO; COLUMNS];
            line[..columns].copy_from_slice(&numbers[to..to + columns]);
            for r in 0..HEIGHT {
                for v in 0..VECTORS {
                    let numbers = &line[v * len..(v + 1) * len];
                    sums[r][v] = <Vector<S, T> as SimdBase<S>>::from_slice(s, numbers);
                }
            }
        }
        Start::Output if whole => {
            for r in 0..HEIGHT {
                let y = &rows[r][to..to + width];
                for v in 0..VECTORS {
                    let y = &y[v * len..(v + 1) * len];
                    sums[r][v] = <Vector<S, T> as SimdBase<S>>::from_slice(s, y);
                }
            }
        }
        Start::Output => {
            let mut edge = [[T::ZERO; COLUMNS]; HEIGHT];
            for r in 0..height {
                edge[r][..columns].copy_from_slice(&rows[r][to..to + columns]);
            }
            for r in 0..HEIGHT {
                for v in 0..VECTORS {
                    let y = &edge[r][v * len..(v + 1) * len];
                    sums[r][v] = <Vector<S, T> as SimdBase<S>>::from_slice(s, y);
                }
            }
        }
    }
    let mut line = at;
    // Tiles of all rows of a panel together ask for all of the next one.
    let (ahead, _) = panels.ahead.as_flattened()[row * panels.left.len()..].as_chunks::<HEIGHT>();
    let ahead = &ahead[..panels.left.len()];
    for k in 0..panels.left.len() {
        prefetch(&ahead[k]);
        let left = &panels.left[k][row..row + HEIGHT];
        let steps = &panels.right[line..line + width];
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
        line += panels.width;
    }
    if whole {
        if let Some(finish) = finish {
            finish.apply_to(s, to, &mut sums);
        }
        for r in 0..HEIGHT {
            let y = &mut rows[r][to..to + width];
            for v in 0..VECTORS {
                sums[r][v].store_slice(&mut y[v * len..(v + 1) * len]);
            }
        }
    } else {
        let mut edge = [[T::ZERO; COLUMNS]; HEIGHT];
        for r in 0..HEIGHT {
            for v in 0..VECTORS {
                sums[r][v].store_slice(&mut edge[r][v * len..(v + 1) * len]);
            }
        }
        for r in 0..height {
            let y = &mut rows[r][to..to + columns];
            y.copy_from_slice(&edge[r][..columns]);
            if let Some(finish) = finish {
                finish.apply(r, to, y);
            }
        }
    }
}
