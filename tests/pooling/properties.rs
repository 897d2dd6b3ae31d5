//! What holds for every pool: threads, planes and layouts do not matter; pads are padding.

use half::{bf16, f16};
use linn::pooling::definition::Problem;
use linn::pooling::{
    StorageOrder, average_pool, global_average_pool, global_lp_pool, global_max_pool, lp_pool,
    max_pool, max_pool_with_indices,
};
use linn::{AutoPad, Window};
use ndarray::{Array, ArrayD, ArrayViewD, Axis, IxDyn, concatenate};

use crate::check::{self, Random, Sums, view};
use crate::number::{Float, Number};

fn noise<T: Number>(shape: &[usize], seed: u64) -> ArrayD<T> {
    let mut random = Random::new(seed);
    Array::from_shape_simple_fn(IxDyn(shape), || {
        T::nearest(random.range(-999, 999) as f64 / 7.0)
    })
}

/// Every pool's output, as bits.
fn all_pools<T: Float>(x: ArrayViewD<'_, T>, window: &Window) -> Vec<ArrayD<u64>> {
    let bits = |y: ArrayD<T>| y.mapv(|y| y.exact().to_bits());
    let order = StorageOrder::ColumnMajor;
    let (y, indices) = max_pool_with_indices(x.view(), window, order).unwrap();
    vec![
        bits(max_pool(x.view(), window).unwrap()),
        bits(y),
        indices.mapv(|index| index as u64),
        bits(average_pool(x.view(), window, false).unwrap()),
        bits(average_pool(x.view(), window, true).unwrap()),
        bits(lp_pool(x.view(), window, 2.0).unwrap()),
        bits(lp_pool(x.view(), window, 9.0).unwrap()),
        bits(global_max_pool(x.view()).unwrap()),
        bits(global_average_pool(x.view()).unwrap()),
        bits(global_lp_pool(x.view(), 3.0).unwrap()),
    ]
}

fn a_window() -> Window {
    let window = Window::new([5, 3]).strides([2, 1]).dilations([1, 2]);
    window.pads([2, 0, 1, 3]).ceil_mode(true)
}

#[test]
fn the_number_of_threads_does_not_matter() {
    same_bits_in_every_pool::<f32>();
    same_bits_in_every_pool::<f64>();
    same_bits_in_every_pool::<f16>();
    same_bits_in_every_pool::<bf16>();
}

fn same_bits_in_every_pool<T: Float>() {
    for shape in [[3, 5, 37, 29], [1, 1, 37, 29], [13, 1, 6, 6]] {
        let x = noise::<T>(&shape, 3);
        let here = all_pools(x.view(), &a_window());
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let there = pool.unwrap().install(|| all_pools(x.view(), &a_window()));
            assert_eq!(here, there, "{} {shape:?} {threads} threads", T::NAME);
        }
    }
}

#[test]
fn channels_and_samples_are_independent() {
    let x = noise::<f32>(&[4, 6, 9, 8], 5);
    let all = all_pools(x.view(), &a_window());
    let (order, index) = ([3, 0, 5, 1, 4, 2], 2);
    let permuted = all_pools(x.select(Axis(1), &order).view(), &a_window());
    let parts = x
        .axis_chunks_iter(Axis(0), 3)
        .map(|part| all_pools(part, &a_window()));
    let parts: Vec<_> = parts.collect();
    for at in (0..all.len()).filter(|&at| at != index) {
        assert_eq!(permuted[at], all[at].select(Axis(1), &order), "output {at}");
        let joined = concatenate![Axis(0), parts[0][at], parts[1][at]];
        assert_eq!(joined, all[at], "output {at}");
    }
}

#[test]
fn layouts_do_not_matter() {
    let x = noise::<f32>(&[2, 3, 9, 8], 6);
    let strided = x.view().permuted_axes(IxDyn(&[1, 0, 3, 2]));
    let copied = strided.as_standard_layout();
    let window = a_window();
    assert_eq!(
        all_pools(strided.view(), &window),
        all_pools(copied.view(), &window)
    );
}

#[test]
fn pads_that_count_are_zeros_around_the_input() {
    let mut random = Random::new(8);
    for _ in 0..300 {
        let pads: Vec<i64> = (0..4).map(|_| random.range(0, 5)).collect();
        let window = Window::new([random.range(1, 4), random.range(1, 4)])
            .strides([random.range(1, 3), random.range(1, 3)])
            .dilations([random.range(1, 2), random.range(1, 2)]);
        let x = noise::<f32>(&[1, 2, 7, 8], random.below(1000) as u64);
        let [top, left, bottom, right] = [0, 1, 2, 3].map(|at| pads[at] as usize);
        let mut padded = ArrayD::zeros(IxDyn(&[1, 2, 7 + top + bottom, 8 + left + right]));
        let mut middle = padded.view_mut();
        middle.slice_axis_inplace(Axis(2), (top..top + 7).into());
        middle.slice_axis_inplace(Axis(3), (left..left + 8).into());
        middle.assign(&x);
        let by_hand = average_pool(padded.view(), &window, false).unwrap();
        let by_pads = average_pool(x.view(), &window.clone().pads(&pads[..]), true).unwrap();
        assert_eq!(by_hand, by_pads, "{window:?} pads {pads:?}");
    }
}

#[test]
fn large_windows_agree_with_the_definition() {
    for auto_pad in [AutoPad::Valid, AutoPad::SameLower] {
        let problem = Problem {
            strides: vec![1, 3],
            auto_pad,
            ..Problem::new([1, 1, 64, 64], [31, 31])
        };
        let x = noise::<f32>(&problem.shape, 9).into_raw_vec_and_offset().0;
        check::max(&problem, &x);
        check::average(&problem, &x, true, Sums::Exact);
        check::average(&problem, &x, false, Sums::Exact);
        check::lp(&problem, &x, 2.0, 1);
    }
}

#[test]
fn global_pools_are_one_window_over_all() {
    for shape in [
        &[2, 3, 5][..],
        &[2, 3, 4, 5],
        &[1, 2, 3, 4, 5],
        &[2, 1, 1, 2, 3, 2],
        &[0, 3, 4],
        &[2, 0, 4],
    ] {
        let kernel: Vec<i64> = shape[2..].iter().map(|&size| size as i64).collect();
        let problem = Problem::new(shape, kernel);
        let x = noise::<f64>(shape, 10).into_raw_vec_and_offset().0;
        let x = view(&problem, &x);
        let window = problem.window();
        assert_eq!(global_max_pool(x.view()), max_pool(x.view(), &window));
        assert_eq!(
            global_average_pool(x.view()),
            average_pool(x.view(), &window, false)
        );
        assert_eq!(
            global_lp_pool(x.view(), 3.0),
            lp_pool(x.view(), &window, 3.0)
        );
    }
}

#[test]
fn global_pools_of_bare_elements() {
    let x = noise::<f32>(&[2, 3], 11);
    assert_eq!(global_max_pool(x.view()).unwrap(), x);
    assert_eq!(global_average_pool(x.view()).unwrap(), x);
    assert_eq!(global_lp_pool(x.view(), 2.0).unwrap(), x.mapv(f32::abs));
}

#[test]
fn planes_without_elements_have_no_global_pool() {
    let nothing = ArrayD::<f32>::zeros(IxDyn(&[1, 2, 0, 3]));
    assert!(global_max_pool(nothing.view()).is_err());
    assert!(global_average_pool(nothing.view()).is_err());
    assert!(global_lp_pool(nothing.view(), 2.0).is_err());
}

#[test]
fn attributes_that_do_not_fit_are_errors_in_both() {
    let good = Problem::new([1, 1, 4, 4], [2, 2]);
    let huge = i64::MAX;
    let bad = [
        Problem {
            shape: vec![1, 1, 4],
            ..good.clone()
        },
        Problem {
            shape: vec![1, 1],
            ..Problem::new([], [])
        },
        Problem {
            shape: vec![1],
            ..good.clone()
        },
        Problem {
            kernel_shape: vec![2, 0],
            ..good.clone()
        },
        Problem {
            strides: vec![1],
            ..good.clone()
        },
        Problem {
            strides: vec![0, 1],
            ..good.clone()
        },
        Problem {
            dilations: vec![1, -1],
            ..good.clone()
        },
        Problem {
            pads: vec![0, 0],
            ..good.clone()
        },
        Problem {
            pads: vec![0, 0, 0, -1],
            ..good.clone()
        },
        Problem {
            kernel_shape: vec![6, 1],
            ..good.clone()
        },
        Problem {
            dilations: vec![5, 1],
            ..good.clone()
        },
        Problem {
            dilations: vec![huge, 1],
            auto_pad: AutoPad::SameUpper,
            ..good.clone()
        },
        Problem {
            kernel_shape: vec![huge, 2],
            auto_pad: AutoPad::SameLower,
            ..good.clone()
        },
        Problem {
            pads: vec![huge, 0, huge, 0],
            ..good.clone()
        },
    ];
    for problem in bad {
        let x = vec![0f32; check::elements(&problem)];
        let y = max_pool(view(&problem, &x), &problem.window());
        assert!(
            y.is_err() && problem.output_shape().is_none(),
            "{problem:?}"
        );
    }
}

/// Windows so far apart, or so long, that their ends are beyond all elements.
#[test]
fn far_reaching_windows_compute_without_overflow() {
    let (far, huge) = (1 << 62, i64::MAX);
    let base = Problem::new([1, 1, 4], [2]);
    let window = |dilation: i64, stride, pads: [i64; 2]| Problem {
        dilations: vec![dilation],
        strides: vec![stride],
        pads: pads.to_vec(),
        ..base.clone()
    };
    for ceil_mode in [false, true] {
        for problem in [
            window(far, far, [far + 1, 9]),
            window(far, far + 1, [far + 1, 9]),
            window(far, huge, [far, 0]),
            window(1, huge, [0, 0]),
            window(1, huge, [huge - 4, 0]),
            window(far, huge, [0, far]),
            window(huge - 9, huge, [huge - 12, 8]),
        ] {
            let problem = Problem {
                ceil_mode,
                ..problem
            };
            check::max(&problem, &[1f32, 4.0, 3.0, 2.0]);
            check::average(&problem, &[1f32, 4.0, 3.0, 2.0], true, Sums::Exact);
        }
    }
}

/// A divisor beyond 64 bits: as a float it is exact enough.
#[test]
fn divisors_may_exceed_64_bits() {
    let kernel = 1i64 << 33;
    let window = Window::new([kernel, kernel]).pads([kernel - 1, kernel - 1, 0, 0]);
    let x = ArrayD::from_elem(IxDyn(&[1, 1, 1, 1]), 1f64);
    let y = average_pool(x.view(), &window, true).unwrap();
    assert_eq!(y[[0; 4]], 2f64.powi(-66));
}
