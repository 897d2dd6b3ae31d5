//! Pools over channels that lie side by side, on every instruction set: all the channels of a position are one run of
//! elements, with whole and partial vectors of them.

use linn::pooling::StorageOrder;
use linn::pooling::definition::Problem;
use linn::{DType, Model, Options, Simd, Tensor};

use crate::support::model::OneNode;
use crate::support::{Random, Report, check_tensor, feed, numbers, tensor};

/// Below, at and above the lanes of vectors.
const CHANNELS: [usize; 6] = [1, 3, 16, 17, 64, 70];

/// Windows over `[N, C, D1..Dk]`, C still 1.
fn problems() -> Vec<Problem> {
    let problem = |spatial: &[usize], kernel: &[i64], strides: &[i64], pads: &[i64]| Problem {
        strides: strides.to_vec(),
        pads: pads.to_vec(),
        ..Problem::new([&[2, 1], spatial].concat(), kernel)
    };
    let dilated = Problem {
        dilations: vec![2, 3],
        ceil_mode: true,
        ..problem(&[8, 9], &[3, 2], &[1, 2], &[2, 3, 1, 3])
    };
    let far_apart = Problem {
        dilations: vec![1, 4],
        ..problem(&[5, 12], &[1, 3], &[1, 9], &[0, 5, 0, 9])
    };
    vec![
        problem(&[9], &[3], &[1], &[1, 1]),
        problem(&[40], &[17], &[2], &[8, 8]),
        problem(&[6, 7], &[3, 3], &[1, 1], &[1, 1, 1, 1]),
        problem(&[6, 8], &[2, 2], &[2, 2], &[0, 0, 0, 0]),
        problem(&[25, 3], &[17, 2], &[1, 1], &[8, 0, 8, 1]),
        problem(&[25, 3], &[16, 3], &[3, 2], &[0, 1, 15, 2]),
        problem(&[3, 20], &[2, 16], &[1, 1], &[1, 9, 0, 9]),
        problem(&[5, 4], &[1, 3], &[1, 1], &[0, 1, 0, 1]),
        problem(&[5, 4], &[5, 4], &[1, 1], &[0, 0, 0, 0]),
        problem(&[31, 30], &[2, 2], &[30, 20], &[1, 1, 0, 30]),
        problem(&[3, 4, 5], &[2, 3, 2], &[1, 2, 1], &[1, 1, 0, 0, 2, 1]),
        problem(&[3, 22, 2], &[1, 17, 2], &[2, 1, 1], &[0, 8, 1, 0, 8, 0]),
        dilated,
        far_apart,
    ]
}

/// The problem with as many channels.
fn with_channels(problem: &Problem, channels: usize) -> Problem {
    let mut problem = problem.clone();
    problem.shape[1] = channels;
    problem
}

/// A window's attributes. Quantized means have no dilations.
fn window(node: OneNode, problem: &Problem) -> OneNode {
    let node = match is_dilated(problem) {
        true => node.ints("dilations", &problem.dilations),
        false => node,
    };
    node.ints("kernel_shape", &problem.kernel_shape)
        .ints("strides", &problem.strides)
        .ints("pads", &problem.pads)
        .int("ceil_mode", problem.ceil_mode.into())
}

fn is_dilated(problem: &Problem) -> bool {
    problem.dilations.iter().any(|&dilation| dilation > 1)
}

/// A shape and elements with the channels behind the positions instead of before.
fn turned(shape: &[usize], x: &[f64]) -> (Vec<usize>, Vec<f64>) {
    let (samples, channels) = (shape[0], shape[1]);
    let positions: usize = shape[2..].iter().product();
    let mut turned = Vec::new();
    for sample in 0..samples {
        for position in 0..positions {
            for channel in 0..channels {
                turned.push(x[(sample * channels + channel) * positions + position]);
            }
        }
    }
    ([&[samples], &shape[2..], &[channels]].concat(), turned)
}

/// Elements from all over the type.
fn elements(dtype: DType, problem: &Problem, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let low = if dtype == DType::I8 { -128 } else { 0 };
    let count = problem.shape.iter().product();
    let each = (0..count).map(|_| random.range(low, low + 255) as f64);
    each.collect()
}

/// Checks the output of a model on every instruction set.
fn check(
    report: &mut Report,
    what: &str,
    node: &OneNode,
    inputs: &[Tensor],
    shape: &[usize],
    wanted: &[f64],
) {
    let bytes = inputs.iter().fold(node.clone(), OneNode::like).bytes();
    for level in Simd::available() {
        let mut options = Options::default();
        options.simd = level;
        let result = Model::from_bytes_with(bytes.clone(), &options)
            .and_then(|model| feed(&model, inputs))
            .map_err(|error| error.to_string())
            .and_then(|outputs| check_tensor(&outputs[0], shape, wanted));
        report.check(format!("{what} on {level}"), result);
    }
}

#[test]
fn nhwc_max_pool() {
    let mut report = Report::default();
    for (number, problem) in problems().iter().enumerate() {
        for channels in CHANNELS {
            let problem = with_channels(problem, channels);
            let dtype = if (number + channels) % 2 == 0 {
                DType::U8
            } else {
                DType::I8
            };
            let least = if dtype == DType::I8 { -128.0 } else { 0.0 };
            let x = elements(dtype, &problem, number as u64);
            let (y, _) = problem.max(&x, StorageOrder::RowMajor, least);
            let output = problem.output_shape().expect("it is no error");
            let ((from, x), (to, y)) = (turned(&problem.shape, &x), turned(&output, &y));
            let node = window(
                OneNode::new("NhwcMaxPool", 22).domain("com.microsoft"),
                &problem,
            );
            let what = format!("{dtype} {problem:?}");
            check(
                &mut report,
                &what,
                &node,
                &[tensor(dtype, &from, &x)],
                &to,
                &y,
            );
        }
    }
    report.finish(problems().len() * CHANNELS.len() * Simd::available().len());
}

/// Scales that are powers of two, so that a half stays a half, and zero points.
struct Scales {
    x: (f64, f64),
    y: (f64, f64),
}

impl Scales {
    /// Those that the means of `dtype` stay within mostly.
    fn of(dtype: DType) -> Scales {
        match dtype {
            DType::I8 => Scales {
                x: (0.5, -5.0),
                y: (0.25, -20.0),
            },
            _ => Scales {
                x: (2.0, 101.0),
                y: (1.0, 90.0),
            },
        }
    }

    fn inputs(&self, dtype: DType, shape: &[usize], x: &[f64]) -> [Tensor; 5] {
        let scalar = |dtype, value| tensor(dtype, &[], &[value]);
        [
            tensor(dtype, shape, x),
            scalar(DType::F32, self.x.0),
            scalar(dtype, self.x.1),
            scalar(DType::F32, self.y.0),
            scalar(dtype, self.y.1),
        ]
    }

    /// The quantized means of quantized elements.
    fn means(&self, dtype: DType, problem: &Problem, x: &[f64], include: bool) -> Vec<f64> {
        let real: Vec<f64> = x.iter().map(|x| (x - self.x.1) * self.x.0).collect();
        let least = if dtype == DType::I8 { -128.0 } else { 0.0 };
        let quantize = |mean: f64| {
            let steps = (mean / self.y.0).round_ties_even();
            (steps + self.y.1).clamp(least, least + 255.0)
        };
        problem
            .average(&real, include)
            .into_iter()
            .map(quantize)
            .collect()
    }
}

#[test]
fn quantized_means() {
    let mut report = Report::default();
    let mut clamped = 0;
    let mut problems = problems();
    problems.retain(|problem| !is_dilated(problem));
    for (number, problem) in problems.iter().enumerate() {
        for channels in CHANNELS {
            let problem = with_channels(problem, channels);
            let output = problem.output_shape().expect("it is no error");
            let dtype = if (number + channels) % 2 == 0 {
                DType::I8
            } else {
                DType::U8
            };
            let (scales, x) = (Scales::of(dtype), elements(dtype, &problem, number as u64));
            for include in [false, true] {
                let y = scales.means(dtype, &problem, &x, include);
                clamped += y
                    .iter()
                    .filter(|y| [-128.0, 0.0, 127.0, 255.0].contains(*y))
                    .count();
                let node = OneNode::new("QLinearAveragePool", 22).domain("com.microsoft");
                let node = window(node, &problem).int("count_include_pad", include.into());
                let what = format!("{dtype} {problem:?} include {include}");
                let inputs = scales.inputs(dtype, &problem.shape, &x);
                check(&mut report, &what, &node, &inputs, &output, &y);
                let (what, node) = (what + " channels last", node.int("channels_last", 1));
                let ((from, x), (to, y)) = (turned(&problem.shape, &x), turned(&output, &y));
                let inputs = scales.inputs(dtype, &from, &x);
                check(&mut report, &what, &node, &inputs, &to, &y);
            }
        }
    }
    assert!(clamped > 100, "{clamped} means at an end of the type");
    report.finish(4 * problems.len() * CHANNELS.len() * Simd::available().len());
}

#[test]
fn quantized_global_means() {
    let mut report = Report::default();
    for (number, spatial) in [&[1][..], &[7], &[4, 5], &[13, 11], &[3, 4, 5]]
        .iter()
        .enumerate()
    {
        for channels in CHANNELS {
            let kernel: Vec<i64> = spatial.iter().map(|&size| size as i64).collect();
            let problem = Problem::new([&[2, channels], *spatial].concat(), kernel);
            let output = problem.output_shape().expect("it is no error");
            for dtype in [DType::I8, DType::U8] {
                let (scales, x) = (Scales::of(dtype), elements(dtype, &problem, number as u64));
                let y = scales.means(dtype, &problem, &x, false);
                let node = OneNode::new("QLinearGlobalAveragePool", 22).domain("com.microsoft");
                let what = format!("{dtype} {:?}", problem.shape);
                let inputs = scales.inputs(dtype, &problem.shape, &x);
                check(&mut report, &what, &node, &inputs, &output, &y);
                let (what, node) = (what + " channels last", node.int("channels_last", 1));
                let ((from, x), (to, y)) = (turned(&problem.shape, &x), turned(&output, &y));
                let inputs = scales.inputs(dtype, &from, &x);
                check(&mut report, &what, &node, &inputs, &to, &y);
            }
        }
    }
    report.finish(5 * 4 * CHANNELS.len() * Simd::available().len());
}

/// The inputs of these tests are what they say.
#[test]
fn turning_puts_channels_last() {
    let (shape, x) = turned(&[1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(shape, [1, 3, 2]);
    assert_eq!(x, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let problem = Problem::new([1, 1, 300], [1]);
    let x = elements(DType::I8, &problem, 1);
    assert!(x.iter().any(|&x| x < -100.0) && x.iter().any(|&x| x > 100.0));
    let held = numbers(&tensor(DType::I8, &problem.shape, &x));
    assert_eq!(held, x);
}
