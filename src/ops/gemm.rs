//! Gemm: a product of two matrices and a third one added.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Gemm.html>
//! 16-bit floats are computed in f32 and rounded once. Integers wrap; with factors other than 1 they are computed
//! in f64 and cut towards 0.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::broadcast::Broadcast;
use super::convert::Numeric;
use super::elementwise::{self, Run};
use super::fact;
use super::matrix::{self, Factor};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::{DType, Element, Rounding, Shape, TensorView, dispatch};

pub(super) const GEMM: Op = Op {
    domain: "ai.onnx",
    name: "Gemm",
    newest: 13,
    read: |attributes| Ok(Box::new(Gemm::read(attributes)?)),
    exact: false,
};

/// `Y: [M, N] = alpha * A * B + beta * C` with `A: [M, K]`, `B: [K, N]`, either one perhaps transposed, and `C`
/// broadcast to `Y`.
#[derive(Debug)]
struct Gemm {
    alpha: f32,
    beta: f32,
    a_transposed: bool,
    b_transposed: bool,
    broadcast: Broadcast,
}

/// Rows, inner size and columns.
type Sizes<T> = [T; 3];

impl Gemm {
    fn read(attributes: &mut Attributes<'_>) -> Result<Gemm, OpError> {
        Ok(Gemm {
            alpha: attributes.float("alpha").unwrap_or(1.0),
            beta: attributes.float("beta").unwrap_or(1.0),
            a_transposed: transposed(attributes, "transA"),
            b_transposed: transposed(attributes, "transB"),
            broadcast: match attributes.version() {
                ..7 => Broadcast::read(attributes)?,
                _ => Broadcast::Second,
            },
        })
    }

    fn sizes(&self, a: &Fact, b: &Fact) -> Result<Sizes<Option<usize>>, OpError> {
        let [rows, inner] = pair("A", a, self.a_transposed)?;
        let [b_inner, columns] = pair("B", b, self.b_transposed)?;
        match (inner, b_inner) {
            (Some(inner), Some(b_inner)) if inner != b_inner => Err(OpError::invalid(
                "B",
                format!("is {b}, must have the inner size {inner} of A, which is {a}"),
            )),
            _ => Ok([rows, inner.or(b_inner), columns]),
        }
    }

    fn dims(&self, inputs: [Option<&Fact>; 3]) -> Result<Vec<Option<usize>>, OpError> {
        let [Some(a), Some(b), c] = inputs else {
            unreachable!("the first two are required");
        };
        let [rows, _, columns] = self.sizes(a, b)?;
        if let Some(c) = c {
            let y = Fact::new(a.dtype, Some(vec![rows, columns]));
            self.broadcast.dims(("Y", &y), ("C", c))?;
        }
        Ok(vec![rows, columns])
    }

    /// `y`, in the type that is computed in.
    fn compute<T: Factor, C: Element>(
        &self,
        [a, b]: [&[T]; 2],
        c: Option<&TensorView<'_>>,
        [rows, inner, columns]: Sizes<usize>,
        alpha: T,
        addend: impl Fn(&C) -> T + Sync,
        y: &mut [T],
    ) -> Result<(), OpError> {
        if let Some(c) = c {
            let whole = Fact::of(c.dtype(), &[rows, columns]);
            let shapes = self.broadcast.shapes(("Y", &whole), ("C", &c.into()))?;
            let [_, y_shape, c_shape] = &shapes;
            let c = elements::<C>(c);
            elementwise::walk(&[y_shape, c_shape], y, &|places, y| {
                let c = Run::new(c, places[1], y.len());
                for (index, y) in y.iter_mut().enumerate() {
                    *y = addend(c.at(index));
                }
            });
        }
        let a = matrix::view(a, rows, inner, self.a_transposed);
        let b = matrix::view(b, inner, columns, self.b_transposed);
        matrix::multiply(alpha, a, b, c.is_some(), y);
        Ok(())
    }

    fn halves<T: Numeric>(
        &self,
        a: &TensorView<'_>,
        b: &TensorView<'_>,
        c: Option<&TensorView<'_>>,
        sizes: Sizes<usize>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError>
    where
        [T]: HalfFloatSliceExt,
    {
        let [rows, _, columns] = sizes;
        let shape = Shape::new(&[rows, columns])?;
        let count = a.shape().elements() + b.shape().elements() + shape.elements();
        outputs.check_scratch(count.saturating_mul(size_of::<f32>()))?;
        let [a, b] = [a, b].map(|x| elements::<T>(x).to_f32_vec());
        let mut wide = vec![0.0; shape.elements()];
        let addend = |c: &T| (c.to_f64() * f64::from(self.beta)) as f32;
        self.compute([&a, &b], c, sizes, self.alpha, addend, &mut wide)?;
        outputs.make::<T>(&shape)?.convert_from_f32_slice(&wide);
        Ok(())
    }

    fn integers<T: Factor + Numeric>(
        &self,
        a: &TensorView<'_>,
        b: &TensorView<'_>,
        c: Option<&TensorView<'_>>,
        sizes: Sizes<usize>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let [rows, _, columns] = sizes;
        let shape = Shape::new(&[rows, columns])?;
        let one = T::from_i64(1);
        if (self.alpha, self.beta) == (1.0, 1.0) {
            let y = outputs.make::<T>(&shape)?;
            return self.compute([elements(a), elements(b)], c, sizes, one, |c: &T| *c, y);
        }
        let count = a.shape().elements() + b.shape().elements() + shape.elements();
        outputs.check_scratch(count.saturating_mul(size_of::<f64>()))?;
        let [a, b] =
            [a, b].map(|x| -> Vec<f64> { elements::<T>(x).iter().map(|x| x.to_f64()).collect() });
        let mut wide = vec![0.0; shape.elements()];
        let addend = |c: &T| c.to_f64() * f64::from(self.beta);
        self.compute([&a, &b], c, sizes, self.alpha.into(), addend, &mut wide)?;
        for (y, wide) in outputs.make::<T>(&shape)?.iter_mut().zip(wide) {
            *y = T::from_f64(wide, Rounding::default());
        }
        Ok(())
    }
}

/// Any other number than 0 has always counted as set.
fn transposed(attributes: &mut Attributes<'_>, name: &str) -> bool {
    attributes.int(name).unwrap_or(0) != 0
}

/// Rows and columns.
fn pair(name: &str, x: &Fact, transposed: bool) -> Result<[Option<usize>; 2], OpError> {
    match x.dims.as_deref() {
        None => Ok([None; 2]),
        Some(&[rows, columns]) if transposed => Ok([columns, rows]),
        Some(&[rows, columns]) => Ok([rows, columns]),
        Some(_) => Err(OpError::invalid(
            name,
            format!("is {x}, must have two axes"),
        )),
    }
}

impl Operator for Gemm {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        let c = inputs.get(2).copied().flatten();
        let dims = self.dims([Some(a), Some(b), c])?;
        Ok(vec![Fact::new(a.dtype, Some(dims))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        let c = inputs
            .get(2)
            .and_then(Option::as_ref)
            .filter(|_| self.beta != 0.0);
        let (a_fact, b_fact) = (Fact::from(a), Fact::from(b));
        let c_fact = inputs.get(2).and_then(Option::as_ref).map(Fact::from);
        let dims = self.dims([Some(&a_fact), Some(&b_fact), c_fact.as_ref()])?;
        let shape = fact::known(Some(dims))?;
        let sizes = self.sizes(&a_fact, &b_fact)?;
        let sizes = sizes.map(|size| size.expect("the shapes of tensors are known"));
        match a.dtype() {
            DType::F32 => {
                let (data, y) = ([elements(a), elements(b)], outputs.make::<f32>(&shape)?);
                self.compute(data, c, sizes, self.alpha, |c: &f32| c * self.beta, y)
            }
            DType::F64 => {
                let (data, y) = ([elements(a), elements(b)], outputs.make::<f64>(&shape)?);
                let (alpha, beta) = (f64::from(self.alpha), f64::from(self.beta));
                self.compute(data, c, sizes, alpha, |c: &f64| c * beta, y)
            }
            DType::F16 => self.halves::<f16>(a, b, c, sizes, outputs),
            DType::BF16 => self.halves::<bf16>(a, b, c, sizes, outputs),
            dtype => dispatch!(dtype, T in [i32, i64, u32, u64] =>
                self.integers::<T>(a, b, c, sizes, outputs)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn transposed_matrices_and_a_third_one() {
        let (a, b) = (iota(&[3, 2]), iota(&[4, 3]));
        let gemm = |opset| node("Gemm", opset).int("transA", 1).int("transB", 1);
        let c = tensor(&[4], vec![100f32, 200.0, 300.0, 400.0]);
        let wanted = tensor(
            &[2, 4],
            vec![110f32, 228.0, 346.0, 464.0, 113.0, 240.0, 367.0, 494.0],
        );
        let run = gemm(7).run(&[Some(&a), Some(&b), Some(&c)]);
        assert_eq!(run, Ok(vec![wanted.clone()]));
        let run = gemm(6)
            .int("broadcast", 1)
            .run(&[Some(&a), Some(&b), Some(&c)]);
        assert_eq!(run, Ok(vec![wanted]));
        assert_eq!(
            gemm(6).error(&[Some(&a), Some(&b), Some(&c)]),
            "C is f32[4], must have the shape of Y, which is f32[2,4]"
        );
        assert_eq!(
            node("Gemm", 13).error(&[Some(&a), Some(&b)]),
            "B is f32[4,3], must have the inner size 2 of A, which is f32[3,2]"
        );
        assert_eq!(
            node("Gemm", 13).error(&[Some(&iota(&[2])), Some(&b)]),
            "A is f32[2], must have two axes"
        );
    }

    #[test]
    fn integers_wrap_or_are_cut() {
        let a = tensor(&[1, 2], vec![i32::MAX, 3]);
        let b = tensor(&[2, 1], vec![2, 5]);
        let run = node("Gemm", 9).run(&[Some(&a), Some(&b), Some(&tensor(&[], vec![1]))]);
        assert_eq!(run, Ok(vec![tensor(&[1, 1], vec![14])]));
        let a = tensor(&[1, 2], vec![1i64, -2]);
        let b = tensor(&[2, 1], vec![2i64, 5]);
        let run = node("Gemm", 11)
            .float("alpha", 0.6)
            .run(&[Some(&a), Some(&b)]);
        assert_eq!(run, Ok(vec![tensor(&[1, 1], vec![-4i64])]));
    }

    #[test]
    fn sizes_of_zero() {
        let (a, b, c) = (iota(&[2, 0]), iota(&[0, 3]), iota(&[1, 3]));
        let run = |c| node("Gemm", 13).run(&[Some(&a), Some(&b), c]);
        assert_eq!(run(None), Ok(vec![tensor(&[2, 3], vec![0f32; 6])]));
        let wanted = vec![0f32, 1.0, 2.0, 0.0, 1.0, 2.0];
        assert_eq!(run(Some(&c)), Ok(vec![tensor(&[2, 3], wanted)]));
    }
}
