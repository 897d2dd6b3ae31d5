//! Work on single elements, done by the node that reads them.

use super::fuse::{Readers, readers};
use super::{Known, Program};
use crate::graph::{Graph, Node};
use crate::stop;

/// Lets nodes do what leads to their first input, where they alone read it.
pub(super) fn lead(program: &mut Program, graph: &Graph, known: &Known<'_>) {
    let readers = readers(program, graph);
    let mut nodes: Vec<Option<Node>> = program.nodes.drain(..).map(Some).collect();
    for at in 0..nodes.len() {
        // Who loads looks again.
        if stop::check_node(at).is_err() {
            break;
        }
        let Some((reader, led)) = led(program, known, &nodes, at, &readers) else {
            continue;
        };
        nodes[at] = None;
        nodes[reader] = Some(led);
    }
    program.nodes = nodes.into_iter().flatten().collect();
}

/// The only reader of what node `at` computes, and what takes its place.
fn led(
    program: &mut Program,
    known: &Known<'_>,
    nodes: &[Option<Node>],
    at: usize,
    readers: &[Readers],
) -> Option<(usize, Node)> {
    let node = nodes[at].as_ref()?;
    let (output, others) = node.outputs.split_first()?;
    let Readers::One(reader) = readers[(*output)?] else {
        return None;
    };
    let unread = |id: &Option<usize>| id.is_none_or(|id| readers[id] == Readers::None);
    let next = nodes[reader].as_ref()?;
    if next.inputs.first() != Some(output) || !others.iter().all(unread) {
        return None;
    }
    let lead = node.operator.lead(&known.of(program, node))?;
    let (operator, bytes) = next.operator.led(lead, &known.of(program, next))?;
    if !program.add(bytes) {
        return None;
    }
    let mut led = Node {
        operator,
        exact: node.exact && next.exact,
        ..next.clone()
    };
    led.inputs[0] = node.inputs[0];
    led.absorbed.splice(0..0, node.absorbed.iter().cloned());
    led.absorbed.insert(0, node.name.clone());
    Some((reader, led))
}
