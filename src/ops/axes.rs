//! Axes that attributes and inputs name.

use super::Fact;
use crate::error::OpError;

/// An axis of a tensor with `rank` axes; negative ones count from the end.
pub(super) fn resolve(name: &str, axis: i64, rank: usize) -> Result<usize, OpError> {
    let from_end = if axis < 0 { rank as i64 } else { 0 };
    match axis.checked_add(from_end).map(usize::try_from) {
        Some(Ok(axis)) if axis < rank => Ok(axis),
        _ => Err(OpError::invalid(
            name,
            format!("is {axis}, must be in -{rank}..{rank} for an input of {rank} axes"),
        )),
    }
}

/// Which axes are named; each may be named once.
pub(super) fn mask(name: &str, axes: &[i64], rank: usize) -> Result<Vec<bool>, OpError> {
    let mut mask = vec![false; rank];
    for (index, &axis) in axes.iter().enumerate() {
        let at = resolve(&format!("{name}[{index}]"), axis, rank)?;
        if std::mem::replace(&mut mask[at], true) {
            return Err(OpError::invalid(
                format!("{name}[{index}]"),
                format!("is {axis}, which names an axis again"),
            ));
        }
    }
    Ok(mask)
}

/// A shape cut at an axis: how many elements are on it and after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    pub(super) size: usize,
    pub(super) inner: usize,
}

impl Around {
    pub(super) fn new(shape: &[usize], axis: usize) -> Around {
        Around {
            size: shape[axis],
            inner: shape[axis + 1..].iter().product(),
        }
    }
}

/// The element of an input that names one axis, if it is a constant of type i64.
pub(super) fn constant(axis: &Fact) -> Option<i64> {
    match axis.ints() {
        Some([axis]) => Some(*axis),
        _ => None,
    }
}
