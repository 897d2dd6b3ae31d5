//! DynamicQuantizeLinear: floats as bytes, with the scale and the zero point that their range asks for.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html>

use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::error::OpError;
use crate::parts::PART;
use crate::stop;
use crate::tensor::{DType, Shape};

pub(super) const DYNAMIC_QUANTIZE_LINEAR: Op = Op {
    domain: "ai.onnx",
    name: "DynamicQuantizeLinear",
    newest: 11,
    read: |_| Ok(Box::new(DynamicQuantize)),
    exact: false,
};

/// `x` to bytes `y` of its shape, their scale `y_scale` and zero point `y_zero_point`.
#[derive(Debug)]
struct DynamicQuantize;

impl Operator for DynamicQuantize {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        Ok(vec![
            Fact::new(DType::U8, x.dims.clone()),
            Fact::of(DType::F32, &[]),
            Fact::of(DType::U8, &[]),
        ])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        let x = elements::<f32>(input);
        // The range always holds 0, which has to be represented exactly.
        let (mut low, mut high) = (0f32, 0f32);
        for x in x.chunks(PART) {
            stop::check()?;
            low = x.iter().copied().fold(low, f32::min);
            high = x.iter().copied().fold(high, f32::max);
        }
        let scale = match (high - low) / 255.0 {
            // Zeros alone: any scale will do.
            0.0 => 1.0,
            scale => scale,
        };
        let zero = (-low / scale).round_ties_even().clamp(0.0, 255.0);
        let y = outputs.make::<u8>(input.shape())?;
        elementwise::map(x, y, |x, y| {
            for (y, x) in y.iter_mut().zip(x) {
                *y = ((x / scale).round_ties_even() + zero).clamp(0.0, 255.0) as u8;
            }
        });
        let scalar = Shape::new(&[])?;
        if outputs.wanted(1) {
            outputs.make_at::<f32>(1, &scalar)?.fill(scale);
        }
        if outputs.wanted(2) {
            outputs.make_at::<u8>(2, &scalar)?.fill(zero as u8);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn the_range_holds_zero() {
        let run = |x: Vec<f32>| {
            let x = tensor(&[x.len()], x);
            let quantize = node("DynamicQuantizeLinear", 11).outputs(3);
            quantize.run(&[Some(&x)])
        };
        let wanted = |y: Vec<u8>, scale: f32, zero: u8| {
            Ok(vec![
                tensor(&[y.len()], y),
                tensor(&[], vec![scale]),
                tensor(&[], vec![zero]),
            ])
        };
        assert_eq!(run(vec![255.0, 10.0]), wanted(vec![255, 10], 1.0, 0));
        assert_eq!(run(vec![-255.0, -10.0]), wanted(vec![0, 245], 1.0, 255));
        assert_eq!(run(vec![0.0]), wanted(vec![0], 1.0, 0));
        assert_eq!(run(vec![]), wanted(vec![], 1.0, 0));
    }
}
