//! What a model says of itself: its origin, its nodes, and how much work each is.

use super::Model;
use super::graphs::{Form, GraphInfo, Seen};
use crate::error::NodeName;
use crate::graph::{AttributeInfo, Dim, Node, ValueId, ValueInfo};
use crate::tensor::Tensor;

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
    /// What the model says of itself, often empty.
    pub doc_string: String,
    /// Other things that it says of itself, by key, in the order of the file (`metadata_props`).
    pub metadata: Vec<(String, String)>,
    /// The imported domains and their versions, in the order of the file.
    pub opsets: Vec<(String, i64)>,
    /// Inputs that have become constants by [`Options::fix_defaults`](super::Options::fix_defaults).
    pub fixed_inputs: Vec<String>,
}

/// A node of a model, calls of its functions resolved, with what is known of it before a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeInfo {
    /// Its place, name and operator.
    pub name: NodeName,
    /// The nodes of the file whose work it does too, in the order in which it does it; none in [`Form::Written`].
    pub absorbed: Vec<NodeName>,
    /// The attributes that it has in the file.
    pub attributes: Vec<AttributeInfo>,
    /// What it reads; `None` where an optional input is left out.
    pub inputs: Vec<Option<ValueInfo>>,
    /// What it writes; `None` where an optional output is left out.
    pub outputs: Vec<Option<ValueInfo>>,
    /// What it reads, as numbers of values of its graph, see [`Model::graphs`]; `None` where an optional input is left
    /// out. Here too a value has no type if none is known, which `inputs` cannot tell from one that is left out.
    pub reads: Vec<Option<usize>>,
    /// What it writes, likewise.
    pub writes: Vec<Option<usize>>,
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
        are elements of initializers, in the total each once; bytes are those of all inputs and outputs of a node; the \
        graphs in If, Loop and Scan are counted as if each ran once";
}

impl Model {
    /// Where the model comes from, and what it imports.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The nodes in execution order, with the types and shapes that are known before a run. Those of the graphs in
    /// a node (branches, bodies of loops) follow it, and name it in [`NodeName::calls`].
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
        self.nodes_of(Form::Written)
    }

    /// As [`Model::nodes`], of either form.
    pub fn nodes_of(&self, form: Form) -> impl ExactSizeIterator<Item = NodeInfo> {
        self.look(form).infos.into_iter()
    }

    /// The work of all nodes together.
    pub fn totals(&self) -> Totals {
        self.totals_of(Form::Written)
    }

    /// As [`Model::totals`], of either form.
    pub fn totals_of(&self, form: Form) -> Totals {
        let nodes = self.look(form);
        let mut totals = Totals::default();
        for info in &nodes.infos {
            totals.nodes += 1;
            match info.macs {
                Some(macs) => totals.macs = totals.macs.saturating_add(macs),
                None => totals.uncounted += 1,
            }
            match info.bytes {
                Some(bytes) => totals.bytes = totals.bytes.saturating_add(bytes),
                None => totals.unmeasured += 1,
            }
        }
        for parameter in nodes.parameters.iter().filter(|parameter| parameter.read) {
            totals.parameters += parameter.tensor.shape().elements() as u64;
            totals.parameter_bytes += parameter.tensor.bytes() as u64;
        }
        totals
    }

    pub(super) fn look(&self, form: Form) -> Nodes<'_> {
        Nodes::of(match form {
            Form::Written => Seen::written(&self.graph),
            Form::Running => Seen::running(&self.graph, &self.program),
        })
    }
}

/// The nodes of a graph and of all graphs in it.
#[derive(Default)]
pub(super) struct Nodes<'g> {
    infos: Vec<NodeInfo>,
    pub(super) graphs: Vec<GraphInfo>,
    parameters: Vec<Parameter<'g>>,
}

/// An initializer of any of the graphs, or a constant that replaces some.
struct Parameter<'g> {
    tensor: &'g Tensor,
    /// Whether a node reads it.
    read: bool,
}

/// The number of the parameter that a value is, by value.
type Numbers = Vec<Option<usize>>;

impl<'g> Nodes<'g> {
    fn of(seen: Seen<'g>) -> Nodes<'g> {
        let mut nodes = Nodes::default();
        nodes.graph(
            seen,
            seen.describe(None, Vec::new(), &[]),
            vec![None; seen.values()],
        );
        nodes
    }

    /// Adds a graph and its nodes; `numbers` knows the values of the graph around it.
    fn graph(&mut self, seen: Seen<'g>, described: GraphInfo, mut numbers: Numbers) {
        let initializers = seen.graph.initializers.iter();
        let initializers = initializers.map(|(id, tensor)| (*id, &**tensor));
        let added = (0..seen.values()).filter_map(|id| Some((id, seen.added(id)?)));
        for (id, tensor) in initializers.chain(added) {
            numbers[id] = Some(self.parameters.len());
            self.parameters.push(Parameter {
                tensor,
                read: false,
            });
        }
        let at = self.graphs.len();
        self.graphs.push(described);
        for node in seen.nodes {
            let place = self.infos.len();
            let info = self.info(seen, &numbers, node);
            self.infos.push(info);
            self.graphs[at].nodes.push(place);
            for body in node.operator.bodies() {
                let inner = Seen::written(body.graph());
                let mut known = vec![None; inner.values()];
                let mut constant = vec![false; inner.values()];
                for (index, id) in body.captures() {
                    if let Some(outer) = node.inputs[*index] {
                        known[*id] = numbers[outer];
                        constant[*id] = self.graphs[at].values[outer].constant;
                    }
                }
                let captures = body.captures().iter().map(|(_, id)| *id).collect();
                let described = inner.describe(Some(place), captures, &constant);
                self.graph(inner, described, known);
            }
        }
    }

    fn info(&mut self, seen: Seen<'g>, numbers: &Numbers, node: &Node) -> NodeInfo {
        let infos = |ids: &[Option<ValueId>]| -> Vec<Option<ValueInfo>> {
            ids.iter().map(|id| seen.info((*id)?)).collect()
        };
        let own = &node.inputs[..node.own];
        let (inputs, outputs) = (infos(own), infos(&node.outputs));
        let mut ids: Vec<ValueId> = own.iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut parameters = 0;
        for number in ids.iter().filter_map(|id| numbers[*id]) {
            let parameter = &mut self.parameters[number];
            parameter.read = true;
            parameters += parameter.tensor.shape().elements() as u64;
        }
        ids.extend(node.outputs.iter().flatten());
        let bytes = ids.iter().map(|id| {
            let info = seen.info(*id)?;
            let elements = elements(dims(&info)?)?;
            elements.checked_mul(info.dtype.bytes() as u64)
        });
        NodeInfo {
            name: node.name.clone(),
            absorbed: node.absorbed.clone(),
            attributes: node.attributes.to_vec(),
            parameters,
            macs: macs(&node.name.operator, &inputs, &outputs),
            bytes: bytes.sum(),
            inputs,
            outputs,
            reads: own.to_vec(),
            writes: node.outputs.clone(),
        }
    }
}

/// The multiplications with an addition of one node, as [`NodeInfo::RULE`] says.
pub(super) fn macs(
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
        "Conv" => {
            let own = elements(output()?)?.checked_mul(weight(1)?)?;
            // So is each element of channels that it computes itself.
            match input(4) {
                Some(mut w) => own.checked_add(elements(input(0)?)?.checked_mul(w.next()??)?),
                None => Some(own),
            }
        }
        "ConvInteger" | "DeformConv" => elements(output()?)?.checked_mul(weight(1)?),
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
        // Each channel with weights of its own, and what computes the channels.
        let expanded = [&[2, 4, 8, 8][..], &[6, 1, 3, 3], &[6], &[], &[6, 4, 1, 1]];
        assert_eq!(
            count("Conv", &expanded, &[2, 6, 4, 4]),
            Some(2 * 6 * 16 * 9 + 2 * 64 * 4 * 6)
        );
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
