//! Loop: a graph run again and again, its results handed on to the next round.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Loop.html>
//! Differs: tensors only, no sequences and optionals, which linn does not have.
//! Where the specification is silent: a scan output of no rounds has the dimensions that are known of its part,
//! 0 where they are not; a negative `M` is as 0; the rounds of all loops of a run
//! together have a limit, `Options::round_limit`.

use super::stack::{self, Stack};
use super::{Fact, Inputs, Op, Operator, Outputs};
use crate::error::OpError;
use crate::model::{Body, Kept};
use crate::onnx::attributes::Attributes;
use crate::tensor::{DType, Tensor, TensorView};

pub(super) const LOOP: Op = Op {
    domain: "ai.onnx",
    name: "Loop",
    newest: 25,
    read: |attributes| Ok(Box::new(Loop::read(attributes)?)),
    exact: true,
};

/// `M`, `cond` and `v_initial` to `v_final_and_scan_outputs`: the carried values of the last round, and values
/// of all rounds as one tensor each.
#[derive(Debug)]
struct Loop {
    /// From the number of the round, the condition and the carried values to the condition of the next round,
    /// the carried values and the values to be scanned.
    body: Body,
    /// How many inputs the node has, captured ones not counted.
    own: usize,
    carried: usize,
    /// The dimensions that the body wants for the number of the round and the condition: none or one of size 1.
    dims: [Vec<usize>; 2],
}

impl Loop {
    fn read(attributes: &mut Attributes<'_>) -> Result<Loop, OpError> {
        let carried = attributes.inputs_from(2)?;
        let dims = [0, 1].map(|input| match attributes.declared_rank("body", input) {
            Some(1) => vec![1],
            _ => Vec::new(),
        });
        // The shape of a carried value may change from round to round.
        let initial = carried.iter().map(|fact| {
            let fact = fact.as_ref()?;
            Some(Fact::new(fact.dtype, None))
        });
        let mut given = vec![
            Some(Fact::of(DType::I64, &dims[0])),
            Some(Fact::of(DType::Bool, &dims[1])),
        ];
        given.extend(initial);
        let body = attributes.body("body", given)?;
        stack::check_outputs(
            "body",
            &body,
            (attributes.outputs() + 1).max(1 + carried.len()),
        )?;
        if let Some(fact) = &body.facts()[0]
            && fact.dtype != DType::Bool
        {
            return Err(OpError::invalid(
                "body",
                format!("gives {fact} as its first output, must give the condition, a bool"),
            ));
        }
        stack::check_carried(&carried, &body, 1)?;
        Ok(Loop {
            body,
            own: attributes.inputs(),
            carried: carried.len(),
            dims,
        })
    }
}

impl Operator for Loop {
    fn bodies(&self) -> Vec<&Body> {
        vec![&self.body]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let mut results = self.body.facts().iter().flatten().skip(1);
        let mut facts = Vec::with_capacity(self.body.outputs());
        for (initial, last) in inputs[self.own - self.carried..self.own]
            .iter()
            .flatten()
            .zip(results.by_ref().take(self.carried))
        {
            facts.push(stack::either(initial, last));
        }
        for part in results {
            let dims = part.dims.as_ref();
            let dims = dims.map(|dims| [&[None], dims.as_slice()].concat());
            facts.push(Fact::new(part.dtype, dims));
        }
        Ok(facts)
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let own = &inputs[..self.own];
        let most = match own.first() {
            Some(Some(most)) => Some(stack::single::<i64>("M", most)?),
            _ => None,
        };
        let mut cond = match own.get(1) {
            Some(Some(cond)) => stack::single::<bool>("cond", cond)?,
            _ => true,
        };
        let initial: Vec<&TensorView<'_>> = own.iter().skip(2).flatten().collect();
        let mut carried: Option<Vec<Tensor>> = None;
        let scanned = self.body.outputs() - 1 - self.carried;
        let mut stacks: Vec<Stack> = (0..scanned).map(|_| Stack::new()).collect();
        let mut kept = Kept::default();
        let mut round = 0i64;
        while cond && most.is_none_or(|most| round < most) {
            outputs.memory().round()?;
            let number = Tensor::new(&self.dims[0], vec![round])?;
            let going = Tensor::new(&self.dims[1], vec![cond])?;
            let mut given = vec![number.as_view(), going.as_view()];
            match &carried {
                None => given.extend(initial.iter().map(|view| view.reborrow())),
                Some(tensors) => given.extend(tensors.iter().map(Tensor::as_view)),
            }
            let results = self.body.run(&given, inputs, &mut kept, outputs.memory())?;
            drop(given);
            let mut results = results.into_iter();
            for tensor in carried.into_iter().flatten() {
                outputs.memory().give_back(tensor);
            }
            if let Some(tensor) = results.next() {
                cond = stack::single("the condition that body gives", &tensor.as_view())?;
                outputs.memory().give_back(tensor);
            }
            carried = Some(results.by_ref().take(self.carried).collect());
            for (index, (stack, tensor)) in stacks.iter_mut().zip(results).enumerate() {
                let output = self.carried + index;
                match outputs.wanted(output) {
                    true => stack.push(&format!("outputs[{output}]"), tensor, outputs.memory())?,
                    false => outputs.memory().give_back(tensor),
                }
            }
            round += 1;
        }
        match carried {
            Some(tensors) => {
                for (index, tensor) in tensors.into_iter().enumerate() {
                    outputs.put(index, tensor)?;
                }
            }
            None => {
                for (index, view) in initial.iter().enumerate() {
                    if outputs.wanted(index) {
                        outputs.copy_at(index, view, view.shape())?;
                    }
                }
            }
        }
        for (index, stack) in stacks.into_iter().enumerate() {
            let output = self.carried + index;
            if outputs.wanted(output) {
                let rounds = [round as usize];
                let tensor = stack.finish(&rounds, &self.body, 1 + output, outputs.memory())?;
                outputs.put(output, tensor)?;
            }
        }
        Ok(())
    }
}
