//! The places in a tensor that tensors of indices name, for reading and for writing.

use std::borrow::Cow;

use super::layout::strides;
use super::{Fact, Outputs, axes, elements};
use crate::allocate;
use crate::error::OpError;
use crate::parts;
use crate::stop;
use crate::tensor::TensorView;

/// The elements of a tensor of i32 or i64.
pub(super) fn integers<'b>(x: &'b TensorView<'_>) -> Result<Cow<'b, [i64]>, OpError> {
    match x.as_slice::<i32>() {
        Some(values) => parts::collected(values.iter().copied().map(i64::from)).map(Cow::Owned),
        None => Ok(Cow::Borrowed(elements::<i64>(x))),
    }
}

/// Single elements: an index is a place on one axis, the other coordinates are those of the index itself.
pub(super) struct Elements<'a> {
    /// The shape of the data.
    pub(super) data: &'a [usize],
    /// The shape of the indices.
    pub(super) shape: &'a [usize],
    pub(super) axis: usize,
}

impl Elements<'_> {
    pub(super) fn check(data: &Fact, indices: &Fact, axis: i64) -> Result<(), OpError> {
        let (Some(sizes), Some(wanted)) = (&data.dims, &indices.dims) else {
            return Ok(());
        };
        let axis = axes::axis("axis", axis, sizes.len())?;
        if sizes.len() != wanted.len() {
            return Err(OpError::invalid(
                "indices",
                format!("is {indices}, must have the rank of data, which is {data}"),
            ));
        }
        let fits = |other: usize| match (sizes[other], wanted[other]) {
            (Some(size), Some(wanted)) => wanted <= size || other == axis,
            _ => true,
        };
        match (0..sizes.len()).all(fits) {
            true => Ok(()),
            false => Err(OpError::invalid(
                "indices",
                format!(
                    "is {indices}, must not be larger than data, which is {data}, but along axis {axis}"
                ),
            )),
        }
    }

    /// The place in the data of each index.
    pub(super) fn places(
        &self,
        indices: &[i64],
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<Vec<usize>, OpError> {
        outputs.check_scratch(indices.len().saturating_mul(size_of::<usize>()))?;
        let strides = strides(self.data);
        let mut places = allocate::with_capacity(indices.len());
        let mut at = vec![0; self.shape.len()];
        for (index, &value) in indices.iter().enumerate() {
            stop::check_step(index)?;
            let along = axes::place("indices", index, value, self.data[self.axis])?;
            let mut place = along * strides[self.axis];
            for (axis, &at) in at.iter().enumerate() {
                if axis != self.axis {
                    place += at * strides[axis];
                }
            }
            places.push(place);
            for (at, &size) in at.iter_mut().zip(self.shape).rev() {
                *at += 1;
                if *at < size {
                    break;
                }
                *at = 0;
            }
        }
        Ok(places)
    }
}

/// Blocks of the data: the last axis of the indices holds coordinates in its first axes, behind those that
/// both have in common.
pub(super) struct Tuples<'a> {
    pub(super) data: &'a [usize],
    pub(super) shape: &'a [usize],
    /// How many axes both have in common.
    pub(super) batch: usize,
}

impl Tuples<'_> {
    /// The number of coordinates, if it is known.
    pub(super) fn check(
        data: &Fact,
        indices: &Fact,
        batch: usize,
    ) -> Result<Option<usize>, OpError> {
        let wrong =
            |rule: String| Err(OpError::invalid("indices", format!("is {indices}, {rule}")));
        let Some(wanted) = &indices.dims else {
            return Ok(None);
        };
        let Some((count, outer)) = wanted.split_last() else {
            return wrong("must have at least one axis".to_string());
        };
        if batch > outer.len() {
            return wrong(format!(
                "must have more axes than batch_dims, which is {batch}"
            ));
        }
        let Some(sizes) = &data.dims else {
            return Ok(*count);
        };
        let differ = |axis: usize| match (sizes[axis], outer[axis]) {
            (Some(a), Some(b)) => a != b,
            _ => false,
        };
        if batch >= sizes.len() || (0..batch).any(differ) {
            return wrong(format!(
                "must have the first {batch} sizes, the batch, and fewer axes there, of data, which is {data}"
            ));
        }
        match *count {
            Some(count) if count > sizes.len() - batch => wrong(format!(
                "must not hold more coordinates than data, which is {data}, has axes"
            )),
            count => Ok(count),
        }
    }

    fn coordinates(&self) -> usize {
        *self.shape.last().expect("it was checked")
    }

    /// The number of elements in a block.
    pub(super) fn block(&self) -> usize {
        let after = self.batch + self.coordinates();
        self.data[after..].iter().product()
    }

    /// Where each block starts.
    pub(super) fn places(
        &self,
        indices: &[i64],
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<Vec<usize>, OpError> {
        let coordinates = self.coordinates();
        let blocks: usize = self.shape[..self.shape.len() - 1].iter().product();
        outputs.check_scratch(blocks.saturating_mul(size_of::<usize>()))?;
        let strides = strides(self.data);
        let batches: usize = self.shape[..self.batch].iter().product();
        let in_batch = blocks / batches.max(1);
        let step: usize = self.data[self.batch..].iter().product();
        let mut places = allocate::with_capacity(blocks);
        for block in 0..blocks {
            stop::check_step(block)?;
            let mut place = block / in_batch * step;
            for coordinate in 0..coordinates {
                let (at, axis) = (block * coordinates + coordinate, self.batch + coordinate);
                place += axes::place("indices", at, indices[at], self.data[axis])? * strides[axis];
            }
            places.push(place);
        }
        Ok(places)
    }
}
