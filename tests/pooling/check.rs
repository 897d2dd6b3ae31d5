//! One problem through the engine and through the definition.

use linn::pooling::definition::Problem;
use linn::pooling::{StorageOrder, average_pool, lp_pool, max_pool, max_pool_with_indices};
use linn::{AutoPad, OpError};
use ndarray::{Array, ArrayViewD, IxDyn};

use crate::number::{Float, Number};

/// xorshift64*: a seeded stream of numbers, the same on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A number from `first` to `last`.
    pub(crate) fn range(&mut self, first: i64, last: i64) -> i64 {
        first + self.below((last - first + 1) as usize) as i64
    }

    pub(crate) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    pub(crate) fn auto_pad(&mut self) -> AutoPad {
        self.one_of(&[
            AutoPad::NotSet,
            AutoPad::NotSet,
            AutoPad::SameUpper,
            AutoPad::SameLower,
            AutoPad::Valid,
        ])
    }
}

/// The number of elements of a problem's input.
pub(crate) fn elements(problem: &Problem) -> usize {
    problem.shape.iter().product()
}

/// `x` in type `T`.
pub(crate) fn rounded<T: Number>(x: &[f64]) -> Vec<T> {
    x.iter().map(|&x| T::nearest(x)).collect()
}

fn exact<T: Number>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.exact()).collect()
}

pub(crate) fn view<'a, T>(problem: &Problem, x: &'a [T]) -> ArrayViewD<'a, T> {
    ArrayViewD::from_shape(IxDyn(&problem.shape), x).expect("x fills its shape")
}

/// The engine's result of the definition's shape, or `None` for an error.
fn result<T>(problem: &Problem, y: Result<Array<T, IxDyn>, OpError>) -> Option<Vec<T>> {
    let shape = y.as_ref().ok().map(|y| y.shape().to_vec());
    assert_eq!(shape, problem.output_shape(), "{problem:?}: {:?}", y.err());
    y.ok().map(|y| y.into_raw_vec_and_offset().0)
}

/// Largest elements by bits and their indices in both orders, with and without indices.
pub(crate) fn max<T: Number>(problem: &Problem, x: &[T]) {
    let window = problem.window();
    let values = result(problem, max_pool(view(problem, x), &window));
    for order in [StorageOrder::RowMajor, StorageOrder::ColumnMajor] {
        let Ok((y, indices)) = max_pool_with_indices(view(problem, x), &window, order) else {
            assert_eq!(problem.output_shape(), None, "{problem:?}");
            continue;
        };
        assert_eq!(y.shape(), indices.shape());
        let y = result(problem, Ok(y)).expect("the engine gave a result");
        let (wanted, places) = problem.max(&exact(x), order, T::LOWEST);
        let wanted: Vec<T> = rounded(&wanted);
        let values = values
            .as_ref()
            .expect("the same errors with and without indices");
        for at in 0..wanted.len() {
            let (value, with_indices) = (values[at], y[at]);
            assert!(
                value.same(wanted[at]) && with_indices.same(wanted[at]),
                "{} {problem:?} {x:?}: output {at} is {value:?}, with indices {with_indices:?}, not {:?}",
                T::NAME,
                wanted[at],
            );
        }
        let indices = indices.into_raw_vec_and_offset().0;
        assert_eq!(indices, places, "{} {problem:?} {order:?} {x:?}", T::NAME);
    }
}

/// How close sums have to be.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Sums {
    /// Every sum of the data is exact in `f64`: at most one ulp.
    Exact,
    /// Data of any size: one ulp, or what the accumulator may lose in cancellation.
    Rounded,
}

/// Means, at most one ulp away from the definition.
pub(crate) fn average<T: Float>(problem: &Problem, x: &[T], count_include_pad: bool, sums: Sums) {
    let y = average_pool(view(problem, x), &problem.window(), count_include_pad);
    let Some(y) = result(problem, y) else { return };
    let wanted = problem.average(&exact(x), count_include_pad);
    let magnitudes: Vec<f64> = x.iter().map(|x| x.exact().abs()).collect();
    let magnitudes = problem.average(&magnitudes, count_include_pad);
    let terms = problem.kernel_shape.iter().product::<i64>() as f64;
    for (at, &y) in y.iter().enumerate() {
        let lost = (y.exact() - wanted[at]).abs() <= T::slack(terms) * magnitudes[at];
        assert!(
            y.ulps(T::nearest(wanted[at])) <= 1 || (sums == Sums::Rounded && lost),
            "{} {problem:?} include {count_include_pad} {x:?}: output {at} is {y:?}, not {:?}",
            T::NAME,
            wanted[at],
        );
    }
}

/// Norms, at most `ulps` away from the definition.
pub(crate) fn lp<T: Float>(problem: &Problem, x: &[T], p: f64, ulps: u64) {
    let Some(y) = result(problem, lp_pool(view(problem, x), &problem.window(), p)) else {
        return;
    };
    let wanted = problem.lp(&exact(x), p);
    for (at, &y) in y.iter().enumerate() {
        let away = y.ulps(T::nearest(wanted[at]));
        assert!(
            away <= ulps,
            "{} {problem:?} p {p} {x:?}: output {at} is {y:?}, not {:?}: {away} ulp",
            T::NAME,
            wanted[at],
        );
    }
}
