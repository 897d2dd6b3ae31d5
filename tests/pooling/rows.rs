//! Windows along rows of every width: whole and partial vectors of every instruction set, and all their ends.

use linn::pooling::definition::Problem;
use rayon::prelude::*;

use crate::every;
use crate::levels::Levels;

/// Beyond the lanes of the widest vector, of the narrowest elements.
const WIDTHS: std::ops::RangeInclusive<usize> = 1..=70;
const TAPS: [i64; 11] = [1, 2, 3, 4, 5, 7, 8, 13, 15, 16, 31];
const STRIDES: [i64; 5] = [1, 2, 3, 4, 7];
const DILATIONS: [i64; 3] = [1, 2, 3];

/// None, one side, the other, both, and more than the window on both.
fn pads(extent: i64) -> [[i64; 2]; 5] {
    let half = (extent / 2).max(1);
    [
        [0, 0],
        [half, 0],
        [0, half],
        [half, half],
        [extent + 2, extent + 1],
    ]
}

/// One problem in three has several planes, which lie one behind the other: what leaks out of one shows in the next.
fn planes(number: usize) -> [usize; 2] {
    [[1, 1], [1, 1], [3, 2]][number % 3]
}

#[test]
fn rows_of_every_width() {
    let problems = WIDTHS.flat_map(|width| {
        TAPS.into_iter().flat_map(move |taps| {
            let strides = STRIDES.into_iter();
            strides
                .flat_map(move |stride| DILATIONS.map(|dilation| (width, taps, stride, dilation)))
        })
    });
    let problems: Vec<_> = problems.collect();
    (problems.par_iter().enumerate()).for_each(|(number, &(width, taps, stride, dilation))| {
        for (index, pads) in pads((taps - 1) * dilation + 1).into_iter().enumerate() {
            let number = 5 * number + index;
            let [samples, channels] = planes(number + number / 5 + number / 82);
            let problem = Problem {
                strides: vec![stride],
                dilations: vec![dilation],
                pads: pads.to_vec(),
                ceil_mode: number / 10 % 2 == 1,
                ..Problem::new([samples, channels, width], [taps])
            };
            every::pools_by_turns(&Levels::two(number), &problem, number);
        }
    });
}

/// Rows of so many vectors that most of them touch no end, about the widths where that begins for each kind of vector.
#[test]
fn wide_rows() {
    let widths = [
        60, 64, 70, 127, 128, 129, 140, 255, 257, 260, 511, 512, 513, 530, 1025,
    ];
    let windows = [
        (1, 1, 1),
        (2, 1, 1),
        (3, 1, 1),
        (3, 1, 50),
        (5, 1, 2),
        (8, 1, 1),
        (15, 1, 1),
        (15, 1, 8),
        (16, 1, 1),
        (2, 2, 1),
        (3, 2, 1),
        (4, 4, 1),
        (4, 2, 1),
        (31, 3, 2),
    ];
    let problems = widths
        .into_iter()
        .flat_map(|width| windows.map(|window| (width, window)));
    let problems: Vec<_> = problems.collect();
    (problems.par_iter().enumerate()).for_each(|(number, &(width, (taps, stride, dilation)))| {
        for (index, pads) in pads((taps - 1) * dilation + 1).into_iter().enumerate() {
            let problem = Problem {
                strides: vec![stride],
                dilations: vec![dilation],
                pads: pads.to_vec(),
                ..Problem::new([1, 2, width], [taps])
            };
            every::pools_by_turns(&Levels::all(), &problem, 5 * number + index);
        }
    });
}

/// Rows of which more than one tile is folded.
#[test]
fn rows_longer_than_a_tile() {
    let windows = [
        (3, 1, 1, [1, 1]),
        (3, 2, 1, [1, 0]),
        (4, 4, 1, [0, 0]),
        (7, 1, 50, [150, 150]),
        (9, 1, 2, [0, 5]),
        (31, 1, 1, [15, 15]),
        (31, 2, 3, [45, 100]),
        (31, 7, 1, [0, 0]),
        (3, 50, 40, [40, 7]),
    ];
    windows
        .into_par_iter()
        .enumerate()
        .for_each(|(number, (taps, stride, dilation, pads))| {
            let problem = Problem {
                strides: vec![stride],
                dilations: vec![dilation],
                pads: pads.to_vec(),
                ..Problem::new([1, 2, 9001], [taps])
            };
            every::pools_by_turns(&Levels::all(), &problem, 3 * number);
        });
}
