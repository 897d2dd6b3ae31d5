//! Nodes that become a part of the only node that reads what they compute.

use super::fuse::{Readers, readers};
use super::{Known, Program};
use crate::graph::{Graph, Node};
use crate::stop;

/// What takes the place of a node and its reader, if they can be one.
type Join = fn(&mut Program, &Known<'_>, &Node, &Node) -> Option<Node>;

/// Joins nodes with the one that reads their first output as its first input, where nothing else reads what they compute.
pub(super) fn join(program: &mut Program, graph: &Graph, known: &Known<'_>, join: Join) {
    let readers = readers(program, graph);
    let mut nodes: Vec<Option<Node>> = program.nodes.drain(..).map(Some).collect();
    for at in 0..nodes.len() {
        // Who loads looks again.
        if stop::check_node(at).is_err() {
            break;
        }
        let Some((reader, joined)) = joined(program, known, &nodes, at, &readers, join) else {
            continue;
        };
        nodes[at] = None;
        nodes[reader] = Some(joined);
    }
    program.nodes = nodes.into_iter().flatten().collect();
}

/// The only reader of what node `at` computes, and what takes its place.
fn joined(
    program: &mut Program,
    known: &Known<'_>,
    nodes: &[Option<Node>],
    at: usize,
    readers: &[Readers],
    join: Join,
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
    let mut joined = join(program, known, node, next)?;
    joined.exact = node.exact && next.exact;
    joined.absorbed.splice(0..0, node.absorbed.iter().cloned());
    joined.absorbed.insert(0, node.name.clone());
    Some((reader, joined))
}
