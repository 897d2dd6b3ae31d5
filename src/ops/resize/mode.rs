//! The attributes of Resize and Upsample.

use super::Resize;
use crate::error::{OpError, Quoted};
use crate::onnx::attributes::Attributes;

/// How places are chosen and read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode {
    /// The nearest element alone.
    pub(super) nearest: Option<Nearest>,
    /// Four elements along each axis, not two.
    pub(super) cubic: bool,
    pub(super) coordinates: Coordinates,
    pub(super) cubic_coeff_a: f64,
    pub(super) antialias: bool,
    pub(super) exclude_outside: bool,
    pub(super) extrapolation_value: f64,
}

impl Mode {
    pub(super) fn is_crop(&self) -> bool {
        matches!(self.coordinates, Coordinates::Crop)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
    /// Of the versions without a formula.
    Simple,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfHalfPixelForNn,
    Crop,
}

/// What becomes of sizes that would change the aspect ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Policy {
    Stretch,
    NotLarger,
    NotSmaller,
}

/// One of some names, the first by default.
pub(in crate::ops) fn choice<T: Copy>(
    attributes: &mut Attributes<'_>,
    name: &str,
    choices: &[(&str, T)],
) -> Result<T, OpError> {
    let Some(given) = attributes.string(name)? else {
        return Ok(choices[0].1);
    };
    match choices.iter().find(|(name, _)| *name == given) {
        Some((_, choice)) => Ok(*choice),
        None => {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            Err(OpError::invalid(
                name,
                format!("is {}, must be one of {}", Quoted(given), names.join(", ")),
            ))
        }
    }
}

impl Resize {
    pub(super) fn read(attributes: &mut Attributes<'_>) -> Result<Resize, OpError> {
        let version = attributes.version();
        let mode: &[(&str, _)] = &[
            ("nearest", (true, false)),
            ("linear", (false, false)),
            ("cubic", (false, true)),
        ];
        let (nearest, cubic) = choice(
            attributes,
            "mode",
            &mode[..if version == 10 { 2 } else { 3 }],
        )?;
        let mut coordinates = vec![
            ("half_pixel", Coordinates::HalfPixel),
            ("pytorch_half_pixel", Coordinates::PytorchHalfPixel),
            ("align_corners", Coordinates::AlignCorners),
            ("asymmetric", Coordinates::Asymmetric),
            ("tf_crop_and_resize", Coordinates::Crop),
        ];
        match version {
            11 => coordinates.push(("tf_half_pixel_for_nn", Coordinates::TfHalfPixelForNn)),
            19.. => coordinates.push(("half_pixel_symmetric", Coordinates::HalfPixelSymmetric)),
            _ => {}
        }
        let coordinates = choice(attributes, "coordinate_transformation_mode", &coordinates)?;
        let round = choice(
            attributes,
            "nearest_mode",
            &[
                ("round_prefer_floor", Nearest::RoundPreferFloor),
                ("round_prefer_ceil", Nearest::RoundPreferCeil),
                ("floor", Nearest::Floor),
                ("ceil", Nearest::Ceil),
            ],
        )?;
        let old = version == 10;
        Ok(Resize {
            mode: Mode {
                nearest: nearest.then_some(if old { Nearest::Simple } else { round }),
                cubic,
                coordinates: if old {
                    Coordinates::Asymmetric
                } else {
                    coordinates
                },
                cubic_coeff_a: attributes.float("cubic_coeff_a").unwrap_or(-0.75).into(),
                antialias: attributes.flag("antialias")?,
                exclude_outside: attributes.flag("exclude_outside")?,
                extrapolation_value: attributes
                    .float("extrapolation_value")
                    .unwrap_or(0.0)
                    .into(),
            },
            scales: None,
            inputs: match old {
                true => [None, Some(1), None],
                false => [Some(1), Some(2), Some(3)],
            },
            axes: attributes.ints("axes").map(<[i64]>::to_vec),
            policy: choice(
                attributes,
                "keep_aspect_ratio_policy",
                &[
                    ("stretch", Policy::Stretch),
                    ("not_larger", Policy::NotLarger),
                    ("not_smaller", Policy::NotSmaller),
                ],
            )?,
        })
    }

    pub(super) fn read_upsample(attributes: &mut Attributes<'_>) -> Result<Resize, OpError> {
        let linear = if attributes.version() == 1 {
            "bilinear"
        } else {
            "linear"
        };
        let nearest = choice(attributes, "mode", &[("nearest", true), (linear, false)])?;
        let scales = match attributes.version() {
            1 => {
                let scale = |scale: Option<f32>| scale.unwrap_or(1.0);
                let height = scale(attributes.float("height_scale"));
                Some(vec![
                    1.0,
                    1.0,
                    height,
                    scale(attributes.float("width_scale")),
                ])
            }
            _ => attributes.floats("scales").map(<[f32]>::to_vec),
        };
        Ok(Resize {
            mode: Mode {
                nearest: nearest.then_some(Nearest::Simple),
                cubic: false,
                coordinates: Coordinates::Asymmetric,
                cubic_coeff_a: -0.75,
                antialias: false,
                exclude_outside: false,
                extrapolation_value: 0.0,
            },
            inputs: [None, scales.is_none().then_some(1), None],
            scales,
            axes: None,
            policy: Policy::Stretch,
        })
    }
}
