//! The maximum and its place.

use fearless_simd::{Bytes, Select, Simd, SimdBase, SimdCvtFloat, SimdWiden};
use half::{bf16, f16};

use super::sum::{f32s_of_bf16, f32s_of_f16};
use super::{Context, MaxElement, Places, Reduction};
use crate::pooling::buffer::Item;
use crate::pooling::lanes::{Accumulator, Lanes, MOST_LANES, Vectored};

/// How the spatial part of an index counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageOrder {
    /// The last spatial axis fastest.
    #[default]
    RowMajor,
    /// The first spatial axis fastest. N and C still count row-major.
    ColumnMajor,
}

/// An element type whose largest are found together with their places: as floats, beside integers of the same size.
pub trait Located: Vectored {
    /// The floats, which hold every value of the type.
    type Float: Item;
    /// Values in the first part, in the second the bits of their places.
    #[doc(hidden)]
    #[allow(private_bounds, reason = "nobody outside names it")]
    type Pairs<S: Simd>: Accumulator<S, Item = Self::Float>;

    #[doc(hidden)]
    #[allow(private_interfaces, reason = "nobody outside calls it")]
    fn pairs<S: Simd>(s: S, raw: Self::Raw<S>, places: Places) -> Self::Pairs<S>;
    /// `b` where it is larger, or the first NaN; else `a`.
    #[doc(hidden)]
    fn winners<S: Simd>(a: Self::Pairs<S>, b: Self::Pairs<S>) -> Self::Pairs<S>;
    #[doc(hidden)]
    fn write<S: Simd>(pairs: Self::Pairs<S>, base: usize, values: &mut [Self], places: &mut [i64]);
}

macro_rules! located {
    ($($type:ident: $n:literal $float:ident $floats:ident $integer:ident $integers:ident,
       |$s:ident, $raw:ident| $to:expr, |$x:ident| $from:expr;)*) => {
        $(impl Located for $type {
            type Float = $float;
            type Pairs<S: Simd> = Lanes<S::$floats, $n, 2>;

            #[inline(always)]
            #[allow(private_interfaces, reason = "nobody outside calls it")]
            fn pairs<S: Simd>($s: S, $raw: Self::Raw<S>, places: Places) -> Self::Pairs<S> {
                let floats: [S::$floats; $n] = $to;
                let mut steps = [0; MOST_LANES];
                for lane in 0..MOST_LANES {
                    steps[lane] = (lane as $integer).wrapping_mul(places.step as $integer);
                }
                let lanes = <S::$integers as SimdBase<S>>::LEN;
                let mut at = floats;
                for n in 0..$n {
                    let steps = <S::$integers as SimdBase<S>>::from_slice($s, &steps[n * lanes..][..lanes]);
                    at[n] = (steps + places.first as $integer).bitcast();
                }
                Lanes([floats, at])
            }

            #[inline(always)]
            fn winners<S: Simd>(a: Self::Pairs<S>, b: Self::Pairs<S>) -> Self::Pairs<S> {
                let mut winners = a;
                for n in 0..$n {
                    let (held, x) = (a.0[0][n], b.0[0][n]);
                    // A NaN takes the place of a number only, so that the first of several stays.
                    let wins = x.simd_gt(held) | (held.simd_eq(held) & !x.simd_eq(x));
                    winners.0[0][n] = wins.select(x, held);
                    winners.0[1][n] = wins.select(b.0[1][n], a.0[1][n]);
                }
                winners
            }

            #[inline(always)]
            fn write<S: Simd>(pairs: Self::Pairs<S>, base: usize, values: &mut [Self], places: &mut [i64]) {
                let lanes = <S::$floats as SimdBase<S>>::LEN;
                for n in 0..$n {
                    let (values, places) = (&mut values[n * lanes..][..lanes], &mut places[n * lanes..][..lanes]);
                    let floats = pairs.0[0][n];
                    let integers: S::$integers = (pairs.0[1][n]).bitcast();
                    for lane in 0..lanes {
                        let $x = floats.as_slice()[lane];
                        values[lane] = $from;
                        places[lane] = base.wrapping_add(integers.as_slice()[lane] as usize) as i64;
                    }
                }
            }
        })*
    };
}
located! {
    f32: 1 f32 f32s u32 u32s, |_s, raw| [raw], |x| x;
    f64: 1 f64 f64s u64 u64s, |_s, raw| [raw], |x| x;
    f16: 2 f32 f32s u32 u32s, |s, raw| f32s_of_f16(s, raw), |x| f16::from_f32(x);
    bf16: 2 f32 f32s u32 u32s, |_s, raw| f32s_of_bf16::<S>(raw), |x| bf16::from_f32(x);
    u8: 4 f32 f32s u32 u32s, |s, raw| f32s_of_u8(s, raw), |x| x as u8;
    i8: 4 f32 f32s u32 u32s, |s, raw| f32s_of_i8(s, raw), |x| x as i8;
}

#[inline(always)]
pub(super) fn f32s_of_u8<S: Simd>(_: S, raw: S::u8s) -> [S::f32s; 4] {
    let (low, high) = raw.widen();
    let ((a, b), (c, d)) = (low.widen(), high.widen());
    [
        S::f32s::float_from(a),
        S::f32s::float_from(b),
        S::f32s::float_from(c),
        S::f32s::float_from(d),
    ]
}

#[inline(always)]
pub(super) fn f32s_of_i8<S: Simd>(_: S, raw: S::i8s) -> [S::f32s; 4] {
    let (low, high) = raw.widen();
    let ((a, b), (c, d)) = (low.widen(), high.widen());
    [
        S::f32s::float_from(a),
        S::f32s::float_from(b),
        S::f32s::float_from(c),
        S::f32s::float_from(d),
    ]
}

/// The maximum and its place in the tensor, -1 for no tap. A plane has fewer than 2^32 elements.
pub(crate) struct MaxWithIndex;

impl<T: MaxElement> Reduction<T> for MaxWithIndex {
    type Item = T::Float;
    type Acc<S: Simd> = T::Pairs<S>;
    const PARTS: usize = 2;
    const IDEMPOTENT: bool = true;
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
    fn finish<S: Simd>(
        &self,
        _: S,
        acc: Self::Acc<S>,
        context: Context<'_>,
        values: &mut [T],
        places: &mut [i64],
    ) {
        T::write(acc, context.base, values, places);
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
    for place in places {
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
