//! Panels of integers in plain loops.

use fearless_simd::Simd;

use super::Sum;
use super::panels::COLUMNS;
use super::tile::{Panels, Start};

/// Multiplies two panels, into the columns of `rows` from `column` on.
#[inline(always)]
pub(super) fn panel<S: Simd, T: Sum>(
    _: S,
    panels: Panels<'_, T>,
    start: Start<'_, T>,
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
        for (left, right) in panels.left.iter().zip(panels.right.chunks_exact(width)) {
            for c in 0..width {
                sums[c] = sums[c].plus_product(left[r], right[c]);
            }
        }
        y.copy_from_slice(&sums[..columns]);
    }
}
