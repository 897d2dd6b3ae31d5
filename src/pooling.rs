//! The pooling engine: (window, reduction, tensor) to tensor, usable without any ONNX.
//!
//! A pool over several spatial axes is separable: the window is folded along one axis after the other,
//! so that the work for an output is the sum of the window's extents, not their product, and along an axis
//! the cost of a long window grows with its logarithm. Kernels are written once, for the vectors of any instruction
//! set, element type and reduction. Planes, and bands of large ones, run in parallel on the caller's current rayon
//! pool; the results are the same bits for every number of threads and every instruction set.
//!
//! ```
//! use linn::{Window, pooling};
//! use ndarray::Array;
//!
//! let x = Array::from_iter((0..16).map(|i| i as f32)).into_shape_with_order((1, 1, 4, 4))?;
//! let window = Window::new([3, 3]).strides([2, 2]).pads([1, 1, 1, 1]);
//! let y = pooling::max_pool(x.view(), &window)?;
//! assert_eq!(y.into_raw_vec_and_offset().0, [5.0, 7.0, 13.0, 15.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![allow(
    clippy::needless_range_loop,
    clippy::too_many_arguments,
    reason = "kernels are plain loops over all that they read: adapters do not inline across instruction sets"
)]

mod across;
#[cfg(feature = "definition")]
pub mod definition;
mod edges;
mod fold;
mod geometry;
mod lanes;
mod long;
mod plan;
mod planes;
mod reduce;
mod rows;
mod runs;
mod settle;
mod sink;
mod source;
mod strips;
mod taps;
mod whole;

use ndarray::{Array, ArrayView, ArrayViewMut, Dimension};

use crate::allocate::{self, attempt};
use crate::error::OpError;
use crate::parts;
use crate::stop;
use crate::tensor::{Element, Shape, Tensor, TensorView};
use crate::threads;
use crate::window::Window;

pub(crate) use lanes::Vectored;
pub(crate) use plan::{Plan, check_rank};
pub(crate) use planes::{
    Prepared, indices_scratch_bytes, norms_scratch_bytes, pool_norms, pool_with_indices,
};
pub(crate) use reduce::{Max, Mean, Power, Quantization, Quantized, QuantizedMean, Reduction};
pub use reduce::{MaxElement, StorageOrder, SumElement};

/// The largest element of each window of `x: [N, C, D1..Dk]`, k at least 1: `[N, C, O1..Ok]`.
///
/// Padding takes no part; NaN wins over every number; a window on padding alone gives the least value of
/// the type (-inf for floats). ONNX: MaxPool.
///
/// # Errors
/// The window does not fit the shape (see [`Window::axes`]), `x` has fewer than three axes, or more than 4 GiB would be
/// taken.
pub fn max_pool<T: MaxElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    window: &Window,
) -> Result<Array<T, D>, OpError> {
    let x = TensorView::from(x);
    pooled(&Plan::new(window, x.shape())?, &Max, &x)
}

/// As [`max_pool`], into `y`; what it holds before does not matter.
///
/// # Errors
/// As [`max_pool`], and a `y` that does not have the shape of the result or is not contiguous.
pub fn max_pool_into<T: MaxElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    window: &Window,
    y: ArrayViewMut<'_, T, D>,
) -> Result<(), OpError> {
    let x = TensorView::from(x);
    pooled_into(&Plan::new(window, x.shape())?, &Max, &x, y)
}

/// The largest elements, and their places.
pub type ValuesAndIndices<T, D> = (Array<T, D>, Array<i64, D>);

/// As [`max_pool`], with the place of each largest element: its flat index in all of `x`, where the
/// spatial part counts in `order`. The first of equal elements wins, the first NaN over all; -1 stands
/// for a window on padding alone.
///
/// # Errors
/// As [`max_pool`], and planes of 2^32 elements or more.
pub fn max_pool_with_indices<T: MaxElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    window: &Window,
    order: StorageOrder,
) -> Result<ValuesAndIndices<T, D>, OpError> {
    let x = TensorView::from(x);
    let plan = Plan::new(window, x.shape())?;
    check_output::<(T, i64)>(&plan)?;
    let scratch = attempted(|| indices_scratch_bytes::<T>(&plan))?;
    let mut y = buffer::<T>(&plan, scratch)?;
    let mut indices = buffer::<i64>(&plan, scratch.saturating_add(size_of_val(&*y)))?;
    whole(|| pool_with_indices(&plan, order, slice(&x), &mut y, &mut indices))?;
    Ok((array(plan.output(), y), array(plan.output(), indices)))
}

/// As [`max_pool_with_indices`], into `y` and `indices`; what they hold before does not matter.
///
/// # Errors
/// As [`max_pool_with_indices`], and a `y` or `indices` that does not have the shape of the result or is not contiguous.
pub fn max_pool_with_indices_into<T: MaxElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    window: &Window,
    order: StorageOrder,
    y: ArrayViewMut<'_, T, D>,
    indices: ArrayViewMut<'_, i64, D>,
) -> Result<(), OpError> {
    let x = TensorView::from(x);
    let plan = Plan::new(window, x.shape())?;
    let (y, indices) = (
        contiguous(&plan, "y", y)?,
        contiguous(&plan, "indices", indices)?,
    );
    whole(|| {
        within_limit(indices_scratch_bytes::<T>(&plan))?;
        pool_with_indices(&plan, order, slice(&x), y, indices)
    })
}

/// The mean of each window of `x: [N, C, D1..Dk]`, k at least 1: `[N, C, O1..Ok]`.
///
/// Divides by the number of taps on `x`, with `count_include_pad` by those on `x` and its pads; what hangs
/// over in `ceil_mode` never counts. A window on padding alone gives 0. ONNX: AveragePool.
///
/// # Errors
/// As [`max_pool`].
pub fn average_pool<T: SumElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    window: &Window,
    count_include_pad: bool,
) -> Result<Array<T, D>, OpError> {
    let x = TensorView::from(x);
    let plan = Plan::new(window, x.shape())?;
    pooled(&plan, &Mean { count_include_pad }, &x)
}

/// As [`average_pool`], into `y`; what it holds before does not matter.
///
/// # Errors
/// As [`max_pool_into`].
pub fn average_pool_into<T: SumElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    window: &Window,
    count_include_pad: bool,
    y: ArrayViewMut<'_, T, D>,
) -> Result<(), OpError> {
    let x = TensorView::from(x);
    let plan = Plan::new(window, x.shape())?;
    pooled_into(&plan, &Mean { count_include_pad }, &x, y)
}

/// The `p`-norm of each window of `x: [N, C, D1..Dk]`, k at least 1: `[N, C, O1..Ok]`.
///
/// `(sum |x|^p)^(1/p)` over the taps on `x`, without a divisor; it overflows only if the result does.
/// ONNX: LpPool.
///
/// # Errors
/// As [`max_pool`], and a `p` that is not a number of at least 1.
pub fn lp_pool<T: SumElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    window: &Window,
    p: f64,
) -> Result<Array<T, D>, OpError> {
    let x = TensorView::from(x);
    norms(&Plan::new(window, x.shape())?, Power::new(p)?, &x)
}

/// As [`lp_pool`], into `y`; what it holds before does not matter.
///
/// # Errors
/// As [`lp_pool`] and [`max_pool_into`].
pub fn lp_pool_into<T: SumElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    window: &Window,
    p: f64,
    y: ArrayViewMut<'_, T, D>,
) -> Result<(), OpError> {
    let x = TensorView::from(x);
    norms_into(&Plan::new(window, x.shape())?, Power::new(p)?, &x, y)
}

/// The largest element of each plane of `x: [N, C, D1..Dk]`, k at least 0: `[N, C, 1..1]`. ONNX: GlobalMaxPool.
///
/// # Errors
/// `x` has fewer than two axes, or a spatial axis of size 0 while N and C are not 0.
pub fn global_max_pool<T: MaxElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
) -> Result<Array<T, D>, OpError> {
    let x = TensorView::from(x);
    pooled(&Plan::global(x.shape())?, &Max, &x)
}

/// As [`global_max_pool`], into `y`; what it holds before does not matter.
///
/// # Errors
/// As [`global_max_pool`] and [`max_pool_into`].
pub fn global_max_pool_into<T: MaxElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    y: ArrayViewMut<'_, T, D>,
) -> Result<(), OpError> {
    let x = TensorView::from(x);
    pooled_into(&Plan::global(x.shape())?, &Max, &x, y)
}

const PLAIN_MEAN: Mean = Mean {
    count_include_pad: false,
};

/// The mean of each plane of `x: [N, C, D1..Dk]`, k at least 0: `[N, C, 1..1]`. ONNX: GlobalAveragePool.
///
/// # Errors
/// As [`global_max_pool`].
pub fn global_average_pool<T: SumElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
) -> Result<Array<T, D>, OpError> {
    let x = TensorView::from(x);
    pooled(&Plan::global(x.shape())?, &PLAIN_MEAN, &x)
}

/// As [`global_average_pool`], into `y`; what it holds before does not matter.
///
/// # Errors
/// As [`global_max_pool`] and [`max_pool_into`].
pub fn global_average_pool_into<T: SumElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    y: ArrayViewMut<'_, T, D>,
) -> Result<(), OpError> {
    let x = TensorView::from(x);
    pooled_into(&Plan::global(x.shape())?, &PLAIN_MEAN, &x, y)
}

/// The `p`-norm of each plane of `x: [N, C, D1..Dk]`, k at least 0: `[N, C, 1..1]`; no division by the
/// number of elements. ONNX: GlobalLpPool.
///
/// # Errors
/// As [`global_max_pool`], and a `p` that is not a number of at least 1.
pub fn global_lp_pool<T: SumElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    p: f64,
) -> Result<Array<T, D>, OpError> {
    let x = TensorView::from(x);
    norms(&Plan::global(x.shape())?, Power::new(p)?, &x)
}

/// As [`global_lp_pool`], into `y`; what it holds before does not matter.
///
/// # Errors
/// As [`global_lp_pool`] and [`max_pool_into`].
pub fn global_lp_pool_into<T: SumElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    p: f64,
    y: ArrayViewMut<'_, T, D>,
) -> Result<(), OpError> {
    let x = TensorView::from(x);
    norms_into(&Plan::global(x.shape())?, Power::new(p)?, &x, y)
}

fn norms<T: SumElement, D: Dimension>(
    plan: &Plan,
    power: Power,
    x: &TensorView<'_>,
) -> Result<Array<T, D>, OpError> {
    check_output::<T>(plan)?;
    let scratch = attempted(|| norms_scratch_bytes::<T>(plan, power))?;
    let mut y = buffer::<T>(plan, scratch)?;
    whole(|| {
        pool_norms(plan, power, slice(x), &mut y);
        Ok(())
    })?;
    Ok(array(plan.output(), y))
}

fn norms_into<T: SumElement, D: Dimension>(
    plan: &Plan,
    power: Power,
    x: &TensorView<'_>,
    y: ArrayViewMut<'_, T, D>,
) -> Result<(), OpError> {
    let y = contiguous(plan, "y", y)?;
    whole(|| {
        within_limit(norms_scratch_bytes::<T>(plan, power))?;
        pool_norms(plan, power, slice(x), y);
        Ok(())
    })
}

fn pooled<T: Element + Vectored + PartialEq, R: Reduction<T>, D: Dimension>(
    plan: &Plan,
    reduction: &R,
    x: &TensorView<'_>,
) -> Result<Array<T, D>, OpError> {
    check_output::<T>(plan)?;
    let pool = attempted(|| Prepared::new::<T>(plan, reduction))?;
    let mut y = buffer::<T>(plan, pool.scratch_bytes())?;
    whole(|| {
        pool.pool(slice(x), &mut y);
        Ok(())
    })?;
    Ok(array(plan.output(), y))
}

fn pooled_into<T: Element + Vectored + PartialEq, R: Reduction<T>, D: Dimension>(
    plan: &Plan,
    reduction: &R,
    x: &TensorView<'_>,
    y: ArrayViewMut<'_, T, D>,
) -> Result<(), OpError> {
    let y = contiguous(plan, "y", y)?;
    whole(|| {
        let pool = Prepared::new::<T>(plan, reduction);
        within_limit(pool.scratch_bytes())?;
        pool.pool(slice(x), y);
        Ok(())
    })
}

/// Does work that memory or threads may lack for, and that may be stopped half way.
fn whole(work: impl FnOnce() -> Result<(), OpError>) -> Result<(), OpError> {
    attempted(work)??;
    stop::check()
}

/// Does work that memory or threads may lack for.
fn attempted<R>(work: impl FnOnce() -> R) -> Result<R, OpError> {
    threads::check()?;
    attempt(|| Ok(work()))
}

/// The elements of a caller's output.
fn contiguous<'a, T, D: Dimension>(
    plan: &Plan,
    name: &str,
    y: ArrayViewMut<'a, T, D>,
) -> Result<&'a mut [T], OpError> {
    if y.shape() != &plan.output()[..] {
        let shape = y.shape().to_vec();
        let wanted = &plan.output()[..];
        return Err(OpError::input(
            name,
            format!("has the shape {shape:?}, must have {wanted:?}"),
        ));
    }
    y.into_slice()
        .ok_or_else(|| OpError::input(name, "is not contiguous in memory, must be"))
}

/// The most bytes that a pool without a model may take, as many as a model may by default.
const MEMORY_LIMIT: usize = 4 << 30;

fn within_limit(bytes: usize) -> Result<(), OpError> {
    match bytes <= MEMORY_LIMIT {
        true => Ok(()),
        false => Err(OpError::memory(bytes, 0, MEMORY_LIMIT)),
    }
}

/// Checks an output before anything is done that takes as long as it has windows.
fn check_output<T>(plan: &Plan) -> Result<(), OpError> {
    within_limit(plan.output().elements().saturating_mul(size_of::<T>()))
}

/// The elements of an output, if they are within the limit together with `more` bytes.
fn buffer<T: Element>(plan: &Plan, more: usize) -> Result<Vec<T>, OpError> {
    let len = plan.output().elements();
    let bytes = len.saturating_mul(size_of::<T>()).saturating_add(more);
    within_limit(bytes)?;
    let mut buffer = allocate::room(len)?;
    parts::resize(&mut buffer, len, &T::default())?;
    Ok(buffer)
}

fn slice<'a, T: Element>(x: &'a TensorView<'_>) -> &'a [T] {
    x.as_slice()
        .expect("the view was made from elements of this type")
}

fn array<T: Element, D: Dimension>(shape: &Shape, data: Vec<T>) -> Array<T, D> {
    Tensor::from_parts(shape.clone(), T::wrap(data))
        .into_array::<T>()
        .expect("the tensor was made from elements of this type")
        .into_dimensionality()
        .expect("a pool keeps the rank")
}
