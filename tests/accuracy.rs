//! Functions that f32 has in vectors, against the same ones of f64, on every instruction set.

#[path = "support/mod.rs"]
mod support;

use linn::proto::NodeProto;
use linn::{DType, Model, Options, Simd, Tensor, inputs};
use support::model::{Build, With, int, node, string};
use support::{Random, f32s, numbers, tensor};

/// A model of one node from `x` to `y`, with the other inputs that the node names.
fn model(node: &NodeProto, opset: i64, simd: Simd, x: &Tensor, constants: &[Tensor]) -> Model {
    let dims: Vec<String> = x.shape().iter().map(ToString::to_string).collect();
    let mut build = Build::new(opset)
        .input("x", x.dtype(), &dims.join(","))
        .output("y")
        .node(node.clone());
    for (name, constant) in node.input[1..].iter().zip(constants) {
        build = build.initializer(name, constant);
    }
    let mut options = Options::default();
    options.simd = simd;
    Model::from_bytes_with(build.bytes(), &options).expect("it is valid")
}

fn run(model: &Model, x: &Tensor) -> Vec<f64> {
    numbers(&model.run(inputs! { "x" => x }).expect("it runs")["y"])
}

fn of_f64(node: &NodeProto, opset: i64, x: &Tensor, constants: &[Tensor]) -> Vec<f64> {
    let mut node = node.clone();
    if node.op_type == "Celu" {
        // It has no f64; for an alpha of 1 it is this.
        node.op_type = "Elu".to_string();
    }
    let wide = |x: &Tensor| tensor(DType::F64, x.shape(), &numbers(x));
    let constants: Vec<Tensor> = constants.iter().map(wide).collect();
    let x = wide(x);
    run(&model(&node, opset, Simd::Auto, &x, &constants), &x)
}

/// What separates a number from the next f32.
fn unit(x: f64) -> f64 {
    let nearest = (x.abs() as f32).min(f32::MAX.next_down());
    f64::from(nearest.next_up()) - f64::from(nearest)
}

/// How many units `got` is off, where `lost` more are allowed for.
fn units(got: f64, wanted: f64, lost: f64) -> f64 {
    let rounded = f64::from(wanted as f32);
    if got.is_nan() && wanted.is_nan() {
        return 0.0;
    }
    if got == rounded && got.is_sign_negative() == wanted.is_sign_negative() {
        return 0.0;
    }
    if !got.is_finite()
        || !rounded.is_finite()
        || got.is_sign_negative() != wanted.is_sign_negative()
    {
        return f64::INFINITY;
    }
    ((got - wanted).abs() - lost).max(0.0) / unit(wanted)
}

/// Numbers of all exponents, and where functions change.
fn sweep() -> Vec<f32> {
    let mut x: Vec<f32> = (0..=u32::MAX).step_by(9973).map(f32::from_bits).collect();
    let odd = [
        0.0,
        f32::MIN_POSITIVE,
        f32::from_bits(1),
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        0.346_573_6,
        1.0,
        1.0f32.next_down(),
        3.95,
        14.6,
        87.336_54,
        88.722_84,
        88.722_85,
        89.0,
        103.278_93,
        103.972_08,
        104.0,
    ];
    x.extend(odd.iter().flat_map(|x| [*x, -x]));
    x
}

/// A function: its node, its opset, and the units that it may be off.
type Case = (NodeProto, i64, f64);

fn cases() -> Vec<Case> {
    let of = |operator: &str| node(operator, &["x"], &["y"]);
    vec![
        (of("Celu"), 12, 3.0),
        (of("Elu"), 22, 3.0),
        (of("Erf"), 13, 2.0),
        (of("Exp"), 13, 1.0),
        (of("Gelu"), 20, 6.0),
        (of("Mish"), 22, 5.0),
        (of("Selu"), 22, 4.0),
        (of("Sigmoid"), 13, 3.0),
        (of("Swish"), 24, 4.0),
        (of("Tanh"), 13, 3.0),
    ]
}

#[test]
fn functions_keep_their_bounds_on_numbers_of_all_exponents() {
    let x = sweep();
    let x = Tensor::new(&[x.len()], x).expect("it is full");
    let from = numbers(&x);
    for (node, opset, bound) in cases() {
        let wanted = of_f64(&node, opset, &x, &[]);
        for simd in Simd::available() {
            let got = run(&model(&node, opset, simd, &x, &[]), &x);
            for (at, x) in from.iter().enumerate() {
                // Digits that a power of e lacks, since it is subnormal, its multiples lack too.
                let lost = (x.abs() * f64::from(f32::from_bits(1))).min(1e-40);
                let off = units(got[at], wanted[at], lost);
                assert!(
                    off <= bound,
                    "{} of {x:e} on {simd} is {:e}, not {:e}, off by {off}",
                    node.op_type,
                    got[at],
                    wanted[at]
                );
            }
        }
    }
}

#[test]
fn the_approximation_of_gelu_loses_no_more_than_its_argument() {
    let x = sweep();
    let x = Tensor::new(&[x.len()], x).expect("it is full");
    let node = node("Gelu", &["x"], &["y"]).with(string("approximate", "tanh"));
    for simd in Simd::available() {
        let got = run(&model(&node, 20, simd, &x, &[]), &x);
        for (got, x) in got.iter().zip(numbers(&x)) {
            let double = 8f64.sqrt() / std::f64::consts::PI.sqrt();
            let power = (-double * (x + 0.044_715 * x * x * x)).exp();
            let wanted = x / (1.0 + power);
            let off = units(*got, wanted, 1e-40);
            // Minus infinity times zero.
            let lost = x == f64::NEG_INFINITY && got.is_nan();
            assert!(
                lost || off <= 4.0 + 32.0 * x.abs().min(20.0),
                "Gelu of {x:e} on {simd} is {got:e}, not {wanted:e}, off by {off}"
            );
        }
    }
}

#[test]
fn neither_places_nor_threads_change_results() {
    let mut random = Random::new(3);
    let len = 70_001;
    let values: Vec<f64> = (0..len)
        .map(|_| random.range(-20_000, 20_000) as f64 / 1000.0)
        .collect();
    for (node, opset, _) in cases() {
        for simd in Simd::available() {
            let on = |threads: usize, x: &[f64]| {
                let x = f32s(&[x.len()], x);
                let model = model(&node, opset, simd, &x, &[]);
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                pool.build().expect("threads").install(|| run(&model, &x))
            };
            let all = on(1, &values);
            assert_eq!(on(3, &values), all, "{} on {simd}", node.op_type);
            for (start, end) in [(1, len), (3, 4), (len - 5, len), (17, 64)] {
                assert_eq!(
                    on(1, &values[start..end]),
                    all[start..end],
                    "{} on {simd}",
                    node.op_type
                );
            }
        }
    }
}

/// The most units that a node is off, on any instruction set.
fn off_by(node: &NodeProto, opset: i64, x: &Tensor, constants: &[Tensor]) -> f64 {
    let wanted = of_f64(node, opset, x, constants);
    let mut most = 0f64;
    for simd in Simd::available() {
        let got = run(&model(node, opset, simd, x, constants), x);
        assert_eq!(got.len(), wanted.len());
        for (got, wanted) in got.iter().zip(&wanted) {
            most = most.max(units(*got, *wanted, 0.0));
        }
    }
    most
}

#[test]
fn softmax_along_rows_and_across_them() {
    let mut random = Random::new(5);
    for dims in [
        &[3, 1][..],
        &[5, 7],
        &[4, 8],
        &[3, 197],
        &[2, 70_000],
        &[2, 5, 9],
        &[1, 33, 17],
    ] {
        let count = dims.iter().product();
        let values: Vec<f64> = (0..count)
            .map(|_| random.range(-4000, 4000) as f64 / 1000.0)
            .collect();
        let x = f32s(dims, &values);
        for axis in [1, -1] {
            let with = |operator| node(operator, &["x"], &["y"]).with(int("axis", axis));
            // What is below the largest element by up to 8 is rounded before its power is taken.
            let off = off_by(&with("Softmax"), 13, &x, &[]);
            assert!(
                off <= 6.0,
                "Softmax of {dims:?} along {axis} is off by {off}"
            );
            let wanted = of_f64(&with("LogSoftmax"), 13, &x, &[]);
            for simd in Simd::available() {
                let got = run(&model(&with("LogSoftmax"), 13, simd, &x, &[]), &x);
                let off = got.iter().zip(&wanted).map(|(a, b)| (a - b).abs());
                assert!(off.fold(0.0, f64::max) < 4e-6, "LogSoftmax of {dims:?}");
            }
        }
    }
}

#[test]
fn rows_that_are_not_finite() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let mut rows = [
        vec![-inf; 11],
        vec![nan; 11],
        vec![1.0; 11],
        vec![-inf; 11],
        vec![0.5; 11],
    ];
    rows[2][9] = nan;
    rows[3][10] = 2.0;
    rows[4][3] = inf;
    let x = f32s(&[5, 11], &rows.concat());
    let softmax = node("Softmax", &["x"], &["y"]);
    for simd in Simd::available() {
        let y = run(&model(&softmax, 13, simd, &x, &[]), &x);
        let is_nan = |row: usize| y[row * 11..][..11].iter().all(|y| y.is_nan());
        assert_eq!([0, 1, 2, 3, 4].map(is_nan), [true, true, true, false, true]);
        assert_eq!(y[33..44], [&[0.0; 10][..], &[1.0]].concat());
    }
}

#[test]
fn normalizations_are_rounded_once() {
    let mut random = Random::new(7);
    let mut noise = |dims: &[usize], middle: f64| {
        let count = dims.iter().product();
        let values: Vec<f64> = (0..count)
            .map(|_| middle + random.range(-1000, 1000) as f64 / 1000.0)
            .collect();
        f32s(dims, &values)
    };
    for len in [1, 7, 8, 9, 197, 384, 70_000] {
        let x = noise(&[3, len], 5.0);
        let (scale, bias) = (noise(&[len], 1.0), noise(&[len], 0.0));
        let layer = node("LayerNormalization", &["x", "scale", "bias"], &["y"]);
        let constants = [scale, bias];
        assert!(off_by(&layer, 17, &x, &constants) <= 0.501, "{len}");
        let bare = node("LayerNormalization", &["x", "scale"], &["y"]);
        assert!(off_by(&bare, 17, &x, &constants[..1]) <= 0.501, "{len}");
        let root = node("RMSNormalization", &["x", "scale"], &["y"]);
        assert!(off_by(&root, 23, &x, &constants[..1]) <= 0.501, "{len}");
    }
    for places in [1, 5, 64, 9000] {
        let x = noise(&[2, 6, places], 3.0);
        let constants = [noise(&[6], 1.0), noise(&[6], 0.0)];
        let read = ["x", "scale", "bias"];
        let group = node("GroupNormalization", &read, &["y"]).with(int("num_groups", 2));
        assert!(off_by(&group, 21, &x, &constants) <= 0.501, "{places}");
        let instance = node("InstanceNormalization", &read, &["y"]);
        assert!(off_by(&instance, 22, &x, &constants) <= 0.501, "{places}");
    }
}
