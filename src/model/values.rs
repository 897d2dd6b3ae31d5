//! The values of one run, and what a model keeps between runs.

use std::sync::Arc;

use smallvec::SmallVec;

use super::plan::Step;
use crate::error::OpError;
use crate::graph::{Node, ValueId};
use crate::ops::{Memory, Outputs, Slot};
use crate::tensor::{Tensor, TensorView, TensorViewMut};

/// What a model keeps between runs, so that the next one need not ask the system for memory.
#[derive(Debug)]
pub(super) struct State {
    /// The tensors that nodes have computed, by value.
    computed: Vec<Option<Tensor>>,
    memory: Memory,
}

impl State {
    pub(super) fn new(values: usize, memory_limit: usize) -> State {
        State {
            computed: (0..values).map(|_| None).collect(),
            memory: Memory::new(memory_limit),
        }
    }

    /// The most bytes that any run with it has taken at once.
    pub(super) fn peak_bytes(&self) -> usize {
        self.memory.peak()
    }
}

/// Nodes with more inputs or outputs than this cost an allocation.
type Few<T> = SmallVec<[T; 4]>;

/// The values of one run, by number.
pub(super) struct Values<'v> {
    /// The model's own constants, which have the first numbers.
    initializers: &'v [(ValueId, Arc<Tensor>)],
    /// The inputs of the call.
    inputs: Few<(ValueId, TensorView<'v>)>,
    /// The caller's buffers for outputs; out while a node writes into one.
    targets: Few<(ValueId, Option<TensorViewMut<'v>>)>,
    state: &'v mut State,
}

impl<'v> Values<'v> {
    /// No values but the initializers, which take `bytes`.
    pub(super) fn new(
        initializers: &'v [(ValueId, Arc<Tensor>)],
        bytes: usize,
        state: &'v mut State,
    ) -> Values<'v> {
        state.memory.start(bytes);
        Values {
            initializers,
            inputs: Few::new(),
            targets: Few::new(),
            state,
        }
    }

    /// Puts in an input of the call.
    pub(super) fn lend(&mut self, id: ValueId, view: TensorView<'v>) {
        self.inputs.push((id, view));
    }

    /// Puts in the caller's buffer for a value.
    pub(super) fn aim(&mut self, id: ValueId, target: TensorViewMut<'v>) {
        self.targets.push((id, Some(target)));
    }

    /// Whether the caller has given a buffer for this value.
    pub(super) fn has_target(&self, id: ValueId) -> bool {
        self.targets.iter().any(|(other, _)| *other == id)
    }

    /// Runs a node; an error comes with the types and shapes of its inputs.
    pub(super) fn run(&mut self, node: &Node, step: &Step) -> Result<(), (OpError, Vec<String>)> {
        let mut slots: Few<Slot<'v>> = Few::new();
        for (id, &wanted) in node.outputs.iter().zip(&step.wanted) {
            let target = id.and_then(|id| {
                let target = self.targets.iter_mut().find(|(other, _)| *other == id);
                target.and_then(|(_, target)| target.take())
            });
            slots.push(Slot::new(wanted, target));
        }
        let mut views: Few<Option<TensorView<'_>>> = Few::new();
        for id in &node.inputs {
            views.push(id.map(|id| {
                view(
                    id,
                    self.initializers,
                    &self.inputs,
                    &self.targets,
                    &self.state.computed,
                )
            }));
        }
        let mut outputs = Outputs::new(&mut slots, &mut self.state.memory);
        let ran = node.operator.run(&views, &mut outputs);
        let ran = ran.map_err(|error| {
            let shown = views
                .iter()
                .map(|view| view.as_ref().map_or("-".to_string(), TensorView::to_string));
            (error, shown.collect())
        });
        drop(views);
        self.state.memory.settle();
        for (id, slot) in node.outputs.iter().zip(slots) {
            match (*id, slot.target, slot.tensor) {
                (Some(id), Some(target), _) => self.put_back(id, target),
                (Some(id), None, Some(tensor)) => self.state.computed[id] = Some(tensor),
                (None, _, Some(tensor)) => self.state.memory.give_back(tensor),
                (_, _, None) => {}
            }
        }
        ran
    }

    fn put_back(&mut self, id: ValueId, target: TensorViewMut<'v>) {
        for (other, place) in &mut self.targets {
            if *other == id {
                *place = Some(target);
                return;
            }
        }
    }

    /// Gives up a value that nobody reads any more.
    pub(super) fn free(&mut self, id: ValueId) {
        if let Some(tensor) = self.state.computed[id].take() {
            self.state.memory.give_back(tensor);
        }
    }

    /// Fills the caller's buffers for values that no node computes: inputs and initializers.
    ///
    /// # Errors
    /// A buffer does not have the type and shape of its value.
    pub(super) fn fill_targets(
        &mut self,
        computed: impl Fn(ValueId) -> bool,
    ) -> Result<(), OpError> {
        for index in 0..self.targets.len() {
            let id = self.targets[index].0;
            if computed(id) {
                continue;
            }
            let target = self.targets[index].1.take();
            let source = view(
                id,
                self.initializers,
                &self.inputs,
                &self.targets,
                &self.state.computed,
            );
            let mut slots = [Slot::new(true, target)];
            let mut outputs = Outputs::new(&mut slots, &mut self.state.memory);
            outputs.copy(&source, source.shape())?;
        }
        Ok(())
    }

    /// The results; one that is not a node's, or that is asked for twice, is copied.
    pub(super) fn results(self, ids: &[ValueId]) -> Vec<Tensor> {
        let mut results = Vec::with_capacity(ids.len());
        for (index, &id) in ids.iter().enumerate() {
            let again = ids[index + 1..].contains(&id);
            results.push(match self.state.computed[id].take() {
                Some(tensor) if !again => tensor,
                other => {
                    self.state.computed[id] = other;
                    view(
                        id,
                        self.initializers,
                        &self.inputs,
                        &self.targets,
                        &self.state.computed,
                    )
                    .into_tensor()
                }
            });
        }
        results
    }
}

/// What is left of a run, also of one that failed, waits for the next.
impl Drop for Values<'_> {
    fn drop(&mut self) {
        for tensor in self.state.computed.iter_mut().filter_map(Option::take) {
            self.state.memory.give_back(tensor);
        }
    }
}

fn view<'r>(
    id: ValueId,
    initializers: &'r [(ValueId, Arc<Tensor>)],
    inputs: &'r [(ValueId, TensorView<'_>)],
    targets: &'r [(ValueId, Option<TensorViewMut<'_>>)],
    computed: &'r [Option<Tensor>],
) -> TensorView<'r> {
    if let Some(tensor) = &computed[id] {
        return tensor.as_view();
    }
    for (other, view) in inputs {
        if *other == id {
            return view.reborrow();
        }
    }
    for (other, target) in targets {
        if let (true, Some(target)) = (*other == id, target) {
            return target.as_view();
        }
    }
    match initializers.get(id) {
        Some((_, tensor)) => tensor.as_view(),
        None => unreachable!("the plan computes every value before it is read"),
    }
}
