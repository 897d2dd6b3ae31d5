//! The narrow element types of ONNX: 8-bit floats, the 4-bit float, and 4-bit and 2-bit integers.
//!
//! Bit layouts: ONNX documentation, "Float stored in 8 bits", "Float stored in 4 bits", "4 bit integer types",
//! "2 bit integer types". In memory each element takes one byte.

/// Decodes a small float: `exponent` and `mantissa` bits below the sign, an exponent bias, no special values.
fn small_float(bits: u8, exponent_bits: u32, mantissa_bits: u32, bias: i32) -> f32 {
    let mantissa = f32::from(bits & ((1 << mantissa_bits) - 1));
    let exponent = i32::from((bits >> mantissa_bits) & ((1 << exponent_bits) - 1));
    let fraction = mantissa / (1u32 << mantissa_bits) as f32;
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(1 - bias),
        _ => (1.0 + fraction) * 2f32.powi(exponent - bias),
    };
    match bits >> (exponent_bits + mantissa_bits) & 1 {
        1 => -magnitude,
        _ => magnitude,
    }
}

/// The code of the small float nearest to the finite `magnitude`, ties to even; codes go on beyond the largest
/// value as if exponents did.
fn small_code(magnitude: f64, mantissa_bits: u32, bias: i32) -> u32 {
    let lowest = 1 - bias;
    let exponent = (magnitude.to_bits() >> 52) as i32 - 1023;
    let exponent = exponent.max(lowest);
    let steps = magnitude / 2f64.powi(exponent - mantissa_bits as i32);
    // Below twice the number of mantissas, so that a carry becomes the next exponent.
    let steps = steps.round_ties_even() as u32;
    (((exponent - lowest) as u32) << mantissa_bits).saturating_add(steps)
}

/// How numbers become narrow floats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounding {
    /// Whether what is too large becomes the largest value, or else infinity or NaN.
    pub(crate) saturate: bool,
    /// How a power of two is chosen for [`F8E8M0`].
    pub(crate) power: Direction,
}

/// A direction of rounding.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    Up,
    Down,
    /// In the middle between two values up.
    Nearest,
}

impl Default for Rounding {
    fn default() -> Rounding {
        Rounding {
            saturate: true,
            power: Direction::Up,
        }
    }
}

macro_rules! round {
    ($($name:ident $mantissa_bits:literal $bias:literal largest $largest:literal
        beyond $beyond:expr, $sign:ident => $signed:expr;)*) => {
        $(impl $name {
            /// The nearest element, ties to even. [`F4E2M1`], which has neither NaN nor infinities, saturates
            /// in any case and has its negative zero for NaN.
            pub(crate) fn round(x: f64, rounding: Rounding) -> Self {
                let $sign = if x.is_sign_negative() { $signed } else { 0 };
                if x.is_nan() {
                    return Self($beyond(true, $sign));
                }
                let code = match x.is_infinite() {
                    true => u32::MAX,
                    false => small_code(x.abs(), $mantissa_bits, $bias),
                };
                match code {
                    // A zero without a sign where the negative zero is NaN.
                    0 if $beyond(true, 0) == 0x80 => Self(0),
                    code if code <= $largest => Self(code as u8 | $sign),
                    _ if rounding.saturate || $largest == 7 => Self($largest | $sign),
                    _ => Self($beyond(false, $sign)),
                }
            }
        })*
    };
}
round! {
    F8E4M3FN 3 7 largest 0x7e beyond |_, sign: u8| 0x7f | sign, sign => 0x80;
    F8E4M3FNUZ 3 8 largest 0x7f beyond |_, _| 0x80, sign => 0x80;
    F8E5M2 2 15 largest 0x7b beyond |nan, sign: u8| if nan { 0x7f } else { 0x7c } | sign, sign => 0x80;
    F8E5M2FNUZ 2 16 largest 0x7f beyond |_, _| 0x80, sign => 0x80;
    F4E2M1 1 1 largest 7 beyond |_, _| 8, sign => 8;
}

impl F8E8M0 {
    /// The power of two that `rounding` chooses; the lowest for 0, NaN for negative numbers.
    pub(crate) fn round(x: f64, rounding: Rounding) -> F8E8M0 {
        if x.is_nan() || x < 0.0 {
            return F8E8M0(0xff);
        }
        let bits = x.abs().to_bits();
        // Below the normal numbers of f64 the exponent is lower than any that counts here.
        let exponent = (bits >> 52) as i32 - 1023;
        let fraction = bits & ((1 << 52) - 1);
        let up = match rounding.power {
            Direction::Up => fraction != 0,
            Direction::Down => false,
            Direction::Nearest => fraction >= 1 << 51,
        };
        match exponent + 127 + i32::from(up) {
            code @ ..=254 => F8E8M0(code.max(0) as u8),
            _ if rounding.saturate => F8E8M0(254),
            _ => F8E8M0(0xff),
        }
    }
}

macro_rules! floats {
    ($($(#[$doc:meta])* $name:ident, $bits:ident => $value:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub struct $name(u8);

            impl $name {
                /// The element with these bits, the lowest ones of the byte.
                pub const fn from_bits(bits: u8) -> Self {
                    Self(bits)
                }

                /// The bits of the element, the lowest ones of the byte.
                pub const fn to_bits(self) -> u8 {
                    self.0
                }

                /// The value, exactly.
                pub fn to_f32(self) -> f32 {
                    let $bits = self.0;
                    $value
                }
            }
        )*
    };
}
floats! {
    /// 8-bit float: 4 exponent bits, 3 mantissa bits, bias 7, no infinities, NaN is all ones.
    F8E4M3FN, bits => match bits & 0x7f {
        0x7f => f32::NAN,
        _ => small_float(bits, 4, 3, 7),
    };
    /// 8-bit float: 4 exponent bits, 3 mantissa bits, bias 8, no infinities, NaN is the negative zero.
    F8E4M3FNUZ, bits => match bits {
        0x80 => f32::NAN,
        _ => small_float(bits, 4, 3, 8),
    };
    /// 8-bit float: 5 exponent bits, 2 mantissa bits, bias 15, infinities and NaN as in IEEE 754.
    F8E5M2, bits => match bits & 0x7f {
        0x7c => f32::INFINITY.copysign(if bits & 0x80 == 0 { 1.0 } else { -1.0 }),
        0x7d..=0x7f => f32::NAN,
        _ => small_float(bits, 5, 2, 15),
    };
    /// 8-bit float: 5 exponent bits, 2 mantissa bits, bias 16, no infinities, NaN is the negative zero.
    F8E5M2FNUZ, bits => match bits {
        0x80 => f32::NAN,
        _ => small_float(bits, 5, 2, 16),
    };
    /// 8-bit power of two: 8 exponent bits, bias 127, no sign, NaN is all ones.
    F8E8M0, bits => match bits {
        0xff => f32::NAN,
        _ => 2f32.powi(i32::from(bits) - 127),
    };
    /// 4-bit float: 2 exponent bits, 1 mantissa bit, bias 1, no infinities, no NaN.
    F4E2M1, bits => small_float(bits, 2, 1, 1);
}

macro_rules! integers {
    ($($(#[$doc:meta])* $name:ident, $type:ty, $bits:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub struct $name($type);

            impl $name {
                /// The element whose bits are the lowest ones of `bits`.
                pub const fn from_bits(bits: u8) -> Self {
                    Self((bits << (8 - $bits)) as $type >> (8 - $bits))
                }

                /// The bits of the element, the lowest ones of the byte.
                pub const fn to_bits(self) -> u8 {
                    self.0 as u8 & (u8::MAX >> (8 - $bits))
                }

                /// The value.
                pub const fn get(self) -> $type {
                    self.0
                }
            }
        )*
    };
}
integers! {
    /// Unsigned 4-bit integer, 0 to 15.
    U4, u8, 4;
    /// Signed 4-bit integer, -8 to 7.
    I4, i8, 4;
    /// Unsigned 2-bit integer, 0 to 3.
    U2, u8, 2;
    /// Signed 2-bit integer, -2 to 1.
    I2, i8, 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_values_of_the_documentation() {
        assert_eq!(F8E4M3FN::from_bits(0x7e).to_f32(), 448.0);
        assert!(F8E4M3FN::from_bits(0xff).to_f32().is_nan());
        assert_eq!(F8E4M3FN::from_bits(0x01).to_f32(), 2f32.powi(-9));
        assert_eq!(F8E4M3FNUZ::from_bits(0x7f).to_f32(), 240.0);
        assert!(F8E4M3FNUZ::from_bits(0x80).to_f32().is_nan());
        assert_eq!(F8E5M2::from_bits(0x7b).to_f32(), 57344.0);
        assert_eq!(F8E5M2::from_bits(0xfc).to_f32(), f32::NEG_INFINITY);
        assert_eq!(F8E5M2FNUZ::from_bits(0x7f).to_f32(), 57344.0);
        assert_eq!(F8E8M0::from_bits(0).to_f32(), 2f32.powi(-127));
        assert_eq!(F8E8M0::from_bits(254).to_f32(), 2f32.powi(127));
        let f4: Vec<f32> = (0..16).map(|b| F4E2M1::from_bits(b).to_f32()).collect();
        assert_eq!(f4[..8], [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]);
        assert_eq!(f4[15], -6.0);
    }

    #[test]
    fn integers_keep_their_sign() {
        assert_eq!((I4::from_bits(8).get(), I4::from_bits(7).get()), (-8, 7));
        assert_eq!((I2::from_bits(2).get(), I2::from_bits(1).get()), (-2, 1));
        assert_eq!((U4::from_bits(15).get(), U2::from_bits(3).get()), (15, 3));
        assert_eq!(I4::from_bits(0xfe).to_bits(), 0x0e);
    }
}
