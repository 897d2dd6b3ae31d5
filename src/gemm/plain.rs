//! Panels of integers in plain loops.

use fearless_simd::Simd;

use super::Sum;
use super::finish::Finish;
use super::panels::COLUMNS;
use super::tile::{Block, Panels, Start};
use super::weighted::{Planes, Runs};
use crate::parts::{Looks, PART};

/// [`Sum::block`] of integers.
#[inline(always)]
pub(super) fn block<S: Simd, T: Sum>(
    _: S,
    block: Block<'_, T>,
    start: Start<'_, T>,
    finish: Option<Finish<'_, T>>,
    rows: &mut [&mut [T]],
) {
    let mut first = block.first;
    while first < block.end {
        let panels = block.panels(first);
        for r in 0..rows.len() {
            panel(panels, r, start, finish, rows[r], first);
        }
        first += COLUMNS;
    }
}

/// Row `r` of the product of two panels, into the columns of `y` from `first` on.
#[inline(always)]
fn panel<T: Sum>(
    panels: Panels<'_, T>,
    r: usize,
    start: Start<'_, T>,
    finish: Option<Finish<'_, T>>,
    y: &mut [T],
    first: usize,
) {
    let Panels { columns, width, .. } = panels;
    let y = &mut y[first..first + columns];
    let mut sums = [T::ZERO; COLUMNS];
    match start {
        Start::Zero => {}
        Start::Rows(numbers) => sums.fill(numbers[r]),
        Start::Columns(numbers) => {
            sums[..columns].copy_from_slice(&numbers[first..first + columns]);
        }
        Start::Output => sums[..columns].copy_from_slice(y),
    }
    let sums = &mut sums[..columns];
    for k in 0..panels.left.len() {
        let left = panels.left[k][r];
        let right = &panels.right[k * width..][..columns];
        for c in 0..columns {
            sums[c] = sums[c].plus_product(left, right[c]);
        }
    }
    y.copy_from_slice(sums);
    if let Some(finish) = finish {
        finish.apply(r, first, y);
    }
}

/// [`Sum::weighted`] of integers.
#[inline(always)]
pub(super) fn weighted<S: Simd, T: Sum>(
    _: S,
    x: &[T],
    runs: Runs<'_>,
    w: &[T],
    start: T,
    finish: Finish<'_, T>,
    y: &mut [T],
) {
    let Runs { width, offsets, .. } = runs;
    let mut looks = Looks::default();
    for row in 0..runs.lines.len() {
        let mut at = 0;
        while at < width {
            let (from, next) = (runs.lines[row] + at, width.min(at + PART));
            let to = row * width + at;
            let y = &mut y[to..to + next - at];
            y.fill(start);
            for tap in 0..offsets.len() {
                if looks.is_set(y.len()) {
                    return;
                }
                let x = &x[from + offsets[tap]..][..y.len()];
                for i in 0..y.len() {
                    y[i] = y[i].plus_product(w[tap], x[i]);
                }
            }
            finish.apply(0, to, y);
            at = next;
        }
    }
}

/// [`Sum::of_neighbours`] of integers: none are done.
#[inline(always)]
pub(super) fn of_neighbours<S: Simd, T: Sum>(
    _: S,
    _: Planes<'_, T>,
    _: &[[T; 9]],
    _: Option<&[T]>,
    _: Finish<'_, T>,
    _: &mut [T],
) -> usize {
    0
}

/// [`Sum::dots`] of integers.
#[inline(always)]
pub(super) fn dots<S: Simd, T: Sum, const COUNT: usize>(
    _: S,
    a: &[T],
    b: [&[T]; COUNT],
) -> [T; COUNT] {
    let mut sums = [T::ZERO; COUNT];
    let mut looks = Looks::default();
    for column in 0..COUNT {
        let b = &b[column][..a.len()];
        let mut from = 0;
        while from < a.len() && !looks.is_set(PART) {
            let to = a.len().min(from + PART);
            for i in from..to {
                sums[column] = sums[column].plus_product(a[i], b[i]);
            }
            from = to;
        }
    }
    sums
}
