//! A workload as a call of `linn::pooling`. The comparison with other engines makes it too.

use std::error::Error;

use linn::pooling::{self, MaxElement, StorageOrder, SumElement};
use linn::{OpError, Window};
use ndarray::{Array, Dimension, IntoDimension};

use crate::workload::Workload;

/// A workload with its tensors, ready to be computed again and again.
pub(crate) struct Call<T, D: Dimension> {
    pool: Pool,
    function: Function<T, D>,
    pub(crate) tensors: Tensors<T, D>,
}

pub(crate) struct Tensors<T, D: Dimension> {
    pub(crate) x: Array<T, D>,
    pub(crate) y: Array<T, D>,
    /// Without elements where the workload has no Indices.
    pub(crate) indices: Array<i64, D>,
}

pub(crate) type Function<T, D> = fn(&Pool, &mut Tensors<T, D>) -> Result<(), OpError>;

impl<T: Copy + Default, D: Dimension> Call<T, D> {
    /// `function` is [`max_pool`] or [`any_pool`], as the elements allow.
    pub(crate) fn new(
        workload: &Workload,
        x: Vec<T>,
        function: Function<T, D>,
    ) -> Result<Call<T, D>, Box<dyn Error>> {
        let mut indices = workload.output.clone();
        if !workload.indices {
            indices.fill(0);
        }
        Ok(Call {
            pool: Pool::new(workload)?,
            function,
            tensors: Tensors {
                x: array(&workload.input, x)?,
                y: filled(&workload.output, T::default())?,
                indices: filled(&indices, 0)?,
            },
        })
    }

    pub(crate) fn run(&mut self) -> Result<(), OpError> {
        (self.function)(&self.pool, &mut self.tensors)
    }
}

fn filled<T: Clone, D: Dimension>(
    shape: &[usize],
    element: T,
) -> Result<Array<T, D>, Box<dyn Error>> {
    array(shape, vec![element; shape.iter().product()])
}

fn array<T, D: Dimension>(
    shape: &[usize],
    elements: Vec<T>,
) -> Result<Array<T, D>, Box<dyn Error>> {
    let array = Array::from_shape_vec(shape.into_dimension(), elements)?;
    Ok(array.into_dimensionality()?)
}

/// The function that a workload calls, and all of its arguments but the tensors.
pub(crate) enum Pool {
    Max(Window),
    MaxWithIndices(Window),
    Average(Window, bool),
    Lp(Window, f64),
    GlobalMax,
    GlobalAverage,
}

impl Pool {
    fn new(workload: &Workload) -> Result<Pool, Box<dyn Error>> {
        let attributes = &workload.attributes;
        Ok(match workload.op.as_str() {
            "MaxPool" if workload.indices => Pool::MaxWithIndices(window(workload)),
            "MaxPool" => Pool::Max(window(workload)),
            "AveragePool" => Pool::Average(window(workload), attributes.count_include_pad != 0),
            "LpPool" => Pool::Lp(window(workload), attributes.p.unwrap_or(2.0)),
            "GlobalMaxPool" => Pool::GlobalMax,
            "GlobalAveragePool" => Pool::GlobalAverage,
            other => return Err(format!("no workload has the operator {other}").into()),
        })
    }
}

fn window(workload: &Workload) -> Window {
    let attributes = &workload.attributes;
    let mut window = Window::new(attributes.kernel_shape.clone());
    if let Some(strides) = &attributes.strides {
        window = window.strides(strides.clone());
    }
    if let Some(pads) = &attributes.pads {
        window = window.pads(pads.clone());
    }
    if let Some(dilations) = &attributes.dilations {
        window = window.dilations(dilations.clone());
    }
    window.ceil_mode(attributes.ceil_mode != 0)
}

/// Largest elements, of any type.
pub(crate) fn max_pool<T: MaxElement, D: Dimension>(
    pool: &Pool,
    tensors: &mut Tensors<T, D>,
) -> Result<(), OpError> {
    let Tensors { x, y, indices } = tensors;
    match pool {
        Pool::Max(window) => pooling::max_pool_into(x.view(), window, y.view_mut()),
        Pool::MaxWithIndices(window) => {
            let order = StorageOrder::RowMajor;
            let (y, indices) = (y.view_mut(), indices.view_mut());
            pooling::max_pool_with_indices_into(x.view(), window, order, y, indices)
        }
        Pool::GlobalMax => pooling::global_max_pool_into(x.view(), y.view_mut()),
        _ => unreachable!("workloads have sums of floats alone"),
    }
}

/// Any pool, of floats.
pub(crate) fn any_pool<T: MaxElement + SumElement, D: Dimension>(
    pool: &Pool,
    tensors: &mut Tensors<T, D>,
) -> Result<(), OpError> {
    let Tensors { x, y, .. } = tensors;
    match pool {
        Pool::Average(window, include) => {
            pooling::average_pool_into(x.view(), window, *include, y.view_mut())
        }
        Pool::Lp(window, p) => pooling::lp_pool_into(x.view(), window, *p, y.view_mut()),
        Pool::GlobalAverage => pooling::global_average_pool_into(x.view(), y.view_mut()),
        _ => max_pool(pool, tensors),
    }
}
