//! What RoiAlign and MaxRoiPool share: regions of interest, and the precision they are computed in.

use super::{Fact, elements};
use crate::error::OpError;
use crate::parts;
use crate::pooling::SumElement;
use crate::stop;
use crate::tensor::TensorView;

/// Outputs that are worth a task of their own.
pub(super) const GRAIN: usize = 1 << 10;

/// The result of one operation on regions of a tensor of `T`: `f32`, which decides where a region ends
/// as other runtimes do, and `f64` for tensors of `f64`.
#[inline(always)]
pub(super) fn rounded<T: SumElement>(x: f64) -> f64 {
    match size_of::<T>() {
        8 => x,
        _ => f64::from(x as f32),
    }
}

/// Checks `spatial_scale`.
pub(super) fn check_scale(scale: f32) -> Result<f64, OpError> {
    match scale.is_finite() {
        true => Ok(scale.into()),
        false => Err(OpError::invalid(
            "spatial_scale",
            format!("is {scale}, must be finite"),
        )),
    }
}

/// The dimensions of an operator over `X: [N, C, H, W]` and `rois: [R, columns]`: `[R, C]` and `output`.
pub(super) fn infer(
    x: &Fact,
    rois: &Fact,
    columns: usize,
    output: [usize; 2],
) -> Result<Vec<Option<usize>>, OpError> {
    let channels = match x.dims.as_deref() {
        None => None,
        Some(&[_, channels, _, _]) => channels,
        Some(_) => {
            return Err(OpError::invalid(
                "X",
                format!("is {x}, must have four axes"),
            ));
        }
    };
    let regions = match rois.dims.as_deref() {
        None => None,
        Some(&[regions, found]) if found.is_none_or(|found| found == columns) => regions,
        Some(_) => {
            return Err(OpError::invalid(
                "rois",
                format!("is {rois}, must have two axes, the second of size {columns}"),
            ));
        }
    };
    Ok(vec![regions, channels, Some(output[0]), Some(output[1])])
}

/// The rows of `rois`, all of them finite.
pub(super) fn rows<const COLUMNS: usize, T: SumElement>(
    rois: &TensorView<'_>,
) -> Result<Vec<[f64; COLUMNS]>, OpError> {
    let (rows, _) = elements::<T>(rois).as_chunks();
    let rows: Vec<[f64; COLUMNS]> = parts::collected(rows.iter().map(|row| row.map(T::to_f64)))?;
    for (at, row) in rows.iter().enumerate() {
        stop::check_step(at)?;
        if let Some(column) = row.iter().position(|x| !x.is_finite()) {
            return Err(OpError::run(
                format!("rois[{at},{column}]"),
                format!("is {}, must be finite", row[column]),
            ));
        }
    }
    Ok(rows)
}
