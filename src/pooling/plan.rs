//! A pool laid over a tensor: what is independent, what is folded, and how large it all gets.

use smallvec::SmallVec;

use crate::error::OpError;
use crate::tensor::Shape;
use crate::window::{Axes, Axis, Window};

/// A checked pool over a tensor of `planes` planes, each `[D1..Dk, inner]`.
///
/// With channels first, `[N, C, D1..Dk]`, every channel is a plane and `inner` is 1; with channels last,
/// `[N, D1..Dk, C]`, every sample is a plane and `inner` is C.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    planes: usize,
    inner: usize,
    axes: Axes,
    output: Shape,
}

impl Plan {
    /// A pool over `[N, C, D1..Dk]`, k at least 1.
    pub(crate) fn new(window: &Window, shape: &[usize]) -> Result<Plan, OpError> {
        check_rank(shape.len(), 3)?;
        let axes = window.axes(&shape[2..])?;
        Plan::channels_first(axes, shape)
    }

    /// A pool over `[N, D1..Dk, C]`, k at least 1.
    pub(crate) fn channels_last(window: &Window, shape: &[usize]) -> Result<Plan, OpError> {
        check_rank(shape.len(), 3)?;
        let last = shape.len() - 1;
        let axes = window.axes(&shape[1..last])?;
        Plan::samples(axes, shape)
    }

    /// A pool over whole planes of `[N, C, D1..Dk]`, k at least 0.
    pub(crate) fn global(shape: &[usize]) -> Result<Plan, OpError> {
        check_rank(shape.len(), 2)?;
        check_not_empty(&shape[2..], shape[0] * shape[1])?;
        Plan::channels_first(
            shape[2..].iter().map(|&size| Axis::global(size)).collect(),
            shape,
        )
    }

    /// A pool over whole samples of `[N, D1..Dk, C]`, k at least 0.
    pub(crate) fn global_channels_last(shape: &[usize]) -> Result<Plan, OpError> {
        check_rank(shape.len(), 2)?;
        let last = shape.len() - 1;
        check_not_empty(&shape[1..last], shape[0] * shape[last])?;
        let axes = shape[1..last].iter().map(|&size| Axis::global(size));
        Plan::samples(axes.collect(), shape)
    }

    fn channels_first(axes: Axes, shape: &[usize]) -> Result<Plan, OpError> {
        let mut output = SmallVec::<[usize; 6]>::from_slice(&shape[..2]);
        output.extend(axes.iter().map(|axis| axis.output));
        Ok(Plan {
            planes: shape[0] * shape[1],
            inner: 1,
            output: Shape::new(&output)?,
            axes,
        })
    }

    fn samples(axes: Axes, shape: &[usize]) -> Result<Plan, OpError> {
        let inner = shape[shape.len() - 1];
        let mut output = SmallVec::<[usize; 6]>::from_slice(&shape[..1]);
        output.extend(axes.iter().map(|axis| axis.output));
        output.push(inner);
        Ok(Plan {
            planes: shape[0],
            inner,
            output: Shape::new(&output)?,
            axes,
        })
    }

    /// The window's axes, outermost first.
    pub(crate) fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Independent elements below each spatial position.
    pub(crate) fn inner(&self) -> usize {
        self.inner
    }

    /// The planes.
    pub(crate) fn planes(&self) -> usize {
        self.planes
    }

    /// The shape of the result.
    pub(crate) fn output(&self) -> &Shape {
        &self.output
    }

    /// Elements in a plane of the input.
    pub(crate) fn plane_input(&self) -> usize {
        self.axes.iter().map(|axis| axis.input).product::<usize>() * self.inner
    }

    /// Whether the result has no elements.
    pub(crate) fn is_empty(&self) -> bool {
        self.output.elements() == 0
    }

    /// Whether each plane is one window, with all its taps on the plane.
    pub(crate) fn is_whole(&self) -> bool {
        let whole = |axis: &Axis| axis.output == 1 && axis.real_taps(0) == (0, axis.input);
        self.inner == 1
            && self
                .axes
                .iter()
                .all(|axis| axis.dilation.min(axis.input) <= 1 && whole(axis))
    }
}

/// Checks a rank, for the operators' load-time inference too.
pub(crate) fn check_rank(rank: usize, least: usize) -> Result<(), OpError> {
    match rank >= least {
        true => Ok(()),
        false => Err(OpError::invalid(
            "",
            format!("the input has rank {rank}, must have at least {least}"),
        )),
    }
}

fn check_not_empty(spatial: &[usize], planes: usize) -> Result<(), OpError> {
    match planes > 0 && spatial.contains(&0) {
        false => Ok(()),
        true => Err(OpError::run(
            "",
            "the input has empty planes, which have no largest element, mean or norm",
        )),
    }
}
