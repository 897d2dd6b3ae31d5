//! Constants laid out for the operators that read them, once before all runs.

use super::{Known, Program};
use crate::stop;

pub(super) fn prepare(program: &mut Program, known: &Known<'_>) {
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
        if let Some((operator, bytes)) = node.operator.prepare(&known.of(program, node))
            && program.add(bytes)
        {
            program.nodes[at].operator = operator;
        }
    }
}
