//! Model-local functions, expanded where they are called until only operators are left.

mod names;
mod size;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::captures;
use super::opsets::{Imports, canonical};
use crate::custom::Registry;
use crate::error::{Error, Finding, NodeName, OpError, Quoted, Severity};
use crate::onnx::proto::{AttributeProto, FunctionProto, NodeProto};
use crate::ops::schema::NEWEST_OPSET;
use crate::stop;
use names::Taken;
use size::{attribute_bytes, node_bytes};

/// The most nodes, those of graphs in nodes included, that the expansion of functions may add: a few functions
/// that call one another twice would fill any memory.
const MOST_ADDED: usize = 200_000;
/// The most calls of functions inside one another.
const MOST_DEPTH: usize = 64;

/// A call of an operator, its names those of the whole model.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) node: NodeProto,
    pub(super) name: NodeName,
    /// The opsets of the graph or function that the node is written in.
    pub(super) imports: Imports,
}

impl Call {
    pub(super) fn domain(&self) -> &str {
        canonical(&self.node.domain)
    }
}

type Key<'a> = (&'a str, &'a str, &'a str);

/// The functions of a model.
pub(super) struct Functions<'a> {
    table: HashMap<Key<'a>, Function<'a>>,
    /// How many nodes their calls have added.
    added: usize,
    /// The bytes of those nodes, and the most that they may take.
    bytes: usize,
    memory_limit: usize,
}

#[derive(Clone)]
struct Function<'a> {
    proto: &'a FunctionProto,
    imports: Imports,
    /// The attributes without a default.
    attributes: Arc<HashSet<&'a str>>,
}

/// A list of nodes being expanded: the graph's own, or a function's body.
struct Frame<'a> {
    nodes: std::vec::IntoIter<NodeProto>,
    index: usize,
    imports: Imports,
    function: Option<Key<'a>>,
    calls: Arc<[String]>,
    /// From names of the body to names of the model.
    names: HashMap<String, String>,
    /// What the body's values are named after.
    prefix: String,
    attributes: HashMap<String, Cow<'a, AttributeProto>>,
}

impl<'a> Functions<'a> {
    /// All but those in whose place the caller has an operator.
    pub(super) fn new(
        functions: &'a [FunctionProto],
        custom: &Registry,
        memory_limit: usize,
    ) -> Result<Functions<'a>, Error> {
        let mut table = HashMap::new();
        for proto in functions {
            let shown = format!("the function {}", Quoted(&proto.name));
            let function = Function {
                proto,
                imports: Imports::parse(&proto.opset_import, &shown)?,
                attributes: Arc::new(proto.attribute.iter().map(String::as_str).collect()),
            };
            if table.insert(key(proto), function).is_some() {
                return Err(Error::Invalid(format!(
                    "{shown} of domain {} has a duplicate",
                    Quoted(canonical(&proto.domain))
                )));
            }
        }
        table.retain(|(domain, name, _), _| custom.find(domain, name).is_none());
        Ok(Functions {
            table,
            added: 0,
            bytes: 0,
            memory_limit,
        })
    }

    /// Counts nodes that a call has added.
    fn add(&mut self, nodes: usize) -> Result<(), Error> {
        self.added = self.added.saturating_add(nodes);
        match self.added <= MOST_ADDED {
            true => Ok(()),
            false => Err(Error::limit(format!(
                "the model's functions expand to more than {MOST_ADDED} nodes"
            ))),
        }
    }

    /// Counts bytes that a call takes.
    fn take(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        match self.bytes <= self.memory_limit {
            true => Ok(()),
            false => Err(Error::Limit {
                reason: format!(
                    "the model's functions expand to more than the memory limit of {} bytes",
                    self.memory_limit
                ),
                memory: true,
            }),
        }
    }
}

/// Expands the nodes of a graph that `calls` lead to; the order stays that of the file.
pub(super) fn expand(
    nodes: Vec<NodeProto>,
    imports: Imports,
    calls: Arc<[String]>,
    functions: &mut Functions<'_>,
) -> Result<Vec<Call>, Error> {
    let mut taken = Taken::default();
    if !functions.table.is_empty() {
        for node in &nodes {
            let names = node.input.iter().chain(&node.output).cloned();
            let names = names.chain(captures::of_node(node));
            taken.0.extend(names.map(|name| (name, 1)));
        }
    }
    let mut expanded = Vec::with_capacity(nodes.len());
    let mut stack = vec![Frame {
        nodes: nodes.into_iter(),
        index: 0,
        imports,
        function: None,
        calls,
        names: HashMap::new(),
        prefix: String::new(),
        attributes: HashMap::new(),
    }];
    while let Some(frame) = stack.last_mut() {
        let Some(mut node) = frame.nodes.next() else {
            stack.pop();
            continue;
        };
        stop::check_node(expanded.len())?;
        let name = name(&node, frame);
        frame.index += 1;
        if frame.function.is_some() {
            functions.add(weight(&node))?;
            functions.take(node_bytes(&node))?;
            frame.rename(&mut node, &mut taken);
            frame.substitute(&mut node, functions)?;
        }
        let called = functions.table.get(&(
            canonical(&node.domain),
            node.op_type.as_str(),
            node.overload.as_str(),
        ));
        let Some(function) = called else {
            expanded.push(Call {
                node,
                name,
                imports: frame.imports.clone(),
            });
            continue;
        };
        let function = function.clone();
        let function_key = key(function.proto);
        if stack
            .iter()
            .any(|frame| frame.function == Some(function_key))
        {
            return Err(Error::Invalid(format!(
                "{name}: the function {} calls itself, directly or through others (recursion)",
                Quoted(&function.proto.name)
            )));
        }
        if stack.len() > MOST_DEPTH {
            return Err(Error::limit(format!(
                "{name}: functions call one another more than {MOST_DEPTH} deep"
            )));
        }
        // What the call leaves out is not in the file for each call.
        let missing = function.proto.input.len().saturating_sub(node.input.len());
        functions.add(missing + function.proto.attribute_proto.len())?;
        let (frame, passed_on) = enter(&node, &name, &function, &mut taken)?;
        functions.add(passed_on.len())?;
        expanded.extend(passed_on);
        stack.push(frame);
    }
    Ok(expanded)
}

/// The nodes in a node, itself included.
fn weight(node: &NodeProto) -> usize {
    let nodes = captures::graphs(node).flat_map(|graph| &graph.node);
    1 + nodes.map(weight).sum::<usize>()
}

/// What a node is called in a list of those that lead to another.
pub(super) fn label(name: &NodeName, otherwise: &str) -> String {
    match name.name.as_str() {
        "" => format!("{otherwise}#{}", name.index),
        given => given.to_string(),
    }
}

fn key(function: &FunctionProto) -> Key<'_> {
    (
        canonical(&function.domain),
        &function.name,
        &function.overload,
    )
}

fn name(node: &NodeProto, frame: &Frame<'_>) -> NodeName {
    let domain = canonical(&node.domain);
    NodeName {
        index: frame.index,
        name: node.name.clone(),
        output: node
            .output
            .iter()
            .find(|output| !output.is_empty())
            .cloned()
            .unwrap_or_default(),
        operator: match domain {
            "ai.onnx" => node.op_type.clone(),
            other => format!("{other}.{}", node.op_type),
        },
        opset: frame.imports.version(domain),
        calls: frame.calls.clone(),
    }
}

/// The frame of a call's body, and Identity nodes for outputs that the body only passes on.
fn enter<'a>(
    node: &NodeProto,
    name: &NodeName,
    function: &Function<'a>,
    taken: &mut Taken,
) -> Result<(Frame<'a>, Vec<Call>), Error> {
    let Function { proto, imports, .. } = function;
    let (function, own) = (*proto, &function.attributes);
    let too_many = |what: &str, given: usize, formal: usize| {
        Error::Invalid(format!(
            "{name}: the function has {formal} {what}s, the call gives {given}"
        ))
    };
    if node.input.len() > function.input.len() {
        return Err(too_many("input", node.input.len(), function.input.len()));
    }
    if node.output.len() > function.output.len() {
        return Err(too_many("output", node.output.len(), function.output.len()));
    }
    let mut names = HashMap::new();
    for (index, formal) in function.input.iter().enumerate() {
        let actual = node.input.get(index).cloned().unwrap_or_default();
        if names.insert(formal.clone(), actual).is_some() {
            return Err(Error::Invalid(format!(
                "{name}: the function has two inputs {}",
                Quoted(formal)
            )));
        }
    }
    let mut passed_on = Vec::new();
    for (formal, actual) in function.output.iter().zip(&node.output) {
        if actual.is_empty() {
            continue;
        }
        match names.get(formal) {
            None => {
                names.insert(formal.clone(), actual.clone());
            }
            Some(known) => passed_on.push(Call {
                node: NodeProto {
                    op_type: "Identity".to_string(),
                    input: vec![known.clone()],
                    output: vec![actual.clone()],
                    ..NodeProto::default()
                },
                name: NodeName {
                    operator: "Identity".to_string(),
                    output: actual.clone(),
                    opset: NEWEST_OPSET,
                    ..name.clone()
                },
                imports: imports.clone(),
            }),
        }
    }
    let mut attributes: HashMap<String, Cow<'a, AttributeProto>> = function
        .attribute_proto
        .iter()
        .map(|default| (default.name.clone(), Cow::Borrowed(default)))
        .collect();
    for attribute in &node.attribute {
        let known =
            attributes.contains_key(&attribute.name) || own.contains(attribute.name.as_str());
        if !known {
            return Err(Error::Invalid(format!(
                "{name}: the function has no attribute {}",
                Quoted(&attribute.name)
            )));
        }
        attributes.insert(attribute.name.clone(), Cow::Owned(attribute.clone()));
    }
    // Its names would have to be those of the call, its opsets too.
    let holds = |attribute: &&Cow<'_, AttributeProto>| {
        attribute.g.is_some() || !attribute.graphs.is_empty()
    };
    if let Some(attribute) = attributes.values().find(holds) {
        let graph = format!("the graph {} given to a function", Quoted(&attribute.name));
        return Err(Error::Unsupported(vec![Finding {
            severity: Severity::Unsupported,
            node: Some(name.clone()),
            reason: OpError::unsupported(graph).to_string(),
        }]));
    }
    let label = label(name, &function.name);
    let mut calls = name.calls.to_vec();
    calls.push(label.clone());
    Ok((
        Frame {
            nodes: function.node.clone().into_iter(),
            index: 0,
            imports: imports.clone(),
            function: Some(key(function)),
            calls: calls.into(),
            names,
            prefix: taken.fresh(label),
            attributes,
        },
        passed_on,
    ))
}
