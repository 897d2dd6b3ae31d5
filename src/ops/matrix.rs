//! Products of matrices, for every operator that has one.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice};

use super::elementwise;
use super::number::{Integer, Number};

/// Products of two elements that are worth a task of their own.
const GRAIN: usize = 1 << 20;

/// The rows of a task, a number that does not depend on that of threads.
const ROWS: usize = 128;

/// An element type of matrices.
pub(super) trait Factor: Number {
    /// `y = alpha * a * b`, or that more than before if `add` is set.
    fn rows(
        alpha: Self,
        a: ArrayView2<'_, Self>,
        b: ArrayView2<'_, Self>,
        add: bool,
        y: &mut [Self],
    );
}

/// A matrix from elements in C order, of one with rows and columns exchanged if `transposed` is set.
pub(super) fn view<T>(
    data: &[T],
    rows: usize,
    columns: usize,
    transposed: bool,
) -> ArrayView2<'_, T> {
    let fits = "the elements fill the matrix";
    match transposed {
        false => ArrayView2::from_shape((rows, columns), data).expect(fits),
        true => ArrayView2::from_shape((columns, rows), data)
            .expect(fits)
            .reversed_axes(),
    }
}

/// `y = alpha * a * b`, or that more than before if `add` is set; `y` has the rows of `a` and the columns of `b`.
pub(super) fn multiply<T: Factor>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    add: bool,
    y: &mut [T],
) {
    let ((rows, inner), columns) = (a.dim(), b.dim().1);
    if y.is_empty() {
        return;
    }
    if inner == 0 {
        if !add {
            y.fill(T::default());
        }
        return;
    }
    let row_work = inner.saturating_mul(columns);
    if row_work.saturating_mul(rows) < GRAIN {
        return T::rows(alpha, a, b, add, y);
    }
    // A single row is cut into columns.
    let (axis, count) = if rows == 1 {
        (Axis(1), (GRAIN / inner).clamp(1, columns))
    } else {
        (Axis(0), ROWS.min(rows))
    };
    let chunk = if rows == 1 { count } else { count * columns };
    elementwise::parts(y, chunk, &|start, y| {
        let start = start / chunk * count;
        let (mut a, mut b) = (a, b);
        let part = if rows == 1 { &mut b } else { &mut a };
        let end = part.len_of(axis).min(start + count);
        part.slice_axis_inplace(axis, Slice::from(start..end));
        T::rows(alpha, a, b, add, y);
    });
}

macro_rules! floats {
    ($($type:ident)*) => {
        $(impl Factor for $type {
            fn rows(
                alpha: Self,
                a: ArrayView2<'_, Self>,
                b: ArrayView2<'_, Self>,
                add: bool,
                y: &mut [Self],
            ) {
                let shape = (a.dim().0, b.dim().1);
                let row = a.as_slice().filter(|_| shape.0 == 1);
                match (row, b.strides()) {
                    // The library packs both matrices, which takes longer than a product with one row.
                    (Some(row), [_, 1]) => {
                        if !add {
                            y.fill(0.0);
                        }
                        for (x, b) in row.iter().zip(b.rows()) {
                            let x = alpha * x;
                            let b = b.to_slice().expect("the columns are neighbours");
                            for (y, b) in y.iter_mut().zip(b) {
                                *y += x * b;
                            }
                        }
                    }
                    (Some(row), [1, _]) => {
                        for (y, b) in y.iter_mut().zip(b.columns()) {
                            let b = b.to_slice().expect("the rows are neighbours");
                            let sum = alpha * Self::dot(row, b);
                            *y = if add { *y + sum } else { sum };
                        }
                    }
                    _ => {
                        let mut y = ArrayViewMut2::from_shape(shape, y)
                            .expect("the rows are whole");
                        let beta = if add { 1.0 } else { 0.0 };
                        general_mat_mul(alpha, &a, &b, beta, &mut y);
                    }
                }
            }
        }

        impl Dot for $type {
            fn dot(a: &[Self], b: &[Self]) -> Self {
                let mut lanes = [0.0; 16];
                let (a_chunks, b_chunks) = (a.chunks(lanes.len()), b.chunks(lanes.len()));
                for (a, b) in a_chunks.zip(b_chunks) {
                    for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                        *lane += a * b;
                    }
                }
                lanes.iter().sum()
            }
        })*
    };
}
floats! { f32 f64 }

/// The inner product, in lanes that are joined in order.
trait Dot: Sized {
    fn dot(a: &[Self], b: &[Self]) -> Self;
}

macro_rules! integers {
    ($($type:ident)*) => {
        $(impl Factor for $type {
            fn rows(
                alpha: Self,
                a: ArrayView2<'_, Self>,
                b: ArrayView2<'_, Self>,
                add: bool,
                y: &mut [Self],
            ) {
                wrapping_rows(alpha, a, b, add, y);
            }
        })*
    };
}
integers! { i32 i64 u32 u64 }

fn wrapping_rows<T: Integer>(
    alpha: T,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    add: bool,
    y: &mut [T],
) {
    if !add {
        y.fill(T::default());
    }
    for (a, y) in a.rows().into_iter().zip(y.chunks_mut(b.dim().1)) {
        for (x, b) in a.iter().zip(b.rows()) {
            let x = alpha.times(*x);
            for (y, b) in y.iter_mut().zip(b) {
                *y = y.plus(x.times(*b));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_agrees_with_sums_of_products() {
        for (rows, inner, columns) in [
            (1, 5, 7),
            (1, 2000, 700),
            (300, 70, 60),
            (3, 1, 2),
            (2, 0, 3),
        ] {
            for (a_turned, b_turned, add) in [
                (false, false, false),
                (true, true, true),
                (false, true, false),
            ] {
                let a: Vec<f64> = (0..rows * inner)
                    .map(|i| (i * 7 % 11) as f64 - 5.0)
                    .collect();
                let b: Vec<f64> = (0..inner * columns)
                    .map(|i| (i * 5 % 13) as f64 - 6.0)
                    .collect();
                let (a_view, b_view) = (
                    view(&a, rows, inner, a_turned),
                    view(&b, inner, columns, b_turned),
                );
                let mut y = vec![1.0; rows * columns];
                multiply(2.0, a_view, b_view, add, &mut y);
                let a: Vec<i64> = a.iter().map(|x| *x as i64).collect();
                let b: Vec<i64> = b.iter().map(|x| *x as i64).collect();
                let (a, b) = (
                    view(&a, rows, inner, a_turned),
                    view(&b, inner, columns, b_turned),
                );
                let mut ints = vec![1; rows * columns];
                multiply(2, a, b, add, &mut ints);
                for (index, y) in y.iter().enumerate() {
                    let (row, column) = (index / columns, index % columns);
                    let products = (0..inner).map(|k| a[[row, k]] * b[[k, column]]);
                    let wanted = 2 * products.sum::<i64>() + i64::from(add);
                    assert_eq!(*y, wanted as f64);
                    assert_eq!(ints[index], wanted);
                }
            }
        }
    }
}
