//! One particular element at every place of a row, and rows of nothing but zeros.

use half::{bf16, f16};
use linn::pooling::definition::Problem;
use rayon::prelude::*;

use crate::check::{self, Random, Sums};
use crate::every::whole_numbers;
use crate::levels::Levels;
use crate::number::Float;

/// The element that is put somewhere.
#[derive(Clone, Copy)]
enum Special {
    Nan,
    Infinity,
    MinusInfinity,
    MinusZero,
    /// The least subnormal number of the type.
    Subnormal,
}

use Special::{Infinity, MinusInfinity, MinusZero, Nan, Subnormal};

/// What it is put between.
#[derive(Clone, Copy)]
enum Around {
    WholeNumbers,
    Zeros,
    MinusInfinities,
}

const AROUND: [Around; 3] = [Around::WholeNumbers, Around::Zeros, Around::MinusInfinities];

#[test]
fn special_elements_at_every_place_of_a_row() {
    let problems = (1..=70).flat_map(|width| {
        (0..width).flat_map(move |place| {
            let specials = [Nan, Infinity, MinusInfinity, MinusZero, Subnormal].into_iter();
            specials.flat_map(move |special| [1, 2].map(|stride| (width, place, special, stride)))
        })
    });
    let problems: Vec<(usize, usize, Special, i64)> = problems.collect();
    (problems.par_iter().enumerate()).for_each(|(number, &(width, place, special, stride))| {
        let problem = Problem {
            strides: vec![stride],
            pads: if (number + width) % 2 == 0 {
                vec![0, 0]
            } else {
                vec![1, 1]
            },
            ..Problem::new([1, 3, width], [3])
        };
        let around = AROUND[(number / 10 + number / 30) % 3];
        // In the plane between two others.
        let at = width + place;
        let levels = Levels::two(number);
        row::<f32>(&levels, &problem, special, at, around);
        row::<f64>(&levels, &problem, special, at, around);
        row::<f16>(&levels, &problem, special, at, around);
        row::<bf16>(&levels, &problem, special, at, around);
    });
}

fn row<T: Float>(levels: &Levels, problem: &Problem, special: Special, at: usize, around: Around) {
    let mut x = match around {
        Around::WholeNumbers => whole_numbers(problem, at as u64),
        Around::Zeros => vec![0.0; check::elements(problem)],
        Around::MinusInfinities => vec![f64::NEG_INFINITY; check::elements(problem)],
    };
    x[at] = match special {
        Nan => f64::NAN,
        Infinity => f64::INFINITY,
        MinusInfinity => f64::NEG_INFINITY,
        MinusZero => -0.0,
        Subnormal => T::LEAST_POSITIVE,
    };
    let x = check::rounded::<T>(&x);
    check::max_on(levels, problem, &x);
    check::average_on(levels, problem, &x, at.is_multiple_of(2), Sums::Exact);
    check::lp_on(
        levels,
        problem,
        &x,
        2.0,
        if T::NAME == "f64" { 2 } else { 1 },
    );
}

/// Rows, planes and long windows of zeros of both signs: the first decides, and no sum makes anything else of them.
#[test]
fn zeros_of_both_signs() {
    (1..=70usize).into_par_iter().for_each(|width| {
        let row = |kernel: i64, stride: i64, pads: [i64; 2]| Problem {
            strides: vec![stride],
            pads: pads.to_vec(),
            ..Problem::new([2, 2, width], [kernel])
        };
        let plane = |kernel: [i64; 2], strides: [i64; 2]| Problem {
            strides: strides.to_vec(),
            pads: kernel.repeat(2).iter().map(|kernel| kernel / 2).collect(),
            ..Problem::new([1, 2, 7, width], kernel)
        };
        let problems = [
            row(2, 1, [1, 0]),
            row(3, 1, [1, 1]),
            row(3, 2, [1, 1]),
            row(4, 4, [0, 3]),
            row(16, 1, [8, 8]),
            row(31, 3, [30, 15]),
            row(2, 50, [1, 0]),
            plane([3, 3], [1, 1]),
            plane([3, 3], [2, 2]),
            plane([17, 2], [1, 1]),
            plane([5, 16], [3, 1]),
        ];
        let levels = Levels::all();
        for (number, problem) in problems.iter().enumerate() {
            let mut random = Random::new((100 * width + number) as u64);
            let x: Vec<f64> = (0..check::elements(problem))
                .map(|_| random.one_of(&[0.0, -0.0]))
                .collect();
            zeros::<f32>(&levels, problem, &x);
            zeros::<f64>(&levels, problem, &x);
            zeros::<f16>(&levels, problem, &x);
            zeros::<bf16>(&levels, problem, &x);
        }
    });
}

fn zeros<T: Float>(levels: &Levels, problem: &Problem, x: &[f64]) {
    let x = check::rounded::<T>(x);
    check::max_on(levels, problem, &x);
    check::average_on(levels, problem, &x, true, Sums::Exact);
    for p in [1.0, 2.0, 7.0] {
        check::lp_on(levels, problem, &x, p, 0);
    }
}
