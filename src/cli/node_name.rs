//! The names of nodes in documents.

use linn::NodeName;
use serde_json::{Value, json};

/// Where a node is, and what it is.
pub(super) fn node_json(node: &NodeName) -> Value {
    json!({
        "index": node.index,
        "name": node.name,
        "output": node.output,
        "operator": node.operator,
        "opset": node.opset,
        "calls": node.calls.to_vec(),
    })
}
