//! The products of one row and some columns, whose elements follow each other: sums in vectors, which are then joined.

use fearless_simd::{Simd, SimdBase, SimdFloat, SimdFloatElement};

use super::Sum;
use crate::parts::Looks;

/// [`Sum::dots`] of floats.
#[inline(always)]
pub(super) fn floats<S: Simd, T: Sum + SimdFloatElement, const COUNT: usize>(
    s: S,
    a: &[T],
    b: [&[T]; COUNT],
) -> [T; COUNT] {
    let len = <T::Native<S> as SimdBase<S>>::LEN;
    let whole = a.len() / len * len;
    let mut sums = [<T::Native<S> as SimdBase<S>>::splat(s, T::ZERO); COUNT];
    let mut looks = Looks::default();
    let mut at = 0;
    while at < whole && !looks.is_set(len) {
        let x = <T::Native<S> as SimdBase<S>>::from_slice(s, &a[at..at + len]);
        for column in 0..COUNT {
            let y = <T::Native<S> as SimdBase<S>>::from_slice(s, &b[column][at..at + len]);
            sums[column] = x.mul_add(y, sums[column]);
        }
        at += len;
    }
    let mut result = [T::ZERO; COUNT];
    for column in 0..COUNT {
        let lanes = sums[column].as_slice();
        for lane in 0..len {
            result[column] = result[column].plus(lanes[lane]);
        }
        for i in whole..a.len() {
            result[column] = result[column].plus_product(a[i], b[column][i]);
        }
    }
    result
}
