//! Graphs in nodes, and what loops gather.

use linn::DType;
use linn::proto::{GraphProto, NodeProto, ValueInfoProto};

use super::{Buffers, Row, SIDE, one, whole};
use crate::support::model::{Build, With, body, int, ints, node, value_info};

/// A graph in a node.
fn graph(inputs: &[(&str, DType, &str)], nodes: Vec<NodeProto>, outputs: &[&str]) -> GraphProto {
    let output = |name: &&str| ValueInfoProto {
        name: (*name).to_string(),
        ..ValueInfoProto::default()
    };
    let input = |(name, dtype, dims): &(&str, DType, &str)| value_info(name, *dtype, Some(dims));
    GraphProto {
        name: "body".to_string(),
        node: nodes,
        input: inputs.iter().map(input).collect(),
        output: outputs.iter().map(output).collect(),
        ..GraphProto::default()
    }
}

fn loop_of(inputs: &[&str], outputs: &[&str], inner: GraphProto) -> Build {
    let node = node("Loop", inputs, outputs).with(body("body", inner));
    let build = Build::new(21).node(node);
    outputs
        .iter()
        .fold(build, |build, output| build.output(output))
}

const ROUND: (&str, DType, &str) = ("i", DType::I64, "");
const GOING: (&str, DType, &str) = ("going", DType::Bool, "");

pub(super) fn all(b: &Buffers) -> Vec<Row<'_>> {
    let square = || b.f32(&[SIDE, SIDE]);
    let going = || node("Identity", &["going"], &["go_on"]);
    let branch = || graph(&[], vec![node("Exp", &["x"], &["e"])], &["e"]);
    let branches = node("If", &["c"], &["y"])
        .with(body("then_branch", branch()))
        .with(body("else_branch", branch()));
    let short = graph(
        &[ROUND, GOING, ("v", DType::F32, "")],
        vec![going(), node("Neg", &["v"], &["next"])],
        &["go_on", "next"],
    );
    let long = graph(
        &[ROUND, GOING],
        vec![
            going(),
            node("Exp", &["x"], &["e"]),
            node("ReduceMax", &["e"], &["most"]).with(int("keepdims", 0)),
        ],
        &["go_on", "most"],
    );
    let gathering = graph(
        &[ROUND, GOING],
        vec![going(), node("Neg", &["x"], &["part"])],
        &["go_on", "part"],
    );
    let scan = |axis: i64| {
        let step = graph(
            &[("state", DType::F32, "?"), ("part", DType::F32, "?")],
            vec![
                node("Max", &["state", "part"], &["next"]),
                node("Neg", &["part"], &["out"]),
            ],
            &["next", "out"],
        );
        let node = node("Scan", &["start", "x"], &["last", "y"])
            .with(body("body", step))
            .with(int("num_scan_inputs", 1))
            .with(ints("scan_input_axes", &[axis]))
            .with(ints("scan_output_axes", &[axis]));
        Build::new(21).node(node).output("last").output("y")
    };
    let rounds = || one(200_000i64);
    let equal = Build::new(21)
        .node(node("Expand", &["x", "shape"], &["rows"]))
        .node(node("Unique", &["rows"], &["y"]).with(int("axis", 0)))
        .output("y");
    vec![
        whole(
            "If",
            Build::new(21).node(branches).output("y"),
            vec![("c", one(true)), ("x", square())],
        ),
        whole(
            "Unique of equal rows",
            equal,
            vec![
                ("x", b.f32(&[1, 4 << 20])),
                ("shape", super::ints(&[16, 1])),
            ],
        ),
        whole(
            "Loop of many rounds",
            loop_of(&["rounds", "", "v"], &["y"], short),
            vec![("rounds", rounds()), ("v", one(1f32))],
        ),
        whole(
            "Loop of long rounds",
            loop_of(&["rounds", ""], &["y"], long),
            vec![("rounds", rounds()), ("x", square())],
        ),
        whole(
            "Loop that gathers",
            loop_of(&["rounds", ""], &["y"], gathering),
            vec![("rounds", one(500i64)), ("x", b.f32(&[1 << 20]))],
        ),
        whole(
            "Scan",
            scan(0),
            vec![("start", b.f32(&[2048])), ("x", b.f32(&[16 << 10, 2048]))],
        ),
        whole(
            "Scan of columns",
            scan(1),
            vec![
                ("start", b.f32(&[16 << 10])),
                ("x", b.f32(&[16 << 10, 2048])),
            ],
        ),
    ]
}
