//! Products of 8-bit integers less their zero points, exact in 32 bits, which wrap.

use std::borrow::Cow;
use std::sync::Arc;

use ndarray::Axis;

use super::Stack;
use crate::allocate;
use crate::buffer::LEFT;
use crate::error::OpError;
use crate::gemm::quantized::{
    self, Byte, Bytes, Lines, Output, Requantize, lay_left, lay_right, multiply, steps,
};
use crate::gemm::{Left, ROWS, left_len, matrix_mut};
use crate::lasting::Lasting;
use crate::ops::quantize::zero_points;
use crate::ops::{Fact, Outputs, elements, elementwise};
use crate::parts;
use crate::simd::Simd;
use crate::stop;
use crate::tensor::{TensorView, dispatch};

/// A constant right matrix, laid out.
pub(super) type Laid = Arc<Lasting<i32>>;

/// Bytes of rows of a left matrix that are laid out at once.
const LEFT_BYTES: usize = 4 << 20;

/// Numbers of the rows or columns of matrices: one for all, one for each of any matrix, or one for each of all.
#[derive(Clone, Copy)]
pub(super) struct Numbers<'a>(pub(super) &'a [f64]);

impl<'a> Numbers<'a> {
    /// One for all.
    pub(super) const ZERO: Numbers<'static> = Numbers(&[0.0]);
    pub(super) const ONE: Numbers<'static> = Numbers(&[1.0]);

    /// Those of the `size` rows or columns of a matrix.
    fn of(self, matrix: usize, size: usize) -> Cow<'a, [f64]> {
        let all = self.0;
        match all.len() {
            1 => Cow::Borrowed(all),
            len if len >= size => Cow::Borrowed(&all[matrix * size % len..][..size]),
            // Rows of several matrices, as those of one.
            len => Cow::Owned(allocate::collected((0..size).map(|at| all[at % len]))),
        }
    }

    /// As [`Numbers::of`], as integers.
    fn integers(self, matrix: usize, size: usize) -> Vec<i32> {
        let numbers = self.of(matrix, size);
        allocate::collected(numbers.iter().map(|&number| number as i32))
    }
}

/// What a product is made of, beside its matrices.
pub(super) struct Parameters<'a> {
    pub(super) a_zeros: Numbers<'a>,
    pub(super) b_zeros: Numbers<'a>,
    pub(super) a_scales: Numbers<'a>,
    pub(super) b_scales: Numbers<'a>,
    pub(super) y_scales: Numbers<'a>,
    pub(super) y_zeros: Numbers<'a>,
    /// What elements of `y` lie between.
    pub(super) bounds: [i32; 2],
    /// Added to the sums: one for all columns, or one for each.
    pub(super) summands: &'a [i32],
}

/// A right operand laid out, if it is a constant matrix with constant zero points.
pub(super) fn prepare(b: Option<&Fact>, zero_point: Option<&Fact>) -> Option<Laid> {
    let facts = [b, zero_point];
    if !facts.iter().flatten().all(|fact| fact.dtype.is_byte()) {
        return None;
    }
    let b = b?.value.as_deref()?;
    let zeros = match zero_point {
        None => vec![0],
        Some(zero_point) => zero_points(Some(&zero_point.value.as_deref()?.as_view())).ok()?,
    };
    let (rows, columns) = match **b.shape() {
        [ref batch @ .., rows, columns] if batch.iter().all(|&size| size == 1) => (rows, columns),
        _ => return None,
    };
    if rows == 0 || columns == 0 || ![1, columns].contains(&zeros.len()) {
        return None;
    }
    let view = b.as_view();
    let laid = dispatch!(b.dtype(), B in [u8, i8] => {
        let right = Bytes::<B>::new(Simd::installed(), elements(&view), rows, columns, &zeros);
        lay_right(&right, steps(rows, 1), columns)
    });
    laid.ok().map(Arc::new)
}

/// Makes the product `y`.
pub(super) fn run<O: Output>(
    stack: &Stack,
    a: &TensorView<'_>,
    b: &TensorView<'_>,
    laid: Option<&Laid>,
    parameters: &Parameters<'_>,
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    let (rows, inner, columns) = (stack.rows, stack.inner, stack.columns);
    outputs.check_output(stack.shape.elements().saturating_mul(size_of::<O>()))?;
    let matrices = stack.shape.elements() / rows.saturating_mul(columns).max(1);
    let lists = (rows.saturating_mul(3).saturating_add(columns)).saturating_mul(size_of::<f64>());
    let left = left_len(together(inner).min(rows), steps(inner, 1))
        .saturating_mul(size_of::<[i32; ROWS]>());
    let each = lists
        .saturating_add(left)
        .saturating_add(quantized::scratch_bytes(steps(inner, 1), columns));
    let threads = rayon::current_num_threads();
    outputs.check_scratch(each.saturating_mul(matrices.min(threads).max(1)))?;
    let y = outputs.make::<O>(&stack.shape)?;
    if y.is_empty() {
        return Ok(());
    }
    dispatch!(a.dtype(), A in [u8, i8] => dispatch!(b.dtype(), B in [u8, i8] => {
        let (a, b) = (elements::<A>(a), elements::<B>(b));
        // Small products are worth a task together, large ones are cut themselves.
        let work = rows.saturating_mul(inner).saturating_mul(columns) / 16;
        elementwise::slabs(y, rows * columns, work, |index, y| {
            let [in_a, in_b] = stack.pair(index);
            let a = &a[in_a * rows * inner..][..rows * inner];
            let b = &b[in_b * inner * columns..][..inner * columns];
            let zeros = parameters.b_zeros.integers(in_b, columns);
            let right = Bytes::new(Simd::installed(), b, inner, columns, &zeros);
            let scales = parameters.a_scales.of(in_a, rows);
            let over = parameters.y_scales.of(index, rows);
            let count = scales.len().max(over.len());
            let of = |list: &[f64], at: usize| list[at % list.len()];
            let factors = (0..count).map(|row| of(&scales, row) / of(&over, row));
            let factors: Vec<f64> = allocate::collected(factors);
            let to = Requantize {
                summands: Lines { rows: &[0], columns: parameters.summands, },
                factors: Lines { rows: &factors, columns: &parameters.b_scales.of(in_b, columns) },
                zeros: &parameters.y_zeros.integers(index, rows),
                bounds: parameters.bounds,
            };
            let zeros = parameters.a_zeros.integers(in_a, rows);
            matrix(a, &zeros, inner, &right, laid, to, y);
        });
        Ok(())
    }))
}

/// Rows of a left matrix that are laid out at once.
fn together(inner: usize) -> usize {
    let row = steps(inner, 1).saturating_mul(size_of::<i32>());
    (LEFT_BYTES / row.max(1) / ROWS).max(1) * ROWS
}

/// One product.
fn matrix<A: Byte, B: Byte, O: Output>(
    a: &[A],
    zeros: &[i32],
    inner: usize,
    right: &Bytes<'_, B>,
    laid: Option<&Laid>,
    to: Requantize<'_>,
    y: &mut [O],
) {
    let columns = right.columns();
    let rows = y.len() / columns;
    let steps = steps(inner, 1);
    let together = together(inner);
    let mut y = matrix_mut(y, rows, columns);
    for (number, y) in y.axis_chunks_iter_mut(Axis(0), together).enumerate() {
        if stop::is_set() {
            return;
        }
        let (first, count) = (number * together, y.nrows());
        let a = &a[first * inner..][..count * inner];
        let zeros = match zeros.len() {
            1 => zeros,
            _ => &zeros[first..][..count],
        };
        parts::with_buffer::<i32, LEFT>(left_len(count, steps) * ROWS, |panels| {
            let (panels, _) = panels.as_chunks_mut::<ROWS>();
            lay_left(a, zeros, inner, 1, panels);
            let left = Left::new(panels, count, steps);
            let laid = laid.map(|laid| &laid[..]);
            let to = to.part(first, 0);
            multiply(Simd::installed(), left, right, laid, to, y);
        });
    }
}
