//! Deadlines, and callers that lose interest: what runs ends soon, and the model can be used again.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use linn::proto::NodeProto;
use linn::{Class, DType, Form, Model, Remedy, Stop, Tensor, Window, inputs, pooling};

use crate::support::model::{Build, OneNode, With, int, ints, node};
use crate::support::{counting, numbers};

/// How long a run may go on behind its deadline, on a machine that does other things too and with kernels that are not
/// compiled to be fast.
const PATIENCE: Duration = Duration::from_secs(3);

/// A node, the shape of its input, and that of its weights if it has some.
type Long<'a> = (NodeProto, &'a [usize], Option<&'a [usize]>);

fn ones(dims: &[usize]) -> Tensor {
    let len = dims.iter().product();
    Tensor::new(dims, vec![1f32; len]).expect("they fit")
}

/// A node of `x` and weights of the shape `w`, if any, that takes very long.
fn build(node: NodeProto, x: &[usize], w: Option<&[usize]>) -> Build {
    let text: Vec<String> = x.iter().map(ToString::to_string).collect();
    let build = Build::new(21)
        .input("x", DType::F32, &text.join(","))
        .node(node.named("long"))
        .output("y");
    match w {
        Some(w) => build.initializer("w", &ones(w)),
        None => build,
    }
}

#[test]
fn what_is_fetched_is_not_there_after_a_stop() {
    let bytes = OneNode::new("Neg", 13).input(DType::F32, "2").bytes();
    let model = Model::from_bytes(bytes).expect("it is valid");
    let x = Tensor::new(&[2], vec![1f32, 2.0]).expect("two elements");
    let stop = Stop::new();
    stop.stop();
    let fetched = stop.install(|| model.fetch(inputs! { "x0" => &x }, &["y0"]));
    assert_eq!(fetched.map(|_| ()).unwrap_err().class(), Class::Limit);
    assert!(model.fetch(inputs! { "x0" => &x }, &["y0"]).is_ok());
}

#[test]
fn a_run_ends_soon_after_its_deadline() {
    let cases: [Long; 6] = [
        (
            node("MatMul", &["x", "w"], &["y"]),
            &[4096, 4096],
            Some(&[4096, 4096]),
        ),
        (
            node("Conv", &["x", "w"], &["y"]).with(ints("pads", &[1; 4])),
            &[4, 256, 256, 256],
            Some(&[256, 256, 3, 3]),
        ),
        (
            node("Conv", &["x", "w"], &["y"]),
            &[4, 128, 256, 256],
            Some(&[128, 128, 5, 5]),
        ),
        (
            node("Conv", &["x", "w"], &["y"]).with(int("group", 64)),
            &[8, 64, 512, 512],
            Some(&[64, 1, 7, 7]),
        ),
        (
            node("ConvTranspose", &["x", "w"], &["y"]),
            &[4, 128, 128, 128],
            Some(&[128, 128, 4, 4]),
        ),
        (
            node("LpPool", &["x"], &["y"])
                .with(ints("kernel_shape", &[65, 65]))
                .with(ints("dilations", &[3, 3]))
                .with(int("p", 3)),
            &[4, 64, 300, 300],
            None,
        ),
    ];
    for (node, x, w) in cases {
        let operator = node.op_type.clone();
        ends_soon(&operator, &build(node, x, w), x);
    }
}

#[test]
fn a_run_of_convolutions_that_are_one_node_ends_soon_too() {
    let x = [2, 128, 512, 512];
    let each = node("Conv", &["all", "each"], &["y"]).with(int("group", 512));
    let build = Build::new(21)
        .input("x", DType::F32, "2,128,512,512")
        .initializer("w", &ones(&[512, 128, 1, 1]))
        .initializer("each", &ones(&[512, 1, 3, 3]))
        .node(node("Conv", &["x", "w"], &["all"]))
        .node(
            each.with(ints("pads", &[1; 4]))
                .with(ints("strides", &[2; 2]))
                .named("long"),
        )
        .output("y");
    ends_soon("Conv", &build, &x);
}

/// Runs a model of ones, which is to end with an error after a short time.
fn ends_soon(operator: &str, build: &Build, x: &[usize]) {
    let model = Model::from_bytes(build.bytes()).expect("it is valid");
    assert_eq!(model.nodes_of(Form::Running).count(), 1, "{operator}");
    let x = ones(x);
    let timeout = Duration::from_millis(50);
    let began = Instant::now();
    let error = Stop::after(timeout)
        .install(|| model.run(inputs! { "x" => &x }))
        .expect_err("it takes longer");
    let took = began.elapsed();
    assert_eq!(error.class(), Class::Limit, "{operator}: {error}");
    assert_eq!(error.remedy(), Some(Remedy::TimeLimit));
    assert!(error.to_string().contains("'long'"), "{error}");
    assert!(took < timeout + PATIENCE, "{operator}: {took:?}");
}

#[test]
fn another_thread_ends_a_run_and_the_model_runs_again() {
    let build = Build::new(21)
        .input("x", DType::F32, "N,N")
        .node(node("MatMul", &["x", "x"], &["y"]))
        .output("y");
    let model = Model::from_bytes(build.bytes()).expect("it is valid");
    let (stop, large) = (Stop::new(), ones(&[6000, 6000]));
    let (started, is_started) = mpsc::channel();
    thread::scope(|scope| {
        let run = scope.spawn(|| {
            started.send(()).expect("somebody waits");
            let result = stop.install(|| model.run(inputs! { "x" => &large }));
            (result.map(|_| ()), Instant::now())
        });
        is_started.recv().expect("it starts");
        thread::sleep(Duration::from_millis(100));
        stop.stop();
        let stopped = Instant::now();
        let (result, ended) = run.join().expect("no panic");
        let error = result.expect_err("it takes longer");
        assert!(
            error.to_string().contains("was stopped by the caller"),
            "{error}"
        );
        assert!(ended.saturating_duration_since(stopped) < PATIENCE);
    });
    // Without it, and with it, which stays set.
    let x = counting(DType::F32, &[2, 2]);
    let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
    assert_eq!(numbers(&outputs["y"]), [7.0, 10.0, 15.0, 22.0]);
    let again = stop.install(|| model.run(inputs! { "x" => &x }));
    assert_eq!(again.map(|_| ()).unwrap_err().class(), Class::Limit);
    let loaded = stop.install(|| Model::load("models/branches/model.onnx"));
    assert_eq!(loaded.map(|_| ()).unwrap_err().class(), Class::Limit);
}

#[test]
fn pools_without_a_model_end_too() {
    let x = ndarray::Array4::<f32>::ones((1, 1, 4, 4));
    let window = Window::new([2, 2]);
    let stop = Stop::after(Duration::from_secs(3600));
    assert!(
        stop.install(|| pooling::max_pool(x.view(), &window))
            .is_ok()
    );
    stop.stop();
    let error = stop
        .install(|| pooling::max_pool(x.view(), &window))
        .unwrap_err();
    assert_eq!(error.class, Class::Limit);
    let error = stop
        .install(|| pooling::average_pool(x.view(), &window, true))
        .unwrap_err();
    assert_eq!(error.class, Class::Limit);
    assert!(pooling::max_pool(x.view(), &window).is_ok());
}
