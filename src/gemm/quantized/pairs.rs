//! Integers in pairs: steps of the inner dimension, two at a time, as they lie in panels.

use fearless_simd::{Level, Simd};

use super::{Byte, ROWS};
use crate::gemm::Right;
use crate::parts::{Looks, PART};
use crate::simd::dispatch;
use crate::stop;

/// Two integers of at most 16 bits in the halves of one.
#[inline(always)]
fn pair(low: i32, high: i32) -> i32 {
    (low & 0xffff) | (high << 16)
}

/// Steps of the inner dimension that `channels` channels with `taps` taps each have.
pub(crate) fn steps(channels: usize, taps: usize) -> usize {
    channels.div_ceil(2).saturating_mul(taps)
}

/// Lays out a left matrix of `rows` rows, each with `taps` elements for each of `channels` channels, less its zero point:
/// there is one for all, or one for each row. Two channels are a pair, tap by tap.
pub(crate) fn lay_left<T: Copy + Into<i32>>(
    a: &[T],
    zeros: &[i32],
    channels: usize,
    taps: usize,
    panels: &mut [[i32; ROWS]],
) {
    let (inner, steps) = (channels * taps, steps(channels, taps));
    if inner == 0 {
        return;
    }
    let rows = a.len() / inner;
    let mut looks = Looks::default();
    for (number, panel) in panels.chunks_exact_mut(steps).enumerate() {
        for r in 0..ROWS {
            let row = number * ROWS + r;
            if row >= rows {
                for step in panel.iter_mut() {
                    if looks.is_set(1) {
                        return;
                    }
                    step[r] = 0;
                }
                continue;
            }
            let a = &a[row * inner..][..inner];
            let zero = zeros[row % zeros.len()];
            for (at, a) in a.chunks(2 * taps).enumerate() {
                if looks.is_set(2 * taps) {
                    return;
                }
                let (low, high) = a.split_at(taps);
                let panel = &mut panel[at * taps..][..taps];
                for tap in 0..taps {
                    let second = match high.get(tap) {
                        Some(&high) => high.into() - zero,
                        None => 0,
                    };
                    panel[tap][r] = pair(low[tap].into() - zero, second);
                }
            }
        }
    }
}

/// A right matrix of bytes in C order, less its zero points: one for all, or one for each column.
pub(crate) struct Bytes<'a, T> {
    level: Level,
    x: &'a [T],
    rows: usize,
    columns: usize,
    zeros: &'a [i32],
}

impl<'a, T: Byte> Bytes<'a, T> {
    pub(crate) fn new(
        level: Level,
        x: &'a [T],
        rows: usize,
        columns: usize,
        zeros: &'a [i32],
    ) -> Bytes<'a, T> {
        Bytes {
            level,
            x,
            rows,
            columns,
            zeros,
        }
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Writes all columns of a matrix of one row or two.
    pub(crate) fn interleave(&self, y: &mut [i32]) {
        for (number, y) in y.chunks_mut(PART).enumerate() {
            if number > 0 && stop::is_set() {
                return;
            }
            let (first, count) = (number * PART, y.len());
            dispatch!(self.level, s => self.write(s, first, count, count, y));
        }
    }

    /// Writes `count` columns from `first` on, then zeros up to `width`.
    #[inline(always)]
    fn write<S: Simd>(&self, _: S, first: usize, count: usize, width: usize, y: &mut [i32]) {
        let mut looks = Looks::default();
        for step in 0..self.rows.div_ceil(2) {
            if looks.is_set(2 * width) {
                return;
            }
            let at = 2 * step * self.columns + first;
            let y = &mut y[step * width..][..width];
            let low = &self.x[at..at + count];
            let second = 2 * step + 1 < self.rows;
            let high = match second {
                true => &self.x[at + self.columns..][..count],
                false => low,
            };
            for column in count..width {
                y[column] = 0;
            }
            match self.zeros {
                [zero] if count == super::COLUMNS => {
                    // Of a known length.
                    let y = &mut y[..super::COLUMNS];
                    line(
                        &low[..super::COLUMNS],
                        &high[..super::COLUMNS],
                        *zero,
                        second,
                        y,
                    );
                }
                [zero] => line(low, high, *zero, second, y),
                zeros => {
                    for column in 0..count {
                        let zero = zeros[first + column];
                        let high = if second {
                            high[column].into() - zero
                        } else {
                            0
                        };
                        y[column] = pair(low[column].into() - zero, high);
                    }
                }
            }
        }
    }
}

/// The pairs of two rows.
#[inline(always)]
fn line<T: Byte>(low: &[T], high: &[T], zero: i32, second: bool, y: &mut [i32]) {
    let mask = if second { -1 } else { 0 };
    for column in 0..low.len() {
        let high: i32 = high[column].into();
        y[column] = pair(low[column].into() - zero, (high - zero) & mask);
    }
}

impl<T: Byte> Right<i32> for Bytes<'_, T> {
    fn lay(&self, first: usize, count: usize, panel: &mut [i32]) {
        dispatch!(self.level, s => self.write(s, first, count, super::COLUMNS, panel));
    }
}

/// Writes bytes less their zero point as floats, which hold them exactly.
pub(crate) fn widened<T: Byte>(level: Level, x: &[T], zero: i32, y: &mut [f32]) {
    for (number, y) in y.chunks_mut(PART).enumerate() {
        if number > 0 && stop::is_set() {
            return;
        }
        let x = &x[number * PART..][..y.len()];
        dispatch!(level, s => widen(s, x, zero, y));
    }
}

#[inline(always)]
fn widen<S: Simd, T: Byte>(_: S, x: &[T], zero: i32, y: &mut [f32]) {
    let x = &x[..y.len()];
    for i in 0..y.len() {
        y[i] = (x[i].into() - zero) as f32;
    }
}
