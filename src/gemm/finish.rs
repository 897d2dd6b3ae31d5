//! What is done to sums before they are stored.

use fearless_simd::{Select, Simd, SimdBase, SimdFloatElement};

use super::Sum;
use crate::simd::second_of_equals;

/// A function of single elements, in the form of the operator that it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activation<T> {
    Identity,
    Relu,
    /// The bounds; an infinite one holds nothing back.
    Clip(T, T),
}

impl<T: Sum> Activation<T> {
    /// What it holds its results between; NaN stays NaN.
    pub(crate) fn bounds(self) -> [T; 2] {
        match self {
            Activation::Identity => *T::UNBOUNDED,
            Activation::Relu => [T::ZERO, T::UNBOUNDED[1]],
            Activation::Clip(min, max) => [min, max],
        }
    }
}

impl<T> Activation<T> {
    pub(crate) fn map<U>(self, number: impl Fn(T) -> U) -> Activation<U> {
        match self {
            Activation::Identity => Activation::Identity,
            Activation::Relu => Activation::Relu,
            Activation::Clip(min, max) => Activation::Clip(number(min), number(max)),
        }
    }
}

/// What is done to a matrix: something is added, then the sums are held between bounds.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a, T> {
    /// What is added to element `[r, c]` lies at `r * pitch + c`.
    pub(crate) plus: Option<&'a [T]>,
    pub(crate) pitch: usize,
    /// Behind a reference, so that kernels read them where they use them: there is no register to keep them in meanwhile.
    pub(crate) bounds: &'a [T; 2],
}

impl<'a, T: Sum> Finish<'a, T> {
    /// Nothing.
    pub(crate) const NONE: Finish<'static, T> = Finish {
        plus: None,
        pitch: 0,
        bounds: T::UNBOUNDED,
    };

    /// Itself, unless it changes nothing.
    pub(crate) fn effective(self) -> Option<Finish<'a, T>> {
        (self.plus.is_some() || self.bounds != T::UNBOUNDED).then_some(self)
    }

    /// For the part of the matrix from `row` and `column` on.
    #[inline(always)]
    pub(crate) fn part(self, row: usize, column: usize) -> Finish<'a, T> {
        let plus = match self.plus {
            Some(plus) => Some(&plus[row * self.pitch + column..]),
            None => None,
        };
        Finish { plus, ..self }
    }

    /// For plane `number` of planes of `len` elements, as one row.
    pub(crate) fn plane(self, number: usize, len: usize) -> Finish<'a, T> {
        Finish { pitch: len, ..self }.part(number, 0)
    }

    /// Does it to the elements of row `row` from `column` on.
    #[inline(always)]
    pub(crate) fn apply(self, row: usize, column: usize, y: &mut [T]) {
        if let Some(plus) = self.plus {
            let plus = &plus[row * self.pitch + column..][..y.len()];
            for i in 0..y.len() {
                y[i] = y[i].plus(plus[i]);
            }
        }
        for i in 0..y.len() {
            y[i] = self.hold(y[i]);
        }
    }

    /// A number held between the bounds; NaN stays.
    #[inline(always)]
    pub(crate) fn hold(self, x: T) -> T {
        let [low, high] = *self.bounds;
        let above = if x < low { low } else { x };
        if above > high { high } else { above }
    }

    /// As [`Finish::apply`], to vectors that follow each other in each of some rows.
    #[inline(always)]
    pub(crate) fn apply_to<S: Simd, const VECTORS: usize, const HEIGHT: usize>(
        self,
        s: S,
        column: usize,
        y: &mut [[T::Native<S>; VECTORS]; HEIGHT],
    ) where
        T: SimdFloatElement,
    {
        let len = <T::Native<S> as SimdBase<S>>::LEN;
        // Two loops of short bodies: each is unrolled, so that the vectors need not lie in memory.
        if let Some(plus) = self.plus {
            for r in 0..HEIGHT {
                let plus = &plus[r * self.pitch + column..][..VECTORS * len];
                for v in 0..VECTORS {
                    let plus = &plus[v * len..(v + 1) * len];
                    y[r][v] += <T::Native<S> as SimdBase<S>>::from_slice(s, plus);
                }
            }
        }
        let low = <T::Native<S> as SimdBase<S>>::splat(s, self.bounds[0]);
        let high = <T::Native<S> as SimdBase<S>>::splat(s, self.bounds[1]);
        for r in 0..HEIGHT {
            for v in 0..VECTORS {
                y[r][v] = if second_of_equals(s) {
                    high.min(low.max(y[r][v]))
                } else {
                    let above = y[r][v].simd_lt(low).select(low, y[r][v]);
                    above.simd_gt(high).select(high, above)
                };
            }
        }
    }
}
