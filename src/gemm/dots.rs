//! The products of one row and some columns, whose elements follow each other: sums in vectors, which are then joined.

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdFloatElement};

use super::Sum;
use crate::parts::Looks;

/// Vectors of sums of each column: as many elements are multiplied in a step.
const VECTORS: usize = 2;

/// [`Sum::dots`] of floats.
#[inline(always)]
pub(super) fn floats<S: Simd, T: Sum + SimdFloatElement, const COUNT: usize>(
    s: S,
    a: &[T],
    b: [&[T]; COUNT],
) -> [T; COUNT] {
    let step = VECTORS * <T::Native<S> as SimdBase<S>>::LEN;
    let len = <T::Native<S> as SimdBase<S>>::LEN;
    let whole = a.len() / step * step;
    let mut sums = [[<T::Native<S> as SimdBase<S>>::splat(s, T::ZERO); VECTORS]; COUNT];
    let mut looks = Looks::default();
    let mut at = 0;
    while at < whole && !looks.is_set(step) {
        let x = &a[at..at + step];
        for column in 0..COUNT {
            let y = &b[column][at..at + step];
            for v in 0..VECTORS {
                let x = <T::Native<S> as SimdBase<S>>::from_slice(s, &x[v * len..(v + 1) * len]);
                let y = <T::Native<S> as SimdBase<S>>::from_slice(s, &y[v * len..(v + 1) * len]);
                sums[column][v] = x.mul_add(y, sums[column][v]);
            }
        }
        at += step;
    }
    let mut result = [T::ZERO; COUNT];
    for column in 0..COUNT {
        let mut sum = sums[column][0];
        for v in 1..VECTORS {
            sum += sums[column][v];
        }
        let lanes = sum.as_slice();
        for lane in 0..len {
            result[column] = result[column].plus(lanes[lane]);
        }
        for i in whole..a.len() {
            result[column] = result[column].plus_product(a[i], b[column][i]);
        }
    }
    result
}
