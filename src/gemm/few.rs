//! Products with so few columns that vectors hold rows.

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdFloatElement};

use super::Sum;
use super::finish::Finish;
use super::panels::ROWS;
use super::tile::{Panels, Start};

/// One vector.
type Vector<S, T> = <T as SimdFloatElement>::Native<S>;

/// So many columns are few: a vector of them would be mostly empty.
pub(super) const FEW: usize = 4;

/// Multiplies the left panel with at most `COUNT` columns of the right one from `at` on, into `rows` from column `to` on.
/// Here vectors hold rows, and every `CHAINS`-th step is summed up on its own, so that one need not wait for the one before.
#[inline(always)]
pub(super) fn few<S: Simd, T: Sum + SimdFloatElement, const COUNT: usize, const CHAINS: usize>(
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
    let (whole, rest) = panels.left.as_chunks::<CHAINS>();
    let mut line = at;
    for steps in whole {
        for chain in 0..CHAINS {
            let right = &panels.right[line..line + COUNT];
            step::<S, T, COUNT>(s, &steps[chain], right, &mut chains[chain]);
            line += panels.width;
        }
    }
    for left in rest {
        let right = &panels.right[line..line + COUNT];
        step::<S, T, COUNT>(s, left, right, &mut chains[0]);
        line += panels.width;
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
    let count = (panels.columns - at).min(COUNT);
    for r in 0..rows.len() {
        let y = &mut rows[r][to..to + count];
        let mut line = [T::ZERO; COUNT];
        match start {
            Start::Zero => {}
            Start::Rows(numbers) => line = [numbers[r]; COUNT],
            Start::Columns(numbers) => line[..count].copy_from_slice(&numbers[to..to + count]),
            Start::Output => line[..count].copy_from_slice(y),
        }
        for c in 0..COUNT {
            line[c] = line[c].plus(columns[c][r]);
        }
        if let Some(finish) = finish {
            finish.apply(r, to, &mut line[..count]);
        }
        y.copy_from_slice(&line[..count]);
    }
}

/// Adds the products of a step.
#[inline(always)]
fn step<S: Simd, T: Sum + SimdFloatElement, const COUNT: usize>(
    s: S,
    left: &[T; ROWS],
    right: &[T],
    sums: &mut [[Vector<S, T>; ROWS]; COUNT],
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN.min(ROWS);
    let vectors = const { ROWS.div_ceil(<Vector<S, T> as SimdBase<S>>::LEN) };
    let right = &right[..COUNT];
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
