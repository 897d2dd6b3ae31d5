//! Rewritten graphs compute what the nodes of the file compute: random blocks of convolutions and what follows them.

#[path = "support/mod.rs"]
mod support;

use linn::{DType, Form, Model, Options, Tensor, inputs};
use support::model::{Build, With, float, int, ints, node};
use support::{Random, Report, f32s, numbers};

/// How far results may be off, of the largest number that is rounded on the way: the tiles of Winograd's algorithm lose some
/// digits, and a wrong weight or element is off by a thousand times as much.
const BOUND: f64 = 5e-6;

/// Random numbers from -1 to 1, around `middle`.
fn noise(random: &mut Random, dims: &[usize], middle: f64, scale: f64) -> Tensor {
    let count = dims.iter().product();
    let next = |_| middle + scale * (random.range(-1000, 1000) as f64 / 1000.0);
    let values: Vec<f64> = (0..count).map(next).collect();
    f32s(dims, &values)
}

/// The sizes of a random convolution.
#[derive(Debug)]
struct Sizes {
    batch: usize,
    groups: usize,
    channels: usize,
    outputs: usize,
    spatial: Vec<usize>,
    kernel: Vec<i64>,
    stride: i64,
    dilation: i64,
}

impl Sizes {
    fn random(random: &mut Random) -> Sizes {
        let mut size = |low, high| random.range(low, high) as usize;
        let rank = [2, 2, 2, 1, 3][size(0, 4)];
        let most = [0, 60, 24, 7][rank];
        let (groups, channels, outputs) = match size(0, 3) {
            // One channel a group; tiles of 3x3; anything.
            0 => (size(2, 20), 1, size(1, 2)),
            1 => (size(1, 2), size(16, 40), size(16, 40)),
            _ => (size(1, 3), size(1, 9), size(1, 19)),
        };
        let kernel = [1, 1, 3, 3, 3, 2, 5][size(0, 6)];
        let plain = size(0, 2) > 0;
        let dilation = if plain { 1 } else { size(1, 2) as i64 };
        // Windows fit without padding.
        let least = 5.max((kernel - 1) * dilation + 1);
        Sizes {
            batch: size(1, 2),
            groups,
            channels,
            outputs,
            spatial: (0..rank).map(|_| size(least, most.max(least))).collect(),
            kernel: vec![kernel; rank],
            stride: if plain { 1 } else { size(1, 3) as i64 },
            dilation,
        }
    }

    fn input(&self) -> Vec<usize> {
        let channels = [self.batch, self.groups * self.channels];
        [&channels[..], &self.spatial].concat()
    }

    fn weights(&self) -> Vec<usize> {
        let kernel = self.kernel.iter().map(|size| *size as usize);
        [self.groups * self.outputs, self.channels]
            .into_iter()
            .chain(kernel)
            .collect()
    }
}

/// A model of one convolution and what may follow it.
fn block(random: &mut Random, sizes: &Sizes) -> Build {
    let dims = sizes.input();
    let text: Vec<String> = dims.iter().map(usize::to_string).collect();
    let fan_in = sizes.weights()[1..].iter().product::<usize>() as f64;
    let outputs = sizes.weights()[0];
    let pads: Vec<i64> = (0..2 * sizes.kernel.len())
        .map(|_| random.range(0, sizes.kernel[0] * sizes.dilation / 2))
        .collect();
    let mut build = Build::new(17)
        .input("x", DType::F32, &text.join(","))
        .output("y")
        .initializer(
            "w",
            &noise(random, &sizes.weights(), 0.0, fan_in.sqrt().recip()),
        );
    let mut read = vec!["x", "w"];
    if random.one_in(3) {
        // As networks that activate first have it.
        let channels = dims[1];
        for (name, middle, scale) in [
            ("scale_x", 1.0, 0.5),
            ("shift_x", 0.0, 0.5),
            ("mean_x", 0.0, 0.5),
            ("variance_x", 2.0, 1.0),
        ] {
            build = build.initializer(name, &noise(random, &[channels], middle, scale));
        }
        let normal = ["x", "scale_x", "shift_x", "mean_x", "variance_x"];
        build = build.node(node("BatchNormalization", &normal, &["normal_x"]));
        read[0] = "normal_x";
        if random.one_in(2) {
            build = build.node(node("Relu", &["normal_x"], &["active_x"]));
            read[0] = "active_x";
        }
    }
    if random.one_in(2) {
        build = build.initializer("bias", &noise(random, &[outputs], 0.0, 1.0));
        read.push("bias");
    }
    let conv = |read: &[&str], to: &str| {
        node("Conv", read, &[to])
            .with(ints("pads", &pads))
            .with(ints("strides", &vec![sizes.stride; sizes.kernel.len()]))
            .with(ints("dilations", &vec![sizes.dilation; sizes.kernel.len()]))
            .with(int("group", sizes.groups as i64))
    };
    let mut last = "conv";
    build = build.node(conv(&read, last));
    if random.one_in(2) {
        for (name, middle, scale) in [
            ("scale", 1.0, 0.5),
            ("shift", 0.0, 1.0),
            ("mean", 0.0, 1.0),
            ("variance", 2.0, 1.0),
        ] {
            build = build.initializer(name, &noise(random, &[outputs], middle, scale));
        }
        let read = [last, "scale", "shift", "mean", "variance"];
        let normal = node("BatchNormalization", &read, &["normal"]).with(float("epsilon", 0.01));
        (build, last) = (build.node(normal), "normal");
    }
    // Constants of channels, as older exporters write the scale and the shift behind a BatchNormalization.
    let mut channels = vec![1; sizes.kernel.len() + 2];
    channels[1] = outputs;
    for (operator, constant, to) in [("Mul", "factor", "scaled"), ("Add", "summand", "moved")] {
        if random.one_in(2) {
            // With all axes, without that of the batch, or one number for all channels.
            let dims = match random.range(0, 2) {
                2 => &[],
                left_out => &channels[left_out as usize..],
            };
            let read = match random.one_in(2) {
                true => [last, constant],
                false => [constant, last],
            };
            build = build
                .initializer(constant, &noise(random, dims, 1.0, 0.5))
                .node(node(operator, &read, &[to]));
            last = to;
        }
    }
    if random.one_in(2) {
        // The other summand comes from a convolution of its own, before or behind the first.
        build = build.node(conv(&["x", "w"], "branch"));
        let operator = if random.one_in(2) { "Add" } else { "Sum" };
        let read = if random.one_in(2) {
            [last, "branch"]
        } else {
            ["branch", last]
        };
        (build, last) = (build.node(node(operator, &read, &["sum"])), "sum");
    }
    match random.range(0, 3) {
        0 => {
            (build, last) = (
                build.node(node("Relu", &[last], &["activated"])),
                "activated",
            )
        }
        1 => {
            build = build
                .initializer("low", &f32s(&[], &[-0.25]))
                .initializer("high", &f32s(&[], &[0.5]))
                .node(node("Clip", &[last, "low", "high"], &["activated"]));
            last = "activated";
        }
        _ => {}
    }
    if random.one_in(4) {
        // Another reader of the convolution, so that it has to stay as it is.
        build = build
            .output("conv_too")
            .node(node("Neg", &["conv"], &["conv_too"]));
    }
    build.node(node("Identity", &[last], &["y"]))
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

/// The largest magnitude of what convolutions, BatchNormalization and sums yield.
fn largest_before_activation(model: &Model, x: &Tensor) -> f64 {
    let mut largest = 1.0f64;
    for name in [
        "normal_x", "conv", "normal", "scaled", "moved", "branch", "sum",
    ] {
        if let Ok(outputs) = model.fetch(inputs! { "x" => x }, &[name]) {
            let values = numbers(&outputs[name]).into_iter();
            largest = values.fold(largest, |most, value| most.max(value.abs()));
        }
    }
    largest
}

#[test]
fn random_blocks_give_the_same_but_for_rounding() {
    let mut random = Random::new(7);
    let mut report = Report::default();
    let mut rounded_otherwise = 0;
    for number in 0..300 {
        let sizes = Sizes::random(&mut random);
        let (build, x) = (
            block(&mut random, &sizes),
            noise(&mut random, &sizes.input(), 0.0, 1.0),
        );
        let as_written = load(&build, false);
        let plain = outputs(&as_written, &x);
        let largest = largest_before_activation(&as_written, &x);
        let rewritten = load(&build, true);
        let got = outputs(&rewritten, &x);
        rounded_otherwise += usize::from(got != plain);
        for (got, plain) in got.iter().zip(&plain) {
            let off = got.iter().zip(plain).map(|(a, b)| (a - b).abs());
            let off = off.fold(
                0.0f64,
                |most, value| if value <= most { most } else { value },
            );
            let close = got.len() == plain.len() && off <= BOUND * largest;
            let result = if close {
                Ok(())
            } else {
                Err(format!("off by {off} of {largest}"))
            };
            report.check(format!("block {number}, {sizes:?}"), result);
        }
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.expect("threads can be had");
            let same = pool.install(|| outputs(&rewritten, &x)) == got;
            let result = if same {
                Ok(())
            } else {
                Err("other bits".to_string())
            };
            report.check(format!("block {number} on {threads} threads"), result);
        }
    }
    assert!(
        rounded_otherwise > 100,
        "{rounded_otherwise} were rewritten"
    );
    report.finish(1200);
}

#[test]
fn what_leads_to_a_convolution_of_single_elements_is_a_part_of_it() {
    let with = |kernel: usize, twice: bool| {
        let ones = f32s(&[3], &[1.0, 2.0, 0.5]);
        let mut build = Build::new(17)
            .input("x", DType::F32, "1,3,4,4")
            .output("y")
            .initializer("ones", &ones)
            .initializer(
                "w",
                &f32s(&[2, 3, kernel, kernel], &vec![0.5; 6 * kernel * kernel]),
            )
            .node(node(
                "BatchNormalization",
                &["x", "ones", "ones", "ones", "ones"],
                &["normal"],
            ))
            .node(node("Relu", &["normal"], &["active"]))
            .node(node("Conv", &["active", "w"], &["conv"]))
            .node(node("Relu", &["conv"], &["y"]));
        if twice {
            build = build.output("z").node(node("Neg", &["active"], &["z"]));
        }
        let model = load(&build, true);
        let absorbed = model.nodes_of(Form::Running).map(|node| {
            let names = node.absorbed.into_iter();
            names.map(|name| name.operator).collect::<Vec<_>>()
        });
        absorbed.collect::<Vec<_>>()
    };
    assert_eq!(with(1, false), [["BatchNormalization", "Relu", "Relu"]]);
    assert_eq!(with(3, false), [["Relu"], ["Relu"]]);
    assert_eq!(with(1, true), [&["Relu"][..], &["Relu"], &[]]);
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

fn outputs_of(build: &Build, rewritten: bool, x: &Tensor) -> Vec<f64> {
    outputs(&load(build, rewritten), x).swap_remove(0)
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
        let model = load(&build, optimize);
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

/// A value that is computed, and its shape.
type Value = (String, Vec<usize>);

/// Random nodes that may write over what they read, or pass it on under another shape.
fn chain(random: &mut Random) -> (Build, Vec<String>) {
    let full = vec![2, 3, 4];
    let mut build = Build::new(20).input("x", DType::F32, "2,3,4");
    for (name, dims) in [("row", &[1, 4][..]), ("whole", &full), ("flat", &[24])] {
        build = build.initializer(name, &noise(random, dims, 0.5, 1.0));
    }
    let shapes = [("to_whole", vec![2, 3, 4]), ("to_flat", vec![24])];
    for (name, dims) in &shapes {
        build = build.initializer(name, &support::i64s(&[dims.len()], dims));
    }
    let mut values: Vec<Value> = vec![("x".to_string(), full.clone())];
    for index in 0..12 {
        let pick = |random: &mut Random| {
            let back = random.range(0, 2).min(values.len() as i64 - 1) as usize;
            values[values.len() - 1 - back].clone()
        };
        let (a, shape) = pick(random);
        let (b, b_shape) = pick(random);
        let name = format!("v{index}");
        let constant = match shape.len() {
            1 => "flat",
            _ if random.one_in(2) => "row",
            _ => "whole",
        };
        let operator = ["Add", "Sub", "Mul"][random.range(0, 2) as usize];
        let (made, shape) = match random.range(0, 4) {
            0 => (node("Sigmoid", &[&a], &[&name]), shape),
            1 => (node(operator, &[&a, constant], &[&name]), shape),
            2 => (node(operator, &[constant, &a], &[&name]), shape),
            3 if b_shape == shape => (node(operator, &[&a, &b], &[&name]), shape),
            _ => {
                let (to, wanted) = &shapes[usize::from(shape.len() == 3)];
                let wanted = wanted.iter().map(|size| *size as usize).collect();
                (node("Reshape", &[&a, to], &[&name]), wanted)
            }
        };
        build = build.node(made);
        values.push((name, shape));
    }
    let names: Vec<String> = values.into_iter().skip(1).map(|(name, _)| name).collect();
    for name in &names {
        build = build.output(name);
    }
    (build, names)
}

/// Where only the last value is asked for, all others die on the way; where all are asked for, none does.
#[test]
fn what_nobody_reads_any_more_may_be_written_over() {
    let mut random = Random::new(11);
    let mut report = Report::default();
    for round in 0..300 {
        let (build, names) = chain(&mut random);
        let mut options = Options::default();
        options.optimize = false;
        let model = Model::from_bytes_with(build.bytes(), &options).expect("it loads");
        let x = noise(&mut random, &[2, 3, 4], 0.0, 2.0);
        let all = model.run(inputs! { "x" => &x }).expect("it runs");
        for name in &names {
            let alone = model
                .fetch(inputs! { "x" => &x }, &[name])
                .expect("it runs");
            let same = alone[name.as_str()] == all[name.as_str()];
            let result = if same {
                Ok(())
            } else {
                Err("differs".to_string())
            };
            report.check(format!("round {round}, {name}"), result);
        }
    }
    report.finish(3600);
}

#[test]
fn a_chain_takes_the_memory_of_one_value() {
    let mut build = Build::new(20).input("x", DType::F32, "64,1024");
    build = build.initializer("shape", &support::i64s(&[1], &[-1]));
    build = build.node(node("Reshape", &["x", "shape"], &["v0"]));
    for index in 0..6 {
        let (from, to) = (format!("v{index}"), format!("v{}", index + 1));
        build = build.node(node("Sigmoid", &[&from], &[&to]));
    }
    let model = Model::from_bytes(build.output("v6").bytes()).expect("it loads");
    let x = f32s(&[64, 1024], &vec![0.5; 1 << 16]);
    model.run(inputs! { "x" => &x }).expect("it runs");
    let most = (1 << 18) + 1024;
    assert!(model.peak_bytes() <= most, "{} bytes", model.peak_bytes());
}

/// A convolution done in tiles, and the same without rewriting.
fn tiled(x: &Tensor) -> [Vec<f64>; 2] {
    let mut random = Random::new(5);
    let w = noise(&mut random, &[16, 16, 3, 3], 0.0, 1.0);
    let build = Build::new(20)
        .input("x", DType::F32, "1,16,16,16")
        .initializer("w", &w)
        .node(node("Conv", &["x", "w"], &["y"]).with(ints("pads", &[1, 1, 1, 1])))
        .output("y");
    [true, false].map(|optimize| {
        let mut options = Options::default();
        options.optimize = optimize;
        let model = Model::from_bytes_with(build.bytes(), &options).expect("it loads");
        numbers(&model.run(inputs! { "x" => x }).expect("it runs")["y"])
    })
}

#[test]
fn what_is_not_finite_reaches_the_windows_that_read_it_alone() {
    let mut random = Random::new(6);
    let plain = noise(&mut random, &[1, 16, 16, 16], 0.0, 1.0);
    for odd in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e38] {
        let mut values: Vec<f64> = numbers(&plain);
        values[5 * 256 + 7 * 16 + 9] = odd.into();
        let [fast, plainly] = tiled(&f32s(&[1, 16, 16, 16], &values));
        let nan = |values: &[f64]| values.iter().filter(|x| x.is_nan()).count();
        let finite = |values: &[f64]| values.iter().filter(|x| x.is_finite()).count();
        assert_eq!(nan(&fast), nan(&plainly), "{odd}");
        assert_eq!(finite(&fast), finite(&plainly), "{odd}");
        if odd.is_infinite() {
            assert_eq!(finite(&fast), 16 * 256 - 16 * 9, "{odd}");
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

/// The largest difference of what the rewritten model gives, and the operators that its last node has absorbed.
fn against_written(build: &Build, x: &Tensor) -> (f64, Vec<String>) {
    let [plain, got] = [false, true].map(|rewritten| outputs_of(build, rewritten, x));
    assert_eq!(plain.len(), got.len());
    let off = plain.iter().zip(&got).map(|(a, b)| (a - b).abs());
    let model = load(build, true);
    let last = model.nodes_of(Form::Running).last().expect("a node");
    let names = last.absorbed.into_iter().map(|name| name.operator);
    (off.fold(0.0, f64::max), names.collect())
}

/// BatchNormalization of `channels` channels, then a convolution of single elements.
fn led(random: &mut Random, channels: usize, group: usize, outputs: usize) -> Build {
    let dims = format!("2,{channels},5,7");
    let mut build = Build::new(17).input("x", DType::F32, &dims).output("y");
    for (name, middle) in [
        ("scale", 1.0),
        ("shift", 0.0),
        ("mean", 0.5),
        ("variance", 2.0),
    ] {
        build = build.initializer(name, &noise(random, &[channels], middle, 0.5));
    }
    let read = ["x", "scale", "shift", "mean", "variance"];
    build
        .node(node("BatchNormalization", &read, &["normal"]))
        .initializer(
            "w",
            &noise(random, &[outputs, channels / group, 1, 1], 0.0, 0.5),
        )
        .node(node("Conv", &["normal", "w"], &["y"]).with(int("group", group as i64)))
}

#[test]
fn what_leads_to_a_convolution_is_that_of_the_channels_of_each_group() {
    let mut random = Random::new(17);
    for (channels, group, outputs) in [(6, 1, 5), (6, 3, 9), (12, 2, 4), (1, 1, 1), (0, 1, 2)] {
        let build = led(&mut random, channels, group, outputs);
        let x = noise(&mut random, &[2, channels, 5, 7], 0.0, 1.0);
        let (off, absorbed) = against_written(&build, &x);
        assert!(off < 1e-5, "{channels} channels in {group} groups: {off}");
        assert_eq!(
            absorbed,
            ["BatchNormalization"],
            "{channels} channels in {group} groups"
        );
    }
    // Weights that come with each run.
    let mut build = led(&mut random, 4, 1, 3);
    let w = build.graph().initializer.pop().expect("the weights");
    let build = build
        .node(node("Identity", &["v"], &["w"]))
        .input("v", DType::F32, "3,4,1,1");
    let x = noise(&mut random, &[2, 4, 5, 7], 0.0, 1.0);
    let v = noise(&mut random, &[3, 4, 1, 1], 0.0, 0.5);
    assert_eq!(w.name, "w");
    let run = |rewritten| {
        let y = load(&build, rewritten).run(inputs! { "x" => &x, "v" => &v });
        numbers(&y.expect("it runs")["y"])
    };
    let (plain, got) = (run(false), run(true));
    assert!(plain.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-5));
}

/// Factors that single precision cannot hold would make NaN of zeros.
#[test]
fn what_leads_to_a_convolution_stays_where_it_is_too_large() {
    let mut random = Random::new(19);
    let mut build = led(&mut random, 2, 1, 3);
    build
        .graph()
        .initializer
        .retain(|tensor| tensor.name == "w");
    for (name, number) in [
        ("scale", 3e38),
        ("shift", 1.0),
        ("mean", 0.0),
        ("variance", 0.0),
    ] {
        build = build.initializer(name, &f32s(&[2], &[number; 2]));
    }
    let x = f32s(&[2, 2, 5, 7], &[0.0; 140]);
    let (off, absorbed) = against_written(&build, &x);
    assert!(off < 1e-5 && absorbed.is_empty(), "{off}, {absorbed:?}");
}

#[test]
fn groups_without_outputs_take_no_time() {
    let mut random = Random::new(23);
    let mut build = led(&mut random, 0, 1, 0);
    let conv = build.graph().node.last_mut().expect("the convolution");
    *conv = conv.clone().with(int("group", 1 << 40));
    conv.attribute.remove(0);
    assert!(outputs_of(&build, true, &f32s(&[2, 0, 5, 7], &[])).is_empty());
}
