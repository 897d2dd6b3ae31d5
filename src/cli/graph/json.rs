//! The drawing as a document, for programs that draw it in their own way.

use serde_json::{Value, json};

use super::super::inspect::{node_json, value_json};
use super::drawing::{Content, Drawing, Edge, Graph, Item};
use super::names;

/// A document `linn.graph/1`.
pub(super) fn document(drawing: &Drawing, model: &str, optimized: bool) -> Value {
    let graphs = (0..drawing.graphs.len()).map(|at| {
        let graph = &drawing.graphs[at];
        let names: Vec<String> = names::of(drawing, at).collect();
        let items = graph.items.iter().zip(&names);
        let edges = graph.edges.iter();
        json!({
            "calls": graph.calls,
            "owner": graph.owner,
            "nodes": items.map(|(item, name)| item_json(graph, item, name)).collect::<Vec<_>>(),
            "edges": edges.map(|edge| edge_json(graph, edge, &names)).collect::<Vec<_>>(),
        })
    });
    json!({
        "schema": "linn.graph/1",
        "linn": env!("CARGO_PKG_VERSION"),
        "model": model,
        "optimized": optimized,
        "graphs": graphs.collect::<Vec<_>>(),
    })
}

fn item_json(graph: &Graph, item: &Item, id: &str) -> Value {
    let (kind, value) = match &item.content {
        Content::Node(node) => {
            let constants = node.constants.iter().map(|value| named(graph, *value));
            let mut document = json!({"id": id, "kind": "node", "focus": item.focus});
            if let (Value::Object(to), Value::Object(mut from)) =
                (&mut document, node_json(&node.info))
            {
                // The number by which --around and `linn inspect` know it.
                from.insert("index".to_string(), node.index.into());
                to.extend(from);
                to.insert("constants".to_string(), constants.collect());
            }
            return document;
        }
        Content::Input(value) => ("input", value),
        Content::Captured(value) => ("captured", value),
        Content::Constant(value) => ("constant", value),
        Content::Output(value) => ("output", value),
        Content::Cut(value) => ("cut", value),
    };
    json!({"id": id, "kind": kind, "focus": item.focus, "value": named(graph, *value)})
}

fn edge_json(graph: &Graph, edge: &Edge, names: &[String]) -> Value {
    json!({
        "from": names[edge.from],
        "to": names[edge.to],
        "input": edge.input,
        "value": named(graph, edge.value),
    })
}

/// A value, also one of which no type is known.
fn named(graph: &Graph, value: usize) -> Value {
    let value = &graph.values[value];
    match &value.info {
        Some(info) => value_json(info),
        None => json!({"name": value.name, "dtype": null, "shape": null}),
    }
}
