//! Products of matrices of any element type that has them; the 16-bit floats as f32. Integers wrap.
//!
//! A left matrix is laid out in panels of rows and a right one in panels of columns, which register tiles multiply.
//! Large products are cut into pieces that run in parallel; the bits of the result are the same for all thread counts.

#![allow(
    clippy::manual_map,
    clippy::needless_range_loop,
    clippy::too_many_arguments,
    reason = "kernels are plain loops over all that they read: adapters do not inline across instruction sets"
)]

mod dots;
mod edge;
mod few;
mod finish;
mod laid;
mod panels;
mod plain;
mod product;
pub(crate) mod quantized;
mod right_panels;
mod tile;
mod vector;
mod weighted;

use std::borrow::Cow;

use bytemuck::Pod;
use fearless_simd::Level;
use fearless_simd::Simd as Vectors;
use half::{bf16, f16};
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice};

use crate::buffer::{Item, LEFT};
use crate::error::OpError;
use crate::parts;
use crate::simd::LANES;
use crate::stop;
use crate::tensor::Element;
pub(crate) use finish::{Activation, Finish};
pub(crate) use laid::Laid;
pub(crate) use panels::{
    COLUMNS, Left, ROWS, Right, lay_left, lay_right, lay_right_on_all, left_len, panel_columns,
};
use product::DEPTH;
pub(crate) use product::{
    multiply as multiply_panels, pieces, rows_of as multiply_into_rows, scratch_bytes, threads_for,
};
pub(crate) use right_panels::RightPanels;
use tile::Block;
pub(crate) use tile::Start;
pub(crate) use weighted::{PLANE_ROWS, Planes, Runs};

/// An element type that products are summed up in.
pub(crate) trait Sum: Element + Item + Pod + PartialOrd {
    const ZERO: Self;
    const ONE: Self;
    /// What is read in the place of rows outside of a plane.
    const ZEROS: &'static [Self; 1024];
    /// As many ones as a vector may have elements, between as many zeros.
    const ONES: &'static [Self; 3 * LANES];
    /// The bounds that hold nothing back.
    const UNBOUNDED: &'static [Self; 2];

    /// `self + other`; integers wrap.
    fn plus(self, other: Self) -> Self;

    /// `self + a * b`; integers wrap.
    fn plus_product(self, a: Self, b: Self) -> Self;

    /// Multiplies a left panel with some right ones, into their columns of `rows`, which are then finished.
    fn block<S: Vectors>(
        s: S,
        block: Block<'_, Self>,
        start: Start<'_, Self>,
        finish: Option<Finish<'_, Self>>,
        rows: &mut [&mut [Self]],
    );

    /// The sums of the products of `a` and each column of `b`, which are not shorter. They are not whole where the run is to
    /// stop.
    fn dots<S: Vectors, const COUNT: usize>(s: S, a: &[Self], b: [&[Self]; COUNT])
    -> [Self; COUNT];

    /// Sums of `start` and elements of runs of `x` times those of `w` for each tap, which are then finished as row 0. There are
    /// 64 elements more behind the runs.
    fn weighted<S: Vectors>(
        s: S,
        x: &[Self],
        runs: Runs<'_>,
        w: &[Self],
        start: Self,
        finish: Finish<'_, Self>,
        y: &mut [Self],
    );

    /// The sums of planes one after the other: `start` and three by three neighbours times `w`, which are then finished as rows.
    /// How many are done: of some types none, and of others those before the first one whose vectors do not lie on the tensor.
    fn of_neighbours<S: Vectors>(
        s: S,
        planes: Planes<'_, Self>,
        w: &[[Self; 9]],
        start: Option<&[Self]>,
        finish: Finish<'_, Self>,
        y: &mut [Self],
    ) -> usize;
}

macro_rules! sums {
    ($($type:ty, $low:expr, $high:expr, $block:path, $dots:path, $weighted:path, $neighbours:path, |$a:ident, $b:ident| $plus:expr, $product:expr;)*) => {
        $(impl Sum for $type {
            const ZERO: $type = 0 as $type;
            const ONE: $type = 1 as $type;
            const ZEROS: &'static [$type; 1024] = &[0 as $type; 1024];
            const ONES: &'static [$type; 3 * LANES] = &{
                let mut ones = [0 as $type; 3 * LANES];
                let mut at = LANES;
                while at < 2 * LANES {
                    ones[at] = 1 as $type;
                    at += 1;
                }
                ones
            };
            const UNBOUNDED: &'static [$type; 2] = &[$low, $high];

            #[inline(always)]
            fn plus(self, $b: $type) -> $type {
                let $a = self;
                $plus
            }

            #[inline(always)]
            fn plus_product(self, $a: $type, $b: $type) -> $type {
                let $b = $product;
                self.plus($b)
            }

            #[inline(always)]
            fn block<S: Vectors>(
                s: S,
                block: Block<'_, Self>,
                start: Start<'_, Self>,
                finish: Option<Finish<'_, Self>>,
                rows: &mut [&mut [Self]],
            ) {
                $block(s, block, start, finish, rows);
            }

            #[inline(always)]
            fn dots<S: Vectors, const COUNT: usize>(
                s: S,
                a: &[Self],
                b: [&[Self]; COUNT],
            ) -> [Self; COUNT] {
                $dots(s, a, b)
            }

            #[inline(always)]
            fn weighted<S: Vectors>(
                s: S,
                x: &[Self],
                runs: Runs<'_>,
                w: &[Self],
                start: Self,
                finish: Finish<'_, Self>,
                y: &mut [Self],
            ) {
                $weighted(s, x, runs, w, start, finish, y);
            }

            #[inline(always)]
            fn of_neighbours<S: Vectors>(
                s: S,
                planes: Planes<'_, Self>,
                w: &[[Self; 9]],
                start: Option<&[Self]>,
                finish: Finish<'_, Self>,
                y: &mut [Self],
            ) -> usize {
                $neighbours(s, planes, w, start, finish, y)
            }
        })*
    };
}
sums! {
    f32, f32::NEG_INFINITY, f32::INFINITY, tile::floats, dots::floats, weighted::floats, weighted::of_neighbours, |a, b| a + b, a * b;
    f64, f64::NEG_INFINITY, f64::INFINITY, tile::floats, dots::floats, weighted::floats, weighted::of_neighbours, |a, b| a + b, a * b;
    i32, i32::MIN, i32::MAX, plain::block, plain::dots, plain::weighted, plain::of_neighbours, |a, b| a.wrapping_add(b), a.wrapping_mul(b);
    i64, i64::MIN, i64::MAX, plain::block, plain::dots, plain::weighted, plain::of_neighbours, |a, b| a.wrapping_add(b), a.wrapping_mul(b);
    u32, u32::MIN, u32::MAX, plain::block, plain::dots, plain::weighted, plain::of_neighbours, |a, b| a.wrapping_add(b), a.wrapping_mul(b);
    u64, u64::MIN, u64::MAX, plain::block, plain::dots, plain::weighted, plain::of_neighbours, |a, b| a.wrapping_add(b), a.wrapping_mul(b);
}

/// An element type that matrices are made of.
pub(crate) trait Factor: Element + Copy {
    /// The type that its products are summed up in.
    type Sum: Sum;

    fn widen(self) -> Self::Sum;

    fn narrow(sum: Self::Sum) -> Self;

    /// The elements in the type of sums, copied where that is another.
    ///
    /// # Errors
    /// The run is to stop.
    fn widened(x: &[Self]) -> Result<Cow<'_, [Self::Sum]>, OpError>;

    /// The elements, where sums have their type.
    fn sums(c: &mut [Self]) -> Result<&mut [Self::Sum], &mut [Self]>;
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

            fn widened(x: &[$type]) -> Result<Cow<'_, [$type]>, OpError> {
                Ok(Cow::Borrowed(x))
            }

            fn sums(c: &mut [$type]) -> Result<&mut [$type], &mut [$type]> {
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

            fn widened(x: &[$type]) -> Result<Cow<'_, [f32]>, OpError> {
                parts::collected(x.iter().map(|x| x.to_f32())).map(Cow::Owned)
            }

            fn sums(c: &mut [$type]) -> Result<&mut [f32], &mut [$type]> {
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

/// Bytes that [`multiply`] takes for itself.
pub(crate) fn multiply_bytes<S: Sum>(rows: usize, inner: usize, columns: usize) -> usize {
    if rows < 2 || columns < 2 {
        return 0;
    }
    left_len(rows, inner)
        .saturating_mul(size_of::<[S; ROWS]>())
        .saturating_add(scratch_bytes::<S>(inner, columns))
}

/// `c = a b`, or `c += a b`; in parallel if it is large.
pub(crate) fn multiply<S: Sum>(
    level: Level,
    a: &ArrayView2<'_, S>,
    b: &ArrayView2<'_, S>,
    add: bool,
    c: &mut ArrayViewMut2<'_, S>,
) {
    let (rows, columns) = c.dim();
    let start = if add { Start::Output } else { Start::Zero };
    if let (1, Some(a), Some(c)) = (rows, a.as_slice(), c.as_slice_mut()) {
        return vector::multiply(level, a, b, add, c);
    }
    if let (1, Some(b), Some(c)) = (columns, b.t().as_slice(), c.as_slice_mut()) {
        return vector::multiply(level, b, &a.t(), add, c);
    }
    let (together, depth) = left_block::<S>(rows, a.ncols(), columns);
    let mut start = start;
    let mut from = 0;
    // Once also where there is nothing to sum up.
    while from == 0 || from < a.ncols() {
        let inner = Slice::from(from..(from + depth).min(a.ncols()));
        let (a, b) = (a.slice_axis(Axis(1), inner), b.slice_axis(Axis(0), inner));
        let blocks = a.axis_chunks_iter(Axis(0), together);
        for (a, c) in blocks.zip(c.axis_chunks_iter_mut(Axis(0), together)) {
            if stop::is_set() {
                return;
            }
            S::with_buffer::<LEFT, _>(left_len(a.nrows(), a.ncols()) * ROWS, |panels| {
                let (panels, _) = panels.as_chunks_mut::<ROWS>();
                lay_left(level, &a, panels);
                let left = Left::new(panels, a.nrows(), a.ncols());
                multiply_panels(level, left, &b, start, Finish::NONE, c);
            });
        }
        start = Start::Output;
        from += depth;
    }
}

/// Bytes of panels of a left matrix that are laid out at once; of a right one it may be some times as many.
const LEFT_BYTES: usize = 4 << 20;
const RIGHT_BYTES: usize = 4 * LEFT_BYTES;

/// The rows and the columns of a left matrix that are laid out at once. The sums are taken in the same order for any
/// columns that are a multiple of the depth of tiles.
fn left_block<S>(rows: usize, inner: usize, columns: usize) -> (usize, usize) {
    let most = LEFT_BYTES / size_of::<S>();
    let together = most / inner.clamp(1, DEPTH) / ROWS * ROWS;
    let together = together.min(rows.next_multiple_of(ROWS)).max(ROWS);
    // Where there are fewer panels of the right matrix, all of them are laid out.
    let beside = panel_columns(columns).clamp(1, 2 * rayon::current_num_threads() * COLUMNS);
    let depth = (most / together).min(RIGHT_BYTES / size_of::<S>() / beside);
    (together, (depth / DEPTH * DEPTH).max(DEPTH))
}

/// A matrix of `rows` in C order that is written.
pub(crate) fn matrix_mut<T>(
    elements: &mut [T],
    rows: usize,
    columns: usize,
) -> ArrayViewMut2<'_, T> {
    let view = ArrayViewMut2::from_shape((rows, columns), elements);
    view.expect("the elements fill the matrix")
}

/// Lends `run` the elements in the type of sums; what is narrower goes through a copy, whose elements are zero at first.
pub(crate) fn with_sums<T: Factor>(c: &mut [T], run: impl FnOnce(&mut [T::Sum])) {
    match T::sums(c) {
        Ok(c) => run(c),
        Err(c) => {
            let Ok(mut sums) = parts::filled(T::Sum::ZERO, c.len()) else {
                return;
            };
            run(&mut sums);
            // What is stopped need not be whole.
            let _ = parts::each(c, |start, c| {
                for (c, &sum) in c.iter_mut().zip(&sums[start..]) {
                    *c = T::narrow(sum);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Simd;

    #[test]
    fn pieces_agree_with_sums_of_products() {
        for (rows, inner, columns) in [
            (3, 4, 5),
            (700, 33, 200),
            (90, 400, 900),
            (9, 5000, 130),
            (1, 50, 70),
            (70, 50, 1),
            (2, 0, 3),
            (0, 2, 2),
        ] {
            let numbers =
                |len: usize| -> Vec<f64> { (0..len).map(|i| (i * 7 % 23) as f64 - 11.0).collect() };
            let (a, b) = (numbers(rows * inner), numbers(inner * columns));
            let mut c = vec![1.0; rows * columns];
            let mut view = matrix_mut(&mut c, rows, columns);
            multiply(
                Simd::installed(),
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
        let mut view = matrix_mut(&mut c, 1, 1);
        multiply(
            Simd::installed(),
            &matrix(&a, 1, 2, false),
            &matrix(&b, 2, 1, false),
            false,
            &mut view,
        );
        assert_eq!(c, [1]);
        let a = [f16::from_f32(2048.0), f16::ONE, f16::ONE];
        let a = f16::widened(&a).expect("nobody stops it").into_owned();
        let mut c = [f16::ZERO];
        let ones = [1.0; 3];
        with_sums::<f16>(&mut c, |sums| {
            let (a, b) = (matrix(&a, 1, 3, false), matrix(&ones, 3, 1, false));
            sums.fill(2.0);
            multiply(Simd::installed(), &a, &b, true, &mut matrix_mut(sums, 1, 1));
        });
        assert_eq!(c[0].to_f32(), 2052.0);
    }

    #[test]
    fn blocks_of_a_large_left_matrix_give_the_bits_of_the_whole() {
        let (rows, inner, columns) = (2800, 900, 5);
        let number = |at: usize| (at.wrapping_mul(7919) % 1013) as f32 / 97.0 - 5.0;
        let a: Vec<f32> = (0..rows * inner).map(number).collect();
        let b: Vec<f32> = (0..inner * columns).map(|at| number(3 * at)).collect();
        assert!(left_block::<f32>(rows, inner, columns).0 < rows);
        assert!(left_block::<f32>(rows, inner, columns).1 < inner);
        let (a, b) = (
            matrix(&a, rows, inner, false),
            matrix(&b, inner, columns, false),
        );
        let level = Simd::installed();
        let [mut blocks, mut whole] = [0, 1].map(|_| vec![0f32; rows * columns]);
        multiply(
            level,
            &a,
            &b,
            false,
            &mut matrix_mut(&mut blocks, rows, columns),
        );
        let mut panels = vec![[0.0; ROWS]; left_len(rows, inner)];
        lay_left(level, &a, &mut panels);
        let left = Left::new(&panels, rows, inner);
        let view = matrix_mut(&mut whole, rows, columns);
        multiply_panels(level, left, &b, Start::Zero, Finish::NONE, view);
        assert!(blocks == whole);
    }
}
