//! MaxRoiPool and RoiAlign: the facts about rounding, borders, degenerate regions and sampling.

use linn::{Class, DType, Tensor};

use crate::support::model::OneNode;
use crate::support::{Report, check_tensor, f32s, i64s, run, tensor};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn from_zero(dims: &[usize]) -> Tensor {
    let values: Vec<f64> = (0..dims.iter().product())
        .map(|x: usize| x as f64)
        .collect();
    f32s(dims, &values)
}

fn max_roi(pooled: [i64; 2]) -> OneNode {
    OneNode::new("MaxRoiPool", 22).ints("pooled_shape", &pooled)
}

fn align(opset: i64, size: [i64; 2], sampling: i64) -> OneNode {
    OneNode::new("RoiAlign", opset)
        .int("output_height", size[0])
        .int("output_width", size[1])
        .int("sampling_ratio", sampling)
}

fn gives(node: &OneNode, inputs: &[Tensor], shape: &[usize], wanted: &[f64]) -> Result<(), String> {
    let outputs = run(node, inputs).map_err(|error| error.to_string())?;
    check_tensor(&outputs[0], shape, wanted)
}

#[test]
fn max_roi_pool_facts() {
    let mut report = Report::default();
    let mut check = |what: &str, node: OneNode, x: &Tensor, roi: [f64; 5], wanted: &[f64]| {
        let pooled = wanted.len();
        let inputs = [x.clone(), f32s(&[1, 5], &roi)];
        report.check(what, gives(&node, &inputs, &[1, 1, 1, pooled], wanted));
    };
    let row = from_zero(&[1, 1, 1, 8]);
    let one = || max_roi([1, 1]);
    check(
        "corners are inclusive",
        one(),
        &row,
        [0.0, 2.0, 0.0, 4.0, 0.0],
        &[4.0],
    );
    check(
        "halves are rounded away from zero",
        one(),
        &row,
        // 0.5 to 1, 2.5 to 3.
        [0.0, 0.5, 0.0, 2.5, 0.0],
        &[3.0],
    );
    check(
        "negative halves too",
        max_roi([1, 2]),
        &row,
        // -0.5 to -1: the columns -1 to 1, in bins of 1.5: -1 to 0 and 0 to 1.
        [0.0, -0.5, 0.0, 1.0, 0.0],
        &[0.0, 1.0],
    );
    check(
        "a scale comes before rounding",
        one().float("spatial_scale", 0.5),
        &row,
        [0.0, 1.0, 0.0, 5.0, 0.0],
        // 0.5 to 1, 2.5 to 3.
        &[3.0],
    );
    check(
        "the end before the start is one element",
        one(),
        &row,
        [0.0, 5.0, 0.0, 2.0, 0.0],
        &[5.0],
    );
    check(
        "bins overlap",
        max_roi([1, 2]),
        &from_zero(&[1, 1, 1, 3]),
        // Bins of 1.5: columns 0 to 1 and 1 to 2.
        [0.0, 0.0, 0.0, 2.0, 0.0],
        &[1.0, 2.0],
    );
    check(
        "outside of the image is 0",
        one(),
        &f32s(&[1, 1, 1, 2], &[-5.0, -6.0]),
        [0.0, 4.0, 0.0, 6.0, 0.0],
        &[0.0],
    );
    check(
        "the batch index is cut to an integer",
        one(),
        &from_zero(&[1, 1, 1, 8]),
        [0.9, 0.0, 0.0, 3.0, 0.0],
        &[3.0],
    );
    check(
        "minus infinity stays",
        one(),
        &f32s(&[1, 1, 1, 2], &[-INF, -INF]),
        [0.0, 0.0, 0.0, 1.0, 0.0],
        &[-INF],
    );
    check(
        "NaN wins",
        one(),
        &f32s(&[1, 1, 1, 3], &[1.0, NAN, 2.0]),
        [0.0, 0.0, 0.0, 2.0, 0.0],
        &[NAN],
    );
    report.finish(10);
}

/// Seven columns in thirteen bins: computed in f32, the end of the last bin lies a little above 7, so that it
/// reaches into an eighth column. The programs that models of this operator come from compute so.
#[test]
fn max_roi_pool_bins_are_f32() {
    let inputs = [
        from_zero(&[1, 1, 1, 8]),
        f32s(&[1, 5], &[0.0, 0.0, 0.0, 6.0, 0.0]),
    ];
    let y = run(&max_roi([1, 13]), &inputs).expect("it runs");
    let exact = 7f32 / 13f32 * 13f32;
    assert!(exact > 7.0, "the premise");
    assert_eq!(y[0].as_slice::<f32>().and_then(<[f32]>::last), Some(&7.0));
}

#[test]
fn max_roi_pool_of_batches_and_channels() {
    // Sample 1, channels 0 and 1.
    let x = from_zero(&[2, 2, 1, 3]);
    let rois = f32s(
        &[3, 5],
        &[
            1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0,
        ],
    );
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let inputs =
            [&x, &rois].map(|input| tensor(dtype, input.shape(), &crate::support::numbers(input)));
        gives(
            &max_roi([1, 1]),
            &inputs,
            &[3, 2, 1, 1],
            &[7.0, 10.0, 2.0, 5.0, 8.0, 11.0],
        )
        .expect("the maxima of the boxes");
    }
    for roi in [-1.0, 2.0] {
        let rois = f32s(&[1, 5], &[roi, 0.0, 0.0, 1.0, 0.0]);
        let error = run(&max_roi([1, 1]), &[x.clone(), rois]).expect_err("no such sample");
        assert_eq!(error.class(), Class::Run, "{error}");
    }
}

#[test]
fn roi_align_borders() {
    let mut report = Report::default();
    // One sample point a region, of a column 0, 1, 2, 3 wide enough for x not to matter.
    let column = |values: &[f64]| f32s(&[1, 1, values.len(), 1], values);
    let x = column(&[10.0, 20.0, 30.0, 40.0]);
    // With `output_half_pixel` a region from y - 0.5 to y + 0.5 has its sample at y.
    let node =
        || align(16, [1, 1], 1).string("coordinate_transformation_mode", "output_half_pixel");
    for (y, wanted) in [
        (0.0, 10.0),
        (0.5, 15.0),
        (3.0, 40.0),
        // Between the last row and the border of the image the last row counts.
        (3.5, 40.0),
        (4.0, 40.0),
        (4.25, 0.0),
        // So does the first one down to -1.
        (-0.5, 10.0),
        (-1.0, 10.0),
        (-1.25, 0.0),
    ] {
        for mode in ["avg", "max"] {
            let rois = f32s(&[1, 4], &[-0.5, y - 0.5, 0.5, y + 0.5]);
            let inputs = [x.clone(), rois, i64s(&[1], &[0])];
            let wanted = match mode {
                // The largest weighted corner, which is half of 20 between the first two rows.
                "max" if y == 0.5 => 10.0,
                _ => wanted,
            };
            report.check(
                format!("a sample at {y}, {mode}"),
                gives(
                    &node().string("mode", mode),
                    &inputs,
                    &[1, 1, 1, 1],
                    &[wanted],
                ),
            );
        }
    }
    report.finish(18);
}

#[test]
fn roi_align_of_degenerate_regions() {
    let mut report = Report::default();
    let x = from_zero(&[1, 1, 4, 4]);
    let mut check = |what: &str, node: OneNode, roi: [f64; 4], wanted: f64| {
        for mode in ["avg", "max"] {
            let inputs = [x.clone(), f32s(&[1, 4], &roi), i64s(&[1], &[0])];
            let node = node.clone().string("mode", mode);
            // The point (0.5, 0.5) has the corners 0, 1, 4 and 5, each with a weight of a quarter.
            let wanted = if (mode, wanted) == ("max", 2.5) {
                1.25
            } else {
                wanted
            };
            report.check(
                format!("{what}, {mode}"),
                gives(&node, &inputs, &[1, 1, 1, 1], &[wanted]),
            );
        }
    };
    let point = [1.0, 1.0, 1.0, 1.0];
    check(
        "no size, as many samples as it is large",
        align(16, [1, 1], 0),
        point,
        0.0,
    );
    check(
        "no size, two samples an axis",
        align(16, [1, 1], 2),
        point,
        2.5,
    );
    check(
        "negative size",
        align(16, [1, 1], 0),
        [3.0, 3.0, 1.0, 1.0],
        0.0,
    );
    // Before 16 a region is at least one element wide.
    check(
        "no size before opset 16",
        align(10, [1, 1], 1),
        [0.0; 4],
        2.5,
    );
    check(
        "no size with output_half_pixel",
        align(22, [1, 1], 1).string("coordinate_transformation_mode", "output_half_pixel"),
        [0.0; 4],
        2.5,
    );
    report.finish(10);
}

#[test]
fn roi_align_adapts_its_samples_and_takes_every_type() {
    // A region of 4 by 4 with one bin is sampled 4 by 4 times: the mean of all elements.
    let x = from_zero(&[2, 2, 4, 4]);
    let rois = f32s(&[2, 4], &[0.0, 0.0, 4.0, 4.0, 0.0, 0.0, 4.0, 4.0]);
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let cast = |input: &Tensor| tensor(dtype, input.shape(), &crate::support::numbers(input));
        let inputs = [cast(&x), cast(&rois), i64s(&[2], &[1, 0])];
        gives(
            &align(22, [1, 1], 0),
            &inputs,
            &[2, 2, 1, 1],
            &[39.5, 55.5, 7.5, 23.5],
        )
        .expect("the means of the planes");
    }
    // A spatial scale shrinks the region.
    let inputs = [
        from_zero(&[1, 1, 4, 4]),
        f32s(&[1, 4], &[0.0, 0.0, 8.0, 8.0]),
        i64s(&[1], &[0]),
    ];
    let node = align(22, [1, 1], 0).float("spatial_scale", 0.5);
    gives(&node, &inputs, &[1, 1, 1, 1], &[7.5]).expect("the mean of the plane");
    // An output without rows is empty.
    gives(&align(22, [0, 2], 0), &inputs, &[1, 1, 0, 2], &[]).expect("no rows");
}
