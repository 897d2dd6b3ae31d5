//! The names and attributes in the body of a function, replaced by those of a call.

use std::collections::{HashMap, HashSet};

use super::{Frame, Functions, attribute_bytes};
use crate::error::Error;
use crate::graph::captures;
use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto};

impl Frame<'_> {
    /// Gives the body's names their names in the model.
    pub(super) fn rename(&mut self, node: &mut NodeProto, taken: &mut Taken) {
        for name in node.input.iter_mut().chain(&mut node.output) {
            self.rename_one(name, taken);
        }
        for graph in captures::graphs_mut(node) {
            self.rename_graph(graph, taken);
        }
    }

    fn rename_one(&mut self, name: &mut String, taken: &mut Taken) {
        if name.is_empty() {
            return;
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

    /// The names of a graph in a node: its own become new ones too, lest they hide what they did not.
    fn rename_graph(&mut self, graph: &mut GraphProto, taken: &mut Taken) {
        let own: HashSet<String> = captures::defined(graph).map(str::to_string).collect();
        let mut hidden = Vec::with_capacity(own.len());
        for name in own {
            let fresh = taken.fresh(format!("{}/{name}", self.prefix));
            hidden.push((name.clone(), self.names.insert(name, fresh)));
        }
        let infos = graph.input.iter_mut().chain(&mut graph.output);
        for info in infos.chain(&mut graph.value_info) {
            self.rename_one(&mut info.name, taken);
        }
        for tensor in &mut graph.initializer {
            self.rename_one(&mut tensor.name, taken);
        }
        for tensor in &mut graph.sparse_initializer {
            if let Some(values) = &mut tensor.values {
                self.rename_one(&mut values.name, taken);
            }
        }
        for node in &mut graph.node {
            self.rename(node, taken);
        }
        for (name, before) in hidden {
            match before {
                Some(before) => self.names.insert(name, before),
                None => self.names.remove(&name),
            };
        }
    }

    /// Puts the attributes of the call where the body refers to them; one that the call leaves out is absent.
    pub(super) fn substitute(
        &self,
        node: &mut NodeProto,
        functions: &mut Functions<'_>,
    ) -> Result<(), Error> {
        for attribute in std::mem::take(&mut node.attribute) {
            if attribute.ref_attr_name.is_empty() {
                node.attribute.push(attribute);
            } else if let Some(given) = self.attributes.get(&attribute.ref_attr_name) {
                functions.take(attribute_bytes(given))?;
                node.attribute.push(AttributeProto {
                    name: attribute.name,
                    ..AttributeProto::clone(given)
                });
            }
        }
        for graph in captures::graphs_mut(node) {
            for node in &mut graph.node {
                self.substitute(node, functions)?;
            }
        }
        Ok(())
    }
}

/// The names that values have, each with how often it was asked for.
#[derive(Default)]
pub(super) struct Taken(pub(super) HashMap<String, usize>);

impl Taken {
    /// `name`, or the first of `name#2`, `name#3` ... that no value has.
    pub(super) fn fresh(&mut self, name: String) -> String {
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
