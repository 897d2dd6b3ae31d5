//! Register tiles: some rows of a left panel times some vectors of a right one.

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdFloatElement};

use super::Sum;
use super::edge::edge;
use super::finish::Finish;
use super::laid::Laid;
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
    pub(crate) fn part(self, row: usize, column: usize) -> Start<'a, T> {
        match self {
            Start::Rows(numbers) => Start::Rows(&numbers[row..]),
            Start::Columns(numbers) => Start::Columns(&numbers[column..]),
            other => other,
        }
    }
}

/// A panel of the left matrix and some of the right, along the same part of the inner dimension.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a, T> {
    pub(super) left: &'a [[T; ROWS]],
    /// What is to be asked for meanwhile, as long as `left` if there is something.
    pub(super) ahead: &'a [[T; ROWS]],
    pub(super) laid: Laid<'a, T>,
    /// The first column, and the one behind the last.
    pub(super) first: usize,
    pub(super) end: usize,
    /// The first step, and how many there are in all.
    pub(super) from: usize,
    pub(super) inner: usize,
}

impl<'a, T> Block<'a, T> {
    /// The left panel and the right one that begins at column `first`.
    #[inline(always)]
    pub(super) fn panels(self, first: usize) -> Panels<'a, T> {
        let (right, width) = self.laid.part(first, self.from, self.inner);
        Panels {
            left: self.left,
            // Once is enough.
            ahead: if first == self.first { self.ahead } else { &[] },
            right,
            width,
            columns: (self.end - first).min(COLUMNS),
        }
    }
}

/// A panel of the left matrix and one of the right.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a, T> {
    pub(super) left: &'a [[T; ROWS]],
    ahead: &'a [[T; ROWS]],
    /// `width` elements from step to step, of which the first `columns` are the matrix's.
    pub(super) right: &'a [T],
    pub(super) width: usize,
    pub(super) columns: usize,
}

/// One vector.
type Vector<S, T> = <T as SimdFloatElement>::Native<S>;

/// Whether there are registers for a tile of all rows of a panel. The sums of a tile and what they are made of are in
/// registers: there are 32 where vectors have 64 bytes, and at least 16 elsewhere.
pub(super) const fn is_wide<V>() -> bool {
    size_of::<V>() == 64
}

/// [`Sum::block`] of floats.
#[inline(always)]
pub(super) fn floats<S: Simd, T: Sum + SimdFloatElement>(
    s: S,
    block: Block<'_, T>,
    start: Start<'_, T>,
    finish: Option<Finish<'_, T>>,
    rows: &mut [&mut [T]],
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let wide = const { is_wide::<Vector<S, T>>() };
    let mut first = block.first;
    // Most tiles are whole, and of short panels what is done between tiles takes long: they have a loop of their own.
    while rows.len() == ROWS && first + COLUMNS <= block.end {
        let panels = block.panels(first);
        let mut at = 0;
        while at < COLUMNS {
            let mut row = 0;
            while row < ROWS {
                let (start, rows, to) = (start.part(row, 0), &mut rows[row..], first + at);
                let finish = match finish {
                    Some(finish) => Some(finish.part(row, 0)),
                    None => None,
                };
                match (wide, len == COLUMNS) {
                    (true, true) => {
                        tile::<S, T, ROWS, 1>(s, panels, row, at, start, finish, rows, to);
                    }
                    (true, false) => {
                        tile::<S, T, ROWS, 2>(s, panels, row, at, start, finish, rows, to);
                    }
                    (false, _) => {
                        tile::<S, T, { ROWS / 2 }, 2>(s, panels, row, at, start, finish, rows, to);
                    }
                }
                row += if wide { ROWS } else { ROWS / 2 };
            }
            at += 2 * len;
        }
        first += COLUMNS;
    }
    while first < block.end {
        let panels = block.panels(first);
        // Compiled by itself: in one function with the loop above both of them lack registers.
        s.vectorize(
            #[inline(always)]
            || edge(s, panels, start, finish, &mut *rows, first),
        );
        first += COLUMNS;
    }
}

/// Multiplies the rows of the left panel from `row` on with the columns of the right one from `at` on, into `rows` from
/// column `to` on.
#[inline(always)]
pub(super) fn tile<
    S: Simd,
    T: Sum + SimdFloatElement,
    const HEIGHT: usize,
    const VECTORS: usize,
>(
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
    let width = VECTORS * len;
    let mut sums = [[<Vector<S, T> as SimdBase<S>>::splat(s, T::ZERO); VECTORS]; HEIGHT];
    match start {
        Start::Zero => {}
        Start::Rows(numbers) => {
            for r in 0..HEIGHT {
                sums[r] = [<Vector<S, T> as SimdBase<S>>::splat(s, numbers[r]); VECTORS];
            }
        }
        Start::Columns(numbers) => {
            let numbers = &numbers[to..to + width];
            for r in 0..HEIGHT {
                for v in 0..VECTORS {
                    let numbers = &numbers[v * len..(v + 1) * len];
                    sums[r][v] = <Vector<S, T> as SimdBase<S>>::from_slice(s, numbers);
                }
            }
        }
        Start::Output => {
            for r in 0..HEIGHT {
                let y = &rows[r][to..to + width];
                for v in 0..VECTORS {
                    let y = &y[v * len..(v + 1) * len];
                    sums[r][v] = <Vector<S, T> as SimdBase<S>>::from_slice(s, y);
                }
            }
        }
    }
    let left = panels.left;
    let mut line = at;
    // The first columns ask for what is ahead.
    if at == 0 && panels.ahead.len() >= left.len() {
        let ahead = &panels.ahead[..left.len()];
        for k in 0..left.len() {
            prefetch(&ahead[k][row]);
            let right = &panels.right[line..line + width];
            sums = step::<S, T, HEIGHT, VECTORS>(s, &left[k][row..], right, sums);
            line += panels.width;
        }
    } else {
        for k in 0..left.len() {
            let right = &panels.right[line..line + width];
            sums = step::<S, T, HEIGHT, VECTORS>(s, &left[k][row..], right, sums);
            line += panels.width;
        }
    }
    if let Some(finish) = finish {
        finish.apply_to(s, to, &mut sums);
    }
    for r in 0..HEIGHT {
        let y = &mut rows[r][to..to + width];
        for v in 0..VECTORS {
            sums[r][v].store_slice(&mut y[v * len..(v + 1) * len]);
        }
    }
}

/// Adds the products of a step.
#[inline(always)]
fn step<S: Simd, T: Sum + SimdFloatElement, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    left: &[T],
    right: &[T],
    mut sums: [[Vector<S, T>; VECTORS]; HEIGHT],
) -> [[Vector<S, T>; VECTORS]; HEIGHT] {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let left = &left[..HEIGHT];
    let mut b = [<Vector<S, T> as SimdBase<S>>::splat(s, T::ZERO); VECTORS];
    for v in 0..VECTORS {
        b[v] = <Vector<S, T> as SimdBase<S>>::from_slice(s, &right[v * len..(v + 1) * len]);
    }
    for r in 0..HEIGHT {
        let a = <Vector<S, T> as SimdBase<S>>::splat(s, left[r]);
        for v in 0..VECTORS {
            sums[r][v] = a.mul_add(b[v], sums[r][v]);
        }
    }
    sums
}
