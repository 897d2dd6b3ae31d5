//! Every small problem with one spatial axis.

use std::sync::atomic::{AtomicUsize, Ordering};

use linn::AutoPad;
use linn::pooling::definition::Problem;
use rayon::prelude::*;

use crate::check::{self, Sums};
use crate::levels::Levels;

/// Ties, both signs and zeros of both signs, all small, in two channels that differ.
const X: [f64; 20] = [
    -3.0, -1.0, -1.0, 0.0, -0.0, 2.0, 2.0, -7.0, -0.0, 2.0, //
    5.0, 5.0, -0.0, 0.0, -4.0, 1.0, 5.0, -2.0, -2.0, 6.0,
];

#[test]
fn every_small_problem_with_one_axis() {
    let (problems, errors) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (axes, paddings) = (product([0..=9, 1..=5, 1..=4, 1..=3]), paddings());
    (axes.par_iter().enumerate()).for_each(|(first, &[input, kernel, stride, dilation])| {
        for (second, &(auto_pad, ceil_mode, pads)) in paddings.iter().enumerate() {
            let problem = Problem {
                shape: vec![1, 2, input as usize],
                kernel_shape: vec![kernel],
                strides: vec![stride],
                dilations: vec![dilation],
                pads: pads.to_vec(),
                auto_pad,
                ceil_mode,
            };
            all_pools(&Levels::two(first * paddings.len() + second), &problem);
            problems.fetch_add(1, Ordering::Relaxed);
            errors.fetch_add(
                usize::from(problem.output_shape().is_none()),
                Ordering::Relaxed,
            );
        }
    });
    let (problems, errors) = (problems.into_inner(), errors.into_inner());
    println!("{problems} problems, {errors} of them errors");
    assert!(problems >= 35_000 && errors >= 2500 && errors < problems / 3);
}

fn all_pools(levels: &Levels, problem: &Problem) {
    let x = &X[..check::elements(problem)];
    let singles = check::rounded::<f32>(x);
    check::max_on(levels, problem, &singles);
    for count_include_pad in [false, true] {
        check::average_on(levels, problem, &singles, count_include_pad, Sums::Exact);
        check::average_on(levels, problem, x, count_include_pad, Sums::Exact);
    }
    for p in [1.0, 2.0, 3.0] {
        check::lp_on(levels, problem, &singles, p, 1);
    }
    check::lp_on(levels, problem, x, 2.0, 1);
}

/// All ways to pad: begin and end pads from 0 to 4; under an `auto_pad` they must have no effect, so that
/// two of them do.
fn paddings() -> Vec<(AutoPad, bool, [i64; 2])> {
    let mut all = Vec::new();
    for [begin, end, ceil_mode] in product([0..=4, 0..=4, 0..=1]) {
        all.push((AutoPad::NotSet, ceil_mode == 1, [begin, end]));
        if [[0, 0], [2, 1]].contains(&[begin, end]) {
            for auto_pad in [AutoPad::SameUpper, AutoPad::SameLower, AutoPad::Valid] {
                all.push((auto_pad, ceil_mode == 1, [begin, end]));
            }
        }
    }
    all
}

/// All combinations of one value from each range.
fn product<const N: usize>(ranges: [std::ops::RangeInclusive<i64>; N]) -> Vec<[i64; N]> {
    let mut all = vec![[0; N]];
    for (at, range) in ranges.into_iter().enumerate() {
        let with = |mut values: [i64; N], value| {
            values[at] = value;
            values
        };
        all = (all.into_iter())
            .flat_map(|values| range.clone().map(move |value| with(values, value)))
            .collect();
    }
    all
}
