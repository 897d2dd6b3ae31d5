//! The mean of quantized elements.

use fearless_simd::Simd;

use super::mean::count;
use super::sum::{Doubles, Widened};
use super::{Places, Reduction};
use crate::pooling::lanes::MOST_LANES;
use crate::tensor::Element;
use crate::window::Axis;

/// How real numbers become integers: `zero_point` stands for 0, `scale` for one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantization<T> {
    pub(crate) scale: f32,
    pub(crate) zero_point: T,
}

/// The mean of quantized elements: exact sums of integers, then one rounding to nearest, ties to even,
/// before the zero point is added, in the order of QuantizeLinear.
pub(crate) struct QuantizedMean<T> {
    pub(crate) x: Quantization<T>,
    pub(crate) y: Quantization<T>,
    pub(crate) count_include_pad: bool,
}

/// A quantized element type: integers of 8 bits.
pub(crate) trait Quantized: Element + Widened + Into<f64> {
    const LEAST: f64;
    const MOST: f64;

    /// Rounds to an integer, which is in range.
    fn of(x: f64) -> Self;
}

macro_rules! quantized {
    ($($type:ident)*) => {
        $(impl Quantized for $type {
            const LEAST: f64 = $type::MIN as f64;
            const MOST: f64 = $type::MAX as f64;

            fn of(x: f64) -> Self {
                x as $type
            }
        })*
    };
}
quantized!(i8 u8);

impl<T: Quantized> Reduction<T> for QuantizedMean<T> {
    // Integers, of which `f64` holds sums of 2^45 elements.
    type Item = f64;
    type Acc<S: Simd> = T::Wide<S>;
    type Divisor<S: Simd> = T::Wide<S>;
    const PARTS: usize = 1;
    const IDEMPOTENT: bool = false;
    const DIVIDES: bool = true;

    fn absent(&self) -> T {
        self.x.zero_point
    }

    fn nothing(&self) -> T {
        self.y.zero_point
    }

    #[inline(always)]
    fn start<S: Simd>(&self, s: S, x: T::Raw<S>, _: Places) -> T::Wide<S> {
        T::widen(s, x).sub(T::Wide::splat(s, self.x.zero_point.into()))
    }

    #[inline(always)]
    fn fold<S: Simd>(&self, _: S, a: T::Wide<S>, b: T::Wide<S>) -> T::Wide<S> {
        a.add(b)
    }

    fn share(&self, axis: &Axis, o: usize) -> f64 {
        count(axis, o, self.count_include_pad)
    }

    #[inline(always)]
    fn divisor<S: Simd>(&self, s: S, row: f64, columns: &[f64]) -> T::Wide<S> {
        T::Wide::of(s, columns).mul(T::Wide::splat(s, row))
    }

    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        s: S,
        acc: T::Wide<S>,
        count: T::Wide<S>,
        _: usize,
        values: &mut [T],
        _: &mut [i64],
    ) {
        let splat = |x| T::Wide::splat(s, x);
        let mean = acc.mul(splat(self.x.scale.into())).div(count);
        let steps = mean.div(splat(self.y.scale.into())).round_ties_even();
        let mut quantized = [0.0; MOST_LANES];
        steps
            .add(splat(self.y.zero_point.into()))
            .write(&mut quantized);
        for lane in 0..values.len() {
            values[lane] = T::of(quantized[lane].clamp(T::LEAST, T::MOST));
        }
    }
}
