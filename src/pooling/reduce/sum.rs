//! Sums: in `f64` for types up to 32 bits, with the rounding error beside them for `f64`.

use fearless_simd::{
    Bytes, Select, Simd, SimdBase, SimdCvtFloat, SimdFloat, SimdNarrow, SimdWiden,
};
use half::{bf16, f16};

use crate::pooling::lanes::{Accumulator, Lanes, Vectored, lanes};
use crate::tensor::Element;

/// An element type that average and Lp pools take.
///
/// Sums of types up to 32 bits are kept in `f64`, where a window of them is exact or nearly so;
/// sums of `f64` carry their rounding error along.
pub trait SumElement: Element + Copy + Summed + PartialEq {
    /// The highest power whose sums stay in the range of `f64`, at both ends.
    #[doc(hidden)]
    const MOST_PLAIN_POWER: f64;

    #[doc(hidden)]
    fn to_f64(self) -> f64;

    /// Rounds once, to nearest, ties to even.
    #[doc(hidden)]
    fn from_f64(x: f64) -> Self;
}

/// Numbers of `f64`, as many as a vector of some type has lanes.
pub trait Doubles<S: Simd>: Copy {
    fn splat(s: S, x: f64) -> Self;
    /// The first of `x`, as many as there are lanes.
    fn of(s: S, x: &[f64]) -> Self;
    fn write(self, x: &mut [f64]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    fn round_ties_even(self) -> Self;
    /// `same` where `self` equals `other`, else `differs`.
    fn where_equal(self, other: Self, same: Self, differs: Self) -> Self;
    /// `x` where `self` is not NaN, else `nan`.
    fn where_number(self, x: Self, nan: Self) -> Self;
}

macro_rules! each {
    ($self:ident, |$x:ident| $of:expr) => {{
        let mut all = $self;
        for n in 0..N {
            let $x = $self.0[0][n];
            all.0[0][n] = $of;
        }
        all
    }};
    ($self:ident, $other:ident, |$x:ident, $y:ident| $of:expr) => {{
        let mut all = $self;
        for n in 0..N {
            let ($x, $y) = ($self.0[0][n], $other.0[0][n]);
            all.0[0][n] = $of;
        }
        all
    }};
}

impl<S: Simd, const N: usize> Doubles<S> for Lanes<S::f64s, N, 1> {
    #[inline(always)]
    fn splat(s: S, x: f64) -> Self {
        Lanes([[<S::f64s as SimdBase<S>>::splat(s, x); N]])
    }

    #[inline(always)]
    fn of(s: S, x: &[f64]) -> Self {
        Accumulator::load(s, x, 0, 0)
    }

    #[inline(always)]
    fn write(self, x: &mut [f64]) {
        self.store(x, 0, 0);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        each!(self, other, |x, y| x + y)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        each!(self, other, |x, y| x - y)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        each!(self, other, |x, y| x * y)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        each!(self, other, |x, y| x / y)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        each!(self, other, |x, y| y.simd_gt(x).select(y, x))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        each!(self, |x| x.abs())
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        each!(self, |x| x.sqrt())
    }

    #[inline(always)]
    fn round_ties_even(self) -> Self {
        each!(self, |x| x.round_ties_even())
    }

    #[inline(always)]
    fn where_equal(self, other: Self, same: Self, differs: Self) -> Self {
        let mut all = self;
        for n in 0..N {
            let equal = self.0[0][n].simd_eq(other.0[0][n]);
            all.0[0][n] = equal.select(same.0[0][n], differs.0[0][n]);
        }
        all
    }

    #[inline(always)]
    fn where_number(self, x: Self, nan: Self) -> Self {
        let mut all = self;
        for n in 0..N {
            let number = self.0[0][n].simd_eq(self.0[0][n]);
            all.0[0][n] = number.select(x.0[0][n], nan.0[0][n]);
        }
        all
    }
}

/// An element type that is widened to `f64` in vectors.
pub trait Widened: Vectored {
    /// The numbers of one vector of elements.
    #[doc(hidden)]
    type Wide<S: Simd>: Doubles<S> + Accumulator<S, Item = f64>;

    #[doc(hidden)]
    fn widen<S: Simd>(s: S, raw: Self::Raw<S>) -> Self::Wide<S>;

    /// As `widen`, from memory: `x` has half as many elements again as there are lanes.
    #[doc(hidden)]
    #[inline(always)]
    fn widen_from<S: Simd>(s: S, x: &[Self]) -> Self::Wide<S> {
        Self::widen(s, Self::load(s, x))
    }
}

macro_rules! widened {
    ($($type:ident: $n:literal, |$s:ident, $raw:ident| $wide:expr $(, |$t:ident, $x:ident| $from:expr)?;)*) => {
        $(impl Widened for $type {
            type Wide<S: Simd> = Lanes<S::f64s, $n, 1>;

            #[inline(always)]
            fn widen<S: Simd>($s: S, $raw: Self::Raw<S>) -> Self::Wide<S> {
                Lanes([$wide])
            }

            $(#[inline(always)]
            fn widen_from<S: Simd>($t: S, $x: &[$type]) -> Self::Wide<S> {
                Lanes([$from])
            })?
        })*
    };
}
widened! {
    f64: 1, |_s, raw| [raw];
    f32: 2, |_s, raw| {
        let (low, high) = raw.widen();
        [low, high]
    }, |s, x| {
        // Half a vector is widened as it is loaded, a whole one has to be taken apart first.
        let half = lanes::<S, f32>() / 2;
        [f32::load(s, x).widen().0, f32::load(s, &x[half..]).widen().0]
    };
    f16: 4, |s, raw| doubles::<S>(f32s_of_f16(s, raw));
    bf16: 4, |_s, raw| doubles::<S>(f32s_of_bf16::<S>(raw));
    u8: 8, |s, raw| {
        let [a, b, c, d] = f32s_of_u8(s, raw);
        let ([a, b, c, d], [e, f, g, h]) = (doubles::<S>([a, b]), doubles::<S>([c, d]));
        [a, b, c, d, e, f, g, h]
    };
    i8: 8, |s, raw| {
        let [a, b, c, d] = f32s_of_i8(s, raw);
        let ([a, b, c, d], [e, f, g, h]) = (doubles::<S>([a, b]), doubles::<S>([c, d]));
        [a, b, c, d, e, f, g, h]
    };
}

#[inline(always)]
fn doubles<S: Simd>(x: [S::f32s; 2]) -> [S::f64s; 4] {
    let ((a, b), (c, d)) = (x[0].widen(), x[1].widen());
    [a, b, c, d]
}

macro_rules! f32s_of_bytes {
    ($($name:ident $bytes:ident;)*) => {
        $(#[inline(always)]
        fn $name<S: Simd>(_: S, raw: S::$bytes) -> [S::f32s; 4] {
            let (low, high) = raw.widen();
            let ((a, b), (c, d)) = (low.widen(), high.widen());
            [
                S::f32s::float_from(a),
                S::f32s::float_from(b),
                S::f32s::float_from(c),
                S::f32s::float_from(d),
            ]
        })*
    };
}
f32s_of_bytes! {
    f32s_of_u8 u8s;
    f32s_of_i8 i8s;
}

/// The bits of `bf16` are the upper half of those of an `f32`.
#[inline(always)]
fn f32s_of_bf16<S: Simd>(raw: S::u16s) -> [S::f32s; 2] {
    let (low, high) = raw.widen();
    [(low << 16).bitcast(), (high << 16).bitcast()]
}

/// The exponent of `f16` is moved to that of `f32` by a multiplication, which also normalizes what is subnormal.
#[inline(always)]
fn f32s_of_f16<S: Simd>(s: S, raw: S::u16s) -> [S::f32s; 2] {
    let (low, high) = raw.widen();
    [f32s_of_wide_f16(s, low), f32s_of_wide_f16(s, high)]
}

#[inline(always)]
fn f32s_of_wide_f16<S: Simd>(s: S, raw: S::u32s) -> S::f32s {
    let splat = |x| <S::u32s as SimdBase<S>>::splat(s, x);
    let magnitude = raw & splat(0x7fff);
    let moved: S::f32s = (magnitude << 13).bitcast();
    let scaled: S::u32s = (moved * f32::from_bits((127 + 112) << 23)).bitcast();
    // Infinities and NaNs keep the highest exponent.
    let special = magnitude.simd_ge(splat(0x7c00));
    let bits = special.select(scaled | splat(0x7f80_0000), scaled);
    (bits | ((raw & splat(0x8000)) << 16)).bitcast()
}

/// An element type that is summed in vectors.
pub trait Summed: Widened {
    /// The sums of one vector of elements.
    #[doc(hidden)]
    type Sums<S: Simd>: Accumulator<S, Item = f64>;
    #[doc(hidden)]
    const SUM_PARTS: usize;

    #[doc(hidden)]
    fn sum<S: Simd>(s: S, terms: Self::Wide<S>) -> Self::Sums<S>;
    #[doc(hidden)]
    fn add<S: Simd>(a: Self::Sums<S>, b: Self::Sums<S>) -> Self::Sums<S>;
    /// The sums, rounded to `f64`.
    #[doc(hidden)]
    fn total<S: Simd>(s: S, sums: Self::Sums<S>) -> Self::Wide<S>;
    /// What `mean` takes for a count of taps along some axes.
    #[doc(hidden)]
    fn share(count: f64) -> f64;
    /// The means for counts that are products of shares.
    #[doc(hidden)]
    fn mean<S: Simd>(totals: Self::Wide<S>, shares: Self::Wide<S>) -> Self::Wide<S>;
    #[doc(hidden)]
    fn narrow<S: Simd>(wide: Self::Wide<S>, y: &mut [Self]);
}

/// Types that `f64` has room to spare for: plain sums, times reciprocals of counts.
macro_rules! summed {
    ($($type:ident: $n:literal, |$wide:ident, $y:ident| $narrow:expr;)*) => {
        $(impl Summed for $type {
            type Sums<S: Simd> = Lanes<S::f64s, $n, 1>;
            const SUM_PARTS: usize = 1;

            #[inline(always)]
            fn sum<S: Simd>(_: S, terms: Self::Wide<S>) -> Self::Sums<S> {
                terms
            }

            #[inline(always)]
            fn add<S: Simd>(a: Self::Sums<S>, b: Self::Sums<S>) -> Self::Sums<S> {
                Doubles::<S>::add(a, b)
            }

            #[inline(always)]
            fn total<S: Simd>(_: S, sums: Self::Sums<S>) -> Self::Wide<S> {
                sums
            }

            fn share(count: f64) -> f64 {
                1.0 / count
            }

            #[inline(always)]
            fn mean<S: Simd>(totals: Self::Wide<S>, shares: Self::Wide<S>) -> Self::Wide<S> {
                Doubles::<S>::mul(totals, shares)
            }

            #[inline(always)]
            fn narrow<S: Simd>($wide: Self::Wide<S>, $y: &mut [$type]) {
                $narrow
            }
        })*
    };
}
summed! {
    f32: 2, |wide, y| {
        let [low, high] = wide.0[0];
        f32::store::<S>(low.narrow(high), y)
    };
    f16: 4, |wide, y| narrow_each::<S, f16, 4>(wide, y);
    bf16: 4, |wide, y| narrow_each::<S, bf16, 4>(wide, y);
}

#[inline(always)]
fn narrow_each<S: Simd, T: SumElement, const N: usize>(wide: Lanes<S::f64s, N, 1>, y: &mut [T]) {
    let lanes = <S::f64s as SimdBase<S>>::LEN;
    for n in 0..N {
        for lane in 0..lanes {
            y[n * lanes + lane] = T::from_f64(wide.0[0][n].as_slice()[lane]);
        }
    }
}

/// Sums beside the errors of their rounding so far (Knuth, TAOCP 4.2.2, theorem B).
impl Summed for f64 {
    type Sums<S: Simd> = Lanes<S::f64s, 1, 2>;
    const SUM_PARTS: usize = 2;

    #[inline(always)]
    fn sum<S: Simd>(s: S, terms: Self::Wide<S>) -> Self::Sums<S> {
        // Minus zero, so that a sum of nothing but it stays it.
        Lanes([terms.0[0], [<S::f64s as SimdBase<S>>::splat(s, -0.0)]])
    }

    #[inline(always)]
    fn add<S: Simd>(a: Self::Sums<S>, b: Self::Sums<S>) -> Self::Sums<S> {
        let ([[a], [lost_a]], [[b], [lost_b]]) = (a.0, b.0);
        let sum = a + b;
        let part = sum - a;
        let lost = (a - (sum - part)) + (b - part);
        Lanes([[sum], [lost_a + lost_b + lost]])
    }

    #[inline(always)]
    fn total<S: Simd>(s: S, sums: Self::Sums<S>) -> Self::Wide<S> {
        let [[sum], [lost]] = sums.0;
        // The error of a sum that is infinite or NaN is NaN and says nothing; that of a zero may change its sign.
        let largest = <S::f64s as SimdBase<S>>::splat(s, f64::MAX);
        let matters =
            sum.abs().simd_le(largest) & !lost.simd_eq(<S::f64s as SimdBase<S>>::splat(s, 0.0));
        Lanes([[matters.select(sum + lost, sum)]])
    }

    fn share(count: f64) -> f64 {
        count
    }

    #[inline(always)]
    fn mean<S: Simd>(totals: Self::Wide<S>, shares: Self::Wide<S>) -> Self::Wide<S> {
        Doubles::<S>::div(totals, shares)
    }

    #[inline(always)]
    fn narrow<S: Simd>(wide: Self::Wide<S>, y: &mut [f64]) {
        f64::store::<S>(wide.0[0][0], y);
    }
}

macro_rules! sum_element {
    ($($type:ty, $most:literal, |$x:ident| $to:expr, |$y:ident| $from:expr;)*) => {
        $(impl SumElement for $type {
            const MOST_PLAIN_POWER: f64 = $most;

            #[inline(always)]
            fn to_f64(self) -> f64 {
                let $x = self;
                $to
            }

            #[inline(always)]
            fn from_f64($y: f64) -> Self {
                $from
            }
        })*
    };
}
sum_element! {
    f32, 6.0, |x| x.into(), |x| x as f32;
    f16, 6.0, |x| x.to_f64(), |x| f16::from_f32(round_to_odd(x));
    bf16, 6.0, |x| x.to_f64(), |x| bf16::from_f32(round_to_odd(x));
    f64, 1.0, |x| x, |x| x;
}

/// `x` as an `f32` that a second rounding, to 16 bits, treats as it would treat `x`: of the two values
/// around an `x` between them, the one with odd bits (Boldo and Melquiond 2008). The conversions from `f64`
/// of the crate `half` round twice or drop bits.
fn round_to_odd(x: f64) -> f32 {
    let nearest = x as f32;
    let error = x - f64::from(nearest);
    let even = nearest.to_bits() & 1 == 0;
    if error > 0.0 && even {
        nearest.next_up()
    } else if error < 0.0 && even {
        nearest.next_down()
    } else {
        nearest
    }
}
