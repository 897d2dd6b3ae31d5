//! The cases that are too large, or are links, and so are made when they are needed.

use std::fs;
use std::path::Path;

use linn::{DType, write_tensor};
use prost::Message;
use serde_json::{Value, json};

use crate::support::model::{Build, int, ints, node, tensor_proto};
use crate::support::{counting, f32s, i64s};

/// Writes the cases into `root`, and lists them as the index does.
pub(crate) fn cases(root: &Path) -> Vec<Value> {
    let limit = json!([
        "node",
        "limit",
        "budget",
        "memory",
        "many",
        "count",
        "size",
        "operator",
        "op_type",
        "initializer",
        "name",
        "input",
        "attribute"
    ]);
    let mut list = Vec::new();
    let mut add =
        |name: &str, bytes: Vec<u8>, accept: Value, mention: Value, fed: Option<usize>| {
            let folder = root.join(name);
            fs::create_dir(&folder).expect("a folder");
            fs::write(folder.join("model.onnx"), bytes).expect("a file");
            let mut inputs = Vec::new();
            if let Some(count) = fed {
                let x = match count {
                    4 => counting(DType::F32, &[4]),
                    _ => counting(DType::F32, &[1, 1, count]),
                };
                fs::write(folder.join("input_0.pb"), write_tensor("x", &x)).expect("a file");
                inputs.push(json!({ "name": "x", "file": format!("{name}/input_0.pb") }));
            }
            list.push(json!({
                "name": name, "file": format!("{name}/model.onnx"), "accept": accept,
                "mention": mention, "inputs": inputs, "outputs": [],
            }));
        };
    let refused = || json!(["load_error"]);
    let works = || json!(["load_error", "valid"]);
    let deep = json!(["recursion", "depth", "nest", "parse", "protobuf", "decode"]);
    add("nest_if_5000", nested(5000), refused(), deep, None);
    add(
        "amp_tensors",
        graph_of(b"\x2a\x00"),
        refused(),
        limit.clone(),
        None,
    );
    add(
        "amp_attrs",
        node_of(b"\x2a\x00"),
        refused(),
        limit.clone(),
        None,
    );
    add("amp_names", node_of(b"\x0a\x00"), refused(), limit, None);
    let mut unknown = chain(1, "y").bytes();
    let mut one = Vec::new();
    prost::encoding::encode_varint(3000 << 3, &mut one);
    one.push(0);
    unknown.extend(one.repeat(1_000_000));
    add("amp_unknown", unknown, works(), json!([]), Some(4));
    add(
        "chain_60000",
        chain(60_000, "y").bytes(),
        works(),
        json!([]),
        Some(4),
    );
    add(
        "name_1mb",
        chain(1, &"n".repeat(1 << 20)).bytes(),
        works(),
        json!([]),
        Some(4),
    );
    add(
        "rank_200000",
        ranked(),
        json!(["load_error", "run_error"]),
        json!(["rank", "dim"]),
        Some(4),
    );
    let shape = i64s(&[100_000], &vec![1; 100_000]);
    let made = Build::new(21)
        .initializer("s", &shape)
        .node(node("ConstantOfShape", &["s"], &["y"]))
        .output("y");
    let large = json!([
        "rank", "dim", "limit", "memory", "size", "large", "overflow", "exceed"
    ]);
    add(
        "cos_rank",
        made.bytes(),
        json!(["load_error", "run_error"]),
        large,
        None,
    );
    let mut pool = node("MaxPool", &["x"], &["y"]);
    pool.attribute = vec![
        ints("kernel_shape", &[3]),
        ints("strides", &[2]),
        int("ceil_mode", 0),
    ];
    let pool = Build::new(22)
        .input("x", DType::F32, "1,1,N")
        .node(pool)
        .output("y");
    add(
        "c_len_2_24",
        pool.bytes(),
        works(),
        json!([]),
        Some((1 << 24) + 3),
    );
    #[cfg(unix)]
    links(root, &mut list);
    list
}

/// A row of `count` nodes from `x` to a value called `last`.
fn chain(count: usize, last: &str) -> Build {
    let mut model = Build::new(21).input("x", DType::F32, "4");
    for index in 0..count {
        let from = if index == 0 {
            "x".to_string()
        } else {
            format!("v{index}")
        };
        let to = if index + 1 == count {
            last.to_string()
        } else {
            format!("v{}", index + 1)
        };
        model = model.node(node("Neg", &[&from], &[&to]));
    }
    model.output(last)
}

/// A weight with more axes than any tensor may have.
fn ranked() -> Vec<u8> {
    let mut model = Build::new(21)
        .input("x", DType::F32, "4")
        .node(node("Neg", &["x"], &["y"]))
        .output("y");
    let mut proto = tensor_proto("w", &f32s(&[1], &[1.0]));
    proto.dims = vec![1; 200_000];
    model.graph().initializer.push(proto);
    model.bytes()
}

/// `inner` as field `field` of a message.
pub(crate) fn field(field: u32, inner: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(u64::from(field << 3 | 2), &mut bytes);
    prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
    bytes.extend(inner);
    bytes
}

/// A model whose graph is `graph`.
pub(crate) fn model_of(graph: &[u8]) -> Vec<u8> {
    let mut bytes = Build::new(21).0;
    bytes.graph = None;
    let mut bytes = bytes.encode_to_vec();
    let output = field(12, &field(1, b"y"));
    bytes.extend(field(7, &[graph, &output].concat()));
    bytes
}

/// A graph of two million times the same two bytes.
fn graph_of(bytes: &[u8]) -> Vec<u8> {
    model_of(&bytes.repeat(2_000_000))
}

/// A node of two million times the same two bytes.
fn node_of(bytes: &[u8]) -> Vec<u8> {
    model_of(&field(1, &bytes.repeat(2_000_000)))
}

/// Branches inside one another.
fn nested(depth: usize) -> Vec<u8> {
    let mut graph = Vec::new();
    for _ in 0..depth {
        let mut attribute = field(1, b"then_branch");
        attribute.extend(field(6, &graph));
        let mut node = field(4, b"If");
        node.extend(field(5, &attribute));
        graph = field(1, &node);
    }
    model_of(&graph)
}

/// Links to what is outside, and one to itself.
#[cfg(unix)]
fn links(root: &Path, list: &mut Vec<Value>) {
    use std::os::unix::fs::symlink;
    let words = json!(["outside", "link", "symbolic", "loop", "level"]);
    let case = |name: &str| {
        json!({
            "name": name, "file": format!("{name}/model.onnx"), "accept": ["load_error"],
            "mention": words, "inputs": [], "outputs": [],
        })
    };
    let folder = |name: &str| {
        let folder = root.join(name);
        fs::create_dir(&folder).expect("a folder");
        folder
    };
    let to = folder("path_symlink_loop").join("model.onnx");
    symlink("model.onnx", to).expect("a link");
    list.push(case("path_symlink_loop"));
    for (name, location, link, target) in [
        ("ext_symlink", "w.data", "w.data", "../_outside/secret.bin"),
        ("ext_symlink_dir", "sub/secret.bin", "sub", "../_outside"),
    ] {
        let folder = folder(name);
        fs::write(folder.join("model.onnx"), external(location)).expect("a file");
        symlink(target, folder.join(link)).expect("a link");
        list.push(case(name));
    }
}

/// A model whose weight is in the file `location`.
#[cfg(unix)]
pub(crate) fn external(location: &str) -> Vec<u8> {
    let mut proto = tensor_proto("w", &f32s(&[4], &[1.0; 4]));
    proto.raw_data = None;
    proto.data_location = Some(linn::proto::tensor_proto::DataLocation::External as i32);
    proto.external_data = vec![linn::proto::StringStringEntryProto {
        key: "location".into(),
        value: location.into(),
    }];
    let mut model = Build::new(21).node(node("Neg", &["w"], &["y"])).output("y");
    model.graph().initializer.push(proto);
    model.bytes()
}
