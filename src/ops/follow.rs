//! What nodes do to the elements of one input, so that the node that computes those, or the one that reads them, can do it on
//! the way.

use std::sync::Arc;

use super::{Fact, Operator};
use crate::allocate;
use crate::gemm::Activation;
use crate::tensor::Tensor;

/// Work on each element of a value.
#[derive(Clone, Debug)]
pub(crate) enum Follow {
    /// Elements times a factor, plus a summand: one of each for each channel, axis 1, or for all of them.
    Affine {
        factors: Vec<f64>,
        summands: Vec<f64>,
    },
    Activation(Activation<f64>),
    /// The sum with the input of that number, which has the same shape.
    Plus(usize),
}

impl Follow {
    /// One number for each channel.
    pub(super) fn spread(numbers: Vec<f64>, channels: usize) -> Vec<f64> {
        match numbers[..] {
            [one] => allocate::filled(one, channels),
            _ => numbers,
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
