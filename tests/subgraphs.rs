//! Graphs as attributes of nodes: If, Loop and Scan, what they read from the graphs around them, and which are
//! refused.

#[path = "support/mod.rs"]
mod support;

use linn::proto::attribute_proto::AttributeType;
use linn::proto::{FunctionProto, GraphProto, NodeProto};
use linn::{Class, DType, Error, Model, Options, Tensor, inputs};
use support::model::{Build, With, body, import, int, ints, node, reference, value_info};
use support::{f32s, i64s, numbers};

/// A graph of nodes, from inputs to outputs whose types are not declared.
fn graph(inputs: &[&str], nodes: Vec<NodeProto>, outputs: &[&str]) -> GraphProto {
    let infos = |names: &[&str]| -> Vec<_> {
        let untyped = |name: &&str| linn::proto::ValueInfoProto {
            name: name.to_string(),
            ..Default::default()
        };
        names.iter().map(untyped).collect()
    };
    GraphProto {
        name: "inner".to_string(),
        input: infos(inputs),
        node: nodes,
        output: infos(outputs),
        ..GraphProto::default()
    }
}

fn branches(cond: &str, then_branch: GraphProto, else_branch: GraphProto, y: &str) -> NodeProto {
    node("If", &[cond], &[y])
        .with(body("then_branch", then_branch))
        .with(body("else_branch", else_branch))
}

/// A model of `x: f32[2]` and `c: bool[]` with the output `y`.
fn model(nodes: &[NodeProto]) -> Build {
    let start = Build::new(21)
        .input("x", DType::F32, "2")
        .input("c", DType::Bool, "")
        .output("y");
    nodes.iter().cloned().fold(start, Build::node)
}

fn load(build: &Build) -> Result<Model, Error> {
    Model::from_bytes(build.bytes())
}

/// `y` for x = [1, 2].
fn result(build: &Build, c: bool) -> Vec<f64> {
    let model = load(build).expect("it is valid");
    let (x, c) = (f32s(&[2], &[1.0, 2.0]), flag(c));
    numbers(
        &model
            .run(inputs! { "x" => &x, "c" => &c })
            .expect("it runs")["y"],
    )
}

fn flag(c: bool) -> Tensor {
    Tensor::new(&[], vec![c]).expect("a scalar")
}

fn refused(build: &Build, class: Class, words: &[&str]) {
    let error = load(build).expect_err("it is refused");
    let text = error.to_string();
    assert_eq!(error.class(), class, "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn branches_read_the_graph_around_them() {
    let twice = graph(&[], vec![node("Add", &["x", "a"], &["t"])], &["t"]);
    let negated = graph(&[], vec![node("Neg", &["a"], &["t"])], &["t"]);
    // `a` is written after it is read, as far as the order of the file goes.
    let build = model(&[
        branches("c", twice, negated, "y"),
        node("Abs", &["x"], &["a"]),
    ]);
    assert_eq!(result(&build, true), [2.0, 4.0]);
    assert_eq!(result(&build, false), [-1.0, -2.0]);
    // A branch may only pass a value on.
    let pass = |name| graph(&[], vec![], &[name]);
    let build = model(&[
        node("Abs", &["x"], &["a"]),
        branches("c", pass("x"), pass("a"), "y"),
    ]);
    assert_eq!(result(&build, true), [1.0, 2.0]);
}

#[test]
fn graphs_nest_and_the_innermost_name_wins() {
    let inner = graph(&[], vec![node("Add", &["x", "t"], &["u"])], &["u"]);
    let other = graph(&[], vec![node("Neg", &["x"], &["u"])], &["u"]);
    // Its `x` hides that of the model; the innermost graph reads it.
    let outer = graph(
        &[],
        vec![
            node("Neg", &["t"], &["x"]),
            branches("c", inner, other, "v"),
        ],
        &["v"],
    );
    let plain = graph(&[], vec![node("Abs", &["t"], &["v"])], &["v"]);
    let build = model(&[
        node("Add", &["x", "x"], &["t"]),
        branches("c", outer, plain, "y"),
    ]);
    assert_eq!(result(&build, true), [0.0, 0.0]);
    assert_eq!(result(&build, false), [2.0, 4.0]);
}

/// Adds `x` to a carried value, `times` times, and stacks the sums.
fn sums() -> Build {
    let nodes = vec![
        node("Add", &["sum", "x"], &["next"]),
        node("Identity", &["going"], &["go"]),
        node("Identity", &["next"], &["part"]),
    ];
    let body_graph = graph(&["round", "going", "sum"], nodes, &["go", "next", "part"]);
    Build::new(21)
        .input("times", DType::I64, "")
        .input("x", DType::F32, "2")
        .node(node("Loop", &["times", "", "x"], &["last", "all"]).with(body("body", body_graph)))
        .output("last")
        .output("all")
}

#[test]
fn loops_carry_and_stack() {
    let model = load(&sums()).expect("it is valid");
    let x = f32s(&[2], &[1.0, 2.0]);
    for _ in 0..2 {
        let run = |times: i64| {
            let times = i64s(&[], &[times]);
            model
                .run(inputs! { "times" => &times, "x" => &x })
                .expect("it runs")
        };
        let outputs = run(2);
        assert_eq!(numbers(&outputs["last"]), [3.0, 6.0]);
        assert_eq!(outputs["all"].shape()[..], [2, 2]);
        assert_eq!(numbers(&outputs["all"]), [2.0, 4.0, 3.0, 6.0]);
        for times in [0, -1] {
            let outputs = run(times);
            assert_eq!(numbers(&outputs["last"]), [1.0, 2.0]);
            assert_eq!(outputs["all"].shape()[0], 0);
        }
    }
}

#[test]
fn a_loop_that_only_grows_ends_at_the_memory_limit() {
    let mut endless = Options::default();
    endless.memory_limit = 1 << 16;
    let model = Model::from_bytes_with(sums().bytes(), &endless).expect("it is valid");
    let (times, x) = (i64s(&[], &[i64::MAX]), f32s(&[2], &[1.0, 2.0]));
    let error = model
        .run(inputs! { "times" => &times, "x" => &x })
        .unwrap_err();
    assert_eq!(error.class(), Class::Limit, "{error}");
    assert!(error.is_memory_limit(), "{error}");
}

#[test]
fn scans_follow_axes_and_directions() {
    let nodes = vec![
        node("Add", &["sum", "slice"], &["next"]),
        node("Neg", &["next"], &["part"]),
    ];
    let body_graph = graph(&["sum", "slice"], nodes, &["next", "part"]);
    let scan = node("Scan", &["sum0", "m"], &["sum1", "parts"])
        .with(body("body", body_graph))
        .with(int("num_scan_inputs", 1))
        .with(ints("scan_input_axes", &[1]))
        .with(ints("scan_input_directions", &[1]))
        .with(ints("scan_output_axes", &[-1]))
        .with(ints("scan_output_directions", &[1]));
    let build = Build::new(21)
        .input("sum0", DType::F32, "2")
        .input("m", DType::F32, "2,N")
        .node(scan)
        .output("sum1")
        .output("parts");
    let model = load(&build).expect("it is valid");
    assert_eq!(model.outputs()[1].to_string(), "f32[2,?]");
    let sum = f32s(&[2], &[0.0, 0.0]);
    let m = f32s(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let outputs = model
        .run(inputs! { "sum0" => &sum, "m" => &m })
        .expect("it runs");
    assert_eq!(numbers(&outputs["sum1"]), [6.0, 15.0]);
    assert_eq!(
        numbers(&outputs["parts"]),
        [-6.0, -5.0, -3.0, -15.0, -11.0, -6.0]
    );
    let none = f32s(&[2, 0], &[]);
    let outputs = model
        .run(inputs! { "sum0" => &sum, "m" => &none })
        .expect("it runs");
    assert_eq!(outputs["parts"].shape()[..], [2, 0]);
}

/// A loop over `v` with the nodes of a body that gives `go`, `next` and `part`.
fn looped(nodes: Vec<NodeProto>, inputs: &[&str]) -> Build {
    let body_graph = graph(&["round", "going", "v"], nodes, &["go", "next", "part"]);
    Build::new(21)
        .input("times", DType::I64, "")
        .input("x", DType::F32, "N")
        .node(node("Loop", inputs, &["last", "all"]).with(body("body", body_graph)))
        .output("last")
        .output("all")
}

fn run_looped(build: &Build, times: i64) -> Result<(Tensor, Tensor), Error> {
    let model = load(build).expect("it is valid");
    let (times, x) = (i64s(&[], &[times]), f32s(&[1], &[1.0]));
    let outputs = model.run(inputs! { "times" => &times, "x" => &x })?;
    Ok((outputs["last"].clone(), outputs["all"].clone()))
}

#[test]
fn what_a_loop_carries_may_change_its_shape() {
    let twice = node("Concat", &["v", "v"], &["next"]).with(int("axis", 0));
    let nodes = |part: &[&str]| {
        vec![
            node("Identity", &["going"], &["go"]),
            twice.clone(),
            node("Identity", part, &["part"]),
        ]
    };
    let build = looped(nodes(&["round"]), &["times", "", "x"]);
    let (last, all) = run_looped(&build, 4).expect("it runs");
    assert_eq!(last.shape()[..], [16]);
    assert_eq!(numbers(&all), [0.0, 1.0, 2.0, 3.0]);
    // What it stacks may not.
    let build = looped(nodes(&["next"]), &["times", "", "x"]);
    let error = run_looped(&build, 4).unwrap_err();
    assert_eq!(error.class(), Class::Run);
    let text = error.to_string();
    assert!(
        text.contains("outputs[1] is f32[4], was f32[2] in the first round"),
        "{text}"
    );
}

#[test]
fn a_loop_ends_when_its_body_says_so() {
    let nodes = vec![
        node("Constant", &[], &["five"]).with(int("value_int", 5)),
        node("Less", &["round", "five"], &["go"]),
        node("Add", &["v", "v"], &["next"]),
        node("Mul", &["round", "round"], &["part"]),
    ];
    let build = looped(nodes, &["times", "", "x"]);
    let (last, all) = run_looped(&build, i64::MAX).expect("it runs");
    assert_eq!(numbers(&last), [64.0]);
    assert_eq!(numbers(&all), [0.0, 1.0, 4.0, 9.0, 16.0, 25.0]);
}

#[test]
fn loops_in_loops_read_all_graphs_around_them() {
    // The sum over i < times, j < i of x + i.
    let inner = vec![
        node("Identity", &["on"], &["more"]),
        node("Cast", &["round"], &["i"]).with(int("to", 1)),
        node("Add", &["x", "i"], &["term"]),
        node("Add", &["s", "term"], &["t"]),
    ];
    let inner = graph(&["j", "on", "s"], inner, &["more", "t"]);
    let nodes = vec![
        node("Identity", &["going"], &["go"]),
        node("Loop", &["round", "", "v"], &["next"]).with(body("body", inner)),
        node("Identity", &["next"], &["part"]),
    ];
    let build = looped(nodes, &["times", "", "x"]);
    let (last, all) = run_looped(&build, 4).expect("it runs");
    assert_eq!(numbers(&last), [21.0]);
    assert_eq!(numbers(&all), [1.0, 3.0, 9.0, 21.0]);
}

#[test]
fn no_rounds_give_empty_outputs_of_the_declared_type() {
    let nodes = vec![
        node("Identity", &["going"], &["go"]),
        node("Identity", &["v"], &["next"]),
        node("Cast", &["v"], &["part"]).with(int("to", 7)),
    ];
    let mut build = looped(nodes, &["times", "", "x"]);
    let attribute = &mut build.graph().node[0].attribute[0];
    let inner = attribute.g.as_mut().expect("the body");
    inner.output[2] = value_info("part", DType::I64, Some("3"));
    let (last, all) = run_looped(&build, 0).expect("it runs");
    assert_eq!(numbers(&last), [1.0]);
    assert_eq!((all.dtype(), &all.shape()[..]), (DType::I64, &[0, 3][..]));
}

#[test]
fn a_loop_without_an_end_is_stopped() {
    let nodes = vec![
        node("Identity", &["going"], &["go"]),
        node("Identity", &["v"], &["next"]),
        node("Identity", &["v"], &["part"]),
    ];
    let mut build = looped(nodes, &["", "", "x"]);
    build.graph().output.truncate(1);
    let mut options = Options::default();
    options.round_limit = 1000;
    let model = Model::from_bytes_with(build.bytes(), &options).expect("it is valid");
    let (times, x) = (i64s(&[], &[0]), f32s(&[1], &[1.0]));
    let error = model
        .run(inputs! { "times" => &times, "x" => &x })
        .unwrap_err();
    assert_eq!(error.class(), Class::Limit, "{error}");
    assert!(!error.is_memory_limit());
    let text = error.to_string();
    let words = "(Loop, opset 21): the loops of this run have gone round 1000 times";
    assert!(text.contains(words), "{text}");
}

#[test]
fn scans_of_version_8_have_a_batch_of_sequences() {
    let nodes = vec![
        node("Add", &["sum", "slice"], &["next"]),
        node("Identity", &["next"], &["part"]),
    ];
    let scan = |directions: &[i64]| {
        let body_graph = graph(&["sum", "slice"], nodes.clone(), &["next", "part"]);
        let scan = node("Scan", &["lens", "sum0", "m"], &["sum1", "parts"])
            .with(body("body", body_graph))
            .with(int("num_scan_inputs", 1))
            .with(ints("directions", directions));
        let build = Build::new(8)
            .input("lens", DType::I64, "3")
            .input("sum0", DType::F32, "3,1")
            .input("m", DType::F32, "3,2,1")
            .node(scan)
            .output("sum1")
            .output("parts");
        load(&build).expect("it is valid")
    };
    let sum = f32s(&[3, 1], &[10.0, 20.0, 30.0]);
    let m = f32s(&[3, 2, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let run = |model: &Model, lens: &[i64]| {
        let lens = i64s(&[3], lens);
        model.run(inputs! { "lens" => &lens, "sum0" => &sum, "m" => &m })
    };
    let outputs = run(&scan(&[0]), &[0, 1, 2]).expect("it runs");
    assert_eq!(numbers(&outputs["sum1"]), [10.0, 23.0, 41.0]);
    assert_eq!(outputs["parts"].shape()[..], [3, 2, 1]);
    assert_eq!(
        numbers(&outputs["parts"]),
        [0.0, 0.0, 23.0, 0.0, 35.0, 41.0]
    );
    // Backwards from the end of each sequence.
    let outputs = run(&scan(&[1]), &[2, 1, 0]).expect("it runs");
    assert_eq!(
        numbers(&outputs["parts"]),
        [12.0, 13.0, 23.0, 0.0, 0.0, 0.0]
    );
    let outputs = run(&scan(&[0]), &[0, 0, 0]).expect("it runs");
    assert_eq!(numbers(&outputs["sum1"]), [10.0, 20.0, 30.0]);
    assert_eq!(numbers(&outputs["parts"]), [0.0; 6]);
    for (lens, word) in [([0, 3, 0], "is 3"), ([0, 0, -1], "is -1")] {
        let error = run(&scan(&[0]), &lens).unwrap_err();
        assert_eq!(error.class(), Class::Run);
        let text = error.to_string();
        assert!(
            text.contains("sequence_lens[") && text.contains(word),
            "{text}"
        );
    }
}

#[test]
fn scans_that_do_not_fit_are_refused() {
    let scan = |count: i64, nodes: Vec<NodeProto>| {
        let body_graph = graph(&["v", "a", "b"], nodes, &["next"]);
        let scan = node("Scan", &["v0", "x", "z"], &["y"])
            .with(body("body", body_graph))
            .with(int("num_scan_inputs", count));
        Build::new(21)
            .input("v0", DType::F32, "1")
            .input("x", DType::F32, "N,1")
            .input("z", DType::F32, "M,1")
            .node(scan)
            .output("y")
    };
    let good = || vec![node("Sum", &["v", "a", "b"], &["next"])];
    for count in [0, 4] {
        refused(
            &scan(count, good()),
            Class::Invalid,
            &["num_scan_inputs", "must be in 1..=3"],
        );
    }
    let run = |build: &Build, rows: usize| {
        let model = load(build).expect("it is valid");
        let v = f32s(&[1], &[1.0]);
        let x = f32s(&[2, 1], &[2.0, 3.0]);
        let z = f32s(&[rows, 1], &vec![4.0; rows]);
        model
            .run(inputs! { "v0" => &v, "x" => &x, "z" => &z })
            .map(|outputs| numbers(&outputs["y"]))
    };
    assert_eq!(run(&scan(2, good()), 2).expect("it runs"), [14.0]);
    let text = run(&scan(2, good()), 3).unwrap_err().to_string();
    assert!(
        text.contains("inputs[2] has 3 slices, another input has 2"),
        "{text}"
    );
    let grows = vec![node("Concat", &["v", "a"], &["next"]).with(int("axis", 0))];
    let text = run(&scan(2, grows), 2).unwrap_err().to_string();
    assert!(
        text.contains("state 0 is f32[1] before and f32[2] after"),
        "{text}"
    );
}

#[test]
fn outputs_go_into_buffers_of_the_caller() {
    let twice = graph(&[], vec![node("Add", &["x", "x"], &["t"])], &["t"]);
    let pass = graph(&[], vec![], &["x"]);
    let model = load(&model(&[branches("c", twice, pass, "y")])).expect("it is valid");
    let x = f32s(&[2], &[1.0, 2.0]);
    for (c, expected) in [(true, [2.0, 4.0]), (false, [1.0, 2.0])] {
        let c = flag(c);
        let mut y = ndarray::Array1::<f32>::zeros(2);
        model
            .run_into(inputs! { "x" => &x, "c" => &c }, [("y", &mut y)])
            .expect("it runs");
        assert_eq!(y.as_slice(), Some(&expected[..]));
    }
}

#[test]
fn functions_have_graphs_in_their_nodes() {
    // The names of the body, `t` above all, are not those of the model.
    let then_branch = graph(
        &[],
        vec![
            node("Neg", &["a"], &["t"]),
            node("Add", &["t", "b"], &["u"]),
        ],
        &["u"],
    );
    let softened =
        node("LeakyRelu", &["b"], &["u"]).with(reference("alpha", "slope", AttributeType::Float));
    let else_branch = graph(&[], vec![softened], &["u"]);
    let function = FunctionProto {
        name: "choose".to_string(),
        domain: "local".to_string(),
        input: vec!["a".to_string(), "c".to_string()],
        output: vec!["r".to_string()],
        attribute: vec!["slope".to_string()],
        node: vec![
            node("Neg", &["a"], &["b"]),
            branches("c", then_branch, else_branch, "r"),
        ],
        opset_import: vec![import("", 21)],
        ..FunctionProto::default()
    };
    let call = node("choose", &["t", "c"], &["y"])
        .of("local")
        .with(support::model::float("slope", 0.5));
    let build = model(&[node("Abs", &["x"], &["t"]), call])
        .import("local", 1)
        .function(function);
    assert_eq!(result(&build, true), [-2.0, -4.0]);
    assert_eq!(result(&build, false), [-0.5, -1.0]);
}

#[test]
fn what_is_not_supported_in_a_graph_is_listed() {
    let inner = graph(
        &[],
        vec![
            node("Bernoulli", &["x"], &["s"]),
            node("Neg", &["s"], &["t"]),
        ],
        &["t"],
    );
    let other = graph(&[], vec![node("Bernoulli", &["x"], &["t"])], &["t"]);
    let build = model(&[branches("c", inner, other, "y").named("choice")]);
    refused(
        &build,
        Class::Unsupported,
        &[
            "2 items",
            "'choice then_branch' / node 0 writing 's' (Bernoulli",
            "'choice else_branch' / node 0 writing 't' (Bernoulli",
        ],
    );
}

#[test]
fn graphs_that_do_not_fit_are_refused() {
    let good = || graph(&[], vec![node("Neg", &["x"], &["t"])], &["t"]);
    let with = |bad: GraphProto| model(&[branches("c", good(), bad, "y").named("choice")]);
    let unknown = graph(&[], vec![node("Neg", &["z"], &["t"])], &["t"]);
    refused(
        &with(unknown),
        Class::Invalid,
        &["'choice'", "reads 'z'", "not defined"],
    );
    let open = graph(&[], vec![], &["t"]);
    refused(&with(open), Class::Invalid, &["'choice'", "reads 't'"]);
    let none = graph(&[], vec![], &[]);
    refused(
        &with(none),
        Class::Invalid,
        &["else_branch has 0 outputs, the node has 1"],
    );
    let asks = graph(&["i"], vec![node("Neg", &["i"], &["t"])], &["t"]);
    refused(
        &with(asks),
        Class::Invalid,
        &["else_branch: has 1 inputs, the node gives 0"],
    );
    let wrong = graph(&[], vec![node("Neg", &["c"], &["t"])], &["t"]);
    refused(
        &with(wrong),
        Class::Invalid,
        &[
            "'choice else_branch' / node 0 writing 't' (Neg",
            "X has elements of type bool",
        ],
    );
    let integer = graph(&[], vec![node("Shape", &["x"], &["t"])], &["t"]);
    refused(
        &with(integer),
        Class::Invalid,
        &["outputs[0] is f32[2] in then_branch, i64[1] in else_branch"],
    );
    let twice = graph(
        &[],
        vec![node("Neg", &["x"], &["t"]), node("Abs", &["x"], &["t"])],
        &["t"],
    );
    refused(
        &with(twice),
        Class::Invalid,
        &["else_branch: ", "defines 't'"],
    );
    // A loop that hands on another type than it was given.
    let nodes = vec![
        node("Identity", &["going"], &["go"]),
        node("Shape", &["v"], &["next"]),
    ];
    let changes = graph(&["round", "going", "v"], nodes, &["go", "next"]);
    let looped = node("Loop", &["", "c", "x"], &["y"]).with(body("body", changes));
    refused(
        &model(&[looped]),
        Class::Invalid,
        &["body gives output 1", "i64", "f32"],
    );
    // A declared type that is not the one that comes.
    let mut declared = graph(&["i", "g", "v"], vec![], &["g", "v"]);
    declared.input[2] = value_info("v", DType::F64, None);
    let looped = node("Loop", &["", "c", "x"], &["y"]).with(body("body", declared));
    refused(
        &model(&[looped]),
        Class::Invalid,
        &["the input 'v'", "f64", "f32"],
    );
}

#[test]
fn graphs_do_not_nest_without_end() {
    let nested = |depth: usize| {
        let mut inner = graph(&[], vec![node("Neg", &["x"], &["t"])], &["t"]);
        let other = || graph(&[], vec![node("Abs", &["x"], &["t"])], &["t"]);
        for _ in 1..depth {
            inner = graph(&[], vec![branches("c", inner, other(), "t")], &["t"]);
        }
        model(&[branches("c", inner, other(), "y")])
    };
    assert_eq!(result(&nested(16), true), [-1.0, -2.0]);
    refused(&nested(17), Class::Limit, &["more than 16 deep"]);
    // Far deeper than what the file format is read to.
    assert!(load(&nested(300)).is_err());
}

#[test]
fn an_error_of_a_run_says_where() {
    let wrong = graph(
        &[],
        vec![
            node("Shape", &["x"], &["s"]),
            node("Gather", &["x", "far"], &["t"]).named("pick"),
        ],
        &["t"],
    );
    let good = graph(&[], vec![node("Neg", &["x"], &["t"])], &["t"]);
    let build =
        model(&[branches("c", wrong, good, "y").named("choice")]).input("far", DType::I64, "1");
    let model = load(&build).expect("it is valid");
    let (x, far) = (f32s(&[2], &[1.0, 2.0]), i64s(&[1], &[9]));
    let run = |c: bool| {
        let c = flag(c);
        model
            .run(inputs! { "x" => &x, "c" => &c, "far" => &far })
            .map(|outputs| numbers(&outputs["y"]))
    };
    let error = run(true).unwrap_err();
    assert_eq!(error.class(), Class::Run);
    let text = error.to_string();
    for part in [
        "'choice' (If",
        "'choice then_branch' / node 1 'pick' (Gather",
        "9",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(run(false).expect("it runs"), [-1.0, -2.0]);
}

#[test]
fn a_node_may_leave_out_the_last_outputs_of_its_graphs() {
    let two = |name: &str| {
        let nodes = vec![node("Add", &["x", "x"], &["t"]), node(name, &["x"], &["u"])];
        graph(&[], nodes, &["t", "u"])
    };
    let build = model(&[branches("c", two("Neg"), two("Abs"), "y")]);
    assert_eq!(result(&build, true), [2.0, 4.0]);
    assert_eq!(result(&build, false), [2.0, 4.0]);
}

#[test]
fn a_loop_may_leave_out_the_last_values_that_it_carries() {
    let nodes = vec![
        node("Identity", &["going"], &["go"]),
        node("Add", &["v", "w"], &["next"]),
        node("Identity", &["w"], &["same"]),
    ];
    let inner = graph(
        &["round", "going", "v", "w"],
        nodes,
        &["go", "next", "same"],
    );
    let build = model(&[
        node("Constant", &[], &["times"]).with(int("value_int", 3)),
        node("Loop", &["times", "", "x", "x"], &["y"]).with(body("body", inner)),
    ]);
    assert_eq!(result(&build, true), [4.0, 8.0]);
}
