//! Scan: a graph run on slice after slice of its inputs, a state handed on from one to the next.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Scan.html>
//! Where the specification is silent: a scan output of no rounds has the dimensions that are known of its slice,
//! 0 where they are not; in version 8, what lies behind the end of a shorter sequence is 0.

mod slices;

use super::stack::{self, Stack};
use super::{Fact, Inputs, Op, Operator, Outputs, axes};
use crate::error::OpError;
use crate::model::{Body, Kept};
use crate::onnx::attributes::Attributes;
use crate::tensor::{Tensor, TensorView};
use slices::{Direction, from_front, part, slices, to_front};

pub(super) const SCAN: Op = Op {
    domain: "ai.onnx",
    name: "Scan",
    newest: 25,
    read: |attributes| Ok(Box::new(Scan::read(attributes)?)),
    exact: true,
};

/// `initial_state_and_scan_inputs` to `final_state_and_scan_outputs`.
#[derive(Debug)]
struct Scan {
    /// From states and slices to states and slices.
    body: Body,
    /// Axes in front of all tensors that number the members of a batch: one in version 8, where
    /// `sequence_lens` comes first.
    batch: usize,
    states: usize,
    inputs: Vec<Direction>,
    outputs: Vec<Direction>,
}

impl Scan {
    fn read(attributes: &mut Attributes<'_>) -> Result<Scan, OpError> {
        let batch = usize::from(attributes.version() < 9);
        let given = attributes.inputs_from(batch)?;
        let count = attributes.int("num_scan_inputs").unwrap_or(0);
        let scanned = usize::try_from(count)
            .ok()
            .filter(|count| (1..=given.len()).contains(count))
            .ok_or_else(|| {
                OpError::invalid(
                    "num_scan_inputs",
                    format!("is {count}, must be in 1..={}", given.len()),
                )
            })?;
        let states = given.len() - scanned;
        let inputs = match batch {
            0 => Direction::list(
                scanned,
                ("scan_input_axes", attributes.ints("scan_input_axes")),
                (
                    "scan_input_directions",
                    attributes.ints("scan_input_directions"),
                ),
            )?,
            _ => Direction::list(
                scanned,
                ("", None),
                ("directions", attributes.ints("directions")),
            )?,
        };
        let mut formals = Vec::with_capacity(given.len());
        for (index, fact) in given.iter().enumerate() {
            let part = fact.as_ref().map(|fact| {
                let slice = index.checked_sub(states).map(|index| inputs[index]);
                let dims = part(batch, slice, fact.dims.as_deref())?;
                Ok::<_, OpError>(Fact::new(fact.dtype, dims))
            });
            formals.push(part.transpose()?);
        }
        let body = attributes.body("body", formals)?;
        stack::check_outputs("body", &body, attributes.outputs().max(states))?;
        stack::check_carried(&given[..states], &body, 0)?;
        let outputs = Direction::list(
            body.outputs() - states,
            ("scan_output_axes", attributes.ints("scan_output_axes")),
            (
                "scan_output_directions",
                attributes.ints("scan_output_directions"),
            ),
        )?;
        Ok(Scan {
            body,
            batch,
            states,
            inputs,
            outputs,
        })
    }

    /// The own inputs of the node, without `sequence_lens`.
    fn scanned<'i, T>(&self, inputs: &'i [Option<T>]) -> Vec<&'i T> {
        let count = self.states + self.inputs.len();
        let inputs = inputs.iter().skip(self.batch).take(count);
        inputs.flatten().collect()
    }

    /// The sizes of the batch and of the sequences, as far as they are known.
    fn sizes(&self, facts: &[&Fact]) -> Result<[Option<usize>; 2], OpError> {
        let mut sizes = [None, None];
        let mut agree = |which: usize, size: Option<usize>, index: usize| match (sizes[which], size)
        {
            (Some(known), Some(size)) if known != size => Err(OpError::invalid(
                format!("inputs[{index}]"),
                format!(
                    "has {size} {}, another input has {known}",
                    ["members of the batch", "slices"][which]
                ),
            )),
            (known, size) => {
                sizes[which] = known.or(size);
                Ok(())
            }
        };
        for (index, fact) in facts.iter().enumerate() {
            let Some(dims) = &fact.dims else { continue };
            let place = self.batch + index;
            if self.batch == 1 {
                let Some(size) = dims.first() else {
                    let field = format!("inputs[{place}]");
                    return Err(OpError::invalid(field, "has no axis for the batch"));
                };
                agree(0, *size, place)?;
            }
            if let Some(direction) = index.checked_sub(self.states).map(|at| self.inputs[at]) {
                let axis = slices(self.batch, direction, dims.len())?;
                agree(1, dims[axis], place)?;
            }
        }
        Ok(sizes)
    }

    /// How many slices each member of the batch has, where that is not the same for all.
    fn lengths<'i>(
        &self,
        inputs: Inputs<'_, 'i>,
        batch: usize,
        length: usize,
    ) -> Result<Option<&'i [i64]>, OpError> {
        let Some(Some(lens)) = inputs[..self.batch].first() else {
            return Ok(None);
        };
        let values = lens.as_slice::<i64>().unwrap_or(&[]);
        if values.len() != batch {
            return Err(OpError::run(
                "sequence_lens",
                format!("is {lens}, the batch has {batch} members"),
            ));
        }
        let fits = |value: i64| usize::try_from(value).is_ok_and(|size| size <= length);
        match values.iter().position(|&value| !fits(value)) {
            None => Ok(Some(values)),
            Some(index) => Err(OpError::run(
                format!("sequence_lens[{index}]"),
                format!("is {}, must be in 0..={length}", values[index]),
            )),
        }
    }
}

impl Operator for Scan {
    fn bodies(&self) -> Vec<&Body> {
        vec![&self.body]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let own = self.scanned(inputs);
        let own: Vec<&Fact> = own.into_iter().copied().collect();
        let [batch, length] = self.sizes(&own)?;
        let states = own[..self.states].iter();
        let states = states.map(|fact| Ok(Fact::new(fact.dtype, fact.dims.clone())));
        let parts = self.body.facts()[self.states..].iter().flatten();
        let outputs = parts.zip(&self.outputs).map(|(part, direction)| {
            let dims = match &part.dims {
                None => None,
                Some(dims) => {
                    let axis = axes::axis("scan_output_axes", direction.axis, dims.len() + 1)?;
                    let mut dims = dims.clone();
                    dims.insert(axis, length);
                    if self.batch == 1 {
                        dims.insert(0, batch);
                    }
                    Some(dims)
                }
            };
            Ok(Fact::new(part.dtype, dims))
        });
        states.chain(outputs).collect()
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let own = self.scanned(inputs);
        let facts: Vec<Fact> = own.iter().map(|view| Fact::from(*view)).collect();
        let [batch, length] = self.sizes(&facts.iter().collect::<Vec<_>>())?;
        let (batch, length) = (batch.unwrap_or(1), length.unwrap_or(0));
        let lengths = self.lengths(inputs, batch, length)?;
        let (states, scanned) = own.split_at(self.states);
        let mut moved = Vec::with_capacity(scanned.len());
        for (x, direction) in scanned.iter().zip(&self.inputs) {
            moved.push(to_front(x, self.batch, *direction, outputs)?);
        }
        let slices: Vec<TensorView<'_>> = moved
            .iter()
            .zip(scanned)
            .map(|(moved, x)| moved.as_ref().map_or_else(|| x.reborrow(), Tensor::as_view))
            .collect();
        let mut last: Vec<Stack> = states.iter().map(|_| Stack::new()).collect();
        let mut stacks: Vec<Stack> = self.outputs.iter().map(|_| Stack::new()).collect();
        let mut kept = Kept::default();
        for member in 0..batch {
            // Members may be many and hold nothing.
            outputs.memory().round()?;
            let end = lengths.map_or(length, |lengths| lengths[member] as usize);
            let mut carried: Option<Vec<Tensor>> = None;
            let initial: Vec<TensorView<'_>> = states
                .iter()
                .map(|state| state.part(self.batch, member))
                .collect();
            for round in 0..end {
                outputs.memory().round()?;
                let mut given: Vec<TensorView<'_>> = match &carried {
                    None => initial.iter().map(TensorView::reborrow).collect(),
                    Some(tensors) => tensors.iter().map(Tensor::as_view).collect(),
                };
                for (x, direction) in slices.iter().zip(&self.inputs) {
                    let place = if direction.back {
                        end - 1 - round
                    } else {
                        round
                    };
                    given.push(x.part(self.batch + 1, member * length + place));
                }
                let results = self.body.run(&given, inputs, &mut kept, outputs.memory())?;
                drop(given);
                for tensor in carried.into_iter().flatten() {
                    outputs.memory().give_back(tensor);
                }
                let mut results = results.into_iter();
                let after: Vec<Tensor> = results.by_ref().take(self.states).collect();
                for (index, (before, after)) in initial.iter().zip(&after).enumerate() {
                    if before.shape() != after.shape() {
                        return Err(OpError::run(
                            format!("state {index}"),
                            format!("is {before} before and {after} after a round"),
                        ));
                    }
                }
                carried = Some(after);
                push(&mut stacks, results, self.states, outputs)?;
            }
            let ends = match carried {
                Some(tensors) => tensors,
                None => {
                    let memory = outputs.memory();
                    let copies = initial.iter().map(|state| memory.copy(state));
                    copies.collect::<Result<_, OpError>>()?
                }
            };
            push(&mut last, ends.into_iter(), 0, outputs)?;
            for (index, stack) in stacks.iter_mut().enumerate() {
                if outputs.wanted(self.states + index) {
                    stack.pad(length - end, outputs.memory())?;
                }
            }
        }
        drop(slices);
        for tensor in moved.into_iter().flatten() {
            outputs.memory().give_back(tensor);
        }
        let all = last.into_iter().chain(stacks).enumerate();
        for (output, stack) in all.filter(|(output, _)| *output < self.body.outputs()) {
            if !outputs.wanted(output) {
                continue;
            }
            let direction = output.checked_sub(self.states).map(|at| self.outputs[at]);
            let outer: &[usize] = match (self.batch, direction) {
                (0, None) => &[],
                (_, None) => &[batch],
                (0, Some(_)) => &[length],
                (_, Some(_)) => &[batch, length],
            };
            let tensor = stack.finish(outer, &self.body, output, outputs.memory())?;
            let tensor = match direction {
                Some(direction) if self.batch == 0 => from_front(tensor, direction, outputs)?,
                _ => tensor,
            };
            outputs.put(output, tensor)?;
        }
        Ok(())
    }
}

/// Adds what a round gives, from output `first` on.
fn push(
    stacks: &mut [Stack],
    results: impl Iterator<Item = Tensor>,
    first: usize,
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    for (index, (stack, tensor)) in stacks.iter_mut().zip(results).enumerate() {
        let output = first + index;
        match outputs.wanted(output) {
            true => stack.push(&format!("outputs[{output}]"), tensor, outputs.memory())?,
            false => outputs.memory().give_back(tensor),
        }
    }
    Ok(())
}
