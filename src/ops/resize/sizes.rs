//! The sizes that scales and sizes ask for.

use super::taps::Axis;
use super::{Policy, Resize};
use crate::error::OpError;
use crate::ops::{Fact, axes};

impl Resize {
    /// The axes of `x`, if their sizes and all that they depend on is known.
    pub(super) fn axes(
        &self,
        inputs: &[Option<&Fact>],
        x: &[Option<usize>],
    ) -> Result<Option<Vec<Axis>>, OpError> {
        let given = |index: usize| -> Result<Option<&Fact>, OpError> {
            let Some(input) = self.inputs[index] else {
                return Ok(None);
            };
            let name = ["roi", "scales", "sizes"][index];
            let fact = inputs.get(input).copied().flatten();
            // An input that is empty is as one that is left out.
            match fact.map(|fact| axes::list(name, fact)) {
                None | Some(Ok(Some(0))) => Ok(None),
                Some(Err(error)) => Err(error),
                Some(Ok(_)) => Ok(fact),
            }
        };
        let resized = match &self.axes {
            Some(axes) => axes::axes("axes", axes, x.len())?,
            None => (0..x.len()).collect(),
        };
        let count = |name: &str, len: usize, wanted: usize| match len == wanted {
            true => Ok(()),
            false => Err(OpError::invalid(
                name,
                format!("has {len} values, must have {wanted}"),
            )),
        };
        let (roi, scales, sizes) = (given(0)?, given(1)?, given(2)?);
        if self.scales.is_none() {
            match (scales, sizes) {
                (None, None) => {
                    let sizes = if self.inputs[2].is_some() {
                        " and sizes"
                    } else {
                        ""
                    };
                    return Err(OpError::invalid("", format!("scales{sizes} are missing")));
                }
                (Some(scales), Some(sizes)) if scales.value.is_some() && sizes.value.is_some() => {
                    return Err(OpError::invalid(
                        "",
                        "scales and sizes are given, must be one of them",
                    ));
                }
                _ => {}
            }
        }
        let values = |fact: Option<&Fact>| -> Option<Vec<f64>> {
            let values = fact?.value.as_ref()?.as_view();
            values.scalars().map(|value| value.to_f64()).collect()
        };
        let roi = match (self.mode.is_crop(), roi) {
            (false, _) => Some(vec![0.0; 2 * resized.len()]),
            (true, None) => return Err(OpError::invalid("roi", "is missing")),
            (true, roi) => values(roi),
        };
        if let Some(roi) = &roi {
            count("roi", roi.len(), 2 * resized.len())?;
        }
        let from_constant = |fact: &Fact| {
            fact.value
                .as_ref()
                .and_then(|value| Some(value.as_slice::<f32>()?.to_vec()))
        };
        let scales = self
            .scales
            .clone()
            .or_else(|| scales.and_then(from_constant));
        let sizes = sizes.and_then(|sizes| sizes.ints());
        if let Some(scales) = &scales {
            count("scales", scales.len(), resized.len())?;
            if let Some(at) = scales
                .iter()
                .position(|&scale| scale.is_nan() || scale <= 0.0)
            {
                return Err(OpError::invalid(
                    format!("scales[{at}]"),
                    format!("is {}, must be above 0", scales[at]),
                ));
            }
        }
        if let Some(sizes) = sizes {
            count("sizes", sizes.len(), resized.len())?;
        }
        let (Some(roi), Some(x)) = (roi, x.iter().copied().collect::<Option<Vec<usize>>>()) else {
            return Ok(None);
        };
        let same = |&size: &usize| Axis {
            input: size,
            output: size,
            scale: 1.0,
            length: size as f64,
            roi: (0.0, 1.0),
        };
        let mut all: Vec<Axis> = x.iter().map(same).collect();
        let too_large = || OpError::invalid("", "the output is larger than can be addressed");
        match (&scales, sizes) {
            (Some(scales), _) => {
                for (index, &axis) in resized.iter().enumerate() {
                    let axis = &mut all[axis];
                    let roi = (roi[index], roi[index + resized.len()]);
                    let part = if self.mode.is_crop() {
                        (roi.1 - roi.0) as f32
                    } else {
                        1.0
                    };
                    let size = (axis.input as f32 * part * scales[index]).floor();
                    if size >= usize::MAX as f32 || size.is_nan() {
                        return Err(too_large());
                    }
                    *axis = Axis {
                        output: size as usize,
                        scale: scales[index].into(),
                        length: axis.input as f64 * f64::from(scales[index]),
                        roi,
                        ..*axis
                    };
                }
            }
            (None, Some(sizes)) => {
                let ratio = |index: usize| sizes[index] as f64 / x[resized[index]] as f64;
                let ratios = (0..resized.len()).map(ratio);
                let common = match self.policy {
                    Policy::Stretch => None,
                    Policy::NotLarger => ratios.reduce(f64::min),
                    Policy::NotSmaller => ratios.reduce(f64::max),
                };
                for (index, &at) in resized.iter().enumerate() {
                    let wanted = axes::size(format!("sizes[{index}]"), sizes[index])?;
                    let axis = &mut all[at];
                    let (output, length) = match common {
                        None => (wanted, wanted as f64),
                        Some(scale) => {
                            let length = scale * axis.input as f64;
                            ((length + 0.5).floor() as usize, length)
                        }
                    };
                    *axis = Axis {
                        output,
                        scale: common.unwrap_or_else(|| ratio(index)),
                        length,
                        roi: (roi[index], roi[index + resized.len()]),
                        ..*axis
                    };
                }
            }
            (None, None) => return Ok(None),
        }
        match all
            .iter()
            .position(|axis| axis.input == 0 && axis.output > 0)
        {
            Some(axis) => Err(OpError::invalid(
                "X",
                format!("has no elements along axis {axis}, which cannot grow"),
            )),
            None => Ok(Some(all)),
        }
    }
}
