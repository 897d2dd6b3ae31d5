//! Clip: elements held between two bounds.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Clip.html>
//! NaN stays NaN; where the lower bound is above the upper one, the upper one counts.

use half::{bf16, f16};

use super::number::Number;
use super::{Fact, Follow, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::error::OpError;
use crate::gemm::Activation;
use crate::onnx::attributes::Attributes;
use crate::tensor::{Shape, TensorView, dispatch};

pub(super) const CLIP: Op = Op {
    domain: "ai.onnx",
    name: "Clip",
    newest: 13,
    read: |attributes| Ok(Box::new(Clip::read(attributes))),
    exact: false,
};

/// `input` to `output` of the same shape. The bounds are attributes before version 11, inputs of one element
/// from then on; none, or NaN, does not bound.
#[derive(Debug)]
struct Clip {
    min: Option<f32>,
    max: Option<f32>,
}

impl Clip {
    fn read(attributes: &mut Attributes<'_>) -> Clip {
        attributes.ignore(
            "consumed_inputs",
            "a hint on buffers, without effect on results",
        );
        let (min, max) = (attributes.float("min"), attributes.float("max"));
        match attributes.version() {
            // Version 6 has the limits of f32 as defaults, so that infinities are clipped.
            6 => Clip {
                min: min.or(Some(f32::MIN)),
                max: max.or(Some(f32::MAX)),
            },
            _ => Clip { min, max },
        }
    }

    fn clip<T: Number>(
        x: &TensorView<'_>,
        min: Option<T>,
        max: Option<T>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        elementwise::map(elements::<T>(x), outputs.make(x.shape())?, |x, y| {
            y.copy_from_slice(x);
            if let Some(min) = min {
                for y in &mut *y {
                    *y = if *y < min { min } else { *y };
                }
            }
            if let Some(max) = max {
                for y in y {
                    *y = if *y > max { max } else { *y };
                }
            }
        });
        Ok(())
    }

    fn by_attributes<T: super::number::Float>(
        &self,
        x: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let bound = |bound: f32| T::from_f64(bound.into());
        Clip::clip(x, self.min.map(bound), self.max.map(bound), outputs)
    }
}

const BOUNDS: [&str; 2] = ["min", "max"];

fn check(name: &str, bound: &Fact) -> Result<(), OpError> {
    match bound.shape()?.as_ref().map(Shape::elements) {
        None | Some(1) => Ok(()),
        Some(_) => Err(OpError::invalid(
            name,
            format!("is {bound}, must have one element"),
        )),
    }
}

/// The element of input `index`.
fn bound<T: Number>(inputs: Inputs<'_, '_>, index: usize) -> Result<Option<T>, OpError> {
    let Some(bound) = inputs.get(index).and_then(Option::as_ref) else {
        return Ok(None);
    };
    check(BOUNDS[index - 1], &bound.into())?;
    Ok(elements(bound).first().copied())
}

impl Operator for Clip {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        for (name, bound) in BOUNDS.iter().zip(&inputs[1..]) {
            if let Some(bound) = bound {
                check(name, bound)?;
            }
        }
        Ok(vec![Fact::new(x.dtype, x.dims.clone())])
    }

    fn follow(&self, index: usize, inputs: &[Option<Fact>]) -> Option<Follow> {
        if index != 0 {
            return None;
        }
        // An input, where there is one, has to be a constant.
        let bound = |index: usize, attribute: Option<f32>| match inputs.get(index) {
            Some(Some(fact)) => {
                let value = fact.value.as_ref()?;
                Some(value.as_slice::<f32>()?.first().copied())
            }
            _ => Some(attribute),
        };
        let (min, max) = (bound(1, self.min)?, bound(2, self.max)?);
        Some(Follow::Activation(Activation::Clip(
            min.unwrap_or(f32::NEG_INFINITY).into(),
            max.unwrap_or(f32::INFINITY).into(),
        )))
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        if self.min.is_some() || self.max.is_some() {
            return dispatch!(x.dtype(), T in [f32, f64, f16, bf16] => self.by_attributes::<T>(x, outputs));
        }
        dispatch!(
            x.dtype(),
            T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64] =>
            Clip::clip::<T>(x, bound(inputs, 1)?, bound(inputs, 2)?, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn bounds_are_attributes_or_inputs() {
        let x = tensor(&[4], vec![-5f32, 0.5, f32::NAN, f32::INFINITY]);
        let check = |y: Result<Vec<crate::Tensor>, _>, wanted: [f32; 4]| {
            let y: Vec<f32> = y.expect("it runs")[0].as_slice().expect("f32").to_vec();
            assert_eq!((y[0], y[1], y[3]), (wanted[0], wanted[1], wanted[3]));
            assert!(y[2].is_nan());
        };
        let clip = node("Clip", 6).float("min", 0.0);
        check(clip.run(&[Some(&x)]), [0.0, 0.5, 0.0, f32::MAX]);
        let clip = node("Clip", 1).float("max", 0.0);
        check(clip.run(&[Some(&x)]), [-5.0, 0.0, 0.0, 0.0]);
        let bound = tensor(&[], vec![1f32]);
        check(
            node("Clip", 13).run(&[Some(&x), Some(&bound)]),
            [1.0, 1.0, 0.0, f32::INFINITY],
        );
        let clip = node("Clip", 13);
        check(
            clip.run(&[Some(&x), None, Some(&bound)]),
            [-5.0, 0.5, 0.0, 1.0],
        );
        check(clip.run(&[Some(&x)]), [-5.0, 0.5, 0.0, f32::INFINITY]);
        assert_eq!(
            clip.error(&[Some(&x), Some(&tensor(&[2], vec![0f32; 2]))]),
            "min is f32[2], must have one element"
        );
    }
}
