//! What was timed, and on what: a baseline of something else is no baseline.

use linn::{Simd, Tensor};
use serde_json::{Map, Value, json};

use crate::cli::inputs::Inputs;

/// All that the times of a benchmark depend on, except threads.
pub(super) struct Setup<'a> {
    /// As the user named it.
    pub(super) model: String,
    pub(super) inputs: &'a Inputs,
    /// The instruction set; not `Auto`.
    pub(super) simd: Simd,
    /// The name of the processor, where the system tells.
    pub(super) cpu: Option<String>,
    pub(super) fresh: bool,
    /// Whether the graph was rewritten so that it runs faster.
    pub(super) optimized: bool,
}

impl Setup<'_> {
    /// The keys of linn.bench/1 about it.
    pub(super) fn json(&self) -> Map<String, Value> {
        let input = |(name, tensor): &(String, Tensor)| {
            json!({
                "name": name,
                "dtype": tensor.dtype().name(),
                "shape": tensor.shape().to_vec(),
            })
        };
        let inputs: Vec<Value> = self.inputs.iter().map(input).collect();
        let keys = [
            ("model", json!(self.model)),
            ("inputs", json!(inputs)),
            ("simd", json!(self.simd.name())),
            ("cpu", json!(self.cpu)),
            ("fresh", json!(self.fresh)),
            ("optimized", json!(self.optimized)),
        ];
        let keys = keys.into_iter();
        keys.map(|(key, value)| (key.to_string(), value)).collect()
    }
}
