//! `linn inspect` and `linn check`: what they print, and their exit codes.
#![cfg(feature = "cli")]

#[path = "support/mod.rs"]
mod support;

use std::process::Command;

use linn::proto::NodeProto;
use linn::{DType, Form, Model};
use serde_json::{Value, json};
use support::model::{Build, With, body, ints, node};
use support::program::{linn, linn_fed};
use support::{counting, f32s};

/// A convolution with a bias, a pool and a matrix product, of an open batch.
fn network() -> Build {
    let weights = counting(DType::F32, &[4, 3, 3, 3]);
    let bias = f32s(&[4], &[0.0; 4]);
    let matrix = counting(DType::F32, &[4, 10]);
    let mut build = Build::new(13)
        .input("x", DType::F32, "N,3,8,8")
        .initializer("w", &weights)
        .initializer("b", &bias)
        .initializer("m", &matrix)
        .node(node("Conv", &["x", "w", "b"], &["conv"]))
        .node(node("MaxPool", &["conv"], &["pool"]).with(ints("kernel_shape", &[6, 6])))
        .node(node("Flatten", &["pool"], &["flat"]))
        .node(node("MatMul", &["flat", "m"], &["y"]))
        .output("y");
    build.0.producer_name = "a test".to_string();
    build
}

fn with_batch(build: Build, batch: &str) -> Build {
    let mut build = build;
    let x = Build::new(13)
        .input("x", DType::F32, &format!("{batch},3,8,8"))
        .0;
    build.graph().input = x.graph.expect("it has a graph").input;
    build
}

fn unknown(output: &str) -> NodeProto {
    NodeProto {
        name: format!("node of {output}"),
        domain: "com.example".to_string(),
        ..node("Frobnicate", &["x"], &[output])
    }
}

fn unsupported() -> Build {
    Build::new(13)
        .import("com.example", 1)
        .input("x", DType::F32, "2")
        .node(unknown("a"))
        .node(unknown("b"))
        .output("a")
        .output("b")
}

#[test]
fn work_is_counted_where_shapes_are_known() {
    let bytes = with_batch(network(), "2").bytes();
    let model = Model::from_bytes(bytes).unwrap();
    let nodes: Vec<_> = model.nodes().collect();
    let conv = 2 * 4 * 36 * 27;
    let product = 2 * 4 * 10;
    let macs: Vec<_> = nodes.iter().map(|node| node.macs).collect();
    assert_eq!(macs, [Some(conv), Some(0), Some(0), Some(product)]);
    let parameters: Vec<_> = nodes.iter().map(|node| node.parameters).collect();
    assert_eq!(parameters, [4 * 27 + 4, 0, 0, 40]);
    let (x, y) = (2 * 3 * 64, 2 * 4 * 36);
    assert_eq!(nodes[0].bytes, Some(4 * (x + y + 4 * 27 + 4)));
    let output = nodes[1].outputs[0].as_ref().unwrap();
    assert_eq!(output.to_string(), "f32[2,4,1,1]");
    let totals = model.totals();
    assert_eq!(
        (totals.nodes, totals.macs, totals.uncounted),
        (4, conv + product, 0)
    );
    assert_eq!((totals.parameters, totals.parameter_bytes), (152, 608));
}

#[test]
fn inspect_prints_a_table() {
    let ran = linn_fed(&["inspect", "-"], &with_batch(network(), "2").bytes()).works();
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].contains("ai.onnx 13, written by a test"), "{text}");
    assert_eq!(lines[3], "input   x  f32[2,3,8,8]");
    let conv = lines.iter().find(|line| line.contains("Conv ")).unwrap();
    let cells: Vec<&str> = conv.split_whitespace().collect();
    assert_eq!(
        cells,
        [
            "0",
            "Conv",
            "conv",
            "f32[2,4,6,6]",
            "112",
            "7.78",
            "k",
            "3.14",
            "k"
        ]
    );
    assert!(text.contains("4 nodes, 152 parameters of 608 bytes, 7.86 k MACs, "));
    assert!(text.contains("counted: a MAC is one multiplication with its addition"));
    assert!(lines.iter().all(|line| line.len() <= 100));
}

#[test]
fn inspect_says_what_is_not_known() {
    let ran = linn_fed(&["inspect", "-", "--format", "json"], &network().bytes()).works();
    let document = ran.json();
    assert_eq!(document["schema"], "linn.inspect/1");
    assert_eq!(document["producer"]["name"], "a test");
    assert_eq!(
        document["opsets"],
        json!([{"domain": "ai.onnx", "version": 13}])
    );
    assert_eq!(document["inputs"][0]["shape"], json!(["N", 3, 8, 8]));
    let conv = &document["nodes"][0];
    assert_eq!(conv["operator"], "Conv");
    assert_eq!(conv["outputs"][0]["shape"], json!([null, 4, 6, 6]));
    assert_eq!(
        (&conv["macs"], &conv["bytes"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(document["nodes"][1]["macs"], 0);
    assert_eq!(document["totals"]["nodes_without_macs"], 2);
    assert_eq!(document["totals"]["parameters"], 152);

    let text = linn_fed(&["inspect", "-"], &network().bytes())
        .works()
        .text();
    assert!(
        text.contains("without the MACs of 2 nodes and the bytes of 4,"),
        "{text}"
    );
    let settled = ["inspect", "-", "--dim", "N=2", "--format", "json"];
    let document = linn_fed(&settled, &network().bytes()).works().json();
    assert_eq!(document["totals"]["nodes_without_macs"], 0);
    assert_eq!(document["inputs"][0]["shape"], json!([2, 3, 8, 8]));
    let wrong = ["inspect", "-", "--dim", "M=2"];
    linn_fed(&wrong, &network().bytes())
        .fails(5, "the dimension 'M' is of no input; there are 'N'");
    linn(&["inspect", "-", "--dim", "N"]).fails_as_usage("must be NAME=SIZE");
}

#[test]
fn inspect_takes_inputs_with_a_default_for_constants() {
    let squeezenet = format!(
        "{}/models/light/squeezenet.onnx",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = linn(&["inspect", &squeezenet]).works().text();
    assert!(
        text.contains("\ninput   data_0        f32[1,3,224,224]\n"),
        "{text}"
    );
    assert!(text.contains("taken for constants: 52\n"), "{text}");
    assert!(text.contains("105 nodes, "), "{text}");
    assert!(!text.contains("without the MACs"), "{text}");
}

#[test]
fn inspect_cuts_long_names_where_the_terminal_is_narrow() {
    let mut build = with_batch(network(), "2");
    build.graph().node[0].name = "a/very/long/path/through/many/modules/to/the/convolution".into();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), build.bytes()).unwrap();
    let inspect = |columns: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_linn"))
            .arg("inspect")
            .arg(file.path())
            .env("COLUMNS", columns)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(
        inspect("200").contains("  a/very/long/path/through/many/modules/to/the/convolution  ")
    );
    let narrow = inspect("80");
    let mut table = narrow.lines().filter(|line| line.contains("f32["));
    assert!(table.all(|line| line.len() <= 80), "{narrow}");
    assert!(narrow.contains("/the/convolution  "), "{narrow}");
}

/// A choice between a matrix product with the initializer `w` of the graph around it, and one with its own.
fn choice() -> Build {
    let branch = |weights: &str| {
        let product = node("MatMul", &["x", weights], &["t"]);
        let inner = Build::new(13)
            .initializer("own", &counting(DType::F32, &[3, 2]))
            .node(product.named("product"))
            .output("t");
        inner.0.graph.expect("it has a graph")
    };
    let choice = node("If", &["c"], &["y"])
        .named("choice")
        .with(body("then_branch", branch("w")))
        .with(body("else_branch", branch("own")));
    Build::new(13)
        .input("x", DType::F32, "4,3")
        .input("c", DType::Bool, "")
        .initializer("w", &counting(DType::F32, &[3, 5]))
        .node(choice)
        .output("y")
}

#[test]
fn inspect_looks_into_graphs_in_nodes() {
    let model = Model::from_bytes(choice().bytes()).unwrap();
    let nodes: Vec<_> = model.nodes().collect();
    let operators: Vec<&str> = nodes.iter().map(|node| &*node.name.operator).collect();
    assert_eq!(operators, ["If", "MatMul", "MatMul"]);
    let parameters: Vec<_> = nodes.iter().map(|node| node.parameters).collect();
    assert_eq!(parameters, [0, 15, 6]);
    let macs: Vec<_> = nodes.iter().map(|node| node.macs).collect();
    assert_eq!(macs, [Some(0), Some(4 * 15), Some(4 * 6)]);
    assert_eq!(
        nodes[0].inputs.len(),
        1,
        "what its graphs read is not its input"
    );
    let totals = model.totals();
    assert_eq!((totals.parameters, totals.parameter_bytes), (21, 84));

    let text = linn_fed(&["inspect", "-"], &choice().bytes())
        .works()
        .text();
    assert!(
        text.contains("choice then_branch / product  f32[4,5]"),
        "{text}"
    );
    assert!(
        text.contains("choice else_branch / product  f32[4,2]"),
        "{text}"
    );
}

#[test]
fn check_looks_into_graphs_in_nodes() {
    let mut build = choice();
    for attribute in &mut build.graph().node[0].attribute {
        let inner = attribute.g.as_mut().expect("a branch");
        inner.node[0].op_type = "Multinomial".to_string();
        inner.node[0].input.truncate(1);
    }
    let ran = linn_fed(&["check", "-"], &build.bytes());
    assert_eq!(ran.code, Some(4));
    let text = ran.text();
    assert!(text.contains("2 items are not supported"), "{text}");
    for branch in ["then_branch", "else_branch"] {
        let place = format!("'choice {branch}' / node 0 'product' (Multinomial");
        assert!(text.contains(&place), "{text}");
    }
}

/// A convolution that takes in the two nodes behind it.
fn block() -> Vec<u8> {
    let per_channel = counting(DType::F32, &[4]);
    let mut build = with_batch(network(), "2");
    build.graph().node.clear();
    build.graph().output.clear();
    let statistics = ["conv", "s", "s", "s", "s"];
    build
        .initializer("s", &per_channel)
        .node(node("Conv", &["x", "w"], &["conv"]).named("first"))
        .node(node("BatchNormalization", &statistics, &["normal"]).named("second"))
        .node(node("Relu", &["normal"], &["positive"]).named("third"))
        .node(node("MaxPool", &["positive"], &["y"]).with(ints("kernel_shape", &[6, 6])))
        .output("y")
        .bytes()
}

#[test]
fn inspect_shows_the_nodes_that_run() {
    let lines = |args: &[&str]| -> Vec<String> {
        let ran = linn_fed(&[&["inspect", "-"], args].concat(), &block()).works();
        ran.text().lines().map(str::to_string).collect()
    };
    let has = |lines: &[String], start: &str| lines.iter().any(|line| line.starts_with(start));
    let written = lines(&[]);
    assert!(
        has(&written, "0  Conv                first "),
        "{written:?}"
    );
    assert!(has(&written, "4 nodes, "), "{written:?}");
    let running = lines(&["--optimized"]);
    let joined = "0  Conv + BatchNormalization + Relu  first  f32[2,4,6,6]  ";
    assert!(has(&running, joined), "{running:?}");
    assert!(has(&running, "1  MaxPool "), "{running:?}");
    assert!(has(&running, "2 nodes, "), "{running:?}");
}

#[test]
fn the_document_has_what_a_node_does_too() {
    let document = |args: &[&str]| {
        let args = [&["inspect", "-", "--format", "json"], args].concat();
        linn_fed(&args, &block()).works().json()
    };
    let running = document(&["--optimized"]);
    let node = &running["nodes"][0];
    assert_eq!(node["name"], "first");
    assert_eq!(node["absorbed"], json!(["BatchNormalization", "Relu"]));
    assert_eq!(node["outputs"][0]["name"], "positive");
    assert_eq!(node["macs"], 2 * 4 * 36 * 27);
    assert_eq!(running["totals"]["nodes"], 2);
    // The weights, and a bias that takes the place of four times four statistics.
    assert_eq!(running["totals"]["parameters"], 4 * 27 + 4);
    let written = document(&[]);
    assert_eq!(written["nodes"][0]["absorbed"], json!([]));
    assert_eq!(written["totals"]["nodes"], 4);
}

/// The edges of both forms lead from what writes a value to what reads it.
#[test]
fn graphs_have_their_edges() {
    let model = Model::from_bytes(block()).unwrap();
    for form in [Form::Written, Form::Running] {
        let nodes: Vec<_> = model.nodes_of(form).collect();
        let [graph] = &model.graphs(form)[..] else {
            panic!("one graph");
        };
        assert_eq!((graph.owner, graph.nodes.len()), (None, nodes.len()));
        let mut known: Vec<usize> = graph.inputs.clone();
        for (at, place) in graph.nodes.iter().enumerate() {
            assert_eq!(at, *place);
            let node = &nodes[*place];
            for id in node.reads.iter().flatten() {
                let value = &graph.values[*id];
                assert!(value.constant || known.contains(id), "{form:?} {value:?}");
            }
            known.extend(node.writes.iter().flatten());
        }
        assert!(graph.outputs.iter().all(|id| known.contains(id)));
        let names: Vec<&str> = graph
            .outputs
            .iter()
            .map(|id| graph.values[*id].name.as_str())
            .collect();
        assert_eq!(names, ["y"]);
    }
}

#[test]
fn inspect_refuses_what_does_not_load() {
    linn_fed(&["inspect", "-"], &unsupported().bytes()).fails(4, "2 items are not supported");
    linn_fed(&["inspect", "-"], b"\x08").fails(3, "stdin: not an ONNX model");
}

#[test]
fn check_lists_everything_at_once() {
    let ran = linn_fed(&["check", "-"], &unsupported().bytes());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(4), ""));
    assert_eq!(
        ran.text(),
        "-: 2 items are not supported\n\
         \x20 node 0 'node of a' (com.example.Frobnicate, opset 1): the operator 'Frobnicate' is not supported by linn\n\
         \x20 node 1 'node of b' (com.example.Frobnicate, opset 1): the operator 'Frobnicate' is not supported by linn\n\
         \x20   help: an operator of another domain can be given in Rust, see linn::custom\n"
    );
    let document = linn_fed(&["check", "-", "--format", "json"], &unsupported().bytes()).json();
    assert_eq!(document["schema"], "linn.check/1");
    let model = &document["models"][0];
    assert_eq!(model["status"], "unsupported");
    assert_eq!(model["findings"][1]["node"]["name"], "node of b");
    assert_eq!(model["findings"][1]["severity"], "unsupported");
    let help = model["findings"][0]["help"].as_str().expect("a hint");
    assert!(help.contains("linn::custom"), "{help}");
}

#[test]
fn check_lists_all_nodes_that_are_not_valid() {
    let pool = |name: &str, stride: i64| {
        let pool = node("MaxPool", &["x"], &[name]);
        pool.with(ints("kernel_shape", &[2, 2]))
            .with(ints("strides", &[stride, 1]))
    };
    let wrong = Build::new(21)
        .input("x", DType::F32, "1,1,4,4")
        .import("com.example", 1)
        .node(pool("a", 0))
        .node(pool("b", 1))
        .node(pool("c", -1))
        .node(node("Add", &["a", "b"], &["d"]))
        .node(node("Frobnicate", &["b"], &["e"]).of("com.example"))
        .output("b");
    let ran = linn_fed(&["check", "-"], &wrong.bytes());
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(
        lines[0],
        "-: invalid: 2 nodes are wrong, 1 item is not supported"
    );
    assert!(
        lines[1].contains("node 0 writing 'a'") && lines[1].contains("strides[0] is 0"),
        "{text}"
    );
    assert!(
        lines[2].contains("node 2 writing 'c'") && lines[2].contains("strides[0] is -1"),
        "{text}"
    );
    assert!(
        lines[3].contains("Frobnicate") && lines[4].contains("help: "),
        "{text}"
    );
    let document = linn_fed(&["check", "-", "--format", "json"], &wrong.bytes()).json();
    let model = &document["models"][0];
    assert_eq!(model["status"], "invalid");
    assert_eq!(model["findings"][1]["severity"], "invalid");
    // A run names the first.
    linn_fed(&["run", "-"], &wrong.bytes()).fails(3, "node 0 writing 'a'");
}

#[test]
fn check_helps_with_folders() {
    let models = format!("{}/models", env!("CARGO_MANIFEST_DIR"));
    let ran = linn(&["check", &models]);
    assert_eq!(ran.code, Some(8));
    let text = ran.text();
    assert!(
        text.contains("models/model.onnx: ") && text.contains("help: the folder has no model.onnx"),
        "{text}"
    );
    linn(&["run", &models]).fails(8, "help: the folder has no model.onnx");
}

#[test]
fn inspect_shows_what_a_model_says_of_itself_and_attributes() {
    let mut build = Build::new(21)
        .input("x", DType::F32, "1,1,4,4")
        .node(node("MaxPool", &["x"], &["y"]).with(ints("kernel_shape", &[2, 3])))
        .output("y");
    build.0.doc_string = "counts\ncats".to_string();
    build
        .0
        .metadata_props
        .push(linn::proto::StringStringEntryProto {
            key: "author".to_string(),
            value: "somebody".to_string(),
        });
    let text = linn_fed(&["inspect", "-", "--attrs"], &build.bytes())
        .works()
        .text();
    for words in [
        "counts\\ncats\n",
        "author: somebody\n",
        "kernel_shape [2,3]",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let document = linn_fed(&["inspect", "-", "--format", "json"], &build.bytes()).json();
    assert_eq!(document["doc_string"], "counts\ncats");
    assert_eq!(document["metadata"][0]["value"], "somebody");
    assert_eq!(document["nodes"][0]["attributes"]["kernel_shape"][1], 3);
}

#[test]
fn check_takes_many_models_and_ends_with_the_worst() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    };
    let fine = write("fine.onnx", &network().bytes());
    let lacking = write("lacking.onnx", &unsupported().bytes());
    let broken = write("broken.onnx", b"\x08");
    let absent = folder.path().join("absent.onnx");
    let absent = absent.to_string_lossy();
    let check = |models: &[&str]| linn(&[&["check"][..], models].concat());
    assert_eq!(check(&[&fine]).works().text(), format!("{fine}: ok\n"));
    assert_eq!(check(&[&fine, &lacking]).code, Some(4));
    let ran = check(&[&fine, &broken, &lacking]);
    assert_eq!(ran.code, Some(3));
    let text = ran.text();
    assert!(text.contains(": invalid: not an ONNX model"), "{text}");
    assert!(text.contains("lacking.onnx: 2 items"), "{text}");
    let ran = check(&[&broken, &absent]);
    assert_eq!(ran.code, Some(8));
    assert!(ran.text().contains("absent.onnx: unreadable: "));
    check(&["-", "-"]).fails(2, "stdin can be read only once");
    let folder = format!("{}/models/branches", env!("CARGO_MANIFEST_DIR"));
    check(&[&folder]).works();
}
