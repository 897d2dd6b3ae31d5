//! Examples that were worked out by hand, in both engines.

use crate::agree;
use crate::support::model::OneNode;
use crate::support::{Report, check_tensor, f32s, run};

fn pool(operator: &str, kernel: [i64; 2], strides: [i64; 2], pads: [i64; 4]) -> OneNode {
    OneNode::new(operator, 12)
        .ints("kernel_shape", &kernel)
        .ints("strides", &strides)
        .ints("pads", &pads)
}

#[test]
fn examples_by_hand() {
    let mut report = Report::default();
    let count = |from: u8, to: u8| (from..to).map(f64::from);
    let nine: Vec<f64> = count(0, 9).collect();
    let sixteen: Vec<f64> = count(0, 16).collect();
    let channels: Vec<f64> = count(0, 16).chain(count(1, 17)).collect();
    let (nine, sixteen, channels) = (
        f32s(&[1, 1, 3, 3], &nine),
        f32s(&[1, 1, 4, 4], &sixteen),
        f32s(&[1, 2, 4, 4], &channels),
    );
    let quarters = [5.0, 7.0, 13.0, 15.0];
    for (what, node, x, shape, wanted) in [
        (
            "maxima of 2 by 2",
            pool("MaxPool", [2, 2], [1, 1], [0; 4]),
            &nine,
            [1, 1, 2, 2],
            &[4.0, 5.0, 7.0, 8.0][..],
        ),
        (
            "means of 2 by 2",
            pool("AveragePool", [2, 2], [1, 1], [0; 4]),
            &nine,
            [1, 1, 2, 2],
            &[2.0, 3.0, 5.0, 6.0],
        ),
        (
            "3 by 3, stride 3",
            pool("MaxPool", [3, 3], [3, 3], [0; 4]),
            &sixteen,
            [1, 1, 1, 1],
            &[10.0],
        ),
        (
            "3 by 3, padding 1, stride 2",
            pool("MaxPool", [3, 3], [2, 2], [1; 4]),
            &sixteen,
            [1, 1, 2, 2],
            &quarters,
        ),
        (
            "2 by 3, padding 0 by 1, stride 2 by 3",
            pool("MaxPool", [2, 3], [2, 3], [0, 1, 0, 1]),
            &sixteen,
            [1, 1, 2, 2],
            &quarters,
        ),
        (
            "two channels",
            pool("MaxPool", [3, 3], [2, 2], [1; 4]),
            &channels,
            [1, 2, 2, 2],
            &[5.0, 7.0, 13.0, 15.0, 6.0, 8.0, 14.0, 16.0],
        ),
    ] {
        let outputs = run(&node, std::slice::from_ref(x)).map_err(|error| error.to_string());
        report.check(
            what,
            outputs.and_then(|outputs| check_tensor(&outputs[0], &shape, wanted)),
        );
        let bytes = node.like(x).bytes();
        report.check(
            format!("{what}, in both engines"),
            agree(bytes, std::slice::from_ref(x), 0.0),
        );
    }
    report.finish(12);
}
