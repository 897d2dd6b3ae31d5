//! The first node at which two models that compute values of the same names go apart.

use std::collections::HashSet;

use linn::{Error, Form, Model, NodeInfo, NodeName};
use serde_json::Value;

use super::report::output;
use crate::cli::batches::Batches;
use crate::cli::difference::{Difference, Tolerance, difference};
use crate::cli::inputs::Inputs;

/// Where two models go apart.
pub(super) struct First {
    /// The value that differs.
    pub(super) value: String,
    /// How it does.
    pub(super) text: String,
    /// The same in numbers, as those of an output.
    pub(super) numbers: Value,
    /// The node of the first model that writes it.
    pub(super) node: Option<NodeName>,
}

/// The first value, in the order of a run of `a`, that both compute and that is not within the tolerance; and how many
/// values both compute.
pub(super) fn first(
    a: &Model,
    b: &Model,
    inputs: &Inputs,
    tolerance: Tolerance,
) -> Result<(Option<First>, usize), Error> {
    let in_b: HashSet<&str> = b.computed().collect();
    let names: Vec<&str> = a.computed().filter(|name| in_b.contains(name)).collect();
    let given = || inputs.iter().map(|(name, tensor)| (name, tensor));
    let mut batches = Batches::new(&names);
    while let Some(batch) = batches.next() {
        let (of_a, of_b) = (a.fetch(given(), batch)?, b.fetch(given(), batch)?);
        let mut bytes = 0;
        for name in batch {
            let (Some(x), Some(y)) = (of_a.get(name), of_b.get(name)) else {
                continue;
            };
            bytes += x.bytes();
            if let Some(text) = difference(x, y, tolerance) {
                let first = First {
                    value: name.to_string(),
                    text,
                    numbers: output(name, x, y, &Difference::new(x, y, tolerance)),
                    node: writer(a, name),
                };
                return Ok((Some(first), names.len()));
            }
        }
        batches.saw(batch, bytes);
    }
    Ok((None, names.len()))
}

/// The node that writes a value, as it runs.
fn writer(model: &Model, value: &str) -> Option<NodeName> {
    let writes = |node: &NodeInfo| {
        let mut outputs = node.outputs.iter().flatten();
        outputs.any(|output| output.name == value)
    };
    model
        .nodes_of(Form::Running)
        .find(writes)
        .map(|node| node.name)
}
