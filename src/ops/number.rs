//! What operators compute with: floats, integers, and numbers of either kind.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use fearless_simd::Level;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::elementwise;
use crate::simd::Simd;
use crate::tensor::{DType, Element};

/// Elements that are converted at a time, in a buffer that the first cache holds.
pub(super) const BLOCK: usize = 512;

/// A function of floats over slices, with up to two parameters. The 16-bit floats take that of `f32` and round
/// its result once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    pub(super) f32: fn(Level, &[f32], &mut [f32], [f32; 2]),
    pub(super) f64: fn(Level, &[f64], &mut [f64], [f32; 2]),
}

/// The function `|x, parameters| body`, whose body fits `f32` and `f64`; behind the name of a
/// [`VectorFunction`](super::functions::VectorFunction), which f32 takes, only `f64`.
macro_rules! function {
    (|$x:ident, $p:pat_param| $body:expr) => {
        $crate::ops::number::Function {
            f32: |_, x, y, $p: [f32; 2]| {
                for (y, &$x) in y.iter_mut().zip(x) {
                    *y = $body;
                }
            },
            f64: $crate::ops::number::wide_function!(|$x, $p| $body),
        }
    };
    ($vectors:ident, |$x:ident, $p:pat_param| $body:expr) => {
        $crate::ops::number::Function {
            f32: $crate::ops::functions::map::<$crate::ops::functions::$vectors>,
            f64: $crate::ops::number::wide_function!(|$x, $p| $body),
        }
    };
}
pub(super) use function;

/// A function of `f64` over slices.
macro_rules! wide_function {
    (|$x:ident, $p:pat_param| $body:expr) => {
        |_, x, y, parameters| {
            let $p: [f64; 2] = parameters.map(f64::from);
            for (y, &$x) in y.iter_mut().zip(x) {
                *y = $body;
            }
        }
    };
}
pub(super) use wide_function;

/// A float of 16, 32 or 64 bits.
pub(super) trait Float: Number {
    /// `y[i] = function(x[i])`.
    fn apply(function: &Function, level: Level, x: &[Self], y: &mut [Self], parameters: [f32; 2]);

    /// The value, exactly.
    fn to_f64(self) -> f64;

    /// The nearest value, ties to even.
    fn from_f64(x: f64) -> Self;
}

/// Whether elements of this type are a [`Float`].
pub(super) fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64 | DType::F16 | DType::BF16)
}

/// `y[i] = function(x[i])` for tensors of any size.
pub(super) fn apply<T: Float>(function: &Function, x: &[T], y: &mut [T], parameters: [f32; 2]) {
    let level = Simd::installed();
    elementwise::map(x, y, |x, y| T::apply(function, level, x, y, parameters));
}

/// As [`apply`], with `y` for both.
pub(super) fn apply_in_place<T: Float + Default>(
    function: &Function,
    y: &mut [T],
    parameters: [f32; 2],
) {
    let level = Simd::installed();
    elementwise::map_in_place(y, |x, y| T::apply(function, level, x, y, parameters));
}

macro_rules! float {
    ($($type:ident)*) => {
        $(impl Float for $type {
            fn apply(
                function: &Function,
                level: Level,
                x: &[Self],
                y: &mut [Self],
                parameters: [f32; 2],
            ) {
                (function.$type)(level, x, y, parameters);
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.into()
            }
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $type
            }
        })*
    };
}
float! { f32 f64 }

macro_rules! half_float {
    ($($type:ident)*) => {
        $(impl Float for $type {
            fn apply(
                function: &Function,
                level: Level,
                x: &[Self],
                y: &mut [Self],
                parameters: [f32; 2],
            ) {
                let (mut wide_x, mut wide_y) = ([0.0; BLOCK], [0.0; BLOCK]);
                for (x, y) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)) {
                    let (wide_x, wide_y) = (&mut wide_x[..x.len()], &mut wide_y[..x.len()]);
                    x.convert_to_f32_slice(wide_x);
                    (function.f32)(level, wide_x, wide_y, parameters);
                    y.convert_from_f32_slice(wide_y);
                }
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.to_f64()
            }
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                $type::from_f32(to_odd(x))
            }
        })*
    };
}
half_float! { f16 bf16 }

/// The value where f32 has it, else the odd one of its two neighbours: a later rounding to fewer digits then
/// gives what rounding once would have given.
fn to_odd(x: f64) -> f32 {
    let nearest = x as f32;
    let wide = f64::from(nearest);
    if wide == x || x.is_nan() {
        return nearest;
    }
    let towards_zero = nearest.to_bits() - u32::from(wide.abs() > x.abs());
    f32::from_bits(towards_zero | 1)
}

/// A number: integers wrap, floats round once.
pub(super) trait Number: Element + Copy + PartialOrd {
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// The quotient; of integers the one towards 0, and 0 where the divisor is 0, as numpy gives.
    fn over(self, other: Self) -> Self;
    /// What the division that rounds down leaves: the sign is that of the divisor; 0 for an integer divisor of 0,
    /// as numpy gives.
    fn modulo(self, other: Self) -> Self;
    /// What the division towards 0 leaves, as C gives it: the sign is that of the dividend; 0 for an integer
    /// divisor of 0, as numpy gives.
    fn remainder(self, other: Self) -> Self;
}

macro_rules! number_float {
    ($($type:ty),* => |$x:ident| $widen:expr, |$y:ident| $narrow:expr) => {
        $(impl Number for $type {
            number_float! { plus |a, b| a + b, |$x| $widen, |$y| $narrow }
            number_float! { minus |a, b| a - b, |$x| $widen, |$y| $narrow }
            number_float! { times |a, b| a * b, |$x| $widen, |$y| $narrow }
            number_float! { over |a, b| a / b, |$x| $widen, |$y| $narrow }
            number_float! { remainder |a, b| a % b, |$x| $widen, |$y| $narrow }
            number_float! { modulo |a, b| {
                let rest = a % b;
                if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
            }, |$x| $widen, |$y| $narrow }
        })*
    };
    ($name:ident |$a:ident, $b:ident| $body:expr, |$x:ident| $widen:expr, |$y:ident| $narrow:expr) => {
        #[inline(always)]
        fn $name(self, other: Self) -> Self {
            let $x = self;
            let $a = $widen;
            let $x = other;
            let $b = $widen;
            let $y = $body;
            $narrow
        }
    };
}
number_float! { f32, f64 => |x| x, |y| y }
number_float! { f16 => |x| x.to_f32(), |y| f16::from_f32(y) }
number_float! { bf16 => |x| x.to_f32(), |y| bf16::from_f32(y) }

/// An integer, also as `i128`, which holds all of them and the sums of them.
pub(super) trait Integer: Number {
    const MIN: Self;
    const MAX: Self;
    fn to_i128(self) -> i128;
    /// The low bits.
    fn low_bits(x: i128) -> Self;
    /// The nearest value.
    fn nearest(x: i128) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    /// The bits moved up; none is left where they are moved by their number or more, as in numpy.
    fn shift_left(self, count: Self) -> Self;
    /// The bits moved down; none is left where they are moved by their number or more, as in numpy.
    fn shift_right(self, count: Self) -> Self;
}

macro_rules! integer {
    ($($type:ident)*) => {
        $(impl Number for $type {
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn over(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_div(other) }
            }
            #[inline(always)]
            #[allow(unused_comparisons, reason = "some of the types have no sign")]
            fn modulo(self, other: Self) -> Self {
                let rest = self.remainder(other);
                if rest != 0 && (rest < 0) != (other < 0) { rest.wrapping_add(other) } else { rest }
            }
            #[inline(always)]
            fn remainder(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_rem(other) }
            }
        }

        impl Integer for $type {
            const MIN: Self = $type::MIN;
            const MAX: Self = $type::MAX;
            #[inline(always)]
            fn to_i128(self) -> i128 {
                self.into()
            }
            #[inline(always)]
            fn low_bits(x: i128) -> Self {
                x as $type
            }
            #[inline(always)]
            fn nearest(x: i128) -> Self {
                x.clamp($type::MIN.into(), $type::MAX.into()) as $type
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
            #[inline(always)]
            fn shift_left(self, count: Self) -> Self {
                if count < $type::BITS as $type { self << count } else { 0 }
            }
            #[inline(always)]
            fn shift_right(self, count: Self) -> Self {
                if count < $type::BITS as $type { self >> count } else { 0 }
            }
        })*
    };
}
integer! { i8 i16 i32 i64 u8 u16 u32 u64 }

/// The cumulative normal distribution, with its digits kept where it is near 0.
pub(super) fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// The cumulative normal distribution, approximated.
pub(super) fn normal_by_tanh(x: f64) -> f64 {
    let inner = FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044715 * x * x * x);
    0.5 * (1.0 + inner.tanh())
}
