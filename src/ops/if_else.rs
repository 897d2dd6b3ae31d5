//! If: one of two graphs, as a condition says.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__If.html>
//! Differs: tensors only, no sequences and optionals, which linn does not have.

use super::{Fact, Inputs, Op, Operator, Outputs, required, stack};
use crate::error::OpError;
use crate::model::{Body, Kept};
use crate::onnx::attributes::Attributes;

pub(super) const IF: Op = Op {
    domain: "ai.onnx",
    name: "If",
    newest: 25,
    read: |attributes| Ok(Box::new(If::read(attributes)?)),
    exact: true,
};

/// `cond`, one element, to the outputs of a branch.
#[derive(Debug)]
struct If {
    then_branch: Body,
    else_branch: Body,
}

impl If {
    fn read(attributes: &mut Attributes<'_>) -> Result<If, OpError> {
        let then_branch = attributes.body("then_branch", Vec::new())?;
        let else_branch = attributes.body("else_branch", Vec::new())?;
        for (name, branch) in [("then_branch", &then_branch), ("else_branch", &else_branch)] {
            stack::check_outputs(name, branch, attributes.outputs())?;
        }
        Ok(If {
            then_branch,
            else_branch,
        })
    }

    fn branch(&self, cond: bool) -> &Body {
        match cond {
            true => &self.then_branch,
            false => &self.else_branch,
        }
    }
}

impl Operator for If {
    fn bodies(&self) -> Vec<&Body> {
        vec![&self.then_branch, &self.else_branch]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let cond = &required(inputs, 0).value;
        if let Some(cond) = cond.as_ref().and_then(|value| value.as_slice::<bool>())
            && let [cond] = cond
        {
            return Ok(self
                .branch(*cond)
                .facts()
                .iter()
                .flatten()
                .cloned()
                .collect());
        }
        let (then_facts, else_facts) = (self.then_branch.facts(), self.else_branch.facts());
        let pairs = then_facts.iter().flatten().zip(else_facts.iter().flatten());
        pairs
            .enumerate()
            .map(|(index, (a, b))| match a.dtype == b.dtype {
                true => Ok(stack::either(a, b)),
                false => Err(OpError::invalid(
                    format!("outputs[{index}]"),
                    format!("is {a} in then_branch, {b} in else_branch"),
                )),
            })
            .collect()
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let cond = stack::single::<bool>("cond", required(inputs, 0))?;
        let branch = self.branch(cond);
        let results = branch.run(&[], inputs, &mut Kept::default(), outputs.memory())?;
        for (index, tensor) in results.into_iter().enumerate() {
            outputs.put(index, tensor)?;
        }
        Ok(())
    }
}
