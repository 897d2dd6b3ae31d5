//! Whole planes of every small size, as global pools and as windows that cover all.

use half::{bf16, f16};
use linn::pooling::definition::Problem;
use linn::pooling::{
    global_average_pool, global_average_pool_into, global_lp_pool, global_lp_pool_into,
    global_max_pool, global_max_pool_into,
};
use ndarray::IxDyn;
use rayon::prelude::*;

use crate::check::{Largest, Shown, result, rounded, used, view};
use crate::every::{self, POWERS, whole_numbers};
use crate::levels::Levels;
use crate::number::{Float, Number};

/// Beyond two times what is folded side by side, of the narrowest elements.
const SIZES: std::ops::RangeInclusive<usize> = 1..=300;

/// A problem whose one window is all of a plane, in planes that lie one behind the other.
fn whole(spatial: &[usize]) -> Problem {
    let kernel: Vec<i64> = spatial.iter().map(|&size| size as i64).collect();
    Problem::new([&[2, 3], spatial].concat(), kernel)
}

#[test]
fn global_pools_of_every_size() {
    SIZES.into_par_iter().for_each(|size| {
        let problem = whole(&[size]);
        global_pools(&problem, &whole_numbers(&problem, size as u64));
    });
    for spatial in [
        &[7, 19][..],
        &[2, 3, 5],
        &[1, 1, 1, 1],
        &[3, 1, 4, 11],
        &[1, 300],
    ] {
        let problem = whole(spatial);
        global_pools(&problem, &whole_numbers(&problem, 1));
    }
}

fn global_pools(problem: &Problem, x: &[f64]) {
    let largest = Largest::of(problem, x).expect("it is no error");
    global_max::<f32>(problem, x, &largest);
    global_max::<f64>(problem, x, &largest);
    global_max::<f16>(problem, x, &largest);
    global_max::<bf16>(problem, x, &largest);
    global_max::<i8>(problem, x, &largest);
    let raised: Vec<f64> = x.iter().map(|x| x + 60.0).collect();
    global_max::<u8>(problem, &raised, &largest.raised(60.0));
    let mean = problem.average(x, false);
    global_mean::<f32>(problem, x, &mean);
    global_mean::<f64>(problem, x, &mean);
    global_mean::<f16>(problem, x, &mean);
    global_mean::<bf16>(problem, x, &mean);
    for p in POWERS {
        let norm = problem.lp(x, p);
        global_norm::<f32>(problem, x, p, &norm);
        global_norm::<f64>(problem, x, p, &norm);
        global_norm::<f16>(problem, x, p, &norm);
        global_norm::<bf16>(problem, x, p, &norm);
    }
}

fn global_max<T: Number>(problem: &Problem, x: &[f64], wanted: &Largest) {
    let x = rounded::<T>(x);
    let pool = |buffer: Option<IxDyn>| match buffer {
        None => global_max_pool(view(problem, &x)),
        Some(shape) => {
            let mut y = used(&shape);
            global_max_pool_into(view(problem, &x), y.view_mut())?;
            Ok(y)
        }
    };
    let y = result(
        problem,
        Levels::all().agree(problem, &x, "global max", pool),
    );
    let wanted = wanted.rounded::<T>();
    for (y, wanted) in y.expect("it is no error").into_iter().zip(wanted) {
        assert!(
            y.same(wanted),
            "{} {}: {y:?}, not {wanted:?}",
            T::NAME,
            Shown(&x)
        );
    }
}

fn global_mean<T: Float>(problem: &Problem, x: &[f64], wanted: &[f64]) {
    let x = rounded::<T>(x);
    let pool = |buffer: Option<IxDyn>| match buffer {
        None => global_average_pool(view(problem, &x)),
        Some(shape) => {
            let mut y = used(&shape);
            global_average_pool_into(view(problem, &x), y.view_mut())?;
            Ok(y)
        }
    };
    let y = result(
        problem,
        Levels::all().agree(problem, &x, "global mean", pool),
    );
    within(&y.expect("it is no error"), wanted, 1, &x);
}

fn global_norm<T: Float>(problem: &Problem, x: &[f64], p: f64, wanted: &[f64]) {
    let x = rounded::<T>(x);
    let pool = |buffer: Option<IxDyn>| match buffer {
        None => global_lp_pool(view(problem, &x), p),
        Some(shape) => {
            let mut y = used(&shape);
            global_lp_pool_into(view(problem, &x), p, y.view_mut())?;
            Ok(y)
        }
    };
    let y = result(
        problem,
        Levels::all().agree(problem, &x, "global norm", pool),
    );
    let ulps = if T::NAME == "f64" { 2 } else { 1 };
    within(&y.expect("it is no error"), wanted, ulps, &x);
}

fn within<T: Float>(y: &[T], wanted: &[f64], ulps: u64, x: &[T]) {
    for (&y, &wanted) in y.iter().zip(wanted) {
        let away = y.ulps(T::nearest(wanted));
        assert!(
            away <= ulps,
            "{} {}: {y:?}, not {wanted:?}",
            T::NAME,
            Shown(x)
        );
    }
}

#[test]
fn windows_that_cover_all() {
    SIZES.into_par_iter().for_each(|size| {
        let kernel = size as i64;
        let exact = whole(&[size]);
        let larger = Problem {
            kernel_shape: vec![kernel + 5],
            pads: vec![2, 3],
            ..exact.clone()
        };
        let square = Problem {
            kernel_shape: vec![3, kernel + 1],
            pads: vec![0, 1, 1, 0],
            strides: vec![5, 9],
            ..whole(&[2, size])
        };
        for problem in [exact, larger, square] {
            assert_eq!(
                problem.output_shape().unwrap()[2..]
                    .iter()
                    .product::<usize>(),
                1
            );
            every::pools_by_turns(&Levels::all(), &problem, 3 * size);
        }
    });
}

/// The sign of a zero is that of the first, whatever is folded first.
#[test]
fn the_first_zero_of_a_plane_decides() {
    SIZES.into_par_iter().for_each(|size| {
        let problem = whole(&[size]);
        for first in [0.0, -0.0] {
            // All others have the other sign, or only those behind one of them.
            for from in [1, size / 2, size - 1] {
                let sign = |at| {
                    if at % size < from.max(1) {
                        first
                    } else {
                        -first
                    }
                };
                let x: Vec<f64> = (0..6 * size).map(sign).collect();
                let largest = Largest::of(&problem, &x).expect("it is no error");
                assert!(largest.rounded::<f64>()[0].same(first));
                global_max::<f32>(&problem, &x, &largest);
                global_max::<f64>(&problem, &x, &largest);
                global_max::<f16>(&problem, &x, &largest);
                global_max::<bf16>(&problem, &x, &largest);
            }
        }
    });
}
