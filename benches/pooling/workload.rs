//! A line of benches/workloads.json. The comparison with other engines reads it too.

use serde::Deserialize;

/// One pool on one shape.
#[derive(Deserialize)]
pub struct Workload {
    #[allow(dead_code, reason = "benches/peers has no use for it")]
    pub name: String,
    pub op: String,
    pub dtype: String,
    pub input: Vec<usize>,
    pub output: Vec<usize>,
    #[serde(default)]
    pub indices: bool,
    pub attributes: Attributes,
}

/// As ONNX spells them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    #[serde(default)]
    pub kernel_shape: Vec<i64>,
    pub strides: Option<Vec<i64>>,
    pub pads: Option<Vec<i64>>,
    pub dilations: Option<Vec<i64>>,
    #[serde(default)]
    pub ceil_mode: u8,
    #[serde(default)]
    pub count_include_pad: u8,
    pub p: Option<f64>,
}

impl Workload {
    /// What has to be read and written, each element once.
    pub fn bytes(&self) -> Result<usize, String> {
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
