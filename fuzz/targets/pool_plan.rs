//! A window with any attributes over axes of any sizes: the sizes of the output, or an error, as integers of 128 bits
//! have them; and a pool of little data with them, which ends.

use linn::pooling::{self, definition::Problem};
use linn::{AutoPad, Axis, Class};
use ndarray::{ArrayD, IxDyn};

use crate::choices::Choices;
use crate::limits::{Reached, check_text, within_a_second};

/// The most elements of an input or output that is made.
const MOST_ELEMENTS: usize = 1 << 12;

pub(crate) fn run(data: &[u8]) -> Reached {
    let problem = problem(&mut Choices::new(data));
    let spatial = &problem.shape[2..];
    let axes = match problem.window().axes(spatial) {
        Ok(axes) => axes,
        Err(error) => {
            check_text(&error.to_string());
            assert_eq!(error.class, Class::Invalid, "{problem:?}: {error}");
            assert_eq!(wanted(&problem), None, "{problem:?}: {error}");
            return Reached::Refused;
        }
    };
    let sizes: Vec<i128> = axes.iter().map(|axis| axis.output as i128).collect();
    assert_eq!(Some(sizes), wanted(&problem), "{problem:?}");
    axes.iter().for_each(check_taps);
    pool(&problem)
}

fn problem(choices: &mut Choices<'_>) -> Problem {
    let rank = choices.below(5);
    // One list in a few has another length than it must have.
    let mut list = |len: usize| -> Vec<i64> {
        let len = match choices.byte() {
            255 => len + 1,
            254 => len.saturating_sub(1),
            _ => len,
        };
        let each = (0..len).map(|_| match choices.one_in(16) {
            true => choices.odd_number(),
            false => choices.odd_number().saturating_abs().max(1),
        });
        each.collect()
    };
    let kernel_shape = list(rank);
    let (strides, dilations) = (list(kernel_shape.len()), list(kernel_shape.len()));
    let pads = list(2 * kernel_shape.len());
    let sizes = list(rank)
        .into_iter()
        .map(|size| size.unsigned_abs() as usize);
    let shape = [1, 1].into_iter().chain(sizes).collect();
    let auto_pads = [
        AutoPad::NotSet,
        AutoPad::NotSet,
        AutoPad::SameUpper,
        AutoPad::SameLower,
        AutoPad::Valid,
    ];
    Problem {
        shape,
        kernel_shape,
        strides,
        dilations,
        pads,
        auto_pad: choices.one_of(&auto_pads),
        ceil_mode: choices.flag(),
    }
}

/// The sizes of the output along the spatial axes, `None` where they are an error.
fn wanted(problem: &Problem) -> Option<Vec<i128>> {
    let rank = problem.shape.len() - 2;
    let fits = |values: &[i64], len: usize, least: i64| {
        values.len() == len && values.iter().all(|&value| value >= least)
    };
    let valid = rank > 0
        && fits(&problem.kernel_shape, rank, 1)
        && fits(&problem.strides, rank, 1)
        && fits(&problem.dilations, rank, 1)
        && fits(&problem.pads, 2 * rank, 0);
    if !valid {
        return None;
    }
    (0..rank).map(|index| wanted_size(problem, index)).collect()
}

fn wanted_size(problem: &Problem, index: usize) -> Option<i128> {
    let rank = problem.kernel_shape.len();
    let input = problem.shape[2 + index] as i128;
    let [kernel, stride, dilation] = [&problem.kernel_shape, &problem.strides, &problem.dilations]
        .map(|list| i128::from(list[index]));
    let extent = (kernel - 1) * dilation + 1;
    let most = i128::from(i64::MAX);
    let up = |a: i128| -(-a).div_euclid(stride);
    if input > most || extent > most {
        return None;
    }
    let begin = match problem.auto_pad {
        AutoPad::SameUpper | AutoPad::SameLower => {
            let output = up(input);
            let reach = if output == 0 {
                0
            } else {
                (output - 1) * stride + extent
            };
            return (reach <= most).then_some(output);
        }
        AutoPad::Valid => 0,
        AutoPad::NotSet => i128::from(problem.pads[index]),
    };
    let end = match problem.auto_pad {
        AutoPad::NotSet => i128::from(problem.pads[rank + index]),
        _ => 0,
    };
    let padded = begin + input + end;
    let mut output = (padded - extent).div_euclid(stride) + 1;
    if problem.ceil_mode {
        output = up(padded - extent) + 1;
        output -= i128::from((output - 1) * stride >= begin + input);
    }
    (padded <= most && output >= 0).then_some(output)
}

/// Checks the taps of some windows, the first and the last among them.
fn check_taps(axis: &Axis) {
    let Some(last) = axis.output.checked_sub(1) else {
        return;
    };
    let [stride, dilation, kernel, input] =
        [axis.stride, axis.dilation, axis.kernel, axis.input].map(|value| value as i128);
    for window in [0, 1, 2, last / 3, last / 2, last.saturating_sub(1), last] {
        if window > last {
            continue;
        }
        let start = window as i128 * stride - axis.pad_begin as i128;
        assert_eq!(i128::from(axis.start(window)), start, "{axis:?}");
        // How many taps lie before `position`, at start + tap * dilation.
        let before = |position: i128| {
            let taps = -(start - position).div_euclid(dilation);
            taps.clamp(0, kernel)
        };
        let (first, count) = (before(0), before(input) - before(0));
        let wanted = match count {
            0 => (0, 0),
            _ => ((start + first * dilation) as usize, count as usize),
        };
        assert_eq!(axis.real_taps(window), wanted, "{axis:?}, window {window}");
    }
}

/// Pools little data by the window, if the output is small too.
fn pool(problem: &Problem) -> Reached {
    let output = problem.output_shape().expect("the sizes were as wanted");
    let is_small = |dims: &[usize]| {
        // Sizes that no memory holds are refused even where another one is 0.
        let product = dims
            .iter()
            .try_fold(1usize, |product, &dim| product.checked_mul(dim.max(1)));
        product.is_some_and(|product| product <= MOST_ELEMENTS)
    };
    if !is_small(&problem.shape) || !is_small(&output) {
        return Reached::Loaded;
    }
    let elements: usize = problem.shape.iter().product();
    let x = (0..elements).map(|at| (at * 7 % 32) as f32).collect();
    let x = ArrayD::from_shape_vec(IxDyn(&problem.shape), x).expect("it fills its shape");
    let window = problem.window();
    within_a_second(|| {
        let pools = [
            pooling::max_pool(x.view(), &window),
            pooling::average_pool(x.view(), &window, true),
            pooling::lp_pool(x.view(), &window, 2.0),
        ];
        let mut reached = Reached::Compared;
        for pool in pools {
            match pool {
                Ok(y) => {
                    assert_eq!(y.shape(), output);
                    // No element of the input is above, and none of a sum is below 0.
                    let bound = 31.0 * (elements as f32).max(1.0);
                    assert!(y.iter().all(|&y| y <= bound), "{problem:?}: {y}");
                }
                Err(error) => {
                    check_text(&error.to_string());
                    assert_eq!(error.class, Class::Limit, "{problem:?}: {error}");
                    reached = Reached::Loaded;
                }
            }
        }
        reached
    })
}
