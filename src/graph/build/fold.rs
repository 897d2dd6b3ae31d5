//! Nodes whose inputs are all constants, computed when the model is loaded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::graph::{Node, ValueId};
use crate::ops::{Fact, Memory, Operator, Outputs, Slot};
use crate::tensor::{Tensor, TensorView};

/// The values that nodes have in every run alike.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) values: HashMap<ValueId, Arc<Tensor>>,
}

impl Folded {
    /// Computes a node, if all it reads are constants: the outputs that have a name. What fails is left to the run, and so
    /// is what takes more than the memory that is left.
    pub(super) fn run(
        operator: &dyn Operator,
        facts: &[Option<&Fact>],
        given: &[Option<ValueId>],
        outputs: &[Option<ValueId>],
        taken: usize,
        memory_limit: usize,
    ) -> Option<Vec<(ValueId, Arc<Tensor>)>> {
        if !operator.folds() {
            return None;
        }
        let mut views: Vec<Option<TensorView<'_>>> = Vec::with_capacity(facts.len());
        for (id, fact) in given.iter().zip(facts) {
            views.push(match id {
                None => None,
                Some(_) => Some((*fact)?.value.as_ref()?.as_view()),
            });
        }
        let mut memory = Memory::new(memory_limit);
        memory.start(taken);
        let slots = outputs.iter().map(|id| Slot::new(id.is_some(), None));
        let mut slots: Vec<Slot<'_>> = slots.collect();
        operator
            .run(&views, &mut Outputs::new(&mut slots, &mut memory))
            .ok()?;
        let named = outputs.iter().zip(slots);
        named
            .filter_map(|(id, slot)| Some(((*id)?, slot.tensor)))
            .map(|(id, tensor)| Some((id, Arc::new(tensor?))))
            .collect()
    }

    /// Gives up what only nodes read that are not run: the bytes of that.
    pub(super) fn prune(&mut self, nodes: &[Node], results: &[ValueId]) -> usize {
        let mut read: HashSet<ValueId> = results.iter().copied().collect();
        for node in nodes {
            let outputs = || node.outputs.iter().flatten();
            if outputs().any(|id| !self.values.contains_key(id)) {
                read.extend(node.inputs.iter().flatten());
            }
        }
        let mut bytes = 0;
        self.values.retain(|id, tensor| {
            let kept = read.contains(id);
            bytes += if kept { 0 } else { tensor.bytes() };
            kept
        });
        bytes
    }
}
