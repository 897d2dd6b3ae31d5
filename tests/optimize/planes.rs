//! Small windows of planes of any size on every instruction set: in tiles, and those of 3x3 with weights of each channel's own.

use linn::{DType, Model, Options, Simd, Tensor, inputs};

use super::noise;
use super::support::model::{Build, With, int, ints, node};
use super::support::{Random, Report, numbers, tensor};

fn run(build: &Build, simd: Simd, optimize: bool, x: &Tensor) -> Vec<f64> {
    let mut options = Options::default();
    (options.simd, options.optimize) = (simd, optimize);
    let model = Model::from_bytes_with(build.bytes(), &options).expect("it is valid");
    let outputs = model.run(inputs! { "x" => x }).expect("it runs");
    numbers(&outputs["y"])
}

/// A model with a Conv of `x` and `w`, whose output `conv` is left to the caller.
fn convolution(x: &[usize], w: &Tensor, pads: &[i64], strides: &[i64], groups: usize) -> Build {
    let dims: Vec<String> = x.iter().map(ToString::to_string).collect();
    let conv = node("Conv", &["x", "w"], &["conv"])
        .with(int("group", groups as i64))
        .with(ints("strides", strides))
        .with(ints("pads", pads));
    Build::new(20)
        .input("x", w.dtype(), &dims.join(","))
        .initializer("w", w)
        .node(conv)
}

/// Windows that are done in tiles, with their strides: along both axes; those of a phase have 3 to 5 taps.
const TILED: [([usize; 2], [i64; 2]); 10] = [
    ([3, 3], [1, 1]),
    ([4, 4], [1, 1]),
    ([5, 5], [1, 1]),
    ([3, 5], [1, 1]),
    ([5, 5], [2, 2]),
    ([7, 7], [2, 2]),
    ([7, 5], [2, 1]),
    ([8, 9], [2, 3]),
    ([11, 11], [4, 4]),
    ([10, 9], [2, 2]),
];

#[test]
fn tiles_at_all_edges() {
    let mut random = Random::new(5);
    let mut report = Report::default();
    // How often tiles rounded otherwise than sums of products, of how many runs.
    let mut rounded_otherwise = [[0; 2]; TILED.len()];
    let mut count = 0;
    for round in 0..160 {
        let number = match round % 2 {
            0 => 0,
            _ => round / 2 % TILED.len(),
        };
        let (kernel, strides) = TILED[number];
        let (batch, groups) = (1 + round / 20 % 2, 1 + round / 40 % 2);
        let size = |random: &mut Random, axis: usize| {
            random.range(kernel[axis] as i64, 40 + 20 * strides[axis]) as usize
        };
        let [height, width] = [0, 1].map(|axis| size(&mut random, axis));
        let [channels, outputs] =
            [24, 32].map(|least| random.range(least, least + 3) as usize * groups);
        let pads: Vec<i64> = (0..4).map(|_| random.range(0, 6)).collect();
        let dims = [batch, channels, height, width];
        let x = noise(&mut random, &dims, 0.0, 1.0);
        let w_dims = [outputs, channels / groups, kernel[0], kernel[1]];
        let w = noise(&mut random, &w_dims, 0.0, 1.0);
        let build = convolution(&dims, &w, &pads, &strides, groups)
            .node(node("Relu", &["conv"], &["y"]))
            .output("y");
        for simd in Simd::available() {
            let [wanted, got] = [false, true].map(|optimize| run(&build, simd, optimize, &x));
            let largest = wanted.iter().fold(1.0, |most: f64, y| most.max(*y));
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-5 * largest;
            let agrees = wanted.len() == got.len() && wanted.iter().zip(&got).all(near);
            rounded_otherwise[number][0] += usize::from(wanted != got);
            rounded_otherwise[number][1] += 1;
            count += 1;
            let result = agrees.then_some(()).ok_or_else(|| "differs".to_string());
            let case =
                format!("round {round}: {simd} {dims:?} {groups} {kernel:?} {strides:?} {pads:?}");
            report.check(case, result);
        }
    }
    // Small planes are not done in tiles.
    for (number, [tiled, all]) in rounded_otherwise.into_iter().enumerate() {
        assert!(tiled > all / 4, "{:?}: {tiled} of {all}", TILED[number]);
    }
    report.finish(count);
}

#[test]
fn what_is_not_finite_reaches_the_windows_that_read_it() {
    let mut random = Random::new(7);
    let mut report = Report::default();
    let count = 20;
    for round in 0..count {
        let (kernel, strides) = TILED[round % TILED.len()];
        let dims = [1, 26, 80, 84];
        let mut x = noise(&mut random, &dims, 0.0, 1.0)
            .into_array::<f32>()
            .expect("f32");
        for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e38, -1e30] {
            let at = [26, 80, 84].map(|size: i64| random.range(0, size - 1) as usize);
            x[[0, at[0], at[1], at[2]]] = value;
        }
        let w = noise(&mut random, &[34, 26, kernel[0], kernel[1]], 0.0, 1.0);
        // Products of infinity and zero are NaN.
        let mut w = w.into_array::<f32>().expect("f32");
        w.mapv_inplace(|w| if w > 0.9 { 0.0 } else { w });
        let build = convolution(&dims, &w.into(), &[1, 0, 2, 3], &strides, 1)
            .node(node("Identity", &["conv"], &["y"]))
            .output("y");
        let x = Tensor::from(x);
        let [wanted, got] = [false, true].map(|optimize| run(&build, Simd::best(), optimize, &x));
        // Weights are as exact as the largest ones of their window, which are 1, whatever they meet.
        let near = |(a, b): (&f64, &f64)| {
            let met = [1e38, 1e30].into_iter().find(|met| a.abs() > 1e-4 * met);
            a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-6 * met.unwrap_or(100.0)
        };
        let agrees = wanted.len() == got.len() && wanted.iter().zip(&got).all(near);
        let other = wanted.iter().filter(|y| !y.is_finite()).count();
        // Recovered weights are rounded otherwise.
        let tiled = wanted
            .iter()
            .zip(&got)
            .any(|(a, b)| a.is_finite() && a != b);
        let result = match agrees && tiled && other > 0 && other < wanted.len() / 2 {
            true => Ok(()),
            false => Err(format!(
                "differs, or is not done in tiles: {tiled}; {other} of {} are not finite",
                wanted.len()
            )),
        };
        report.check(format!("round {round}: {kernel:?} {strides:?}"), result);
    }
    report.finish(count);
}

/// The sums of windows of 3x3 of a channel by their definition, in integers.
fn plainly(x: &[f64], w: &[f64], [height, width]: [i64; 2], pads: &[i64], stride: i64) -> Vec<f64> {
    let output = |size: i64, axis: usize| (size + pads[axis] + pads[axis + 2] - 3) / stride + 1;
    let mut y = Vec::new();
    for row in 0..output(height, 0) {
        for column in 0..output(width, 1) {
            let mut sum = 0.0;
            for tap in 0..9 {
                let r = row * stride + tap / 3 - pads[0];
                let c = column * stride + tap % 3 - pads[1];
                if (0..height).contains(&r) && (0..width).contains(&c) {
                    sum += x[(r * width + c) as usize] * w[tap as usize];
                }
            }
            y.push(sum);
        }
    }
    y
}

#[test]
fn each_channel_by_weights_of_its_own() {
    let mut random = Random::new(6);
    let mut report = Report::default();
    let mut count = 0;
    for round in 0..180 {
        let [height, mut width] = [0, 1].map(|_| random.range(1, 40));
        if round % 5 == 1 {
            // Shorter than vectors.
            width = random.range(1, 7);
        }
        let (channels, multiplier) = (random.range(2, 5) as usize, random.range(1, 2) as usize);
        let stride = random.range(1, 2);
        let dtype = [DType::F32, DType::F32, DType::F64, DType::F16][round % 4];
        // A single column of padding on the left leaves planes where they lie.
        let mut pads: Vec<i64> = (0..4).map(|_| random.range(0, 3)).collect();
        if round % 3 > 0 {
            pads[1] = 1;
        }
        for (axis, size) in [height, width].into_iter().enumerate() {
            pads[axis] += (3 - size - pads[axis] - pads[axis + 2]).max(0);
        }
        let mut small =
            |count: usize| -> Vec<f64> { (0..count).map(|_| random.range(-9, 9) as f64).collect() };
        let plane = (height * width) as usize;
        let x = small(channels * plane);
        let w = small(channels * multiplier * 9);
        let mut wanted = Vec::new();
        for (output, w) in w.chunks_exact(9).enumerate() {
            let x = &x[output / multiplier * plane..][..plane];
            wanted.extend(plainly(x, w, [height, width], &pads, stride));
        }
        let outputs = channels * multiplier;
        let plus = small(wanted.len());
        let rows = (height + pads[0] + pads[2] - 3) / stride + 1;
        let columns = wanted.len() / outputs / rows as usize;
        let y_dims = [1, outputs, rows as usize, columns];
        for (wanted, plus) in wanted.iter_mut().zip(&plus) {
            *wanted = (*wanted + plus).max(0.0);
        }
        let dims = [1, channels, height as usize, width as usize];
        let w = tensor(dtype, &[outputs, 1, 3, 3], &w);
        let build = convolution(&dims, &w, &pads, &[stride; 2], channels)
            .initializer("plus", &tensor(dtype, &y_dims, &plus))
            .node(node("Add", &["conv", "plus"], &["sum"]))
            .node(node("Relu", &["sum"], &["y"]))
            .output("y");
        for simd in Simd::available() {
            let got = run(&build, simd, true, &tensor(dtype, &dims, &x));
            count += 1;
            let result = (got == wanted)
                .then_some(())
                .ok_or_else(|| "differs".to_string());
            let case = format!("round {round}: {simd} {dtype} {dims:?} {pads:?} stride {stride}");
            report.check(case, result);
        }
    }
    report.finish(count);
}
