//! Rewritten graphs compute what the nodes of the file compute.

#[path = "optimize/blocks.rs"]
mod blocks;
#[path = "optimize/chains.rs"]
mod chains;
#[path = "optimize/dense.rs"]
mod dense;
#[path = "optimize/expanded.rs"]
mod expanded;
#[path = "optimize/integers.rs"]
mod integers;
#[path = "optimize/lead.rs"]
mod lead;
#[path = "optimize/memory.rs"]
mod memory;
#[path = "optimize/planes.rs"]
mod planes;
#[path = "optimize/shuffles.rs"]
mod shuffles;
#[path = "optimize/slices.rs"]
mod slices;
#[path = "support/mod.rs"]
mod support;

use std::num::NonZeroUsize;

use linn::{DType, Model, Options, Simd, Tensor, Threads, inputs};
use support::model::{Build, With, float, int, ints, node};
use support::{Random, f32s, numbers, tensor};

/// Small numbers, whose sums are exact in any order.
fn small(random: &mut Random, dtype: DType, dims: &[usize]) -> Tensor {
    let count = dims.iter().product();
    let numbers: Vec<f64> = (0..count).map(|_| random.range(-3, 3) as f64).collect();
    tensor(dtype, dims, &numbers)
}

/// A model on an instruction set and as many threads.
fn model_on(build: &Build, simd: Simd, threads: usize, optimize: bool) -> Model {
    let mut options = Options::default();
    let threads = NonZeroUsize::new(threads).expect("some");
    options.threads = Threads::Count(threads);
    (options.simd, options.optimize) = (simd, optimize);
    Model::from_bytes_with(build.bytes(), &options).expect("it is valid")
}

/// Random numbers from -1 to 1, around `middle`.
fn noise(random: &mut Random, dims: &[usize], middle: f64, scale: f64) -> Tensor {
    let count = dims.iter().product();
    let next = |_| middle + scale * (random.range(-1000, 1000) as f64 / 1000.0);
    let values: Vec<f64> = (0..count).map(next).collect();
    f32s(dims, &values)
}

/// Adds a BatchNormalization of `channels` channels with random numbers.
fn normalized(
    mut build: Build,
    random: &mut Random,
    channels: usize,
    from: &str,
    to: &str,
) -> Build {
    let numbers = [
        ("scale", 1.0, 0.5),
        ("shift", 0.0, 1.0),
        ("mean", 0.0, 1.0),
        ("variance", 2.0, 1.0),
    ];
    let names = numbers.map(|(name, ..)| format!("{to}_{name}"));
    for (name, (_, middle, scale)) in names.iter().zip(numbers) {
        build = build.initializer(name, &noise(random, &[channels], middle, scale));
    }
    let [scale, shift, mean, variance] = names.each_ref().map(String::as_str);
    let read = [from, scale, shift, mean, variance];
    build.node(node("BatchNormalization", &read, &[to]).with(float("epsilon", 0.01)))
}

fn load(build: &Build, optimize: bool) -> Model {
    let mut options = Options::default();
    options.optimize = optimize;
    Model::from_bytes_with(build.bytes(), &options).expect("it is valid")
}

fn outputs(model: &Model, x: &Tensor) -> Vec<Vec<f64>> {
    let outputs = model.run(inputs! { "x" => x }).expect("it runs");
    let named = model.outputs().iter();
    named
        .map(|info| numbers(&outputs[info.name.as_str()]))
        .collect()
}

fn outputs_of(build: &Build, rewritten: bool, x: &Tensor) -> Vec<f64> {
    outputs(&load(build, rewritten), x).swap_remove(0)
}

/// In all kinds of tiles: whole ones, those at the edges, and those of few columns.
#[test]
fn nan_stays_nan_where_products_are_added_to_and_held_between_bounds() {
    let mut random = Random::new(13);
    for (columns, outputs, kernel) in [1, 4, 9, 16, 33, 70, 200]
        .into_iter()
        .flat_map(|columns| [1, 5, 6, 14, 30].map(|outputs| (columns, outputs)))
        .flat_map(|(columns, outputs)| [1, 3].map(|kernel| (columns, outputs, kernel)))
    {
        for clip in [false, true] {
            let dims = format!("1,{outputs},{columns},2");
            let mut bias: Vec<f64> = (0..outputs).map(|at| at as f64 / 20.0 - 0.5).collect();
            bias[outputs / 2] = f64::NAN;
            let conv = node("Conv", &["x", "w", "bias"], &["conv"])
                .with(ints("pads", &[kernel as i64 / 2; 4]));
            let mut build = Build::new(17)
                .input("x", DType::F32, &dims)
                .output("y")
                .initializer(
                    "w",
                    &noise(&mut random, &[outputs, outputs, kernel, kernel], 0.0, 0.2),
                )
                .initializer("bias", &f32s(&[outputs], &bias))
                .node(conv)
                .node(node("Add", &["conv", "x"], &["sum"]));
            build = match clip {
                false => build.node(node("Relu", &["sum"], &["y"])),
                true => build
                    .initializer("low", &f32s(&[], &[-0.3]))
                    .initializer("high", &f32s(&[], &[0.4]))
                    .node(node("Clip", &["sum", "low", "high"], &["y"])),
            };
            let mut x = numbers(&noise(&mut random, &[1, outputs, columns, 2], 0.0, 1.0));
            if columns % 2 == 1 {
                // Without these, windows of 3x3 are done in tiles.
                let last = x.len() - 1;
                (x[0], x[last]) = (f64::INFINITY, f64::NAN);
            }
            let x = f32s(&[1, outputs, columns, 2], &x);
            let [plain, got] = [false, true].map(|rewritten| outputs_of(&build, rewritten, &x));
            let same =
                |(a, b): (&f64, &f64)| a == b || (a - b).abs() < 1e-5 || a.is_nan() && b.is_nan();
            assert!(
                plain.iter().any(|value| value.is_nan()) && plain.iter().zip(&got).all(same),
                "{columns} columns, {outputs} outputs, {kernel}, {clip}: {plain:?} {got:?}"
            );
        }
    }
}

#[test]
fn constants_are_computed_when_the_model_is_loaded() {
    let build = Build::new(17)
        .input("x", DType::F32, "2")
        .output("y")
        .output("made")
        .initializer("a", &f32s(&[2], &[1.0, 2.0]))
        .node(node("Add", &["a", "a"], &["twice"]))
        .node(node("Neg", &["twice"], &["made"]))
        .node(node("Mul", &["x", "made"], &["y"]));
    for optimize in [false, true] {
        let mut options = Options::default();
        (options.optimize, options.keep_values) = (optimize, true);
        let model = Model::from_bytes_with(build.bytes(), &options).expect("it is valid");
        let x = f32s(&[2], &[3.0, 5.0]);
        let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
        assert_eq!(numbers(&outputs["y"]), [-6.0, -20.0]);
        assert_eq!(numbers(&outputs["made"]), [-2.0, -4.0]);
        let fetched = model.fetch(inputs! { "x" => &x }, &["twice", "made"]);
        let fetched = fetched.expect("they are values");
        assert_eq!(numbers(&fetched["twice"]), [2.0, 4.0]);
        assert_eq!(numbers(&fetched["made"]), [-2.0, -4.0]);
    }
}

#[test]
fn what_fails_on_constants_fails_when_it_is_run() {
    let build = Build::new(17)
        .input("x", DType::F32, "2")
        .output("y")
        .initializer("at", &support::i64s(&[1], &[9]))
        .initializer("a", &f32s(&[2], &[1.0, 2.0]))
        .node(node("Gather", &["a", "at"], &["none"]))
        .node(node("Add", &["x", "none"], &["y"]));
    let model = load(&build, true);
    let x = f32s(&[2], &[3.0, 5.0]);
    let error = model
        .run(inputs! { "x" => &x })
        .expect_err("9 is out of range");
    assert!(error.to_string().contains("Gather"), "{error}");
}

#[test]
fn inputs_without_elements_are_all_padding() {
    for (groups, channels, each) in [(1, 16, 16), (1, 2, 3), (4, 1, 1)] {
        let all = groups * each;
        let node = node("Conv", &["x", "w", "bias"], &["y"])
            .with(ints("pads", &[9, 9, 9, 9]))
            .with(int("group", groups as i64));
        let bias: Vec<f64> = (0..all).map(|channel| channel as f64).collect();
        for batch in [0, 1] {
            let dims = [batch, groups * channels, 3, 0];
            let text = dims.map(|dim| dim.to_string()).join(",");
            let build = Build::new(17)
                .input("x", DType::F32, &text)
                .output("y")
                .initializer(
                    "w",
                    &f32s(&[all, channels, 3, 3], &vec![1.0; all * channels * 9]),
                )
                .initializer("bias", &f32s(&[all], &bias))
                .node(node.clone());
            for optimize in [false, true] {
                let y = &outputs(&load(&build, optimize), &f32s(&dims, &[]))[0];
                let wanted: Vec<f64> = (0..batch * all * 19 * 16)
                    .map(|at| bias[at / (19 * 16) % all])
                    .collect();
                assert_eq!(y, &wanted, "{groups} groups of {channels}, batch {batch}");
            }
        }
    }
}

#[test]
fn a_declared_shape_that_is_wrong_is_not_built_upon() {
    let mut random = Random::new(8);
    let build = Build::new(20)
        .input("x", DType::F32, "1,2,4,4")
        .input("d", DType::F32, "4")
        .input("s", DType::I64, "4")
        .initializer("w", &noise(&mut random, &[4, 2, 1, 1], 0.0, 1.0))
        .node(node("Conv", &["x", "w"], &["c"]))
        .node(node("Reshape", &["d", "s"], &["b"]))
        .node(node("Add", &["c", "b"], &["y"]));
    let mut build = build.output("y");
    for name in ["c", "b"] {
        let mut declared = Build::new(20).typed_output(name, DType::F32, "1,4,4,4");
        let info = declared.graph().output.remove(0);
        build.graph().value_info.push(info);
    }
    let model = Model::from_bytes(build.bytes()).expect("it loads");
    let x = noise(&mut random, &[1, 2, 4, 4], 0.0, 1.0);
    let (d, s) = (
        f32s(&[4], &[1.0, 2.0, 3.0, 4.0]),
        support::i64s(&[4], &[1, 4, 1, 1]),
    );
    let inputs = || inputs! { "x" => &x, "d" => &d, "s" => &s };
    let y = model.run(inputs()).expect("it runs");
    let c = model.fetch(inputs(), &["c"]).expect("it runs");
    for (index, (y, c)) in numbers(&y["y"]).iter().zip(numbers(&c["c"])).enumerate() {
        let added = (index / 16 + 1) as f64;
        assert!((y - c - added).abs() < 1e-6, "{index}");
    }
}

#[test]
fn rewriting_leaves_room_for_the_run() {
    let mut random = Random::new(9);
    let mut build = Build::new(20).input("x", DType::F32, "1,64,8,8");
    let mut from = "x".to_string();
    for index in 0..4 {
        let (w, to) = (format!("w{index}"), format!("v{index}"));
        build = build.initializer(&w, &noise(&mut random, &[64, 64, 3, 3], 0.0, 0.1));
        build = build.node(node("Conv", &[&from, &w], &[&to]).with(ints("pads", &[1, 1, 1, 1])));
        from = to;
    }
    let bytes = build.output("v3").bytes();
    let x = noise(&mut random, &[1, 64, 8, 8], 0.0, 1.0);
    for megabytes in [2, 3, 4, 8] {
        let mut options = Options::default();
        options.memory_limit = megabytes << 20;
        let model = Model::from_bytes_with(bytes.clone(), &options).expect("it loads");
        model.run(inputs! { "x" => &x }).expect("it runs");
        assert!(model.peak_bytes() <= megabytes << 20);
    }
}

/// Kernels of other threads use the instruction set that the model was loaded for, not the best one.
#[test]
fn an_instruction_set_holds_on_all_threads() {
    let mut random = Random::new(12);
    let bytes = Build::new(20)
        .input("x", DType::F32, "8,40,50")
        .input("w", DType::F32, "8,50,60")
        .node(node("MatMul", &["x", "w"], &["y"]))
        .output("y")
        .bytes();
    let x = noise(&mut random, &[8, 40, 50], 0.0, 1.0);
    let w = noise(&mut random, &[8, 50, 60], 0.0, 1.0);
    for simd in linn::Simd::available() {
        let mut options = Options::default();
        options.simd = simd;
        let model = Model::from_bytes_with(bytes.clone(), &options).expect("it loads");
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let run = || model.run(inputs! { "x" => &x, "w" => &w });
            let outputs = pool.build().expect("threads").install(run);
            numbers(&outputs.expect("it runs")["y"])
        };
        let one = on(1);
        assert!((0..5).all(|_| on(3) == one), "{simd}");
    }
}
