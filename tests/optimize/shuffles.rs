//! Shuffles of channels, as exporters write them, and the convolutions before them that write channels in that order.

use linn::{DType, Form, Model, Simd, inputs};

use super::support::model::{Build, With, float, int, ints, node};
use super::support::{Random, Report, i64s, numbers, tensor};
use super::{model_on, small};

/// What is shuffled.
#[derive(Clone, Copy, Debug)]
struct Shuffled {
    dtype: DType,
    /// Of the windows and their groups.
    kernel: usize,
    groups: usize,
    /// Channels of each group, before and after.
    channels: usize,
    outputs: usize,
    /// Groups of the shuffle.
    shuffled: usize,
    /// Whether a BatchNormalization and a Relu lead to the windows.
    led: bool,
    /// Whether a sum comes before the shuffle, and what then.
    plus: bool,
    activation: Option<&'static str>,
}

impl Shuffled {
    /// Whether the convolution does it all.
    fn is_absorbed(self) -> bool {
        let suits = self.kernel == 1 && self.groups == self.shuffled && self.channels > 1;
        suits && self.dtype == DType::F32 && !self.plus
    }
}

/// Shuffled channels of `x` as `y`.
fn build(random: &mut Random, case: Shuffled, [batch, height, width]: [usize; 3]) -> Build {
    let (dtype, kernel) = (case.dtype, case.kernel);
    let [channels, outputs] = [case.channels, case.outputs].map(|each| each * case.groups);
    let x_dims = [batch, channels, height, width];
    let y_dims = [batch, outputs, height, width];
    let each = outputs / case.shuffled;
    let split = [batch, case.shuffled, each, height, width].map(|size| size as i64);
    let joined = y_dims.map(|size| size as i64);
    // Windows with gaps are not done in tiles, whose sums are not exact.
    let dilation = (kernel as i64 + 1) / 2;
    let pads = [kernel as i64 / 2 * dilation; 4];
    let conv = node(
        "Conv",
        &[if case.led { "led" } else { "x" }, "w", "b"],
        &["conv"],
    )
    .with(int("group", case.groups as i64))
    .with(ints("dilations", &[dilation; 2]))
    .with(ints("pads", &pads));
    let w_dims = [outputs, case.channels, kernel, kernel];
    let mut build = Build::new(20)
        .input("x", dtype, &x_dims.map(|size| size.to_string()).join(","))
        .initializer("w", &small(random, dtype, &w_dims))
        .initializer("b", &small(random, dtype, &[outputs]))
        .initializer("split", &i64s(&[5], &split))
        .initializer("joined", &i64s(&[4], &joined));
    if case.led {
        let norm = node("BatchNormalization", &["x", "s", "b0", "m", "v"], &["norm"]);
        build = build
            .initializer("s", &small(random, dtype, &[channels]))
            .initializer("b0", &small(random, dtype, &[channels]))
            .initializer("m", &small(random, dtype, &[channels]))
            .initializer("v", &tensor(dtype, &[channels], &vec![1.0; channels]))
            .node(norm.with(float("epsilon", 0.0)))
            .node(node("Relu", &["norm"], &["led"]));
    }
    build = build.node(conv);
    let mut from = "conv";
    if case.plus {
        let plus = small(random, dtype, &y_dims);
        build = build
            .initializer("plus", &plus)
            .node(node("Add", &[from, "plus"], &["sum"]));
        from = "sum";
    }
    if let Some(activation) = case.activation {
        build = build.node(node(activation, &[from], &["active"]));
        from = "active";
    }
    let transpose = node("Transpose", &["parts"], &["swapped"]);
    build
        .node(node("Reshape", &[from, "split"], &["parts"]))
        .node(transpose.with(ints("perm", &[0, 2, 1, 3, 4])))
        .node(node("Reshape", &["swapped", "joined"], &["y"]))
        .output("y")
}

#[test]
fn convolutions_write_channels_in_the_order_of_a_shuffle() {
    let mut random = Random::new(61);
    let mut report = Report::default();
    let (mut count, mut absorbed) = (0, 0);
    for round in 0..80 {
        let groups = random.range(1, 4) as usize;
        let mut case = Shuffled {
            dtype: [DType::F32, DType::F32, DType::F32, DType::F16][round % 4],
            kernel: if round % 5 == 4 { 3 } else { 1 },
            groups,
            channels: random.range(1, 9) as usize,
            outputs: 2 * random.range(1, 15) as usize,
            shuffled: if round % 7 == 6 { 2 } else { groups },
            led: round % 3 == 1,
            plus: round % 6 == 5,
            activation: [None, Some("Relu")][round / 2 % 2],
        };
        let mut sizes =
            [(1, 2), (1, 12), (1, 40)].map(|(low, high)| random.range(low, high) as usize);
        let large = round % 20 == 1;
        if large {
            // Sums of several passes, in pieces for each thread.
            (case.channels, case.outputs, sizes) = (400, 36, [1, 20, 52]);
        }
        let build = build(&mut random, case, sizes);
        let channels = case.channels * groups;
        let x = small(
            &mut random,
            case.dtype,
            &[sizes[0], channels, sizes[1], sizes[2]],
        );
        let run = |model: &Model| numbers(&model.run(inputs! { "x" => &x }).expect("it runs")["y"]);
        let wanted = run(&model_on(&build, Simd::best(), 1, false));
        for (simd, threads) in Simd::available()
            .into_iter()
            .zip([1, 3].into_iter().cycle())
        {
            let model = model_on(&build, simd, threads, true);
            let nodes = model.nodes_of(Form::Running).count();
            let fits = !case.is_absorbed() || nodes == 1;
            count += 1;
            absorbed += usize::from(nodes == 1);
            let result = match run(&model) == wanted && fits {
                true => Ok(()),
                false => Err(format!("differs, or is not one node but {nodes}")),
            };
            report.check(
                format!("round {round}: {simd}, {sizes:?}, {case:?}"),
                result,
            );
        }
    }
    assert!(absorbed > count / 4, "{absorbed} of {count}");
    report.finish(count);
}

#[test]
fn other_axes_are_no_channels() {
    let mut random = Random::new(62);
    for (split, perm) in [
        // The second axis of what was split is another one.
        ([1, 4, 6, 2, 6], [0, 1, 3, 2, 4]),
        // Groups are not in the place of channels.
        ([2, 2, 6, 2, 6], [0, 2, 1, 3, 4]),
        // Planes are not what they were.
        ([1, 4, 6, 6, 2], [0, 2, 1, 3, 4]),
    ] {
        let conv = node("Conv", &["x", "w"], &["conv"]).with(int("group", 4));
        let build = Build::new(20)
            .input("x", DType::F32, "1,8,2,6")
            .initializer("w", &small(&mut random, DType::F32, &[24, 2, 1, 1]))
            .initializer("split", &i64s(&[5], &split))
            .initializer("joined", &i64s(&[4], &[1, 24, 2, 6]))
            .node(conv)
            .node(node("Reshape", &["conv", "split"], &["parts"]))
            .node(node("Transpose", &["parts"], &["swapped"]).with(ints("perm", &perm)))
            .node(node("Reshape", &["swapped", "joined"], &["y"]))
            .output("y");
        let x = small(&mut random, DType::F32, &[1, 8, 2, 6]);
        let run = |optimize| {
            let model = model_on(&build, Simd::best(), 1, optimize);
            assert!(model.nodes_of(Form::Running).count() > 1, "{split:?}");
            numbers(&model.run(inputs! { "x" => &x }).expect("it runs")["y"])
        };
        assert_eq!(run(true), run(false), "{split:?} {perm:?}");
    }
}
