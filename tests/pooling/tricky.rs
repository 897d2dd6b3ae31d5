//! Cases where runtimes differ, with values worked out by hand: the engine and the definition both
//! have to give them.

use linn::AutoPad;
use linn::pooling::definition::Problem;
use linn::pooling::{StorageOrder, average_pool, lp_pool, max_pool_with_indices};

use crate::check::{self, Sums, elements, rounded, view};
use crate::number::{Float, Number};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// 1, 2, 3...
fn count(problem: &Problem) -> Vec<f64> {
    (1..=elements(problem)).map(|value| value as f64).collect()
}

#[track_caller]
fn max(problem: &Problem, x: &[f64], y: &[f64], indices: &[i64]) {
    max_in(StorageOrder::RowMajor, problem, x, y, indices);
}

#[track_caller]
fn max_in(order: StorageOrder, problem: &Problem, x: &[f64], y: &[f64], indices: &[i64]) {
    let same = |values: &[f64]| values.iter().zip(y).all(|(a, b)| a.same(*b));
    let (values, places) = problem.max(x, order, -INF);
    assert!(
        values.len() == y.len() && same(&values),
        "definition: {values:?}"
    );
    assert_eq!(places, indices, "definition");
    let (values, places) =
        max_pool_with_indices(view(problem, x), &problem.window(), order).unwrap();
    assert_eq!(Some(values.shape().to_vec()), problem.output_shape());
    assert!(same(values.as_slice().unwrap()), "engine: {values:?}");
    assert_eq!(places.as_slice().unwrap(), indices, "engine");
}

#[track_caller]
fn average(problem: &Problem, count_include_pad: bool, y: &[f64]) {
    let x = count(problem);
    assert_eq!(problem.average(&x, count_include_pad), y, "definition");
    let engine = average_pool(view(problem, &x), &problem.window(), count_include_pad).unwrap();
    assert_eq!(Some(engine.shape().to_vec()), problem.output_shape());
    assert_eq!(engine.as_slice().unwrap(), y, "engine");
}

#[track_caller]
fn lp(problem: &Problem, x: &[f64], p: f64, y: &[f64]) {
    let close = |values: &[f64]| {
        values.len() == y.len() && values.iter().zip(y).all(|(a, b)| a.ulps(*b) <= 2)
    };
    let values = problem.lp(x, p);
    assert!(close(&values), "definition: {values:?}");
    let values = lp_pool(view(problem, x), &problem.window(), p).unwrap();
    assert!(close(values.as_slice().unwrap()), "engine: {values:?}");
}

/// A problem with one spatial axis of `input` elements.
fn line(input: usize, kernel: i64, stride: i64) -> Problem {
    Problem {
        strides: vec![stride],
        ..Problem::new([1, 1, input], [kernel])
    }
}

#[test]
fn a_last_window_behind_the_input_is_dropped() {
    let problem = Problem {
        strides: vec![2, 2],
        ceil_mode: true,
        ..Problem::new([1, 1, 2, 2], [1, 1])
    };
    max(&problem, &[1.0, 2.0, 3.0, 4.0], &[1.0], &[0]);
    let problem = Problem {
        strides: vec![3; 3],
        pads: vec![1; 6],
        ceil_mode: true,
        ..Problem::new([1, 2, 3, 6, 5], [3; 3])
    };
    let y = [
        37.0, 40.0, 52.0, 55.0, 57.0, 60.0, 67.0, 70.0, 82.0, 85.0, 87.0, 90.0, //
        127.0, 130.0, 142.0, 145.0, 147.0, 150.0, 157.0, 160.0, 172.0, 175.0, 177.0, 180.0,
    ];
    max(&problem, &count(&problem), &y, &y.map(|y| y as i64 - 1));
}

#[test]
fn overhang_does_not_count() {
    let ceil_mode = true;
    average(
        &Problem {
            ceil_mode,
            ..line(6, 4, 4)
        },
        false,
        &[2.5, 5.5],
    );
    average(
        &Problem {
            ceil_mode,
            ..line(4, 6, 4)
        },
        false,
        &[2.5],
    );
    average(
        &Problem {
            ceil_mode,
            ..line(5, 2, 2)
        },
        true,
        &[1.5, 3.5, 5.0],
    );
    let padded = Problem {
        ceil_mode,
        pads: vec![3, 3],
        ..line(9, 7, 3)
    };
    average(&padded, true, &[10.0 / 7.0, 4.0, 39.0 / 7.0, 4.0]);
    let dilated = Problem {
        ceil_mode,
        dilations: vec![2],
        ..line(7, 3, 4)
    };
    average(&dilated, true, &[3.0, 6.0]);
    let valid = Problem {
        ceil_mode,
        auto_pad: AutoPad::Valid,
        ..line(7, 3, 3)
    };
    average(&valid, false, &[2.0, 5.0, 7.0]);
    let norms = [30f64.sqrt(), 61f64.sqrt()];
    let problem = Problem {
        ceil_mode,
        ..line(6, 4, 4)
    };
    lp(&problem, &count(&problem), 2.0, &norms);
}

#[test]
fn same_pads_know_dilation_and_long_strides() {
    let same_upper = AutoPad::SameUpper;
    let problem = Problem {
        dilations: vec![2],
        auto_pad: same_upper,
        ..line(8, 3, 1)
    };
    let y = [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 7.0, 8.0];
    max(&problem, &count(&problem), &y, &y.map(|y| y as i64 - 1));
    let problem = Problem {
        dilations: vec![3],
        auto_pad: AutoPad::SameLower,
        ..line(4, 2, 1)
    };
    average(&problem, false, &[2.0, 3.0, 2.5, 2.0]);
    let problem = Problem {
        auto_pad: same_upper,
        ..line(5, 1, 3)
    };
    max(&problem, &count(&problem), &[1.0, 4.0], &[0, 3]);
    let problem = Problem {
        auto_pad: same_upper,
        ..line(9, 2, 5)
    };
    max(&problem, &count(&problem), &[2.0, 7.0], &[1, 6]);
    let problem = Problem {
        auto_pad: AutoPad::SameLower,
        ..line(5, 2, 2)
    };
    max(&problem, &count(&problem), &[1.0, 3.0, 5.0], &[0, 2, 4]);
    let problem = Problem {
        pads: vec![1, 1],
        auto_pad: AutoPad::Valid,
        ..line(6, 3, 2)
    };
    max(&problem, &count(&problem), &[3.0, 5.0], &[2, 4]);
}

#[test]
fn windows_may_lie_on_padding_alone() {
    let problem = Problem {
        pads: vec![2, 3],
        ..line(5, 2, 2)
    };
    average(&problem, true, &[0.0, 1.5, 3.5, 2.5, 0.0]);
    average(&problem, false, &[0.0, 1.5, 3.5, 5.0, 0.0]);
    max(
        &problem,
        &count(&problem),
        &[-INF, 2.0, 4.0, 5.0, -INF],
        &[-1, 1, 3, 4, -1],
    );
    lp(&problem, &count(&problem), 1.0, &[0.0, 3.0, 7.0, 5.0, 0.0]);
    let problem = Problem {
        dilations: vec![2],
        pads: vec![1, 1],
        ..Problem::new([1, 2, 1], [2])
    };
    max(&problem, &[5.0, 6.0], &[-INF, -INF], &[-1, -1]);
}

/// A stride that leads from the input into pads, and a dilation that no second tap uses.
#[test]
fn strides_and_dilations_near_the_largest_number() {
    let problems = [
        Problem {
            strides: vec![1 << 62, 8],
            dilations: vec![3, 7],
            pads: vec![12, 91, 1 << 62, 1],
            ..Problem::new([1, 1, 1, 1], [1, 10])
        },
        Problem {
            strides: vec![(1 << 62) + 1, 17, 1],
            dilations: vec![6, (1 << 62) + 1, 17],
            pads: vec![1; 6],
            ..Problem::new([1, 1, 1, 2, 3], [1, 1, 1])
        },
    ];
    for problem in problems {
        let x: Vec<f32> = rounded(&count(&problem));
        check::max(&problem, &x);
        check::average(&problem, &x, true, Sums::Exact);
        check::lp(&problem, &x, 2.0, 1);
    }
}

#[test]
fn pads_of_one_side_and_dilation() {
    let problem = Problem {
        pads: vec![0, 0, 0, 1, 0, 1],
        ..Problem::new([1, 1, 2, 2, 2], [2, 2, 2])
    };
    let y = average_pool(view(&problem, &[1.0; 8]), &problem.window(), true).unwrap();
    assert_eq!(y.shape(), [1, 1, 2, 1, 2]);
    assert_eq!(y.as_slice().unwrap(), [1.0, 0.5, 0.5, 0.25]);
    assert_eq!(problem.average(&[1.0; 8], true), [1.0, 0.5, 0.5, 0.25]);
    let problem = Problem {
        dilations: vec![2],
        pads: vec![1, 1],
        ..line(9, 2, 1)
    };
    let x = [1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 5.0];
    max(
        &problem,
        &x,
        &[9.0, 2.0, 9.0, 3.0, 8.0, 4.0, 7.0, 5.0, 6.0],
        &[1, 2, 1, 4, 3, 6, 5, 8, 7],
    );
    let problem = Problem {
        pads: vec![1, 0, 1, 0],
        ..Problem::new([1, 1, 5, 5], [2, 2])
    };
    let rows = [2, 7, 12, 17, 22, 22]
        .iter()
        .flat_map(|first| *first..first + 4);
    let y: Vec<f64> = rows.clone().map(f64::from).collect();
    let indices: Vec<i64> = rows.map(|value| i64::from(value) - 1).collect();
    max(&problem, &count(&problem), &y, &indices);
    let problem = Problem {
        pads: vec![1, 0],
        ..line(3, 2, 1)
    };
    lp(
        &problem,
        &[-1.0, -2.0, -3.0],
        3.0,
        &[1.0, 9f64.cbrt(), 35f64.cbrt()],
    );
}

#[test]
fn negative_numerators_round_down() {
    let problem = line(3, 5, 4);
    assert_eq!(problem.output_shape(), Some(vec![1, 1, 0]));
    max(&problem, &count(&problem), &[], &[]);
    let problem = Problem {
        ceil_mode: true,
        ..line(4, 6, 2)
    };
    assert_eq!(problem.output_shape(), Some(vec![1, 1, 0]));
    max(&problem, &count(&problem), &[], &[]);
    assert_eq!(line(4, 6, 1).output_shape(), None);
    max(&Problem::new([2, 0, 4], [2]), &[], &[], &[]);
}

#[test]
fn storage_order_turns_the_spatial_part_of_indices() {
    let order = StorageOrder::ColumnMajor;
    let problem = Problem::new([1, 1, 3, 3], [2, 2]);
    max_in(order, &problem, &[7.0; 9], &[7.0; 4], &[0, 3, 1, 4]);
    let problem = Problem::new([2, 2, 2, 3], [2, 2]);
    let y = [5.0, 6.0, 11.0, 12.0, 17.0, 18.0, 23.0, 24.0];
    max_in(
        order,
        &problem,
        &count(&problem),
        &y,
        &[3, 5, 9, 11, 15, 17, 21, 23],
    );
    let problem = Problem {
        strides: vec![1, 1, 2],
        ..Problem::new([1, 2, 2, 3, 4], [2, 2, 2])
    };
    let y = [18.0, 20.0, 22.0, 24.0, 42.0, 44.0, 46.0, 48.0];
    max_in(
        order,
        &problem,
        &count(&problem),
        &y,
        &[9, 21, 11, 23, 33, 45, 35, 47],
    );
    let problem = Problem::new([1, 1, 2, 2, 2, 2], [2; 4]);
    max(&problem, &count(&problem), &[16.0], &[15]);
}

#[test]
fn nan_beats_all_and_the_first_of_equals_wins() {
    let one =
        |x: &[f64], y: f64, index: i64| max(&line(x.len(), x.len() as i64, 1), x, &[y], &[index]);
    one(&[1.0, NAN, 2.0, NAN], NAN, 1);
    one(&[NAN, 1.0, 2.0], NAN, 0);
    one(&[1.0, 2.0, NAN], NAN, 2);
    one(&[INF, NAN, 1.0], NAN, 1);
    one(&[NAN, NAN, NAN], NAN, 0);
    one(&[-INF, -INF], -INF, 0);
    one(&[-0.0, 0.0], -0.0, 0);
    one(&[0.0, -0.0], 0.0, 0);
    let problem = Problem {
        pads: vec![1; 4],
        ..Problem::new([1, 1, 2, 2], [3, 3])
    };
    max(&problem, &[-INF; 4], &[-INF; 4], &[0; 4]);
    // Row-major order decides across rows too: the tie in column 1 of row 0 comes first.
    max(
        &Problem::new([1, 1, 2, 2], [2, 2]),
        &[1.0, 4.0, 4.0, 3.0],
        &[4.0],
        &[1],
    );
}
