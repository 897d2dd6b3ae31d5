//! Chains of nodes, and one node in the place of each.

use std::sync::Arc;

use super::{Known, Program, channel_shuffle, gelu, layer_normalization};
use crate::graph::{Graph, Node, ValueId};
use crate::ops::{Fact, Operator, Step};
use crate::stop;
use crate::tensor::{DType, Shape};

/// How far a rounded constant may be from what it stands for, in parts of it.
const CONSTANT_ERROR: f64 = 1e-6;

/// What takes the place of a chain.
pub(super) struct Replaced {
    pub(super) operator: Arc<dyn Operator>,
    pub(super) inputs: Vec<ValueId>,
    /// The nodes of the chain before the last one.
    pub(super) before: Vec<usize>,
}

/// What finds the chain that ends at a node.
type Find = fn(&Chain<'_, '_>, usize) -> Option<Replaced>;

/// The chains that are looked for.
const CHAINS: [Find; 3] = [
    channel_shuffle::ending_at,
    gelu::ending_at,
    layer_normalization::ending_at,
];

/// Puts one node in the place of each chain.
pub(super) fn replace(program: &mut Program, graph: &Graph, known: &Known<'_>) {
    let mut nodes: Vec<Option<Node>> = program.nodes.drain(..).map(Some).collect();
    let mut makers = vec![None; program.constants.len()];
    let mut reads = vec![0; program.constants.len()];
    for (at, node) in nodes.iter().enumerate() {
        for id in node.iter().flat_map(|node| &node.outputs).flatten() {
            makers[*id] = Some(at);
        }
        for id in node.iter().flat_map(|node| &node.inputs).flatten() {
            reads[*id] += 1;
        }
    }
    for (id, _) in &graph.outputs {
        reads[*id] += 1;
    }
    for at in 0..nodes.len() {
        // Who loads looks again.
        if stop::check_node(at).is_err() {
            break;
        }
        let chain = Chain {
            program,
            known,
            nodes: &nodes,
            makers: &makers,
            reads: &reads,
        };
        let Some(found) = CHAINS.iter().find_map(|find| find(&chain, at)) else {
            continue;
        };
        let Some(node) = chain.joined(&found, at) else {
            continue;
        };
        for before in found.before {
            nodes[before] = None;
        }
        nodes[at] = Some(node);
    }
    program.nodes = nodes.into_iter().flatten().collect();
}

/// What is known while chains are looked for, from their last nodes on.
pub(super) struct Chain<'a, 'g> {
    program: &'a Program,
    known: &'a Known<'g>,
    nodes: &'a [Option<Node>],
    /// What computes each value.
    makers: &'a [Option<usize>],
    /// How often each value is read, by the caller too if it is an output. Chains that have been replaced still count, so that a
    /// chain may be missed, and none is taken that is not one.
    reads: &'a [usize],
}

impl Chain<'_, '_> {
    /// The two inputs of node `at`, if it does `step` and nothing else.
    pub(super) fn pair(&self, at: usize, step: Step) -> Option<[ValueId; 2]> {
        match self.inputs(at, step)?[..] {
            [Some(a), Some(b)] => Some([a, b]),
            _ => None,
        }
    }

    /// The first input of node `at`, if it does `step` and nothing else.
    pub(super) fn first(&self, at: usize, step: Step) -> Option<ValueId> {
        *self.inputs(at, step)?.first()?
    }

    fn inputs(&self, at: usize, step: Step) -> Option<&[Option<ValueId>]> {
        let (node, done) = self.step(at)?;
        (done == step).then_some(&node.inputs)
    }

    /// What node `at` is the mean of, and the first of the axes that it is over.
    pub(super) fn mean(&self, at: usize) -> Option<(ValueId, usize)> {
        match self.step(at)? {
            (node, Step::Mean(axis)) => Some(((*node.inputs.first()?)?, axis)),
            _ => None,
        }
    }

    fn step(&self, at: usize) -> Option<(&Node, Step)> {
        let node = self.nodes[at].as_ref()?;
        // Longer lists are not looked at, as often as there are nodes behind them.
        if node.inputs.len() > 2 {
            return None;
        }
        let step = node.operator.step(&self.known.of(self.program, node))?;
        Some((node, step))
    }

    /// The node that computes a value, which is not a constant.
    pub(super) fn maker(&self, id: ValueId) -> Option<usize> {
        match self.program.constants[id] {
            None => self.makers[id],
            Some(_) => None,
        }
    }

    /// What is known of a value of floats.
    pub(super) fn float(&self, id: ValueId) -> Option<Fact> {
        let fact = self.known.fact(self.program, id)?;
        (fact.dtype == DType::F32).then_some(fact)
    }

    /// The shape of a value, if it is known whole.
    pub(super) fn shape(&self, id: ValueId) -> Option<Shape> {
        self.known.fact(self.program, id)?.shape().ok()?
    }

    /// The only output of node `at`.
    pub(super) fn output(&self, at: usize) -> Option<ValueId> {
        match self.nodes[at].as_ref()?.outputs[..] {
            [output] => output,
            _ => None,
        }
    }

    /// The number that is all of a constant, if what meets it in a node keeps the shape of `x`.
    pub(super) fn number(&self, id: ValueId, x: &Fact) -> Option<f64> {
        let value = self.known.fact(self.program, id)?.value?;
        let rank = value.shape().len();
        let small = rank == 0 || x.dims.as_ref().is_some_and(|dims| rank <= dims.len());
        match small && value.shape().elements() == 1 {
            true => value.as_view().scalar(0)?.to_f64(),
            false => None,
        }
    }

    /// Checks that a constant is `wanted`, rounded.
    pub(super) fn is(&self, id: ValueId, x: &Fact, wanted: f64) -> Option<()> {
        let number = self.number(id, x)?;
        ((number - wanted).abs() <= CONSTANT_ERROR * wanted.abs()).then_some(())
    }

    /// What takes the place of the chain that ends at node `last`, unless anybody else reads what it computes on the way.
    fn joined(&self, found: &Replaced, last: usize) -> Option<Node> {
        let mut all = found.before.clone();
        all.push(last);
        all.sort_unstable();
        all.dedup();
        let nodes: Vec<&Node> = all
            .iter()
            .filter_map(|at| self.nodes[*at].as_ref())
            .collect();
        let (first, others) = nodes.split_first()?;
        for at in &found.before {
            for id in self.nodes[*at].as_ref()?.outputs.iter().flatten() {
                let inputs = nodes.iter().flat_map(|node| &node.inputs);
                if inputs.filter(|input| **input == Some(*id)).count() != self.reads[*id] {
                    return None;
                }
            }
        }
        Some(Node {
            name: first.name.clone(),
            operator: found.operator.clone(),
            own: found.inputs.len(),
            inputs: found.inputs.iter().copied().map(Some).collect(),
            outputs: self.nodes[last].as_ref()?.outputs.clone(),
            exact: false,
            attributes: first.attributes.clone(),
            absorbed: others.iter().map(|node| node.name.clone()).collect(),
        })
    }
}
