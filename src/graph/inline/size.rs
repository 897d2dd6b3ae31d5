//! The memory that the nodes of a function take, each time that it is called.

use prost::Message;

use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, TensorProto};

/// Bytes of a declared type in memory, for each that it has in a file.
const MOST_GROWTH: usize = 16;

/// Of a node, with the graphs in it.
pub(super) fn node_bytes(node: &NodeProto) -> usize {
    let names = node.input.iter().chain(&node.output);
    let names: usize = names.map(|name| size_of::<String>() + name.len()).sum();
    let attributes: usize = node.attribute.iter().map(attribute_bytes).sum();
    size_of::<NodeProto>() + names + node.doc_string.len() + attributes
}

/// Of an attribute, with the graphs in it.
pub(super) fn attribute_bytes(attribute: &AttributeProto) -> usize {
    let lists = size_of_val(&*attribute.floats)
        + size_of_val(&*attribute.ints)
        + size_of_val(&*attribute.strings);
    let tensors = attribute.t.iter().chain(&attribute.tensors);
    let tensors: usize = tensors.map(tensor_bytes).sum();
    let graphs = attribute.g.iter().chain(&attribute.graphs);
    let graphs: usize = graphs.map(graph_bytes).sum();
    size_of::<AttributeProto>() + attribute.name.len() + lists + tensors + graphs
}

fn graph_bytes(graph: &GraphProto) -> usize {
    let infos = graph.input.iter().chain(&graph.output);
    let infos = infos.chain(&graph.value_info);
    let infos: usize = infos.map(Message::encoded_len).sum();
    let dense = graph.initializer.iter();
    let sparse = graph.sparse_initializer.iter();
    let sparse = sparse.flat_map(|sparse| sparse.values.iter().chain(&sparse.indices));
    let tensors: usize = dense.chain(sparse).map(tensor_bytes).sum();
    let nodes: usize = graph.node.iter().map(node_bytes).sum();
    size_of::<GraphProto>() + infos.saturating_mul(MOST_GROWTH) + tensors + nodes
}

/// Copies of raw data are one.
fn tensor_bytes(tensor: &TensorProto) -> usize {
    size_of::<TensorProto>()
        + tensor.name.len()
        + size_of_val(&*tensor.dims)
        + size_of_val(&*tensor.float_data)
        + size_of_val(&*tensor.int32_data)
        + size_of_val(&*tensor.int64_data)
        + size_of_val(&*tensor.double_data)
        + size_of_val(&*tensor.uint64_data)
        + size_of_val(&*tensor.string_data)
}
