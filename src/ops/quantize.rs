//! QuantizeLinear, DequantizeLinear: floats as integers or narrow floats with a scale and a zero point, and back.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html>,
//! <https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html>

mod bytes;
mod scales;

use half::{bf16, f16};

use super::convert::{self, Numeric, widened};
use super::number::Float;
use super::{Fact, Inputs, Op, Operator, Outputs, Scaling, Way, elements, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::parts;
use crate::tensor::{
    DType, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, I2, I4, Rounding, TensorView, U2, U4,
    dispatch,
};
use scales::Scales;

pub(super) const DEQUANTIZE_LINEAR: Op = Op {
    domain: "ai.onnx",
    name: "DequantizeLinear",
    newest: 25,
    read: |attributes| {
        Ok(Box::new(Dequantize {
            scales: Scales::read(attributes, "x_scale")?,
            output: dtype(attributes, "output_dtype")?,
        }))
    },
    exact: false,
};

pub(super) const QUANTIZE_LINEAR: Op = Op {
    domain: "ai.onnx",
    name: "QuantizeLinear",
    newest: 25,
    read: |attributes| {
        Ok(Box::new(Quantize {
            scales: Scales::read(attributes, "y_scale")?,
            output: dtype(attributes, "output_dtype")?,
            precision: dtype(attributes, "precision")?,
            rounding: Rounding {
                saturate: attributes.int("saturate") != Some(0),
                ..Rounding::default()
            },
        }))
    },
    exact: false,
};

/// An attribute that numbers an element type; 0 stands for none.
fn dtype(attributes: &mut Attributes<'_>, name: &str) -> Result<Option<DType>, OpError> {
    match attributes.int(name) {
        None | Some(0) => Ok(None),
        Some(number) => {
            let dtype = i32::try_from(number).ok().and_then(DType::from_onnx);
            Ok(Some(dtype.ok_or_else(|| {
                OpError::invalid(name, format!("is {number}, must number an element type"))
            })?))
        }
    }
}

/// `x`, a scale and perhaps a zero point to `y` of the shape of `x`.
#[derive(Debug)]
struct Quantize {
    scales: Scales,
    /// The type of `y` where there is no zero point; `u8` if none is given.
    output: Option<DType>,
    /// The type to divide in; that of the scale if none is given.
    precision: Option<DType>,
    rounding: Rounding,
}

/// The lowest and the highest value of an integer type to quantize to.
pub(super) fn range(dtype: DType) -> Option<[f64; 2]> {
    Some(match dtype {
        DType::U8 => [0.0, 255.0],
        DType::I8 => [-128.0, 127.0],
        DType::U16 => [0.0, 65535.0],
        DType::I16 => [-32768.0, 32767.0],
        DType::U4 => [0.0, 15.0],
        DType::I4 => [-8.0, 7.0],
        DType::U2 => [0.0, 3.0],
        DType::I2 => [-2.0, 1.0],
        _ => return None,
    })
}

/// Where a quotient lies among the values of a type: a whole number in the range of integers.
#[inline(always)]
pub(super) fn place(quotient: f64, zero: f64, range: Option<[f64; 2]>) -> f64 {
    match range {
        Some([low, high]) => (quotient.round_ties_even() + zero).clamp(low, high),
        None => quotient + zero,
    }
}

/// Zero points of 8-bit integers, each widened; zero where there are none.
pub(super) fn zero_points(x: Option<&TensorView<'_>>) -> Result<Vec<i32>, OpError> {
    let Some(x) = x else {
        return Ok(vec![0]);
    };
    match x.as_slice::<u8>() {
        Some(x) => parts::collected(x.iter().copied().map(i32::from)),
        None => parts::collected(elements::<i8>(x).iter().copied().map(i32::from)),
    }
}

/// The quotient as a type would round it.
fn divide(x: f64, scale: f64, precision: DType) -> f64 {
    match precision {
        DType::F16 => <f16 as Float>::from_f64(x / scale).to_f64(),
        DType::BF16 => <bf16 as Float>::from_f64(x / scale).to_f64(),
        DType::F64 => x / scale,
        _ => f64::from(x as f32 / scale as f32),
    }
}

impl Quantize {
    fn output(&self, zero: Option<DType>) -> Result<DType, OpError> {
        match (zero, self.output) {
            (Some(zero), Some(output)) if zero != output => Err(OpError::invalid(
                "output_dtype",
                format!("names {output}, must name the type of y_zero_point, which is {zero}"),
            )),
            (zero, output) => Ok(zero.or(output).unwrap_or(DType::U8)),
        }
    }

    fn run<Y: Numeric>(
        &self,
        [x, scale]: [&TensorView<'_>; 2],
        zeros: Option<&TensorView<'_>>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let scales = widened(scale, outputs)?;
        let zeros = zeros.map(|zeros| widened(zeros, outputs)).transpose()?;
        let layout = self.scales.layout(x.shape(), scales.len())?;
        let precision = self.precision.unwrap_or(match scale.dtype() {
            // Neither has digits to divide in.
            DType::I32 | DType::F8E8M0 => DType::F32,
            dtype => dtype,
        });
        let range = range(Y::DTYPE);
        let y = outputs.make::<Y>(x.shape())?;
        convert::map_wide(&convert::wide(x)?, y, self.rounding, &|start, block| {
            for (index, x) in block.iter_mut().enumerate() {
                let at = layout.at(start + index);
                let zero = zeros.as_ref().map_or(0.0, |zeros| zeros[at]);
                let quotient = divide(*x, scales[at], precision);
                *x = place(quotient, zero, range);
            }
        });
        Ok(())
    }
}

impl Operator for Quantize {
    fn scaling(&self, inputs: &[Option<Fact>]) -> Option<Scaling> {
        let (x, scale) = (inputs[0].as_ref()?, inputs[1].as_ref()?);
        let plain = matches!(self.precision, None | Some(DType::F32));
        if !plain || [x.dtype, scale.dtype] != [DType::F32; 2] {
            return None;
        }
        Some(Scaling {
            way: Way::Quantize,
            axis: self.scales.along(x, scale)?,
        })
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, scale) = (required(inputs, 0), required(inputs, 1));
        let zero = inputs.get(2).copied().flatten();
        self.scales.check(x, scale, zero)?;
        let output = self.output(zero.map(|zero| zero.dtype))?;
        Ok(vec![Fact::new(output, x.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (x, scale) = (required(inputs, 0), required(inputs, 1));
        let zero = inputs.get(2).and_then(Option::as_ref);
        let zero_fact = zero.map(Fact::from);
        self.scales
            .check(&x.into(), &scale.into(), zero_fact.as_ref())?;
        let output = self.output(zero.map(|zero| zero.dtype()))?;
        let both = [x, scale];
        let plain = matches!(self.precision, None | Some(DType::F32));
        if let (Some(x_data), Some(&[scale]), true) = (x.as_slice::<f32>(), scale.as_slice(), plain)
            && output.is_byte()
        {
            let zero = zero_points(zero)?[0];
            return dispatch!(output, Y in [u8, i8] => {
                bytes::quantize::<Y>(x_data, scale, zero, outputs.make::<Y>(x.shape())?);
                Ok(())
            });
        }
        dispatch!(
            output,
            Y in [u8, i8, u16, i16, U4, I4, U2, I2, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F4E2M1] =>
            self.run::<Y>(both, zero, outputs)
        )
    }
}

/// `x`, a scale and perhaps a zero point to `y` of the shape of `x` and the type of the scale.
#[derive(Debug)]
struct Dequantize {
    scales: Scales,
    /// The type of `y`, if not that of the scale.
    output: Option<DType>,
}

impl Dequantize {
    fn output(&self, scale: DType) -> DType {
        self.output.unwrap_or(match scale {
            DType::F8E8M0 => DType::F32,
            scale => scale,
        })
    }

    fn run<Y: Numeric>(
        &self,
        [x, scale]: [&TensorView<'_>; 2],
        zeros: Option<&TensorView<'_>>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let scales = widened(scale, outputs)?;
        let zeros = zeros.map(|zeros| widened(zeros, outputs)).transpose()?;
        let layout = self.scales.layout(x.shape(), scales.len())?;
        let y = outputs.make::<Y>(x.shape())?;
        let read = convert::wide(x)?;
        convert::map_wide(&read, y, Rounding::default(), &|start, block| {
            for (index, x) in block.iter_mut().enumerate() {
                let at = layout.at(start + index);
                let zero = zeros.as_ref().map_or(0.0, |zeros| zeros[at]);
                *x = (*x - zero) * scales[at];
            }
        });
        Ok(())
    }
}

impl Operator for Dequantize {
    fn scaling(&self, inputs: &[Option<Fact>]) -> Option<Scaling> {
        let (x, scale) = (inputs[0].as_ref()?, inputs[1].as_ref()?);
        if scale.dtype != DType::F32 || self.output(scale.dtype) != DType::F32 {
            return None;
        }
        Some(Scaling {
            way: Way::Dequantize,
            axis: self.scales.along(x, scale)?,
        })
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, scale) = (required(inputs, 0), required(inputs, 1));
        self.scales
            .check(x, scale, inputs.get(2).copied().flatten())?;
        Ok(vec![Fact::new(self.output(scale.dtype), x.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (x, scale) = (required(inputs, 0), required(inputs, 1));
        let zero = inputs.get(2).and_then(Option::as_ref);
        let zero_fact = zero.map(Fact::from);
        self.scales
            .check(&x.into(), &scale.into(), zero_fact.as_ref())?;
        let (output, both) = (self.output(scale.dtype()), [x, scale]);
        if let (Some(&[scale]), DType::F32) = (scale.as_slice::<f32>(), output)
            && x.dtype().is_byte()
        {
            let zero = zero_points(zero)?[0];
            return dispatch!(x.dtype(), X in [u8, i8] => {
                let y = outputs.make::<f32>(x.shape())?;
                bytes::dequantize::<X>(elements(x), scale, zero, y);
                Ok(())
            });
        }
        dispatch!(output, Y in [f32, f16, bf16] =>
            self.run::<Y>(both, zero, outputs))
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use crate::ops::testing::{iota, node, tensor};
    use crate::tensor::{F8E4M3FN, F8E8M0, I2};

    #[test]
    fn ties_go_to_even_and_what_is_too_large_is_cut() {
        let x = tensor(&[6], vec![1f32, 3.0, 5.0, 1e9, -1e9, f32::NAN]);
        let scale = tensor(&[], vec![2f32]);
        let quantize = |zero| node("QuantizeLinear", 10).run(&[Some(&x), Some(&scale), zero]);
        assert_eq!(
            quantize(None),
            Ok(vec![tensor(&[6], vec![0u8, 2, 2, 255, 0, 0])])
        );
        let zero = tensor(&[], vec![-1i8]);
        assert_eq!(
            quantize(Some(&zero)),
            Ok(vec![tensor(&[6], vec![-1i8, 1, 1, 127, -128, 0])])
        );
        let wanted = [0, 2, 2, 1, 2, 0].map(I2::from_bits);
        let narrow = tensor(&[6], vec![0f32, -4.0, -3.0, 5.0, -9.0, 0.1]);
        assert_eq!(
            node("QuantizeLinear", 25)
                .int("output_dtype", 26)
                .run(&[Some(&narrow), Some(&scale)]),
            Ok(vec![tensor(&[6], wanted.to_vec())])
        );
    }

    #[test]
    fn the_type_of_the_scale_divides() {
        let x = tensor(&[1], vec![f16::from_f32(1000.0)]);
        let scale = tensor(&[], vec![f16::from_f32(0.3)]);
        let zero = tensor(&[], vec![0u16]);
        let run = |node: crate::ops::testing::Node| {
            node.run(&[Some(&x), Some(&scale), Some(&zero)])
                .expect("it runs")
                .remove(0)
        };
        let exact = 1000.0 / f64::from(f16::from_f32(0.3).to_f32());
        let rounded = f16::from_f64(exact).to_f64() as u16;
        assert_eq!(run(node("QuantizeLinear", 23)), tensor(&[1], vec![rounded]));
        let precise = node("QuantizeLinear", 23).int("precision", 1);
        assert_eq!(
            run(precise),
            tensor(&[1], vec![exact.round_ties_even() as u16])
        );
    }

    #[test]
    fn blocks_and_axes() {
        let x = tensor(&[2, 3], vec![1i8, 2, 3, 4, 5, 6]);
        let scale = tensor(&[2, 2], vec![1f32, 10.0, 100.0, 1000.0]);
        let blocks = |block| node("DequantizeLinear", 21).int("block_size", block);
        assert_eq!(
            blocks(2).run(&[Some(&x), Some(&scale)]),
            Ok(vec![tensor(
                &[2, 3],
                vec![1f32, 2.0, 30.0, 400.0, 500.0, 6000.0]
            )])
        );
        assert_eq!(
            blocks(1).error(&[Some(&x), Some(&scale)]),
            "x_scale is f32[2,2], must have the size 3 at axis 1 with block_size 1 for x, which is i8[2,3]"
        );
        let two = tensor(&[2], vec![1f32, 10.0]);
        assert_eq!(
            node("DequantizeLinear", 13).error(&[Some(&x), Some(&two)]),
            "x_scale is f32[2], must have 3 elements, those of axis 1, for x, which is i8[2,3]"
        );
        let zero = tensor(&[], vec![1i8]);
        assert_eq!(
            node("DequantizeLinear", 13)
                .int("axis", 0)
                .error(&[Some(&x), Some(&two), Some(&zero)]),
            "x_zero_point is i8[], must have the shape of x_scale, which is f32[2]"
        );
        let zeros = tensor(&[2], vec![1i8, 2]);
        assert_eq!(
            node("DequantizeLinear", 13)
                .int("axis", -2)
                .run(&[Some(&x), Some(&two), Some(&zeros)]),
            Ok(vec![tensor(
                &[2, 3],
                vec![0f32, 1.0, 2.0, 20.0, 30.0, 40.0]
            )])
        );
    }

    #[test]
    fn scales_that_are_powers_of_two() {
        let x = tensor(&[2], [0x38, 0xb8].map(F8E4M3FN::from_bits).to_vec());
        let scale = tensor(&[], vec![F8E8M0::from_bits(128)]);
        let run = node("DequantizeLinear", 24).int("output_dtype", 1);
        assert_eq!(
            run.run(&[Some(&x), Some(&scale)]),
            Ok(vec![tensor(&[2], vec![2f32, -2.0])])
        );
        assert!(
            node("QuantizeLinear", 24)
                .run(&[Some(&iota(&[2])), Some(&scale)])
                .is_ok()
        );
    }
}
