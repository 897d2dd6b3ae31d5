//! The pooling engine: (window, reduction, tensor) to tensor, usable without any ONNX.
//!
//! A pool over several spatial axes is separable: the window is folded along one axis after the other,
//! so that the work for an output is the sum of the window's extents, not their product, and along an axis
//! a long window costs no more than a short one. Planes are
//! independent and run in parallel on the caller's current rayon pool, with the same bits for every
//! number of threads.
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

#[cfg(feature = "definition")]
pub mod definition;
mod plan;
mod planes;
mod reduce;

use ndarray::{Array, ArrayView, Dimension};

use crate::error::OpError;
use crate::tensor::{Element, Shape, Tensor, TensorView};
use crate::window::Window;

pub(crate) use plan::{Plan, check_rank};
pub(crate) use planes::{pool, pool_with_indices};
pub(crate) use reduce::{
    Max, MaxWithIndex, Mean, Power, PowerSum, Quantization, QuantizedMean, Sum,
};
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
    let plan = Plan::new(window, x.shape())?;
    pooled(&plan, &Max, &x)
}

/// The largest elements, and their places.
pub type ValuesAndIndices<T, D> = (Array<T, D>, Array<i64, D>);

/// As [`max_pool`], with the place of each largest element: its flat index in all of `x`, where the
/// spatial part counts in `order`. The first of equal elements wins, the first NaN over all; -1 stands
/// for a window on padding alone.
///
/// # Errors
/// As [`max_pool`].
pub fn max_pool_with_indices<T: MaxElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
    window: &Window,
    order: StorageOrder,
) -> Result<ValuesAndIndices<T, D>, OpError> {
    let x = TensorView::from(x);
    let plan = Plan::new(window, x.shape())?;
    let (mut y, mut indices) = (
        buffer::<T, (T, i64)>(&plan)?,
        buffer::<i64, (T, i64)>(&plan)?,
    );
    let reduction = MaxWithIndex::new(&plan, order);
    pool_with_indices(&plan, &reduction, slice(&x), &mut y, &mut indices);
    Ok((array(plan.output(), y), array(plan.output(), indices)))
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
    pooled(&plan, &Mean::new(&plan, count_include_pad), &x)
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
    let plan = Plan::new(window, x.shape())?;
    pooled(&plan, &PowerSum(Power::new(p)?), &x)
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

/// The mean of each plane of `x: [N, C, D1..Dk]`, k at least 0: `[N, C, 1..1]`. ONNX: GlobalAveragePool.
///
/// # Errors
/// As [`global_max_pool`].
pub fn global_average_pool<T: SumElement, D: Dimension>(
    x: ArrayView<'_, T, D>,
) -> Result<Array<T, D>, OpError> {
    let x = TensorView::from(x);
    let plan = Plan::global(x.shape())?;
    pooled(&plan, &Mean::new(&plan, false), &x)
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
    pooled(&Plan::global(x.shape())?, &PowerSum(Power::new(p)?), &x)
}

fn pooled<T: Element + Copy, R: reduce::Reduction<T, Output = T>, D: Dimension>(
    plan: &Plan,
    reduction: &R,
    x: &TensorView<'_>,
) -> Result<Array<T, D>, OpError> {
    let mut y = buffer::<T, R::Acc>(plan)?;
    pool(plan, reduction, slice(x), &mut y);
    Ok(array(plan.output(), y))
}

/// The most bytes that a pool without a model may take, as many as a model may by default.
const MEMORY_LIMIT: usize = 4 << 30;

/// The elements of an output, if they and what folding takes are within the limit.
fn buffer<T: Element, A>(plan: &Plan) -> Result<Vec<T>, OpError> {
    let len = plan.output().elements();
    let bytes = len
        .saturating_mul(size_of::<T>())
        .saturating_add(plan.scratch_bytes(size_of::<A>()));
    let refused = || OpError::memory(bytes, 0, MEMORY_LIMIT);
    let mut buffer = Vec::new();
    match bytes <= MEMORY_LIMIT && buffer.try_reserve_exact(len).is_ok() {
        true => buffer.resize(len, T::default()),
        false => return Err(refused()),
    }
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
