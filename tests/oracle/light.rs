//! The light models of ONNX with random weights: every value that their nodes compute.
//!
//! As published, each weight tensor repeats one number, so that all elements of a value are nearly alike, and a
//! network passes even with its maxima and means swapped. With weights that differ it does not, which a test shows.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use linn::proto::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use linn::{DType, Tensor, read_tensor};
use prost::Message;

use crate::support::model::tensor_proto;
use crate::support::{Random, Report, f32s, feed};
use linn::Model;

/// How far a value may be off, of the largest magnitude in its tensor: a hundred layers of f32 stay well within it,
/// and a wrong element does not.
const BOUND: f64 = 1e-4;

/// The width of the hidden layers of the classifiers, and what it is made here: their weights would be half a
/// gigabyte, which tells no more than these do.
const HIDDEN: (i64, i64) = (4096, 64);

/// The networks tell so many classes apart.
const CLASSES: i64 = 1000;

/// What reads a value: an operator, at which of its inputs, and what it writes.
type Reader = (String, usize, String);

fn load(name: &str) -> ModelProto {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/light");
    let bytes = fs::read(folder.join(format!("{name}.onnx"))).expect("the model is there");
    ModelProto::decode(bytes.as_slice()).expect("it is a model")
}

fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().expect("a model has a graph")
}

/// Random numbers from `-1` to `1` times `scale`, around `middle`.
fn noise(random: &mut Random, dims: &[i64], middle: f64, scale: f64) -> Tensor {
    let dims: Vec<usize> = dims.iter().map(|&dim| dim as usize).collect();
    let count = dims.iter().product::<usize>();
    let values: Vec<f64> = (0..count)
        .map(|_| middle + scale * (random.next() as f64 / (1u64 << 47) as f64 - 1.0))
        .collect();
    f32s(&dims, &values)
}

/// Weights for an input of an operator, so scaled that the values neither die out nor explode on the way.
fn weights(random: &mut Random, operator: &str, input: usize, dims: &[i64]) -> Tensor {
    match (operator, input) {
        ("Conv" | "Gemm", 1) => {
            let fan_in: i64 = match operator {
                "Conv" => dims[1..].iter().product(),
                // All of them have transB.
                _ => dims[dims.len() - 1],
            };
            // Of the variance that a Relu behind it needs. Softmax gets small numbers, so that it does not turn the
            // rounding of large ones into relative errors.
            let gain = if dims.contains(&CLASSES) { 0.001 } else { 1.0 };
            noise(random, dims, 0.0, gain * (6.0 / fan_in as f64).sqrt())
        }
        // Variances, a bit too large, to make up for sums of branches.
        ("BatchNormalization", 4) => noise(random, dims, 2.0, 0.5),
        // Factors.
        ("BatchNormalization" | "Mul", 1) => noise(random, dims, 1.0, 0.25),
        // Summands and means.
        ("BatchNormalization", 2 | 3) | ("Add" | "Conv" | "Gemm", _) => {
            noise(random, dims, 0.0, 0.1)
        }
        other => panic!("no weights are known for {other:?}"),
    }
}

/// Replaces the constant weights, which are initializers or made by ConstantOfShape, by random ones.
fn fill(model: &mut ModelProto, random: &mut Random) {
    // Since this version initializers need not be inputs.
    model.ir_version = Some(4);
    let graph = graph(model);
    let mut readers: HashMap<String, Reader> = HashMap::new();
    for node in &graph.node {
        for (at, name) in node.input.iter().enumerate() {
            let reader = (node.op_type.clone(), at, node.output[0].clone());
            readers.insert(name.clone(), reader);
        }
    }
    // What uses a weight, seen through what only reshapes it.
    let reader = |name: &str| {
        let mut reader = readers.get(name)?;
        while let ("Unsqueeze" | "Reshape", 0) = (reader.0.as_str(), reader.1) {
            reader = readers.get(&reader.2)?;
        }
        Some(reader)
    };
    let mut random_weights = |name: &str, dims: &[i64]| {
        let (operator, at, _) = reader(name)?;
        let mut dims = dims.to_vec();
        if operator == "Gemm" {
            let hidden = dims.iter_mut().filter(|dim| **dim == HIDDEN.0);
            hidden.for_each(|dim| *dim = HIDDEN.1);
        }
        let tensor = weights(random, operator, *at, &dims);
        Some(tensor_proto(name, &tensor))
    };
    let mut shapes: HashMap<String, Vec<i64>> = HashMap::new();
    for proto in &mut graph.initializer {
        let (name, tensor) = read_tensor(proto.encode_to_vec()).expect("a tensor");
        match tensor.as_slice::<i64>() {
            Some(shape) => {
                shapes.insert(name, shape.to_vec());
            }
            None => {
                let filled = random_weights(&name, &proto.dims.clone());
                *proto = filled.unwrap_or_else(|| proto.clone());
            }
        }
    }
    for node in std::mem::take(&mut graph.node) {
        match node.op_type.as_str() {
            "ConstantOfShape" => {
                let shape = &shapes[&node.input[0]];
                let filled = random_weights(&node.output[0], shape);
                graph.initializer.push(filled.expect("weights are read"));
            }
            _ => graph.node.push(node),
        }
    }
    let initialized: HashSet<&str> = graph
        .initializer
        .iter()
        .map(|proto| proto.name.as_str())
        .collect();
    graph
        .input
        .retain(|info| !initialized.contains(info.name.as_str()));
}

/// Makes every value that a node computes an output. The mask of Dropout is left out: its version here does not say
/// what it holds where nothing is dropped.
fn expose(model: &mut ModelProto) {
    let graph = graph(model);
    let value = |node: &NodeProto| ValueInfoProto {
        name: node.output[0].clone(),
        ..Default::default()
    };
    graph.output = graph.node.iter().map(value).collect();
}

/// A light model with random weights and all values as outputs, and an image for it, of numbers in the range of
/// bytes around their mean, as these networks were trained.
fn filled(name: &str) -> (ModelProto, Tensor) {
    let mut random = Random::new(7);
    let mut model = load(name);
    fill(&mut model, &mut random);
    expose(&mut model);
    let inputs = graph(&mut model).input.len();
    assert_eq!(inputs, 1, "{name} has one input that is no weight");
    (model, noise(&mut random, &[1, 3, 224, 224], 0.0, 128.0))
}

/// Those that take long in a build without optimization run when the environment has `LINN_LIGHT=all`.
const QUICK: [&str; 4] = ["bvlc_alexnet", "inception_v1", "shufflenet", "squeezenet"];
const LONG: [&str; 5] = [
    "densenet121",
    "inception_v2",
    "resnet50",
    "vgg19",
    "zfnet512",
];

#[test]
fn light_models_with_random_weights() {
    let all = std::env::var("LINN_LIGHT").is_ok_and(|which| which == "all");
    let long: &[&str] = if all { &LONG } else { &[] };
    let mut report = Report::default();
    for name in QUICK.iter().chain(long) {
        let (mut model, image) = filled(name);
        assert_eq!(image.dtype(), DType::F32);
        let result = crate::agree(model.encode_to_vec(), std::slice::from_ref(&image), BOUND);
        report.check(name, result);
        // With the last value alone, nodes are joined on the way to it.
        let outputs = &mut graph(&mut model).output;
        outputs.drain(..outputs.len() - 1);
        let result = crate::agree(model.encode_to_vec(), &[image], BOUND);
        report.check(format!("{name}, rewritten"), result);
    }
    report.finish(2 * (QUICK.len() + long.len()));
}

/// The comparison would notice if maxima were means, and means maxima.
#[test]
fn light_models_tell_maxima_from_means() {
    let (model, image) = filled("squeezenet");
    let inputs = [image];
    let theirs = crate::tract(&model.encode_to_vec(), &inputs).expect("tract runs it");
    for (right, wrong) in [
        ("MaxPool", "AveragePool"),
        ("GlobalAveragePool", "GlobalMaxPool"),
    ] {
        let mut swapped = model.clone();
        let nodes = graph(&mut swapped).node.iter_mut();
        let pools: Vec<&mut NodeProto> = nodes.filter(|node| node.op_type == right).collect();
        assert!(!pools.is_empty(), "there are nodes of {right}");
        for pool in pools {
            pool.op_type = wrong.to_string();
        }
        let ours = Model::from_bytes(swapped.encode_to_vec())
            .and_then(|model| feed(&model, &inputs))
            .expect("it runs");
        let result = crate::compare(&ours, &theirs, BOUND);
        assert!(result.is_err(), "{wrong} for {right} was not noticed");
    }
}
