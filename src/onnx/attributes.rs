//! Reading a node's attributes: an attribute that nobody read is an error, so none is ignored in silence.

use std::collections::HashSet;
use std::str;

use super::external::Folder;
use super::proto::attribute_proto::AttributeType;
use super::proto::type_proto::Value as TypeValue;
use super::proto::{AttributeProto, GraphProto, NodeProto};
use super::tensor;
use crate::error::{OpError, Quoted};
use crate::model::Body;
use crate::ops::Fact;
use crate::ops::schema::Schema;
use crate::tensor::{DType, Shape, Tensor};

/// The attributes of one node, checked against the version of its operator.
pub(crate) struct Attributes<'a> {
    list: &'a [AttributeProto],
    version: i64,
    folder: &'a Folder,
    memory_limit: usize,
    inputs: &'a [String],
    outputs: usize,
    read: Vec<bool>,
    warnings: Vec<String>,
    graphs: Option<&'a mut dyn Graphs>,
}

/// What makes the graphs among a node's attributes ready to run.
pub(crate) trait Graphs {
    /// What is known of the inputs of the node.
    fn inputs(&self) -> &[Option<&Fact>];

    /// Builds the graph in an attribute for inputs of which this is known.
    fn build(
        &mut self,
        attribute: &str,
        graph: &GraphProto,
        inputs: Vec<Option<Fact>>,
    ) -> Result<Body, OpError>;
}

impl<'a> Attributes<'a> {
    /// Checks names and kinds against `schema`.
    pub(crate) fn new(
        node: &'a NodeProto,
        schema: &'static Schema,
        folder: &'a Folder,
        memory_limit: usize,
    ) -> Result<Attributes<'a>, OpError> {
        let attributes = Attributes::free(node, schema.since, folder, memory_limit)?;
        let list = attributes.list;
        for attribute in list {
            let Some(formal) = schema
                .attributes
                .iter()
                .find(|formal| formal.name == attribute.name)
            else {
                return Err(unknown(attribute, schema));
            };
            let kind = kind(attribute)?;
            if kind != formal.kind {
                return Err(wrong_kind(attribute, kind, formal.kind));
            }
        }
        for formal in schema.attributes.iter().filter(|formal| formal.required) {
            if !list.iter().any(|attribute| attribute.name == formal.name) {
                return Err(OpError::invalid(formal.name, "is missing"));
            }
        }
        Ok(attributes)
    }

    /// The attributes of a node without a schema; `version` is that of the domain of its operator.
    pub(crate) fn free(
        node: &'a NodeProto,
        version: i64,
        folder: &'a Folder,
        memory_limit: usize,
    ) -> Result<Attributes<'a>, OpError> {
        let list = node.attribute.as_slice();
        let mut names = HashSet::with_capacity(list.len());
        if let Some(twice) = list.iter().find(|attribute| !names.insert(&attribute.name)) {
            return Err(OpError::invalid(shown(twice), "is given twice"));
        }
        Ok(Attributes {
            list,
            version,
            folder,
            memory_limit,
            inputs: &node.input,
            outputs: node.output.len(),
            read: vec![false; list.len()],
            warnings: Vec::new(),
            graphs: None,
        })
    }

    /// Has graphs among the attributes built by `graphs`.
    pub(crate) fn build_graphs_with(&mut self, graphs: &'a mut dyn Graphs) {
        self.graphs = Some(graphs);
    }

    /// The version of the operator: the opset that brought it.
    pub(crate) fn version(&self) -> i64 {
        self.version
    }

    /// Checks that the attribute `name`, if the node has it, holds what schemas call `wanted`.
    pub(crate) fn check_kind(&self, name: &str, wanted: &str) -> Result<(), OpError> {
        let Some(attribute) = self.list.iter().find(|attribute| attribute.name == name) else {
            return Ok(());
        };
        match kind(attribute)? {
            kind if kind == wanted => Ok(()),
            kind => Err(wrong_kind(attribute, kind, wanted)),
        }
    }

    /// What is known of the inputs of the node from `first` on, none of which may be left out.
    pub(crate) fn inputs_from(&self, first: usize) -> Result<Vec<Option<Fact>>, OpError> {
        let omitted = (first..self.inputs.len()).find(|&index| self.inputs[index].is_empty());
        if let Some(index) = omitted {
            return Err(OpError::invalid(format!("inputs[{index}]"), "is left out"));
        }
        let facts = self
            .graphs
            .as_ref()
            .map_or(&[][..], |graphs| graphs.inputs());
        let facts = facts.iter().skip(first);
        Ok(facts.map(|fact| fact.cloned()).collect())
    }

    /// The graph `name`, ready to run on inputs of which this is known.
    pub(crate) fn body(&mut self, name: &str, inputs: Vec<Option<Fact>>) -> Result<Body, OpError> {
        let graph = self.take(name).and_then(|attribute| attribute.g.as_ref());
        match (graph, &mut self.graphs) {
            (Some(graph), Some(graphs)) => graphs.build(name, graph, inputs),
            _ => Err(OpError::invalid(name, "holds no graph")),
        }
    }

    /// The rank that the graph `name` declares for an input of its own.
    pub(crate) fn declared_rank(&self, name: &str, input: usize) -> Option<usize> {
        let mut list = self.list.iter();
        let graph = list.find(|attribute| attribute.name == name)?.g.as_ref()?;
        match graph.input.get(input)?.r#type.as_ref()?.value.as_ref()? {
            TypeValue::TensorType(tensor) => Some(tensor.shape.as_ref()?.dim.len()),
            _ => None,
        }
    }

    /// How many inputs the node names, those that are left out between them included.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// How many outputs the node names, those that are left out between them included.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The attribute `name`, marked as read.
    fn take(&mut self, name: &str) -> Option<&'a AttributeProto> {
        let index = self
            .list
            .iter()
            .position(|attribute| attribute.name == name)?;
        self.read[index] = true;
        Some(&self.list[index])
    }

    /// Marks an attribute as understood to have no effect; `_why` says so to the reader.
    pub(crate) fn ignore(&mut self, name: &str, _why: &str) {
        self.take(name);
    }

    pub(crate) fn int(&mut self, name: &str) -> Option<i64> {
        self.take(name).map(|attribute| attribute.i.unwrap_or(0))
    }

    /// An int that must be 0 or 1; absent means 0.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, OpError> {
        match self.int(name) {
            None | Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(other) => Err(OpError::invalid(
                name,
                format!("is {other}, must be 0 or 1"),
            )),
        }
    }

    pub(crate) fn float(&mut self, name: &str) -> Option<f32> {
        self.take(name).map(|attribute| attribute.f.unwrap_or(0.0))
    }

    pub(crate) fn ints(&mut self, name: &str) -> Option<&'a [i64]> {
        self.take(name).map(|attribute| attribute.ints.as_slice())
    }

    pub(crate) fn floats(&mut self, name: &str) -> Option<&'a [f32]> {
        self.take(name).map(|attribute| attribute.floats.as_slice())
    }

    pub(crate) fn string(&mut self, name: &str) -> Result<Option<&'a str>, OpError> {
        self.take(name)
            .map(|attribute| utf8(name, attribute.s.as_deref().unwrap_or_default()))
            .transpose()
    }

    pub(crate) fn strings(&mut self, name: &str) -> Result<Option<Vec<&'a str>>, OpError> {
        self.take(name)
            .map(|attribute| {
                attribute
                    .strings
                    .iter()
                    .map(|text| utf8(name, text))
                    .collect()
            })
            .transpose()
    }

    pub(crate) fn tensor(&mut self, name: &str) -> Result<Option<Tensor>, OpError> {
        let folder = self.folder;
        self.take(name)
            .map(|attribute| match (&attribute.t, &attribute.sparse_tensor) {
                (Some(dense), _) => tensor::decode(dense, folder),
                (_, Some(sparse)) => tensor::decode_sparse(sparse, folder, |dtype, shape| {
                    fits(dtype, shape, self.memory_limit)
                }),
                _ => Err(OpError::invalid("", "holds no tensor")),
            })
            .transpose()
            .map_err(|error| OpError {
                field: name.to_string(),
                reason: error.to_string(),
                ..error
            })
    }

    /// Notes something that looks wrong but does not keep the node from running.
    pub(crate) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Ends the reading and returns the warnings: an attribute that nobody read is one that linn does not
    /// support.
    pub(crate) fn finish(self) -> Result<Vec<String>, OpError> {
        match self.read.iter().position(|read| !read) {
            None => Ok(self.warnings),
            Some(index) => Err(OpError::unsupported(format!(
                "the attribute {}",
                self.list[index].name
            ))),
        }
    }
}

/// Whether a dense tensor of this type and shape stays below the memory limit.
pub(crate) fn fits(dtype: DType, shape: &Shape, limit: usize) -> Result<(), OpError> {
    match shape.elements().saturating_mul(dtype.bytes()) {
        bytes if bytes <= limit => Ok(()),
        bytes => Err(OpError::memory(bytes, 0, limit)),
    }
}

fn wrong_kind(attribute: &AttributeProto, kind: &str, wanted: &str) -> OpError {
    OpError::invalid(
        shown(attribute),
        format!("has type {kind}, must have type {wanted}"),
    )
}

fn shown(attribute: &AttributeProto) -> String {
    match attribute.name.as_str() {
        "" => "an attribute without a name".to_string(),
        name => format!("attribute {}", Quoted(name)),
    }
}

fn unknown(attribute: &AttributeProto, schema: &'static Schema) -> OpError {
    let version = format!("{}-{}", schema.name, schema.since);
    let later = Schema::versions(schema.domain, schema.name)
        .iter()
        .filter(|later| later.since > schema.since)
        .find(|later| {
            later
                .attributes
                .iter()
                .any(|formal| formal.name == attribute.name)
        });
    let reason = match later {
        Some(later) => format!(
            "is new in {}-{}, the imported opset has {version}",
            schema.name, later.since
        ),
        None => {
            let names = schema.attributes.iter().map(|formal| formal.name);
            match crate::error::did_you_mean(&attribute.name, names) {
                Some(hint) => format!("is unknown to {version}; {hint}"),
                None => format!("is unknown to {version}"),
            }
        }
    };
    OpError::invalid(shown(attribute), reason)
}

fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, OpError> {
    str::from_utf8(bytes).map_err(|_| OpError::invalid(name, "is not UTF-8"))
}

/// The kind of value that an attribute holds, as the schemas spell it.
///
/// A declared type must be the type of the one field that is filled; a value of zero may be left out.
/// Without a declared type, as very old models write it, the filled field decides.
fn kind(attribute: &AttributeProto) -> Result<&'static str, OpError> {
    let filled: Vec<&str> = [
        ("float", attribute.f.is_some()),
        ("int", attribute.i.is_some()),
        ("string", attribute.s.is_some()),
        ("tensor", attribute.t.is_some()),
        ("graph", attribute.g.is_some()),
        ("floats", !attribute.floats.is_empty()),
        ("ints", !attribute.ints.is_empty()),
        ("strings", !attribute.strings.is_empty()),
        ("tensors", !attribute.tensors.is_empty()),
        ("graphs", !attribute.graphs.is_empty()),
        ("sparse_tensor", attribute.sparse_tensor.is_some()),
        ("sparse_tensors", !attribute.sparse_tensors.is_empty()),
        ("type_proto", attribute.tp.is_some()),
        ("type_protos", !attribute.type_protos.is_empty()),
    ]
    .into_iter()
    .filter_map(|(kind, filled)| filled.then_some(kind))
    .collect();
    let declared = match AttributeType::try_from(attribute.r#type.unwrap_or(0)) {
        Ok(AttributeType::Undefined) => None,
        Ok(AttributeType::Float) => Some("float"),
        Ok(AttributeType::Int) => Some("int"),
        Ok(AttributeType::String) => Some("string"),
        Ok(AttributeType::Tensor) => Some("tensor"),
        Ok(AttributeType::Graph) => Some("graph"),
        Ok(AttributeType::Floats) => Some("floats"),
        Ok(AttributeType::Ints) => Some("ints"),
        Ok(AttributeType::Strings) => Some("strings"),
        Ok(AttributeType::Tensors) => Some("tensors"),
        Ok(AttributeType::Graphs) => Some("graphs"),
        Ok(AttributeType::SparseTensor) => Some("sparse_tensor"),
        Ok(AttributeType::SparseTensors) => Some("sparse_tensors"),
        Ok(AttributeType::TypeProto) => Some("type_proto"),
        Ok(AttributeType::TypeProtos) => Some("type_protos"),
        Err(_) => {
            return Err(OpError::invalid(
                shown(attribute),
                format!("has the unknown type {}", attribute.r#type.unwrap_or(0)),
            ));
        }
    };
    match (declared, filled.as_slice()) {
        (Some(declared), []) => Ok(declared),
        (Some(declared), [filled]) if declared == *filled => Ok(declared),
        (None, [filled]) => Ok(filled),
        (None, []) => Err(OpError::invalid(
            shown(attribute),
            "has no type and no value",
        )),
        (Some(declared), filled) => Err(OpError::invalid(
            shown(attribute),
            format!(
                "declares the type {declared}, its value is of type {}",
                filled.join(" and ")
            ),
        )),
        (None, filled) => Err(OpError::invalid(
            shown(attribute),
            format!("has values of types {}", filled.join(" and ")),
        )),
    }
}
