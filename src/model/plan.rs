//! Which nodes a run needs, and when each value was read for the last time.

use std::sync::Arc;

use crate::error::OpError;
use crate::graph::{Node, ValueId};
use crate::stop;
use crate::tensor::Tensor;

/// The steps that lead to some results.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The values that it leads to, and whether each is not listed again.
    pub(super) results: Vec<(ValueId, bool)>,
}

/// One node of a plan.
#[derive(Debug)]
pub(super) struct Step {
    /// The place of the node in the graph.
    pub(super) node: usize,
    /// Which of its outputs are read later.
    pub(super) wanted: Vec<bool>,
    /// The values that no later step reads.
    pub(super) last_uses: Vec<ValueId>,
    /// Whether each of the node's own inputs is such a value, and the node reads it once.
    pub(super) dying: Vec<bool>,
}

impl Plan {
    /// The steps that lead to `results`.
    ///
    /// # Errors
    /// The work is to stop.
    pub(super) fn new(
        nodes: &[Node],
        constants: &[Option<Arc<Tensor>>],
        results: &[ValueId],
    ) -> Result<Plan, OpError> {
        let mut needed = vec![false; constants.len()];
        let mut listed: Vec<(ValueId, bool)> = Vec::with_capacity(results.len());
        for id in results.iter().rev() {
            let again = std::mem::replace(&mut needed[*id], true);
            listed.push((*id, !again));
        }
        listed.reverse();
        // Backwards, a value met for the first time is used for the last time.
        let mut steps = Vec::new();
        for (index, node) in nodes.iter().enumerate().rev() {
            if index.is_multiple_of(stop::READ) {
                stop::check()?;
            }
            let wanted: Vec<bool> = node
                .outputs
                .iter()
                .map(|id| id.is_some_and(|id| needed[id] && constants[id].is_none()))
                .collect();
            if !wanted.contains(&true) {
                continue;
            }
            let mut reads: Vec<ValueId> = node.inputs.iter().copied().flatten().collect();
            reads.sort_unstable();
            let once = |id: ValueId| {
                let first = reads.partition_point(|other| *other < id);
                reads.get(first + 1) != Some(&id)
            };
            let mut last_uses = Vec::new();
            let mut dying = vec![false; node.own];
            for (input, id) in node.inputs.iter().enumerate() {
                let Some(id) = *id else { continue };
                if !std::mem::replace(&mut needed[id], true) {
                    last_uses.push(id);
                    if let Some(dies) = dying.get_mut(input) {
                        *dies = once(id);
                    }
                }
            }
            steps.push(Step {
                node: index,
                wanted,
                dying,
                last_uses,
            });
        }
        steps.reverse();
        Ok(Plan {
            steps,
            results: listed,
        })
    }
}
