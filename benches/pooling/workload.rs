//! A line of benches/workloads.json. The comparison with other engines reads it too.

use serde::Deserialize;

/// One pool on one shape; or a product, which the comparison alone has.
#[derive(Deserialize)]
pub(crate) struct Workload {
    #[allow(dead_code, reason = "benches/peers has no use for it")]
    pub(crate) name: String,
    pub(crate) op: String,
    pub(crate) dtype: String,
    pub(crate) input: Vec<usize>,
    /// The shape of a second input, where there is one.
    #[serde(default)]
    #[allow(dead_code, reason = "pools have one input")]
    pub(crate) second: Vec<usize>,
    pub(crate) output: Vec<usize>,
    #[serde(default)]
    pub(crate) indices: bool,
    pub(crate) attributes: Attributes,
}

/// As ONNX spells them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attributes {
    #[serde(default)]
    pub(crate) kernel_shape: Vec<i64>,
    pub(crate) strides: Option<Vec<i64>>,
    pub(crate) pads: Option<Vec<i64>>,
    pub(crate) dilations: Option<Vec<i64>>,
    #[serde(default)]
    pub(crate) ceil_mode: u8,
    #[serde(default)]
    pub(crate) count_include_pad: u8,
    pub(crate) p: Option<f64>,
}

impl Workload {
    /// What has to be read and written, each element once.
    pub(crate) fn bytes(&self) -> Result<usize, String> {
        let element = match self.dtype.as_str() {
            "f32" => 4,
            "f64" => 8,
            "f16" => 2,
            "u8" => 1,
            other => return Err(format!("no workload has elements of type {other}")),
        };
        let index = if self.indices { size_of::<i64>() } else { 0 };
        let elements = |shape: &[usize]| shape.iter().product::<usize>();
        Ok(elements(&self.input) * element + elements(&self.output) * (element + index))
    }
}
