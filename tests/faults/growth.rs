//! A file twice as long takes about twice as long to load and to run, whatever its graph looks like.

use std::time::{Duration, Instant};

use linn::proto::{GraphProto, NodeProto, ValueInfoProto};
use linn::{DType, Model, Tensor};

use crate::alone;
use crate::functions::{called, function};
use crate::support::model::{Build, With, body, int, node};
use crate::support::{Report, f32s, tensor};

/// Twice as long and then some, for what memory adds; what grows with the square is at 4.
const MOST: f64 = 3.0;

/// How long the longer of the two may take, with code that is not compiled to be fast.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);

/// Makes a model of a size.
type Make = fn(usize) -> Build;

#[test]
fn time_grows_as_the_file_does() {
    let _alone = alone();
    let cases: [(&str, Make, usize); 18] = [
        ("Identity in a row", |n| row(n, "Identity"), 30_000),
        ("Relu in a row", |n| row(n, "Relu"), 30_000),
        ("Add in a row", |n| row(n, "Add"), 30_000),
        ("constants in a row", constants_in_a_row, 30_000),
        ("Mul behind a Conv", behind_a_conv, 10_000),
        ("inputs side by side", side_by_side, 10_000),
        ("Sum of inputs", |n| gathered(n, "Sum", false), 10_000),
        ("Concat of inputs", |n| gathered(n, "Concat", false), 10_000),
        ("Concat of nodes", |n| gathered(n, "Concat", true), 10_000),
        ("initializers", initializers, 10_000),
        ("Split", split, 10_000),
        ("one value in many places", one_value, 10_000),
        ("backwards", backwards, 20_000),
        ("calls of a function", calls, 5_000),
        ("calls of a function with a graph", calls_with_graphs, 2_000),
        ("If in If", nested, 4_000),
        ("outputs of an If", outputs_of_an_if, 10_000),
        ("captured values", captured, 5_000),
    ];
    let mut report = Report::default();
    for (name, make, size) in cases {
        let [short, long] = [size, 2 * size].map(|size| make(size).bytes());
        let mut ratio = f64::MAX;
        let mut least = [Duration::MAX; 2];
        // Other programs disturb a measurement, none makes it too short.
        for _ in 0..12 {
            for (least, bytes) in least.iter_mut().zip([&short, &long]) {
                *least = (*least).min(time(bytes));
            }
            ratio = least[1].as_secs_f64() / least[0].as_secs_f64();
            if ratio < MOST {
                break;
            }
        }
        println!("{name}: {least:?}, {ratio:.2}");
        let result = match (ratio < MOST, least[1] < PATIENCE) {
            (true, true) => Ok(()),
            _ => Err(format!("{least:?} for {size} and twice as many")),
        };
        report.check(name, result);
    }
    report.finish(18);
}

/// Loads a model, runs it, and runs it into buffers.
fn time(bytes: &[u8]) -> Duration {
    let began = Instant::now();
    let model = Model::from_bytes(bytes.to_vec()).expect("it is valid");
    let one = |dtype| match dtype {
        DType::Bool => tensor(dtype, &[], &[1.0]),
        _ => tensor(dtype, &[1], &[1.0]),
    };
    let infos = || model.inputs().iter();
    let inputs: Vec<Tensor> = infos()
        .map(|info| match info.dims.as_deref() {
            Some(dims) if dims.len() == 4 => f32s(&[1, 1, 1, 1], &[1.0]),
            _ => one(info.dtype),
        })
        .collect();
    let given = || infos().map(|info| &info.name).zip(&inputs);
    let outputs = model.run(given()).expect("it runs");
    let mut buffers: Vec<(String, Tensor)> = outputs.into_iter().collect();
    let buffers = buffers.iter_mut().map(|(name, y)| (&*name, y));
    model.run_into(given(), buffers).expect("it runs");
    began.elapsed()
}

pub(crate) fn name(index: usize) -> String {
    format!("v{index}")
}

pub(crate) fn float_input(build: Build, name: &str) -> Build {
    build.input(name, DType::F32, "1")
}

fn one() -> Tensor {
    f32s(&[1], &[0.5])
}

fn row(size: usize, operator: &str) -> Build {
    let start = float_input(Build::new(21), "v0").initializer("one", &one());
    let all = (0..size).fold(start, |build, index| {
        let inputs = [name(index), "one".to_string()];
        let inputs = inputs.each_ref().map(String::as_str);
        let count = if operator == "Add" { 2 } else { 1 };
        build.node(node(operator, &inputs[..count], &[&name(index + 1)]))
    });
    all.output(&name(size))
}

fn constants_in_a_row(size: usize) -> Build {
    let start = Build::new(21).initializer("v0", &one());
    let all = (0..size).fold(start, |build, index| {
        build.node(node("Neg", &[&name(index)], &[&name(index + 1)]))
    });
    all.output(&name(size))
}

fn behind_a_conv(size: usize) -> Build {
    let start = Build::new(21)
        .input("x", DType::F32, "1,1,1,1")
        .initializer("w", &f32s(&[1, 1, 1, 1], &[1.0]))
        .initializer("one", &f32s(&[1, 1, 1], &[1.0]))
        .node(node("Conv", &["x", "w"], &["v0"]));
    let all = (0..size).fold(start, |build, index| {
        build.node(node("Mul", &[&name(index), "one"], &[&name(index + 1)]))
    });
    all.output(&name(size))
}

fn side_by_side(size: usize) -> Build {
    (0..size).fold(Build::new(21), |build, index| {
        let (x, y) = (format!("x{index}"), name(index));
        let build = float_input(build, &x).output(&y);
        build.node(node("Neg", &[&x], &[&y]))
    })
}

fn gathered(size: usize, operator: &str, behind_nodes: bool) -> Build {
    let mut build = Build::new(21);
    let mut names = Vec::new();
    for index in 0..size {
        let x = format!("x{index}");
        build = float_input(build, &x);
        names.push(match behind_nodes {
            true => {
                build = build.node(node("Neg", &[&x], &[&name(index)]));
                name(index)
            }
            false => x,
        });
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let gathering = node(operator, &names, &["y"]);
    let gathering = match operator {
        "Concat" => gathering.with(int("axis", 0)),
        _ => gathering,
    };
    build.node(gathering).output("y")
}

fn initializers(size: usize) -> Build {
    let start = float_input(Build::new(21), "v0");
    let all = (0..size).fold(start, |build, index| {
        let w = format!("w{index}");
        build
            .initializer(&w, &one())
            .node(node("Max", &[&name(index), &w], &[&name(index + 1)]))
    });
    all.output(&name(size))
}

fn split(size: usize) -> Build {
    let names: Vec<String> = (0..size).map(name).collect();
    let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let start = float_input(Build::new(21), "x")
        .initializer("shape", &tensor(DType::I64, &[1], &[size as f64]))
        .node(node("Expand", &["x", "shape"], &["all"]))
        .node(node("Split", &["all"], &outputs).with(int("num_outputs", size as i64)));
    names.iter().fold(start, |build, name| build.output(name))
}

/// What many nodes read.
fn one_value(size: usize) -> Build {
    let start = float_input(Build::new(21), "x");
    (0..size).fold(start, |build, index| {
        let (a, b) = (name(index), format!("w{index}"));
        build
            .node(node("Neg", &["x"], &[&a]))
            .node(node("Add", &[&a, "x"], &[&b]))
            .output(&b)
    })
}

/// The nodes in the wrong order.
fn backwards(size: usize) -> Build {
    let mut build = row(size, "Neg");
    build.graph().node.reverse();
    build
}

fn calls(size: usize) -> Build {
    let nodes = vec![
        node("Neg", &["a"], &["b"]),
        node("Add", &["a", "b"], &["c"]),
        node("Relu", &["c"], &["d"]),
    ];
    called(size, function(&["a"], nodes, &["d"]))
}

fn graph(nodes: Vec<NodeProto>, outputs: &[String]) -> GraphProto {
    let output = |name: &String| ValueInfoProto {
        name: name.clone(),
        ..ValueInfoProto::default()
    };
    GraphProto {
        name: "branch".to_string(),
        node: nodes,
        output: outputs.iter().map(output).collect(),
        ..GraphProto::default()
    }
}

/// An If whose branches are alike.
fn both(condition: &str, outputs: &[&str], branch: &GraphProto) -> NodeProto {
    node("If", &[condition], outputs)
        .with(body("then_branch", branch.clone()))
        .with(body("else_branch", branch.clone()))
}

fn calls_with_graphs(size: usize) -> Build {
    let branch = graph(vec![node("Neg", &["a"], &["n"])], &["n".to_string()]);
    let nodes = vec![node("IsNaN", &["a"], &["c"]), both("c", &["d"], &branch)];
    called(size, function(&["a"], nodes, &["d"]))
}

/// A row of nodes in as many graphs inside one another as there may be.
fn nested(size: usize) -> Build {
    let nodes = (0..size).map(|index| node("Neg", &[&name(index)], &[&name(index + 1)]));
    let mut inner = graph(nodes.collect(), &[name(size)]);
    for depth in 0..15 {
        let other = graph(
            vec![node("Neg", &["v0"], &["other"])],
            &["other".to_string()],
        );
        let out = format!("out{depth}");
        let chosen = node("If", &["c"], &[&out])
            .with(body("then_branch", inner))
            .with(body("else_branch", other));
        inner = graph(vec![chosen], &[out]);
    }
    let other = graph(
        vec![node("Neg", &["v0"], &["other"])],
        &["other".to_string()],
    );
    let outer = node("If", &["c"], &["y"])
        .with(body("then_branch", inner))
        .with(body("else_branch", other));
    float_input(Build::new(21), "v0")
        .input("c", DType::Bool, "")
        .node(outer)
        .output("y")
}

/// Branches that give one value many times.
fn outputs_of_an_if(size: usize) -> Build {
    let names: Vec<String> = (0..size).map(name).collect();
    let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let branch = graph(
        vec![node("Neg", &["x"], &["n"])],
        &vec!["n".to_string(); size],
    );
    let start = float_input(Build::new(21), "x")
        .input("c", DType::Bool, "")
        .node(both("c", &outputs, &branch));
    names.iter().fold(start, |build, name| build.output(name))
}

/// A branch that reads many values of the graph around it.
fn captured(size: usize) -> Build {
    let mut build = float_input(Build::new(21), "x").input("c", DType::Bool, "");
    let names: Vec<String> = (0..size).map(name).collect();
    for name in &names {
        build = build.node(node("Neg", &["x"], &[name]));
    }
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let branch = graph(vec![node("Sum", &inputs, &["s"])], &["s".to_string()]);
    build.node(both("c", &["y"], &branch)).output("y")
}
