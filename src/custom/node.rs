//! An operator of the caller as a node of the graph, which trusts it with nothing.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use super::{Attributes, Operator, Outputs, Read};
use crate::error::{OpError, Quoted};
use crate::onnx::attributes;
use crate::ops::{self, Fact, Inputs};

/// A node that an operator of the caller computes.
pub(crate) struct Custom {
    operator: Box<dyn Operator>,
    /// How many outputs the node names.
    outputs: usize,
    /// What was known of the outputs before the run: the nodes that read them were checked against it.
    inferred: Mutex<Vec<Fact>>,
}

impl Custom {
    pub(crate) fn read(
        read: &Read,
        attributes: &mut attributes::Attributes<'_>,
    ) -> Result<Custom, OpError> {
        Ok(Custom {
            outputs: attributes.outputs(),
            operator: guarded(|| read(&mut Attributes::new(attributes)))?,
            inferred: Mutex::default(),
        })
    }

    /// What the operator says of its outputs: of all of them.
    fn outputs(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let inferred = guarded(|| self.operator.infer(inputs))?;
        match inferred.len() >= self.outputs {
            true => Ok(inferred),
            false => Err(OpError::invalid(
                "",
                format!(
                    "the node has {} outputs, the operator infers {}",
                    self.outputs,
                    inferred.len()
                ),
            )),
        }
    }
}

impl ops::Operator for Custom {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let inferred = self.outputs(inputs)?;
        let mut known = self.inferred.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone_from(&inferred);
        Ok(inferred)
    }

    fn run(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut ops::Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let facts: Vec<Option<Fact>> = inputs
            .iter()
            .map(|view| view.as_ref().map(Fact::from))
            .collect();
        let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        let known = self.inferred.lock().unwrap_or_else(PoisonError::into_inner);
        let inferred = [known.clone(), self.outputs(&facts)?];
        drop(known);
        let mut outputs = Outputs::new(outputs, inferred);
        guarded(|| self.operator.run(inputs, &mut outputs))?;
        outputs.finish()
    }

    /// It may be random, or count its calls.
    fn folds(&self) -> bool {
        false
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").finish_non_exhaustive()
    }
}

/// The result of the caller's code, or an error if it panics. What it was writing goes with the run that fails.
fn guarded<R>(work: impl FnOnce() -> Result<R, OpError>) -> Result<R, OpError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(payload) => Err(panicked(&*payload)),
    }
}

fn panicked(payload: &(dyn Any + Send)) -> OpError {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or(payload.downcast_ref::<String>().map(String::as_str));
    let said = text.map_or(String::new(), |text| format!(": {}", Quoted(text)));
    OpError::run("", format!("the operator panicked{said}"))
}
