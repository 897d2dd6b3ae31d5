//! The product of one row with a matrix: `general_mat_mul` would copy the matrix first, which takes longer than
//! the product itself.

use ndarray::{ArrayView2, ArrayViewMut2};

/// Accumulators that the products of neighbours are dealt to; they are joined in order.
const LANES: usize = 16;

macro_rules! row_products {
    ($($name:ident $type:ident)*) => {
        $(
            /// `c = a b`, or `c += a b`, if `a` is one row and the elements of `b` are neighbours in its rows or
            /// in its columns; else nothing is done and `false` returned.
            pub(super) fn $name(
                a: &ArrayView2<'_, $type>,
                b: &ArrayView2<'_, $type>,
                add: bool,
                c: &mut ArrayViewMut2<'_, $type>,
            ) -> bool {
                let (1, Some(a), Some(c)) = (a.nrows(), a.as_slice(), c.as_slice_mut()) else {
                    return false;
                };
                match *b.strides() {
                    // Also a matrix of one column.
                    [1, _] => {
                        for (c, b) in c.iter_mut().zip(b.columns()) {
                            let b = b.to_slice().expect("the rows are neighbours");
                            let mut lanes = [0.0; LANES];
                            for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
                                for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                                    *lane += a * b;
                                }
                            }
                            let sum: $type = lanes.iter().sum();
                            *c = if add { *c + sum } else { sum };
                        }
                    }
                    [_, 1] => {
                        if !add {
                            c.fill(0.0);
                        }
                        for (x, b) in a.iter().zip(b.rows()) {
                            let b = b.to_slice().expect("the columns are neighbours");
                            for (c, b) in c.iter_mut().zip(b) {
                                *c += x * b;
                            }
                        }
                    }
                    _ => return false,
                }
                true
            }
        )*
    };
}
row_products! { of_f32 f32 of_f64 f64 }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_agree_with_sums_of_products() {
        for (inner, columns) in [(1, 1), (5, 7), (40, 3), (0, 2)] {
            let a: Vec<f64> = (0..inner).map(|i| i as f64 - 3.0).collect();
            let elements: Vec<f64> = (0..inner * columns).map(|i| (i * 5 % 13) as f64).collect();
            for (transposed, add) in [(false, false), (false, true), (true, false), (true, true)] {
                let b = super::super::matrix(&elements, inner, columns, transposed);
                let mut c = vec![1.0; columns];
                let mut view = ArrayViewMut2::from_shape((1, columns), &mut c).expect("it fits");
                let a = super::super::matrix(&a, 1, inner, false);
                let known = of_f64(&a, &b, add, &mut view);
                assert!(known || inner == 0 || columns == 1);
                for (column, c) in c.iter().enumerate().filter(|_| known) {
                    let sum: f64 = (0..inner).map(|k| a[[0, k]] * b[[k, column]]).sum();
                    assert_eq!(*c, sum + f64::from(u8::from(add)));
                }
            }
        }
    }
}
