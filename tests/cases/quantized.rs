//! The quantized pools of `com.microsoft`: dequantize, pool, quantize with halves to even.

use linn::{DType, Tensor};

use crate::support::model::OneNode;
use crate::support::{Report, check_tensor, counting, f32s, run, tensor};

/// The four inputs beside the data: scales and zero points.
struct Scales {
    x: (f64, f64),
    y: (f64, f64),
}

impl Scales {
    fn inputs(&self, x: Tensor) -> Vec<Tensor> {
        let dtype = x.dtype();
        let scalar = |dtype, value| tensor(dtype, &[], &[value]);
        vec![
            x,
            scalar(DType::F32, self.x.0),
            scalar(dtype, self.x.1),
            scalar(DType::F32, self.y.0),
            scalar(dtype, self.y.1),
        ]
    }
}

const PLAIN: Scales = Scales {
    x: (1.0, 0.0),
    y: (1.0, 0.0),
};

fn microsoft(operator: &str) -> OneNode {
    OneNode::new(operator, 22).domain("com.microsoft")
}

fn average(kernel: &[i64]) -> OneNode {
    microsoft("QLinearAveragePool").ints("kernel_shape", kernel)
}

fn gives(node: &OneNode, inputs: &[Tensor], shape: &[usize], wanted: &[f64]) -> Result<(), String> {
    let outputs = run(node, inputs).map_err(|error| error.to_string())?;
    check_tensor(&outputs[0], shape, wanted)
}

#[test]
fn averages_of_quantized_elements() {
    let mut report = Report::default();
    let u8s = |values: &[f64]| tensor(DType::U8, &[1, 1, values.len()], values);
    let i8s = |values: &[f64]| tensor(DType::I8, &[1, 1, values.len()], values);
    let mut check = |what: &str, node: OneNode, scales: Scales, x: Tensor, wanted: &[f64]| {
        let result = gives(&node, &scales.inputs(x), &[1, 1, wanted.len()], wanted);
        report.check(what, result);
    };
    check(
        "halves go to even",
        average(&[2]),
        PLAIN,
        u8s(&[0.0, 1.0, 2.0, 3.0, 4.0]),
        &[0.0, 2.0, 2.0, 4.0],
    );
    // 0.5 rounds to 0, then 1 is added; the other order would give 2.
    let shifted = || Scales {
        x: (1.0, 0.0),
        y: (1.0, 1.0),
    };
    let half = || u8s(&[0.0, 1.0]);
    check(
        "rounds before it shifts",
        average(&[2]),
        shifted(),
        half(),
        &[1.0],
    );
    let longer = u8s(&[0.0, 1.0, 2.0]);
    check(
        "so in every window",
        average(&[2]),
        shifted(),
        longer,
        &[1.0, 3.0],
    );
    check(
        "padding is a real zero, so the zero point",
        average(&[2])
            .ints("pads", &[1, 0])
            .int("count_include_pad", 1),
        Scales {
            x: (0.5, 10.0),
            y: (1.0, 0.0),
        },
        u8s(&[30.0, 50.0]),
        // (0 + 10) / 2 and (10 + 20) / 2.
        &[5.0, 15.0],
    );
    check(
        "too large for the type",
        average(&[1]),
        Scales {
            x: (1e30, 0.0),
            y: (1e-30, 3.0),
        },
        u8s(&[0.0, 200.0]),
        &[3.0, 255.0],
    );
    check(
        "too small for the type",
        average(&[1]),
        Scales {
            x: (1e30, 0.0),
            y: (1e-30, 3.0),
        },
        i8s(&[-1.0, 0.0, 1.0]),
        &[-128.0, 3.0, 127.0],
    );
    check(
        "windows on padding alone are a real zero",
        average(&[2]).ints("strides", &[2]).ints("pads", &[2, 2]),
        Scales {
            x: (1.0, 5.0),
            y: (1.0, 7.0),
        },
        u8s(&[5.0, 9.0]),
        &[7.0, 9.0, 7.0],
    );
    report.finish(7);
}

#[test]
fn zero_points_may_be_left_out_of_averages() {
    let scale = f32s(&[], &[1.0]);
    let x = counting(DType::U8, &[1, 1, 3]);
    for (node, count) in [
        (
            average(&[2]).like(&x).like(&scale).omitted().like(&scale),
            3,
        ),
        (
            average(&[2])
                .like(&x)
                .like(&scale)
                .omitted()
                .like(&scale)
                .omitted(),
            3,
        ),
    ] {
        let inputs = [x.clone(), scale.clone(), scale.clone()];
        let model = linn::Model::from_bytes(node.bytes()).expect("it loads");
        let y = crate::support::feed(&model, &inputs[..count]).expect("it runs");
        check_tensor(&y[0], &[1, 1, 2], &[2.0, 2.0]).expect("1.5 and 2.5 to even");
    }
}

#[test]
fn channels_last() {
    // One sample, two by two, three channels.
    let values: Vec<f64> = (1..=12).map(f64::from).collect();
    let x = || tensor(DType::U8, &[1, 2, 2, 3], &values);
    let mut report = Report::default();
    let mut check =
        |what: &str, node: OneNode, inputs: &[Tensor], shape: &[usize], wanted: &[f64]| {
            report.check(what, gives(&node, inputs, shape, wanted));
        };
    check(
        "QLinearAveragePool",
        average(&[2, 1]).int("channels_last", 1),
        &PLAIN.inputs(x()),
        &[1, 1, 2, 3],
        &[4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
    );
    let global = microsoft("QLinearGlobalAveragePool");
    check(
        "QLinearGlobalAveragePool, channels last",
        global.clone().int("channels_last", 1),
        &PLAIN.inputs(x()),
        &[1, 1, 1, 3],
        // 5.5, 6.5 and 7.5.
        &[6.0, 6.0, 8.0],
    );
    check(
        "QLinearGlobalAveragePool, channels first",
        global,
        &PLAIN.inputs(x()),
        &[1, 2, 1, 1],
        // 3.5 and 9.5.
        &[4.0, 10.0],
    );
    check(
        "NhwcMaxPool",
        microsoft("NhwcMaxPool")
            .ints("kernel_shape", &[2, 2])
            .ints("pads", &[0, 0, 0, 1]),
        &[x()],
        &[1, 1, 2, 3],
        &[10.0, 11.0, 12.0, 10.0, 11.0, 12.0],
    );
    check(
        "NhwcMaxPool, dilated",
        microsoft("NhwcMaxPool")
            .ints("kernel_shape", &[2])
            .ints("dilations", &[2])
            .string("auto_pad", "SAME_UPPER"),
        &[tensor(DType::I8, &[1, 4, 1], &[-1.0, -2.0, -3.0, -4.0])],
        &[1, 4, 1],
        &[-2.0, -1.0, -2.0, -3.0],
    );
    report.finish(5);
}

/// A scale ratio or a plane that some engines cannot take.
#[test]
fn global_averages_without_limits() {
    let node = microsoft("QLinearGlobalAveragePool");
    let scales = Scales {
        x: (1e-20, 0.0),
        y: (1e-24, 0.0),
    };
    let x = tensor(DType::U8, &[1, 1, 2], &[0.0, 200.0]);
    gives(&node, &scales.inputs(x), &[1, 1, 1], &[255.0]).expect("it saturates");
    let large = Tensor::new(&[1, 1, 1 << 24], vec![77u8; 1 << 24]).expect("it fits");
    gives(&node, &PLAIN.inputs(large), &[1, 1, 1], &[77.0]).expect("2^24 elements");
    let none = tensor(DType::I8, &[0, 2, 3], &[]);
    gives(&node, &PLAIN.inputs(none), &[0, 2, 1], &[]).expect("no samples");
}
