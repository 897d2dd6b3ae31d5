//! Elements out of numbers: what inline literals and generated inputs are made of.

use half::{bf16, f16};
use linn::{
    DType, Element, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, I2, I4, U2, U4,
};
use num_complex::Complex;

/// An element that a number can be turned into.
pub(super) trait Number: Element + Copy {
    /// Whether the type has fractions; bool and the integers have not.
    const FLOAT: bool;

    /// The element that the text of a number names: exactly for integers, else the nearest. `None` where
    /// the text is no number or the number is outside the type.
    fn parse(text: &str) -> Option<Self>;

    /// The element of this value, the nearest one of a float type; `None` outside the type.
    fn from_integer(value: i128) -> Option<Self>;

    /// The element nearest to a finite `value`; `None` outside the type.
    fn from_float(value: f64) -> Option<Self>;
}

/// Runs `$body` with `$T` standing for the Rust type of `$dtype`, a [`Number`]; else `$other`.
macro_rules! number_type {
    ($dtype:expr, $T:ident => $body:expr, else $other:expr) => {
        match $dtype {
            linn::DType::String => $other,
            dtype => $crate::cli::number::number_type!(@ dtype, $T => $body, else $other;
                F32 f32, F64 f64, F16 half::f16, BF16 half::bf16, U8 u8, U16 u16, U32 u32, U64 u64,
                I8 i8, I16 i16, I32 i32, I64 i64, Bool bool,
                C64 num_complex::Complex<f32>, C128 num_complex::Complex<f64>,
                F8E4M3FN linn::F8E4M3FN, F8E4M3FNUZ linn::F8E4M3FNUZ, F8E5M2 linn::F8E5M2,
                F8E5M2FNUZ linn::F8E5M2FNUZ, F8E8M0 linn::F8E8M0, F4E2M1 linn::F4E2M1,
                U4 linn::U4, I4 linn::I4, U2 linn::U2, I2 linn::I2),
        }
    };
    (@ $dtype:expr, $T:ident => $body:expr, else $other:expr; $($variant:ident $type:ty),*) => {
        match $dtype {
            $(linn::DType::$variant => {
                type $T = $type;
                $body
            })*
            _ => $other,
        }
    };
}
pub(super) use number_type;

/// The value of a text that writes an integer, as `3`, `-2`, `4.0` or `1e3`.
pub(super) fn integer(text: &str) -> Option<i128> {
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    // Below 2^53 every integral f64 is what its text says.
    let value: f64 = text.parse().ok()?;
    (value.fract() == 0.0 && value.abs() < 2f64.powi(53)).then_some(value as i128)
}

macro_rules! integers {
    ($($type:ty: $from:expr;)*) => {
        $(impl Number for $type {
            const FLOAT: bool = false;

            fn parse(text: &str) -> Option<Self> {
                Self::from_integer(integer(text)?)
            }

            fn from_integer(value: i128) -> Option<Self> {
                let from: fn(i128) -> Option<Self> = $from;
                from(value)
            }

            fn from_float(value: f64) -> Option<Self> {
                Self::from_integer(value.floor() as i128)
            }
        })*
    };
}
integers! {
    u8: |x| x.try_into().ok();
    u16: |x| x.try_into().ok();
    u32: |x| x.try_into().ok();
    u64: |x| x.try_into().ok();
    i8: |x| x.try_into().ok();
    i16: |x| x.try_into().ok();
    i32: |x| x.try_into().ok();
    i64: |x| x.try_into().ok();
    U4: |x| by_value(x, U4::from_bits, |element| element.get().into());
    I4: |x| by_value(x, I4::from_bits, |element| element.get().into());
    U2: |x| by_value(x, U2::from_bits, |element| element.get().into());
    I2: |x| by_value(x, I2::from_bits, |element| element.get().into());
}

/// The element with this value, out of the at most 16 that there are.
fn by_value<T: Copy>(value: i128, from_bits: fn(u8) -> T, get: fn(T) -> i128) -> Option<T> {
    (0..16)
        .map(from_bits)
        .find(|element| get(*element) == value)
}

impl Number for bool {
    const FLOAT: bool = false;

    fn parse(text: &str) -> Option<bool> {
        match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => bool::from_integer(integer(text)?),
        }
    }

    fn from_integer(value: i128) -> Option<bool> {
        match value {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn from_float(value: f64) -> Option<bool> {
        bool::from_integer(value.floor() as i128)
    }
}

macro_rules! floats {
    ($($type:ty: $from:expr, $is_infinite:expr;)*) => {
        $(impl Number for $type {
            const FLOAT: bool = true;

            fn parse(text: &str) -> Option<Self> {
                let value: Self = text.parse().ok()?;
                let overflowed = $is_infinite(value) && text.contains(|c: char| c.is_ascii_digit());
                (!overflowed).then_some(value)
            }

            fn from_integer(value: i128) -> Option<Self> {
                Self::from_float(value as f64)
            }

            fn from_float(value: f64) -> Option<Self> {
                let value: Self = $from(value);
                (!$is_infinite(value)).then_some(value)
            }
        })*
    };
}
floats! {
    f32: |x| x as f32, f32::is_infinite;
    f64: |x| x, f64::is_infinite;
    f16: f16::from_f64, f16::is_infinite;
    bf16: bf16::from_f64, bf16::is_infinite;
}

macro_rules! complex_numbers {
    ($($type:ty),*) => {
        $(impl Number for Complex<$type> {
            const FLOAT: bool = true;

            fn parse(text: &str) -> Option<Self> {
                <$type>::parse(text).map(Complex::from)
            }

            fn from_integer(value: i128) -> Option<Self> {
                <$type>::from_integer(value).map(Complex::from)
            }

            fn from_float(value: f64) -> Option<Self> {
                <$type>::from_float(value).map(Complex::from)
            }
        })*
    };
}
complex_numbers!(f32, f64);

macro_rules! small_floats {
    ($($type:ty),*) => {
        $(impl Number for $type {
            const FLOAT: bool = true;

            fn parse(text: &str) -> Option<Self> {
                let value: f64 = text.parse().ok()?;
                match value.is_finite() {
                    true => Self::from_float(value),
                    false if text.contains(|c: char| c.is_ascii_digit()) => None,
                    false => small_floats().find(|element| {
                        let found = f64::from(Self::to_f32(*element));
                        found == value || (found.is_nan() && value.is_nan())
                    }),
                }
            }

            fn from_integer(value: i128) -> Option<Self> {
                Self::from_float(value as f64)
            }

            fn from_float(value: f64) -> Option<Self> {
                nearest(value, small_floats().map(|element| (Self::to_f32(element), element)))
            }
        }

        impl SmallFloat for $type {
            const BITS: u8 = if matches!(<$type as Element>::DTYPE, DType::F4E2M1) { 15 } else { 255 };

            fn with_bits(bits: u8) -> Self {
                Self::from_bits(bits)
            }
        })*
    };
}
small_floats!(F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F4E2M1);

/// A float of so few bits that its values can be tried out.
trait SmallFloat: Sized {
    /// The largest pattern.
    const BITS: u8;

    fn with_bits(bits: u8) -> Self;
}

/// All values of a small float, those with an even pattern first: they win where two are equally near.
fn small_floats<T: SmallFloat>() -> impl Iterator<Item = T> {
    let all = |parity| (parity..=T::BITS).step_by(2).map(T::with_bits);
    all(0).chain(all(1))
}

/// The element nearest to `value`, if it lies between the least and the largest finite one.
fn nearest<T>(value: f64, elements: impl Iterator<Item = (f32, T)>) -> Option<T> {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut best: Option<(f64, T)> = None;
    for (found, element) in elements {
        if !found.is_finite() {
            continue;
        }
        let found = f64::from(found);
        (least, most) = (least.min(found), most.max(found));
        let distance = (found - value).abs();
        if best.as_ref().is_none_or(|(held, _)| distance < *held) {
            best = Some((distance, element));
        }
    }
    best.filter(|_| least <= value && value <= most)
        .map(|(_, element)| element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact_or_refused() {
        assert_eq!(u8::parse("255"), Some(255));
        assert_eq!(u8::parse("256"), None);
        assert_eq!(u8::parse("-1"), None);
        assert_eq!(i64::parse("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(u64::parse("18446744073709551615"), Some(u64::MAX));
        assert_eq!(u64::parse("18446744073709551616"), None);
        assert_eq!(i64::parse("1.5"), None);
        assert_eq!(i64::parse("4.0"), Some(4));
        assert_eq!(i64::parse("1e3"), Some(1000));
        assert_eq!(i64::parse("1e300"), None);
        assert_eq!(i64::parse("nan"), None);
        assert_eq!(I4::parse("-8").map(I4::get), Some(-8));
        assert_eq!((I4::parse("8"), U2::parse("4")), (None, None));
        assert_eq!(
            (bool::parse("true"), bool::parse("1"), bool::parse("2")),
            (Some(true), Some(true), None)
        );
    }

    #[test]
    fn floats_take_the_nearest_value_inside_their_range() {
        assert_eq!(f32::parse("0.1"), Some(0.1));
        assert_eq!(f32::parse("-inf"), Some(f32::NEG_INFINITY));
        assert!(f32::parse("nan").is_some_and(f32::is_nan));
        assert_eq!(f32::parse("1e39"), None);
        assert_eq!(f32::parse("1,5"), None);
        assert_eq!(f16::parse("65504"), Some(f16::MAX));
        assert_eq!(f16::parse("1e6"), None);
        assert_eq!(f32::from_integer(1 << 24), Some(16_777_216.0));
        assert_eq!(f16::from_integer(70_000), None);
    }

    #[test]
    fn small_floats_round_to_even_and_know_their_range() {
        let f4 = |text| F4E2M1::parse(text).map(F4E2M1::to_f32);
        assert_eq!(
            (f4("5"), f4("-0.2"), f4("6.5"), f4("nan")),
            (Some(4.0), Some(0.0), None, None)
        );
        assert_eq!(F8E4M3FN::parse("448").map(F8E4M3FN::to_f32), Some(448.0));
        assert_eq!(F8E4M3FN::parse("inf"), None);
        assert_eq!(
            F8E5M2::parse("-inf").map(F8E5M2::to_f32),
            Some(f32::NEG_INFINITY)
        );
        assert!(F8E8M0::parse("nan").is_some_and(|x| x.to_f32().is_nan()));
        assert_eq!(F8E8M0::parse("-1"), None);
    }
}
