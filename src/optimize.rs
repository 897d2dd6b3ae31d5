//! What runs in the place of a graph: fewer nodes with the same results, and constants laid out as they want them.

mod fuse;
mod lead;
mod prepare;

use std::sync::Arc;

use crate::graph::{Graph, Node, ValueId};
use crate::ops::Fact;
use crate::tensor::Tensor;

/// Nodes in execution order, and the values that are the same in each run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    /// By number; rewrites add some beyond those of the graph.
    pub(crate) constants: Vec<Option<Arc<Tensor>>>,
    /// What was added to the constants of the graph.
    pub(crate) added_bytes: usize,
    /// The most that may be added.
    most_bytes: usize,
}

impl Program {
    /// The nodes of the graph, rewritten where that is wanted; of the `room` in memory at most half is for what that adds
    /// to the constants.
    pub(crate) fn new(graph: &Graph, rewritten: bool, room: usize) -> Program {
        let mut program = Program {
            nodes: graph.nodes.clone(),
            constants: graph.constants.clone(),
            added_bytes: 0,
            most_bytes: room / 2,
        };
        if rewritten {
            let known = Known::new(graph);
            fuse::fuse(&mut program, graph, &known);
            lead::lead(&mut program, graph, &known);
            prepare::prepare(&mut program, &known);
        }
        program
    }

    /// Counts `bytes` more, if there is room for them.
    fn add(&mut self, bytes: usize) -> bool {
        let sum = self.added_bytes.saturating_add(bytes);
        let fits = sum <= self.most_bytes;
        if fits {
            self.added_bytes = sum;
        }
        fits
    }
}

/// What is known of values before a run.
struct Known<'g> {
    graph: &'g Graph,
    /// Whether a value is an input, so that what it holds by default is no constant.
    input: Vec<bool>,
}

impl<'g> Known<'g> {
    fn new(graph: &'g Graph) -> Known<'g> {
        let mut input = vec![false; graph.names.len()];
        for (id, _) in &graph.inputs {
            input[*id] = true;
        }
        Known { graph, input }
    }

    /// What is known of the inputs of a node.
    fn of(&self, program: &Program, node: &Node) -> Vec<Option<Fact>> {
        let ids = node.inputs.iter();
        ids.map(|id| id.and_then(|id| self.fact(program, id)))
            .collect()
    }

    fn fact(&self, program: &Program, id: ValueId) -> Option<Fact> {
        if let Some(tensor) = &program.constants[id]
            && !self.input.get(id).is_some_and(|input| *input)
        {
            return Some(Fact::constant(tensor.clone()));
        }
        let fact = self.graph.facts.get(id)?.as_ref()?;
        Some(Fact::new(fact.dtype, fact.dims.clone()))
    }
}
