//! Weighted sums of runs of elements, a vector of runs at a time.

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdFloatElement};

/// [`Sum::weighted`](super::Sum::weighted) of floats.
#[inline(always)]
pub(super) fn floats<S: Simd, T: SimdFloatElement>(
    s: S,
    x: &[T],
    offsets: &[usize],
    w: &[T],
    start: T,
    y: &mut [T],
) {
    let len = <T::Native<S> as SimdBase<S>>::LEN;
    let mut at = 0;
    // So many vectors at once hide the latency of additions; the rest is of half as many.
    while at + 8 * len <= y.len() {
        vectors::<S, T, 8>(s, x, offsets, w, start, at, y);
        at += 8 * len;
    }
    while at < y.len() {
        vectors::<S, T, 4>(s, x, offsets, w, start, at, y);
        at += 4 * len;
    }
}

/// The sums from `at` on.
#[inline(always)]
fn vectors<S: Simd, T: SimdFloatElement, const VECTORS: usize>(
    s: S,
    x: &[T],
    offsets: &[usize],
    w: &[T],
    start: T,
    at: usize,
    y: &mut [T],
) {
    let len = <T::Native<S> as SimdBase<S>>::LEN;
    let mut sums = [<T::Native<S> as SimdBase<S>>::splat(s, start); VECTORS];
    for tap in 0..offsets.len() {
        let weight = <T::Native<S> as SimdBase<S>>::splat(s, w[tap]);
        let x = &x[offsets[tap] + at..][..VECTORS * len];
        for v in 0..VECTORS {
            let x = <T::Native<S> as SimdBase<S>>::from_slice(s, &x[v * len..(v + 1) * len]);
            sums[v] = weight.mul_add(x, sums[v]);
        }
    }
    let y = &mut y[at..at + VECTORS * len];
    for v in 0..VECTORS {
        sums[v].store_slice(&mut y[v * len..(v + 1) * len]);
    }
}
