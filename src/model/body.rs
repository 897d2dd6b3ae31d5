//! A graph that is an attribute of a node, run as part of the node.

use super::plan::Plan;
use super::values::Values;
use crate::allocate;
use crate::error::{Error, OpError};
use crate::graph::{Dim, Graph, ValueId};
use crate::ops::{Fact, Inputs, Memory};
use crate::stop;
use crate::tensor::{DType, Tensor, TensorView};

/// A branch, or the body of a loop.
#[derive(Debug)]
pub(crate) struct Body {
    graph: Graph,
    plan: Plan,
    /// The inputs of the node that are values of the graph around it, and what they are called here.
    captures: Vec<(usize, ValueId)>,
    /// What is known of the outputs.
    facts: Vec<Option<Fact>>,
}

/// The room for the values of a body, which one run leaves for the next.
#[derive(Debug, Default)]
pub(crate) struct Kept(Vec<Option<Tensor>>);

impl Body {
    pub(crate) fn new(
        graph: Graph,
        captures: Vec<(usize, ValueId)>,
        facts: Vec<Option<Fact>>,
    ) -> Result<Body, Error> {
        let results: Vec<ValueId> = graph.outputs.iter().map(|(id, _)| *id).collect();
        let plan = Plan::new(&graph.nodes, &graph.constants, &results);
        Ok(Body {
            plan: plan.map_err(stop::loading)?,
            graph,
            captures,
            facts,
        })
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The inputs of the node that are values of the graph around it, and what they are called here.
    pub(super) fn captures(&self) -> &[(usize, ValueId)] {
        &self.captures
    }

    /// What is known of each output; `None` behind a node that is not supported.
    pub(crate) fn facts(&self) -> &[Option<Fact>] {
        &self.facts
    }

    /// How many outputs it has.
    pub(crate) fn outputs(&self) -> usize {
        self.facts.len()
    }

    /// The type and shape of an output that was never computed: dimensions that are not known are 0.
    pub(crate) fn empty(&self, output: usize) -> (DType, Vec<usize>) {
        let (_, info) = &self.graph.outputs[output];
        let dims = info.dims.iter().flatten().map(|dim| match dim {
            Dim::Known(size) => *size,
            Dim::Symbol(_) | Dim::Unknown => 0,
        });
        (info.dtype, dims.collect())
    }

    /// Computes the outputs from the inputs of the graph and those of the node, `around`.
    pub(crate) fn run(
        &self,
        inputs: &[TensorView<'_>],
        around: Inputs<'_, '_>,
        kept: &mut Kept,
        memory: &mut Memory,
    ) -> Result<Vec<Tensor>, OpError> {
        if kept.0.is_empty() {
            kept.0 = allocate::collected(self.graph.names.iter().map(|_| None));
        }
        let mut values = Values::within(&self.graph.constants, &mut kept.0, memory);
        for ((id, _), view) in self.graph.inputs.iter().zip(inputs) {
            values.lend(*id, view.reborrow());
        }
        for (index, id) in &self.captures {
            if let Some(view) = &around[*index] {
                values.lend(*id, view.reborrow());
            }
        }
        values
            .steps(&self.graph.nodes, &self.plan, None)
            .map_err(|error| OpError::within(&error, error.to_string()))?;
        values.results(&self.plan)
    }
}
