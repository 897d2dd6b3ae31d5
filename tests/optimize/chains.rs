//! Chains of nodes that one operator does the work of.

use linn::{DType, Form, Tensor};

use super::support::model::{Build, With, int, ints, node};
use super::support::{Random, f32s, i64s, numbers, tensor};
use super::{load, noise, outputs, outputs_of};

/// The operators of the nodes that run, each with those that it has absorbed.
fn running(build: &Build) -> Vec<String> {
    let model = load(build, true);
    let nodes = model.nodes_of(Form::Running).map(|node| {
        let names = [node.name].into_iter().chain(node.absorbed);
        let names: Vec<String> = names.map(|name| name.operator).collect();
        names.join(" ")
    });
    nodes.collect()
}

/// Checks that the outputs are the same with rewriting and without it, as far as they are rounded.
fn check_same(build: &Build, x: &Tensor, what: &str) {
    let [plain, got] = [false, true].map(|rewritten| outputs(&load(build, rewritten), x));
    assert_eq!(plain.len(), got.len(), "{what}");
    for (plain, got) in plain.iter().zip(&got) {
        assert_eq!(plain.len(), got.len(), "{what}");
        for (a, b) in plain.iter().zip(got) {
            let fits = (a - b).abs() <= 3e-6 + 2e-6 * a.abs();
            assert!(
                fits || a == b || a.is_nan() && b.is_nan(),
                "{what}: {a}, {b}"
            );
        }
    }
}

/// A graph of `x`, whose constants are single numbers of no axes.
fn build(dims: &str, constants: &[(&str, f64)]) -> Build {
    let start = Build::new(17).input("x", DType::F32, dims).output("y");
    constants.iter().fold(start, |build, (name, number)| {
        build.initializer(name, &f32s(&[], &[*number]))
    })
}

const GELU: [(&str, f64); 4] = [
    ("root", std::f64::consts::SQRT_2),
    ("inverse", std::f64::consts::FRAC_1_SQRT_2),
    ("one", 1.0),
    ("half", 0.5),
];

/// `x`, scaled in either way, through the error function to `sum`.
fn to_sum(build: Build, divided: bool, swapped: bool) -> Build {
    let scaled = match (divided, swapped) {
        (true, _) => node("Div", &["x", "root"], &["scaled"]),
        (false, true) => node("Mul", &["inverse", "x"], &["scaled"]),
        (false, false) => node("Mul", &["x", "inverse"], &["scaled"]),
    };
    let added = if swapped {
        ["one", "erf"]
    } else {
        ["erf", "one"]
    };
    build
        .node(scaled)
        .node(node("Erf", &["scaled"], &["erf"]))
        .node(node("Add", &added, &["sum"]))
}

#[test]
fn gelu_in_every_order_of_its_products() {
    let mut random = Random::new(29);
    let x = noise(&mut random, &[3, 70], 0.0, 5.0);
    let products = [
        [["x", "sum"], ["inner", "half"]],
        [["sum", "x"], ["half", "inner"]],
        [["x", "half"], ["inner", "sum"]],
        [["half", "x"], ["sum", "inner"]],
        [["sum", "half"], ["x", "inner"]],
        [["half", "sum"], ["inner", "x"]],
    ];
    for (number, [inner, outer]) in products.iter().enumerate() {
        for (divided, swapped) in [(true, false), (false, false), (false, true)] {
            let build = to_sum(build("3,70", &GELU), divided, swapped)
                .node(node("Mul", inner, &["inner"]))
                .node(node("Mul", outer, &["y"]));
            let what = format!("order {number}, {divided}, {swapped}");
            let first = if divided { "Div" } else { "Mul" };
            assert_eq!(
                running(&build),
                [format!("{first} Erf Add Mul Mul")],
                "{what}"
            );
            check_same(&build, &x, &what);
        }
    }
}

#[test]
fn what_is_not_quite_gelu_stays() {
    let mut random = Random::new(31);
    let x = noise(&mut random, &[3, 70], 0.0, 5.0);
    let whole = |build: Build| {
        to_sum(build, true, false)
            .node(node("Mul", &["x", "sum"], &["inner"]))
            .node(node("Mul", &["inner", "half"], &["y"]))
    };
    let mut cases = Vec::new();
    for (at, number) in [(0, 1.5), (2, 1.001), (3, 0.4)] {
        let mut constants = GELU;
        constants[at].1 = number;
        cases.push((
            format!("another {}", constants[at].0),
            whole(build("3,70", &constants)),
        ));
    }
    for inner in ["scaled", "erf", "sum", "inner"] {
        let output = whole(build("3,70", &GELU)).output(inner);
        cases.push((format!("{inner} is an output"), output));
        let read = whole(build("3,70", &GELU))
            .output("z")
            .node(node("Neg", &[inner], &["z"]));
        cases.push((format!("{inner} is read again"), read));
    }
    let other = to_sum(build("3,70", &GELU), true, false)
        .node(node("Neg", &["x"], &["other"]))
        .node(node("Mul", &["other", "sum"], &["inner"]))
        .node(node("Mul", &["inner", "half"], &["y"]));
    cases.push(("another factor".to_string(), other));
    let turned = build("3,70", &GELU)
        .node(node("Div", &["root", "x"], &["scaled"]))
        .node(node("Erf", &["scaled"], &["erf"]))
        .node(node("Add", &["erf", "one"], &["sum"]))
        .node(node("Mul", &["x", "sum"], &["inner"]))
        .node(node("Mul", &["inner", "half"], &["y"]));
    cases.push(("the other quotient".to_string(), turned));
    let mut wide = whole(build("3,70", &GELU[..3]));
    wide = wide.initializer("half", &f32s(&[1, 1, 1], &[0.5]));
    cases.push(("a constant of more axes".to_string(), wide));
    let many = whole(build("3,70", &GELU[..3])).initializer("half", &f32s(&[70], &[0.5; 70]));
    cases.push(("a constant of many elements".to_string(), many));
    for (what, build) in cases {
        let nodes = running(&build);
        assert!(
            nodes.iter().any(|node| node.starts_with("Erf")),
            "{what}: {nodes:?}"
        );
        check_same(&build, &x, &what);
    }
}

#[test]
fn gelu_of_other_types_and_by_default_inputs_stays() {
    let x = tensor(DType::F64, &[2, 3], &[-3.0, -1.0, 0.0, 0.5, 1.0, 4.0]);
    let mut wide = Build::new(17).input("x", DType::F64, "2,3").output("y");
    for (name, number) in GELU {
        wide = wide.initializer(name, &tensor(DType::F64, &[], &[number]));
    }
    let given = build("2,3", &GELU).input("half", DType::F32, "");
    let narrow = f32s(&[2, 3], &numbers(&x));
    for (build, x) in [(wide, x), (given, narrow)] {
        let build = to_sum(build, true, false)
            .node(node("Mul", &["x", "sum"], &["inner"]))
            .node(node("Mul", &["inner", "half"], &["y"]));
        assert!(running(&build).iter().any(|node| node.starts_with("Erf")));
        check_same(&build, &x, "another type, or a default");
    }
}

/// How a LayerNormalization is written out.
#[derive(Clone)]
struct Written {
    opset: i64,
    axes: [Vec<i64>; 2],
    by_power: bool,
    exponent: f64,
    swapped: bool,
    keep: bool,
    scale: Vec<usize>,
    epsilon: Vec<usize>,
}

impl Written {
    fn plain() -> Written {
        Written {
            opset: 17,
            axes: [vec![-1], vec![-1]],
            by_power: true,
            exponent: 2.0,
            swapped: false,
            keep: true,
            scale: vec![40],
            epsilon: vec![],
        }
    }

    fn build(&self, random: &mut Random) -> Build {
        let mut build = Build::new(self.opset)
            .input("x", DType::F32, "2,5,40")
            .output("y")
            .initializer("exponent", &f32s(&[], &[self.exponent]))
            .initializer("epsilon", &f32s(&self.epsilon, &[1e-3]))
            .initializer("scale", &noise(random, &self.scale, 1.0, 0.5))
            .initializer("bias", &noise(random, &[40], 0.0, 1.0));
        let mut means = Vec::new();
        for (at, axes) in self.axes.iter().enumerate() {
            let names = [["x", "mean"], ["square", "variance"]][at];
            let keep = int("keepdims", self.keep.into());
            means.push(match self.opset < 18 {
                true => node("ReduceMean", &names[..1], &names[1..])
                    .with(ints("axes", axes))
                    .with(keep),
                false => {
                    let given = format!("axes{at}");
                    build = build.initializer(&given, &i64s(&[axes.len()], axes));
                    node("ReduceMean", &[names[0], &given], &names[1..]).with(keep)
                }
            });
        }
        let order = |a, b| if self.swapped { [b, a] } else { [a, b] };
        let square = match self.by_power {
            true => node("Pow", &["less", "exponent"], &["square"]),
            false => node("Mul", &["less", "less"], &["square"]),
        };
        build
            .node(means.remove(0))
            .node(node("Sub", &["x", "mean"], &["less"]))
            .node(square)
            .node(means.remove(0))
            .node(node("Add", &order("variance", "epsilon"), &["sum"]))
            .node(node("Sqrt", &["sum"], &["deviation"]))
            .node(node("Div", &["less", "deviation"], &["normal"]))
            .node(node("Mul", &order("normal", "scale"), &["scaled"]))
            .node(node("Add", &order("scaled", "bias"), &["y"]))
    }
}

#[test]
fn layer_normalization_in_all_ways_that_it_is_written() {
    let mut random = Random::new(37);
    let x = noise(&mut random, &[2, 5, 40], 3.0, 2.0);
    let plain = Written::plain();
    let axes = |axes: &[i64]| [axes.to_vec(), axes.to_vec()];
    let cases = [
        plain.clone(),
        Written {
            by_power: false,
            swapped: true,
            ..plain.clone()
        },
        Written {
            opset: 18,
            axes: [vec![2], vec![-1]],
            ..plain.clone()
        },
        Written {
            axes: axes(&[1, 2]),
            scale: vec![5, 40],
            epsilon: vec![1, 1],
            ..plain.clone()
        },
        Written {
            axes: axes(&[-1, -2]),
            scale: vec![1],
            ..plain.clone()
        },
    ];
    for (number, written) in cases.iter().enumerate() {
        let build = written.build(&mut random);
        let square = if written.by_power { "Pow" } else { "Mul" };
        let chain = format!("ReduceMean Sub {square} ReduceMean Add Sqrt Div Mul Add");
        assert_eq!(running(&build), [chain], "case {number}");
        check_same(&build, &x, &format!("case {number}"));
    }
}

#[test]
fn what_is_not_quite_a_layer_normalization_stays() {
    let mut random = Random::new(41);
    let x = noise(&mut random, &[2, 5, 40], 3.0, 2.0);
    let plain = Written::plain();
    let others = [
        Written {
            exponent: 4.0,
            ..plain.clone()
        },
        Written {
            axes: [vec![-1], vec![1, 2]],
            ..plain.clone()
        },
        Written {
            axes: [vec![1], vec![1]],
            ..plain.clone()
        },
        Written {
            scale: vec![3, 1, 1, 40],
            ..plain.clone()
        },
        Written {
            epsilon: vec![1, 1, 1, 1],
            ..plain.clone()
        },
    ];
    let mut cases: Vec<(String, Build)> = Vec::new();
    for (number, written) in others.iter().enumerate() {
        cases.push((format!("case {number}"), written.build(&mut random)));
    }
    for inner in [
        "mean",
        "less",
        "square",
        "variance",
        "sum",
        "deviation",
        "normal",
        "scaled",
    ] {
        let build = plain.build(&mut random).output(inner);
        cases.push((format!("{inner} is an output"), build));
        let read = plain.build(&mut random).output("z");
        let read = read.node(node("Neg", &[inner], &["z"]));
        cases.push((format!("{inner} is read again"), read));
    }
    for (what, build) in cases {
        let nodes = running(&build);
        assert!(
            nodes.iter().any(|node| node.starts_with("Sqrt")),
            "{what}: {nodes:?}"
        );
        check_same(&build, &x, &what);
    }
    // Means without the axis are of another shape: of a square input they would even fit.
    let mut flat = Written {
        keep: false,
        scale: vec![40],
        ..plain
    }
    .build(&mut random);
    flat.graph().input.remove(0);
    let flat = flat.input("x", DType::F32, "40,40");
    let x = noise(&mut random, &[40, 40], 3.0, 2.0);
    assert!(running(&flat).iter().any(|node| node.starts_with("Sqrt")));
    assert_eq!(outputs_of(&flat, true, &x).len(), 1600);
    check_same(&flat, &x, "means without the axis");
}

#[test]
fn several_chains_after_one_another() {
    let mut random = Random::new(43);
    let x = noise(&mut random, &[2, 5, 40], 1.0, 2.0);
    let mut build = Written::plain().build(&mut random);
    build.graph().output.clear();
    for (name, number) in GELU {
        build = build.initializer(name, &f32s(&[], &[number]));
    }
    let build = build
        .node(node("Div", &["y", "root"], &["divided"]))
        .node(node("Erf", &["divided"], &["erf"]))
        .node(node("Add", &["erf", "one"], &["above"]))
        .node(node("Mul", &["y", "above"], &["inner"]))
        .node(node("Mul", &["inner", "half"], &["out"]))
        .output("out");
    assert_eq!(running(&build).len(), 2);
    check_same(&build, &x, "both");
}
