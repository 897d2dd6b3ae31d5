//! Where an operator of the caller puts its outputs.

use crate::error::OpError;
use crate::ops::{self, Fact};
use crate::stop;
use crate::tensor::{DType, Element, Shape, Tensor};

/// The outputs of a node, to be made by its operator: each that is wanted once, as [`Operator::infer`] has said.
///
/// [`Operator::infer`]: super::Operator::infer
pub struct Outputs<'o, 's, 'a> {
    inner: &'o mut ops::Outputs<'s, 'a>,
    /// What was inferred of each before the run, and from the inputs of the run.
    inferred: [Vec<Fact>; 2],
    made: Vec<bool>,
}

impl<'o, 's, 'a> Outputs<'o, 's, 'a> {
    pub(super) fn new(
        inner: &'o mut ops::Outputs<'s, 'a>,
        inferred: [Vec<Fact>; 2],
    ) -> Outputs<'o, 's, 'a> {
        Outputs {
            made: vec![false; inner.len()],
            inner,
            inferred,
        }
    }

    /// Whether anybody reads output `index`.
    pub fn wanted(&self, index: usize) -> bool {
        self.inner.wanted(index)
    }

    /// Makes output `index`, of elements of type `T` and shape `dims`, and returns its elements in C order. They are
    /// arbitrary, and have all to be written.
    ///
    /// # Errors
    /// The node has no such output, or it is made already; the type or shape is another than was inferred; the memory limit
    /// is reached.
    pub fn make<T: Element>(&mut self, index: usize, dims: &[usize]) -> Result<&mut [T], OpError> {
        let shape = Shape::new(dims)?;
        self.check(index, T::DTYPE, &shape)?;
        self.inner.make_at(index, &shape)
    }

    /// Makes `tensor` output `index`.
    ///
    /// # Errors
    /// As [`Outputs::make`].
    pub fn put(&mut self, index: usize, tensor: Tensor) -> Result<(), OpError> {
        self.check(index, tensor.dtype(), tensor.shape())?;
        self.inner.memory().take(tensor.bytes())?;
        self.inner.put(index, tensor)
    }

    /// Whether the run is to go on: long work looks at it a hundred times a second.
    ///
    /// # Errors
    /// A [`Stop`](crate::Stop) ends the run; the operator returns this error.
    pub fn check_stop(&self) -> Result<(), OpError> {
        stop::check()
    }

    fn check(&mut self, index: usize, dtype: DType, shape: &Shape) -> Result<(), OpError> {
        let fail = |reason: String| OpError::run(format!("outputs[{index}]"), reason);
        match self.made.get_mut(index) {
            None => return Err(fail("is none of the node's".to_string())),
            Some(made) => {
                if std::mem::replace(made, true) {
                    return Err(fail("is made twice".to_string()));
                }
            }
        }
        for fact in self.inferred.iter().filter_map(|list| list.get(index)) {
            let fits = fact.dims.as_ref().is_none_or(|dims| {
                let mut sizes = dims.iter().zip(shape.iter());
                dims.len() == shape.len()
                    && sizes.all(|(dim, size)| dim.is_none_or(|dim| dim == *size))
            });
            if fact.dtype != dtype || !fits {
                return Err(fail(format!(
                    "is {dtype}{shape}, the operator has inferred {fact}"
                )));
            }
        }
        Ok(())
    }

    /// Checks that everything has been made that is wanted.
    pub(super) fn finish(&self) -> Result<(), OpError> {
        match (0..self.made.len()).find(|&index| self.wanted(index) && !self.made[index]) {
            None => Ok(()),
            Some(index) => Err(OpError::run(
                format!("outputs[{index}]"),
                "has not been made by the operator",
            )),
        }
    }
}
