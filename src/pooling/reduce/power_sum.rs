//! The p-norm, where powers and their sums stay in the range of `f64`.

use fearless_simd::Simd;

use super::sum::Doubles;
use super::{Places, Reduction, SumElement};
use crate::error::OpError;
use crate::pooling::lanes::MOST_LANES;

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
    pub(crate) fn needs_scale<T: SumElement>(self) -> bool {
        self.0 > T::MOST_PLAIN_POWER
    }

    /// The power of each magnitude.
    #[inline(always)]
    pub(super) fn of<S: Simd, D: Doubles<S>>(self, s: S, magnitudes: D) -> D {
        match self.0 {
            1.0 => magnitudes,
            2.0 => magnitudes.mul(magnitudes),
            p => each(s, magnitudes, p, |p, magnitude| {
                match p.fract() == 0.0 && p <= f64::from(i32::MAX) {
                    true => magnitude.powi(p as i32),
                    false => magnitude.powf(p),
                }
            }),
        }
    }

    /// The root of each sum.
    #[inline(always)]
    pub(super) fn root<S: Simd, D: Doubles<S>>(self, s: S, sums: D) -> D {
        match self.0 {
            1.0 => sums,
            2.0 => sums.sqrt(),
            p => each(s, sums, p, |p, sum| match p {
                3.0 => sum.cbrt(),
                p => sum.powf(1.0 / p),
            }),
        }
    }
}

/// `of` the power and each lane, for functions that no vector instruction has.
#[inline(always)]
fn each<S: Simd, D: Doubles<S>>(s: S, lanes: D, p: f64, of: fn(f64, f64) -> f64) -> D {
    let mut values = [0.0; MOST_LANES];
    lanes.write(&mut values);
    replace_each(&mut values[..size_of::<D>() / size_of::<f64>()], p, of);
    D::of(s, &values)
}

#[inline(never)]
fn replace_each(values: &mut [f64], p: f64, of: fn(f64, f64) -> f64) {
    for value in values {
        *value = of(p, *value);
    }
}

/// The p-norm: the p-th root of the sum of the p-th powers of the magnitudes.
pub(crate) struct PowerSum(pub(crate) Power);

impl<T: SumElement> Reduction<T> for PowerSum {
    type Item = f64;
    type Acc<S: Simd> = T::Sums<S>;
    type Divisor<S: Simd> = ();
    const PARTS: usize = T::SUM_PARTS;
    const IDEMPOTENT: bool = false;
    const STRIPS: bool = size_of::<T>() == 4;

    fn absent(&self) -> T {
        T::from_f64(0.0)
    }

    #[inline(always)]
    fn start<S: Simd>(&self, s: S, x: T::Raw<S>, _: Places) -> T::Sums<S> {
        T::sum(s, self.0.of(s, T::widen(s, x).abs()))
    }

    #[inline(always)]
    fn start_from<S: Simd>(&self, s: S, x: &[T], _: Places) -> T::Sums<S> {
        T::sum(s, self.0.of(s, T::widen_from(s, x).abs()))
    }

    #[inline(always)]
    fn fold<S: Simd>(&self, _: S, a: T::Sums<S>, b: T::Sums<S>) -> T::Sums<S> {
        T::add(a, b)
    }

    #[inline(always)]
    fn divisor<S: Simd>(&self, _: S, _: f64, _: &[f64]) {}

    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        s: S,
        acc: T::Sums<S>,
        _: (),
        _: usize,
        values: &mut [T],
        _: &mut [i64],
    ) {
        T::narrow(self.0.root(s, T::total(s, acc)), values);
    }
}
