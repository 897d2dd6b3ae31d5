//! Work on single elements, done by the node that reads them.

use super::into_readers::join;
use super::{Known, Program};
use crate::graph::{Graph, Node};

/// Lets nodes do what leads to their first input, where they alone read it.
pub(super) fn lead(program: &mut Program, graph: &Graph, known: &Known<'_>) {
    join(program, graph, known, led);
}

fn led(program: &mut Program, known: &Known<'_>, node: &Node, next: &Node) -> Option<Node> {
    let lead = node.operator.lead(&known.of(program, node))?;
    let (operator, bytes) = next.operator.led(lead, &known.of(program, next))?;
    if !program.add(bytes) {
        return None;
    }
    let mut led = Node {
        operator,
        ..next.clone()
    };
    led.inputs[0] = node.inputs[0];
    Some(led)
}
