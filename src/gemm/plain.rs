//! Panels of integers in plain loops.

use fearless_simd::Simd;

use super::Sum;
use super::finish::Finish;
use super::panels::COLUMNS;
use super::tile::{Panels, Start};

/// Multiplies two panels, into the columns of `rows` from `column` on, which are then finished.
#[inline(always)]
pub(super) fn panel<S: Simd, T: Sum>(
    _: S,
    panels: Panels<'_, T>,
    start: Start<'_, T>,
    finish: Option<Finish<'_, T>>,
    rows: &mut [&mut [T]],
    column: usize,
) {
    let Panels { columns, width, .. } = panels;
    for r in 0..rows.len() {
        let y = &mut rows[r][column..column + columns];
        let mut sums = [T::ZERO; COLUMNS];
        match start {
            Start::Zero => {}
            Start::Rows(numbers) => sums.fill(numbers[r]),
            Start::Output => sums[..columns].copy_from_slice(y),
        }
        let sums = &mut sums[..width];
        for k in 0..panels.left.len() {
            let left = panels.left[k][r];
            let right = &panels.right[k * width..(k + 1) * width];
            for c in 0..width {
                sums[c] = sums[c].plus_product(left, right[c]);
            }
        }
        y.copy_from_slice(&sums[..columns]);
        if let Some(finish) = finish {
            finish.apply(r, column, y);
        }
    }
}

/// [`Sum::weighted`] of integers.
#[inline(always)]
pub(super) fn weighted<S: Simd, T: Sum>(
    _: S,
    x: &[T],
    offsets: &[usize],
    w: &[T],
    start: T,
    y: &mut [T],
) {
    y.fill(start);
    for tap in 0..offsets.len() {
        let x = &x[offsets[tap]..][..y.len()];
        for i in 0..y.len() {
            y[i] = y[i].plus_product(w[tap], x[i]);
        }
    }
}
