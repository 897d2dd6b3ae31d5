//! Functions of the model itself: how their inputs, outputs and attributes bind, and which ones are refused.

#[path = "support/mod.rs"]
mod support;

use linn::proto::attribute_proto::AttributeType;
use linn::proto::{AttributeProto, FunctionProto, GraphProto, NodeProto, SparseTensorProto};
use linn::{Class, DType, Error, Model, Tensor, inputs};
use support::model::{
    Build, With, attribute, body, import, int, ints, node, reference, tensor, tensor_proto,
};
use support::{counting, f32s, i64s, numbers};

fn function(name: &str, inputs: &[&str], outputs: &[&str], body: Vec<NodeProto>) -> FunctionProto {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    FunctionProto {
        name: name.to_string(),
        domain: "local".to_string(),
        input: owned(inputs),
        output: owned(outputs),
        node: body,
        opset_import: vec![import("", 22), import("local", 1)],
        ..FunctionProto::default()
    }
}

/// A function `pool` of `x` with the attributes `kernel` and `strides`, the latter `[1]` by default.
fn pool() -> FunctionProto {
    let body = node("MaxPool", &["x"], &["y"])
        .with(reference("kernel_shape", "kernel", AttributeType::Ints))
        .with(reference("strides", "strides", AttributeType::Ints))
        .with(reference("ceil_mode", "ceil", AttributeType::Int));
    FunctionProto {
        attribute: vec!["kernel".to_string(), "ceil".to_string()],
        attribute_proto: vec![ints("strides", &[1])],
        ..function("pool", &["x"], &["y"], vec![body])
    }
}

/// A model that reads `x` and calls functions in `nodes`; its output is `y`.
fn model(functions: &[FunctionProto], nodes: &[NodeProto]) -> Build {
    let start = Build::new(22)
        .import("local", 1)
        .input("x", DType::F32, "1,1,4")
        .output("y");
    let with_functions = functions.iter().cloned().fold(start, Build::function);
    nodes.iter().cloned().fold(with_functions, Build::node)
}

fn call(name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    node(name, inputs, outputs).of("local")
}

fn load(build: &Build) -> Result<Model, Error> {
    Model::from_bytes(build.bytes())
}

/// The output for 1, 2, 3, 4.
fn result(build: &Build) -> Vec<f64> {
    let model = load(build).expect("it is valid");
    let x = counting(DType::F32, &[1, 1, 4]);
    numbers(&model.run(inputs! { "x" => &x }).expect("it runs")["y"])
}

#[test]
fn attributes_come_from_the_call_or_their_default() {
    let kernel = || call("pool", &["x"], &["y"]).with(ints("kernel", &[3]));
    assert_eq!(result(&model(&[pool()], &[kernel()])), [3.0, 4.0]);
    let strides = kernel().with(ints("strides", &[2]));
    assert_eq!(result(&model(&[pool()], &[strides])), [3.0]);
    // A reference to what the call leaves out, and that has no default, is as if it were not there.
    let ceil = kernel().with(ints("strides", &[2])).with(int("ceil", 1));
    assert_eq!(result(&model(&[pool()], &[ceil])), [3.0, 4.0]);
}

#[test]
fn attributes_are_passed_on_by_name() {
    let outer = FunctionProto {
        attribute: vec!["size".to_string()],
        ..function(
            "outer",
            &["a"],
            &["b"],
            vec![call("pool", &["a"], &["b"]).with(reference(
                "kernel",
                "size",
                AttributeType::Ints,
            ))],
        )
    };
    let nodes = [call("outer", &["x"], &["y"]).with(ints("size", &[4]))];
    assert_eq!(result(&model(&[pool(), outer], &nodes)), [4.0]);
}

/// Two calls of one function, and a value of the graph that is called as one of the body.
#[test]
fn names_of_a_body_are_its_own() {
    let twice = function(
        "twice",
        &["x"],
        &["y"],
        vec![
            node("Add", &["x", "x"], &["hidden"]),
            node("Identity", &["hidden"], &["y"]),
        ],
    );
    let nodes = [
        call("twice", &["x"], &["hidden"]),
        call("twice", &["hidden"], &["twice#0/hidden"]),
        call("twice", &["twice#0/hidden"], &["y"]),
    ];
    let build = model(&[twice], &nodes);
    assert_eq!(result(&build), [8.0, 16.0, 24.0, 32.0]);
    // All values can be looked at, also those inside.
    let model = load(&build).expect("it is valid");
    let x = counting(DType::F32, &[1, 1, 4]);
    let values = model
        .fetch(
            inputs! { "x" => &x },
            &["hidden", "twice#0/hidden", "twice#1/hidden"],
        )
        .expect("it runs");
    let first: Vec<f64> = (0..3).map(|at| numbers(&values[at])[0]).collect();
    assert_eq!(first, [2.0, 4.0, 4.0]);
}

#[test]
fn inputs_and_outputs_may_be_left_out() {
    // The third input of the unpool inside is optional, and so is that of the function.
    let unpool = function(
        "unpool",
        &["x", "i", "shape"],
        &["y"],
        vec![node("MaxUnpool", &["x", "i", "shape"], &["y"]).with(ints("kernel_shape", &[1]))],
    );
    let pooled = node("MaxPool", &["x"], &["v", "i"]).with(ints("kernel_shape", &[1]));
    for inputs in [&["v", "i"][..], &["v", "i", ""]] {
        let nodes = [pooled.clone(), call("unpool", inputs, &["y"])];
        let build = model(std::slice::from_ref(&unpool), &nodes);
        assert_eq!(result(&build), [1.0, 2.0, 3.0, 4.0]);
    }
    // Its required input is not.
    let nodes = [pooled, call("unpool", &["v", ""], &["y"])];
    let error = load(&model(&[unpool], &nodes)).expect_err("I is required");
    assert!(error.to_string().contains("input I is missing"), "{error}");
    // Of two outputs the first.
    let two = function(
        "two",
        &["a"],
        &["b", "c"],
        vec![node("MaxPool", &["a"], &["b", "c"]).with(ints("kernel_shape", &[4]))],
    );
    let second = two.clone();
    assert_eq!(
        result(&model(&[two], &[call("two", &["x"], &["y", ""])])),
        [4.0]
    );
    assert_eq!(
        result(&model(&[second], &[call("two", &["x"], &["", "y"])])),
        [3.0]
    );
}

/// An output that is an input, once and twice.
#[test]
fn outputs_may_be_inputs() {
    let same = function("same", &["a"], &["a"], vec![]);
    let build = model(&[same], &[call("same", &["x"], &["y"])]);
    assert_eq!(result(&build), [1.0, 2.0, 3.0, 4.0]);
    let both = function("both", &["a"], &["a", "a"], vec![]);
    let nodes = [
        call("both", &["x"], &["first", "second"]),
        node("Add", &["first", "second"], &["y"]),
    ];
    assert_eq!(result(&model(&[both], &nodes)), [2.0, 4.0, 6.0, 8.0]);
    // An output that the body computes, given out twice.
    let computed = function(
        "computed",
        &["a"],
        &["b", "b"],
        vec![node("Add", &["a", "a"], &["b"])],
    );
    let nodes = [
        call("computed", &["x"], &["first", "second"]),
        node("Add", &["first", "second"], &["y"]),
    ];
    assert_eq!(result(&model(&[computed], &nodes)), [4.0, 8.0, 12.0, 16.0]);
}

/// The body's operators are those of the opset that the function imports, not of the model's.
#[test]
fn functions_have_opsets_of_their_own() {
    let old = |attribute| {
        let body = node("AveragePool", &["a"], &["b"])
            .with(ints("kernel_shape", &[2]))
            .with(attribute);
        FunctionProto {
            opset_import: vec![import("", 7)],
            ..function("old", &["a"], &["b"], vec![body])
        }
    };
    let nodes = [call("old", &["x"], &["y"])];
    let included = model(&[old(int("count_include_pad", 1))], &nodes);
    assert_eq!(result(&included), [1.5, 2.5, 3.5]);
    let error = load(&model(&[old(int("ceil_mode", 1))], &nodes)).expect_err("new in 10");
    let text = error.to_string();
    assert!(text.contains("ceil_mode"), "{text}");
    assert!(text.contains("'old#0' / node 0 writing "), "{text}");
    assert!(text.contains("(AveragePool, opset 7)"), "{text}");
}

/// A function that is called like an operator stands in for it.
#[test]
fn functions_go_before_operators() {
    let relu = FunctionProto {
        domain: String::new(),
        opset_import: vec![import("", 22)],
        ..function(
            "Relu",
            &["a"],
            &["b"],
            vec![node("Add", &["a", "a"], &["b"])],
        )
    };
    let build = model(&[relu], &[node("Relu", &["x"], &["y"])]);
    assert_eq!(result(&build), [2.0, 4.0, 6.0, 8.0]);
}

#[test]
fn functions_that_are_refused() {
    let plain = |name: &str| function(name, &["a"], &["b"], vec![node("Identity", &["a"], &["b"])]);
    let called = |callee: &str| vec![call(callee, &["a"], &["b"])];
    let one = || vec![call("f", &["x"], &["y"])];
    let cases = [
        (vec![plain("f"), plain("f")], one(), "duplicate"),
        (
            vec![plain("f")],
            vec![call("f", &["x", "x"], &["y"])],
            "the function has 1 inputs, the call gives 2",
        ),
        (
            vec![plain("f")],
            vec![call("f", &["x"], &["y", "z"])],
            "the function has 1 outputs, the call gives 2",
        ),
        (
            vec![plain("f")],
            vec![call("f", &["x"], &["y"]).with(int("wobble", 1))],
            "the function has no attribute 'wobble'",
        ),
        (
            vec![function("f", &["a", "a"], &["b"], vec![])],
            one(),
            "two inputs 'a'",
        ),
        (
            vec![function("f", &["a"], &["b"], called("f"))],
            one(),
            "calls itself",
        ),
        (
            vec![
                function("f", &["a"], &["b"], called("g")),
                function("g", &["a"], &["b"], called("f")),
            ],
            one(),
            "calls itself, directly or through others",
        ),
        (
            vec![function("f", &["a"], &["b"], vec![])],
            one(),
            "'y' is not defined anywhere",
        ),
        (
            vec![function(
                "f",
                &["a"],
                &["b"],
                vec![node("Identity", &["c"], &["b"])],
            )],
            one(),
            "reads 'f#0/c', which is not defined anywhere",
        ),
        (
            // A body sees nothing of the graph around it.
            vec![function(
                "f",
                &["a"],
                &["b"],
                vec![node("Identity", &["x"], &["b"])],
            )],
            one(),
            "reads 'f#0/x', which is not defined anywhere",
        ),
        (
            vec![FunctionProto {
                opset_import: vec![import("", 22), import("ai.onnx", 21)],
                ..plain("f")
            }],
            one(),
            "two opset imports",
        ),
        (
            vec![FunctionProto {
                opset_import: vec![],
                ..plain("f")
            }],
            one(),
            "does not import",
        ),
    ];
    for (functions, nodes, words) in cases {
        let error = load(&model(&functions, &nodes)).expect_err(words);
        assert_eq!(error.class(), Class::Invalid, "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}

/// The names of calls that lead to a node are those of the nodes, where they have names.
#[test]
fn messages_lead_to_the_node() {
    let broken = node("MaxPool", &["a"], &["b"])
        .named("inner pool")
        .with(ints("kernel_shape", &[0]));
    let function = function("f", &["a"], &["b"], vec![broken]);
    let nodes = [call("f", &["x"], &["y"]).named("outer call")];
    let error = load(&model(&[function], &nodes)).expect_err("a kernel of 0");
    assert_eq!(
        error.to_string(),
        "'outer call' / node 0 'inner pool' (MaxPool, opset 22): kernel_shape[0] is 0, must be at least 1; \
         input f32[1,1,4]"
    );
    // So are those of what fails when it is run.
    let narrow = node("MaxPool", &["a"], &["b"]).with(ints("kernel_shape", &[9]));
    let function = self::function("f", &["a"], &["b"], vec![narrow]);
    let mut build = model(&[function], &nodes);
    build.graph().input[0] = support::model::value_info("x", DType::F32, Some("1,1,N"));
    let loaded = load(&build).expect("the size is not known");
    let x = Tensor::new(&[1, 1, 4], vec![0f32; 4]).expect("four elements");
    let error = loaded.run(inputs! { "x" => &x }).expect_err("too wide");
    assert_eq!(error.class(), Class::Run);
    assert!(
        error.to_string().starts_with("'outer call' / node 0 "),
        "{error}"
    );
}

#[test]
fn constants_in_functions_are_those_of_each_call() {
    // A tensor and a sparse tensor with a name, which no call shares with another.
    let dense = tensor(
        "value",
        tensor_proto("shared", &f32s(&[1, 1, 4], &[1.0, 2.0, 3.0, 4.0])),
    );
    let sparse = AttributeProto {
        sparse_tensor: Some(SparseTensorProto {
            values: Some(tensor_proto("shared", &f32s(&[1], &[10.0]))),
            indices: Some(tensor_proto("at", &i64s(&[1], &[0]))),
            dims: vec![4],
        }),
        ..attribute("sparse_value", AttributeType::SparseTensor)
    };
    let body = vec![
        node("Constant", &[], &["a"]).with(dense),
        node("Constant", &[], &["b"]).with(sparse),
        node("Add", &["x", "a"], &["sum"]),
        node("Add", &["sum", "b"], &["y"]),
    ];
    let add = function("add", &["x"], &["y"], body);
    let calls = [
        call("add", &["x"], &["once"]),
        call("add", &["once"], &["y"]),
    ];
    assert_eq!(result(&model(&[add], &calls)), [23.0, 6.0, 9.0, 12.0]);
}

#[test]
fn graphs_are_not_given_to_functions() {
    let graph = GraphProto::default();
    let called = call("pool", &["x"], &["y"])
        .with(ints("kernel", &[2]))
        .with(body("ceil", graph));
    let error = load(&model(&[pool()], &[called])).expect_err("it is refused");
    assert_eq!(error.class(), Class::Unsupported);
    assert!(
        error
            .to_string()
            .contains("the graph 'ceil' given to a function"),
        "{error}"
    );
}

/// Branches of a function's node have constants of their own, some with the names of the function's values.
#[test]
fn names_in_graphs_of_functions_are_those_of_each_call() {
    let branch = |factor: f64, output: &str| {
        let mut build = Build::new(22)
            .initializer("factor", &f32s(&[1], &[factor]))
            .node(node("Mul", &["x", "factor"], &["scaled"]))
            .node(node("Add", &["scaled", "sparse"], &[output]))
            .output(output);
        build.graph().sparse_initializer = vec![SparseTensorProto {
            values: Some(tensor_proto("sparse", &f32s(&[1], &[factor]))),
            indices: Some(tensor_proto("at", &i64s(&[1], &[1]))),
            dims: vec![4],
        }];
        build.0.graph.expect("it was just made")
    };
    let body_of = vec![
        node("Identity", &["x"], &["factor"]),
        node("If", &["which"], &["chosen"])
            .with(body("then_branch", branch(2.0, "a")))
            .with(body("else_branch", branch(3.0, "b"))),
        node("Sub", &["chosen", "factor"], &["y"]),
    ];
    let choose = function("choose", &["x", "which"], &["y"], body_of);
    let yes = Tensor::new(&[], vec![true]).expect("one element");
    let no = Tensor::new(&[], vec![false]).expect("one element");
    let calls = [
        call("choose", &["x", "yes"], &["once"]),
        call("choose", &["once", "no"], &["y"]),
    ];
    let build = model(&[choose], &calls)
        .initializer("yes", &yes)
        .initializer("no", &no);
    // x + 2 at place 1, then twice that + 3 at place 1.
    assert_eq!(result(&build), [2.0, 11.0, 6.0, 8.0]);
}
