//! Planes with two axes: narrow ones side by side in a vector, tall ones in several bands.

use linn::pooling::definition::Problem;
use rayon::prelude::*;

use crate::every;
use crate::levels::Levels;

/// A problem with two spatial axes: kernel, strides, dilations and pads.
fn plane(
    shape: [usize; 4],
    kernel: [i64; 2],
    strides: [i64; 2],
    dilations: [i64; 2],
    pads: [i64; 4],
) -> Problem {
    Problem {
        strides: strides.to_vec(),
        dilations: dilations.to_vec(),
        pads: pads.to_vec(),
        ..Problem::new(shape, kernel)
    }
}

/// Rows whose windows lie evenly, so that all rows are folded as one, and rows with some elements more or less.
#[test]
fn even_and_uneven_rows() {
    // Kernel, stride, dilation and pads along the rows; even rows are a multiple of the stride wide.
    let windows = [
        (3, 1, 1, [1, 1]),
        (2, 1, 1, [0, 1]),
        (5, 1, 2, [4, 4]),
        (1, 1, 1, [0, 0]),
        (2, 2, 1, [0, 0]),
        (3, 2, 1, [1, 1]),
        (3, 2, 1, [0, 1]),
        (4, 4, 1, [0, 0]),
        (4, 4, 1, [1, 3]),
        (3, 3, 1, [0, 0]),
        (9, 1, 1, [4, 4]),
        (17, 1, 1, [8, 8]),
    ];
    let mut problems = Vec::new();
    for (kernel, stride, dilation, [begin, end]) in windows {
        for windows in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65] {
            for height in [1, 2, 5] {
                for more in [-1, 0, 1] {
                    // With stride 1 it is the pads that make rows of windows as long as those of elements.
                    let (width, end) = match stride {
                        1 => (windows, (end + more).max(0)),
                        _ => (windows * stride + more, end),
                    };
                    if !(1..=140).contains(&width) {
                        continue;
                    }
                    let shape = [2, 3, height as usize, width as usize];
                    let (kernel, strides) = ([height.min(3), kernel], [1 + height % 2, stride]);
                    let pads = [height / 2, begin, height / 3, end];
                    problems.push(plane(shape, kernel, strides, [1, dilation], pads));
                }
            }
        }
    }
    let even = |problem: &&Problem| {
        let output = problem.output_shape().map_or(0, |shape| shape[3] as i64);
        output * problem.strides[1] == problem.shape[3] as i64
    };
    let even = problems.iter().filter(even).count();
    assert!(
        even > problems.len() / 5 && even < problems.len() / 2,
        "{even}"
    );
    problems
        .into_par_iter()
        .enumerate()
        .for_each(|(number, problem)| {
            every::pools_by_turns(&Levels::two(number), &problem, number);
        });
}

/// Planes that are folded in several bands, whose windows reach from one into the next.
#[test]
fn planes_taller_than_a_band() {
    let problems = [
        plane([1, 1, 300, 40], [3, 3], [1, 1], [1, 1], [1, 1, 1, 1]),
        plane([1, 2, 300, 40], [3, 3], [2, 2], [1, 1], [0, 0, 0, 0]),
        plane([1, 1, 300, 40], [3, 3], [1, 1], [40, 3], [40, 0, 40, 6]),
        plane([1, 1, 300, 40], [31, 31], [1, 1], [1, 1], [15, 15, 15, 15]),
        plane([1, 1, 300, 40], [31, 31], [2, 2], [1, 1], [0, 15, 30, 0]),
        plane([1, 1, 300, 40], [31, 5], [1, 1], [3, 2], [45, 4, 45, 4]),
        plane([1, 1, 300, 40], [5, 31], [2, 1], [2, 1], [4, 15, 3, 15]),
        plane([1, 1, 300, 40], [2, 2], [3, 40], [1, 1], [0, 0, 1, 1]),
        plane([1, 2, 1400, 23], [3, 3], [1, 1], [1, 1], [0, 1, 2, 1]),
        plane([1, 2, 3000, 3], [7, 2], [1, 1], [1, 1], [3, 1, 3, 0]),
        plane([1, 1, 1400, 23], [40, 2], [5, 1], [1, 1], [39, 0, 0, 0]),
        plane([2, 1, 40, 300], [31, 3], [1, 1], [1, 1], [15, 1, 15, 1]),
        plane([1, 1, 300, 40], [9, 3], [50, 1], [1, 1], [4, 1, 60, 1]),
    ];
    problems
        .into_par_iter()
        .enumerate()
        .for_each(|(number, problem)| {
            every::pools_by_turns(&Levels::all(), &problem, 3 * number);
        });
}

/// Planes so small that several are folded at a time, in numbers around those.
#[test]
fn many_small_planes() {
    let mut problems = Vec::new();
    for channels in [1, 2, 31, 63, 64, 65, 130] {
        for [height, width] in [[1, 1], [3, 3], [2, 7], [13, 5]] {
            let shape = [1, channels, height, width];
            problems.push(plane(shape, [1, 1], [1, 1], [1, 1], [0, 0, 0, 0]));
            problems.push(plane(shape, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1]));
            problems.push(plane(shape, [2, 3], [2, 2], [1, 1], [1, 1, 0, 1]));
            problems.push(plane(shape, [17, 3], [1, 1], [1, 2], [16, 2, 8, 2]));
            problems.push(plane(shape, [3, 17], [3, 1], [1, 1], [1, 8, 1, 8]));
        }
    }
    problems
        .into_par_iter()
        .enumerate()
        .for_each(|(number, problem)| {
            every::pools_by_turns(&Levels::all(), &problem, 3 * number);
        });
}
