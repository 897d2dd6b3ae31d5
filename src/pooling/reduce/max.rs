//! The maximum: the first of equal elements, a NaN over all.

use fearless_simd::{Select, Simd, SimdBase};
use half::{bf16, f16};

use super::max_with_index::Located;
use super::{Places, Reduction};
use crate::parts::{Looks, PART};
use crate::pooling::lanes::{Lanes, Vectored};
use crate::simd::second_of_equals;
use crate::tensor::Element;

/// An element type that max-pools take.
pub trait MaxElement: Element + Copy + Ranked {
    /// The maximum of nothing.
    #[doc(hidden)]
    const LEAST: Self;

    #[doc(hidden)]
    fn is_nan(self) -> bool;

    /// The float type in which places are found. It holds every value, and its lanes are wide enough for places.
    #[doc(hidden)]
    type Float: Located;
    #[doc(hidden)]
    fn to_float(self) -> Self::Float;
    /// The value, and the least one for -inf.
    #[doc(hidden)]
    fn from_float(x: Self::Float) -> Self;
    /// The elements, if they are such floats already.
    #[doc(hidden)]
    fn floats(x: &[Self]) -> Option<&[Self::Float]>;
    #[doc(hidden)]
    fn floats_mut(x: &mut [Self]) -> Option<&mut [Self::Float]>;

    /// Whether `self` takes the place of `held`, an earlier tap.
    #[doc(hidden)]
    #[inline(always)]
    fn beats(self, held: Self) -> bool
    where
        Self: PartialOrd,
    {
        self > held || (self.is_nan() && !held.is_nan())
    }
}

macro_rules! max_element {
    ($($type:ident as $float:ident: $least:expr, |$x:ident| $is_nan:expr, $to:expr, $from:expr, |$s:ident| $floats:expr;)*) => {
        $(impl MaxElement for $type {
            const LEAST: Self = $least;
            type Float = $float;

            #[inline(always)]
            fn is_nan(self) -> bool {
                let $x = self;
                $is_nan
            }

            fn to_float(self) -> $float {
                $to(self)
            }

            fn from_float(x: $float) -> $type {
                $from(x)
            }

            fn floats($s: &[$type]) -> Option<&[$float]> {
                $floats
            }

            fn floats_mut($s: &mut [$type]) -> Option<&mut [$float]> {
                $floats
            }
        })*
    };
}
max_element! {
    f32 as f32: f32::NEG_INFINITY, |x| x.is_nan(), |x| x, |x| x, |s| Some(s);
    f64 as f64: f64::NEG_INFINITY, |x| x.is_nan(), |x| x, |x| x, |s| Some(s);
    f16 as f32: f16::NEG_INFINITY, |x| x.is_nan(), f16::to_f32, f16::from_f32, |_s| None;
    bf16 as f32: bf16::NEG_INFINITY, |x| x.is_nan(), bf16::to_f32, bf16::from_f32, |_s| None;
    i8 as f32: i8::MIN, |_x| false, f32::from, |x| x as i8, |_s| None;
    u8 as f32: u8::MIN, |_x| false, f32::from, |x| x as u8, |_s| None;
}

/// An element type whose largest are found in vectors of its own width.
pub trait Ranked: Vectored + PartialOrd {
    /// The form in which elements are compared.
    fn key<S: Simd>(s: S, raw: Self::Raw<S>) -> Self::Raw<S>;
    /// The larger of each pair of keys; of equal ones `a`, of a number and a NaN the NaN.
    fn larger<S: Simd>(s: S, a: Self::Raw<S>, b: Self::Raw<S>) -> Self::Raw<S>;
    /// The elements with these keys.
    fn element<S: Simd>(s: S, key: Self::Raw<S>) -> Self::Raw<S>;
}

macro_rules! ranked_floats {
    ($($type:ident $vector:ident;)*) => {
        $(impl Ranked for $type {
            #[inline(always)]
            fn key<S: Simd>(_: S, raw: S::$vector) -> S::$vector {
                raw
            }

            #[inline(always)]
            fn larger<S: Simd>(s: S, a: S::$vector, b: S::$vector) -> S::$vector {
                let larger = match second_of_equals(s) {
                    true => b.max(a),
                    false => b.simd_gt(a).select(b, a),
                };
                b.simd_eq(b).select(larger, b)
            }

            #[inline(always)]
            fn element<S: Simd>(_: S, key: S::$vector) -> S::$vector {
                key
            }
        })*
    };
}
ranked_floats! {
    f32 f32s;
    f64 f64s;
}

macro_rules! ranked_integers {
    ($($type:ident $vector:ident;)*) => {
        $(impl Ranked for $type {
            #[inline(always)]
            fn key<S: Simd>(_: S, raw: S::$vector) -> S::$vector {
                raw
            }

            #[inline(always)]
            fn larger<S: Simd>(_: S, a: S::$vector, b: S::$vector) -> S::$vector {
                a.max(b)
            }

            #[inline(always)]
            fn element<S: Simd>(_: S, key: S::$vector) -> S::$vector {
                key
            }
        })*
    };
}
ranked_integers! {
    i8 i8s;
    u8 u8s;
}

/// The bits of 16-bit floats as signed integers in the order of the values, with all NaNs on top; the two zeros are
/// neighbours.
macro_rules! ranked_halves {
    ($($type:ident $infinity:literal;)*) => {
        $(impl Ranked for $type {
            #[inline(always)]
            fn key<S: Simd>(s: S, raw: S::u16s) -> S::u16s {
                let sign = <S::u16s as SimdBase<S>>::splat(s, 0x8000);
                let magnitude = raw & !sign;
                let nan = magnitude.simd_gt(<S::u16s as SimdBase<S>>::splat(s, $infinity));
                let key = raw.simd_ge(sign).select(!raw, raw | sign);
                nan.select(<S::u16s as SimdBase<S>>::splat(s, u16::MAX), key)
            }

            #[inline(always)]
            fn larger<S: Simd>(s: S, a: S::u16s, b: S::u16s) -> S::u16s {
                // The zeros are equal though their bits are not: plus zero does not beat minus zero.
                let zero = <S::u16s as SimdBase<S>>::splat(s, 0x8000);
                let minus_zero = <S::u16s as SimdBase<S>>::splat(s, 0x7fff);
                let tie = a.simd_eq(minus_zero) & b.simd_eq(zero);
                tie.select(a, a.max(b))
            }

            #[inline(always)]
            fn element<S: Simd>(s: S, key: S::u16s) -> S::u16s {
                let sign = <S::u16s as SimdBase<S>>::splat(s, 0x8000);
                key.simd_ge(sign).select(key ^ sign, !key)
            }
        })*
    };
}
ranked_halves! {
    f16 0x7c00;
    bf16 0x7f80;
}

/// The maximum; the first of equal elements, NaN over all.
pub(crate) struct Max;

impl<T: MaxElement> Reduction<T> for Max {
    type Item = T::Lane;
    type Acc<S: Simd> = Lanes<T::Raw<S>, 1, 1>;
    type Divisor<S: Simd> = ();
    const PARTS: usize = 1;
    const IDEMPOTENT: bool = true;
    const STRIPS: bool = true;

    fn absent(&self) -> T {
        T::LEAST
    }

    #[inline(always)]
    fn start<S: Simd>(&self, s: S, x: T::Raw<S>, _: Places) -> Self::Acc<S> {
        Lanes([[T::key(s, x)]])
    }

    #[inline(always)]
    fn fold<S: Simd>(&self, s: S, a: Self::Acc<S>, b: Self::Acc<S>) -> Self::Acc<S> {
        Lanes([[T::larger(s, a.0[0][0], b.0[0][0])]])
    }

    #[inline(always)]
    fn divisor<S: Simd>(&self, _: S, _: f64, _: &[f64]) {}

    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        s: S,
        acc: Self::Acc<S>,
        _: (),
        _: usize,
        values: &mut [T],
        _: &mut [i64],
    ) {
        T::store(T::element(s, acc.0[0][0]), values);
    }

    fn settle_whole(&self, plane: &[T], value: &mut T) {
        // Only zeros can be equal and yet differ.
        if *value == T::default() {
            let mut looks = Looks::default();
            for part in plane.chunks(PART) {
                if let Some(first) = part.iter().find(|&&x| !value.beats(x)) {
                    *value = *first;
                    return;
                }
                if looks.is_set(part.len()) {
                    return;
                }
            }
        }
    }
}
