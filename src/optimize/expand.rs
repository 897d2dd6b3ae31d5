//! Convolutions where each channel has weights of its own, and those that compute their channels.

use super::into_readers::join;
use super::{Known, Program};
use crate::graph::{Graph, Node};

/// Lets convolutions compute the channels that they alone read.
pub(super) fn expand(program: &mut Program, graph: &Graph, known: &Known<'_>) {
    join(program, graph, known, expanded);
}

fn expanded(program: &mut Program, known: &Known<'_>, node: &Node, next: &Node) -> Option<Node> {
    let expansion = node.operator.expansion(&known.of(program, node))?;
    let expanded = next
        .operator
        .expanded(expansion, &known.of(program, next))?;
    let mut inputs = next.inputs.clone();
    inputs[0] = node.inputs[0];
    inputs.resize(expanded.first, None);
    inputs.extend_from_slice(&node.inputs[1..]);
    Some(Node {
        operator: expanded.operator,
        own: inputs.len(),
        inputs,
        ..next.clone()
    })
}
