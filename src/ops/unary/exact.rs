//! Functions of integers.

use crate::ops::elementwise;
use crate::ops::number::Integer;

/// A function of integers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Exact {
    /// The lowest integer, which has no negative, stays as it is, in `Neg` too.
    Abs,
    Neg,
    Sign,
    /// Towards 0, as numpy casts.
    Erf,
    Relu,
    Not,
    Shrink,
}

impl Exact {
    /// `y[i] = f(x[i])`; `Shrink` has a threshold and a bias.
    pub(super) fn apply<T: Signs>(self, x: &[T], y: &mut [T], [lambd, bias]: [f64; 2]) {
        let f: &(dyn Fn(T) -> T + Sync) = match self {
            Exact::Abs => &Signs::absolute,
            Exact::Neg => &|x| T::default().minus(x),
            Exact::Sign => &Signs::sign,
            Exact::Erf => &|x| T::truncate(libm::erf(x.to_f64())),
            Exact::Relu => &|x| if x < T::default() { T::default() } else { x },
            Exact::Not => &|x| x.xor(T::low_bits(-1)),
            Exact::Shrink => &|x| {
                let wide = x.to_f64();
                if wide < -lambd {
                    T::truncate(wide + bias)
                } else if wide > lambd {
                    T::truncate(wide - bias)
                } else {
                    T::default()
                }
            },
        };
        elementwise::map(x, y, |x, y| {
            for (y, x) in y.iter_mut().zip(x) {
                *y = f(*x);
            }
        });
    }
}

/// An integer with or without a sign.
pub(super) trait Signs: Integer {
    fn absolute(self) -> Self;
    fn sign(self) -> Self;
    fn to_f64(self) -> f64;
    /// Towards 0; the nearest value where that is out of range.
    fn truncate(x: f64) -> Self;
}

macro_rules! signs {
    ($($type:ident)* => |$x:ident| $absolute:expr, $sign:expr) => {
        $(impl Signs for $type {
            fn absolute(self) -> Self {
                let $x = self;
                $absolute
            }
            fn sign(self) -> Self {
                let $x = self;
                $sign
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn truncate(x: f64) -> Self {
                x as $type
            }
        })*
    };
}
signs! { i8 i16 i32 i64 => |x| x.wrapping_abs(), x.signum() }
signs! { u8 u16 u32 u64 => |x| x, x.min(1) }
