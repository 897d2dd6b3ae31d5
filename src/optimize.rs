//! What runs in the place of a graph: fewer nodes with the same results, and constants laid out as they want them.

mod chain;
mod channel_shuffle;
mod expand;
mod fuse;
mod gelu;
mod integers;
mod into_readers;
mod layer_normalization;
mod lead;
mod prepare;

use std::sync::Arc;

use crate::graph::{Graph, Node, ValueId};
use crate::ops::Fact;
use crate::stop;
use crate::tensor::{DType, Tensor};

/// What is done to a program, in this order.
const PASSES: [fn(&mut Program, &Graph, &Known<'_>); 7] = [
    chain::replace,
    integers::integers,
    fuse::fuse,
    lead::lead,
    expand::expand,
    Program::release_unread,
    prepare::prepare,
];

/// Nodes in execution order, and the values that are the same in each run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    /// By number; rewrites add some beyond those of the graph.
    pub(crate) constants: Vec<Option<Arc<Tensor>>>,
    /// What was added to the constants of the graph.
    added_bytes: usize,
    /// What of its constants nobody reads any more.
    released_bytes: usize,
    /// The most that may be added.
    most_bytes: usize,
    /// Whether the graph as the file has it is to run, too.
    keeps_graph: bool,
}

impl Program {
    /// The nodes of the graph, rewritten where that is wanted; of the `room` in memory at most half is for what that adds
    /// to the constants. Unless the graph is to run as it is, too, it keeps of its constants only types and shapes, and the
    /// program no more than it needs.
    pub(crate) fn new(
        graph: &mut Graph,
        rewritten: bool,
        keeps_graph: bool,
        room: usize,
    ) -> Program {
        let mut program = Program {
            nodes: graph.nodes.clone(),
            constants: graph.constants.clone(),
            added_bytes: 0,
            released_bytes: 0,
            most_bytes: room / 2,
            keeps_graph: keeps_graph || !rewritten,
        };
        if !rewritten {
            return program;
        }
        if !keeps_graph {
            graph.hollow();
        }
        let graph = &*graph;
        let known = Known::new(graph);
        for pass in PASSES {
            // Who loads looks again.
            if stop::is_set() {
                break;
            }
            pass(&mut program, graph, &known);
        }
        program
    }

    /// Whether the nodes of the graph can run with the constants that it has.
    pub(crate) fn keeps_graph(&self) -> bool {
        self.keeps_graph
    }

    /// What the constants take, where those of the graph were `bytes`.
    pub(crate) fn constant_bytes(&self, bytes: usize) -> usize {
        let bytes = bytes.saturating_add(self.added_bytes);
        bytes.saturating_sub(self.released_bytes)
    }

    /// Gives up the elements of a constant that no node reads any more.
    fn release(&mut self, id: ValueId) {
        if self.keeps_graph {
            return;
        }
        if let Some(constant) = &mut self.constants[id]
            && constant.dtype() != DType::String
        {
            self.released_bytes += constant.held_bytes();
            *constant = Arc::new(constant.hollow());
        }
    }

    /// Gives up the elements of all constants that no node reads. What is an input by default, anybody may ask for.
    fn release_unread(&mut self, graph: &Graph, known: &Known<'_>) {
        let readers = fuse::readers(self, graph);
        for (id, readers) in readers.into_iter().enumerate() {
            let is_input = known.input.get(id).is_some_and(|input| *input);
            if readers == fuse::Readers::None && !is_input {
                self.release(id);
            }
        }
    }

    /// Bytes that may be added still.
    fn room(&self) -> usize {
        self.most_bytes.saturating_sub(self.added_bytes)
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
