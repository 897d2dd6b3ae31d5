//! ConvInteger and QLinearConv: convolutions of 8-bit integers, summed up exactly in 32 bits.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__ConvInteger.html>,
//! <https://onnx.ai/onnx/operators/onnx__QLinearConv.html>
//! Padding counts as the zero point of the input. Halves round to even, then the result saturates.

use std::borrow::Cow;

use super::convolution::{Convolution, check_each};
use super::{Fact, Inputs, Known, Op, Operator, Outputs, axes, elements, elementwise, required};
use crate::allocate;
use crate::conv::convolve;
use crate::error::OpError;
use crate::gemm::Finish;
use crate::onnx::attributes::Attributes;
use crate::parts;
use crate::tensor::{DType, Element, Shape, TensorView, dispatch};

pub(super) const CONV_INTEGER: Op = Op {
    domain: "ai.onnx",
    name: "ConvInteger",
    newest: 10,
    read: |attributes| Ok(Box::new(ConvInteger(Convolution::read(attributes)?))),
    exact: true,
};

pub(super) const QLINEAR_CONV: Op = Op {
    domain: "ai.onnx",
    name: "QLinearConv",
    newest: 10,
    read: |attributes| Ok(Box::new(QLinearConv::read(attributes)?)),
    exact: false,
};

/// `x: [N, C, D1..Dk]` and `w: [M, C / group, k1..kk]` to `y: [N, M, O1..Ok]` of type i32.
#[derive(Debug)]
struct ConvInteger(Convolution);

/// `x` and `w` as ConvInteger has them, `B: [M]` and scales and zero points to `y` of 8-bit integers.
#[derive(Debug)]
struct QLinearConv(Convolution);

impl QLinearConv {
    fn read(attributes: &mut Attributes<'_>) -> Result<QLinearConv, OpError> {
        Ok(QLinearConv(Convolution::read(attributes)?))
    }
}

/// The elements of 8-bit integers.
fn bytes(x: &TensorView<'_>) -> Result<Vec<i32>, OpError> {
    match x.as_slice::<u8>() {
        Some(x) => parts::collected(x.iter().copied().map(i32::from)),
        None => parts::collected(elements::<i8>(x).iter().copied().map(i32::from)),
    }
}

/// The elements of 8-bit integers less their zero point: one for all, or one for each of the first axis.
fn less_zero_point(
    x: &TensorView<'_>,
    zero_point: Option<&TensorView<'_>>,
) -> Result<Vec<i32>, OpError> {
    let mut values = bytes(x)?;
    let zero_points = zero_point.map_or(Ok(Vec::new()), bytes)?;
    if !zero_points.is_empty() && !values.is_empty() {
        let each = values.len() / zero_points.len();
        elementwise::in_planes(&mut values, each, |start, values| {
            let zero_point = zero_points[start / each];
            for value in values {
                *value -= zero_point;
            }
        });
    }
    Ok(values)
}

/// Checks the scale and zero point of the input or the output: one element each.
fn check_one(names: &[&str], facts: &[Option<&Fact>]) -> Result<(), OpError> {
    for (name, fact) in names.iter().zip(facts) {
        if let Some(fact) = fact {
            axes::single(name, fact)?;
        }
    }
    Ok(())
}

fn outputs_of(w: &Fact) -> Option<usize> {
    w.dims.as_ref().and_then(|dims| dims[0])
}

impl Convolution {
    /// The sums of the convolution.
    fn sums<'y>(
        &self,
        [x, w]: [&TensorView<'_>; 2],
        [x_zero_point, w_zero_point]: [Option<&TensorView<'_>>; 2],
        bias: Option<&[i32]>,
        shape: &Shape,
        outputs: &'y mut Outputs<'_, '_>,
        kept: bool,
    ) -> Result<Cow<'y, [i32]>, OpError> {
        let sizes = self.sizes(x.shape(), w.shape())?;
        let mut scratch =
            (x.shape().elements().saturating_add(w.shape().elements())).saturating_mul(4);
        if !kept {
            scratch = scratch.saturating_add(shape.elements().saturating_mul(4));
        }
        outputs.check_scratch(scratch.saturating_add(sizes.scratch_bytes::<i32>()))?;
        let x = less_zero_point(x, x_zero_point)?;
        let w = less_zero_point(w, w_zero_point)?;
        if kept {
            let y = outputs.make::<i32>(shape)?;
            convolve(&sizes, &x, &w, None, bias, Finish::NONE, y);
            return Ok(Cow::Borrowed(y));
        }
        let mut y = parts::filled(0, shape.elements())?;
        convolve(&sizes, &x, &w, None, bias, Finish::NONE, &mut y);
        Ok(Cow::Owned(y))
    }
}

impl Operator for ConvInteger {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, w) = (required(inputs, 0), required(inputs, 1));
        let dims = self.0.infer(["x", "w"], x, w)?;
        let given = |index: usize| inputs.get(index).copied().flatten();
        check_one(&["x_zero_point"], &[given(2)])?;
        if let Some(zero_point) = given(3) {
            check_each("w_zero_point", zero_point, outputs_of(w), true)?;
        }
        Ok(vec![Fact::new(DType::I32, dims)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let shape = Known::of(inputs, &[]).shape(self)?;
        let operands = [required(inputs, 0), required(inputs, 1)];
        let zero_points = [2, 3].map(|index| inputs.get(index).and_then(Option::as_ref));
        self.0
            .sums(operands, zero_points, None, &shape, outputs, true)?;
        Ok(())
    }
}

impl Operator for QLinearConv {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, w) = (required(inputs, 0), required(inputs, 3));
        let (w_scale, w_zero_point) = (required(inputs, 4), required(inputs, 5));
        let y_zero_point = *required(inputs, 7);
        let dims = self.0.infer(["x", "w"], x, w)?;
        let scalars = [1, 2, 6].map(|index| inputs[index]);
        check_one(&["x_scale", "x_zero_point", "y_scale"], &scalars)?;
        check_one(&["y_zero_point"], &[Some(y_zero_point)])?;
        check_each("w_scale", w_scale, outputs_of(w), true)?;
        check_each("w_zero_point", w_zero_point, outputs_of(w), true)?;
        if let Some(bias) = inputs.get(8).copied().flatten() {
            check_each("B", bias, outputs_of(w), false)?;
        }
        Ok(vec![Fact::new(y_zero_point.dtype, dims)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let shape = Known::of(inputs, &[]).shape(self)?;
        let [
            x,
            x_scale,
            x_zero_point,
            w,
            w_scale,
            w_zero_point,
            y_scale,
            y_zero_point,
        ] = [0, 1, 2, 3, 4, 5, 6, 7].map(|index| required(inputs, index));
        let bias = inputs.get(8).and_then(Option::as_ref);
        let zero_points = [Some(x_zero_point), Some(w_zero_point)];
        let sums = self.0.sums(
            [x, w],
            zero_points,
            bias.map(elements::<i32>),
            &shape,
            outputs,
            false,
        )?;
        let sums = sums.into_owned();
        let one = |view: &TensorView<'_>| f64::from(elements::<f32>(view)[0]);
        let factor = one(x_scale) / one(y_scale);
        let factors: Vec<f64> = allocate::collected(
            elements::<f32>(w_scale)
                .iter()
                .map(|&scale| f64::from(scale) * factor),
        );
        let zero_point = f64::from(bytes(y_zero_point)?[0]);
        dispatch!(y_zero_point.dtype(), T in [u8, i8] => {
            let y = outputs.make::<T>(&shape)?;
            quantize(&sums, &shape, &factors, y, |value| (value.round_ties_even() + zero_point) as T);
            Ok(())
        })
    }
}

/// `y = finish(sum * factor)`, with one factor for all or one for each channel.
fn quantize<T: Element>(
    sums: &[i32],
    shape: &[usize],
    factors: &[f64],
    y: &mut [T],
    finish: impl Fn(f64) -> T + Sync,
) {
    let (channels, plane) = (shape[1], shape[2..].iter().product::<usize>());
    if y.is_empty() {
        return;
    }
    elementwise::in_planes(y, plane, |start, y| {
        let factor = factors[start / plane % channels % factors.len()];
        for (y, &sum) in y.iter_mut().zip(&sums[start..]) {
            *y = finish(f64::from(sum) * factor);
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn zero_points_may_differ_by_output_channel() {
        let x = tensor(&[1, 1, 2], vec![3u8, 255]);
        let w = tensor(&[2, 1, 2], vec![1i8, -1, 2, -128]);
        let (x_zero, w_zero) = (tensor(&[], vec![1u8]), tensor(&[2], vec![0i8, 1]));
        let conv = node("ConvInteger", 10).ints("pads", &[1, 0]);
        let y = conv.run(&[Some(&x), Some(&w), Some(&x_zero), Some(&w_zero)]);
        // The window on the padding has the zero point there, which counts nothing.
        let sums = vec![-2i32, 2 - 254, -2 * 129, 2 - 254 * 129];
        assert_eq!(y, Ok(vec![tensor(&[1, 2, 2], sums)]));
        let wrong = tensor(&[3], vec![0i8; 3]);
        assert_eq!(
            conv.error(&[Some(&x), Some(&w), Some(&x_zero), Some(&wrong)]),
            "w_zero_point is i8[3], must have 2 elements, the output channels"
        );
    }

    #[test]
    fn results_round_to_even_and_saturate() {
        let x = tensor(&[1, 1, 4], vec![1u8, 3, 200, 0]);
        let w = tensor(&[1, 1, 1], vec![1i8]);
        let scale = |value: f32| tensor(&[], vec![value]);
        let (half, one) = (scale(0.5), scale(1.0));
        let (x_zero, w_zero) = (tensor(&[], vec![0u8]), tensor(&[], vec![0i8]));
        let y_zero = tensor(&[], vec![60i8]);
        let inputs = [&x, &half, &x_zero, &w, &one, &w_zero, &one, &y_zero];
        let y = node("QLinearConv", 10).run(&inputs.map(Some));
        assert_eq!(y, Ok(vec![tensor(&[1, 1, 4], vec![60i8, 62, 127, 60])]));
    }
}
