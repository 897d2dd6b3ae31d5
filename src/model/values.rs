//! The values of one run, and what a model keeps between runs.

use std::sync::Arc;

use smallvec::SmallVec;

use super::plan::{Plan, Step};
use super::profile::Recorder;
use crate::allocate;
use crate::error::{Error, OpError};
use crate::graph::{Node, ValueId, inputs_text};
use crate::ops::{Memory, Outputs, Slot};
use crate::stop;
use crate::tensor::{Tensor, TensorView, TensorViewMut};

/// What a model keeps between runs, so that the next one need not ask the system for memory.
#[derive(Debug)]
pub(super) struct State {
    /// The tensors that nodes have computed, by value.
    computed: Vec<Option<Tensor>>,
    memory: Memory,
}

impl State {
    pub(super) fn new(values: usize, memory: Memory) -> State {
        State {
            computed: allocate::collected((0..values).map(|_| None)),
            memory,
        }
    }

    /// The most bytes that any run with it has taken at once.
    pub(super) fn peak_bytes(&self) -> usize {
        self.memory.peak()
    }
}

/// Nodes with more inputs or outputs than this cost an allocation.
type Few<T> = SmallVec<[T; 4]>;

/// The values of one run, and its memory.
pub(super) struct Values<'v> {
    tensors: Tensors<'v>,
    memory: &'v mut Memory,
}

/// The values of one run, by number.
struct Tensors<'v> {
    /// The model's own constants, by number.
    constants: &'v [Option<Arc<Tensor>>],
    /// The inputs of the call, in order of their numbers when nodes run.
    inputs: Few<(ValueId, TensorView<'v>)>,
    /// The caller's buffers for outputs, in order of their numbers when nodes run; out while a node writes into one.
    targets: Few<(ValueId, Option<TensorViewMut<'v>>)>,
    computed: &'v mut [Option<Tensor>],
}

impl<'v> Values<'v> {
    /// No values but the constants, which take `bytes`.
    pub(super) fn new(
        constants: &'v [Option<Arc<Tensor>>],
        bytes: usize,
        state: &'v mut State,
    ) -> Values<'v> {
        state.memory.start(bytes);
        Values::within(constants, &mut state.computed, &mut state.memory)
    }

    /// No values but the constants, inside a run that has begun.
    pub(super) fn within(
        constants: &'v [Option<Arc<Tensor>>],
        computed: &'v mut [Option<Tensor>],
        memory: &'v mut Memory,
    ) -> Values<'v> {
        Values {
            tensors: Tensors {
                constants,
                inputs: Few::new(),
                targets: Few::new(),
                computed,
            },
            memory,
        }
    }

    /// Runs the steps of a plan; if there is a recorder, it notes each.
    pub(super) fn steps<'n>(
        &mut self,
        nodes: &'n [Node],
        plan: &Plan,
        mut recorder: Option<&mut Recorder<'n>>,
    ) -> Result<(), Error> {
        self.tensors.inputs.sort_unstable_by_key(|(id, _)| *id);
        self.tensors.targets.sort_unstable_by_key(|(id, _)| *id);
        for step in &plan.steps {
            let node = &nodes[step.node];
            let stopped = |source: OpError| Error::Node {
                node: Box::new(node.name.clone()),
                source: Box::new(source),
                inputs: String::new(),
                running: true,
            };
            stop::check().map_err(stopped)?;
            if let Some(recorder) = &mut recorder {
                recorder.begin(node, |id| self.tensors.view(id));
            }
            self.run(node, step)
                .map_err(|(source, inputs)| Error::Node {
                    node: Box::new(node.name.clone()),
                    source: Box::new(source),
                    inputs: inputs_text(&inputs),
                    running: true,
                })?;
            // An operator that is stopped leaves its outputs half written.
            stop::check().map_err(stopped)?;
            if let Some(recorder) = &mut recorder {
                recorder.end(&step.wanted, |id| self.tensors.view(id));
            }
            for id in &step.last_uses {
                self.free(*id);
            }
        }
        Ok(())
    }

    /// Puts in an input of the call.
    pub(super) fn lend(&mut self, id: ValueId, view: TensorView<'v>) {
        self.tensors.inputs.push((id, view));
    }

    /// Puts in the caller's buffer for a value.
    pub(super) fn aim(&mut self, id: ValueId, target: TensorViewMut<'v>) {
        self.tensors.targets.push((id, Some(target)));
    }

    /// Lets the operator of a node write over an input that nobody reads any more, if it can.
    fn run_in_place(&mut self, node: &Node, step: &Step) -> bool {
        let [Some(output)] = node.outputs[..] else {
            return false;
        };
        if !node.operator.in_place() || self.tensors.target(output).is_some() {
            return false;
        }
        for (index, &dies) in step.dying.iter().enumerate() {
            let Some(id) = node.inputs[index].filter(|_| dies) else {
                continue;
            };
            let Some(mut tensor) = self.tensors.computed[id].take() else {
                continue;
            };
            let mut views: Few<Option<TensorView<'_>>> = Few::new();
            for other in &node.inputs {
                let other = other.filter(|other| *other != id);
                views.push(other.map(|other| self.tensors.view(other)));
            }
            let done = node.operator.run_in_place(index, &mut tensor, &views);
            drop(views);
            // What is wrong with the inputs is said by the ordinary way, which has all of them.
            let done = matches!(done, Ok(true));
            self.tensors.computed[if done { output } else { id }] = Some(tensor);
            if done {
                return true;
            }
        }
        false
    }

    /// Runs a node; an error comes with the types and shapes of its inputs.
    fn run(&mut self, node: &Node, step: &Step) -> Result<(), (OpError, Vec<String>)> {
        if self.run_in_place(node, step) {
            return Ok(());
        }
        let mut slots: Few<Slot<'v>> = Few::new();
        for (id, &wanted) in node.outputs.iter().zip(&step.wanted) {
            let target = id.and_then(|id| {
                let place = self.tensors.target(id)?;
                self.tensors.targets[place].1.take()
            });
            slots.push(Slot::new(wanted, target));
        }
        let mut views: Few<Option<TensorView<'_>>> = Few::new();
        for id in &node.inputs {
            views.push(id.map(|id| self.tensors.view(id)));
        }
        let dying: SmallVec<[bool; 4]> = (node.inputs.iter().zip(&step.dying))
            .map(|(id, dies)| *dies && id.is_some_and(|id| self.tensors.computed[id].is_some()))
            .collect();
        let mut outputs = Outputs::new(&mut slots, self.memory).with_dying(&dying);
        let ran = allocate::attempt(|| node.operator.run(&views, &mut outputs));
        let ran = ran.map_err(|error| {
            let shown = views[..node.own]
                .iter()
                .map(|view| view.as_ref().map_or("-".to_string(), TensorView::to_string));
            (error, shown.collect())
        });
        drop(views);
        self.memory.settle();
        for (id, mut slot) in node.outputs.iter().zip(slots) {
            if let Some((index, shape)) = slot.passed {
                let input = node.inputs[index].and_then(|id| self.tensors.computed[id].take());
                slot.tensor = input.map(|tensor| Tensor::from_parts(shape, tensor.into_buffer()));
            }
            match (*id, slot.target, slot.tensor) {
                (Some(id), Some(target), _) => self.put_back(id, target),
                (Some(id), None, Some(tensor)) => self.tensors.computed[id] = Some(tensor),
                (None, _, Some(tensor)) => self.memory.give_back(tensor),
                (_, _, None) => {}
            }
        }
        ran
    }

    fn put_back(&mut self, id: ValueId, target: TensorViewMut<'v>) {
        if let Some(place) = self.tensors.target(id) {
            self.tensors.targets[place].1 = Some(target);
        }
    }

    /// Gives up a value that nobody reads any more.
    fn free(&mut self, id: ValueId) {
        if let Some(tensor) = self.tensors.computed[id].take() {
            self.memory.give_back(tensor);
        }
    }

    /// Fills the caller's buffers for values that no node computes: inputs and constants.
    ///
    /// # Errors
    /// A buffer does not have the type and shape of its value.
    pub(super) fn fill_targets(
        &mut self,
        computed: impl Fn(ValueId) -> bool,
    ) -> Result<(), OpError> {
        for index in 0..self.tensors.targets.len() {
            let id = self.tensors.targets[index].0;
            if computed(id) {
                continue;
            }
            let target = self.tensors.targets[index].1.take();
            let source = self.tensors.view(id);
            let mut slots = [Slot::new(true, target)];
            let mut outputs = Outputs::new(&mut slots, self.memory);
            outputs.copy(&source, source.shape())?;
        }
        Ok(())
    }

    /// The results of a plan; one that is not a node's, or that is asked for again, is copied, which counts as memory of
    /// the run.
    pub(super) fn results(self, plan: &Plan) -> Result<Vec<Tensor>, OpError> {
        let mut results = Vec::with_capacity(plan.results.len());
        for &(id, last) in &plan.results {
            if let Some(tensor) = self.tensors.computed[id].take_if(|_| last) {
                results.push(tensor);
                continue;
            }
            let source = self.tensors.view(id);
            results.push(self.memory.copy(&source)?);
        }
        Ok(results)
    }
}

/// What is left of a run, also of one that failed, waits for the next.
impl Drop for Values<'_> {
    fn drop(&mut self) {
        for tensor in self.tensors.computed.iter_mut().filter_map(Option::take) {
            self.memory.give_back(tensor);
        }
    }
}

impl Tensors<'_> {
    /// The place of the caller's buffer for a value, if it has given one.
    fn target(&self, id: ValueId) -> Option<usize> {
        let place = self.targets.binary_search_by_key(&id, |(other, _)| *other);
        place.ok()
    }

    fn view(&self, id: ValueId) -> TensorView<'_> {
        if let Some(tensor) = &self.computed[id] {
            return tensor.as_view();
        }
        if let Ok(place) = self.inputs.binary_search_by_key(&id, |(other, _)| *other) {
            return self.inputs[place].1.reborrow();
        }
        if let Some((_, Some(target))) = self.target(id).map(|place| &self.targets[place]) {
            return target.as_view();
        }
        match &self.constants[id] {
            Some(tensor) => tensor.as_view(),
            None => unreachable!("the plan computes every value before it is read"),
        }
    }
}
