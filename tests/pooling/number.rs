//! Element types by way of `f64`, which holds all their values.

use half::{bf16, f16};
use linn::pooling::{MaxElement, SumElement};

/// An element type whose values convert to `f64` and back.
pub(crate) trait Number: MaxElement + PartialEq + std::fmt::Debug {
    const NAME: &'static str;
    const IS_FLOAT: bool;
    /// What the maximum of nothing is.
    const LOWEST: f64;
    /// The least value above zero, which is subnormal in a float type.
    const LEAST_POSITIVE: f64;

    fn exact(self) -> f64;

    /// The nearest value, ties to the one with even bits.
    fn nearest(x: f64) -> Self;

    /// The same value: the same bits, or both NaN.
    fn same(self, other: Self) -> bool;
}

/// A float type that sums are taken of.
pub(crate) trait Float: Number + SumElement {
    /// What a chain of `terms` additions in the engine's accumulator may lose, relative to the sum of
    /// magnitudes.
    fn slack(terms: f64) -> f64;

    /// A whole number that counts the values of the type in their order; both zeros are 0.
    fn rank(self) -> i64;

    /// How many values of the type two results are apart; 0 for two NaNs.
    fn ulps(self, other: Self) -> u64 {
        match (self.exact().is_nan(), other.exact().is_nan()) {
            (true, true) => 0,
            (false, false) => self.rank().abs_diff(other.rank()),
            _ => u64::MAX,
        }
    }
}

const HALF_ULP: f64 = f64::EPSILON / 2.0;

macro_rules! integer {
    ($($type:ident)*) => {
        $(impl Number for $type {
            const NAME: &'static str = stringify!($type);
            const IS_FLOAT: bool = false;
            const LOWEST: f64 = $type::MIN as f64;
            const LEAST_POSITIVE: f64 = 1.0;

            fn exact(self) -> f64 {
                self.into()
            }

            fn nearest(x: f64) -> Self {
                x as $type
            }

            fn same(self, other: Self) -> bool {
                self == other
            }
        })*
    };
}
integer!(i8 u8);

macro_rules! float {
    ($($type:ident as $bits:ident, least $least:expr, $nearest:expr, |$terms:ident| $slack:expr;)*) => {
        $(impl Number for $type {
            const NAME: &'static str = stringify!($type);
            const IS_FLOAT: bool = true;
            const LOWEST: f64 = f64::NEG_INFINITY;
            const LEAST_POSITIVE: f64 = $least;

            fn exact(self) -> f64 {
                self.into()
            }

            fn nearest(x: f64) -> Self {
                $nearest(x)
            }

            fn same(self, other: Self) -> bool {
                self.to_bits() == other.to_bits() || (self.is_nan() && other.is_nan())
            }
        }

        impl Float for $type {
            fn slack($terms: f64) -> f64 {
                $slack
            }

            fn rank(self) -> i64 {
                let bits = self.to_bits();
                let magnitude = (bits & ($bits::MAX >> 1)) as i64;
                if bits == magnitude as $bits { magnitude } else { -magnitude }
            }
        })*
    };
}
float! {
    f32 as u32, least f32::from_bits(1) as f64, |x| x as f32, |terms| terms * HALF_ULP;
    f64 as u64, least f64::from_bits(1), |x| x, |terms| 4.0 * (terms * HALF_ULP).powi(2);
    f16 as u16, least 1.0 / (1 << 24) as f64, |x| nearest_bits(x, 5, f16::from_bits), |terms| terms * HALF_ULP;
    bf16 as u16, least f32::from_bits(1 << 16) as f64, |x| nearest_bits(x, 8, bf16::from_bits), |terms| terms * HALF_ULP;
}

/// The 16-bit float nearest to `x`, found by bisection over its positive values, which are in the order
/// of their bits. (`from_f64` of the crate `half` rounds twice, by way of `f32`.)
fn nearest_bits<T: Copy + Into<f64>>(x: f64, exponent_bits: u32, from_bits: fn(u16) -> T) -> T {
    let infinity = ((1 << exponent_bits) - 1) << (15 - exponent_bits);
    let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
    if x.is_nan() {
        return from_bits(infinity + 1);
    }
    // Infinity rounds as if the exponents went on.
    let value = |bits: u16| match bits == infinity {
        true => 2f64.powi(1 << (exponent_bits - 1)),
        false => from_bits(bits).into(),
    };
    let magnitude = x.abs().min(value(infinity));
    let (mut below, mut above) = (0, infinity);
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if value(middle) <= magnitude {
            below = middle;
        } else {
            above = middle;
        }
    }
    let (down, up) = (magnitude - value(below), value(above) - magnitude);
    let bits = if down < up || (down == up && below % 2 == 0) {
        below
    } else {
        above
    };
    from_bits(sign | bits)
}

#[test]
fn sixteen_bit_floats_keep_their_values() {
    for bits in 0..=u16::MAX {
        let (half, brain) = (f16::from_bits(bits), bf16::from_bits(bits));
        assert!(f16::nearest(half.exact()).same(half), "{half:?}");
        assert!(bf16::nearest(brain.exact()).same(brain), "{brain:?}");
        assert!(
            bf16::nearest(half.exact()).same(bf16::from_f32(half.to_f32())),
            "{half:?}"
        );
        assert!(
            f16::nearest(brain.exact()).same(f16::from_f32(brain.to_f32())),
            "{brain:?}"
        );
    }
}

#[test]
fn ulps_count_the_values_between() {
    assert_eq!(0f32.ulps(-0.0), 0);
    assert_eq!(f32::from_bits(1).ulps(-f32::from_bits(1)), 2);
    assert_eq!(f16::MAX.ulps(f16::INFINITY), 1);
    assert_eq!(1f64.ulps(1.0 + f64::EPSILON), 1);
    assert!(f32::NAN.ulps(0.0) > 1);
}
