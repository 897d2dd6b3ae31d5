//! One vector of windows along a row, from a few neighbouring taps.

use fearless_simd::{Simd, SimdBase};

use super::lanes::{Accumulator, Vectored, lanes};
use super::reduce::{Places, Reduction};

/// The elements at every `STRIDE`-th position of `x`, from each of the first `STRIDE` positions.
#[inline(always)]
fn phases<S: Simd, T: Vectored, const STRIDE: usize>(s: S, x: &[T]) -> [T::Raw<S>; STRIDE] {
    let len = lanes::<S, T>();
    let mut phases = [T::load(s, &x[..len]); STRIDE];
    if STRIDE == 2 {
        let (even, odd) = phases[0].deinterleave(T::load(s, &x[len..2 * len]));
        phases[0] = even;
        phases[1] = odd;
    }
    if STRIDE == 4 {
        let (even, odd) = phases[0].deinterleave(T::load(s, &x[len..2 * len]));
        let third = T::load(s, &x[2 * len..3 * len]);
        let (more_even, more_odd) = third.deinterleave(T::load(s, &x[3 * len..4 * len]));
        (phases[0], phases[2]) = even.deinterleave(more_even);
        (phases[1], phases[3]) = odd.deinterleave(more_odd);
    }
    phases
}

/// The elements that [`window_at`] takes.
#[inline(always)]
pub(super) fn span<S: Simd, T: Vectored>(taps: usize, stride: usize, dilation: usize) -> usize {
    let len = lanes::<S, T>();
    match stride {
        1 => (taps - 1) * dilation + len + len / 2,
        _ => (taps - 1) / stride * stride + stride * len,
    }
}

/// One vector of windows whose taps are the first elements of `x`: neighbours, unless the stride is 1.
#[inline(always)]
pub(super) fn window_at<
    S: Simd,
    T: Vectored,
    R: Reduction<T>,
    const TAPS: usize,
    const STRIDE: usize,
    const MASKED: bool,
>(
    s: S,
    reduction: &R,
    x: &[T],
    place: usize,
    dilation: usize,
    bits: [u64; TAPS],
    partial: u64,
    absent: R::Acc<S>,
) -> R::Acc<S> {
    let len = lanes::<S, T>();
    let mut acc = absent;
    let mut tap = 0;
    while tap < TAPS {
        if STRIDE == 1 {
            let from = tap * dilation;
            let places = Places {
                first: place.wrapping_add(from),
                step: 1,
            };
            let next = reduction.start_from(s, &x[from..from + len + len / 2], places);
            acc = tap_folded::<S, T, R, TAPS, MASKED>(
                s, reduction, tap, acc, next, bits[tap], partial, absent,
            );
        } else {
            let phases = phases::<S, T, STRIDE>(s, &x[tap..tap + STRIDE * len]);
            for phase in 0..STRIDE {
                if tap + phase < TAPS {
                    let tap = tap + phase;
                    let places = Places {
                        first: place.wrapping_add(tap),
                        step: STRIDE,
                    };
                    let next = reduction.start(s, phases[phase], places);
                    acc = tap_folded::<S, T, R, TAPS, MASKED>(
                        s, reduction, tap, acc, next, bits[tap], partial, absent,
                    );
                }
            }
        }
        tap += STRIDE;
    }
    acc
}

/// `acc` with one more tap, where that is on the row.
#[inline(always)]
fn tap_folded<S: Simd, T: Vectored, R: Reduction<T>, const TAPS: usize, const MASKED: bool>(
    s: S,
    reduction: &R,
    tap: usize,
    acc: R::Acc<S>,
    next: R::Acc<S>,
    bits: u64,
    partial: u64,
    absent: R::Acc<S>,
) -> R::Acc<S> {
    let folded = match tap {
        0 => next,
        _ => reduction.fold(s, acc, next),
    };
    // Middle taps are rarely off the row, outer ones not worth the question.
    let middle = TAPS > 2 && tap == TAPS / 2;
    match MASKED && (!middle || partial >> tap & 1 == 1) {
        true => folded.where_set(s, bits, if tap == 0 { absent } else { acc }),
        false => folded,
    }
}
