//! Gemm: the product of two matrices, scaled, plus a third.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Gemm.html>
//! Integers wrap; with factors other than 1 they are computed as f64 and cut off.

use std::sync::Arc;

use half::{bf16, f16};

use super::dense::Dense;
use super::matmul::QLinearMatMul;
use super::{
    Absorbed, Fact, Follow, Inputs, Known, OnIntegers, Op, Operand, Operator, Outputs, Prepared,
    elements, elementwise, required,
};
use crate::error::OpError;
use crate::gemm::{self, Activation, Factor, Sum, matrix, multiply, widened_bytes};
use crate::onnx::attributes::Attributes;
use crate::simd::Simd;
use crate::tensor::dispatch;

pub(super) const GEMM: Op = Op {
    domain: "ai.onnx",
    name: "Gemm",
    newest: 13,
    read: |attributes| Ok(Box::new(Gemm::read(attributes)?)),
    exact: false,
};

/// `A: [M, K]`, `B: [K, N]` and `C`, which broadcasts to `[M, N]`, to `Y = alpha * A B + beta * C: [M, N]`.
#[derive(Debug)]
struct Gemm {
    alpha: f32,
    beta: f32,
    trans_a: bool,
    trans_b: bool,
    /// Whether C may be smaller than Y: always from version 7 on.
    broadcast: bool,
}

impl Gemm {
    fn read(attributes: &mut Attributes<'_>) -> Result<Gemm, OpError> {
        Ok(Gemm {
            alpha: attributes.float("alpha").unwrap_or(1.0),
            beta: attributes.float("beta").unwrap_or(1.0),
            trans_a: attributes.int("transA").unwrap_or(0) != 0,
            trans_b: attributes.int("transB").unwrap_or(0) != 0,
            broadcast: attributes.version() >= 7 || attributes.flag("broadcast")?,
        })
    }

    /// Whether it is the product of `A` and `B` or its transpose, plus `C`.
    fn is_plain(&self) -> bool {
        (self.alpha, self.beta, self.trans_a) == (1.0, 1.0, false)
    }

    /// The same with a constant `B`.
    fn dense(&self, inputs: &[Option<Fact>]) -> Option<Dense> {
        self.is_plain()
            .then(|| Dense::new(self.trans_b, inputs))
            .flatten()
    }

    fn run<T: GemmElement>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        let c = inputs.get(2).and_then(Option::as_ref);
        let shape = Known::of(inputs, &[]).shape(self)?;
        let (rows, columns) = (shape[0], shape[1]);
        let inner = a.shape()[if self.trans_a { 0 } else { 1 }];
        let all = a.shape().elements() + b.shape().elements() + shape.elements();
        outputs.check_scratch(widened_bytes::<T>(all))?;
        let y = outputs.make::<T>(&shape)?;
        let (a, b) = (T::widened(elements::<T>(a))?, T::widened(elements::<T>(b))?);
        let finish = |index: usize, sum: T::Sum| {
            let c = match c {
                None => None,
                Some(c) => {
                    // The axes of C are the last of Y; those of size 1 are repeated.
                    let along = |axis: usize, at: usize| match c.shape().get(axis) {
                        Some(1) | None => 0,
                        Some(_) => at,
                    };
                    let last = c.shape().len().wrapping_sub(1);
                    let (row, column) = (index / columns, index % columns);
                    let width = c.shape().last().copied().unwrap_or(1);
                    let place = match c.shape().len() {
                        2 => along(0, row) * width + along(1, column),
                        _ => along(last, column),
                    };
                    Some(elements::<T>(c)[place])
                }
            };
            T::blend(self.alpha, sum, self.beta, c)
        };
        let (a, b) = (
            matrix(&a, rows, inner, self.trans_a),
            matrix(&b, inner, columns, self.trans_b),
        );
        gemm::with_sums::<T>(y, |sums| {
            let mut view = gemm::matrix_mut(sums, rows, columns);
            multiply(Simd::installed(), &a, &b, false, &mut view);
            if (self.alpha, self.beta) != (1.0, 1.0) || c.is_some() {
                elementwise::in_chunks(sums, |start, sums| {
                    for (index, sum) in (start..).zip(sums) {
                        *sum = finish(index, *sum);
                    }
                });
            }
        });
        Ok(())
    }
}

/// An element type of Gemm.
trait GemmElement: Factor {
    /// `alpha * sum + beta * c`.
    fn blend(alpha: f32, sum: Self::Sum, beta: f32, c: Option<Self>) -> Self::Sum;
}

macro_rules! gemm_element {
    ($($type:ty as $sum:ty),*) => {
        $(impl GemmElement for $type {
            #[inline(always)]
            fn blend(alpha: f32, sum: $sum, beta: f32, c: Option<$type>) -> $sum {
                let scaled = <$sum>::from(alpha) * sum;
                match c {
                    // Also where beta is 0: what C holds may be anything, NaN too.
                    Some(c) if beta != 0.0 => scaled + <$sum>::from(beta) * c.widen(),
                    _ => scaled,
                }
            }
        })*
    };
}
gemm_element!(f32 as f32, f64 as f64, f16 as f32, bf16 as f32);

macro_rules! integer_gemm_element {
    ($($type:ty),*) => {
        $(impl GemmElement for $type {
            fn blend(alpha: f32, sum: $type, beta: f32, c: Option<$type>) -> $type {
                match (alpha, beta, c) {
                    (1.0, _, None) => sum,
                    (1.0, 1.0, Some(c)) => c.plus_product(sum, 1),
                    _ => {
                        let scaled = f64::from(alpha) * sum as f64;
                        let c = c.map_or(0.0, |c| f64::from(beta) * c as f64);
                        (scaled + c) as $type
                    }
                }
            }
        })*
    };
}
integer_gemm_element!(i32, i64, u32, u64);

impl Operator for Gemm {
    fn on_integers(&self, operands: &[Operand], activation: Activation<f64>) -> Option<OnIntegers> {
        let [a, b, others @ ..] = operands else {
            return None;
        };
        let outputs = if self.trans_b { 0 } else { 1 };
        let suits = a.is_byte(None) && b.is_byte(Some(outputs));
        // As many as there are columns.
        let columns = b.integers.dims.as_ref()?.get(outputs).copied()?;
        let list =
            |c: &Operand| c.integers.dims.as_deref() == Some(&[columns][..]) && columns.is_some();
        let inner = b.integers.dims.as_ref()?.get(1 - outputs).copied()?;
        let fits = super::on_integers::sums_fit(operands, inner);
        (self.is_plain() && suits && fits && others.iter().all(list)).then(|| OnIntegers {
            operator: Arc::new(QLinearMatMul::new(activation)),
            transposed: self.trans_b,
        })
    }

    fn absorbs(&self) -> bool {
        self.is_plain()
    }

    fn absorb(&self, follow: Follow, inputs: &[Option<Fact>]) -> Option<Absorbed> {
        self.dense(inputs)?.absorb(follow, inputs)
    }

    fn prepare(&self, inputs: &[Option<Fact>], room: usize) -> Option<Prepared> {
        self.dense(inputs)?.prepare(inputs, room)
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        let sides = |name: &str, fact: &Fact, transposed: bool| match fact.dims.as_deref() {
            None => Ok((None, None)),
            Some(&[first, second]) if transposed => Ok((second, first)),
            Some(&[first, second]) => Ok((first, second)),
            Some(_) => Err(OpError::invalid(
                name,
                format!("is {fact}, must be a matrix"),
            )),
        };
        let (rows, inner) = sides("A", a, self.trans_a)?;
        let (b_inner, columns) = sides("B", b, self.trans_b)?;
        if let (Some(inner), Some(other)) = (inner, b_inner)
            && inner != other
        {
            let how = if self.trans_b { "columns" } else { "rows" };
            return Err(OpError::invalid(
                "B",
                format!("is {b}, must have {inner} {how} for A, which is {a}"),
            ));
        }
        let y = Fact::new(a.dtype, Some(vec![rows, columns]));
        if let Some(c) = inputs.get(2).copied().flatten()
            && let Some(dims) = &c.dims
        {
            let fits = |(axis, size): (&Option<usize>, &Option<usize>)| match (axis, size) {
                (Some(axis), Some(size)) => axis == size || *axis == 1 && self.broadcast,
                _ => true,
            };
            let sizes = [rows, columns];
            let ranks = if self.broadcast {
                dims.len() <= 2
            } else {
                dims.len() == 2
            };
            if !ranks || !dims.iter().rev().zip(sizes.iter().rev()).all(fits) {
                let how = if self.broadcast { "broadcast to" } else { "be" };
                return Err(OpError::invalid("C", format!("is {c}, must {how} {y}")));
            }
        }
        Ok(vec![y])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        dispatch!(
            required(inputs, 0).dtype(),
            T in [f32, f64, f16, bf16, i32, i64, u32, u64] => Gemm::run::<T>(self, inputs, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn the_third_matrix_broadcasts_and_is_not_read_for_nothing() {
        let (a, b) = (iota(&[2, 3]), iota(&[3, 2]));
        let gemm = |beta, dims: &[usize], c: Vec<f32>| {
            node("Gemm", 13)
                .float("beta", beta)
                .run(&[Some(&a), Some(&b), Some(&tensor(dims, c))])
                .map(|y| y[0].as_slice::<f32>().expect("f32").to_vec())
                .map_err(|error| error.to_string())
        };
        assert_eq!(gemm(1.0, &[], vec![1.0]), Ok(vec![11.0, 14.0, 29.0, 41.0]));
        assert_eq!(
            gemm(1.0, &[2], vec![1.0, 2.0]),
            Ok(vec![11.0, 15.0, 29.0, 42.0])
        );
        assert_eq!(
            gemm(2.0, &[2, 1], vec![1.0, 2.0]),
            Ok(vec![12.0, 15.0, 32.0, 44.0])
        );
        assert_eq!(
            gemm(0.0, &[1], vec![f32::NAN]),
            Ok(vec![10.0, 13.0, 28.0, 40.0])
        );
        assert_eq!(
            gemm(1.0, &[3], vec![0.0; 3]).unwrap_err(),
            "C is f32[3], must broadcast to f32[2,2]"
        );
    }

    #[test]
    fn sides_must_meet() {
        let gemm = node("Gemm", 11);
        assert_eq!(
            gemm.error(&[Some(&iota(&[2, 3])), Some(&iota(&[2, 3])), None]),
            "B is f32[2,3], must have 3 rows for A, which is f32[2,3]"
        );
        assert!(
            gemm.error(&[Some(&iota(&[2])), Some(&iota(&[2, 3])), None])
                .contains("matrix")
        );
        let old = node("Gemm", 6);
        let matrices = [iota(&[1, 1]), iota(&[1, 2]), iota(&[2])];
        let inputs = [&matrices[0], &matrices[1], &matrices[2]].map(Some);
        assert_eq!(old.error(&inputs), "C is f32[2], must be f32[1,2]");
        assert!(old.int("broadcast", 1).run(&inputs).is_ok());
        let empty = gemm.run(&[Some(&iota(&[2, 0])), Some(&iota(&[0, 1])), None]);
        assert_eq!(empty, Ok(vec![tensor(&[2, 1], vec![0.0f32, 0.0])]));
    }
}
