//! Sums, means and norms at the ends of the types, with the values worked out by hand.

use half::{bf16, f16};
use linn::pooling::definition::Problem;
use linn::pooling::{SumElement, average_pool, global_average_pool, global_lp_pool, lp_pool};

use crate::check::{Random, view};
use crate::number::{Float, Number};

/// The mean of one window over all of `x`, by the windowed and by the global pool.
fn mean<T: Float>(x: &[T]) -> T {
    let problem = Problem::new([1, 1, x.len()], [x.len() as i64]);
    let y = average_pool(view(&problem, x), &problem.window(), false).unwrap()[[0, 0, 0]];
    let global = global_average_pool(view(&problem, x)).unwrap()[[0, 0, 0]];
    assert!(y.same(global), "{y:?}, global {global:?}");
    y
}

/// The p-norm of one window over all of `x`, by the windowed and by the global pool.
fn norm<T: Float>(x: &[T], p: f64) -> T {
    let problem = Problem::new([1, 1, x.len()], [x.len() as i64]);
    let y = lp_pool(view(&problem, x), &problem.window(), p).unwrap()[[0, 0, 0]];
    let global = global_lp_pool(view(&problem, x), p).unwrap()[[0, 0, 0]];
    assert!(y.same(global), "{y:?}, global {global:?}");
    y
}

#[test]
fn means_survive_cancellation() {
    assert_eq!(mean::<f32>(&[1e8, 1.0, -1e8]), 1.0 / 3.0);
    assert_eq!(mean::<f64>(&[1e16, 1.0, -1e16]), 1.0 / 3.0);
    assert_eq!(mean::<f64>(&[1.0, 1e100, 1.0, -1e100]), 0.5);
    let cancels = [f16::MAX, f16::from_f64(2f64.powi(-24)), f16::MIN];
    assert_eq!(
        mean(&cancels[..]).to_f64(),
        0.0,
        "a third of the smallest value"
    );
    let bf16s = [2f64.powi(30), 1.0, -(2f64.powi(30))].map(bf16::from_f64);
    assert_eq!(mean(&bf16s), bf16::nearest(1.0 / 3.0));
}

#[test]
fn means_do_not_overflow_where_their_sum_does() {
    assert_eq!(mean::<f32>(&[3e38, 3e38]), 3e38);
    assert_eq!(mean(&[bf16::MAX; 9]), bf16::MAX);
    assert_eq!(
        mean(&[f16::from_f32(300.0); 300 * 300]),
        f16::from_f32(300.0)
    );
    assert_eq!(mean(&[f32::MAX, f32::MAX, -f32::MAX, -f32::MAX]), 0.0);
}

#[test]
fn means_of_a_million_values() {
    let mut random = Random::new(7);
    let x: Vec<f64> = (0..1 << 20)
        .map(|_| 1.0 + random.below(1 << 23) as f64 / 8388608.0)
        .collect();
    let problem = Problem::new([1, 1, 1024, 1024], [1024, 1024]);
    let wanted = problem.average(&x, false)[0];
    assert_eq!(mean(&x), wanted);
    let singles: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    assert_eq!(mean(&singles), wanted as f32);
    assert_eq!(
        global_average_pool(view(&problem, &singles)).unwrap()[[0; 4]],
        wanted as f32
    );
}

#[test]
fn quotients_are_divided_not_multiplied_by_a_reciprocal() {
    for count in 1..200 {
        let x: Vec<f64> = (0..count).map(|i| i as f64 + 5.0).collect();
        let sum: f64 = x.iter().sum();
        assert_eq!(mean(&x), sum / count as f64, "{count} terms");
    }
}

/// Just above halfway between two values: rounding first to `f32` would make it a tie.
#[test]
fn results_of_sixteen_bits_are_rounded_once() {
    let f16s = [2.0, 2.0 + 2f64.powi(-9), 2f64.powi(-24), 0.0].map(f16::from_f64);
    assert_eq!(mean(&f16s).to_f64(), 1.0 + 2f64.powi(-10));
    let bf16s = [2.0, 2.0 + 2f64.powi(-6), 2f64.powi(-30), 0.0].map(bf16::from_f64);
    assert_eq!(mean(&bf16s).to_f64(), 1.0 + 2f64.powi(-7));
}

/// Every result that lies halfway between neighbours of a 16-bit type, or a little to a side of it.
#[test]
fn doubles_round_to_sixteen_bits_as_ieee_says() {
    rounds_once(f16::from_bits, <f16 as SumElement>::from_f64);
    rounds_once(bf16::from_bits, <bf16 as SumElement>::from_f64);
}

fn rounds_once<T: Float>(from_bits: fn(u16) -> T, round: fn(f64) -> T) {
    for bits in 0..u16::MAX {
        let (low, high) = (from_bits(bits).exact(), from_bits(bits + 1).exact());
        let middle = low / 2.0 + high / 2.0;
        for x in [low, middle.next_down(), middle, middle.next_up()] {
            let (rounded, nearest) = (round(x), T::nearest(x));
            assert!(
                rounded.same(nearest),
                "{} {x:e}: {rounded:?}, not {nearest:?}",
                T::NAME
            );
        }
    }
    for x in [
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        -f64::from_bits(1),
        -0.0,
        f64::INFINITY,
    ] {
        assert!(round(x).same(T::nearest(x)), "{} {x:e}", T::NAME);
    }
}

#[test]
fn norms_overflow_and_underflow_only_if_the_result_does() {
    assert_eq!(norm::<f32>(&[1e20, 1e20], 2.0), (1e20 * 2f64.sqrt()) as f32);
    assert_eq!(
        norm::<f32>(&[1e-30, -1e-30], 2.0),
        (1e-30 * 2f64.sqrt()) as f32
    );
    assert!(norm::<f64>(&[1e300, 1e300], 2.0).ulps(1e300 * 2f64.sqrt()) <= 1);
    assert!(norm::<f64>(&[1e-300, -1e-300], 2.0).ulps(1e-300 * 2f64.sqrt()) <= 1);
    assert_eq!(norm::<f64>(&[3e-320, 4e-320], 2.0), 5e-320);
    assert_eq!(norm::<f64>(&[f64::MAX, f64::MAX], 2.0), f64::INFINITY);
    assert_eq!(
        norm(&[f16::from_f32(300.0); 2], 2.0),
        f16::nearest(300.0 * 2f64.sqrt())
    );
    assert_eq!(norm::<f32>(&[f32::MAX; 4], 3.0), f32::INFINITY);
}

#[test]
fn norms_of_one_element_are_its_magnitude() {
    for p in [1.0, 2.0, 3.0, 100.0, 5000.0] {
        for x in [7.0f64, -7.0, 0.0, -0.0] {
            assert!(
                norm::<f32>(&[x as f32], p).same(x.abs() as f32),
                "p {p}, x {x}"
            );
            assert!(norm::<f64>(&[x], p).same(x.abs()), "p {p}, x {x}");
        }
        assert_eq!(norm::<f64>(&[f64::MAX], p), f64::MAX, "p {p}");
        assert_eq!(
            norm::<f32>(&[f32::from_bits(1)], p),
            f32::from_bits(1),
            "p {p}"
        );
    }
    assert_eq!(norm::<f32>(&[7.0], 2.5), 7.0);
}

#[test]
fn high_powers_tend_to_the_maximum() {
    assert_eq!(norm::<f32>(&[3.0, -2.0, 1.0], 100.0), 3.0);
    assert!(norm::<f64>(&[3.0, -3.0], 5000.0).ulps(3.0 * 2f64.powf(1.0 / 5000.0)) <= 2);
    assert_eq!(norm::<f64>(&[0.0, 1e-200, 2.0], 5000.0), 2.0);
    assert_eq!(norm::<f32>(&[3.0, -2.0], 1e300), 3.0);
}

#[test]
fn infinity_and_nan_go_through_sums() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    assert_eq!(mean(&[inf, 1.0]), inf);
    assert_eq!(mean(&[1.0, -inf, 2.0]), -inf);
    assert!(mean(&[inf, -inf, 1.0]).is_nan());
    assert!(mean(&[1.0, nan, 3.0]).is_nan());
    for p in [1.0, 2.0, 3.0, 6.0, 7.0, 100.0, 5000.0] {
        for (x, wanted) in [([1.0, -inf], inf), ([-inf, inf], inf), ([nan, 1.0], nan)] {
            norm_is(x, p, wanted);
            norm_is([x[1], x[0]], p, wanted);
        }
        norm_is([nan, inf], p, nan);
        norm_is([inf, nan], p, nan);
    }
}

fn norm_is(x: [f64; 2], p: f64, wanted: f64) {
    assert!(norm(&x, p).same(wanted), "{x:?} p {p}");
    let singles = x.map(|x| x as f32);
    assert!(norm(&singles, p).same(wanted as f32), "{x:?} p {p}");
}

#[test]
fn powers_below_one_are_errors() {
    for p in [0.0, -1.0, 0.5, f64::NAN, f64::INFINITY] {
        let problem = Problem::new([1, 1, 2], [2]);
        assert!(
            lp_pool(view(&problem, &[1f32, 2.0]), &problem.window(), p).is_err(),
            "p {p}"
        );
    }
}
