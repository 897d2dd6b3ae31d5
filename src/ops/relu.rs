//! Relu: what is negative becomes 0.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Relu.html>

use half::{bf16, f16};

use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::error::OpError;
use crate::tensor::{Element, TensorView, dispatch};

pub(super) const RELU: Op = Op {
    domain: "ai.onnx",
    name: "Relu",
    newest: 14,
    read: |attributes| {
        attributes.ignore(
            "consumed_inputs",
            "a hint on buffers, without effect on results",
        );
        Ok(Box::new(Relu))
    },
    exact: false,
};

/// `X` to `Y` of the same shape; NaN stays NaN.
#[derive(Debug)]
struct Relu;

fn relu<T: Element + Copy + PartialOrd>(
    x: &TensorView<'_>,
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    let zero = T::default();
    let y = outputs.make(x.shape())?;
    elementwise::map(elements::<T>(x), y, |x| if x <= zero { zero } else { x });
    Ok(())
}

impl Operator for Relu {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        Ok(vec![Fact::new(x.dtype, x.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        dispatch!(x.dtype(), T in [f32, f64, f16, bf16, i8, i16, i32, i64] => relu::<T>(x, outputs))
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use crate::ops::testing::{node, tensor};

    #[test]
    fn negative_elements_become_zero() {
        let x = tensor(
            &[5],
            vec![-1.5f32, -0.0, 2.5, f32::NEG_INFINITY, f32::INFINITY],
        );
        let y = node("Relu", 1)
            .ints("consumed_inputs", &[0])
            .run(&[Some(&x)])
            .expect("it runs");
        assert_eq!(
            y,
            [tensor(&[5], vec![0.0f32, 0.0, 2.5, 0.0, f32::INFINITY])]
        );
        let x = tensor(&[3], vec![i8::MIN, 0, 7]);
        assert_eq!(
            node("Relu", 14).run(&[Some(&x)]),
            Ok(vec![tensor(&[3], vec![0i8, 0, 7])])
        );
        assert!(node("Relu", 13).error(&[Some(&x)]).contains("type i8"));
    }

    #[test]
    fn nan_stays_nan() {
        let y = node("Relu", 14)
            .run(&[Some(&tensor(&[1], vec![f16::NAN]))])
            .expect("it runs");
        assert!(y[0].as_slice::<f16>().expect("f16")[0].is_nan());
        let y = node("Relu", 14)
            .run(&[Some(&tensor(&[2], vec![bf16::NAN, bf16::NEG_ONE]))])
            .expect("it runs");
        let y = y[0].as_slice::<bf16>().expect("bf16");
        assert!(y[0].is_nan() && y[1] == bf16::ZERO);
    }

    #[test]
    fn a_large_tensor_is_done_in_parts() {
        let x: Vec<i64> = (-50_000..50_000).collect();
        let wanted = x.iter().map(|x| *x.max(&0)).collect();
        assert_eq!(
            node("Relu", 14).run(&[Some(&tensor(&[100_000], x))]),
            Ok(vec![tensor(&[100_000], wanted)])
        );
    }
}
