//! What a model says of itself: its origin, its nodes, and how much work each is.

use std::collections::HashSet;

use super::Model;
use crate::error::NodeName;
use crate::graph::{Dim, Node, ValueId, ValueInfo};

/// Where a model comes from, and what it imports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The version of the file format.
    pub ir_version: i64,
    /// The program that wrote it, often empty.
    pub producer_name: String,
    /// The version of that program, often empty.
    pub producer_version: String,
    /// The imported domains and their versions, in the order of the file.
    pub opsets: Vec<(String, i64)>,
    /// Inputs that have become constants by [`Options::fix_defaults`](super::Options::fix_defaults).
    pub fixed_inputs: Vec<String>,
}

/// A node of a model, calls of its functions resolved, with what is known of it before a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeInfo {
    /// Its place, name and operator.
    pub name: NodeName,
    /// What it reads; `None` where an optional input is left out.
    pub inputs: Vec<Option<ValueInfo>>,
    /// What it writes; `None` where an optional output is left out.
    pub outputs: Vec<Option<ValueInfo>>,
    /// The elements of the initializers that it reads.
    pub parameters: u64,
    /// The multiplications with an addition, as [`NodeInfo::RULE`] counts them; `None` if they are not known.
    pub macs: Option<u64>,
    /// The bytes of what it reads and writes, each value once; `None` if a shape is not known.
    pub bytes: Option<u64>,
}

/// The work of all nodes of a model together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// How many nodes there are.
    pub nodes: usize,
    /// The elements of the initializers that nodes read, each initializer once.
    pub parameters: u64,
    /// The bytes of these.
    pub parameter_bytes: u64,
    /// The multiplications with an addition of the nodes of which they are known.
    pub macs: u64,
    /// How many nodes are not in `macs`.
    pub uncounted: usize,
    /// The bytes that the nodes read and write of which they are known.
    pub bytes: u64,
    /// How many nodes are not in `bytes`.
    pub unmeasured: usize,
}

impl NodeInfo {
    /// How work is counted, for people.
    pub const RULE: &'static str = "\
        a MAC is one multiplication with its addition; Conv, ConvTranspose, DeformConv, Gemm, MatMul and their integer \
        and quantized forms count one for each product of an input element and a weight, taps on padding included, \
        biases not; Attention, Einsum, GRU, LSTM and RNN are not counted; all others, pools too, have none; parameters \
        are elements of initializers, in the total each once; bytes are those of all inputs and outputs of a node";
}

impl Model {
    /// Where the model comes from, and what it imports.
    pub fn info(&self) -> &ModelInfo {
        &self.graph.info
    }

    /// The nodes in execution order, with the types and shapes that are known before a run.
    ///
    /// ```
    /// let model = linn::Model::load("models/branches/model.onnx")?;
    /// for node in model.nodes() {
    ///     println!("{} MACs: {:?}", node.name, node.macs);
    /// }
    /// assert_eq!(model.nodes().len(), 5);
    /// # Ok::<(), linn::Error>(())
    /// ```
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeInfo> {
        self.graph.nodes.iter().map(|node| self.node_info(node))
    }

    /// The work of all nodes together.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let mut read: HashSet<ValueId> = HashSet::new();
        for node in &self.graph.nodes {
            let info = self.node_info(node);
            totals.nodes += 1;
            match info.macs {
                Some(macs) => totals.macs = totals.macs.saturating_add(macs),
                None => totals.uncounted += 1,
            }
            match info.bytes {
                Some(bytes) => totals.bytes = totals.bytes.saturating_add(bytes),
                None => totals.unmeasured += 1,
            }
            read.extend(node.inputs.iter().flatten());
        }
        for (id, tensor) in &self.graph.initializers {
            if read.contains(id) {
                totals.parameters += tensor.shape().elements() as u64;
                totals.parameter_bytes += tensor.bytes() as u64;
            }
        }
        totals
    }

    fn node_info(&self, node: &Node) -> NodeInfo {
        let infos = |ids: &[Option<ValueId>]| -> Vec<Option<ValueInfo>> {
            ids.iter()
                .map(|id| self.graph.values[(*id)?].clone())
                .collect()
        };
        let (inputs, outputs) = (infos(&node.inputs), infos(&node.outputs));
        let mut ids: Vec<ValueId> = node.inputs.iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        // Initializers have the first numbers.
        let parameters = ids
            .iter()
            .filter_map(|id| self.graph.initializers.get(*id))
            .map(|(_, tensor)| tensor.shape().elements() as u64)
            .sum();
        ids.extend(node.outputs.iter().flatten());
        let bytes = ids.iter().map(|id| {
            let info = self.graph.values[*id].as_ref()?;
            let elements = elements(dims(info)?)?;
            elements.checked_mul(info.dtype.bytes() as u64)
        });
        NodeInfo {
            name: node.name.clone(),
            parameters,
            macs: macs(&node.name.operator, &inputs, &outputs),
            bytes: bytes.sum(),
            inputs,
            outputs,
        }
    }
}

/// The multiplications with an addition of one node, as [`NodeInfo::RULE`] says.
fn macs(
    operator: &str,
    inputs: &[Option<ValueInfo>],
    outputs: &[Option<ValueInfo>],
) -> Option<u64> {
    let operator = operator.rsplit('.').next().unwrap_or(operator);
    let input = |index: usize| dims(inputs.get(index)?.as_ref()?);
    let output = || dims(outputs.first()?.as_ref()?);
    let weight = |index: usize| elements(input(index)?.skip(1));
    match operator {
        // Each output element is a sum over the weights of its channel.
        "Conv" | "ConvInteger" | "DeformConv" => elements(output()?)?.checked_mul(weight(1)?),
        "QLinearConv" => elements(output()?)?.checked_mul(weight(3)?),
        // Each input element is multiplied with all the weights of its channel.
        "ConvTranspose" => elements(input(0)?)?.checked_mul(weight(1)?),
        // An output has the columns of B, of which each sums over as many products as A has columns.
        "Gemm" => {
            let rows = output()?.next()??;
            let products = match rows {
                0 => 0,
                rows => elements(input(0)?)? / rows,
            };
            elements(output()?)?.checked_mul(products)
        }
        "MatMul" | "MatMulInteger" | "QLinearMatMul" => {
            let products = input(0)?.last()??;
            elements(output()?)?.checked_mul(products)
        }
        "Attention" | "Einsum" | "GRU" | "LSTM" | "RNN" => None,
        _ => Some(0),
    }
}

/// The dimensions of a value whose rank is known.
fn dims(info: &ValueInfo) -> Option<impl DoubleEndedIterator<Item = Option<u64>>> {
    let dims = info.dims.as_ref()?;
    Some(dims.iter().map(|dim| match dim {
        Dim::Known(size) => Some(*size as u64),
        Dim::Symbol(_) | Dim::Unknown => None,
    }))
}

/// The product of dimensions, if they are all known.
fn elements(dims: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    let dims = dims.collect::<Option<Vec<u64>>>()?;
    match dims.contains(&0) {
        true => Some(0),
        false => dims
            .iter()
            .try_fold(1u64, |product, dim| product.checked_mul(*dim)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::DType;

    fn value(dims: &[usize]) -> Option<ValueInfo> {
        Some(ValueInfo {
            name: String::new(),
            dtype: DType::F32,
            dims: Some(dims.iter().copied().map(Dim::Known).collect()),
            optional: false,
        })
    }

    fn count(operator: &str, inputs: &[&[usize]], output: &[usize]) -> Option<u64> {
        let inputs: Vec<_> = inputs.iter().map(|dims| value(dims)).collect();
        macs(operator, &inputs, &[value(output)])
    }

    #[test]
    fn products_are_counted() {
        let conv = [&[1, 4, 8, 8][..], &[6, 2, 3, 3]];
        assert_eq!(count("Conv", &conv, &[1, 6, 6, 6]), Some(6 * 36 * 2 * 9));
        let quantized = [&[1, 4, 8, 8][..], &[], &[], &[6, 2, 3, 3]];
        assert_eq!(
            count("QLinearConv", &quantized, &[1, 6, 6, 6]),
            Some(6 * 36 * 2 * 9)
        );
        let transposed = [&[1, 4, 8, 8][..], &[4, 3, 2, 2]];
        assert_eq!(
            count("ConvTranspose", &transposed, &[1, 3, 16, 16]),
            Some(4 * 64 * 3 * 4)
        );
        // A as it is, and transposed.
        assert_eq!(count("Gemm", &[&[2, 5], &[5, 3]], &[2, 3]), Some(30));
        assert_eq!(count("Gemm", &[&[5, 2], &[5, 3]], &[2, 3]), Some(30));
        assert_eq!(count("Gemm", &[&[0, 5], &[5, 3]], &[0, 3]), Some(0));
        let stacked = [&[7, 2, 5][..], &[5, 3]];
        assert_eq!(count("MatMul", &stacked, &[7, 2, 3]), Some(210));
        assert_eq!(count("MatMul", &[&[5], &[5]], &[]), Some(5));
    }

    #[test]
    fn what_is_not_counted_is_not_taken_for_nothing() {
        assert_eq!(count("MaxPool", &[&[1, 1, 4, 4]], &[1, 1, 2, 2]), Some(0));
        assert_eq!(count("LSTM", &[], &[]), None);
        assert_eq!(macs("MatMul", &[None], &[value(&[2])]), None);
        let huge = [1 << 40, 1 << 40];
        assert_eq!(count("MatMul", &[&huge, &huge], &huge), None);
    }
}
