//! One problem through the engine, on several instruction sets, and through the definition.

use std::fmt;

use linn::pooling::definition::Problem;
use linn::pooling::{
    StorageOrder, average_pool, average_pool_into, lp_pool, lp_pool_into, max_pool, max_pool_into,
    max_pool_with_indices, max_pool_with_indices_into,
};
use linn::{AutoPad, OpError};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use crate::levels::Levels;
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

/// The elements of an input, as far as they fit in a message.
pub(crate) struct Shown<'a, T>(pub(crate) &'a [T]);

impl<T: fmt::Debug> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            0..=500 => write!(f, "{:?}", self.0),
            len => write!(f, "{:?} ... {len} elements", &self.0[..500]),
        }
    }
}

/// The engine's result of the definition's shape, or `None` for an error.
pub(crate) fn result<T>(problem: &Problem, y: Result<ArrayD<T>, OpError>) -> Option<Vec<T>> {
    let shape = y.as_ref().ok().map(|y| y.shape().to_vec());
    assert_eq!(shape, problem.output_shape(), "{problem:?}: {:?}", y.err());
    y.ok().map(|y| y.into_raw_vec_and_offset().0)
}

/// An output that holds what no pool is to leave there.
pub(crate) fn used<T: Number>(shape: &IxDyn) -> ArrayD<T> {
    ArrayD::from_elem(shape.clone(), T::nearest(99.0))
}

/// What the definition gives for a maximum.
pub(crate) struct Largest {
    values: Vec<f64>,
    row_major: Vec<i64>,
    column_major: Vec<i64>,
}

impl Largest {
    /// The largest of `x`, unless the problem is an error.
    pub(crate) fn of(problem: &Problem, x: &[f64]) -> Option<Largest> {
        problem.output_shape()?;
        let (values, row_major) = problem.max(x, StorageOrder::RowMajor, f64::NEG_INFINITY);
        // With one axis there is one order.
        let column_major = match problem.shape.len() {
            3 => row_major.clone(),
            _ => {
                problem
                    .max(x, StorageOrder::ColumnMajor, f64::NEG_INFINITY)
                    .1
            }
        };
        Some(Largest {
            values,
            row_major,
            column_major,
        })
    }

    /// The largest of elements that are each `offset` more.
    pub(crate) fn raised(&self, offset: f64) -> Largest {
        Largest {
            values: self.values.iter().map(|value| value + offset).collect(),
            row_major: self.row_major.clone(),
            column_major: self.column_major.clone(),
        }
    }

    /// In type `T`, which has a least value of its own for windows without a tap.
    pub(crate) fn rounded<T: Number>(&self) -> Vec<T> {
        let each = self.values.iter().zip(&self.row_major);
        each.map(|(&value, &place)| T::nearest(if place == -1 { T::LOWEST } else { value }))
            .collect()
    }
}

/// Largest elements by bits and their indices in both orders, with and without indices.
pub(crate) fn max<T: Number>(problem: &Problem, x: &[T]) {
    max_on(&Levels::all(), problem, x);
}

pub(crate) fn max_on<T: Number>(levels: &Levels, problem: &Problem, x: &[T]) {
    max_is(levels, problem, x, Largest::of(problem, &exact(x)).as_ref());
}

pub(crate) fn max_is<T: Number>(
    levels: &Levels,
    problem: &Problem,
    x: &[T],
    wanted: Option<&Largest>,
) {
    let window = problem.window();
    let pool = |buffer: Option<IxDyn>| match buffer {
        None => max_pool(view(problem, x), &window),
        Some(shape) => {
            let mut y = used(&shape);
            max_pool_into(view(problem, x), &window, y.view_mut())?;
            Ok(y)
        }
    };
    let values = result(problem, levels.agree(problem, x, "max", pool));
    for order in [StorageOrder::RowMajor, StorageOrder::ColumnMajor] {
        let pool = |buffers: Option<IxDyn>| match buffers {
            None => max_pool_with_indices(view(problem, x), &window, order),
            Some(shape) => {
                let (mut y, mut indices) = (used(&shape), ArrayD::from_elem(shape, 99));
                let (to, places) = (y.view_mut(), indices.view_mut());
                max_pool_with_indices_into(view(problem, x), &window, order, to, places)?;
                Ok((y, indices))
            }
        };
        let Ok((y, indices)) = levels.agree(problem, x, "max with indices", pool) else {
            assert!(values.is_none() && wanted.is_none(), "{problem:?}");
            continue;
        };
        let wanted = wanted.expect("the engine makes it no error");
        assert_eq!(y.shape(), indices.shape());
        let y = result(problem, Ok(y)).expect("the engine gave a result");
        let values = values
            .as_ref()
            .expect("the same errors with and without indices");
        for (at, &wanted) in wanted.rounded::<T>().iter().enumerate() {
            let (value, with_indices) = (values[at], y[at]);
            assert!(
                value.same(wanted) && with_indices.same(wanted),
                "{} {problem:?} {}: output {at} is {value:?}, with indices {with_indices:?}, not {wanted:?}",
                T::NAME,
                Shown(x),
            );
        }
        let places = match order {
            StorageOrder::RowMajor => &wanted.row_major,
            StorageOrder::ColumnMajor => &wanted.column_major,
        };
        let indices = indices.into_raw_vec_and_offset().0;
        for at in 0..places.len() {
            assert_eq!(
                indices[at],
                places[at],
                "{} {problem:?} {order:?} {}: index {at}",
                T::NAME,
                Shown(x)
            );
        }
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

/// Means, the same on all of `levels`; `None` for an error.
pub(crate) fn means<T: Float>(
    levels: &Levels,
    problem: &Problem,
    x: &[T],
    count_include_pad: bool,
) -> Option<Vec<T>> {
    let window = problem.window();
    let pool = |buffer: Option<IxDyn>| match buffer {
        None => average_pool(view(problem, x), &window, count_include_pad),
        Some(shape) => {
            let mut y = used(&shape);
            average_pool_into(view(problem, x), &window, count_include_pad, y.view_mut())?;
            Ok(y)
        }
    };
    result(problem, levels.agree(problem, x, "mean", pool))
}

/// Norms, the same on all of `levels`; `None` for an error.
pub(crate) fn norms<T: Float>(
    levels: &Levels,
    problem: &Problem,
    x: &[T],
    p: f64,
) -> Option<Vec<T>> {
    let window = problem.window();
    let pool = |buffer: Option<IxDyn>| match buffer {
        None => lp_pool(view(problem, x), &window, p),
        Some(shape) => {
            let mut y = used(&shape);
            lp_pool_into(view(problem, x), &window, p, y.view_mut())?;
            Ok(y)
        }
    };
    result(
        problem,
        levels.agree(problem, x, &format!("{p}-norm"), pool),
    )
}

/// Means, at most one ulp away from the definition.
pub(crate) fn average<T: Float>(problem: &Problem, x: &[T], count_include_pad: bool, sums: Sums) {
    average_on(&Levels::all(), problem, x, count_include_pad, sums);
}

pub(crate) fn average_on<T: Float>(
    levels: &Levels,
    problem: &Problem,
    x: &[T],
    count_include_pad: bool,
    sums: Sums,
) {
    let wanted = problem.output_shape();
    let wanted = wanted.map(|_| problem.average(&exact(x), count_include_pad));
    average_is(
        levels,
        problem,
        x,
        count_include_pad,
        wanted.as_deref(),
        sums,
    );
}

pub(crate) fn average_is<T: Float>(
    levels: &Levels,
    problem: &Problem,
    x: &[T],
    count_include_pad: bool,
    wanted: Option<&[f64]>,
    sums: Sums,
) {
    let Some(y) = means(levels, problem, x, count_include_pad) else {
        return;
    };
    let wanted = wanted.expect("the engine makes it no error");
    let far = |at: &usize| y[*at].ulps(T::nearest(wanted[*at])) > 1;
    let mut far = (0..wanted.len()).filter(far).peekable();
    if far.peek().is_none() {
        return;
    }
    let magnitudes: Vec<f64> = x.iter().map(|x| x.exact().abs()).collect();
    let magnitudes = problem.average(&magnitudes, count_include_pad);
    let terms = problem.kernel_shape.iter().product::<i64>() as f64;
    for at in far {
        let lost = (y[at].exact() - wanted[at]).abs() <= T::slack(terms) * magnitudes[at];
        assert!(
            sums == Sums::Rounded && lost,
            "{} {problem:?} include {count_include_pad} {}: output {at} is {:?}, not {:?}",
            T::NAME,
            Shown(x),
            y[at],
            wanted[at],
        );
    }
}

/// Norms, at most `ulps` away from the definition.
pub(crate) fn lp<T: Float>(problem: &Problem, x: &[T], p: f64, ulps: u64) {
    lp_on(&Levels::all(), problem, x, p, ulps);
}

pub(crate) fn lp_on<T: Float>(levels: &Levels, problem: &Problem, x: &[T], p: f64, ulps: u64) {
    let wanted = problem.output_shape().map(|_| problem.lp(&exact(x), p));
    lp_is(levels, problem, x, p, wanted.as_deref(), ulps);
}

pub(crate) fn lp_is<T: Float>(
    levels: &Levels,
    problem: &Problem,
    x: &[T],
    p: f64,
    wanted: Option<&[f64]>,
    ulps: u64,
) {
    let Some(y) = norms(levels, problem, x, p) else {
        return;
    };
    let wanted = wanted.expect("the engine makes it no error");
    for (at, &y) in y.iter().enumerate() {
        let away = y.ulps(T::nearest(wanted[at]));
        assert!(
            away <= ulps,
            "{} {problem:?} p {p} {}: output {at} is {y:?}, not {:?}: {away} ulp",
            T::NAME,
            Shown(x),
            wanted[at],
        );
    }
}
