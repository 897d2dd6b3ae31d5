//! The graphs in nodes (branches, bodies of loops), and the values that they read from the graphs around them.

use std::collections::HashSet;

use crate::onnx::proto::{GraphProto, NodeProto};

/// The graphs among the attributes of a node.
pub(super) fn graphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    let attributes = node.attribute.iter();
    attributes.flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// The graphs among the attributes of a node, to be changed.
pub(super) fn graphs_mut(node: &mut NodeProto) -> impl Iterator<Item = &mut GraphProto> {
    let attributes = node.attribute.iter_mut();
    attributes.flat_map(|attribute| attribute.g.iter_mut().chain(&mut attribute.graphs))
}

/// The names that a graph defines; some come more than once.
pub(super) fn defined(graph: &GraphProto) -> impl Iterator<Item = &str> {
    let inputs = graph.input.iter().map(|info| &info.name);
    let dense = graph.initializer.iter().map(|tensor| &tensor.name);
    let sparse = graph.sparse_initializer.iter();
    let sparse = sparse.filter_map(|tensor| tensor.values.as_ref().map(|values| &values.name));
    let written = graph.node.iter().flat_map(|node| &node.output);
    let names = inputs.chain(dense).chain(sparse).chain(written);
    names.map(String::as_str).filter(|name| !name.is_empty())
}

/// The names that the graphs of a node read and do not define, in the order in which they are met.
pub(super) fn of_node(node: &NodeProto) -> Vec<String> {
    let mut found = Found::default();
    for graph in graphs(node) {
        found.graph(graph);
    }
    found.names.into_iter().map(str::to_string).collect()
}

/// The names that a graph in a node reads and does not define.
pub(super) fn of_graph(graph: &GraphProto) -> HashSet<&str> {
    let mut found = Found::default();
    found.graph(graph);
    found.names.into_iter().collect()
}

#[derive(Default)]
struct Found<'g> {
    /// What the graphs being read define, outermost first.
    scopes: Vec<HashSet<&'g str>>,
    names: Vec<&'g str>,
    seen: HashSet<&'g str>,
}

impl<'g> Found<'g> {
    fn graph(&mut self, graph: &'g GraphProto) {
        self.scopes.push(defined(graph).collect());
        for node in &graph.node {
            for name in &node.input {
                self.read(name);
            }
            for graph in graphs(node) {
                self.graph(graph);
            }
        }
        for info in &graph.output {
            self.read(&info.name);
        }
        self.scopes.pop();
    }

    fn read(&mut self, name: &'g str) {
        let known = self.scopes.iter().any(|scope| scope.contains(name));
        if !name.is_empty() && !known && self.seen.insert(name) {
            self.names.push(name);
        }
    }
}
