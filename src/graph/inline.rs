//! Model-local functions, expanded where they are called until only operators are left.

use std::collections::HashMap;
use std::sync::Arc;

use super::opsets::{Imports, canonical};
use crate::error::{Error, NodeName, Quoted};
use crate::onnx::proto::{AttributeProto, FunctionProto, NodeProto};
use crate::ops::schema::NEWEST_OPSET;

/// The most nodes that the expansion of functions may add: a few functions that call one another twice would
/// fill any memory.
const MOST_ADDED: usize = 200_000;
/// The most calls of functions inside one another.
const MOST_DEPTH: usize = 64;

/// A call of an operator, its names those of the whole model.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) node: NodeProto,
    pub(super) name: NodeName,
}

impl Call {
    pub(super) fn domain(&self) -> &str {
        canonical(&self.node.domain)
    }
}

type Key<'a> = (&'a str, &'a str, &'a str);

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
    attributes: HashMap<String, AttributeProto>,
}

/// Expands `nodes`; the order stays that of the file.
pub(super) fn expand(
    nodes: Vec<NodeProto>,
    imports: Imports,
    functions: &[FunctionProto],
) -> Result<Vec<Call>, Error> {
    let mut table: HashMap<Key<'_>, (&FunctionProto, Imports)> = HashMap::new();
    for function in functions {
        let shown = format!("the function {}", Quoted(&function.name));
        let imports = Imports::parse(&function.opset_import, &shown)?;
        if table.insert(key(function), (function, imports)).is_some() {
            return Err(Error::Invalid(format!(
                "{shown} of domain {} has a duplicate",
                Quoted(canonical(&function.domain))
            )));
        }
    }
    let mut taken = Taken::default();
    if !functions.is_empty() {
        let names = nodes
            .iter()
            .flat_map(|node| node.input.iter().chain(&node.output));
        taken.0.extend(names.map(|name| (name.clone(), 1)));
    }
    let own = nodes.len();
    let mut expanded = Vec::with_capacity(own);
    let mut stack = vec![Frame {
        nodes: nodes.into_iter(),
        index: 0,
        imports,
        function: None,
        calls: Arc::default(),
        names: HashMap::new(),
        prefix: String::new(),
        attributes: HashMap::new(),
    }];
    while let Some(frame) = stack.last_mut() {
        let Some(mut node) = frame.nodes.next() else {
            stack.pop();
            continue;
        };
        let name = name(&node, frame);
        frame.index += 1;
        if frame.function.is_some() {
            frame.rename(&mut node, &mut taken);
            frame.substitute(&mut node);
        }
        let called = table.get(&(
            canonical(&node.domain),
            node.op_type.as_str(),
            node.overload.as_str(),
        ));
        let Some((function, imports)) = called else {
            expanded.push(Call { node, name });
            check_size(expanded.len(), own)?;
            continue;
        };
        let function_key = key(function);
        if stack
            .iter()
            .any(|frame| frame.function == Some(function_key))
        {
            return Err(Error::Invalid(format!(
                "{name}: the function {} calls itself, directly or through others (recursion)",
                Quoted(&function.name)
            )));
        }
        if stack.len() > MOST_DEPTH {
            return Err(Error::limit(format!(
                "{name}: functions call one another more than {MOST_DEPTH} deep"
            )));
        }
        let (frame, passed_on) = enter(&node, &name, function, imports.clone(), &mut taken)?;
        expanded.extend(passed_on);
        check_size(expanded.len(), own)?;
        stack.push(frame);
    }
    Ok(expanded)
}

fn check_size(nodes: usize, own: usize) -> Result<(), Error> {
    match nodes.saturating_sub(own) <= MOST_ADDED {
        true => Ok(()),
        false => Err(Error::limit(format!(
            "the model's functions expand to more than {MOST_ADDED} nodes"
        ))),
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

impl Frame<'_> {
    /// Gives the body's names their names in the model.
    fn rename(&mut self, node: &mut NodeProto, taken: &mut Taken) {
        for name in node.input.iter_mut().chain(&mut node.output) {
            if name.is_empty() {
                continue;
            }
            let fresh = match self.names.get(name) {
                Some(known) => known.clone(),
                None => {
                    let fresh = taken.fresh(format!("{}/{name}", self.prefix));
                    self.names.insert(name.clone(), fresh.clone());
                    fresh
                }
            };
            *name = fresh;
        }
    }

    /// Puts the call's attributes where the body refers to them; one that the call leaves out is absent.
    fn substitute(&self, node: &mut NodeProto) {
        node.attribute.retain_mut(|attribute| {
            if attribute.ref_attr_name.is_empty() {
                return true;
            }
            match self.attributes.get(&attribute.ref_attr_name) {
                None => false,
                Some(given) => {
                    let name = std::mem::take(&mut attribute.name);
                    *attribute = AttributeProto {
                        name,
                        ..given.clone()
                    };
                    true
                }
            }
        });
    }
}

/// The names that values have, each with how often it was asked for.
#[derive(Default)]
struct Taken(HashMap<String, usize>);

impl Taken {
    /// `name`, or the first of `name#2`, `name#3` ... that no value has.
    fn fresh(&mut self, name: String) -> String {
        let mut count = self.0.get(&name).copied().unwrap_or(0);
        let mut fresh = name.clone();
        while count > 0 && self.0.contains_key(&fresh) {
            count += 1;
            fresh = format!("{name}#{count}");
        }
        self.0.insert(fresh.clone(), 1);
        self.0.insert(name, count.max(1));
        fresh
    }
}

/// The frame of a call's body, and Identity nodes for outputs that the body only passes on.
fn enter<'a>(
    node: &NodeProto,
    name: &NodeName,
    function: &'a FunctionProto,
    imports: Imports,
    taken: &mut Taken,
) -> Result<(Frame<'a>, Vec<Call>), Error> {
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
            }),
        }
    }
    let mut attributes: HashMap<String, AttributeProto> = function
        .attribute_proto
        .iter()
        .map(|default| (default.name.clone(), default.clone()))
        .collect();
    for attribute in &node.attribute {
        let known = attributes.contains_key(&attribute.name)
            || function.attribute.contains(&attribute.name);
        if !known {
            return Err(Error::Invalid(format!(
                "{name}: the function has no attribute {}",
                Quoted(&attribute.name)
            )));
        }
        attributes.insert(attribute.name.clone(), attribute.clone());
    }
    let label = match name.name.as_str() {
        "" => format!("{}#{}", function.name, name.index),
        given => given.to_string(),
    };
    let mut calls = name.calls.to_vec();
    calls.push(label.clone());
    Ok((
        Frame {
            nodes: function.node.clone().into_iter(),
            index: 0,
            imports,
            function: Some(key(function)),
            calls: calls.into(),
            names,
            prefix: taken.fresh(label),
            attributes,
        },
        passed_on,
    ))
}
