//! Elements of rows copied to their places: all of a row, or those of each remainder.

use crate::gemm::{Factor, Sum};
use crate::parts::{Looks, PART};
use crate::stop;

/// Rows that are copied as they are.
pub(super) struct Lines<'a, T> {
    pub(super) x: &'a [T],
    /// Elements from row to row of the input, and of where they go to.
    pub(super) width: usize,
    pub(super) pitch: usize,
    /// Elements of a row, and rows.
    pub(super) len: usize,
    pub(super) count: usize,
}

impl<T: Factor> Lines<'_, T> {
    /// In blocks of `SIZE`, as rows are short: the last one lies over the one before. Whether it came to the end.
    #[inline(always)]
    pub(super) fn copy<const SIZE: usize>(&self, y: &mut [T::Sum], looks: &mut Looks) -> bool {
        for row in 0..self.count {
            if looks.is_set(self.len) {
                return false;
            }
            let x = &self.x[row * self.width..][..self.len];
            blocks::<T, SIZE>(x, 1, &mut y[row * self.pitch..][..self.len]);
        }
        true
    }
}

/// Deals out `len` elements of each of `STEP` remainders at once, or none where they are few: the element of a row with number
/// `n` goes to place `n % STEP` of them, `n / STEP` behind it. How many there were of each.
#[inline(always)]
pub(super) fn deal<T: Factor, const STEP: usize>(
    x: &[T],
    places: [usize; STEP],
    len: usize,
    y: &mut [T::Sum],
) -> usize {
    match len {
        8.. => deal_blocks::<T, STEP, 8>(x, places, len, y),
        4.. => deal_blocks::<T, STEP, 4>(x, places, len, y),
        _ => return 0,
    }
    len
}

/// In blocks of `SIZE`; the last one lies over the one before.
#[inline(always)]
fn deal_blocks<T: Factor, const STEP: usize, const SIZE: usize>(
    x: &[T],
    places: [usize; STEP],
    len: usize,
    y: &mut [T::Sum],
) {
    let mut i = 0;
    while i < len {
        let from = i.min(len - SIZE);
        let x = &x[from * STEP..][..SIZE * STEP];
        let mut dealt = [[T::Sum::ZERO; SIZE]; STEP];
        for j in 0..SIZE {
            for remainder in 0..STEP {
                dealt[remainder][j] = x[j * STEP + remainder].widen();
            }
        }
        for remainder in 0..STEP {
            y[places[remainder] + from..][..SIZE].copy_from_slice(&dealt[remainder]);
        }
        i = from + SIZE;
    }
}

/// Every `step`-th element; whether it came to the end.
#[inline(always)]
pub(in crate::conv) fn pick<T: Factor>(x: &[T], step: usize, y: &mut [T::Sum]) -> bool {
    for (number, y) in y.chunks_mut(PART).enumerate() {
        if number > 0 && stop::is_set() {
            return false;
        }
        let x = &x[number * PART * step..];
        match step {
            1 => pick_some::<T, 1>(x, 1, y),
            2 => pick_some::<T, 2>(x, 2, y),
            4 => pick_some::<T, 4>(x, 4, y),
            _ => pick_some::<T, 0>(x, step, y),
        }
    }
    true
}

/// `STEP` is the step, where the compiler is to know it, so that vectors are read. Rows are short: blocks of a known size take
/// no call.
#[inline(always)]
fn pick_some<T: Factor, const STEP: usize>(x: &[T], step: usize, y: &mut [T::Sum]) {
    let step = if STEP > 0 { STEP } else { step };
    match y.len() {
        8.. => blocks::<T, 8>(x, step, y),
        4.. => blocks::<T, 4>(x, step, y),
        _ => blocks::<T, 1>(x, step, y),
    }
}

/// In blocks of `SIZE`; the last one lies over the one before.
#[inline(always)]
fn blocks<T: Factor, const SIZE: usize>(x: &[T], step: usize, y: &mut [T::Sum]) {
    let mut i = 0;
    while i < y.len() {
        let from = i.min(y.len() - SIZE);
        let y = &mut y[from..from + SIZE];
        let x = &x[from * step..][..(SIZE - 1) * step + 1];
        for j in 0..SIZE {
            y[j] = x[j * step].widen();
        }
        i = from + SIZE;
    }
}
