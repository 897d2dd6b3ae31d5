//! The document against the file: the same edges.

use std::collections::HashMap;
use std::fs;

use linn::proto::ModelProto;
use prost::Message;
use serde_json::Value;

use super::models::{corners, hostile};
use super::{document, made};

/// The edges of a file without graphs in its nodes: from, to, value and input, where a node is called as its first
/// output, and an input or output of the graph as itself behind a sign.
fn edges_of_file(model: &[u8]) -> Vec<(String, String, String, Option<u64>)> {
    let model = ModelProto::decode(model).expect("a model");
    let graph = model.graph.expect("it has a graph");
    let mut sources: HashMap<&str, String> = HashMap::new();
    for input in &graph.input {
        sources.insert(&input.name, format!(">{}", input.name));
    }
    for initializer in &graph.initializer {
        sources.remove(initializer.name.as_str());
        // One that is an output, too, is drawn by itself.
        let name = &initializer.name;
        if graph.output.iter().any(|output| output.name == *name) {
            sources.insert(name, String::new());
        }
    }
    for node in &graph.node {
        for output in &node.output {
            sources.insert(output, node.output[0].clone());
        }
    }
    let mut edges = Vec::new();
    for node in &graph.node {
        for (input, value) in (0..).zip(&node.input) {
            if let Some(from) = sources.get(value.as_str()) {
                let to = node.output[0].clone();
                edges.push((from.clone(), to, value.clone(), Some(input)));
            }
        }
    }
    for output in &graph.output {
        let from = sources[output.name.as_str()].clone();
        let to = format!("<{}", output.name);
        edges.push((from, to, output.name.clone(), None));
    }
    edges.sort();
    edges
}

/// The edges of a document, likewise.
fn edges_of_document(document: &Value) -> Vec<(String, String, String, Option<u64>)> {
    let graph = &document["graphs"][0];
    let text = |value: &Value| value.as_str().expect("a text").to_string();
    let list = |key: &str| graph[key].as_array().expect("a list").clone();
    let names: HashMap<String, String> = list("nodes")
        .iter()
        .map(|node| {
            let name = match node["kind"].as_str() {
                Some("node") => text(&node["outputs"][0]["name"]),
                Some("input") => format!(">{}", text(&node["value"]["name"])),
                Some("output") => format!("<{}", text(&node["value"]["name"])),
                _ => String::new(),
            };
            (text(&node["id"]), name)
        })
        .collect();
    let mut edges: Vec<_> = list("edges")
        .iter()
        .map(|edge| {
            let name = |key: &str| names[&text(&edge[key])].clone();
            let value = text(&edge["value"]["name"]);
            (name("from"), name("to"), value, edge["input"].as_u64())
        })
        .collect();
    edges.sort();
    edges
}

#[test]
fn the_document_has_the_edges_of_the_file() {
    let light = ["resnet50", "squeezenet", "inception_v1"].map(|name| {
        let file = format!("models/light/{name}.onnx");
        (
            name.to_string(),
            fs::read(file).expect("the model can be read"),
        )
    });
    let made = made()
        .into_iter()
        .filter(|(name, _)| name.contains("random"));
    let others = [hostile(), corners()].map(|model| ("names or corners".to_string(), model));
    for (name, model) in made.chain(light).chain(others) {
        let document = document(&model, &["--constants"]);
        let edges = edges_of_file(&model);
        assert!(edges.len() > 3, "{name}");
        assert_eq!(edges_of_document(&document), edges, "{name}");
    }
}
