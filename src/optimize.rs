//! What runs in the place of a graph: fewer nodes with the same results, and constants laid out as they want them.

mod fuse;
mod prepare;

use std::sync::Arc;

use crate::graph::{Dim, Graph, Node, ValueId};
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
}

impl Program {
    /// The nodes of the graph, rewritten where that is wanted.
    pub(crate) fn new(graph: &Graph, rewritten: bool) -> Program {
        let mut program = Program {
            nodes: graph.nodes.clone(),
            constants: graph.constants.clone(),
            added_bytes: 0,
        };
        if rewritten {
            let known = Known::new(graph);
            fuse::fuse(&mut program, graph, &known);
            prepare::prepare(&mut program, &known);
        }
        program
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
        let info = self.graph.values.get(id)?.as_ref()?;
        let size = |dim: &Dim| match dim {
            Dim::Known(size) => Some(*size),
            Dim::Symbol(_) | Dim::Unknown => None,
        };
        let dims = info.dims.as_ref();
        Some(Fact::new(
            info.dtype,
            dims.map(|dims| dims.iter().map(size).collect()),
        ))
    }
}
