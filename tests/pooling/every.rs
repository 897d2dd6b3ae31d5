//! Every pool of every element type on one problem: elements that all types hold, so that the definition, which is
//! slow, is asked once for all of them.

use half::{bf16, f16};
use linn::pooling::definition::Problem;

use crate::check::{self, Largest, Random, Sums, elements, rounded};
use crate::levels::Levels;
use crate::number::Float;

/// How much more an unsigned element is than the signed one: their order is the same.
const RAISE: f64 = 60.0;

/// Whole numbers of both signs, with ties and zeros of both signs among them, whose sums are exact.
pub(crate) fn whole_numbers(problem: &Problem, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let each = (0..elements(problem)).map(|_| match random.below(8) {
        0 => 0.0,
        1 => -0.0,
        2 => random.one_of(&[-7.0, 7.0]),
        _ => random.range(-60, 60) as f64,
    });
    each.collect()
}

/// Magnitudes from `2^-most` to `2^most`, of both signs.
pub(crate) fn rough_numbers(problem: &Problem, seed: u64, most: i64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let each = (0..elements(problem)).map(|_| {
        let fraction = 1.0 + random.below(1 << 23) as f64 / f64::from(1 << 23);
        let power = 2f64.powi(random.range(-most, most) as i32);
        random.one_of(&[-1.0, 1.0]) * fraction * power
    });
    each.collect()
}

/// Maxima of all types, with indices in both orders and without.
pub(crate) fn maxima(levels: &Levels, problem: &Problem, x: &[f64]) {
    let wanted = Largest::of(problem, x);
    let wanted = wanted.as_ref();
    check::max_is(levels, problem, &rounded::<f32>(x), wanted);
    check::max_is(levels, problem, x, wanted);
    check::max_is(levels, problem, &rounded::<f16>(x), wanted);
    check::max_is(levels, problem, &rounded::<bf16>(x), wanted);
    check::max_is(levels, problem, &rounded::<i8>(x), wanted);
    let x: Vec<f64> = x.iter().map(|x| x + RAISE).collect();
    let wanted = wanted.map(|wanted| wanted.raised(RAISE));
    check::max_is(levels, problem, &rounded::<u8>(&x), wanted.as_ref());
}

/// Means of all types that have them.
pub(crate) fn means(levels: &Levels, problem: &Problem, x: &[f64], count_include_pad: bool) {
    let wanted = problem.output_shape();
    let wanted = wanted.map(|_| problem.average(x, count_include_pad));
    let wanted = wanted.as_deref();
    mean::<f32>(levels, problem, x, count_include_pad, wanted);
    mean::<f64>(levels, problem, x, count_include_pad, wanted);
    mean::<f16>(levels, problem, x, count_include_pad, wanted);
    mean::<bf16>(levels, problem, x, count_include_pad, wanted);
}

fn mean<T: Float>(
    levels: &Levels,
    problem: &Problem,
    x: &[f64],
    count_include_pad: bool,
    wanted: Option<&[f64]>,
) {
    let x = rounded::<T>(x);
    check::average_is(levels, problem, &x, count_include_pad, wanted, Sums::Exact);
}

/// p-norms of all types that have them.
pub(crate) fn norms(levels: &Levels, problem: &Problem, x: &[f64], p: f64) {
    let wanted = problem.output_shape().map(|_| problem.lp(x, p));
    let wanted = wanted.as_deref();
    check::lp_is(levels, problem, &rounded::<f32>(x), p, wanted, 1);
    // Sums of powers in `f64` round, and so does the definition.
    check::lp_is(levels, problem, x, p, wanted, 2);
    check::lp_is(levels, problem, &rounded::<f16>(x), p, wanted, 1);
    check::lp_is(levels, problem, &rounded::<bf16>(x), p, wanted, 1);
}

/// The exponents of norms: 1 and 2 have their own arithmetic, and 7 leaves the range of single powers.
pub(crate) const POWERS: [f64; 4] = [1.0, 2.0, 3.0, 7.0];

/// Means and norms of elements so unlike in size that another order of folding gives another sum. The definition,
/// which rounds once, does not say what is lost; but it has to be the same on all of `levels`.
pub(crate) fn rough_sums(levels: &Levels, problem: &Problem, seed: u64, p: f64) {
    // Apart by more than the digits of the accumulators: one `f64`, or two of them.
    let (near, far) = (
        rough_numbers(problem, seed, 30),
        rough_numbers(problem, seed, 70),
    );
    rough_sums_of::<f32>(levels, problem, &near, p);
    rough_sums_of::<f64>(levels, problem, &far, p);
    rough_sums_of::<bf16>(levels, problem, &near, p);
}

fn rough_sums_of<T: Float>(levels: &Levels, problem: &Problem, x: &[f64], p: f64) {
    let x = rounded::<T>(x);
    for count_include_pad in [false, true] {
        check::means(levels, problem, &x, count_include_pad);
    }
    check::norms(levels, problem, &x, p);
}

/// All pools, with the parameters of the means and norms by turns.
pub(crate) fn pools_by_turns(levels: &Levels, problem: &Problem, number: usize) {
    let x = whole_numbers(problem, number as u64);
    maxima(levels, problem, &x);
    // By the middle digits, as other loops count the last ones.
    let turn = number / 3 + number / 60;
    means(levels, problem, &x, turn.is_multiple_of(2));
    norms(levels, problem, &x, POWERS[turn % POWERS.len()]);
    rough_sums(levels, problem, number as u64, POWERS[turn % POWERS.len()]);
}
