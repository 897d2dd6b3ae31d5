//! Where the time of a run goes: `Model::profile`, `linn run --profile` and `--trace`, `linn bench --profile`.

use std::fs;
use std::time::Duration;

use linn::{DType, Model, Options, Profile, inputs};
use serde_json::{Value, json};

use crate::Files;
use crate::support::counting;
use crate::support::model::{Build, With, ints, node};
use crate::support::program::{Ran, linn, linn_fed};

/// A convolution that takes the activation in, a sum that is written over its input, a pool with an output that
/// nobody reads, and what passes its input on.
fn network() -> Vec<u8> {
    Build::new(13)
        .input("x", DType::F32, "N,3,8,8")
        .initializer("w", &counting(DType::F32, &[4, 3, 3, 3]))
        .initializer("b", &counting(DType::F32, &[1, 4, 1, 1]))
        .node(node("Conv", &["x", "w"], &["conv"]).named("first"))
        .node(node("Relu", &["conv"], &["positive"]).named("activation"))
        .node(
            node("MaxPool", &["positive"], &["pool", "indices"])
                .with(ints("kernel_shape", &[3, 3])),
        )
        .node(node("Sub", &["pool", "b"], &["difference"]))
        .node(node("Sigmoid", &["difference"], &["gate"]))
        .node(node("Flatten", &["gate"], &["y"]))
        .output("y")
        .bytes()
}

const OPERATORS: [&str; 5] = ["Conv", "MaxPool", "Sub", "Sigmoid", "Flatten"];

fn operators(profile: &Profile) -> Vec<&str> {
    let nodes = profile.nodes.iter();
    nodes.map(|time| time.node.name.operator.as_str()).collect()
}

/// Checks that nodes follow each other, and take no longer than the run.
fn check_times(profile: &Profile) {
    let mut end = Duration::ZERO;
    for time in &profile.nodes {
        assert!(time.start >= end, "{profile:?}");
        end = time.start + time.duration;
    }
    assert!(end <= profile.duration, "{profile:?}");
    let in_nodes: Duration = profile.nodes.iter().map(|time| time.duration).sum();
    assert!(Duration::ZERO < in_nodes && in_nodes <= profile.duration);
}

#[test]
fn a_profile_has_the_nodes_in_order_with_what_they_met() {
    let model = Model::from_bytes(network()).unwrap();
    let x = counting(DType::F32, &[2, 3, 8, 8]);
    let (outputs, profile) = model.profile(inputs! { "x" => &x }).unwrap();
    assert_eq!(outputs["y"], model.run(inputs! { "x" => &x }).unwrap()["y"]);
    assert_eq!(operators(&profile), OPERATORS);
    check_times(&profile);

    let [conv, pool, sub, ..] = &profile.nodes[..] else {
        panic!("{profile:?}");
    };
    assert_eq!(conv.node.name.name, "first");
    let absorbed: Vec<&str> = conv
        .node
        .absorbed
        .iter()
        .map(|name| name.name.as_str())
        .collect();
    assert_eq!(absorbed, ["activation"]);
    let output = conv.node.outputs[0].as_ref().unwrap();
    assert_eq!(
        (output.name.as_str(), output.to_string()),
        ("positive", "f32[2,4,6,6]".to_string())
    );
    assert_eq!(conv.node.macs, Some(2 * 4 * 36 * 27));
    assert_eq!(conv.node.parameters, 4 * 27);
    // What nothing reads is not computed.
    assert_eq!(pool.node.outputs.len(), 2);
    assert_eq!(pool.node.outputs[1], None);
    // Its input and its output take the same memory, and each counts.
    let shapes = |infos: &[Option<linn::ValueInfo>]| -> Vec<String> {
        infos.iter().flatten().map(ToString::to_string).collect()
    };
    assert_eq!(shapes(&sub.node.inputs), ["f32[2,4,4,4]", "f32[1,4,1,1]"]);
    assert_eq!(sub.node.bytes, Some(4 * (128 + 4 + 128)));
}

#[test]
fn profiles_of_other_ways_to_run() {
    let mut options = Options::default();
    options.optimize = false;
    let written = Model::from_bytes_with(network(), &options).unwrap();
    let x = counting(DType::F32, &[1, 3, 8, 8]);
    let (_, profile) = written.profile(inputs! { "x" => &x }).unwrap();
    assert_eq!(operators(&profile)[..3], ["Conv", "Relu", "MaxPool"]);
    check_times(&profile);

    options.optimize = true;
    options.keep_values = true;
    let model = Model::from_bytes_with(network(), &options).unwrap();
    let (values, profile) = model
        .profile_fetch(inputs! { "x" => &x }, &["pool"])
        .unwrap();
    assert_eq!(values["pool"].shape()[..], [1, 4, 4, 4]);
    assert_eq!(operators(&profile), OPERATORS[..2]);
    // It is joined away, so that the nodes of the file run.
    let (_, profile) = model
        .profile_fetch(inputs! { "x" => &x }, &["conv", "y"])
        .unwrap();
    assert_eq!(operators(&profile).len(), 6);

    let mut y = ndarray::Array2::<f32>::zeros((1, 64));
    let profile = model
        .profile_into(inputs! { "x" => &x }, [("y", &mut y)])
        .unwrap();
    assert_eq!(operators(&profile), OPERATORS);
    assert_eq!(profile.nodes[4].node.bytes, Some(2 * 4 * 64));
    check_times(&profile);
    assert!(model.profile(inputs! { "z" => &x }).is_err());
}

/// Runs the network from stdin, with random inputs.
fn run(args: &[&str]) -> Ran {
    linn_fed(&[&["run", "-"], args].concat(), &network())
}

#[test]
fn a_table_tells_where_the_time_goes() {
    let ran = run(&["--profile"]).works();
    assert!(ran.text().starts_with("y  f32[1,64]  "), "{}", ran.text());
    let about = |line: &&str| line.starts_with("one run: ");
    let table: Vec<&str> = ran.stderr.lines().skip_while(|line| !about(line)).collect();
    assert!(table[0].ends_with(" of it in 5 nodes"), "{}", ran.stderr);
    let head: Vec<&str> = table[1].split_whitespace().collect();
    assert_eq!(head[..3], ["operator", "nodes", "time"], "{}", ran.stderr);
    assert_eq!(table.len(), 2 + OPERATORS.len(), "{}", ran.stderr);
    let shares = table[2..].iter().map(|line| {
        let before = line.split(" %").next().unwrap();
        before
            .split_whitespace()
            .last()
            .unwrap()
            .parse::<f64>()
            .unwrap()
    });
    let shares: Vec<f64> = shares.collect();
    assert!(shares.is_sorted_by(|a, b| a >= b), "{}", ran.stderr);
    assert!((shares.iter().sum::<f64>() - 100.0).abs() < 1.0);

    let by_node = run(&["--profile=node"]).works().stderr;
    let line = by_node
        .lines()
        .find(|line| line.starts_with("Conv "))
        .unwrap();
    assert!(
        line.contains(" first ") && line.contains(" f32[1,4,6,6] "),
        "{by_node}"
    );
    let by_shape = run(&["--profile=shape"]).works().stderr;
    let line = by_shape
        .lines()
        .find(|line| line.starts_with("Conv "))
        .unwrap();
    assert!(line.contains(" f32[1,3,8,8] f32[4,3,3,3] "), "{by_shape}");
    run(&["--profile=time"]).fails_as_usage("invalid value 'time'");
}

/// Checks the key `profile` of a document, of `runs` runs by operator.
fn check_profile(profile: &Value, runs: usize) {
    assert_eq!(profile["runs"], runs);
    assert_eq!(profile["by"], "op");
    let list = |key: &str| profile[key].as_array().expect("a list").clone();
    let nodes = list("nodes");
    let ran: Vec<&str> = nodes
        .iter()
        .map(|node| node["operator"].as_str().unwrap())
        .collect();
    assert_eq!(ran, OPERATORS);
    assert_eq!(nodes[0]["outputs"][0]["shape"], json!([1, 4, 6, 6]));
    assert_eq!(nodes[0]["absorbed"], json!(["Relu"]));
    let seconds = |values: &[Value]| -> f64 {
        values
            .iter()
            .map(|value| value["time_s"].as_f64().unwrap())
            .sum()
    };
    let in_nodes = profile["nodes_s"].as_f64().unwrap();
    assert!(in_nodes > 0.0);
    for values in [nodes, list("groups")] {
        assert!((seconds(&values) - in_nodes).abs() <= 1e-9 * in_nodes);
    }
    assert!(profile["total_s"].as_f64().unwrap() > 0.0);
}

#[test]
fn documents_have_the_profile() {
    let document = run(&["--profile", "--format", "json"]).works().json();
    check_profile(&document["profile"], 1);
    let document = run(&["--format", "json"]).works().json();
    assert_eq!(document.get("profile"), None);

    let args = [
        "bench",
        "-",
        "--runs",
        "5",
        "--warmup",
        "0s",
        "--threads",
        "1",
        "--profile",
    ];
    let json = [&args[..], &["--format", "json"]].concat();
    let document = linn_fed(&json, &network()).works().json();
    check_profile(&document["rows"][0]["profile"], 5);
    let text = linn_fed(&args, &network()).works().text();
    assert!(text.contains("\n1 thread, medians of 5 runs: "), "{text}");
}

#[test]
fn a_trace_has_an_event_for_each_node() {
    let files = Files::new();
    let trace = files.at("trace.json");
    let ran = run(&["--trace", &trace, "-o", &files.at("y.npy")]).works();
    assert_eq!(ran.text(), "");
    assert_eq!(files.names(), ["trace.json", "y.npy"]);
    let document: Value = serde_json::from_slice(&fs::read(&trace).unwrap()).unwrap();
    let events = document["traceEvents"].as_array().expect("a list");
    let complete: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X").collect();
    let (whole, nodes) = complete.split_first().expect("the run");
    let names: Vec<&str> = nodes
        .iter()
        .map(|event| event["cat"].as_str().unwrap())
        .collect();
    assert_eq!(names, OPERATORS);
    assert_eq!(nodes[0]["name"], "Conv first");
    assert_eq!(nodes[0]["args"]["outputs"], "f32[1,4,6,6]");
    let times = |event: &Value| ["ts", "dur"].map(|key| event[key].as_f64().unwrap());
    let [mut end, length] = times(whole);
    for event in nodes {
        let [start, duration] = times(event);
        assert!(start >= end - 1e-3, "{document}");
        end = start + duration;
    }
    assert!(end <= length + 1e-3, "{document}");
}

#[test]
fn a_trace_that_cannot_be_written_leaves_nothing_behind() {
    let files = Files::new();
    let output = files.at("y.json");
    run(&["--trace", "-", "-o", &output]).fails_as_usage("must be a file .json");
    fs::create_dir(files.path("folder.json")).unwrap();
    run(&["--trace", &files.at("folder.json"), "-o", &output]).fails(2, "is a folder");
    fs::remove_dir(files.path("folder.json")).unwrap();
    run(&["-o", "y=-", "--profile", "--format", "json"]).fails(2, "--profile has no document");
    run(&["--trace", &files.at("./y.json"), "-o", &output])
        .fails(2, "would be written twice, once for 'y'");
    let absent = files.at("absent/trace.json");
    run(&["--trace", &absent, "-o", &output]).fails(8, "its folder does not exist");
    assert_eq!(files.names(), [""; 0]);
    // A run that fails writes none.
    let trace = files.at("trace.json");
    run(&["--trace", &trace, "-i", "ones", "-o", "nothing=-"]).fails(5, "no value 'nothing'");
    linn(&["run", "absent.onnx", "--trace", &trace]).fails(8, "absent.onnx");
    assert_eq!(files.names(), [""; 0]);
}
