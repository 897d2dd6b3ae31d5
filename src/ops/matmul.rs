//! MatMul, MatMulInteger, QLinearMatMul: products of stacks of matrices, as numpy's `matmul`.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__MatMul.html>,
//! <https://onnx.ai/onnx/operators/onnx__MatMulInteger.html>,
//! <https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html>
//! 16-bit floats are computed in f32 and rounded once; 32-bit and 64-bit integers wrap. Products of 8-bit integers are
//! summed up in 32 bits, which wrap, those of quantized floats in f64.

mod bytes;
mod quantized;

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use half::{bf16, f16};

use super::broadcast::{self, Broadcast};
use super::dense::Dense;
use super::fact::{self, Dims};
use super::{
    Absorbed, Fact, Follow, Inputs, OnIntegers, Op, Operand, Operator, Outputs, Prepared, elements,
    elementwise, required,
};
use crate::conv::Weights;
use crate::error::OpError;
use crate::gemm::{self, Activation, Factor, Finish, Start, widened_bytes};
use crate::simd::Simd;
use crate::tensor::{Shape, Tensor, TensorView, dispatch};

pub(super) use quantized::{MAT_MUL_INTEGER, QLINEAR_MAT_MUL, QLinearMatMul};

pub(super) const MAT_MUL: Op = Op {
    domain: "ai.onnx",
    name: "MatMul",
    newest: 13,
    read: |_| Ok(Box::new(MatMul::default())),
    exact: false,
};

/// `A: [.., M, K]` and `B: [.., K, N]` to `Y: [.., M, N]`; the axes before the last two broadcast, and a vector
/// is a matrix of one row or column that is dropped again.
#[derive(Debug, Default)]
struct MatMul {
    /// A constant matrix `A` as products want it: `Weights` of the type of sums.
    laid: Option<Arc<dyn Any + Send + Sync>>,
}

impl MatMul {
    /// A matrix of so many rows laid out, and the bytes that takes.
    fn lay<T: Factor>(
        a: &Tensor,
        rows: usize,
        inner: usize,
    ) -> Result<(Arc<dyn Any + Send + Sync>, usize), OpError> {
        let view = a.as_view();
        let widened = T::widened(elements::<T>(&view))?;
        let laid = Weights::new(&widened, 1, rows, inner, true)?;
        Ok((Arc::new(laid), Weights::<T::Sum>::bytes(1, rows, inner)))
    }

    /// With a constant matrix `A` laid out.
    fn with_left(inputs: &[Option<Fact>]) -> Option<Prepared> {
        let (a, b) = (inputs[0].as_ref()?.value.as_deref()?, inputs[1].as_ref()?);
        let dims = b.dims.as_ref()?;
        let one_column = dims.len() < 2 || dims[dims.len() - 1] == Some(1);
        // Few rows would be filled up with many more.
        let [rows, inner] = **a.shape() else {
            return None;
        };
        if one_column || rows < gemm::ROWS / 2 || inner == 0 {
            return None;
        }
        let laid =
            dispatch!(a.dtype(), T in [f32, f64, f16, bf16] => MatMul::lay::<T>(a, rows, inner));
        let (laid, bytes) = laid.ok()?;
        Some(Prepared {
            operator: Arc::new(MatMul { laid: Some(laid) }),
            bytes,
            unread: Some(0),
        })
    }
}

/// What is called by what name.
type Named<'a> = (&'a str, &'a Fact);

/// The dimensions of the product.
pub(super) fn dims((a_name, a): Named<'_>, (b_name, b): Named<'_>) -> Result<Dims, OpError> {
    let (Some(a_dims), Some(b_dims)) = (&a.dims, &b.dims) else {
        return Ok(None);
    };
    for (name, x, dims) in [(a_name, a, a_dims), (b_name, b, b_dims)] {
        if dims.is_empty() {
            return Err(OpError::invalid(
                name,
                format!("is {x}, must have at least one axis"),
            ));
        }
    }
    let (a_batch, a_matrix) = a_dims.split_at(a_dims.len().saturating_sub(2));
    let (b_batch, b_matrix) = b_dims.split_at(b_dims.len().saturating_sub(2));
    if let (Some(Some(inner)), Some(Some(b_inner))) = (a_matrix.last(), b_matrix.first())
        && inner != b_inner
    {
        return Err(OpError::invalid(
            b_name,
            format!("is {b}, must have the inner size {inner} of {a_name}, which is {a}"),
        ));
    }
    let batch = |dims: &[Option<usize>]| Fact::new(a.dtype, Some(dims.to_vec()));
    let batch = Broadcast::Both
        .dims((a_name, &batch(a_batch)), (b_name, &batch(b_batch)))?
        .expect("both are known");
    let rows = (a_matrix.len() == 2).then(|| a_matrix[0]);
    let columns = (b_matrix.len() == 2).then(|| b_matrix[1]);
    Ok(Some(batch.into_iter().chain(rows).chain(columns).collect()))
}

/// The matrices of a product, one after the other.
struct Stack {
    shape: Shape,
    rows: usize,
    inner: usize,
    columns: usize,
    /// The axes of the batch, and those of `A` and `B` with as many.
    batch: Vec<usize>,
    own: [Vec<usize>; 2],
}

impl Stack {
    fn new(
        (a_name, a): (&str, &TensorView<'_>),
        (b_name, b): (&str, &TensorView<'_>),
    ) -> Result<Stack, OpError> {
        let (a_fact, b_fact) = (Fact::from(a), Fact::from(b));
        let shape = fact::known(dims((a_name, &a_fact), (b_name, &b_fact))?)?;
        let (a_batch, a_matrix) = a.shape().split_at(a.shape().len().saturating_sub(2));
        let (b_batch, b_matrix) = b.shape().split_at(b.shape().len().saturating_sub(2));
        let (rows, inner) = match *a_matrix {
            [rows, inner] => (rows, inner),
            _ => (1, a_matrix[0]),
        };
        let columns = b_matrix.get(1).copied().unwrap_or(1);
        let rank = a_batch.len().max(b_batch.len());
        let batch = &shape[..rank];
        let count = batch.iter().copied().fold(1, usize::saturating_mul);
        // Rows of all matrices are rows of one where they meet the same matrix.
        if b_batch.iter().all(|size| *size == 1) {
            return Ok(Stack {
                shape,
                rows: rows.saturating_mul(count),
                inner,
                columns,
                batch: Vec::new(),
                own: [Vec::new(), Vec::new()],
            });
        }
        Ok(Stack {
            rows,
            inner,
            columns,
            batch: batch.to_vec(),
            own: [a_batch, b_batch].map(|batch| broadcast::padded(batch, rank)),
            shape,
        })
    }

    /// Which matrix of `A` and which of `B` make matrix `index` of `Y`.
    fn pair(&self, index: usize) -> [usize; 2] {
        self.own.each_ref().map(|own| {
            let (mut rest, mut at, mut step) = (index, 0, 1);
            for (&size, &own) in self.batch.iter().zip(own).rev() {
                if own != 1 {
                    at += rest % size * step;
                }
                rest /= size;
                step *= own;
            }
            at
        })
    }

    /// `y = a b` for each pair of matrices. All have the matrix `laid` on the left, if there is one.
    fn multiply<T: Factor>(
        &self,
        a: &[T::Sum],
        laid: Option<&Weights<T::Sum>>,
        b: &[T::Sum],
        y: &mut [T],
    ) {
        let (rows, inner, columns) = (self.rows, self.inner, self.columns);
        if y.is_empty() {
            return;
        }
        let level = Simd::installed();
        // Small products are worth a task together, large ones are cut themselves.
        let work = rows.saturating_mul(inner).saturating_mul(columns) / 16;
        elementwise::slabs(y, rows * columns, work, |index, y| {
            let [in_a, in_b] = self.pair(index);
            let (a_len, b_len) = (rows * inner, inner * columns);
            let b = gemm::matrix(&b[in_b * b_len..][..b_len], inner, columns, false);
            gemm::with_sums::<T>(y, |y| {
                let mut y = gemm::matrix_mut(y, rows, columns);
                if let Some(laid) = laid {
                    let left = laid.left(0, rows, inner);
                    return gemm::multiply_panels(level, left, &b, Start::Zero, Finish::NONE, y);
                }
                let a = gemm::matrix(&a[in_a * a_len..][..a_len], rows, inner, false);
                gemm::multiply(level, &a, &b, false, &mut y);
            });
        });
    }

    fn run<T: Factor>(
        &self,
        a: &TensorView<'_>,
        laid: Option<&(dyn Any + Send + Sync)>,
        b: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let counts = [a.shape(), b.shape(), &self.shape].map(|shape| shape.elements());
        let count = counts.into_iter().fold(0, usize::saturating_add);
        let matrices = self.shape.elements() / self.rows.saturating_mul(self.columns).max(1);
        let panels = match laid {
            Some(_) => gemm::scratch_bytes::<T::Sum>(self.inner, self.columns),
            None => gemm::multiply_bytes::<T::Sum>(self.rows, self.inner, self.columns),
        };
        let panels = panels.saturating_mul(matrices.min(rayon::current_num_threads()));
        outputs.check_scratch(widened_bytes::<T>(count).saturating_add(panels))?;
        let y = outputs.make::<T>(&self.shape)?;
        let laid = laid.and_then(|laid| laid.downcast_ref());
        let a = match laid {
            Some(_) => Cow::Borrowed(&[][..]),
            None => T::widened(elements(a))?,
        };
        let b = T::widened(elements(b))?;
        self.multiply::<T>(&a, laid, &b, y);
        Ok(())
    }
}

impl Operator for MatMul {
    fn on_integers(&self, operands: &[Operand], activation: Activation<f64>) -> Option<OnIntegers> {
        let [a, b] = operands else { return None };
        let suits =
            a.is_byte(None) && (b.is_byte(None) || b.is_byte(Some(1)) && b.rank() == Some(2));
        let inner = a.integers.dims.as_ref()?.last().copied().flatten();
        let suits = suits && super::on_integers::sums_fit(operands, inner);
        suits.then(|| OnIntegers {
            operator: Arc::new(QLinearMatMul::new(activation)),
            transposed: false,
        })
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        Ok(vec![Fact::new(a.dtype, dims(("A", a), ("B", b))?)])
    }

    fn absorbs(&self) -> bool {
        true
    }

    fn absorb(&self, follow: Follow, inputs: &[Option<Fact>]) -> Option<Absorbed> {
        Dense::new(false, inputs)?.absorb(follow, inputs)
    }

    fn prepare(&self, inputs: &[Option<Fact>], room: usize) -> Option<Prepared> {
        match Dense::new(false, inputs) {
            Some(dense) => dense.prepare(inputs, room),
            None => MatMul::with_left(inputs),
        }
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        let stack = Stack::new(("A", a), ("B", b))?;
        dispatch!(a.dtype(), T in [f32, f64, f16, bf16, i32, i64, u32, u64] =>
            stack.run::<T>(a, self.laid.as_deref(), b, outputs))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    fn shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
        node("MatMul", 13)
            .run(&[Some(&iota(a)), Some(&iota(b))])
            .map(|y| y[0].shape().to_vec())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn stacks_and_vectors() {
        assert_eq!(shape(&[2, 1, 3, 4], &[5, 4, 6]), Ok(vec![2, 5, 3, 6]));
        assert_eq!(shape(&[4], &[4]), Ok(vec![]));
        assert_eq!(shape(&[4], &[3, 4, 5]), Ok(vec![3, 5]));
        assert_eq!(shape(&[3, 2, 4], &[4]), Ok(vec![3, 2]));
        assert_eq!(shape(&[0, 2, 4], &[4, 1]), Ok(vec![0, 2, 1]));
        assert_eq!(shape(&[3, 2, 0], &[3, 0, 2]), Ok(vec![3, 2, 2]));
        let many = 1 << 40;
        assert_eq!(shape(&[many, 0, 3], &[many, 3, 0]), Ok(vec![many, 0, 0]));
        assert_eq!(shape(&[1, 1, 3], &[many, 3, 0]), Ok(vec![many, 1, 0]));
        assert_eq!(
            shape(&[2, 3], &[2, 3]).unwrap_err(),
            "B is f32[2,3], must have the inner size 3 of A, which is f32[2,3]"
        );
        assert_eq!(
            shape(&[], &[2]).unwrap_err(),
            "A is f32[], must have at least one axis"
        );
        assert!(shape(&[2, 1, 1], &[3, 1, 1]).is_err());
    }

    #[test]
    fn matrices_are_paired_as_axes_broadcast() {
        let a = tensor(&[2, 1, 1, 1], vec![1i64, 10]);
        let b = tensor(&[3, 1, 1], vec![1i64, 2, 3]);
        let y = node("MatMul", 9).run(&[Some(&a), Some(&b)]);
        assert_eq!(
            y,
            Ok(vec![tensor(&[2, 3, 1, 1], vec![1i64, 2, 3, 10, 20, 30])])
        );
    }
}
