//! A model of one pooling node: what `linn pool` runs, so that it obeys the rules and limits of all models.

use linn::proto::attribute_proto::AttributeType;
use linn::proto::tensor_shape_proto::{Dimension, dimension};
use linn::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};
use linn::{DType, Tensor};
use prost::Message;

/// The newest version of every pooling operator.
const OPSET: i64 = 22;

/// A pooling operator and those of its attributes that are set.
#[derive(Debug)]
pub(super) struct Node {
    operator: &'static str,
    attributes: Vec<AttributeProto>,
}

impl Node {
    pub(super) fn new(operator: &'static str) -> Node {
        Node {
            operator,
            attributes: Vec::new(),
        }
    }

    pub(super) fn int(&mut self, name: &str, value: i64) {
        self.attributes.push(AttributeProto {
            name: name.to_string(),
            r#type: Some(AttributeType::Int as i32),
            i: Some(value),
            ..Default::default()
        });
    }

    pub(super) fn ints(&mut self, name: &str, values: &[i64]) {
        self.attributes.push(AttributeProto {
            name: name.to_string(),
            r#type: Some(AttributeType::Ints as i32),
            ints: values.to_vec(),
            ..Default::default()
        });
    }

    pub(super) fn string(&mut self, name: &str, value: &'static str) {
        self.attributes.push(AttributeProto {
            name: name.to_string(),
            r#type: Some(AttributeType::String as i32),
            s: Some(value.into()),
            ..Default::default()
        });
    }

    /// The file of a model that takes a tensor like `x` to `outputs`.
    pub(super) fn model(self, x: &Tensor, outputs: &[&str]) -> Vec<u8> {
        let names = outputs.iter().map(|name| name.to_string());
        let dims = x.shape().iter().map(|&size| size as i64).collect();
        let graph = GraphProto {
            name: "pool".to_string(),
            node: vec![NodeProto {
                op_type: self.operator.to_string(),
                input: vec!["X".to_string()],
                output: names.clone().collect(),
                attribute: self.attributes,
                ..Default::default()
            }],
            input: vec![value("X".to_string(), x.dtype(), Some(dims))],
            output: names
                .zip([x.dtype(), DType::I64])
                .map(|(name, dtype)| value(name, dtype, None))
                .collect(),
            ..Default::default()
        };
        let model = ModelProto {
            ir_version: Some(10),
            opset_import: vec![OperatorSetIdProto {
                version: Some(OPSET),
                ..Default::default()
            }],
            graph: Some(graph),
            ..Default::default()
        };
        model.encode_to_vec()
    }
}

fn value(name: String, dtype: DType, dims: Option<Vec<i64>>) -> ValueInfoProto {
    let dimension = |size| Dimension {
        value: Some(dimension::Value::DimValue(size)),
        ..Default::default()
    };
    let shape = dims.map(|dims| TensorShapeProto {
        dim: dims.into_iter().map(dimension).collect(),
    });
    let tensor = type_proto::Tensor {
        elem_type: dtype as i32,
        shape,
    };
    ValueInfoProto {
        name,
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}
