//! Windows of 3x3 along the last two axes and any others before them, done in tiles.

use linn::{DType, Model, Options, inputs};

use super::support::model::{Build, With, int, ints, node};
use super::support::{Random, Report, numbers};
use super::{noise, outputs_of};

/// Random sizes of an axis before the last two: input, kernel, stride, dilation and pads.
fn axis(random: &mut Random) -> [i64; 6] {
    let [kernel, stride, dilation] = [3, 2, 2].map(|most| random.range(1, most));
    let [before, after] = [0, 1].map(|_| random.range(0, 3));
    let least = ((kernel - 1) * dilation + 1 - before - after).max(1);
    [
        least + random.range(0, 4),
        kernel,
        stride,
        dilation,
        before,
        after,
    ]
}

#[test]
fn sums_over_slices_are_those_of_windows() {
    let mut random = Random::new(21);
    let mut report = Report::default();
    let mut rounded_otherwise = 0;
    for round in 0..120 {
        let mut axes: Vec<[i64; 6]> = (0..random.range(1, 2)).map(|_| axis(&mut random)).collect();
        axes.extend([0, 1].map(|_| [random.range(7, 30), 3, 1, 1, random.range(0, 1), 1]));
        let (batch, groups) = (random.range(1, 2), random.range(1, 2));
        let [channels, outputs] = [0, 1].map(|_| random.range(16, 20));
        let of = |place: usize| axes.iter().map(move |axis| axis[place]);
        let sizes = |first: [i64; 2], place: usize| -> Vec<usize> {
            let sizes = first.into_iter().chain(of(place));
            sizes.map(|size| size as usize).collect()
        };
        let x_dims = sizes([batch, groups * channels], 0);
        let w_dims = sizes([groups * outputs, channels], 1);
        let text: Vec<String> = x_dims.iter().map(ToString::to_string).collect();
        let all = |place: usize| of(place).collect::<Vec<i64>>();
        let conv = node("Conv", &["x", "w", "b"], &["conv"])
            .with(int("group", groups))
            .with(ints("strides", &all(2)))
            .with(ints("dilations", &all(3)))
            .with(ints("pads", &[all(4), all(5)].concat()));
        let bias = noise(&mut random, &[(groups * outputs) as usize], 0.0, 1.0);
        let build = Build::new(20)
            .input("x", DType::F32, &text.join(","))
            .initializer("w", &noise(&mut random, &w_dims, 0.0, 1.0))
            .initializer("b", &bias)
            .node(conv)
            .node(node("Relu", &["conv"], &["y"]))
            .output("y");
        let x = noise(&mut random, &x_dims, 0.0, 1.0);
        let [wanted, got] = [false, true].map(|rewritten| outputs_of(&build, rewritten, &x));
        let largest = wanted.iter().fold(1.0, |most: f64, y| most.max(*y));
        let far = wanted
            .iter()
            .zip(&got)
            .any(|(a, b)| (a - b).abs() > 1e-5 * largest);
        rounded_otherwise += usize::from(wanted != got);
        let result = match far || wanted.len() != got.len() {
            true => Err("differs".to_string()),
            false => Ok(()),
        };
        report.check(
            format!("round {round}: {x_dims:?} by {w_dims:?}, {axes:?}"),
            result,
        );
    }
    // Tiles round otherwise than sums of products.
    assert!(rounded_otherwise > 60, "{rounded_otherwise} of 120");
    report.finish(120);
}

/// What comes need not have the shape that is declared.
#[test]
fn an_outer_axis_without_elements_is_all_padding() {
    let mut random = Random::new(4);
    let conv = node("Conv", &["x", "w", "b"], &["y"]).with(ints("pads", &[2, 1, 1, 1, 1, 1]));
    let b = noise(&mut random, &[16], 0.0, 1.0);
    let build = Build::new(20)
        .input("x", DType::F32, "1,16,depth,16,16")
        .initializer("w", &noise(&mut random, &[16, 16, 3, 3, 3], 0.0, 1.0))
        .initializer("b", &b)
        .node(conv)
        .output("y");
    let mut options = Options::default();
    options.dims.push(("depth".to_string(), 0));
    let model = Model::from_bytes_with(build.bytes(), &options).expect("it is valid");
    let x = noise(&mut random, &[1, 16, 0, 16, 16], 0.0, 1.0);
    let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
    let y = numbers(&outputs["y"]);
    assert_eq!(outputs["y"].shape().to_vec(), [1, 16, 1, 16, 16]);
    for (y, b) in y.chunks_exact(256).zip(numbers(&b)) {
        assert!(y.iter().all(|y| *y == b));
    }
}
