//! A small builder of ONNX models, for tests and examples.
//!
//! Dimensions are written as text, `"N,3,?,4"`: a size, a name, or `?` for any; `""` is a scalar.

#![allow(
    dead_code,
    reason = "every program that includes this file uses a part of it"
)]

use linn::proto::attribute_proto::AttributeType;
use linn::proto::tensor_shape_proto::Dimension;
use linn::proto::tensor_shape_proto::dimension::Value as DimValue;
use linn::proto::type_proto::{Tensor as TensorType, Value as TypeValue};
use linn::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};
use linn::{DType, Tensor, write_tensor};
use prost::Message;

/// A model with one node, its inputs named `x0`, `x1` ... and its outputs `y0`, `y1` ...
#[derive(Clone, Debug)]
pub(crate) struct OneNode {
    node: NodeProto,
    build: Build,
}

impl OneNode {
    /// A node of `operator` as opset `opset` of `ai.onnx` has it, with one output.
    pub(crate) fn new(operator: &str, opset: i64) -> OneNode {
        OneNode {
            node: node(operator, &[], &["y0"]),
            build: Build::new(opset),
        }
    }

    /// The operator is of version 1 of another domain.
    pub(crate) fn domain(mut self, domain: &str) -> OneNode {
        self.node.domain = domain.to_string();
        self.build = self.build.import(domain, 1);
        self
    }

    /// Imports another opset of `ai.onnx`.
    pub(crate) fn opset(mut self, opset: i64) -> OneNode {
        self.build.0.opset_import[0].version = Some(opset);
        self
    }

    pub(crate) fn with(mut self, attribute: AttributeProto) -> OneNode {
        self.node.attribute.push(attribute);
        self
    }

    pub(crate) fn int(self, name: &str, value: i64) -> OneNode {
        self.with(int(name, value))
    }

    pub(crate) fn float(self, name: &str, value: f32) -> OneNode {
        self.with(float(name, value))
    }

    pub(crate) fn string(self, name: &str, value: &str) -> OneNode {
        self.with(string(name, value))
    }

    pub(crate) fn ints(self, name: &str, values: &[i64]) -> OneNode {
        self.with(ints(name, values))
    }

    /// Sets the number of outputs.
    pub(crate) fn outputs(mut self, count: usize) -> OneNode {
        self.node.output = (0..count).map(|index| format!("y{index}")).collect();
        self
    }

    fn next_input(&mut self) -> String {
        let name = format!("x{}", self.node.input.len());
        self.node.input.push(name.clone());
        name
    }

    /// Adds an input that the caller of the model gives.
    pub(crate) fn input(mut self, dtype: DType, dims: &str) -> OneNode {
        let name = self.next_input();
        self.build = self.build.input(&name, dtype, dims);
        self
    }

    /// Adds an input of unknown rank.
    pub(crate) fn input_of_any_rank(mut self, dtype: DType) -> OneNode {
        let name = self.next_input();
        let info = value_info(&name, dtype, None);
        self.build.graph().input.push(info);
        self
    }

    /// Adds an input with the type and shape of `tensor`.
    pub(crate) fn like(self, tensor: &Tensor) -> OneNode {
        self.input(tensor.dtype(), &dims_text(tensor))
    }

    /// Adds an input that is an initializer.
    pub(crate) fn constant(mut self, tensor: &Tensor) -> OneNode {
        let name = self.next_input();
        self.build = self.build.initializer(&name, tensor);
        self
    }

    /// Leaves out an optional input.
    pub(crate) fn omitted(mut self) -> OneNode {
        self.node.input.push(String::new());
        self
    }

    pub(crate) fn model(&self) -> ModelProto {
        let mut build = self.build.clone().node(self.node.clone());
        for name in &self.node.output {
            build = build.output(name);
        }
        build.0
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.model().encode_to_vec()
    }
}

/// A model, piece by piece.
#[derive(Clone, Debug)]
pub(crate) struct Build(pub(crate) ModelProto);

impl Build {
    /// An empty graph that imports opset `opset` of `ai.onnx`.
    pub(crate) fn new(opset: i64) -> Build {
        Build(ModelProto {
            ir_version: Some(10),
            opset_import: vec![import("", opset)],
            graph: Some(GraphProto {
                name: "graph".to_string(),
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        })
    }

    /// The graph, to be changed.
    pub(crate) fn graph(&mut self) -> &mut GraphProto {
        self.0.graph.get_or_insert_default()
    }

    pub(crate) fn import(mut self, domain: &str, version: i64) -> Build {
        self.0.opset_import.push(import(domain, version));
        self
    }

    pub(crate) fn input(mut self, name: &str, dtype: DType, dims: &str) -> Build {
        let info = value_info(name, dtype, Some(dims));
        self.graph().input.push(info);
        self
    }

    /// Adds an output whose type is left to the reader to find out.
    pub(crate) fn output(mut self, name: &str) -> Build {
        self.graph().output.push(ValueInfoProto {
            name: name.to_string(),
            ..ValueInfoProto::default()
        });
        self
    }

    /// Adds an output with its type.
    pub(crate) fn typed_output(mut self, name: &str, dtype: DType, dims: &str) -> Build {
        let info = value_info(name, dtype, Some(dims));
        self.graph().output.push(info);
        self
    }

    pub(crate) fn initializer(mut self, name: &str, tensor: &Tensor) -> Build {
        let proto = tensor_proto(name, tensor);
        self.graph().initializer.push(proto);
        self
    }

    pub(crate) fn node(mut self, node: NodeProto) -> Build {
        self.graph().node.push(node);
        self
    }

    pub(crate) fn function(mut self, function: FunctionProto) -> Build {
        self.0.functions.push(function);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }
}

/// A node without attributes.
pub(crate) fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    NodeProto {
        op_type: operator.to_string(),
        input: owned(inputs),
        output: owned(outputs),
        ..NodeProto::default()
    }
}

/// Adding to a node.
pub(crate) trait With {
    fn with(self, attribute: AttributeProto) -> Self;
    fn named(self, name: &str) -> Self;
    fn of(self, domain: &str) -> Self;
}

impl With for NodeProto {
    fn with(mut self, attribute: AttributeProto) -> NodeProto {
        self.attribute.push(attribute);
        self
    }

    fn named(mut self, name: &str) -> NodeProto {
        self.name = name.to_string();
        self
    }

    fn of(mut self, domain: &str) -> NodeProto {
        self.domain = domain.to_string();
        self
    }
}

pub(crate) fn import(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: domain.to_string(),
        version: Some(version),
    }
}

/// An attribute without a value.
pub(crate) fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto {
        name: name.to_string(),
        r#type: Some(kind.into()),
        ..AttributeProto::default()
    }
}

/// A graph as an attribute.
pub(crate) fn body(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        g: Some(graph),
        ..attribute(name, AttributeType::Graph)
    }
}

pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..attribute(name, AttributeType::Int)
    }
}

pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: Some(value),
        ..attribute(name, AttributeType::Float)
    }
}

pub(crate) fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        s: Some(value.to_string().into()),
        ..attribute(name, AttributeType::String)
    }
}

pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: values.to_vec(),
        ..attribute(name, AttributeType::Ints)
    }
}

pub(crate) fn tensor(name: &str, value: TensorProto) -> AttributeProto {
    AttributeProto {
        t: Some(value),
        ..attribute(name, AttributeType::Tensor)
    }
}

/// An attribute of a function's node that takes the value of the call's attribute `from`.
pub(crate) fn reference(name: &str, from: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto {
        ref_attr_name: from.to_string(),
        ..attribute(name, kind)
    }
}

pub(crate) fn tensor_proto(name: &str, tensor: &Tensor) -> TensorProto {
    TensorProto::decode(write_tensor(name, tensor).as_slice()).expect("a tensor just written")
}

/// The declaration of a value; no dimensions stand for an unknown rank.
pub(crate) fn value_info(name: &str, dtype: DType, dims: Option<&str>) -> ValueInfoProto {
    ValueInfoProto {
        name: name.to_string(),
        r#type: Some(TypeProto {
            value: Some(TypeValue::TensorType(TensorType {
                elem_type: dtype as i32,
                shape: dims.map(shape),
            })),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

fn shape(dims: &str) -> TensorShapeProto {
    let parts = dims.split(',').filter(|part| !part.is_empty());
    TensorShapeProto {
        dim: parts
            .map(|part| Dimension {
                value: match (part, part.parse()) {
                    ("?", _) => None,
                    (_, Ok(size)) => Some(DimValue::DimValue(size)),
                    (name, Err(_)) => Some(DimValue::DimParam(name.to_string())),
                },
                ..Dimension::default()
            })
            .collect(),
    }
}

/// The dimensions of a tensor, as the builder takes them.
pub(crate) fn dims_text(tensor: &Tensor) -> String {
    let dims: Vec<String> = tensor.shape().iter().map(ToString::to_string).collect();
    dims.join(",")
}
