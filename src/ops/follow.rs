//! What nodes do to the elements of one input, so that the node that computes those, or the one that reads them, can do it on
//! the way.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Fact, Operator, elements};
use crate::allocate;
use crate::error::OpError;
use crate::gemm::{Activation, Factor};
use crate::tensor::{Shape, Tensor, TensorView};

/// Work on the elements of a value.
#[derive(Clone, Debug)]
pub(crate) enum Follow {
    /// Elements times a factor, plus a summand: one of each for each index of an axis, or for all elements.
    Affine {
        axis: usize,
        factors: Vec<f64>,
        summands: Vec<f64>,
    },
    Activation(Activation<f64>),
    /// The sum with the input of that number, which has the same shape.
    Plus(usize),
    /// Of a value of that shape, channels that were in as many groups alternate between them.
    ChannelShuffle(Shape, usize),
}

impl Follow {
    /// One number for each of `len`.
    pub(super) fn spread(numbers: Vec<f64>, len: usize) -> Vec<f64> {
        match numbers[..] {
            [one] => allocate::filled(one, len),
            _ => numbers,
        }
    }

    /// A bias of `len` numbers, zeros if there is none, each times a factor and plus a summand; `None` if it is not known, or there
    /// are not as many.
    pub(super) fn moved_bias(
        bias: Option<&Fact>,
        factors: &[f64],
        summands: &[f64],
        len: usize,
    ) -> Option<Tensor> {
        let bias = match bias {
            None => allocate::filled(0f32, len),
            Some(bias) => allocate::copied(bias.value.as_ref()?.as_slice::<f32>()?),
        };
        if [factors.len(), summands.len(), bias.len()] != [len; 3] {
            return None;
        }
        let moved = bias.iter().zip(factors).zip(summands);
        let moved = moved.map(|((bias, factor), summand)| f64::from(*bias) * factor + summand);
        let moved = allocate::collected(moved.map(|bias| bias as f32));
        Tensor::new(&[len], moved).ok()
    }

    /// Whether factors and summands, if it has any, are one of each for each index of `axis`, or for all elements.
    pub(super) fn is_along(&self, axis: usize) -> bool {
        match self {
            Follow::Affine {
                axis: own, factors, ..
            } => *own == axis || factors.len() == 1,
            _ => true,
        }
    }

    /// What a sum of two inputs does to input `index`, if both are known to have the same shape.
    pub(super) fn sum(index: usize, inputs: &[Option<Fact>]) -> Option<Follow> {
        let [Some(a), Some(b)] = inputs else {
            return None;
        };
        let shape = a.shape().ok()??;
        let same = a.dtype == b.dtype && b.shape().ok()?? == shape;
        same.then_some(Follow::Plus(1 - index))
    }
}

/// The elements that are added to an output of that shape.
///
/// # Errors
/// They have another shape than was declared, or the run is to stop.
pub(super) fn added<'x, T: Factor>(
    x: &'x TensorView<'_>,
    shape: &Shape,
) -> Result<Cow<'x, [T::Sum]>, OpError> {
    if x.shape() != shape {
        let x = Fact::from(x);
        let reason = format!("is {x}, declared to have the shape of the output, {shape:?}");
        return Err(OpError::invalid("what is added", reason));
    }
    T::widened(elements::<T>(x))
}

/// An operator that does more than before.
#[derive(Debug)]
pub(crate) struct Absorbed {
    pub(crate) operator: Arc<dyn Operator>,
    /// Inputs that are replaced by constants, by number.
    pub(crate) constants: Vec<(usize, Tensor)>,
    /// The number of the input that takes what [`Follow::Plus`] adds.
    pub(crate) plus: Option<usize>,
}

/// An operator with constants laid out as runs want them.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) operator: Arc<dyn Operator>,
    /// What they take.
    pub(crate) bytes: usize,
    /// The number of the input whose elements it does not read any more.
    pub(crate) unread: Option<usize>,
}

impl Prepared {
    /// With its inputs as they were beside what was made of them.
    pub(super) fn beside(operator: impl Operator + 'static, bytes: usize) -> Prepared {
        Prepared {
            operator: Arc::new(operator),
            bytes,
            unread: None,
        }
    }
}

/// Work on each element of an input, before an operator reads it: times a factor, plus a summand, one of each for each
/// channel, axis 1, then a function.
#[derive(Clone, Debug)]
pub(crate) struct Lead {
    pub(crate) factors: Vec<f64>,
    pub(crate) summands: Vec<f64>,
    pub(crate) activation: Activation<f64>,
}
