//! What all windowed operators share: their attributes, and pools into their outputs.

use super::{Dims, Fact, Outputs, elements};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::pooling::{Plan, Prepared, Reduction, Vectored, check_rank};
use crate::tensor::{Element, TensorView};
use crate::window::{AutoPad, Window};

/// Reads `kernel_shape` and those of `strides`, `pads`, `dilations`, `auto_pad` and `ceil_mode` that the
/// operator's version has. Explicit pads beside an `auto_pad` are overruled.
pub(super) fn read(attributes: &mut Attributes<'_>) -> Result<Window, OpError> {
    let kernel_shape = attributes
        .ints("kernel_shape")
        .ok_or_else(|| OpError::invalid("kernel_shape", "is missing"))?;
    let mut window = Window::new(kernel_shape);
    if let Some(strides) = attributes.ints("strides") {
        window = window.strides(strides);
    }
    if let Some(dilations) = attributes.ints("dilations") {
        window = window.dilations(dilations);
    }
    if let Some(pads) = attributes.ints("pads") {
        window = window.pads(pads);
    }
    let window = window.auto_pad(auto_pad(attributes)?);
    let window = window.ceil_mode(attributes.flag("ceil_mode")?);
    window.validate()?;
    if window.ignores_pads() {
        attributes.warn("auto_pad overrules the explicit pads");
    }
    Ok(window)
}

/// Reads `auto_pad`.
pub(super) fn auto_pad(attributes: &mut Attributes<'_>) -> Result<AutoPad, OpError> {
    let Some(name) = attributes.string("auto_pad")? else {
        return Ok(AutoPad::NotSet);
    };
    AutoPad::from_name(name).ok_or_else(|| {
        OpError::invalid(
            "auto_pad",
            format!(
                "is {}, must be NOTSET, SAME_UPPER, SAME_LOWER or VALID",
                crate::error::Quoted(name)
            ),
        )
    })
}

/// Pools `x` into the first output.
pub(super) fn pool<T: Element + Vectored + PartialEq, R: Reduction<T>>(
    plan: &Plan,
    reduction: &R,
    x: &TensorView<'_>,
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    // First, since what follows takes as long as the result has windows.
    check_output::<T>(plan, outputs)?;
    let pool = Prepared::new::<T>(plan, reduction);
    outputs.check_scratch(pool.scratch_bytes())?;
    pool.pool(elements::<T>(x), outputs.make(plan.output())?);
    Ok(())
}

/// Checks that the result of a pool may be made.
pub(super) fn check_output<T>(plan: &Plan, outputs: &Outputs<'_, '_>) -> Result<(), OpError> {
    outputs.check_output(plan.output().elements().saturating_mul(size_of::<T>()))
}

/// The dimensions of a pool of `x` whose spatial axes are all but the first `before` and the last `after`.
pub(super) fn infer(
    window: &Window,
    x: &Fact,
    before: usize,
    after: usize,
) -> Result<Dims, OpError> {
    let Some(dims) = &x.dims else {
        return Ok(None);
    };
    check_rank(dims.len(), before + after + 1)?;
    let end = dims.len() - after;
    let spatial = window.output_sizes(&dims[before..end])?;
    Ok(Some([&dims[..before], &spatial, &dims[end..]].concat()))
}
