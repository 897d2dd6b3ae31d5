//! MaxRoiPool and RoiAlign.

use linn::DType;

use crate::support::model::OneNode;
use crate::support::{Report, check_tensor, counting, f32s, i64s, run, tensor};
use crate::{Known, fails, refuses};

#[test]
fn max_roi_pooling() {
    let mut total = Report::default();
    let report = &mut total;
    let bare = || OneNode::new("MaxRoiPool", 22);
    let pool = || bare().ints("pooled_shape", &[1, 1]);
    let x = || counting(DType::F32, &[2, 1, 2, 2]);
    let roi = |roi: &[f64]| f32s(&[1, roi.len()], roi);
    let good = [x(), roi(&[0.0; 5])];
    for (node, words) in [
        (bare(), "pooled_shape is missing"),
        (
            bare().ints("pooled_shape", &[2]),
            "pooled_shape has 1 values, must have 2",
        ),
        (
            bare().ints("pooled_shape", &[0, 2]),
            "pooled_shape[0] is 0, must be at least 1",
        ),
        (
            bare().ints("pooled_shape", &[2, -1]),
            "pooled_shape[1] is -1, must be at least 1",
        ),
        (
            pool().float("spatial_scale", f32::NAN),
            "spatial_scale is NaN, must be finite",
        ),
        (
            pool().int("spatial_scale", 1),
            "'spatial_scale' has type int, must have type float",
        ),
    ] {
        refuses(report, &node, &good, Known::Nothing, &[words]);
    }
    let four = [x(), roi(&[0.0; 4])];
    refuses(
        report,
        &pool(),
        &four,
        Known::Shapes,
        &["rois is f32[1,4]", "size 5"],
    );
    let flat = [x(), f32s(&[5], &[0.0; 5])];
    refuses(
        report,
        &pool(),
        &flat,
        Known::Ranks,
        &["rois is f32[", "two axes"],
    );
    let volume = [counting(DType::F32, &[1, 1, 2, 2, 2]), roi(&[0.0; 5])];
    refuses(
        report,
        &pool(),
        &volume,
        Known::Ranks,
        &["X is f32[", "four axes"],
    );
    let mixed = [x(), tensor(DType::F64, &[1, 5], &[0.0; 5])];
    refuses(
        report,
        &pool(),
        &mixed,
        Known::Nothing,
        &["rois has elements of type f64", "alike"],
    );
    for (index, words) in [
        (2.0, "rois[0,0] is 2, must be the index of one of 2"),
        (-1.0, "rois[0,0] is -1"),
        (f64::NAN, "rois[0,0] is NaN"),
    ] {
        fails(
            report,
            &pool(),
            &[x(), roi(&[index, 0.0, 0.0, 0.0, 0.0])],
            words,
        );
    }
    // No region is right, even of no image.
    for (batch, channels) in [(0, 3), (2, 3), (2, 0)] {
        let inputs = [
            f32s(&[batch, channels, 1, 1], &vec![1.0; batch * channels]),
            f32s(&[0, 5], &[]),
        ];
        let result = run(&pool(), &inputs).map_err(|error| error.to_string());
        report.check(
            format!("no region of {batch} images of {channels} channels"),
            result.and_then(|outputs| check_tensor(&outputs[0], &[0, channels, 1, 1], &[])),
        );
    }
    total.finish(42);
}

#[test]
fn roi_aligning() {
    let mut total = Report::default();
    let report = &mut total;
    let align = || OneNode::new("RoiAlign", 22);
    let x = || counting(DType::F32, &[2, 1, 2, 2]);
    let roi = |roi: &[f64]| f32s(&[1, roi.len()], roi);
    let index = |index: i64| i64s(&[1], &[index]);
    let good = [x(), roi(&[0.0, 0.0, 1.0, 1.0]), index(1)];
    let transformation = "coordinate_transformation_mode";
    for (node, words) in [
        (
            align().string("mode", "median"),
            "mode is 'median', must be avg or max",
        ),
        (
            align().string(transformation, "asymmetric"),
            "coordinate_transformation_mode is 'asymmetric', must be half_pixel or output_half_pixel",
        ),
        (
            OneNode::new("RoiAlign", 10).string(transformation, "half_pixel"),
            "'coordinate_transformation_mode' is new in RoiAlign-16",
        ),
        (
            align().int("sampling_ratio", -1),
            "sampling_ratio is -1, must be at least 0",
        ),
        (
            align().int("output_height", -1),
            "output_height is -1, must be at least 0",
        ),
        (
            align().int("output_width", -1),
            "output_width is -1, must be at least 0",
        ),
        (
            align().float("spatial_scale", f32::INFINITY),
            "spatial_scale is inf, must be finite",
        ),
    ] {
        refuses(report, &node, &good, Known::Nothing, &[words]);
    }
    let five = [x(), roi(&[0.0; 5]), index(0)];
    refuses(
        report,
        &align(),
        &five,
        Known::Shapes,
        &["rois is f32[1,5]", "size 4"],
    );
    let two = [x(), roi(&[0.0; 4]), i64s(&[2], &[0, 0])];
    refuses(
        report,
        &align(),
        &two,
        Known::Shapes,
        &["batch_indices is i64[2]", "one element for each"],
    );
    let nested = [x(), roi(&[0.0; 4]), i64s(&[1, 1], &[0])];
    refuses(
        report,
        &align(),
        &nested,
        Known::Ranks,
        &["batch_indices is i64["],
    );
    let flat = [counting(DType::F32, &[1, 1, 2]), roi(&[0.0; 4]), index(0)];
    refuses(
        report,
        &align(),
        &flat,
        Known::Ranks,
        &["X is f32[", "four axes"],
    );
    for (inputs, words) in [
        ([x(), roi(&[0.0; 4]), index(2)], "batch_indices[0] is 2"),
        ([x(), roi(&[0.0; 4]), index(-1)], "batch_indices[0] is -1"),
        (
            [x(), roi(&[0.0, f64::NAN, 1.0, 1.0]), index(0)],
            "rois[0,1] is NaN, must be finite",
        ),
    ] {
        fails(report, &align(), &inputs, words);
    }
    let none = [x(), f32s(&[0, 4], &[]), i64s(&[0], &[])];
    let result = run(&align(), &none).map_err(|error| error.to_string());
    report.check(
        "no region",
        result.and_then(|outputs| check_tensor(&outputs[0], &[0, 1, 1, 1], &[])),
    );
    total.finish(43);
}
