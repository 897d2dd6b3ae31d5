//! The graphs of a model with their edges: which node writes what another reads.

use super::Model;
use crate::graph::{Graph, Node, ValueInfo};
use crate::optimize::Program;
use crate::tensor::Tensor;

/// Which of its two forms of a model is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The nodes of the file, calls of its functions resolved.
    #[default]
    Written,
    /// The nodes that run, as [`Options::optimize`](super::Options::optimize) wants them. Graphs in nodes run as
    /// they are written.
    Running,
}

/// A graph of a model: its own, or one among the attributes of a node (a branch, the body of a loop).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GraphInfo {
    /// What leads to it, as in [`NodeName::calls`](crate::NodeName::calls); empty for the graph of the model.
    pub calls: Vec<String>,
    /// The place of the node that has it, in [`Model::nodes_of`]; `None` for the graph of the model.
    pub owner: Option<usize>,
    /// The values that its nodes read and write. All other lists of values count in this one.
    pub values: Vec<GraphValue>,
    /// The inputs, in their order.
    pub inputs: Vec<usize>,
    /// The values that it reads from the graph around it.
    pub captures: Vec<usize>,
    /// The outputs, in their order; one of a graph in a node may be there more than once.
    pub outputs: Vec<usize>,
    /// The places of its nodes in [`Model::nodes_of`], in execution order.
    pub nodes: Vec<usize>,
}

/// A value of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphValue {
    /// Its name; empty if it is a constant that no file has.
    pub name: String,
    /// What is known of it before a run.
    pub info: Option<ValueInfo>,
    /// Whether it is the same in each run: an initializer, or computed from nothing else.
    pub constant: bool,
}

impl Model {
    /// The graph of the model, first, and those among the attributes of nodes, with their edges.
    ///
    /// ```
    /// use linn::{Form, Model};
    /// let model = Model::load("models/branches/model.onnx")?;
    /// let nodes: Vec<_> = model.nodes_of(Form::Written).collect();
    /// let graph = &model.graphs(Form::Written)[0];
    /// let x = graph.inputs[0];
    /// let readers = nodes.iter().filter(|node| node.reads.contains(&Some(x)));
    /// assert_eq!((graph.values[x].name.as_str(), readers.count()), ("x", 2));
    /// # Ok::<(), linn::Error>(())
    /// ```
    pub fn graphs(&self, form: Form) -> Vec<GraphInfo> {
        self.look(form).graphs
    }
}

/// A graph, and what is looked at in it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'g> {
    pub(super) graph: &'g Graph,
    pub(super) nodes: &'g [Node],
    /// What was laid out anew for these nodes.
    program: Option<&'g Program>,
}

impl<'g> Seen<'g> {
    pub(super) fn written(graph: &'g Graph) -> Seen<'g> {
        Seen {
            graph,
            nodes: &graph.nodes,
            program: None,
        }
    }

    pub(super) fn running(graph: &'g Graph, program: &'g Program) -> Seen<'g> {
        Seen {
            graph,
            nodes: &program.nodes,
            program: Some(program),
        }
    }

    /// How many values there are.
    pub(super) fn values(&self) -> usize {
        let program = self.program.map(|program| program.constants.len());
        program.unwrap_or(self.graph.names.len())
    }

    /// What is known of a value.
    pub(super) fn info(&self, id: usize) -> Option<ValueInfo> {
        match self.graph.values.get(id) {
            Some(info) => info.clone(),
            None => self.added(id).map(ValueInfo::of_constant),
        }
    }

    /// The constant that is no value of the graph.
    pub(super) fn added(&self, id: usize) -> Option<&'g Tensor> {
        let added = id >= self.graph.names.len();
        let program = self.program.filter(|_| added)?;
        program.constants.get(id)?.as_deref()
    }

    /// What is said of the graph; `constant` knows the values that are constants of the graph around it.
    pub(super) fn describe(
        &self,
        owner: Option<usize>,
        captures: Vec<usize>,
        around: &[bool],
    ) -> GraphInfo {
        let graph = self.graph;
        let mut values: Vec<GraphValue> = (0..self.values())
            .map(|id| GraphValue {
                name: graph.names.get(id).cloned().unwrap_or_default(),
                info: self.info(id),
                constant: match graph.constants.get(id) {
                    Some(constant) => constant.is_some() || around.get(id) == Some(&true),
                    None => true,
                },
            })
            .collect();
        let inputs: Vec<usize> = graph.inputs.iter().map(|(id, _)| *id).collect();
        for id in &inputs {
            values[*id].constant = false;
        }
        GraphInfo {
            calls: graph.calls.to_vec(),
            owner,
            values,
            inputs,
            captures,
            outputs: graph.outputs.iter().map(|(id, _)| *id).collect(),
            nodes: Vec::new(),
        }
    }
}
