//! Random blocks of convolutions with what leads to them and what follows them.

use linn::{DType, Model, Tensor, inputs};

use super::support::model::{Build, With, int, ints, node};
use super::support::{Random, Report, f32s, numbers};
use super::{load, noise, normalized, outputs};

/// How far results may be off, of the largest number that is rounded on the way: the tiles of Winograd's algorithm lose some
/// digits, and a wrong weight or element is off by a thousand times as much.
const BOUND: f64 = 5e-6;

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
        build = normalized(build, random, dims[1], "x", "normal_x");
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
        build = normalized(build, random, outputs, last, "normal");
        last = "normal";
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
