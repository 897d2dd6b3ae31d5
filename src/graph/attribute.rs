//! What is kept of the attributes of a node, for those who look at a model.

use std::fmt;

use super::declared::{Dim, ValueInfo};
use crate::allocate;
use crate::error::Plain;
use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::{AttributeProto, TensorProto};
use crate::tensor::DType;

/// An attribute that a node has in the file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AttributeInfo {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub value: AttributeValue,
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// One integer.
    Int(i64),
    /// One number.
    Float(f32),
    /// One string; bytes that are no UTF-8 are replaced.
    Text(String),
    /// Integers.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f32>),
    /// Strings.
    Texts(Vec<String>),
    /// So many elements of a list that is too long to be kept.
    Long(usize),
    /// The type and shape of a tensor.
    Tensor(ValueInfo),
    /// A graph, with so many nodes in the file.
    Graph(usize),
    /// Anything else.
    Other,
}

/// The longest list that is kept, so that a model does not take its memory twice.
const LONGEST: usize = 256;

impl AttributeInfo {
    pub(super) fn new(proto: &AttributeProto) -> AttributeInfo {
        use AttributeType as Type;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let kind = match proto.r#type() {
            Type::Undefined => filled(proto),
            kind => kind,
        };
        let list = match kind {
            Type::Ints => proto.ints.len(),
            Type::Floats => proto.floats.len(),
            Type::Strings => proto.strings.len(),
            _ => 0,
        };
        let value = match kind {
            _ if list > LONGEST => AttributeValue::Long(list),
            Type::Int => AttributeValue::Int(proto.i()),
            Type::Float => AttributeValue::Float(proto.f()),
            Type::String => match proto.s().len() > LONGEST * 16 {
                true => AttributeValue::Long(proto.s().len()),
                false => AttributeValue::Text(text(proto.s())),
            },
            Type::Ints => AttributeValue::Ints(allocate::copied(&proto.ints)),
            Type::Floats => AttributeValue::Floats(allocate::copied(&proto.floats)),
            Type::Strings => {
                AttributeValue::Texts(proto.strings.iter().map(|bytes| text(bytes)).collect())
            }
            Type::Tensor => proto
                .t
                .as_ref()
                .and_then(tensor)
                .map_or(AttributeValue::Other, AttributeValue::Tensor),
            Type::Graph => {
                AttributeValue::Graph(proto.g.as_ref().map_or(0, |graph| graph.node.len()))
            }
            _ => AttributeValue::Other,
        };
        AttributeInfo {
            name: proto.name.clone(),
            value,
        }
    }
}

/// The kind of an attribute that, as in old files, does not say it.
fn filled(proto: &AttributeProto) -> AttributeType {
    let kinds = [
        (AttributeType::Float, proto.f.is_some()),
        (AttributeType::Int, proto.i.is_some()),
        (AttributeType::String, proto.s.is_some()),
        (AttributeType::Tensor, proto.t.is_some()),
        (AttributeType::Graph, proto.g.is_some()),
        (AttributeType::Floats, !proto.floats.is_empty()),
        (AttributeType::Ints, !proto.ints.is_empty()),
        (AttributeType::Strings, !proto.strings.is_empty()),
    ];
    let filled = kinds.into_iter().find(|(_, filled)| *filled);
    filled.map_or(AttributeType::Undefined, |(kind, _)| kind)
}

fn tensor(proto: &TensorProto) -> Option<ValueInfo> {
    let size = |dim: &i64| usize::try_from(*dim).map(Dim::Known).ok();
    Some(ValueInfo {
        name: proto.name.clone(),
        dtype: DType::from_onnx(proto.data_type())?,
        dims: Some(proto.dims.iter().map(size).collect::<Option<_>>()?),
        optional: false,
    })
}

/// `3`, `0.5`, `SAME_UPPER`, `[1,2]`, `f32[3,3]`; strings are escaped and cut.
impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: fmt::Display>(
            f: &mut fmt::Formatter<'_>,
            values: impl Iterator<Item = T>,
        ) -> fmt::Result {
            let texts: Vec<String> = values.map(|value| value.to_string()).collect();
            write!(f, "[{}]", texts.join(","))
        }
        match self {
            AttributeValue::Int(value) => value.fmt(f),
            AttributeValue::Float(value) => value.fmt(f),
            AttributeValue::Text(text) => Plain(text).fmt(f),
            AttributeValue::Ints(values) => list(f, values.iter()),
            AttributeValue::Floats(values) => list(f, values.iter()),
            AttributeValue::Texts(texts) => list(f, texts.iter().map(|text| Plain(text))),
            AttributeValue::Long(count) => write!(f, "({count} elements)"),
            AttributeValue::Tensor(info) => info.fmt(f),
            AttributeValue::Graph(1) => f.write_str("(a graph of 1 node)"),
            AttributeValue::Graph(nodes) => write!(f, "(a graph of {nodes} nodes)"),
            AttributeValue::Other => f.write_str("..."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: AttributeType, fill: impl FnOnce(&mut AttributeProto)) -> AttributeValue {
        let mut proto = AttributeProto {
            r#type: Some(kind.into()),
            ..AttributeProto::default()
        };
        fill(&mut proto);
        AttributeInfo::new(&proto).value
    }

    #[test]
    fn values_are_kept_unless_they_are_long() {
        let ints = |count: i64| {
            of(AttributeType::Ints, |proto| {
                proto.ints = (0..count).collect()
            })
        };
        assert_eq!(ints(3), AttributeValue::Ints(vec![0, 1, 2]));
        assert_eq!(ints(3).to_string(), "[0,1,2]");
        assert_eq!(ints(300), AttributeValue::Long(300));
        let untyped = of(AttributeType::Undefined, |proto| proto.ints = vec![7]);
        assert_eq!(untyped, AttributeValue::Ints(vec![7]));
        let text = of(AttributeType::String, |proto| {
            proto.s = Some(b"a\nb\xff"[..].into());
        });
        assert_eq!(text.to_string(), "a\\nb\u{fffd}");
        let tensor = of(AttributeType::Tensor, |proto| {
            proto.t = Some(TensorProto {
                data_type: Some(1),
                dims: vec![2, 3],
                ..TensorProto::default()
            });
        });
        assert_eq!(tensor.to_string(), "f32[2,3]");
        let broken = of(AttributeType::Tensor, |proto| {
            proto.t = Some(TensorProto {
                data_type: Some(1),
                dims: vec![-1],
                ..TensorProto::default()
            });
        });
        assert_eq!(broken, AttributeValue::Other);
    }
}
