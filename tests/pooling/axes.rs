//! Three and four spatial axes, with something particular on each of them in turn.

use linn::pooling::definition::Problem;
use rayon::prelude::*;

use crate::every;
use crate::levels::Levels;

/// What a problem has on one axis.
#[derive(Clone, Copy)]
struct Along {
    input: usize,
    kernel: i64,
    stride: i64,
    dilation: i64,
    pads: [i64; 2],
}

const fn along(input: usize, kernel: i64, stride: i64, dilation: i64, pads: [i64; 2]) -> Along {
    Along {
        input,
        kernel,
        stride,
        dilation,
        pads,
    }
}

fn problem(planes: [usize; 2], axes: &[Along]) -> Problem {
    let list = |of: fn(&Along) -> i64| axes.iter().map(of).collect::<Vec<i64>>();
    let ends = [list(|axis| axis.pads[0]), list(|axis| axis.pads[1])];
    let sizes = axes.iter().map(|axis| axis.input);
    Problem {
        strides: list(|axis| axis.stride),
        dilations: list(|axis| axis.dilation),
        pads: ends.concat(),
        ..Problem::new(
            planes.into_iter().chain(sizes).collect::<Vec<_>>(),
            list(|axis| axis.kernel),
        )
    }
}

/// Axes that are ordinary, of sizes that differ.
const PLAIN: [Along; 4] = [
    along(4, 2, 1, 1, [0, 0]),
    along(3, 2, 2, 1, [1, 0]),
    along(5, 3, 2, 1, [1, 1]),
    along(3, 1, 1, 1, [0, 0]),
];

/// Problems with each of `particular` on each axis of two to four, the others ordinary in two ways.
fn on_each_axis(particular: &[Along]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for &axis in particular {
        for rank in 2..=4 {
            for place in 0..rank {
                for turn in [0, 1] {
                    let mut axes: Vec<Along> = (0..rank).map(|at| PLAIN[(at + turn) % 4]).collect();
                    axes[place] = axis;
                    let planes = if turn == 0 { [2, 1] } else { [1, 3] };
                    problems.push(problem(planes, &axes));
                }
            }
        }
    }
    problems
}

fn all_pools(problems: Vec<Problem>) {
    problems
        .into_par_iter()
        .enumerate()
        .for_each(|(number, problem)| {
            assert!(
                problem
                    .output_shape()
                    .is_some_and(|shape| !shape.contains(&0)),
                "{problem:?}"
            );
            every::pools_by_turns(&Levels::all(), &problem, 3 * number);
        });
}

#[test]
fn long_windows_on_each_axis() {
    all_pools(on_each_axis(&[
        along(20, 9, 1, 1, [4, 4]),
        along(25, 16, 1, 1, [0, 0]),
        along(20, 16, 2, 1, [15, 3]),
        along(25, 17, 1, 1, [8, 8]),
        along(25, 17, 4, 1, [16, 16]),
        along(40, 31, 1, 1, [15, 15]),
        along(40, 31, 7, 1, [0, 31]),
        along(40, 18, 3, 2, [0, 5]),
        along(11, 16, 1, 3, [30, 17]),
        along(7, 40, 1, 1, [39, 39]),
        along(90, 64, 2, 1, [3, 0]),
        along(100, 73, 1, 1, [0, 0]),
        // Too far apart for their length, or reaching too far.
        along(60, 17, 8, 1, [4, 4]),
        along(30, 17, 3, 60, [480, 480]),
    ]));
}

/// Long windows on two axes at once, and on all.
#[test]
fn long_windows_on_several_axes() {
    let long = along(19, 17, 4, 1, [8, 8]);
    let dense = along(17, 16, 1, 1, [4, 0]);
    let short = along(3, 2, 1, 1, [0, 1]);
    all_pools(vec![
        problem([2, 1], &[long, dense]),
        problem([2, 1], &[long, dense, short]),
        problem([2, 1], &[long, short, dense]),
        problem([1, 2], &[short, long, dense]),
        problem([1, 1], &[dense, dense, long]),
        problem([1, 2], &[short, long, dense, short]),
        problem([2, 1], &[dense, short, short, long]),
        problem([1, 1], &[dense, short, dense, dense]),
    ]);
}

#[test]
fn windows_far_apart_on_each_axis() {
    all_pools(on_each_axis(&[
        along(130, 3, 50, 40, [0, 0]),
        along(130, 2, 50, 40, [45, 90]),
        along(60, 1, 50, 1, [0, 0]),
        along(60, 3, 1, 40, [40, 40]),
        along(60, 3, 7, 1, [1, 1]),
        // Taps beyond both ends of the input, and windows that are all pad.
        along(3, 3, 2, 40, [80, 80]),
        along(3, 2, 50, 1, [100, 100]),
    ]));
}

/// All windows lie on padding.
#[test]
fn axes_without_elements() {
    all_pools(on_each_axis(&[
        along(0, 3, 1, 1, [2, 3]),
        along(0, 3, 2, 3, [6, 4]),
        along(0, 1, 1, 1, [1, 0]),
        along(0, 17, 1, 1, [16, 9]),
        along(0, 17, 4, 1, [20, 20]),
    ]));
    let none = along(0, 2, 1, 1, [1, 2]);
    all_pools(vec![
        problem([2, 1], &[none, none]),
        problem([1, 3], &[none, PLAIN[0], none]),
        // Small square windows, which are folded in strips.
        problem(
            [1, 1],
            &[along(8, 2, 2, 1, [1, 2]), along(0, 2, 2, 1, [2, 1])],
        ),
    ]);
}

/// Bands of windows before and behind the input, some of which lie on pads alone.
#[test]
fn pads_longer_than_the_input() {
    let one = |dilation, pads| along(1, 1, 1, dilation, pads);
    let short = along(1, 11, 17, 1, [1, 18]);
    all_pools(vec![
        problem(
            [1, 1],
            &[
                along(231, 19, 2, 1, [231, 1]),
                short,
                one(1, [1, 1]),
                one(2, [1, 2]),
            ],
        ),
        problem(
            [2, 1],
            &[
                along(131, 19, 2, 1, [3, 231]),
                short,
                one(1, [2, 0]),
                PLAIN[1],
            ],
        ),
    ]);
    all_pools(on_each_axis(&[
        along(40, 19, 2, 1, [130, 0]),
        along(40, 19, 1, 1, [0, 130]),
        along(3, 17, 3, 1, [90, 90]),
    ]));
}

/// Axes on which nothing is folded count as planes, as long as no axis before them is folded.
#[test]
fn identity_axes_come_first() {
    let identity = along(5, 1, 1, 1, [0, 0]);
    let folded = [
        along(9, 3, 1, 1, [1, 1]),
        along(9, 3, 2, 1, [0, 0]),
        along(20, 9, 1, 1, [4, 4]),
        along(5, 5, 1, 1, [0, 0]),
        // One tap, but not each element once.
        along(5, 1, 2, 1, [0, 0]),
        along(5, 1, 1, 1, [2, 0]),
        identity,
    ];
    let mut problems = Vec::new();
    for axis in folded {
        problems.push(problem([2, 3], &[axis]));
        problems.push(problem([2, 3], &[identity, axis]));
        problems.push(problem([2, 1], &[axis, identity]));
        problems.push(problem([1, 2], &[identity, identity, axis]));
        problems.push(problem([2, 1], &[identity, axis, identity]));
        problems.push(problem([2, 1], &[identity, axis, axis]));
        problems.push(problem([1, 1], &[identity, identity, axis, axis]));
    }
    all_pools(problems);
}
