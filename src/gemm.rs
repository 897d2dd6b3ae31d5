//! Products of matrices of any element type that has them: floats by ndarray's `general_mat_mul`, the
//! 16-bit ones as f32, integers by plain loops that wrap.
//!
//! Large products are cut into pieces that run in parallel. The cuts depend on the sizes alone, so that
//! the bits of the result are the same for all thread counts.

mod row;

use std::borrow::Cow;

use half::{bf16, f16};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use crate::tensor::Element;

/// Multiplications that are worth a task of their own.
const GRAIN: usize = 1 << 21;

/// The most pieces that a product is cut into.
const PIECES: usize = 32;

/// An element type that products are summed up in.
pub(crate) trait Sum: Element + Copy {
    const ZERO: Self;
    const ONE: Self;

    /// `self + a * b`; integers wrap.
    fn plus_product(self, a: Self, b: Self) -> Self;

    /// `c = a b`, or `c += a b`, on this thread.
    fn multiply(
        a: &ArrayView2<'_, Self>,
        b: &ArrayView2<'_, Self>,
        add: bool,
        c: &mut ArrayViewMut2<'_, Self>,
    );
}

macro_rules! float_sums {
    ($($type:ty, $row:path);*) => {
        $(impl Sum for $type {
            const ZERO: $type = 0.0;
            const ONE: $type = 1.0;

            #[inline(always)]
            fn plus_product(self, a: $type, b: $type) -> $type {
                self + a * b
            }

            fn multiply(
                a: &ArrayView2<'_, $type>,
                b: &ArrayView2<'_, $type>,
                add: bool,
                c: &mut ArrayViewMut2<'_, $type>,
            ) {
                if !$row(a, b, add, c) {
                    general_mat_mul(1.0, a, b, if add { 1.0 } else { 0.0 }, c);
                }
            }
        })*
    };
}
float_sums!(f32, row::of_f32; f64, row::of_f64);

macro_rules! integer_sums {
    ($($type:ty),*) => {
        $(impl Sum for $type {
            const ZERO: $type = 0;
            const ONE: $type = 1;

            #[inline(always)]
            fn plus_product(self, a: $type, b: $type) -> $type {
                self.wrapping_add(a.wrapping_mul(b))
            }

            fn multiply(
                a: &ArrayView2<'_, $type>,
                b: &ArrayView2<'_, $type>,
                add: bool,
                c: &mut ArrayViewMut2<'_, $type>,
            ) {
                if !add {
                    c.fill(0);
                }
                for (a, mut c) in a.rows().into_iter().zip(c.rows_mut()) {
                    for (&a, b) in a.iter().zip(b.rows()) {
                        match (c.as_slice_mut(), b.as_slice()) {
                            (Some(c), Some(b)) => {
                                for (c, &b) in c.iter_mut().zip(b) {
                                    *c = c.plus_product(a, b);
                                }
                            }
                            _ => {
                                for (c, &b) in c.iter_mut().zip(b) {
                                    *c = c.plus_product(a, b);
                                }
                            }
                        }
                    }
                }
            }
        })*
    };
}
integer_sums!(i32, i64, u32, u64);

/// An element type that matrices are made of.
pub(crate) trait Factor: Element + Copy {
    /// The type that its products are summed up in.
    type Sum: Sum;

    fn widen(self) -> Self::Sum;

    fn narrow(sum: Self::Sum) -> Self;

    /// The elements in the type of sums, copied where that is another.
    fn widened(x: &[Self]) -> Cow<'_, [Self::Sum]>;

    /// The matrix, where sums have its type.
    fn sums(
        c: ArrayViewMut2<'_, Self>,
    ) -> Result<ArrayViewMut2<'_, Self::Sum>, ArrayViewMut2<'_, Self>>;
}

macro_rules! own_sums {
    ($($type:ty),*) => {
        $(impl Factor for $type {
            type Sum = $type;

            #[inline(always)]
            fn widen(self) -> $type {
                self
            }

            #[inline(always)]
            fn narrow(sum: $type) -> $type {
                sum
            }

            fn widened(x: &[$type]) -> Cow<'_, [$type]> {
                Cow::Borrowed(x)
            }

            fn sums(c: ArrayViewMut2<'_, $type>) -> Result<ArrayViewMut2<'_, $type>, ArrayViewMut2<'_, $type>> {
                Ok(c)
            }
        })*
    };
}
own_sums!(f32, f64, i32, i64, u32, u64);

macro_rules! f32_sums {
    ($($type:ty),*) => {
        $(impl Factor for $type {
            type Sum = f32;

            #[inline(always)]
            fn widen(self) -> f32 {
                self.to_f32()
            }

            #[inline(always)]
            fn narrow(sum: f32) -> $type {
                <$type>::from_f32(sum)
            }

            fn widened(x: &[$type]) -> Cow<'_, [f32]> {
                Cow::Owned(x.iter().map(|x| x.to_f32()).collect())
            }

            fn sums(c: ArrayViewMut2<'_, $type>) -> Result<ArrayViewMut2<'_, f32>, ArrayViewMut2<'_, $type>> {
                Err(c)
            }
        })*
    };
}
f32_sums!(f16, bf16);

/// Bytes that [`Factor::widened`] takes for `len` elements.
pub(crate) fn widened_bytes<T: Factor>(len: usize) -> usize {
    match T::DTYPE == <T::Sum as Element>::DTYPE {
        true => 0,
        false => len.saturating_mul(size_of::<T::Sum>()),
    }
}

/// A matrix of `rows` in C order; `transposed` if the elements are those of its transpose.
pub(crate) fn matrix<T>(
    elements: &[T],
    rows: usize,
    columns: usize,
    transposed: bool,
) -> ArrayView2<'_, T> {
    let view = match transposed {
        false => ArrayView2::from_shape((rows, columns), elements),
        true => ArrayView2::from_shape((columns, rows), elements).map(ArrayView2::reversed_axes),
    };
    view.expect("the elements fill the matrix")
}

/// `c = a b`, or `c += a b`; in parallel if it is large.
pub(crate) fn multiply<S: Sum>(
    a: &ArrayView2<'_, S>,
    b: &ArrayView2<'_, S>,
    add: bool,
    c: &mut ArrayViewMut2<'_, S>,
) {
    let (rows, columns) = c.dim();
    if rows == 0 || columns == 0 {
        return;
    }
    let work = rows.saturating_mul(columns).saturating_mul(a.ncols());
    let pieces = (work / GRAIN).min(PIECES);
    if pieces < 2 {
        return S::multiply(a, b, add, c);
    }
    // Whole tiles of the kernels, so that few are cut.
    let size = |len: usize| len.div_ceil(pieces).next_multiple_of(32);
    match rows >= columns {
        true => {
            let pieces = c.axis_chunks_iter_mut(Axis(0), size(rows));
            let pieces: Vec<_> = a
                .axis_chunks_iter(Axis(0), size(rows))
                .zip(pieces)
                .collect();
            pieces
                .into_par_iter()
                .for_each(|(a, mut c)| S::multiply(&a, b, add, &mut c));
        }
        false => {
            let pieces = c.axis_chunks_iter_mut(Axis(1), size(columns));
            let pieces: Vec<_> = b
                .axis_chunks_iter(Axis(1), size(columns))
                .zip(pieces)
                .collect();
            pieces
                .into_par_iter()
                .for_each(|(b, mut c)| S::multiply(a, &b, add, &mut c));
        }
    }
}

/// `c = a b`, or `start[r]` more in each row `r`, by way of `multiply`. What is narrower than its sums goes
/// through a copy of `c`.
pub(crate) fn multiply_rows<T: Factor>(
    a: &ArrayView2<'_, T::Sum>,
    b: &ArrayView2<'_, T::Sum>,
    start: Option<&[T::Sum]>,
    c: ArrayViewMut2<'_, T>,
    multiply: impl Fn(
        &ArrayView2<'_, T::Sum>,
        &ArrayView2<'_, T::Sum>,
        bool,
        &mut ArrayViewMut2<'_, T::Sum>,
    ),
) {
    let run = |c: &mut ArrayViewMut2<'_, T::Sum>| {
        for (row, &start) in c.rows_mut().into_iter().zip(start.unwrap_or_default()) {
            let mut row = row;
            row.fill(start);
        }
        multiply(a, b, start.is_some(), c);
    };
    match T::sums(c) {
        Ok(mut c) => run(&mut c),
        Err(mut c) => {
            let mut sums = vec![T::Sum::ZERO; c.len()];
            let dim = c.dim();
            run(&mut ArrayViewMut2::from_shape(dim, &mut sums).expect("as many as c has"));
            for (c, &sum) in c.iter_mut().zip(&sums) {
                *c = T::narrow(sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_agree_with_sums_of_products() {
        for (rows, inner, columns) in [
            (3, 4, 5),
            (700, 33, 200),
            (90, 100, 900),
            (2, 0, 3),
            (0, 2, 2),
        ] {
            let numbers =
                |len: usize| -> Vec<f64> { (0..len).map(|i| (i * 7 % 23) as f64 - 11.0).collect() };
            let (a, b) = (numbers(rows * inner), numbers(inner * columns));
            let mut c = vec![1.0; rows * columns];
            let mut view = ArrayViewMut2::from_shape((rows, columns), &mut c).expect("it fits");
            multiply(
                &matrix(&a, rows, inner, false),
                &matrix(&b, inner, columns, true),
                true,
                &mut view,
            );
            for row in 0..rows {
                for column in 0..columns {
                    let sum: f64 = (0..inner)
                        .map(|k| a[row * inner + k] * b[column * inner + k])
                        .sum();
                    assert_eq!(c[row * columns + column], sum + 1.0);
                }
            }
        }
    }

    #[test]
    fn integers_wrap_and_narrow_floats_are_rounded_once() {
        let (a, b) = ([i32::MAX, 1], [2, 3]);
        let mut c = [0];
        let mut view = ArrayViewMut2::from_shape((1, 1), &mut c).expect("it fits");
        multiply(
            &matrix(&a, 1, 2, false),
            &matrix(&b, 2, 1, false),
            false,
            &mut view,
        );
        assert_eq!(c, [1]);
        let a = f16::widened(&[f16::from_f32(2048.0), f16::ONE, f16::ONE]).into_owned();
        let mut c = [f16::ZERO];
        let view = ArrayViewMut2::from_shape((1, 1), &mut c).expect("it fits");
        let ones = [1.0; 3];
        multiply_rows::<f16>(
            &matrix(&a, 1, 3, false),
            &matrix(&ones, 3, 1, false),
            Some(&[2.0]),
            view,
            multiply,
        );
        assert_eq!(c[0].to_f32(), 2052.0);
    }
}
