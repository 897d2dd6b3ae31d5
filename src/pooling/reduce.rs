//! What a pool does with the taps of a window: the reductions, and what they ask of an element.

use half::{bf16, f16};

use super::Plan;
use crate::error::OpError;
use crate::tensor::Element;

/// Folds the taps of a window, in row-major order, into one output.
pub(crate) trait Reduction<T>: Sync {
    /// What is carried from tap to tap.
    type Acc: Copy + Send;
    /// An output element.
    type Output: Send;

    /// One tap: element `x` at offset `at` of its plane.
    fn start(&self, x: T, at: usize) -> Self::Acc;
    /// No tap at all.
    fn empty(&self) -> Self::Acc;
    /// Two runs of taps, `a` before `b`.
    fn fold(&self, a: Self::Acc, b: Self::Acc) -> Self::Acc;
    /// The output of the window at spatial offset `at` of the result.
    fn finish(&self, acc: Self::Acc, at: usize) -> Self::Output;
}

/// An element type that max-pools take.
pub trait MaxElement: Element + Copy {
    /// The maximum of nothing.
    #[doc(hidden)]
    const LEAST: Self;

    #[doc(hidden)]
    fn is_nan(self) -> bool;

    /// Whether `self` takes the place of `held`, an earlier tap.
    #[doc(hidden)]
    fn beats(self, held: Self) -> bool;
}

macro_rules! max_element {
    ($($type:ty: $least:expr, |$x:ident| $is_nan:expr;)*) => {
        $(impl MaxElement for $type {
            const LEAST: Self = $least;

            #[inline(always)]
            fn is_nan(self) -> bool {
                let $x = self;
                $is_nan
            }

            #[inline(always)]
            fn beats(self, held: Self) -> bool {
                self > held || (self.is_nan() && !held.is_nan())
            }
        })*
    };
}
max_element! {
    f32: f32::NEG_INFINITY, |x| x.is_nan();
    f64: f64::NEG_INFINITY, |x| x.is_nan();
    f16: f16::NEG_INFINITY, |x| x.is_nan();
    bf16: bf16::NEG_INFINITY, |x| x.is_nan();
    i8: i8::MIN, |_x| false;
    u8: u8::MIN, |_x| false;
}

/// The maximum; the first of equal elements, the first NaN over all.
pub(crate) struct Max;

impl<T: MaxElement> Reduction<T> for Max {
    type Acc = T;
    type Output = T;

    fn start(&self, x: T, _: usize) -> T {
        x
    }

    fn empty(&self) -> T {
        T::LEAST
    }

    fn fold(&self, a: T, b: T) -> T {
        if b.beats(a) { b } else { a }
    }

    fn finish(&self, acc: T, _: usize) -> T {
        acc
    }
}

/// How the spatial part of an index counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageOrder {
    /// The last spatial axis fastest.
    #[default]
    RowMajor,
    /// The first spatial axis fastest. N and C still count row-major.
    ColumnMajor,
}

/// The maximum and its spatial offset, -1 for no tap.
pub(crate) struct MaxWithIndex {
    sizes: Vec<usize>,
    order: StorageOrder,
}

impl MaxWithIndex {
    pub(crate) fn new(plan: &Plan, order: StorageOrder) -> MaxWithIndex {
        MaxWithIndex {
            sizes: plan.axes().iter().map(|axis| axis.input).collect(),
            order,
        }
    }

    fn offset(&self, row_major: i64) -> i64 {
        if self.order == StorageOrder::RowMajor || row_major < 0 {
            return row_major;
        }
        let (mut rest, mut offset) = (row_major as usize, 0);
        let mut weight: usize = self.sizes.iter().product();
        for size in self.sizes.iter().rev() {
            weight /= size;
            offset += rest % size * weight;
            rest /= size;
        }
        offset as i64
    }
}

impl<T: MaxElement> Reduction<T> for MaxWithIndex {
    type Acc = (T, i64);
    type Output = (T, i64);

    fn start(&self, x: T, at: usize) -> (T, i64) {
        (x, at as i64)
    }

    fn empty(&self) -> (T, i64) {
        (T::LEAST, -1)
    }

    fn fold(&self, a: (T, i64), b: (T, i64)) -> (T, i64) {
        if b.0.beats(a.0) { b } else { a }
    }

    fn finish(&self, acc: (T, i64), _: usize) -> (T, i64) {
        (acc.0, self.offset(acc.1))
    }
}

/// An element type that average and Lp pools take.
///
/// Sums of types up to 32 bits are kept in `f64`, where a window of them is exact or nearly so;
/// sums of `f64` carry their rounding error along.
pub trait SumElement: Element + Copy {
    #[doc(hidden)]
    type Sum: Sum;

    /// The highest power whose sums stay in the range of `f64`, at both ends.
    #[doc(hidden)]
    const MOST_PLAIN_POWER: f64;

    #[doc(hidden)]
    fn to_f64(self) -> f64;

    /// Rounds once, to nearest, ties to even.
    #[doc(hidden)]
    fn from_f64(x: f64) -> Self;
}

/// A sum of `f64` terms.
#[doc(hidden)]
pub trait Sum: Copy + Send + 'static {
    fn of(x: f64) -> Self;
    fn add(self, other: Self) -> Self;
    fn scale(self, factor: f64) -> Self;
    fn total(self) -> f64;
}

impl Sum for f64 {
    fn of(x: f64) -> f64 {
        x
    }

    #[inline(always)]
    fn add(self, other: f64) -> f64 {
        self + other
    }

    fn scale(self, factor: f64) -> f64 {
        self * factor
    }

    fn total(self) -> f64 {
        self
    }
}

/// A sum and the error of its rounding so far (Knuth, TAOCP 4.2.2, theorem B).
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Compensated {
    sum: f64,
    error: f64,
}

impl Sum for Compensated {
    fn of(x: f64) -> Compensated {
        Compensated { sum: x, error: 0.0 }
    }

    #[inline(always)]
    fn add(self, other: Compensated) -> Compensated {
        let sum = self.sum + other.sum;
        let part = sum - self.sum;
        let error = (self.sum - (sum - part)) + (other.sum - part);
        Compensated {
            sum,
            error: self.error + other.error + error,
        }
    }

    fn scale(self, factor: f64) -> Compensated {
        Compensated {
            sum: self.sum * factor,
            error: self.error * factor,
        }
    }

    fn total(self) -> f64 {
        // The error of a sum that is infinite or NaN is NaN and says nothing.
        match self.sum.is_finite() {
            true => self.sum + self.error,
            false => self.sum,
        }
    }
}

macro_rules! sum_element {
    ($($type:ty, $sum:ty, $most:literal, |$x:ident| $to:expr, |$y:ident| $from:expr;)*) => {
        $(impl SumElement for $type {
            type Sum = $sum;

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
    f32, f64, 6.0, |x| x.into(), |x| x as f32;
    f16, f64, 6.0, |x| x.to_f64(), |x| f16::from_f32(round_to_odd(x));
    bf16, f64, 6.0, |x| x.to_f64(), |x| bf16::from_f32(round_to_odd(x));
    f64, Compensated, 1.0, |x| x, |x| x;
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

/// The number of taps that each window divides by, in the order of the spatial output. Pads can make it
/// larger than any integer type.
fn divisors(plan: &Plan, count_include_pad: bool) -> Vec<f64> {
    if plan.is_empty() {
        // An empty batch may have planes of any size.
        return Vec::new();
    }
    let mut divisors = vec![1.0];
    for axis in plan.axes() {
        let counts: Vec<f64> = (0..axis.output)
            .map(|o| match (axis.real_taps(o).1, count_include_pad) {
                (0, _) => 0.0,
                (_, true) => axis.padded_taps(o) as f64,
                (real, false) => real as f64,
            })
            .collect();
        divisors = divisors
            .iter()
            .flat_map(|outer| counts.iter().map(move |count| outer * count))
            .collect();
    }
    divisors
}

/// The mean: the sum over the number of taps that count, 0 for none.
pub(crate) struct Mean {
    divisors: Vec<f64>,
}

impl Mean {
    pub(crate) fn new(plan: &Plan, count_include_pad: bool) -> Mean {
        Mean {
            divisors: divisors(plan, count_include_pad),
        }
    }
}

impl<T: SumElement> Reduction<T> for Mean {
    type Acc = T::Sum;
    type Output = T;

    fn start(&self, x: T, _: usize) -> T::Sum {
        T::Sum::of(x.to_f64())
    }

    fn empty(&self) -> T::Sum {
        T::Sum::of(0.0)
    }

    fn fold(&self, a: T::Sum, b: T::Sum) -> T::Sum {
        a.add(b)
    }

    fn finish(&self, acc: T::Sum, at: usize) -> T {
        T::from_f64(match self.divisors[at] {
            0.0 => 0.0,
            divisor => acc.total() / divisor,
        })
    }
}

/// The exponent of a p-norm, at least 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Power(f64);

impl Power {
    pub(crate) fn new(p: f64) -> Result<Power, OpError> {
        match p >= 1.0 && p.is_finite() {
            true => Ok(Power(p)),
            false => Err(OpError::invalid("p", format!("is {p}, must be at least 1"))),
        }
    }

    /// Whether powers of `T` can leave the range of `f64` though the norm does not.
    fn needs_scale<T: SumElement>(self) -> bool {
        self.0 > T::MOST_PLAIN_POWER
    }

    fn of(self, magnitude: f64) -> f64 {
        match self.0 {
            1.0 => magnitude,
            2.0 => magnitude * magnitude,
            p if p.fract() == 0.0 && p <= f64::from(i32::MAX) => magnitude.powi(p as i32),
            p => magnitude.powf(p),
        }
    }

    fn root(self, sum: f64) -> f64 {
        match self.0 {
            1.0 => sum,
            2.0 => sum.sqrt(),
            3.0 => sum.cbrt(),
            p => sum.powf(1.0 / p),
        }
    }
}

/// The p-norm: the p-th root of the sum of the p-th powers of the magnitudes.
pub(crate) struct PowerSum(pub(crate) Power);

/// `scale^p * sum`; the scale is the largest magnitude where one is needed, else 1.
#[derive(Clone, Copy)]
pub(crate) struct Scaled<S> {
    scale: f64,
    sum: S,
}

impl<T: SumElement> Reduction<T> for PowerSum {
    type Acc = Scaled<T::Sum>;
    type Output = T;

    fn start(&self, x: T, _: usize) -> Self::Acc {
        let magnitude = x.to_f64().abs();
        if !self.0.needs_scale::<T>() {
            return Scaled {
                scale: 1.0,
                sum: T::Sum::of(self.0.of(magnitude)),
            };
        }
        let (scale, sum) = match magnitude {
            0.0 => (0.0, 0.0),
            // The largest of all scales, so that no other term hides it.
            nan if nan.is_nan() => (f64::INFINITY, nan),
            magnitude => (magnitude, 1.0),
        };
        Scaled {
            scale,
            sum: T::Sum::of(sum),
        }
    }

    fn empty(&self) -> Self::Acc {
        Scaled {
            scale: if self.0.needs_scale::<T>() { 0.0 } else { 1.0 },
            sum: T::Sum::of(0.0),
        }
    }

    fn fold(&self, a: Self::Acc, b: Self::Acc) -> Self::Acc {
        let sum = if a.scale == b.scale {
            a.sum.add(b.sum)
        } else if a.scale > b.scale {
            a.sum.add(b.sum.scale(self.0.of(b.scale / a.scale)))
        } else {
            b.sum.add(a.sum.scale(self.0.of(a.scale / b.scale)))
        };
        Scaled {
            scale: a.scale.max(b.scale),
            sum,
        }
    }

    fn finish(&self, acc: Self::Acc, _: usize) -> T {
        T::from_f64(acc.scale * self.0.root(acc.sum.total()))
    }
}

/// How real numbers become integers: `zero_point` stands for 0, `scale` for one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantization<T> {
    pub(crate) scale: f32,
    pub(crate) zero_point: T,
}

/// The mean of quantized elements: exact integer sums, then one rounding to nearest, ties to even,
/// before the zero point is added, in the order of QuantizeLinear.
pub(crate) struct QuantizedMean<T> {
    pub(crate) x: Quantization<T>,
    pub(crate) y: Quantization<T>,
    divisors: Vec<f64>,
}

impl<T> QuantizedMean<T> {
    pub(crate) fn new(
        plan: &Plan,
        count_include_pad: bool,
        x: Quantization<T>,
        y: Quantization<T>,
    ) -> QuantizedMean<T> {
        QuantizedMean {
            x,
            y,
            divisors: divisors(plan, count_include_pad),
        }
    }
}

impl<T: Element + Copy + Into<i64> + TryFrom<i64>> Reduction<T> for QuantizedMean<T> {
    type Acc = i64;
    type Output = T;

    fn start(&self, x: T, _: usize) -> i64 {
        x.into() - self.x.zero_point.into()
    }

    fn empty(&self) -> i64 {
        0
    }

    fn fold(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    fn finish(&self, acc: i64, at: usize) -> T {
        let mean = match self.divisors[at] {
            0.0 => 0.0,
            divisor => acc as f64 * f64::from(self.x.scale) / divisor,
        };
        let (least, most) = match T::try_from(-1) {
            Ok(_) => (-128, 127),
            Err(_) => (0, 255),
        };
        let steps = (mean / f64::from(self.y.scale)).round_ties_even();
        let quantized = (steps + self.y.zero_point.into() as f64).clamp(least as f64, most as f64);
        T::try_from(quantized as i64)
            .ok()
            .expect("clamped to the range of the type")
    }
}
