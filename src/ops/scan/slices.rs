//! Where the slices of a scanned tensor lie, and how they are brought there.

use crate::error::OpError;
use crate::ops::{Dims, Outputs, axes, stack};
use crate::tensor::{Shape, Tensor, TensorView};

/// Where the slices of a tensor lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Direction {
    pub(super) axis: i64,
    pub(super) back: bool,
}

impl Direction {
    /// The directions of `count` tensors.
    pub(super) fn list(
        count: usize,
        (axes_name, axes): (&str, Option<&[i64]>),
        (backs_name, backs): (&str, Option<&[i64]>),
    ) -> Result<Vec<Direction>, OpError> {
        for (name, list) in [(axes_name, axes), (backs_name, backs)] {
            if let Some(list) = list
                && list.len() != count
            {
                return Err(OpError::invalid(
                    name,
                    format!("has {} values, must have {count}", list.len()),
                ));
            }
        }
        let directions = (0..count).map(|index| {
            let back = match backs.map_or(0, |backs| backs[index]) {
                0 => false,
                1 => true,
                other => {
                    return Err(OpError::invalid(
                        format!("{backs_name}[{index}]"),
                        format!("is {other}, must be 0 or 1"),
                    ));
                }
            };
            let axis = axes.map_or(0, |axes| axes[index]);
            Ok(Direction { axis, back })
        });
        directions.collect()
    }
}

/// The axis of the slices in a tensor of rank `rank`.
pub(super) fn slices(batch: usize, direction: Direction, rank: usize) -> Result<usize, OpError> {
    match rank > batch {
        true => Ok(batch + axes::axis("scan_input_axes", direction.axis, rank - batch)?),
        false => Err(OpError::invalid(
            "",
            format!(
                "a scan input has rank {rank}, must have at least {}",
                batch + 1
            ),
        )),
    }
}

/// What the body sees of a tensor: a member of the batch, and a slice of it.
pub(super) fn part(
    batch: usize,
    slice: Option<Direction>,
    dims: Option<&[Option<usize>]>,
) -> Result<Dims, OpError> {
    let Some(dims) = dims else { return Ok(None) };
    let mut rest = dims.to_vec();
    if let Some(direction) = slice {
        rest.remove(slices(batch, direction, dims.len())?);
    }
    // A rank that is too small is an error of what is inferred.
    rest.drain(..batch.min(rest.len()));
    Ok(Some(rest))
}

/// A tensor with the axis of the slices in front, where it is not there.
pub(super) fn to_front(
    x: &TensorView<'_>,
    batch: usize,
    direction: Direction,
    outputs: &mut Outputs<'_, '_>,
) -> Result<Option<Tensor>, OpError> {
    let axis = slices(batch, direction, x.shape().len())?;
    if axis == batch {
        return Ok(None);
    }
    let mut dims = x.shape().to_vec();
    let length = dims.remove(axis);
    let outer = dims[..axis].iter().product();
    dims.insert(0, length);
    let shape = Shape::new(&dims)?;
    stack::exchange(x, [outer, length], false, &shape, outputs.memory()).map(Some)
}

/// A stack of slices with their axis, and in the order, that the node has.
pub(super) fn from_front(
    x: Tensor,
    direction: Direction,
    outputs: &mut Outputs<'_, '_>,
) -> Result<Tensor, OpError> {
    let axis = axes::axis("scan_output_axes", direction.axis, x.shape().len())?;
    if axis == 0 && !direction.back {
        return Ok(x);
    }
    let mut dims = x.shape().to_vec();
    let length = dims.remove(0);
    let outer = dims[..axis].iter().product();
    dims.insert(axis, length);
    let shape = Shape::new(&dims)?;
    let sizes = [length, outer];
    let made = stack::exchange(
        &x.as_view(),
        sizes,
        direction.back,
        &shape,
        outputs.memory(),
    )?;
    outputs.memory().give_back(x);
    Ok(made)
}
