//! Constant: a tensor that the node holds itself.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Constant.html>
//! Differs: any element type is taken at any version; exporters wrote integers before version 9 allowed them.

use std::sync::Arc;

use super::{Fact, Inputs, Op, Operator, Outputs};
use crate::allocate;
use crate::error::{OpError, listed};
use crate::onnx::attributes::Attributes;
use crate::tensor::Tensor;

pub(super) const CONSTANT: Op = Op {
    domain: "ai.onnx",
    name: "Constant",
    newest: 25,
    read: |attributes| Ok(Box::new(Constant::read(attributes)?)),
    exact: true,
};

/// No input to `output`, the tensor itself.
#[derive(Debug)]
struct Constant {
    value: Arc<Tensor>,
}

impl Constant {
    fn read(attributes: &mut Attributes<'_>) -> Result<Constant, OpError> {
        let text = |texts: Vec<&str>| texts.into_iter().map(String::from).collect::<Vec<_>>();
        let mut given: Vec<(&str, Tensor)> = Vec::new();
        for name in ["value", "sparse_value"] {
            if let Some(value) = attributes.tensor(name)? {
                given.push((name, value));
            }
        }
        if let Some(value) = attributes.int("value_int") {
            given.push(("value_int", Tensor::new(&[], vec![value])?));
        }
        if let Some(values) = attributes.ints("value_ints") {
            given.push((
                "value_ints",
                Tensor::new(&[values.len()], allocate::copied(values))?,
            ));
        }
        if let Some(value) = attributes.float("value_float") {
            given.push(("value_float", Tensor::new(&[], vec![value])?));
        }
        if let Some(values) = attributes.floats("value_floats") {
            given.push((
                "value_floats",
                Tensor::new(&[values.len()], allocate::copied(values))?,
            ));
        }
        if let Some(value) = attributes.string("value_string")? {
            given.push(("value_string", Tensor::new(&[], text(vec![value]))?));
        }
        if let Some(values) = attributes.strings("value_strings")? {
            given.push(("value_strings", Tensor::new(&[values.len()], text(values))?));
        }
        match given.len() {
            1 => Ok(Constant {
                value: Arc::new(given.remove(0).1),
            }),
            0 => Err(OpError::invalid(
                "value",
                "is missing, and no other value is given",
            )),
            _ => Err(OpError::invalid(
                "",
                format!(
                    "has the values {}, must have one",
                    listed(given.iter().map(|(name, _)| *name))
                ),
            )),
        }
    }
}

impl Operator for Constant {
    fn infer(&self, _: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        Ok(vec![Fact::constant(self.value.clone())])
    }

    fn run(&self, _: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        outputs.copy(&self.value.as_view(), self.value.shape())
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::proto::{AttributeProto, SparseTensorProto};
    use crate::onnx::tensor::encode;
    use crate::ops::testing::{Node, node, tensor};
    use crate::tensor::Tensor;

    fn value(node: Node) -> Tensor {
        let infers = node.infer(&[]).expect("it is a constant");
        let outputs = node.run(&[]).expect("it runs");
        assert_eq!(infers[0].value.as_deref(), Some(&outputs[0]));
        outputs[0].clone()
    }

    #[test]
    fn each_kind_of_value_is_taken() {
        let ints = tensor(&[2], vec![1i64, 2]);
        assert_eq!(value(node("Constant", 1).tensor("value", &ints)), ints);
        let constant = || node("Constant", 25);
        assert_eq!(value(constant().ints("value_ints", &[1, 2])), ints);
        assert_eq!(
            value(constant().ints("value_ints", &[])),
            tensor::<i64>(&[0], vec![])
        );
        assert_eq!(
            value(constant().int("value_int", 3)),
            tensor(&[], vec![3i64])
        );
        assert_eq!(
            value(constant().float("value_float", 0.5)),
            tensor(&[], vec![0.5f32])
        );
        assert_eq!(
            value(constant().floats("value_floats", &[0.5, 1.5])),
            tensor(&[2], vec![0.5f32, 1.5])
        );
        assert_eq!(
            value(constant().string("value_string", "a")),
            tensor(&[], vec!["a".to_string()])
        );
        assert_eq!(
            value(constant().strings("value_strings", &["a", "b"])),
            tensor(&[2], vec!["a".to_string(), "b".to_string()])
        );
    }

    #[test]
    fn a_sparse_value_becomes_dense() {
        let sparse = AttributeProto {
            name: "sparse_value".to_string(),
            sparse_tensor: Some(SparseTensorProto {
                values: Some(encode("", &tensor(&[2], vec![7f32, 8.0]))),
                indices: Some(encode("", &tensor(&[2], vec![1i64, 3]))),
                dims: vec![2, 2],
            }),
            ..AttributeProto::default()
        };
        assert_eq!(
            value(node("Constant", 11).attribute(sparse)),
            tensor(&[2, 2], vec![0f32, 7.0, 0.0, 8.0])
        );
    }

    #[test]
    fn none_and_two_values_are_errors() {
        assert_eq!(
            node("Constant", 12).error(&[]),
            "value is missing, and no other value is given"
        );
        assert_eq!(node("Constant", 9).error(&[]), "value is missing");
        assert_eq!(
            node("Constant", 12)
                .int("value_int", 1)
                .float("value_float", 1.0)
                .error(&[]),
            "has the values 'value_int', 'value_float', must have one"
        );
        assert!(
            node("Constant", 11)
                .int("value_int", 1)
                .error(&[])
                .contains("is new in Constant-12")
        );
    }
}
