//! Models to draw.

use linn::DType;
use linn::proto::{GraphProto, NodeProto};

use crate::support::Random;
use crate::support::f32s;
use crate::support::model::{Build, With, body, int, node, string};

fn open() -> Build {
    Build::new(17)
        .input("x0", DType::F32, "2")
        .input("x1", DType::F32, "2")
}

/// Adds nodes that read values from anywhere before them, mostly from close by; what nobody reads is an output.
fn grown(mut build: Build, seed: u64, count: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut values = vec!["x0".to_string(), "x1".to_string()];
    let mut read = vec![false; 2];
    for number in 0..count {
        let inputs = random.range(1, 3);
        let picked: Vec<usize> = (0..inputs)
            .map(|_| {
                let reach = match random.one_in(5) {
                    true => values.len() as i64,
                    false => (values.len() as i64).min(4),
                };
                values.len() - random.range(1, reach) as usize
            })
            .collect();
        let names: Vec<&str> = picked.iter().map(|at| values[*at].as_str()).collect();
        let y = format!("y{number}");
        let next = match (random.range(0, 5), names.as_slice()) {
            (0, [name, ..]) => node("Relu", &[name], &[&y]),
            (1, [name, ..]) => node("Mul", &[name, "w"], &[&y]),
            (2, [name, ..]) => node("Mul", &[name, name], &[&y]),
            _ => node("Sum", &names, &[&y]),
        };
        for at in picked {
            read[at] = true;
        }
        build = build.node(next.named(&"long name ".repeat(number % 7)));
        values.push(y);
        read.push(false);
    }
    for (name, read) in values.iter().zip(read).skip(2) {
        if !read {
            build = build.output(name);
        }
    }
    build.bytes()
}

/// A graph of `count` nodes, another one for each seed.
pub(crate) fn random(seed: u64, count: usize) -> Vec<u8> {
    grown(
        open().initializer("w", &f32s(&[2], &[1.0, 2.0])),
        seed,
        count,
    )
}

/// A graph with this many nodes, inputs and outputs, or a few more.
pub(crate) fn of_size(count: usize) -> Vec<u8> {
    let mut build = open();
    let mut last = ["x0".to_string(), "x1".to_string()];
    for number in 0..count - 3 {
        let y = format!("y{number}");
        // Each reads the two before it.
        build = build.node(node("Add", &[&last[0], &last[1]], &[&y]));
        let [_, newer] = last;
        last = [newer, y];
    }
    build.output(&last[1]).bytes()
}

/// Names that mean something in one of the languages.
const NAMES: [&str; 16] = [
    "end",
    "\"quoted\" \\n \\",
    "]>\"]; n0 -> n1",
    "<script>alert('&lt;')</script>",
    "line\nbreak\r\ttab",
    "\u{0}\u{1b}[31m\u{7f}\u{fffe}",
    "\u{202e}right to left",
    "卷积层 ноль ç 😀",
    "--> graph subgraph",
    "%% #quot; #35; `code` **bold**",
    "1. list",
    "- item",
    "]]>",
    "&amp;&#x41;",
    "{} | [x] (y)",
    " ",
];

/// A chain of nodes with such names, of which the first value is long.
pub(crate) fn hostile() -> Vec<u8> {
    let long = "very/long/name/".repeat(400);
    let mut build = Build::new(17).input(&long, DType::F32, "\"<N>&\",2");
    let mut last = long.clone();
    for name in NAMES {
        let cast = node("Sum", &[&last, &last, &long], &[name]).named(name);
        build = build.node(cast);
        last = name.to_string();
    }
    build.output(&last).bytes()
}

fn graph(name: &str, nodes: Vec<NodeProto>, output: &str) -> GraphProto {
    let mut build = Build::new(17).output(output);
    build.graph().node = nodes;
    build.graph().name = name.to_string();
    build.0.graph.expect("it has a graph")
}

/// An If whose branches read a value of the graph around them.
pub(crate) fn choice() -> Vec<u8> {
    let branch =
        |operator: &str, name: &str| graph(name, vec![node(operator, &["outer"], &[name])], name);
    let choice = node("If", &["c"], &["y"])
        .with(body("then_branch", branch("Neg", "t")))
        .with(body("else_branch", branch("Abs", "e")));
    let build = Build::new(17)
        .input("c", DType::Bool, "")
        .input("x", DType::F32, "2,3")
        .node(node("Relu", &["x"], &["outer"]))
        .node(choice.named("choose"))
        .node(node("Relu", &["y"], &["z"]));
    build.output("z").bytes()
}

/// An If in an If, whose inner branches read what only the outermost graph has.
pub(crate) fn nested() -> Vec<u8> {
    let branch = |name: &str| graph(name, vec![node("Neg", &["x"], &[name])], name);
    let inner = node("If", &["c"], &["i"])
        .with(body("then_branch", branch("t1")))
        .with(body("else_branch", branch("e1")));
    let outer = node("If", &["c"], &["y"])
        .with(body("then_branch", graph("deep", vec![inner], "i")))
        .with(body("else_branch", branch("e0")));
    let build = Build::new(17)
        .input("c", DType::Bool, "")
        .input("x", DType::F32, "2,3")
        .node(outer);
    build.output("y").bytes()
}

/// Inputs and an initializer that are outputs, a node and an input that nobody reads, two outputs of a node.
pub(crate) fn corners() -> Vec<u8> {
    let w = f32s(&[2], &[1.0, 2.0]);
    let build = open()
        .input("unread", DType::F32, "2")
        .initializer("w", &w)
        .initializer("v", &w)
        .node(node("Neg", &["x0"], &["dead"]))
        .node(node("Split", &["x1"], &["left", "right"]))
        .node(node("Concat", &["right", "left"], &["y"]).with(int("axis", 0)))
        .node(node("Add", &["w", "v"], &["constant"]));
    let outputs = ["x0", "w", "constant", "y"];
    outputs.into_iter().fold(build, Build::output).bytes()
}

/// Two nodes of one name.
pub(crate) fn twins() -> Vec<u8> {
    let build = open()
        .node(node("Neg", &["x0"], &["y"]).named("twin"))
        .node(node("Abs", &["y"], &["z"]).named("twin"));
    build.output("z").bytes()
}

/// A node that linn does not know.
pub(crate) fn unsupported() -> Vec<u8> {
    let node = node("Frobnicate", &["x"], &["y"])
        .of("com.example")
        .with(string("how", "fast"));
    let build = Build::new(17)
        .import("com.example", 1)
        .input("x", DType::F32, "2")
        .node(node);
    build.output("y").bytes()
}
