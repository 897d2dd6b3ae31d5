//! Graphs in nodes, and all that is read at loading.

use linn::proto::attribute_proto::AttributeType;
use linn::proto::{
    AttributeProto, GraphProto, NodeProto, SparseTensorProto, StringStringEntryProto, TensorProto,
};
use linn::{DType, Tensor};

use super::{Case, case, i64s};
use crate::memory::{noise, written};
use crate::support::model::{
    Build, With, attribute, body, dims_text, int, node, tensor_proto, value_info,
};
use crate::support::tensor;

/// A graph in a node.
fn graph(inputs: &[(&str, DType, &str)], nodes: Vec<NodeProto>, outputs: &[&str]) -> GraphProto {
    let output = |name: &&str| linn::proto::ValueInfoProto {
        name: (*name).to_string(),
        ..Default::default()
    };
    GraphProto {
        name: "body".to_string(),
        node: nodes,
        input: inputs
            .iter()
            .map(|(name, dtype, dims)| value_info(name, *dtype, Some(dims)))
            .collect(),
        output: outputs.iter().map(output).collect(),
        ..GraphProto::default()
    }
}

pub(super) fn subgraphs(all: &mut Vec<Case>) {
    let x = noise(&[100, 300], 48);
    let inner = graph(
        &[
            ("i", DType::I64, ""),
            ("c", DType::Bool, ""),
            ("v", DType::F32, "100,300"),
        ],
        vec![
            node("Identity", &["c"], &["c_out"]),
            node("MatMul", &["v", "w"], &["p"]),
            node("Tanh", &["p"], &["v_out"]),
        ],
        &["c_out", "v_out", "p"],
    );
    let rounds = Tensor::new(&[], vec![3i64]).expect("one element");
    let looped = Build::new(21)
        .input("x", DType::F32, &dims_text(&x))
        .initializer("rounds", &rounds)
        .initializer("w", &noise(&[300, 300], 49))
        .node(node("Loop", &["rounds", "", "x"], &["y", "all"]).with(body("body", inner)))
        .output("y")
        .output("all");
    all.push(case("Loop", &looped, vec![x.clone()]));
    let step = graph(
        &[("state", DType::F32, "300"), ("row", DType::F32, "300")],
        vec![
            node("Add", &["state", "row"], &["sum"]),
            node("Relu", &["sum"], &["out"]),
        ],
        &["sum", "out"],
    );
    let scan = node("Scan", &["zero", "x"], &["last", "y"])
        .with(body("body", step))
        .with(int("num_scan_inputs", 1));
    let scanned = Build::new(21)
        .input("x", DType::F32, &dims_text(&x))
        .initializer("zero", &noise(&[300], 50))
        .node(scan)
        .output("last")
        .output("y");
    all.push(case("Scan", &scanned, vec![x.clone()]));
    let then = graph(&[], vec![node("Exp", &["x"], &["t"])], &["t"]);
    let other = graph(&[], vec![node("Softmax", &["x"], &["e"])], &["e"]);
    let branches = node("If", &["c"], &["y"])
        .with(body("then_branch", then))
        .with(body("else_branch", other));
    let chosen = Build::new(21)
        .input("c", DType::Bool, "")
        .input("x", DType::F32, &dims_text(&x))
        .node(branches)
        .output("y");
    let no = tensor(DType::Bool, &[], &[0.0]);
    all.push(case("If", &chosen, vec![no, x]));
}

/// A tensor with its elements in the field of its type.
fn typed(name: &str, dtype: DType, count: usize) -> TensorProto {
    let mut proto = TensorProto {
        name: name.to_string(),
        data_type: Some(dtype as i32),
        dims: vec![count as i64],
        ..TensorProto::default()
    };
    match dtype {
        DType::F32 => proto.float_data = vec![1.5; count],
        DType::F64 => proto.double_data = vec![1.5; count],
        DType::I64 => proto.int64_data = vec![3; count],
        DType::U64 => proto.uint64_data = vec![3; count],
        DType::String => proto.string_data = vec!["text".into(); count],
        _ => proto.int32_data = vec![1; count],
    }
    proto
}

pub(super) fn loading(all: &mut Vec<Case>) {
    let count = 70_000;
    for dtype in [
        DType::F32,
        DType::F64,
        DType::I64,
        DType::U64,
        DType::U32,
        DType::I32,
        DType::F16,
        DType::U8,
        DType::Bool,
        DType::U4,
        DType::String,
    ] {
        let mut build = Build::new(21).output("w");
        let mut proto = typed("w", dtype, count);
        if let DType::U32 = dtype {
            proto.uint64_data = std::mem::take(&mut proto.int32_data)
                .iter()
                .map(|&x| x as u64)
                .collect();
        }
        if let DType::U4 = dtype {
            proto.int32_data.truncate(count / 2);
        }
        build.graph().initializer.push(proto);
        all.push(case(format!("typed {dtype}"), &build, Vec::new()));
        if !matches!(dtype, DType::String | DType::U4 | DType::U32 | DType::U64) {
            let ones = tensor(dtype, &[count], &vec![1.0; count]);
            let build = Build::new(21).initializer("w", &ones).output("w");
            all.push(case(format!("raw {dtype}"), &build, Vec::new()));
        }
    }
    let x = noise(&[1, 16, 20, 20], 54);
    let network = |build: Build| {
        build
            .input("x", DType::F32, &dims_text(&x))
            .node(node("Conv", &["x", "w"], &["c"]))
            .node(node(
                "BatchNormalization",
                &["c", "s", "b", "m", "v"],
                &["n"],
            ))
            .node(node("Relu", &["n"], &["y"]))
            .output("y")
    };
    let weights = noise(&[64, 16, 5, 5], 55);
    let ones = tensor(DType::F32, &[64], &[1.0; 64]);
    let normalized = ["s", "b", "m", "v"]
        .iter()
        .fold(Build::new(21), |build, name| build.initializer(name, &ones));
    let joined = network(normalized.clone().initializer("w", &weights));
    all.push(case("joined nodes", &joined, vec![x.clone()]));
    let mut from_file = case("a file", &joined, vec![x.clone()]);
    from_file.path = Some(written("plain.onnx", &from_file.bytes));
    all.push(from_file);

    let raw = tensor_proto("w", &weights).raw_data.unwrap_or_default();
    let entry = |key: &str, value: &str| StringStringEntryProto {
        key: key.to_string(),
        value: value.to_string(),
    };
    let mut external = network(normalized);
    external.graph().initializer.push(TensorProto {
        raw_data: None,
        data_location: Some(1),
        external_data: vec![entry("location", "weights.bin")],
        ..tensor_proto("w", &weights)
    });
    let mut lent = case("external data in memory", &external, vec![x.clone()]);
    lent.external_data
        .insert("weights.bin".to_string(), raw.clone());
    all.push(lent);
    let mut beside = case("external data", &external, vec![x.clone()]);
    written("weights.bin", &raw);
    beside.path = Some(written("external.onnx", &beside.bytes));
    all.push(beside);

    let table = noise(&[200, 200], 56);
    let value = AttributeProto {
        t: Some(tensor_proto("value", &table)),
        ..attribute("value", AttributeType::Tensor)
    };
    let folded = Build::new(21)
        .node(node("Constant", &[], &["a"]).with(value))
        .node(node("Mul", &["a", "a"], &["b"]))
        .node(node("Softmax", &["b"], &["y"]))
        .output("y");
    all.push(case("folded constants", &folded, Vec::new()));
    let mut sparse = Build::new(21).output("w");
    let indices: Vec<i64> = (0..20_000).map(|at| 3 * at).collect();
    sparse.graph().sparse_initializer.push(SparseTensorProto {
        values: Some(typed("w", DType::F32, 20_000)),
        indices: Some(tensor_proto("", &i64s(&indices))),
        dims: vec![60_000],
    });
    all.push(case("a sparse tensor", &sparse, Vec::new()));
}
