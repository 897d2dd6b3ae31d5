//! Axes and integers that attributes and inputs give to operators.

use super::Fact;
use crate::error::OpError;

/// The axis that `axis` names among `rank`; a negative one counts from the end.
pub(super) fn axis(field: &str, axis: i64, rank: usize) -> Result<usize, OpError> {
    let count = rank as i64;
    match axis {
        axis if (0..count).contains(&axis) => Ok(axis as usize),
        axis if (-count..0).contains(&axis) => Ok((axis + count) as usize),
        axis if rank == 0 => Err(OpError::invalid(
            field,
            format!("is {axis}, and a scalar has no axis"),
        )),
        axis => Err(OpError::invalid(
            field,
            format!("is {axis}, must be in -{rank}..={}", rank - 1),
        )),
    }
}

/// The axes that `values` name among `rank`, no two of them the same.
pub(super) fn axes(field: &str, values: &[i64], rank: usize) -> Result<Vec<usize>, OpError> {
    let mut axes = Vec::with_capacity(values.len().min(rank));
    for (index, &value) in values.iter().enumerate() {
        let found = axis(&format!("{field}[{index}]"), value, rank)?;
        if let Some(first) = axes.iter().position(|other| *other == found) {
            return Err(OpError::invalid(
                format!("{field}[{index}]"),
                format!("is {value}, the same axis as {field}[{first}]"),
            ));
        }
        axes.push(found);
    }
    Ok(axes)
}

/// How many values the input `field` gives, if that is known; it must have one axis.
pub(super) fn list(field: &str, fact: &Fact) -> Result<Option<usize>, OpError> {
    match fact.dims.as_deref() {
        None => Ok(None),
        Some([count]) => Ok(*count),
        Some(_) => Err(OpError::invalid(
            field,
            format!("is {fact}, must have one axis"),
        )),
    }
}

/// Checks that the input `field`, as far as it is known, has one element.
pub(super) fn single(field: &str, fact: &Fact) -> Result<(), OpError> {
    let sizes = fact.dims.iter().flatten().flatten();
    match sizes.clone().all(|&size| size == 1) {
        true => Ok(()),
        false => Err(OpError::invalid(
            field,
            format!("is {fact}, must have one element"),
        )),
    }
}

/// A size that a value asks for.
pub(super) fn size(field: impl Into<String>, value: i64) -> Result<usize, OpError> {
    usize::try_from(value)
        .map_err(|_| OpError::invalid(field, format!("is {value}, must be at least 0")))
}

/// The place that `index` means on an axis of `size`; a negative one counts from the end.
pub(super) fn place(field: &str, at: usize, index: i64, size: usize) -> Result<usize, OpError> {
    let wrapped = match index < 0 {
        true => index.checked_add_unsigned(size as u64),
        false => Some(index),
    };
    match wrapped.and_then(|index| usize::try_from(index).ok()) {
        Some(index) if index < size => Ok(index),
        _ => Err(OpError::invalid(
            format!("{field}[{at}]"),
            format!("is {index}, must be in -{size}..{size}"),
        )),
    }
}
