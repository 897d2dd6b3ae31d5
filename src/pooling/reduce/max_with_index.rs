//! The maximum and its place.

use fearless_simd::{Bytes, Select, Simd, SimdBase};

use super::{MaxElement, Places, Reduction};
use crate::parts::PART;
use crate::pooling::lanes::{Accumulator, Lanes, MOST_LANES};
use crate::stop;

/// How the spatial part of an index counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageOrder {
    /// The last spatial axis fastest.
    #[default]
    RowMajor,
    /// The first spatial axis fastest. N and C still count row-major.
    ColumnMajor,
}

/// A float type whose largest are found together with their places, which are integers of its size.
pub trait Located: MaxElement {
    /// Values in the first part, in the second the bits of their places.
    #[doc(hidden)]
    type Pairs<S: Simd>: Accumulator<S, Item = Self>;

    #[doc(hidden)]
    fn pairs<S: Simd>(s: S, raw: Self::Raw<S>, places: Places) -> Self::Pairs<S>;
    /// `b` where it is larger, or the first NaN; else `a`.
    #[doc(hidden)]
    fn winners<S: Simd>(a: Self::Pairs<S>, b: Self::Pairs<S>) -> Self::Pairs<S>;
    #[doc(hidden)]
    fn write<S: Simd>(pairs: Self::Pairs<S>, base: usize, values: &mut [Self], places: &mut [i64]);
}

macro_rules! located {
    ($($float:ident $floats:ident $integer:ident $integers:ident;)*) => {
        $(impl Located for $float {
            type Pairs<S: Simd> = Lanes<S::$floats, 1, 2>;

            #[inline(always)]
            fn pairs<S: Simd>(s: S, raw: S::$floats, places: Places) -> Self::Pairs<S> {
                let mut steps = [0; MOST_LANES];
                for lane in 0..MOST_LANES {
                    steps[lane] = (lane as $integer).wrapping_mul(places.step as $integer);
                }
                let lanes = <S::$integers as SimdBase<S>>::LEN;
                let steps = <S::$integers as SimdBase<S>>::from_slice(s, &steps[..lanes]);
                Lanes([[raw], [(steps + places.first as $integer).bitcast()]])
            }

            #[inline(always)]
            fn winners<S: Simd>(a: Self::Pairs<S>, b: Self::Pairs<S>) -> Self::Pairs<S> {
                let ([[held], [held_at]], [[x], [at]]) = (a.0, b.0);
                // A NaN takes the place of a number only, so that the first of several stays.
                let wins = x.simd_gt(held) | (held.simd_eq(held) & !x.simd_eq(x));
                Lanes([[wins.select(x, held)], [wins.select(at, held_at)]])
            }

            #[inline(always)]
            fn write<S: Simd>(pairs: Self::Pairs<S>, base: usize, values: &mut [Self], places: &mut [i64]) {
                pairs.0[0][0].store_slice(values);
                let at: S::$integers = pairs.0[1][0].bitcast();
                let at = at.as_slice();
                for lane in 0..at.len() {
                    places[lane] = base.wrapping_add(at[lane] as usize) as i64;
                }
            }
        })*
    };
}
located! {
    f32 f32s u32 u32s;
    f64 f64s u64 u64s;
}

/// The maximum and its place in the tensor, -1 for no tap. A plane has fewer than 2^32 elements.
pub(crate) struct MaxWithIndex;

impl<T: Located> Reduction<T> for MaxWithIndex {
    type Item = T;
    type Acc<S: Simd> = T::Pairs<S>;
    type Divisor<S: Simd> = ();
    const PARTS: usize = 2;
    const IDEMPOTENT: bool = true;
    const STRIPS: bool = size_of::<T>() == 4;
    const PLACES: bool = true;

    fn absent(&self) -> T {
        T::LEAST
    }

    #[inline(always)]
    fn start<S: Simd>(&self, s: S, x: T::Raw<S>, places: Places) -> Self::Acc<S> {
        T::pairs(s, x, places)
    }

    #[inline(always)]
    fn fold<S: Simd>(&self, _: S, a: Self::Acc<S>, b: Self::Acc<S>) -> Self::Acc<S> {
        T::winners(a, b)
    }

    #[inline(always)]
    fn divisor<S: Simd>(&self, _: S, _: f64, _: &[f64]) {}

    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        _: S,
        acc: Self::Acc<S>,
        _: (),
        base: usize,
        values: &mut [T],
        places: &mut [i64],
    ) {
        T::write(acc, base, values, places);
    }

    fn settles(&self, value: T) -> bool {
        // A window whose largest is the least holds nothing else. Its place is its first tap, but one off the input may
        // have come before.
        value == T::LEAST
    }
}

/// Makes places that count row-major in each of the planes of `sizes` count column-major there.
pub(crate) fn column_major(places: &mut [i64], sizes: &[usize]) {
    let plane: usize = sizes.iter().product();
    for (number, place) in places.iter_mut().enumerate() {
        if number > 0 && number.is_multiple_of(PART) && stop::is_set() {
            return;
        }
        let Ok(at) = usize::try_from(*place) else {
            continue;
        };
        let (mut rest, mut offset, mut weight) = (at % plane, 0, plane);
        for size in sizes.iter().rev() {
            weight /= size;
            offset += rest % size * weight;
            rest /= size;
        }
        *place = (at - at % plane + offset) as i64;
    }
}
