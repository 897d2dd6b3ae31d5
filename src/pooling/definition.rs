//! The pooling operators as the specification puts them: plain loops over windows and taps.
//!
//! An oracle for tests, benchmarks and fuzzing, and the text to read before porting an engine. It shares
//! no arithmetic with the engine and takes no shortcut: every tap of every window is visited with its
//! coordinates. Elements are `f64`, which holds the values of every type that pools take; rounding a
//! result to the type of the tensor is left to the caller.
//!
//! - <https://onnx.ai/onnx/operators/onnx__MaxPool.html>
//! - <https://onnx.ai/onnx/operators/onnx__AveragePool.html>
//! - <https://onnx.ai/onnx/operators/onnx__LpPool.html>
//!
//! What these pages leave open is settled here as `docs/pooling.md` says.
//!
//! ```
//! use linn::pooling::{StorageOrder, definition::Problem};
//!
//! let problem = Problem {
//!     strides: vec![2],
//!     ceil_mode: true,
//!     ..Problem::new([1, 1, 5], [2])
//! };
//! let x = [1.0, 4.0, 3.0, 2.0, 5.0];
//! let (y, indices) = problem.max(&x, StorageOrder::RowMajor, f64::NEG_INFINITY);
//! assert_eq!((y, indices), (vec![4.0, 3.0, 5.0], vec![1, 2, 4]));
//! ```

use super::StorageOrder;
use crate::window::{AutoPad, Window};

/// A pool and the shape that it meets, as the attributes of an operator put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `[N, C, D1..Dk]`.
    pub shape: Vec<usize>,
    /// Taps along each spatial axis.
    pub kernel_shape: Vec<i64>,
    /// From one window to the next along each spatial axis.
    pub strides: Vec<i64>,
    /// From one tap to the next along each spatial axis.
    pub dilations: Vec<i64>,
    /// The beginnings of all spatial axes, then the ends. Without effect under an `auto_pad`.
    pub pads: Vec<i64>,
    /// How pads are chosen.
    pub auto_pad: AutoPad,
    /// Whether a last window that hangs over the padded end counts.
    pub ceil_mode: bool,
}

/// The sizes and pads of one spatial axis. The attributes are `i64`; in `i128` no sum of their products
/// overflows.
struct Axis {
    input: i128,
    pad_begin: i128,
    pad_end: i128,
    output: i128,
}

/// The taps of one window.
#[derive(Default)]
struct Taps {
    /// Those on the input in row-major order: the elements and their places in the flattened tensor.
    real: Vec<(f64, i64)>,
    /// How many are on the input or its pads; the others hang over in `ceil_mode`.
    padded: usize,
}

impl Problem {
    /// A window of `kernel_shape` taps with all other attributes as when they are absent.
    pub fn new(shape: impl Into<Vec<usize>>, kernel_shape: impl Into<Vec<i64>>) -> Problem {
        let kernel_shape = kernel_shape.into();
        Problem {
            shape: shape.into(),
            strides: vec![1; kernel_shape.len()],
            dilations: vec![1; kernel_shape.len()],
            pads: vec![0; 2 * kernel_shape.len()],
            auto_pad: AutoPad::NotSet,
            ceil_mode: false,
            kernel_shape,
        }
    }

    /// The attributes as the engine takes them.
    pub fn window(&self) -> Window {
        Window::new(self.kernel_shape.clone())
            .strides(self.strides.clone())
            .dilations(self.dilations.clone())
            .pads(self.pads.clone())
            .auto_pad(self.auto_pad)
            .ceil_mode(self.ceil_mode)
    }

    /// `[N, C, O1..Ok]`; `None` where the specification makes the problem an error.
    pub fn output_shape(&self) -> Option<Vec<usize>> {
        let sizes = self.axes()?.into_iter().map(|axis| axis.output as usize);
        Some(self.shape[..2].iter().copied().chain(sizes).collect())
    }

    /// MaxPool: the largest elements and their places in the flattened `x`, of which the spatial part
    /// counts in `order`. The first of equal elements wins, the first NaN over all.
    ///
    /// A window on padding alone has no largest element: it gives `least` (the least value of the
    /// tensor's type) and -1.
    ///
    /// # Panics
    /// The problem is an error, or `x` does not have its shape.
    pub fn max(&self, x: &[f64], order: StorageOrder, least: f64) -> (Vec<f64>, Vec<i64>) {
        let each = self.each_window(x, order, |taps| {
            let mut best: Option<(f64, i64)> = None;
            for &(value, index) in &taps.real {
                if best.is_none_or(|(held, _)| value > held || (value.is_nan() && !held.is_nan())) {
                    best = Some((value, index));
                }
            }
            best.unwrap_or((least, -1))
        });
        each.into_iter().unzip()
    }

    /// AveragePool: the sum over the input divided by the number of taps on it, or, with
    /// `count_include_pad`, by the number of taps on the input and its pads. What hangs over in
    /// `ceil_mode` never counts. A window on padding alone gives 0.
    ///
    /// # Panics
    /// As [`Problem::max`].
    pub fn average(&self, x: &[f64], count_include_pad: bool) -> Vec<f64> {
        self.each_window(x, StorageOrder::RowMajor, |taps| {
            let sum = exact_sum(taps.real.iter().map(|&(value, _)| value));
            match (taps.real.len(), count_include_pad) {
                (0, _) => 0.0,
                (_, true) => sum / taps.padded as f64,
                (real, false) => sum / real as f64,
            }
        })
    }

    /// LpPool: `(sum |x|^p)^(1/p)` over the input; padding adds nothing, and nothing is divided.
    ///
    /// # Panics
    /// As [`Problem::max`].
    pub fn lp(&self, x: &[f64], p: f64) -> Vec<f64> {
        self.each_window(x, StorageOrder::RowMajor, |taps| {
            let magnitudes = taps.real.iter().map(|(value, _)| value.abs());
            if magnitudes.clone().any(f64::is_nan) {
                return f64::NAN;
            }
            let largest = magnitudes.clone().fold(0.0, f64::max);
            if largest == 0.0 || largest.is_infinite() {
                return largest;
            }
            // Relative to the largest no power overflows, and those that underflow do not matter.
            let powers = magnitudes.map(|magnitude| (magnitude / largest).powf(p));
            largest * exact_sum(powers).powf(1.0 / p)
        })
    }

    /// What `reduce` makes of each window, in the order of the output.
    fn each_window<Y>(
        &self,
        x: &[f64],
        order: StorageOrder,
        reduce: impl Fn(&Taps) -> Y,
    ) -> Vec<Y> {
        assert_eq!(x.len(), self.shape.iter().product(), "elements of x");
        let axes = self.axes().expect("the specification makes this an error");
        let windows = coordinates(axes.iter().map(|axis| axis.output));
        let kernel = coordinates(self.kernel_shape.iter().map(|&size| size.into()));
        let mut y = Vec::new();
        for plane in 0..self.shape[0] * self.shape[1] {
            for window in &windows {
                let mut taps = Taps::default();
                for tap in &kernel {
                    let at = self.position(&axes, window, tap);
                    let mut along = axes.iter().zip(&at);
                    if along.clone().all(|(axis, &at)| 0 <= at && at < axis.input) {
                        let value = x[self.index(plane, &at, StorageOrder::RowMajor)];
                        let index = self.index(plane, &at, order);
                        taps.real.push((value, index as i64));
                    }
                    if along.all(|(axis, &at)| at < axis.input + axis.pad_end) {
                        taps.padded += 1;
                    }
                }
                y.push(reduce(&taps));
            }
        }
        y
    }

    /// Where a tap lies along each spatial axis; negative in the beginning pad.
    fn position(&self, axes: &[Axis], window: &[i128], tap: &[i128]) -> Vec<i128> {
        let along = |i: usize| {
            window[i] * i128::from(self.strides[i]) - axes[i].pad_begin
                + tap[i] * i128::from(self.dilations[i])
        };
        (0..axes.len()).map(along).collect()
    }

    /// The place in the flattened tensor of an element of plane `n * C + c`.
    fn index(&self, plane: usize, position: &[i128], order: StorageOrder) -> usize {
        let spatial = &self.shape[2..];
        let mut index = plane * spatial.iter().product::<usize>();
        for (axis, &at) in position.iter().enumerate() {
            let weight: usize = match order {
                StorageOrder::RowMajor => spatial[axis + 1..].iter().product(),
                StorageOrder::ColumnMajor => spatial[..axis].iter().product(),
            };
            index += at as usize * weight;
        }
        index
    }

    /// All spatial axes, if the attributes fit the shape and each other.
    fn axes(&self) -> Option<Vec<Axis>> {
        let rank = self.shape.len().checked_sub(2)?;
        let at_least = |values: &[i64], len, least| {
            values.len() == len && values.iter().all(|&value| value >= least)
        };
        let fits = rank > 0
            && at_least(&self.kernel_shape, rank, 1)
            && at_least(&self.strides, rank, 1)
            && at_least(&self.dilations, rank, 1)
            && at_least(&self.pads, 2 * rank, 0);
        if !fits {
            return None;
        }
        (0..rank).map(|index| self.axis(index)).collect()
    }

    /// The output size and the pads of one axis.
    fn axis(&self, index: usize) -> Option<Axis> {
        let input = self.shape[2 + index] as i128;
        let kernel = i128::from(self.kernel_shape[index]);
        let stride = i128::from(self.strides[index]);
        let dilation = i128::from(self.dilations[index]);
        let extent = (kernel - 1) * dilation + 1;

        let same = ceil_div(input, stride);
        let missing = ((same - 1) * stride + extent - input).max(0);
        let (pad_begin, pad_end) = match self.auto_pad {
            AutoPad::NotSet => {
                let end = self.pads[self.kernel_shape.len() + index];
                (self.pads[index].into(), end.into())
            }
            AutoPad::Valid => (0, 0),
            AutoPad::SameUpper => (missing / 2, missing - missing / 2),
            AutoPad::SameLower => (missing - missing / 2, missing / 2),
        };
        let padded = pad_begin + input + pad_end;
        let output = match self.auto_pad {
            AutoPad::SameUpper | AutoPad::SameLower => same,
            _ if self.ceil_mode => {
                let output = ceil_div(padded - extent, stride) + 1;
                // A last window that would start at or beyond the end of the input is none.
                let dropped = (output - 1) * stride >= pad_begin + input;
                output - i128::from(dropped)
            }
            _ => (padded - extent).div_euclid(stride) + 1,
        };
        let too_large = extent.max(padded) > i64::MAX.into();
        (output >= 0 && !too_large).then_some(Axis {
            input,
            pad_begin,
            pad_end,
            output,
        })
    }
}

/// All coordinates below `sizes`, the last axis fastest.
fn coordinates(sizes: impl Iterator<Item = i128>) -> Vec<Vec<i128>> {
    let mut all = vec![vec![]];
    for size in sizes {
        let longer = |start: Vec<i128>| (0..size).map(move |at| [&start[..], &[at]].concat());
        all = all.into_iter().flat_map(longer).collect();
    }
    all
}

/// The exact ceiling of `a / b`, also for a negative `a`; `b` is positive.
fn ceil_div(a: i128, b: i128) -> i128 {
    -(-a).div_euclid(b)
}

/// The sum with no rounding but the last (Shewchuk 1997, Grow-Expansion), as long as no partial sum
/// overflows: `parts` add up to the sum so far, and no two of them have bits of the same weight.
fn exact_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    if !terms.clone().all(f64::is_finite) {
        return terms.sum();
    }
    let mut parts: Vec<f64> = Vec::new();
    for mut carried in terms {
        for part in &mut parts {
            let sum = carried + *part;
            let share = sum - carried;
            *part = (carried - (sum - share)) + (*part - share);
            carried = sum;
        }
        parts.retain(|&part| part != 0.0);
        parts.push(carried);
    }
    parts.iter().sum()
}
