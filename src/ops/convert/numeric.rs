//! Element types as f64 and as 64-bit integers, and back.

use half::{bf16, f16};

use crate::ops::number::Float;
use crate::tensor::{
    Element, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, I2, I4, Rounding, U2, U4,
};

/// An element type that numbers are converted from and to.
pub(in crate::ops) trait Numeric: Element + Copy {
    /// Which of the buffers it is read into.
    const KIND: Kind;
    fn to_f64(self) -> f64;
    /// The value, or its low bits for `u64`; 0 for floats, which are not read so.
    fn to_i64(self) -> i64;
    fn from_f64(x: f64, rounding: Rounding) -> Self;
    fn from_i64(x: i64) -> Self;
    fn from_u64(x: u64) -> Self;
}

/// What elements are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Kind {
    Float,
    Int,
    /// 64-bit integers whose first bit is no sign.
    UInt,
}

macro_rules! integers {
    ($($type:ident $kind:ident |$float:ident| $cut:expr;)*) => {
        $(impl Numeric for $type {
            const KIND: Kind = Kind::$kind;
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                self as i64
            }
            #[inline(always)]
            fn from_f64($float: f64, _: Rounding) -> Self {
                $cut
            }
            #[inline(always)]
            fn from_i64(x: i64) -> Self {
                x as $type
            }
            #[inline(always)]
            fn from_u64(x: u64) -> Self {
                x as $type
            }
        })*
    };
}
integers! {
    i8 Int |x| low_bits(x) as i8;
    i16 Int |x| low_bits(x) as i16;
    i32 Int |x| x as i32;
    i64 Int |x| x as i64;
    u8 Int |x| low_bits(x) as u8;
    u16 Int |x| low_bits(x) as u16;
    u32 Int |x| low_bits(x) as u32;
    u64 UInt |x| x as u64;
}

/// The integer part, of which the low bits are used; 0 for what has none.
#[inline(always)]
fn low_bits(x: f64) -> i64 {
    if x.abs() < 2f64.powi(63) { x as i64 } else { 0 }
}

macro_rules! other {
    ($($type:ty, $kind:ident, |$x:ident| $to_f64:expr, $to_i64:expr;
        |$wide:ident, $rounding:pat_param| $from_f64:expr, |$int:ident| $from_i64:expr, |$uint:ident| $from_u64:expr;)*) => {
        $(impl Numeric for $type {
            const KIND: Kind = Kind::$kind;
            #[inline(always)]
            fn to_f64(self) -> f64 {
                let $x = self;
                $to_f64
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                #[allow(unused_variables, reason = "floats have none")]
                let $x = self;
                $to_i64
            }
            #[inline(always)]
            fn from_f64($wide: f64, $rounding: Rounding) -> Self {
                $from_f64
            }
            #[inline(always)]
            fn from_i64($int: i64) -> Self {
                $from_i64
            }
            #[inline(always)]
            fn from_u64($uint: u64) -> Self {
                $from_u64
            }
        })*
    };
}
other! {
    f32, Float, |x| x.into(), 0; |x, _| x as f32, |x| x as f32, |x| x as f32;
    f64, Float, |x| x, 0; |x, _| x, |x| x as f64, |x| x as f64;
    // Integers beyond the 53 digits of f64 are beyond those of the narrower floats in the same direction, or
    // infinite.
    f16, Float, |x| x.to_f64(), 0; |x, _| Float::from_f64(x), |x| Float::from_f64(x as f64), |x| Float::from_f64(x as f64);
    bf16, Float, |x| x.to_f64(), 0; |x, _| Float::from_f64(x), |x| Float::from_f64(odd(x)), |x| Float::from_f64(odd_unsigned(x));
    bool, Int, |x| u8::from(x).into(), x.into(); |x, _| x != 0.0, |x| x != 0, |x| x != 0;
}

/// The integer as a float that rounds to fewer digits as the integer itself would.
fn odd(x: i64) -> f64 {
    let sign = if x < 0 { -1.0 } else { 1.0 };
    odd_unsigned(x.unsigned_abs()) * sign
}

/// See [`odd`]: digits that f64 lacks are gathered in the last one.
fn odd_unsigned(x: u64) -> f64 {
    const LOST: u64 = (1 << 12) - 1;
    match x >> 53 {
        0 => x as f64,
        _ => ((x & !LOST) | (u64::from(x & LOST != 0) << 12)) as f64,
    }
}

macro_rules! narrow_floats {
    ($($type:ident)*) => {
        $(impl Numeric for $type {
            const KIND: Kind = Kind::Float;
            fn to_f64(self) -> f64 {
                self.to_f32().into()
            }
            fn to_i64(self) -> i64 {
                0
            }
            fn from_f64(x: f64, rounding: Rounding) -> Self {
                $type::round(x, rounding)
            }
            fn from_i64(x: i64) -> Self {
                $type::round(odd(x), Rounding::default())
            }
            fn from_u64(x: u64) -> Self {
                $type::round(odd_unsigned(x), Rounding::default())
            }
        })*
    };
}
narrow_floats! { F8E4M3FN F8E4M3FNUZ F8E5M2 F8E5M2FNUZ F8E8M0 F4E2M1 }

macro_rules! narrow_integers {
    ($($type:ident)*) => {
        $(impl Numeric for $type {
            const KIND: Kind = Kind::Int;
            fn to_f64(self) -> f64 {
                self.get().into()
            }
            fn to_i64(self) -> i64 {
                self.get().into()
            }
            fn from_f64(x: f64, _: Rounding) -> Self {
                $type::from_bits(low_bits(x) as u8)
            }
            fn from_i64(x: i64) -> Self {
                $type::from_bits(x as u8)
            }
            fn from_u64(x: u64) -> Self {
                $type::from_bits(x as u8)
            }
        })*
    };
}
narrow_integers! { U4 I4 U2 I2 }
