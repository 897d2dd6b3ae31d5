//! Constants laid out for the operators that read them, once before all runs.

use super::fuse::{Readers, readers};
use super::{Known, Program};
use crate::graph::Graph;
use crate::stop;

pub(super) fn prepare(program: &mut Program, graph: &Graph, known: &Known<'_>) {
    let readers = readers(program, graph);
    for at in 0..program.nodes.len() {
        // Who loads looks again.
        if stop::check_node(at).is_err() {
            break;
        }
        let node = &program.nodes[at];
        let computed = |id: &Option<usize>| id.is_some_and(|id| program.constants[id].is_none());
        if !node.outputs.iter().any(computed) {
            continue;
        }
        if let Some(prepared) = node
            .operator
            .prepare(&known.of(program, node), program.room())
            && program.add(prepared.bytes)
        {
            let node = &mut program.nodes[at];
            node.operator = prepared.operator;
            if let Some(id) = prepared.unread.and_then(|index| node.inputs[index])
                && matches!(readers[id], Readers::One(_))
            {
                program.release(id);
            }
        }
    }
}
