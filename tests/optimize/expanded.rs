//! Convolutions where each channel has weights of its own, with those before them that compute the channels.

use linn::{DType, Form, Model, Simd, inputs};

use super::support::model::{Build, With, body, int, ints, node};
use super::support::{Random, Report, f32s, i64s, numbers};
use super::{model_on, small};

/// Two convolutions, of which the second has weights of each channel's own.
#[derive(Clone, Debug)]
struct Expanded {
    channels: usize,
    outputs: usize,
    stride: i64,
    pads: [i64; 4],
    biased: [bool; 2],
    activations: [Option<&'static str>; 2],
}

impl Expanded {
    /// Two nodes for `x` of the dimensions `dims`.
    fn build(&self, random: &mut Random, dims: &str) -> Build {
        let mut build = Build::new(20)
            .input("x", DType::F32, dims)
            .initializer("low", &f32s(&[], &[0.0]))
            .initializer("high", &f32s(&[], &[6.0]));
        let w_dims = [[self.outputs, self.channels, 1, 1], [self.outputs, 1, 3, 3]];
        let mut from = "x";
        let names = [["w0", "b0", "c0", "y0"], ["w1", "b1", "c1", "y"]];
        for (at, [w, b, mut computed, active]) in names.into_iter().enumerate() {
            build = build.initializer(w, &small(random, DType::F32, &w_dims[at]));
            let mut read = vec![from, w];
            if self.biased[at] {
                build = build.initializer(b, &small(random, DType::F32, &[self.outputs]));
                read.push(b);
            }
            if self.activations[at].is_none() {
                computed = active;
            }
            let mut conv = node("Conv", &read, &[computed]);
            if at == 1 {
                conv = conv
                    .with(int("group", self.outputs as i64))
                    .with(ints("strides", &[self.stride; 2]))
                    .with(ints("pads", &self.pads));
            }
            build = build.node(conv);
            if let Some(activation) = self.activations[at] {
                let read = [computed, "low", "high"];
                let count = if activation == "Clip" { 3 } else { 1 };
                build = build.node(node(activation, &read[..count], &[active]));
            }
            from = active;
        }
        build.output("y")
    }
}

/// Random sizes of few elements or many, and what `x` is then.
fn expanded(random: &mut Random, round: usize) -> (Expanded, [usize; 4]) {
    let pick =
        |random: &mut Random| [None, Some("Relu"), Some("Clip")][random.range(0, 2) as usize];
    let size = |random: &mut Random, low, high| random.range(low, high) as usize;
    let mut case = Expanded {
        channels: size(random, 1, 30),
        outputs: size(random, 2, 50),
        stride: 1 + round as i64 % 2,
        pads: [
            random.range(0, 2),
            1,
            random.range(0, 2),
            random.range(0, 1),
        ],
        biased: [!round.is_multiple_of(3), !round.is_multiple_of(5)],
        activations: [pick(random), pick(random)],
    };
    // Windows on padding alone are not done at once.
    match round % 5 {
        3 => case.pads[0] = 3,
        4 => (case.pads[2], case.pads[3]) = (random.range(3, 5), random.range(1, 2)),
        _ => {}
    }
    let mut dims = [1, case.channels, size(random, 9, 40), size(random, 3, 40)];
    match round % 8 {
        // In bands, of which the last may have fewer windows.
        6 => (dims[2], dims[3]) = (size(random, 60, 120), size(random, 100, 140)),
        // Each thread has images of its own, or all share each.
        7 => dims[0] = size(random, 2, 30),
        _ => {}
    }
    (case, dims)
}

#[test]
fn channels_are_computed_where_they_are_read() {
    let mut random = Random::new(71);
    let mut report = Report::default();
    let (mut count, mut joined) = (0, 0);
    for round in 0..160 {
        let (case, dims) = expanded(&mut random, round);
        let text = dims.map(|size| size.to_string()).join(",");
        let build = case.build(&mut random, &text);
        let x = small(&mut random, DType::F32, &dims);
        let run = |model: &Model| numbers(&model.run(inputs! { "x" => &x }).expect("it runs")["y"]);
        let wanted = run(&model_on(&build, Simd::best(), 1, false));
        for (simd, threads) in Simd::available()
            .into_iter()
            .zip([1, 3].into_iter().cycle().skip(round / 2 % 2))
        {
            let model = model_on(&build, simd, threads, true);
            joined += usize::from(model.nodes_of(Form::Running).count() == 1);
            count += 1;
            let agrees = run(&model) == wanted;
            let result = agrees.then_some(()).ok_or_else(|| "differs".to_string());
            report.check(format!("round {round}: {simd}, {dims:?}, {case:?}"), result);
        }
    }
    assert!(joined > count / 2, "{joined} of {count}");
    report.finish(count);
}

#[test]
fn numbers_that_are_not_finite_stay_where_they_are() {
    let mut random = Random::new(72);
    let case = Expanded {
        channels: 5,
        outputs: 26,
        stride: 1,
        pads: [1; 4],
        biased: [true; 2],
        activations: [None, Some("Relu")],
    };
    let build = case.build(&mut random, "N,5,9,12");
    let models = [false, true].map(|optimize| model_on(&build, Simd::best(), 2, optimize));
    assert_eq!(models[1].nodes_of(Form::Running).count(), 1);
    for (row, column) in [(0, 0), (0, 11), (4, 5), (8, 0), (8, 11)] {
        let mut x = small(&mut random, DType::F32, &[2, 5, 9, 12]);
        let mut elements = x.clone().into_array::<f32>().expect("f32");
        elements[[1, 3, row, column]] = f32::NAN;
        elements[[0, 1, row, column]] = f32::INFINITY;
        x = elements.into();
        let [wanted, got] = models.each_ref().map(|model| {
            let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
            numbers(&outputs["y"])
                .into_iter()
                .map(f64::to_bits)
                .collect::<Vec<_>>()
        });
        assert_eq!(wanted, got, "{row} {column}");
    }
}

#[test]
fn strides_and_padding_beyond_all_planes_are_no_reason_to_fail() {
    let mut random = Random::new(74);
    for (stride, below) in [(1 << 60, 1), (1 << 62, 1), (2, 1000)] {
        let case = Expanded {
            channels: 4,
            outputs: 6,
            stride,
            pads: [1, 1, below, 1],
            biased: [false; 2],
            activations: [None; 2],
        };
        let build = case.build(&mut random, "1,4,8,8");
        let x = small(&mut random, DType::F32, &[1, 4, 8, 8]);
        let [wanted, got] = [false, true].map(|optimize| {
            let model = model_on(&build, Simd::best(), 2, optimize);
            let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
            numbers(&outputs["y"])
        });
        assert_eq!(wanted, got, "{stride} {below}");
    }
}

/// What comes need not have the shape that a body declares: here it may have too few rows for both at once.
#[test]
fn few_rows_are_done_one_convolution_after_the_other() {
    let mut random = Random::new(73);
    let case = Expanded {
        channels: 3,
        outputs: 14,
        stride: 1,
        pads: [1; 4],
        biased: [true; 2],
        activations: [Some("Clip"), None],
    };
    let mut inner = case.build(&mut random, "1,3,8,8");
    let graph = inner.graph();
    graph.input.splice(
        0..0,
        Build::new(20)
            .input("round", DType::I64, "")
            .input("going", DType::Bool, "")
            .graph()
            .input
            .clone(),
    );
    graph.node.push(node("Identity", &["x"], &["same"]));
    graph.node.push(node("Identity", &["going"], &["go"]));
    graph.output.splice(
        0..0,
        Build::new(20)
            .output("go")
            .output("same")
            .graph()
            .output
            .clone(),
    );
    let looped = node("Loop", &["times", "", "given"], &["last", "ys"]);
    let build = Build::new(20)
        .input("given", DType::F32, "1,3,rows,8")
        .initializer("times", &i64s(&[], &[1]))
        .node(looped.with(body("body", graph.clone())))
        .output("ys");
    let models = [false, true].map(|optimize| model_on(&build, Simd::best(), 2, optimize));
    for rows in [8, 3, 1, 40] {
        let given = small(&mut random, DType::F32, &[1, 3, rows, 8]);
        let [wanted, got] = models.each_ref().map(|model| {
            let outputs = model.run(inputs! { "given" => &given }).expect("it runs");
            numbers(&outputs["ys"])
        });
        assert_eq!(wanted, got, "{rows} rows");
    }
}
