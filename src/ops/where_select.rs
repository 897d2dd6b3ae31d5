//! Where: elements of one tensor where a condition holds, of another elsewhere, with broadcasting.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Where.html>

use half::{bf16, f16};
use num_complex::Complex;

use super::broadcast::{self, Named};
use super::elementwise::{self, Run};
use super::fact::{self, Dims};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, required};
use crate::error::OpError;
use crate::tensor::{Element, TensorView, dispatch};

pub(super) const WHERE: Op = Op {
    domain: "ai.onnx",
    name: "Where",
    newest: 16,
    read: |_| Ok(Box::new(Where)),
    exact: true,
};

/// `condition`, `X` and `Y` to `output`, of the shape that all three broadcast to.
#[derive(Debug)]
struct Where;

fn dims(condition: &Fact, x: &Fact, y: &Fact) -> Result<Dims, OpError> {
    let named: [Named<'_>; 3] = [("condition", condition), ("X", x), ("Y", y)];
    broadcast::together(&named)
}

fn select<T: Element>(
    condition: &TensorView<'_>,
    x: &TensorView<'_>,
    y: &TensorView<'_>,
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    let shape = fact::known(dims(&condition.into(), &x.into(), &y.into())?)?;
    let shapes = [condition, x, y].map(|input| broadcast::padded(input.shape(), shape.len()));
    let (condition, x, y) = (elements(condition), elements::<T>(x), elements::<T>(y));
    let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    elementwise::walk(
        &shapes,
        outputs.make(&shape)?,
        &|places, output: &mut [T]| {
            let len = output.len();
            let condition = Run::new(condition, places[0], len);
            let (x, y) = (Run::new(x, places[1], len), Run::new(y, places[2], len));
            for (index, output) in output.iter_mut().enumerate() {
                let chosen = match condition.at(index) {
                    true => x.at(index),
                    false => y.at(index),
                };
                output.clone_from(chosen);
            }
        },
    );
    Ok(())
}

impl Operator for Where {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (condition, x, y) = (
            required(inputs, 0),
            required(inputs, 1),
            required(inputs, 2),
        );
        Ok(vec![Fact::new(x.dtype, dims(condition, x, y)?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (condition, x, y) = (
            required(inputs, 0),
            required(inputs, 1),
            required(inputs, 2),
        );
        dispatch!(
            x.dtype(),
            T in [
                f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, bool, String,
                Complex<f32>, Complex<f64>
            ] => select::<T>(condition, x, y, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn all_three_inputs_are_repeated() {
        let condition = tensor(&[2, 1], vec![true, false]);
        let x = tensor(&[3], vec![1u8, 2, 3]);
        let y = tensor(&[], vec![9u8]);
        assert_eq!(
            node("Where", 9).run(&[Some(&condition), Some(&x), Some(&y)]),
            Ok(vec![tensor(&[2, 3], vec![1u8, 2, 3, 9, 9, 9])])
        );
        let y = tensor(&[2], vec![0u8; 2]);
        assert_eq!(
            node("Where", 16).error(&[Some(&condition), Some(&x), Some(&y)]),
            "Y is u8[2], must broadcast with the 2 inputs before together, which is bool[2,3]"
        );
        let text = |text: &str| tensor(&[1], vec![text.to_string()]);
        assert_eq!(
            node("Where", 9).run(&[
                Some(&tensor(&[1], vec![false])),
                Some(&text("a")),
                Some(&text("b"))
            ]),
            Ok(vec![text("b")])
        );
    }
}
