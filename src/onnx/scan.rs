//! A look at the bytes of a message before they are decoded: whether its parts fit into one another, and what
//! decoding will cost. Two bytes of a file can stand for a kilobyte in memory.
//!
//! One pass, without recursion and without memory of its own; the bytes of weights are skipped by their length. A file can be
//! read on the way.

use crate::error::Error;
use crate::stop;

use super::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    SparseTensorProto, StringStringEntryProto, TensorAnnotation, TensorProto, TypeProto,
    ValueInfoProto, tensor_shape_proto::Dimension,
};

/// The most messages inside one another; the decoder itself stops at 100.
const MOST_DEPTH: usize = 96;
/// The field of a tensor that has its elements as bytes.
pub(super) const RAW_DATA: u64 = 9;
/// What messages may take in memory, beside four times the bytes of the file; those of exported models take once or twice
/// that.
const MOST_STRUCTURE: usize = 256 << 20;

/// A kind of message, as far as its parts matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Sparse,
    ValueInfo,
    Type,
    /// The type of a tensor, dense or sparse.
    TensorType,
    /// The type of a sequence or of a value that may be absent.
    ElementType,
    MapType,
    Shape,
    Function,
    Annotation,
    /// A message without messages inside.
    Leaf(usize),
}

/// What a field holds.
enum Field {
    Message(Kind),
    /// One of many texts.
    Text,
    /// Numbers of so many bytes each in memory; packed as varints, or as they are.
    Varints(usize),
    Fixed(usize),
    Other,
}

const ENTRY: Field = Field::Message(Kind::Leaf(size_of::<StringStringEntryProto>()));
const OPSET: Field = Field::Message(Kind::Leaf(size_of::<OperatorSetIdProto>()));

impl Kind {
    fn field(self, number: u64) -> Field {
        use Field::{Fixed, Message, Other, Text, Varints};
        match (self, number) {
            (Kind::Model, 7) | (Kind::Attribute, 6 | 11) => Message(Kind::Graph),
            (Kind::Model, 8) | (Kind::Function, 9) => OPSET,
            (Kind::Model, 25) => Message(Kind::Function),
            (Kind::Graph, 1) | (Kind::Function, 7) => Message(Kind::Node),
            (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) | (Kind::Sparse, 1 | 2) => {
                Message(Kind::Tensor)
            }
            (Kind::Graph, 11..=13) | (Kind::Function, 12) => Message(Kind::ValueInfo),
            (Kind::Graph, 14) => Message(Kind::Annotation),
            (Kind::Graph, 15) | (Kind::Attribute, 22 | 23) => Message(Kind::Sparse),
            (Kind::Node, 5) | (Kind::Function, 11) => Message(Kind::Attribute),
            (Kind::Attribute, 14 | 15) | (Kind::ValueInfo, 2) => Message(Kind::Type),
            (Kind::Type, 1 | 8) => Message(Kind::TensorType),
            (Kind::Type, 4 | 9) => Message(Kind::ElementType),
            (Kind::Type, 5) => Message(Kind::MapType),
            (Kind::ElementType, 1) | (Kind::MapType, 2) => Message(Kind::Type),
            (Kind::TensorType, 2) => Message(Kind::Shape),
            (Kind::Shape, 1) => Message(Kind::Leaf(size_of::<Dimension>())),
            (Kind::Model | Kind::Function, 14)
            | (Kind::Graph | Kind::Tensor, 16)
            | (Kind::Node, 9)
            | (Kind::Tensor, 13)
            | (Kind::ValueInfo, 4)
            | (Kind::Annotation, 2) => ENTRY,
            (Kind::Node, 1 | 2)
            | (Kind::Function, 4..=6)
            | (Kind::Attribute, 9)
            | (Kind::Tensor, 6) => Text,
            (Kind::Attribute, 8) | (Kind::Tensor, 1 | 7 | 11) | (Kind::Sparse, 3) => Varints(8),
            (Kind::Tensor, 5) => Varints(4),
            (Kind::Attribute, 7) | (Kind::Tensor, 4) => Fixed(4),
            (Kind::Tensor, 10) => Fixed(8),
            _ => Other,
        }
    }

    /// The fields that two readers would read differently if they came twice.
    fn once(self) -> &'static [(u64, &'static str)] {
        match self {
            Kind::Model => &[(1, "ir_version"), (7, "graph")],
            Kind::Node => &[(3, "name"), (4, "op_type"), (7, "domain"), (8, "overload")],
            Kind::Attribute => &[
                (1, "name"),
                (2, "f"),
                (3, "i"),
                (4, "s"),
                (5, "t"),
                (6, "g"),
                (14, "tp"),
                (20, "type"),
                (21, "ref_attr_name"),
                (22, "sparse_tensor"),
            ],
            Kind::Tensor => &[
                (2, "data_type"),
                (8, "name"),
                (9, "raw_data"),
                (14, "data_location"),
            ],
            Kind::Sparse => &[(1, "values"), (2, "indices")],
            Kind::ValueInfo => &[(1, "name"), (2, "type")],
            Kind::Function => &[(1, "name"), (10, "domain"), (13, "overload")],
            _ => &[],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Model => "the model",
            Kind::Graph => "a graph",
            Kind::Node => "a node",
            Kind::Attribute => "an attribute",
            Kind::Tensor => "a tensor",
            Kind::Sparse => "a sparse tensor",
            Kind::ValueInfo => "a value_info",
            Kind::Type | Kind::TensorType | Kind::ElementType | Kind::MapType => "a type",
            Kind::Shape => "a shape",
            Kind::Function => "a function",
            Kind::Annotation | Kind::Leaf(_) => "a message",
        }
    }

    /// What one takes in memory, without what it points to.
    fn bytes(self) -> usize {
        match self {
            Kind::Model => size_of::<ModelProto>(),
            Kind::Graph => size_of::<GraphProto>(),
            Kind::Node => size_of::<NodeProto>(),
            Kind::Attribute => size_of::<AttributeProto>(),
            Kind::Tensor => size_of::<TensorProto>(),
            Kind::Sparse => size_of::<SparseTensorProto>(),
            Kind::ValueInfo => size_of::<ValueInfoProto>(),
            Kind::Type | Kind::TensorType | Kind::ElementType | Kind::MapType | Kind::Shape => {
                size_of::<TypeProto>()
            }
            Kind::Function => size_of::<FunctionProto>(),
            Kind::Annotation => size_of::<TensorAnnotation>(),
            Kind::Leaf(bytes) => bytes,
        }
    }
}

/// Bytes that go by once, from the first to the last.
pub(super) trait Source {
    /// How many there are.
    fn len(&self) -> usize;

    /// How many have gone by.
    fn at(&self) -> usize;

    /// The next one, if there is one.
    ///
    /// # Errors
    /// It cannot be read, as for the others.
    fn byte(&mut self) -> Result<u8, Error>;

    /// Passes by as many, which are there.
    fn pass(&mut self, count: usize) -> Result<(), Error>;

    /// As [`Source::pass`]: how many numbers they are as varints.
    fn pass_numbers(&mut self, count: usize) -> Result<usize, Error>;

    /// As [`Source::pass`], by the raw data of the model's initializer `number`, a field that begins at byte `from`.
    fn pass_weights(&mut self, _number: usize, _from: usize, count: usize) -> Result<(), Error> {
        self.pass(count)
    }
}

/// Bytes that are all there.
pub(super) struct Whole<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Whole<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Whole<'b> {
        Whole { bytes, at: 0 }
    }
}

impl Source for Whole<'_> {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn at(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.at += 1;
        Ok(self.bytes[self.at - 1])
    }

    fn pass(&mut self, count: usize) -> Result<(), Error> {
        self.at += count;
        Ok(())
    }

    fn pass_numbers(&mut self, count: usize) -> Result<usize, Error> {
        let bytes = &self.bytes[self.at..][..count];
        self.at += count;
        Ok(bytes.iter().filter(|byte| **byte < 0x80).count())
    }
}

/// A message that has been begun.
#[derive(Clone, Copy)]
struct Frame {
    kind: Kind,
    end: usize,
    /// Which of the fields have come that may come once.
    seen: u32,
}

/// Checks the bytes of a message, `what` to the user, before they are decoded.
///
/// # Errors
/// Parts that do not fit into one another, fields that contradict one another, or a cost over `memory_limit`.
pub(super) fn scan(
    source: &mut impl Source,
    kind: Kind,
    what: &'static str,
    memory_limit: usize,
) -> Result<(), Error> {
    let fail = |at: usize, reason: String| Error::Decode {
        what,
        reason: format!("broken protobuf: {reason}, at byte {at}"),
    };
    let len = source.len();
    let most = MOST_STRUCTURE.saturating_add(len.saturating_mul(4));
    let (mut structure, mut data) = (0usize, 0usize);
    let start = Frame {
        kind,
        end: len,
        seen: 0,
    };
    let mut stack = [start; MOST_DEPTH];
    let (mut depth, mut fields, mut initializers) = (0, 0usize, 0usize);
    loop {
        stop::check_node(fields)?;
        fields += 1;
        let Frame { kind, end, .. } = stack[depth];
        if source.at() == end {
            match depth.checked_sub(1) {
                None => return Ok(()),
                Some(above) => depth = above,
            }
            continue;
        }
        let from = source.at();
        let broken = |reason: &str| fail(from, reason.to_string());
        let key = varint(source, end, broken)?;
        let (number, wire) = (key >> 3, key & 7);
        if number == 0 || number >= 1 << 29 {
            return Err(fail(
                from,
                format!("the field number {number} does not exist"),
            ));
        }
        let field = kind.field(number);
        if matches!(field, Field::Message(_) | Field::Text) && wire != 2 {
            let reason = format!("field {number} of {} has the wire type {wire}", kind.name());
            return Err(fail(from, reason));
        }
        let len = match wire {
            0 => {
                varint(source, end, broken)?;
                if let Field::Varints(size) = field {
                    structure = structure.saturating_add(2 * size);
                }
                0
            }
            1 => 8,
            5 => 4,
            2 => varint(source, end, broken)?,
            3 | 4 => {
                return Err(fail(
                    from,
                    "a group, which the protobuf messages of ONNX do not have".to_string(),
                ));
            }
            _ => return Err(fail(from, format!("the wire type {wire} does not exist"))),
        };
        let Some(count) = usize::try_from(len)
            .ok()
            .filter(|count| *count <= end - source.at())
        else {
            let reason = format!(
                "field {number} of {} has length {len}, past the end of its message",
                kind.name()
            );
            return Err(fail(from, reason));
        };
        let once = kind.once();
        if let Some(place) = once.iter().position(|(once, _)| *once == number) {
            if stack[depth].seen & 1 << place != 0 {
                let reason = format!("{} has the field {} twice", kind.name(), once[place].1);
                return Err(fail(from, reason));
            }
            stack[depth].seen |= 1 << place;
        }
        match field {
            Field::Message(inner) => {
                structure = structure.saturating_add(2 * inner.bytes());
                if depth + 1 == MOST_DEPTH {
                    let reason = format!("messages nest more than {MOST_DEPTH} deep");
                    return Err(fail(from, reason));
                }
                if depth == 1 && inner == Kind::Tensor {
                    initializers += 1;
                }
                depth += 1;
                stack[depth] = Frame {
                    kind: inner,
                    end: source.at() + count,
                    seen: 0,
                };
            }
            Field::Text => {
                structure = structure.saturating_add(2 * size_of::<bytes::Bytes>());
                data = data.saturating_add(count);
                source.pass(count)?;
            }
            Field::Varints(size) => {
                let numbers = source.pass_numbers(count)?;
                data = data.saturating_add(numbers.saturating_mul(2 * size));
            }
            // The decoder would read the last number beyond the end of the field.
            Field::Fixed(size) if count % size != 0 => {
                let reason = format!(
                    "field {number} of {} has length {count}, no multiple of {size}",
                    kind.name()
                );
                return Err(fail(from, reason));
            }
            Field::Fixed(_) => {
                data = data.saturating_add(2 * count);
                source.pass(count)?;
            }
            Field::Other if (depth, kind, number) == (2, Kind::Tensor, RAW_DATA) => {
                source.pass_weights(initializers - 1, from, count)?;
            }
            Field::Other => source.pass(count)?,
        }
        if structure > most {
            return Err(Error::limit(format!(
                "decoding the {what} needs more memory than the limit for a file of {} bytes, {most} bytes: \
                 too many messages, at {} in byte {from}",
                source.len(),
                kind.name()
            )));
        }
        let total = structure.saturating_add(data);
        if total > memory_limit {
            return Err(Error::Limit {
                reason: format!(
                    "decoding the {what} needs over {total} bytes, over the memory limit of {memory_limit} bytes, \
                     at {} in byte {from}",
                    kind.name()
                ),
                memory: true,
            });
        }
    }
}

/// A number of at most ten bytes, all before `end`.
fn varint(
    source: &mut impl Source,
    end: usize,
    broken: impl Fn(&str) -> Error,
) -> Result<u64, Error> {
    let mut value = 0u64;
    for place in 0..10 {
        if source.at() == end {
            return Err(broken("the message is truncated: a number without an end"));
        }
        let byte = source.byte()?;
        if place == 9 && byte > 1 {
            return Err(broken("a number of more than 64 bits"));
        }
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(broken("a number of more than ten bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64 << 20;

    fn model(bytes: &[u8]) -> Result<(), Error> {
        scan(&mut Whole::new(bytes), Kind::Model, "model", LIMIT)
    }

    /// `inner` as field `number`.
    fn field(number: u32, inner: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut bytes);
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend(inner);
        bytes
    }

    #[test]
    fn lengths_end_with_the_message_around_them() {
        let graph = field(7, &field(2, b"name"));
        assert!(model(&graph).is_ok());
        let mut long = graph.clone();
        long[3] += 1;
        long.extend(b"more bytes of the file");
        let error = model(&long).expect_err("it reaches past its parent");
        assert!(error.to_string().contains("past the end"), "{error}");
        for len in [1, 2, 3, graph.len() - 1] {
            assert!(model(&graph[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn numbers_wire_types_and_groups() {
        assert!(
            model(&[
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01
            ])
            .is_ok()
        );
        assert!(
            model(&[
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02
            ])
            .is_err()
        );
        assert!(
            model(&[
                0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0
            ])
            .is_err()
        );
        assert!(model(&[0x38, 0]).is_err(), "the graph is a message");
        assert!(model(&[0x03]).is_err(), "field 0");
        for wire in [3, 4, 6, 7] {
            assert!(model(&[0x78 | wire]).is_err(), "wire type {wire}");
        }
    }

    #[test]
    fn what_may_come_once_comes_once() {
        let node = |fields: &[u8]| field(7, &field(1, fields));
        let (neg, one) = (field(4, b"Neg"), field(1, b"x"));
        assert!(model(&node(&[&one[..], &one, &neg].concat())).is_ok());
        let error = model(&node(&[&neg[..], &neg].concat())).expect_err("two operators");
        assert!(error.to_string().contains("op_type twice"), "{error}");
        assert!(model(&[field(7, b""), field(7, b"")].concat()).is_err());
    }

    #[test]
    fn many_messages_of_few_bytes_are_refused_before_they_are_made() {
        for (number, count) in [(5, 30_000), (9, 1_000_000)] {
            let inner = field(number, b"").repeat(count);
            let error = model(&field(7, &field(1, &inner))).expect_err("it takes too much");
            assert!(error.is_memory_limit(), "{error}");
        }
        // The same bytes in a weight are only bytes.
        assert!(model(&field(7, &field(5, &field(9, &[0x2a; 1_000_000])))).is_ok());
    }

    #[test]
    fn nesting_stops_before_that_of_the_decoder() {
        let mut graph = Vec::new();
        for _ in 0..40 {
            graph = field(1, &field(5, &field(6, &graph)));
        }
        let error = model(&field(7, &graph)).expect_err("it is too deep");
        assert!(error.to_string().contains("nest"), "{error}");
    }
}
