//! The attributes that all windowed operators share.

use linn::{DType, Model, Tensor};

use crate::support::model::OneNode;
use crate::support::{Report, f32s, feed, tensor};
use crate::{Known, declared, refuses};

/// An operator with a window over the spatial axes, and its inputs for data of some shape.
struct Windowed {
    name: &'static str,
    domain: &'static str,
    dtype: DType,
    channels_last: bool,
    dilations: bool,
}

impl Windowed {
    fn node(&self) -> OneNode {
        match self.domain {
            "" => OneNode::new(self.name, 22),
            domain => OneNode::new(self.name, 22).domain(domain),
        }
    }

    /// Inputs whose data have N, C and the spatial axes of `dims`, laid out as the operator wants them.
    fn inputs(&self, dims: &[usize]) -> Vec<Tensor> {
        let mut dims = dims.to_vec();
        if self.channels_last && dims.len() > 1 {
            dims[1..].rotate_left(1);
        }
        let mut inputs = vec![tensor(self.dtype, &dims, &vec![1.0; dims.iter().product()])];
        if self.name == "QLinearAveragePool" {
            for _ in 0..2 {
                inputs.push(f32s(&[], &[1.0]));
                inputs.push(tensor(self.dtype, &[], &[0.0]));
            }
        }
        inputs
    }
}

fn windowed() -> Vec<Windowed> {
    let standard = |name| Windowed {
        name,
        domain: "",
        dtype: DType::F32,
        channels_last: false,
        dilations: true,
    };
    let microsoft = |name, channels_last, dilations| Windowed {
        name,
        domain: "com.microsoft",
        dtype: DType::U8,
        channels_last,
        dilations,
    };
    vec![
        standard("MaxPool"),
        standard("AveragePool"),
        standard("LpPool"),
        microsoft("NhwcMaxPool", true, true),
        microsoft("QLinearAveragePool", false, false),
    ]
}

#[test]
fn windows_that_are_refused() {
    let mut total = Report::default();
    let report = &mut total;
    for operator in windowed() {
        let bare = || operator.node();
        let pool = || bare().ints("kernel_shape", &[2, 2]);
        let image = operator.inputs(&[1, 1, 4, 4]);
        // Wrong whatever the input is.
        for (node, words) in [
            (bare(), "kernel_shape is missing"),
            (bare().ints("kernel_shape", &[]), "kernel_shape is empty"),
            (
                bare().ints("kernel_shape", &[2, 0]),
                "kernel_shape[1] is 0, must be at least 1",
            ),
            (
                bare().ints("kernel_shape", &[-1, 2]),
                "kernel_shape[0] is -1, must be at least 1",
            ),
            (
                pool().ints("strides", &[1, 0]),
                "strides[1] is 0, must be at least 1",
            ),
            (
                pool().ints("strides", &[-2, 1]),
                "strides[0] is -2, must be at least 1",
            ),
            (
                pool().ints("strides", &[1]),
                "strides has 1 values, must have 2",
            ),
            (
                pool().ints("pads", &[0, 0, 0, -1]),
                "pads[3] is -1, must be at least 0",
            ),
            (
                pool().ints("pads", &[0, 0]),
                "pads has 2 values, must have 4",
            ),
            (
                pool().string("auto_pad", "SAME"),
                "auto_pad is 'SAME', must be NOTSET, SAME_UPPER, SAME_LOWER or VALID",
            ),
            (
                pool().string("auto_pad", "valid"),
                "auto_pad is 'valid', must be NOTSET",
            ),
            (
                pool().int("ceil_mode", -1),
                "ceil_mode is -1, must be 0 or 1",
            ),
        ] {
            refuses(
                report,
                &node,
                &image,
                Known::Nothing,
                &[words, operator.name],
            );
        }
        if operator.dilations {
            for (dilations, words) in [
                (&[1, 0][..], "dilations[1] is 0, must be at least 1"),
                (&[-3, 1], "dilations[0] is -3, must be at least 1"),
                (&[1], "dilations has 1 values, must have 2"),
            ] {
                let node = pool().ints("dilations", dilations);
                refuses(report, &node, &image, Known::Nothing, &[words]);
            }
        }
        // Wrong for the rank of the input.
        refuses(
            report,
            &bare().ints("kernel_shape", &[2]),
            &image,
            Known::Ranks,
            &["kernel_shape has 1 value for 2 spatial axes"],
        );
        refuses(
            report,
            &bare().ints("kernel_shape", &[1]),
            &operator.inputs(&[1, 1]),
            Known::Ranks,
            &["the input has rank 2, must have at least 3"],
        );
        refuses(
            report,
            &bare().ints("kernel_shape", &[1]),
            &operator.inputs(&[]),
            Known::Ranks,
            &["the input has rank 0, must have at least 3"],
        );
        // Wrong for its sizes. An output size of 0 is an empty output, a negative one an error.
        refuses(
            report,
            &bare().ints("kernel_shape", &[2, 6]),
            &image,
            Known::Shapes,
            &[
                "kernel_shape",
                "6 elements of spatial axis 1",
                "would be -1",
            ],
        );
        let huge = 1 << 62;
        refuses(
            report,
            &pool().ints("pads", &[huge, 0, huge, 0]),
            &image,
            Known::Shapes,
            &["pads[0] is 4611686018427387904", "too large"],
        );
        refuses(
            report,
            &bare().ints("kernel_shape", &[1, 1 << 40]),
            &image,
            Known::Shapes,
            &["kernel_shape", "spatial axis 1", "would be -"],
        );
        // Pads that can be computed with, but make more elements than can be addressed.
        let wide = pool().ints("pads", &[1 << 40, 1 << 40, 0, 0]);
        refuses(
            report,
            &wide,
            &image,
            Known::Shapes,
            &["more elements than can be addressed"],
        );
    }
    total.finish(300);
}

#[test]
fn windows_that_are_accepted() {
    let mut report = Report::default();
    for operator in windowed() {
        let pool = |kernel: i64| operator.node().ints("kernel_shape", &[kernel]);
        let same = |auto_pad| pool(3).string("auto_pad", auto_pad);
        for (what, node, dims, output) in [
            ("a plain window", pool(2), [1, 1, 4], [1, 1, 3]),
            (
                "pads as wide as the kernel",
                pool(2).ints("pads", &[2, 3]),
                [1, 1, 4],
                [1, 1, 8],
            ),
            ("an empty auto_pad", same(""), [1, 1, 4], [1, 1, 2]),
            ("NOTSET", same("NOTSET"), [1, 1, 4], [1, 1, 2]),
            ("no samples", pool(2), [0, 2, 4], [0, 2, 3]),
            ("no channels", pool(2), [2, 0, 4], [2, 0, 3]),
            ("no elements, no output", pool(1), [1, 1, 0], [1, 1, 0]),
            (
                "no elements, automatic pads",
                same("SAME_LOWER"),
                [1, 1, 0],
                [1, 1, 0],
            ),
            (
                "no elements, padded",
                pool(1).ints("pads", &[0, 2]),
                [1, 1, 0],
                [1, 1, 2],
            ),
            ("a kernel one too wide", pool(5), [1, 1, 4], [1, 1, 0]),
        ] {
            let mut output = output.to_vec();
            if operator.channels_last {
                output[1..].rotate_left(1);
            }
            let inputs = operator.inputs(&dims);
            for known in [Known::Shapes, Known::Ranks, Known::Nothing] {
                let model = Model::from_bytes(declared(&node, &inputs, known).bytes());
                let result = model
                    .and_then(|model| feed(&model, &inputs))
                    .map_err(|error| error.to_string())
                    .and_then(|outputs| match outputs[0].shape()[..] == output[..] {
                        true => Ok(()),
                        false => Err(format!("{} instead of {output:?}", outputs[0])),
                    });
                report.check(
                    format!("{}: {what}, {known:?} declared", operator.name),
                    result,
                );
            }
        }
    }
    report.finish(150);
}

#[test]
fn automatic_pads_overrule_explicit_ones_with_a_warning() {
    let node = || {
        OneNode::new("MaxPool", 22)
            .ints("kernel_shape", &[3])
            .input(DType::F32, "1,1,6")
    };
    let warnings = |node: OneNode| {
        let model = Model::from_bytes(node.bytes()).expect("it is valid");
        let warnings = model.warnings().iter().map(ToString::to_string);
        warnings.collect::<Vec<_>>()
    };
    let both = warnings(node().ints("pads", &[1, 1]).string("auto_pad", "VALID"));
    assert_eq!(both.len(), 1, "{both:?}");
    assert!(both[0].contains("(MaxPool, opset 22): auto_pad overrules the explicit pads"));
    for harmless in [
        node().ints("pads", &[1, 1]),
        node().ints("pads", &[1, 1]).string("auto_pad", "NOTSET"),
        node().ints("pads", &[0, 0]).string("auto_pad", "VALID"),
    ] {
        assert_eq!(warnings(harmless), [""; 0]);
    }
}
