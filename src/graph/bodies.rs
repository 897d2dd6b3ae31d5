//! The graphs among the attributes of a node, built as the node is read.

use std::collections::HashSet;

use super::build::{Builder, Place, Shared};
use super::captures;
use super::inline::{Call, label};
use crate::error::{Error, OpError};
use crate::model::Body;
use crate::onnx::attributes::Graphs;
use crate::onnx::proto::GraphProto;
use crate::onnx::stored::InFile;
use crate::ops::Fact;

/// The most nodes with graphs inside one another.
const MOST_DEPTH: usize = 16;

/// Builds the graphs of one node.
pub(super) struct Bodies<'n, 'a> {
    pub(super) shared: &'n mut Shared<'a>,
    call: &'n Call,
    /// How many nodes are around this one.
    depth: usize,
    /// The names that the graphs read from the one around them.
    captured: &'n [String],
    /// What is known of the inputs of the node, and then of the captured values.
    facts: &'n [Option<&'n Fact>],
    /// Whether everything in the graphs is supported.
    pub(super) complete: bool,
    /// Whether their outputs hold input elements and fixed values only.
    pub(super) exact: bool,
}

impl<'n, 'a> Bodies<'n, 'a> {
    pub(super) fn new(
        shared: &'n mut Shared<'a>,
        call: &'n Call,
        depth: usize,
        captured: &'n [String],
        facts: &'n [Option<&'n Fact>],
    ) -> Bodies<'n, 'a> {
        Bodies {
            shared,
            call,
            depth,
            captured,
            facts,
            complete: true,
            exact: true,
        }
    }

    fn body(
        &mut self,
        attribute: &str,
        graph: &GraphProto,
        given: Vec<Option<Fact>>,
    ) -> Result<Body, Error> {
        if self.depth >= MOST_DEPTH {
            return Err(Error::limit(format!(
                "graphs in nodes are more than {MOST_DEPTH} deep"
            )));
        }
        let name = &self.call.name;
        let mut calls = name.calls.to_vec();
        calls.push(format!("{} {attribute}", label(name, &name.operator)));
        let place = Place {
            imports: self.call.imports.clone(),
            calls: calls.into(),
            owner: Some(name.clone()),
            depth: self.depth + 1,
        };
        let mut graph = graph.clone();
        let own = self.facts.len() - self.captured.len();
        let read: HashSet<String> = {
            let read = captures::of_graph(&graph).into_iter();
            read.map(str::to_string).collect()
        };
        let mut builder = Builder::new(self.shared, place);
        let nodes = builder.expand(&mut graph)?;
        let initializers = builder.initializers(&mut graph, &InFile::default())?;
        let inputs = builder.formals(&graph, given)?;
        let mut captures = Vec::with_capacity(read.len());
        for (index, name) in (own..).zip(self.captured) {
            if read.contains(name) {
                let fact = self.facts[index].cloned();
                captures.push((index, builder.capture(name, fact)?));
            }
        }
        let (built, facts) = builder.finish(&graph, nodes, initializers, inputs)?;
        self.complete &= facts.iter().all(Option::is_some);
        self.exact &= built.nodes.iter().all(|node| node.exact);
        Body::new(built, captures, facts)
    }
}

impl Graphs for Bodies<'_, '_> {
    fn inputs(&self) -> &[Option<&Fact>] {
        &self.facts[..self.facts.len() - self.captured.len()]
    }

    fn build(
        &mut self,
        attribute: &str,
        graph: &GraphProto,
        inputs: Vec<Option<Fact>>,
    ) -> Result<Body, OpError> {
        self.body(attribute, graph, inputs).map_err(|error| {
            let text = match error {
                Error::Invalid(_) | Error::Link(_) | Error::Limit { .. } => {
                    format!("{attribute}: {error}")
                }
                _ => error.to_string(),
            };
            OpError::within(&error, text)
        })
    }
}
