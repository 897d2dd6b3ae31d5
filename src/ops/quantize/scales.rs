//! Which scale and zero point each element has.

use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::ops::around::Around;
use crate::ops::{Fact, axes};

/// How far each scale and zero point reaches.
#[derive(Debug)]
pub(super) struct Scales {
    /// What the input is called.
    name: &'static str,
    axis: i64,
    /// The elements along the axis that share one; 0 for scales of whole slices.
    block: usize,
}

impl Scales {
    pub(super) fn read(
        attributes: &mut Attributes<'_>,
        name: &'static str,
    ) -> Result<Scales, OpError> {
        let block = attributes.int("block_size").unwrap_or(0);
        Ok(Scales {
            name,
            axis: attributes.int("axis").unwrap_or(1),
            block: usize::try_from(block).map_err(|_| {
                OpError::invalid("block_size", format!("is {block}, must not be negative"))
            })?,
        })
    }

    /// The axis that has a scale for each place, `Some(None)` if there is one for all, and `None` where that is not known or
    /// scales are of blocks.
    pub(super) fn along(&self, x: &Fact, scale: &Fact) -> Option<Option<usize>> {
        if self.block > 0 {
            return None;
        }
        match scale.dims.as_deref()? {
            [] | [Some(1)] => Some(None),
            [Some(_)] => {
                let rank = x.dims.as_ref()?.len();
                axes::axis("axis", self.axis, rank).ok().map(Some)
            }
            _ => None,
        }
    }

    /// Checks scale and zero point against `x`.
    pub(super) fn check(&self, x: &Fact, scale: &Fact, zero: Option<&Fact>) -> Result<(), OpError> {
        if let (Some(zero), Some(scale_shape)) = (zero, scale.shape()?)
            && let Some(zero_shape) = zero.shape()?
        {
            // A scalar and a vector of one element go together.
            let single = scale_shape.elements() == 1 && zero_shape.elements() == 1;
            if zero_shape != scale_shape && !single {
                return Err(OpError::invalid(
                    self.name.replace("scale", "zero_point"),
                    format!(
                        "is {zero}, must have the shape of {}, which is {scale}",
                        self.name
                    ),
                ));
            }
        }
        let (Some(dims), Some(scale_dims)) = (&x.dims, &scale.dims) else {
            return Ok(());
        };
        let wrong = |rule: String| {
            Err(OpError::invalid(
                self.name,
                format!("is {scale}, must {rule} for x, which is {x}"),
            ))
        };
        if self.block == 0 {
            return match scale_dims[..] {
                [] | [Some(1)] => Ok(()),
                [size] => {
                    let axis = axes::axis("axis", self.axis, dims.len())?;
                    match (size, dims[axis]) {
                        (Some(size), Some(wanted)) if size != wanted => {
                            wrong(format!("have {wanted} elements, those of axis {axis},"))
                        }
                        _ => Ok(()),
                    }
                }
                _ => wrong("have at most one axis without block_size".to_string()),
            };
        }
        let axis = axes::axis("axis", self.axis, dims.len())?;
        if scale_dims.len() != dims.len() {
            return wrong("have as many axes".to_string());
        }
        for (at, (own, dim)) in scale_dims.iter().zip(dims).enumerate() {
            let (Some(own), Some(dim)) = (*own, *dim) else {
                continue;
            };
            let wanted = if at == axis {
                dim.div_ceil(self.block)
            } else {
                dim
            };
            if own != wanted {
                return wrong(format!(
                    "have the size {wanted} at axis {at} with block_size {}",
                    self.block
                ));
            }
        }
        Ok(())
    }

    /// Which scale each element has.
    pub(super) fn layout(&self, shape: &[usize], scales: usize) -> Result<Layout, OpError> {
        if self.block == 0 && scales == 1 {
            return Ok(Layout {
                around: Around::new(&[1], 0),
                block: 1,
                per_slice: false,
            });
        }
        let axis = axes::axis("axis", self.axis, shape.len())?;
        Ok(Layout {
            around: Around::new(shape, axis),
            block: self.block.max(1),
            per_slice: self.block > 0,
        })
    }
}

/// Where the scale of an element is found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    around: Around,
    block: usize,
    /// Whether each element before and after the axis has its own scales.
    per_slice: bool,
}

impl Layout {
    #[inline(always)]
    pub(super) fn at(&self, index: usize) -> usize {
        let Around { size, inner, .. } = self.around;
        let place = index / inner % size / self.block;
        match self.per_slice {
            false => place,
            true => {
                let blocks = size.div_ceil(self.block);
                (index / (size * inner) * blocks + place) * inner + index % inner
            }
        }
    }
}
