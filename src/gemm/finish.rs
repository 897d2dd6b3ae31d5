//! What is done to sums before they leave the cache.

use super::Sum;

/// A function of single elements, in the form of the operator that it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activation<T> {
    Identity,
    Relu,
    /// The bounds; an infinite one holds nothing back.
    Clip(T, T),
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

/// What is done to a matrix: something is added, then a function applied.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a, T> {
    /// What is added to element `[r, c]` lies at `r * pitch + c`.
    pub(crate) plus: Option<&'a [T]>,
    pub(crate) pitch: usize,
    pub(crate) activation: Activation<T>,
}

impl<'a, T: Sum> Finish<'a, T> {
    /// Nothing.
    pub(crate) const NONE: Finish<'a, T> = Finish {
        plus: None,
        pitch: 0,
        activation: Activation::Identity,
    };

    /// For the part of the matrix from `row` and `column` on.
    pub(crate) fn part(self, row: usize, column: usize) -> Finish<'a, T> {
        Finish {
            plus: self.plus.map(|plus| &plus[row * self.pitch + column..]),
            ..self
        }
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
        match self.activation {
            Activation::Identity => {}
            Activation::Relu => {
                for i in 0..y.len() {
                    y[i] = if y[i] <= T::ZERO { T::ZERO } else { y[i] };
                }
            }
            Activation::Clip(min, max) => {
                for i in 0..y.len() {
                    let above = if y[i] < min { min } else { y[i] };
                    y[i] = if above > max { max } else { above };
                }
            }
        }
    }
}
