//! Random problems of one to four spatial axes, with every element type and with special values.

use std::sync::atomic::{AtomicUsize, Ordering};

use half::{bf16, f16};
use linn::pooling::definition::Problem;
use rayon::prelude::*;

use crate::check::{self, Random, Sums};
use crate::every;
use crate::levels::Levels;
use crate::number::{Float, Number};

const PROBLEMS: u64 = 4000;
/// Taps over all windows of a problem, to keep the definition quick.
const MOST_TAPS: i64 = 6000;

#[test]
fn random_problems_of_every_type() {
    let (errors, empty, pads_only) = Default::default();
    let count = |counter: &AtomicUsize, yes: bool| counter.fetch_add(yes.into(), Ordering::Relaxed);
    (0..PROBLEMS).into_par_iter().for_each(|seed| {
        let mut random = Random::new(seed + 1);
        let problem = problem(&mut random);
        for data in [Data::Ties, Data::Special, Data::Least] {
            let random = &mut random;
            max::<f32>(&problem, random, data);
            max::<f64>(&problem, random, data);
            max::<f16>(&problem, random, data);
            max::<bf16>(&problem, random, data);
            max::<i8>(&problem, random, data);
            max::<u8>(&problem, random, data);
        }
        for data in [Data::Ties, Data::Wide, Data::Special] {
            sums::<f32>(&problem, &mut random, data);
            sums::<f64>(&problem, &mut random, data);
            sums::<f16>(&problem, &mut random, data);
            sums::<bf16>(&problem, &mut random, data);
        }
        let shape = problem.output_shape();
        count(&errors, shape.is_none());
        count(
            &empty,
            shape.as_ref().is_some_and(|shape| shape.contains(&0)),
        );
        count(
            &pads_only,
            shape.is_some() && has_window_on_pads_alone(&problem),
        );
    });
    let [errors, empty, pads_only] = [errors, empty, pads_only].map(AtomicUsize::into_inner);
    println!(
        "{PROBLEMS} problems: {errors} errors, {empty} empty, {pads_only} with windows on pads alone"
    );
    assert!(errors >= 300 && empty >= 500 && pads_only >= 500);
}

/// Windows so long that the engine folds blocks as long as they, along the last axis and along the one before.
#[test]
fn long_windows_of_every_type() {
    (0..200u64).into_par_iter().for_each(|seed| {
        let mut random = Random::new(seed + 77_000);
        let (kernel, short) = (random.range(16, 40), random.range(1, 3));
        let (long, flat) = (kernel + random.range(1, 50), random.range(3, 5));
        let stride = random.range(1, 5);
        let last = random.below(2) == 1;
        let place = |long, short| if last { [short, long] } else { [long, short] };
        let [a, b] = place(random.range(0, 45), 1);
        let [c, d] = place(random.range(0, 45), 0);
        let problem = Problem {
            shape: [
                vec![1, 2],
                place(long, flat).map(|size| size as usize).to_vec(),
            ]
            .concat(),
            kernel_shape: place(kernel, short).to_vec(),
            strides: place(stride, 1).to_vec(),
            dilations: vec![1, 1],
            pads: vec![a, b, c, d],
            auto_pad: random.auto_pad(),
            ceil_mode: random.below(2) == 1,
        };
        for data in [Data::Ties, Data::Special, Data::Least] {
            max::<f32>(&problem, &mut random, data);
            max::<f16>(&problem, &mut random, data);
            max::<u8>(&problem, &mut random, data);
        }
        for data in [Data::Ties, Data::Wide, Data::Special] {
            sums::<f32>(&problem, &mut random, data);
            sums::<f64>(&problem, &mut random, data);
        }
    });
}

/// Sizes, windows, strides, dilations and pads of any length, short ones more often: several tiles and bands, with ends
/// of them anywhere.
#[test]
fn random_larger_problems() {
    let long = AtomicUsize::new(0);
    (0..400u64).into_par_iter().for_each(|seed| {
        let mut random = Random::new(seed + 99_000);
        let problem = larger_problem(&mut random);
        let is_long = problem.shape[2..].iter().any(|&size| size > 256);
        long.fetch_add(is_long.into(), Ordering::Relaxed);
        every::pools_by_turns(&Levels::all(), &problem, 3 * seed as usize);
    });
    let long = long.into_inner();
    println!("{long} of 400 problems with an axis of more than 256 elements");
    assert!(long >= 40);
}

/// Taps over all windows of a larger problem.
const MOST_LARGER_TAPS: i64 = 60_000;

fn larger_problem(random: &mut Random) -> Problem {
    loop {
        let rank = random.one_of(&[1, 1, 2, 2, 2, 3]);
        let most = [4000, 400, 60][rank - 1];
        let mut list = |len: usize, least: i64, most: i64| -> Vec<i64> {
            let each = (0..len).map(|_| {
                let most = random.range(least.max(1), most);
                let most = random.range(least.max(1), most);
                random.range(least, most)
            });
            each.collect()
        };
        let (kernel_shape, dilations) = (list(rank, 1, 60), list(rank, 1, 12));
        let (strides, sizes) = (list(rank, 1, 30), list(rank, 1, most));
        let pads = list(2 * rank, 0, 90);
        let planes = [random.one_of(&[1, 1, 2]), random.one_of(&[1, 2, 3])];
        let sizes = sizes.into_iter().map(|size| size as usize);
        let problem = Problem {
            shape: planes.into_iter().chain(sizes).collect(),
            kernel_shape,
            strides,
            dilations,
            pads,
            auto_pad: random.auto_pad(),
            ceil_mode: random.below(2) == 1,
        };
        let windows: usize = match problem.output_shape() {
            Some(shape) => shape.iter().product(),
            None => 0,
        };
        let taps = windows as i64 * problem.kernel_shape.iter().product::<i64>();
        if (1..=MOST_LARGER_TAPS).contains(&taps) {
            return problem;
        }
    }
}

/// What the elements are drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Data {
    /// A few small values of both signs, zeros of both signs among them: sums are exact.
    Ties,
    /// Magnitudes from the smallest to (nearly) the largest of the type.
    Wide,
    /// NaN, infinities, zeros, the smallest and the largest values.
    Special,
    /// The least value alone, which no filler may beat.
    Least,
}

impl Data {
    fn draw<T: Number>(self, random: &mut Random) -> T {
        match self {
            Data::Ties if T::IS_FLOAT => {
                T::nearest(random.one_of(&[-0.0, 0.0, 1.5, -2.25, 3.0, -1.0, 7.0, -0.0, 0.0]))
            }
            Data::Ties => T::nearest(random.range(-3, 3) as f64),
            Data::Wide => {
                let exponent = random.range(-T::most_exponent(), T::most_exponent()) as i32;
                let fraction = 1.0 + random.below(1 << 20) as f64 / f64::from(1 << 20);
                T::nearest(random.one_of(&[-1.0, 1.0]) * fraction * 2f64.powi(exponent))
            }
            Data::Special => T::nearest(special::<T>(random)),
            Data::Least => T::nearest(T::LOWEST),
        }
    }

    fn tensor<T: Number>(self, problem: &Problem, random: &mut Random) -> Vec<T> {
        (0..check::elements(problem))
            .map(|_| self.draw(random))
            .collect()
    }
}

trait MostExponent {
    /// Powers of two up to this one, and down to its inverse, leave room for sums and, in `f64`, for error terms.
    fn most_exponent() -> i64;
}

impl<T: Number> MostExponent for T {
    fn most_exponent() -> i64 {
        match T::NAME {
            "f16" => 14,
            "f64" => 900,
            "i8" | "u8" => 6,
            _ => 120,
        }
    }
}

/// NaN is rare, for it hides all else.
fn special<T: Number>(random: &mut Random) -> f64 {
    let tiny = T::LEAST_POSITIVE;
    let huge = 1.5 * 2f64.powi(T::most_exponent() as i32);
    match random.below(40) {
        0 => f64::NAN,
        1 | 2 => f64::INFINITY,
        3..=8 => f64::NEG_INFINITY,
        9 => huge,
        10 => -huge,
        11..=14 => tiny,
        15..=18 => -3.0 * tiny,
        19..=28 => 0.0,
        29..=38 => -0.0,
        _ => -1.0,
    }
}

fn max<T: Number>(problem: &Problem, random: &mut Random, data: Data) {
    check::max(problem, &data.tensor::<T>(problem, random));
}

fn sums<T: Float>(problem: &Problem, random: &mut Random, data: Data) {
    let x: Vec<T> = data.tensor(problem, random);
    let sums = match data {
        Data::Ties => Sums::Exact,
        _ => Sums::Rounded,
    };
    check::average(problem, &x, false, sums);
    check::average(problem, &x, true, sums);
    let p = random.one_of(&[1.0, 2.0, 3.0, 2.5, 6.0, 7.0, 40.0, 1000.0]);
    check::lp(problem, &x, p, if T::NAME == "f64" { 2 } else { 1 });
}

/// A problem with up to four spatial axes, sizes of zero, pads beyond the kernel, dilations and all modes.
fn problem(random: &mut Random) -> Problem {
    loop {
        let rank = random.one_of(&[1, 2, 2, 3, 3, 4]);
        let list = |random: &mut Random, len, values: &[i64]| -> Vec<i64> {
            (0..len).map(|_| random.one_of(values)).collect()
        };
        let sizes = (0..rank + 2).map(|at| match (random.below(20), at) {
            (0, _) => 0,
            (_, 0..2) => random.one_of(&[1, 2, 3]),
            _ => random.one_of(&[1, 2, 3, 4, 5, 6, 7, 9]),
        });
        let problem = Problem {
            shape: sizes.collect(),
            kernel_shape: list(random, rank, &[1, 2, 2, 3, 3, 4]),
            strides: list(random, rank, &[1, 1, 2, 3]),
            dilations: list(random, rank, &[1, 1, 1, 2, 3]),
            pads: list(random, 2 * rank, &[0, 0, 1, 1, 2, 3, 6]),
            auto_pad: random.auto_pad(),
            ceil_mode: random.below(2) == 1,
        };
        let windows: usize = problem
            .output_shape()
            .map_or(1, |shape| shape.iter().product());
        if windows as i64 * problem.kernel_shape.iter().product::<i64>() <= MOST_TAPS {
            return problem;
        }
    }
}

fn has_window_on_pads_alone(problem: &Problem) -> bool {
    let x = vec![0.0; check::elements(problem)];
    let (_, indices) = problem.max(&x, Default::default(), 0.0);
    indices.contains(&-1)
}
