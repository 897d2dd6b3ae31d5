//! Global pools, the power of a norm, unpooling, and the quantized pools.

use linn::{DType, Model, Tensor};

use crate::support::model::OneNode;
use crate::support::{Report, check_tensor, counting, f32s, i64s, run, tensor};
use crate::{Known, fails, refuses};

#[test]
fn global_pools() {
    let mut report = Report::default();
    for operator in ["GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"] {
        let node = OneNode::new(operator, 22);
        for rank in [0, 1] {
            let words = format!("the input has rank {rank}, must have at least 2");
            let x = f32s(&vec![1; rank], &[1.0]);
            refuses(&mut report, &node, &[x], Known::Ranks, &[&words]);
        }
        let unknown = node.clone().ints("kernel_shape", &[1]);
        let words = "'kernel_shape' is unknown";
        refuses(
            &mut report,
            &unknown,
            &[counting(DType::F32, &[1, 1, 2])],
            Known::Nothing,
            &[words],
        );
        fails(
            &mut report,
            &node,
            &[f32s(&[2, 1, 3, 0], &[])],
            "empty planes",
        );
        for (dims, output) in [([0, 2, 0], [0, 2, 1]), ([2, 0, 3], [2, 0, 1])] {
            let result = run(&node, &[f32s(&dims, &[])]).map_err(|error| error.to_string());
            report.check(
                format!("{operator} of {dims:?}"),
                result.and_then(|outputs| check_tensor(&outputs[0], &output, &[])),
            );
        }
    }
    report.finish(3 * 14);
}

/// The power of a norm is an int, but in the first version a float.
#[test]
fn powers() {
    let mut report = Report::default();
    let x = [counting(DType::F32, &[1, 1, 2])];
    let refuse = |report: &mut Report, node: OneNode, words: &str| {
        let node = node.ints("kernel_shape", &[1]);
        refuses(report, &node, &x, Known::Nothing, &[words]);
    };
    for p in [0, -2] {
        let words = format!("p is {p}, must be at least 1");
        refuse(&mut report, OneNode::new("LpPool", 22).int("p", p), &words);
    }
    for (p, words) in [
        (0.5, "p is 0.5, must be at least 1"),
        (f32::NAN, "p is NaN"),
        (f32::INFINITY, "p is inf"),
    ] {
        refuse(&mut report, OneNode::new("LpPool", 1).float("p", p), words);
    }
    let wrong = OneNode::new("LpPool", 2).float("p", 2.0);
    refuse(&mut report, wrong, "'p' has type float, must have type int");
    let wrong = OneNode::new("LpPool", 1).int("p", 2);
    refuse(&mut report, wrong, "'p' has type int, must have type float");
    report.finish(21);
}

#[test]
fn unpooling() {
    let mut total = Report::default();
    let report = &mut total;
    let bare = || OneNode::new("MaxUnpool", 22);
    let pool = || bare().ints("kernel_shape", &[2]).ints("strides", &[2]);
    let x = || counting(DType::F32, &[1, 1, 2]);
    let indices = |indices: &[i64]| i64s(&[1, 1, indices.len()], indices);
    let good = [x(), indices(&[0, 2])];
    for (node, words) in [
        (bare(), "kernel_shape is missing"),
        (bare().ints("kernel_shape", &[0]), "kernel_shape[0] is 0"),
        (pool().ints("pads", &[-1, 0]), "pads[0] is -1"),
        (pool().ints("pads", &[0]), "pads has 1 values, must have 2"),
        (
            bare().ints("kernel_shape", &[2]).ints("strides", &[0]),
            "strides[0] is 0",
        ),
        (pool().string("auto_pad", "VALID"), "'auto_pad' is unknown"),
        (pool().ints("dilations", &[1]), "'dilations' is unknown"),
    ] {
        refuses(report, &node, &good, Known::Nothing, &[words]);
    }
    refuses(
        report,
        &bare().ints("kernel_shape", &[2, 2]),
        &good,
        Known::Ranks,
        &["kernel_shape has 2 values for 1 spatial axis"],
    );
    refuses(
        report,
        &pool(),
        &[x(), indices(&[0])],
        Known::Shapes,
        &["I is i64[1,1,1], must have the shape of X, which is f32[1,1,2]"],
    );
    refuses(
        report,
        &pool(),
        &[x(), i64s(&[1, 2], &[0, 2])],
        Known::Ranks,
        &["I is i64[", "must have the shape of X"],
    );
    let floats = [x(), x()];
    refuses(
        report,
        &pool(),
        &floats,
        Known::Nothing,
        &["I has elements of type f32"],
    );
    for (bad, words) in [
        ([-1, 0], "I[0] is -1, must be in 0..4"),
        ([0, 4], "I[1] is 4, must be in 0..4"),
        ([i64::MIN, 0], "I[0] is -9223372036854775808"),
        ([0, i64::MAX], "I[1] is 9223372036854775807"),
    ] {
        fails(report, &pool(), &[x(), indices(&bad)], words);
    }
    // The shape of the output is a value: wrong at load only where it is a constant.
    for (shape, words) in [
        (&[1, 1, -1][..], "output_shape[2] is -1"),
        (&[2, 1, 4], "output_shape[0] is 2, must be 1"),
        (&[1, 2, 4], "output_shape[1] is 2, must be 1"),
    ] {
        let shape = i64s(&[shape.len()], shape);
        fails(
            report,
            &pool(),
            &[x(), indices(&[0, 2]), shape.clone()],
            words,
        );
        let node = pool().like(&x()).like(&indices(&[0, 2])).constant(&shape);
        let result = match Model::from_bytes(node.bytes()) {
            Ok(_) => Err("it was accepted".to_string()),
            Err(error) if error.to_string().contains(words) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        report.check(format!("{words}, constant"), result);
    }
    let short = i64s(&[2], &[1, 1]);
    refuses(
        report,
        &pool(),
        &[x(), indices(&[0, 2]), short],
        Known::Shapes,
        &["output_shape is i64[2], must be i64[3]"],
    );
    total.finish(50);
}

#[test]
fn quantized_pools() {
    let mut total = Report::default();
    let report = &mut total;
    for (operator, kernel) in [
        ("QLinearAveragePool", true),
        ("QLinearGlobalAveragePool", false),
    ] {
        let node = || {
            let node = OneNode::new(operator, 22).domain("com.microsoft");
            if kernel {
                node.ints("kernel_shape", &[1])
            } else {
                node
            }
        };
        let inputs = |scale: Tensor, zero: Tensor| {
            let plain = || (f32s(&[], &[1.0]), tensor(DType::U8, &[], &[0.0]));
            let x = tensor(DType::U8, &[1, 1, 2], &[1.0, 2.0]);
            vec![x, scale, zero, plain().0, plain().1]
        };
        let one = || f32s(&[], &[1.0]);
        let zero = |dtype| tensor(dtype, &[], &[0.0]);
        refuses(
            report,
            &node().int("channels_last", 2),
            &inputs(one(), zero(DType::U8)),
            Known::Nothing,
            &["channels_last is 2, must be 0 or 1"],
        );
        let dilated = node().ints("dilations", &[1]);
        let words = "'dilations' is unknown";
        refuses(
            report,
            &dilated,
            &inputs(one(), zero(DType::U8)),
            Known::Nothing,
            &[words],
        );
        let mixed = inputs(one(), zero(DType::I8));
        refuses(
            report,
            &node(),
            &mixed,
            Known::Nothing,
            &["x_zero_point has elements of type i8"],
        );
        let per_channel = inputs(f32s(&[2], &[1.0, 1.0]), zero(DType::U8));
        refuses(report, &node(), &per_channel, Known::Shapes, &["x_scale"]);
        for (scale, words) in [
            (0.0, "x_scale is 0, must be positive"),
            (-1.0, "x_scale is -1, must be positive"),
            (f64::NAN, "x_scale is NaN, must be positive"),
            (f64::INFINITY, "x_scale is inf, must be positive"),
        ] {
            fails(
                report,
                &node(),
                &inputs(f32s(&[], &[scale]), zero(DType::U8)),
                words,
            );
        }
        // A tensor of one element passes for a scalar.
        let outputs = run(&node(), &inputs(f32s(&[1], &[1.0]), zero(DType::U8)));
        report.check(
            "one element",
            outputs.map(drop).map_err(|error| error.to_string()),
        );
    }
    let global = OneNode::new("QLinearGlobalAveragePool", 22).domain("com.microsoft");
    let x = tensor(DType::U8, &[1, 1, 2], &[1.0, 2.0]);
    let missing = global
        .like(&x)
        .input(DType::F32, "")
        .omitted()
        .input(DType::F32, "");
    let error = Model::from_bytes(missing.bytes()).expect_err("zero points are required here");
    assert!(
        error.to_string().contains("input x_zero_point is missing"),
        "{error}"
    );
    total.finish(50);
}
