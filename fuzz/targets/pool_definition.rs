//! The pooling engine against the definition, on every instruction set: maxima and their places by bits, means and norms
//! within their bounds, for every element type.

use half::{bf16, f16};
use linn::AutoPad;
use linn::pooling::definition::Problem;

use crate::check::{self, Sums, elements};
use crate::choices::Choices;
use crate::levels::Levels;
use crate::limits::Reached;
use crate::number::{Float, Number};

/// Taps over all windows, to keep the definition quick.
const MOST_TAPS: i128 = 4000;

pub(crate) fn run(data: &[u8]) -> Reached {
    let choices = &mut Choices::new(data);
    let problem = problem(choices);
    let Some(output) = problem.output_shape() else {
        let window = problem.window();
        assert!(window.axes(&problem.shape[2..]).is_err(), "{problem:?}");
        return Reached::Refused;
    };
    let taps = problem.kernel_shape.iter().map(|&size| i128::from(size));
    let sizes = output.iter().map(|&size| size as i128);
    if taps.chain(sizes).product::<i128>() > MOST_TAPS {
        return Reached::Loaded;
    }
    match choices.below(12) {
        0 => maxima::<f32>(&problem, choices),
        1 => maxima::<f64>(&problem, choices),
        2 => maxima::<f16>(&problem, choices),
        3 => maxima::<bf16>(&problem, choices),
        4 => maxima::<i8>(&problem, choices),
        5 => maxima::<u8>(&problem, choices),
        6 | 7 => sums::<f32>(&problem, choices, 1),
        // Sums of powers in `f64` round, and so does the definition.
        8 | 9 => sums::<f64>(&problem, choices, 2),
        10 => sums::<f16>(&problem, choices, 1),
        _ => sums::<bf16>(&problem, choices, 1),
    }
    Reached::Compared
}

/// One to three spatial axes; with one, or one that is long, windows may be long too.
fn problem(choices: &mut Choices<'_>) -> Problem {
    let rank = 1 + choices.below(3);
    let long = choices.below(4);
    let mut list = |len: usize, least: i64, most: i64| -> Vec<i64> {
        let each = (0..len).map(|at| match at % rank == long {
            true => choices.range(least, 8 * most),
            false => choices.range(least, most),
        });
        each.collect()
    };
    let sizes = list(rank, 0, 9)
        .into_iter()
        .map(|size| size as usize)
        .collect();
    let (kernel_shape, strides) = (list(rank, 1, 5), list(rank, 1, 4));
    let (dilations, pads) = (list(rank, 1, 3), list(2 * rank, 0, 5));
    let planes = choices.one_of(&[[1, 1], [1, 2], [2, 1], [1, 3], [0, 1]]);
    let auto_pads = [
        AutoPad::NotSet,
        AutoPad::NotSet,
        AutoPad::NotSet,
        AutoPad::SameUpper,
        AutoPad::SameLower,
        AutoPad::Valid,
    ];
    Problem {
        shape: [planes.to_vec(), sizes].concat(),
        kernel_shape,
        strides,
        dilations,
        pads,
        auto_pad: choices.one_of(&auto_pads),
        ceil_mode: choices.flag(),
    }
}

fn maxima<T: Number>(problem: &Problem, choices: &mut Choices<'_>) {
    let x: Vec<T> = numbers(
        problem,
        choices,
        &[f64::NAN, f64::NEG_INFINITY, f64::INFINITY, -0.0],
    );
    check::max(problem, &x);
}

fn sums<T: Float>(problem: &Problem, choices: &mut Choices<'_>, ulps: u64) {
    let specials = [f64::NAN, f64::NEG_INFINITY, f64::INFINITY, -0.0];
    let x: Vec<T> = match choices.below(3) {
        0 => numbers(problem, choices, &specials),
        1 => numbers(problem, choices, &[T::LEAST_POSITIVE, -0.0]),
        _ => numbers(problem, choices, &[1024.0, 1.0 / 1024.0]),
    };
    match choices.below(6) {
        0 | 1 => check::average(problem, &x, false, Sums::Rounded),
        2 => check::average(problem, &x, true, Sums::Rounded),
        3 => check::lp(problem, &x, 1.0, ulps),
        4 => check::lp(problem, &x, 2.0, ulps),
        _ => check::lp(problem, &x, 3.0, ulps),
    }
    // Magnitudes that order matters for: the definition does not say what is lost, but it is the same everywhere.
    let rough: Vec<T> = (0..elements(problem))
        .map(|_| {
            T::nearest((choices.range(-100, 100) as f64) * 2f64.powi(choices.range(-12, 12) as i32))
        })
        .collect();
    check::means(&Levels::all(), problem, &rough, choices.flag());
    check::norms(
        &Levels::all(),
        problem,
        &rough,
        choices.one_of(&[1.0, 2.0, 3.0, 7.0]),
    );
}

/// Small numbers with ties, quarters, and `specials` here and there.
fn numbers<T: Number>(problem: &Problem, choices: &mut Choices<'_>, specials: &[f64]) -> Vec<T> {
    let each = (0..elements(problem)).map(|_| {
        let byte = choices.byte();
        T::nearest(match byte {
            0..=99 => f64::from(byte) - 50.0,
            100..=199 => (f64::from(byte) - 150.0) / 4.0,
            200..=229 => f64::from(byte % 3),
            _ => specials[usize::from(byte) % specials.len()],
        })
    });
    each.collect()
}
