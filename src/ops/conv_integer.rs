//! ConvInteger and QLinearConv: convolutions of 8-bit integers, summed up exactly in 32 bits.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__ConvInteger.html>,
//! <https://onnx.ai/onnx/operators/onnx__QLinearConv.html>
//! Padding counts as the zero point of the input. Halves round to even, then the result saturates.

use std::sync::Arc;

use super::convolution::{Convolution, check_each};
use super::quantize::zero_points;
use super::{
    Fact, Inputs, Known, Op, Operator, Outputs, Prepared, axes, elements, on_integers, required,
};
use crate::conv::quantized::{Weights, convolve, winograd};
use crate::error::OpError;
use crate::gemm::Activation;
use crate::gemm::quantized::{Lines, Output, Requantize};
use crate::parts;
use crate::tensor::{DType, Shape, Tensor, TensorView, dispatch};

pub(super) const CONV_INTEGER: Op = Op {
    domain: "ai.onnx",
    name: "ConvInteger",
    newest: 10,
    read: |attributes| {
        let convolution = Convolution::read(attributes)?;
        Ok(Box::new(ConvInteger(Quantized::new(convolution))))
    },
    exact: true,
};

pub(super) const QLINEAR_CONV: Op = Op {
    domain: "ai.onnx",
    name: "QLinearConv",
    newest: 10,
    read: |attributes| {
        let convolution = Convolution::read(attributes)?;
        Ok(Box::new(QLinearConv::new(
            convolution,
            Activation::Identity,
        )))
    },
    exact: false,
};

/// What both do: a convolution, with constant weights laid out.
#[derive(Clone, Debug)]
struct Quantized {
    convolution: Convolution,
    laid: Option<Arc<Weights>>,
    /// Constant weights for tiles, where those pay.
    tiled: Option<Arc<winograd::Weights>>,
}

/// `x: [N, C, D1..Dk]` and `w: [M, C / group, k1..kk]` to `y: [N, M, O1..Ok]` of type i32.
#[derive(Debug)]
struct ConvInteger(Quantized);

/// `x` and `w` as ConvInteger has them, `B: [M]` and scales and zero points to `y` of 8-bit integers.
#[derive(Debug)]
pub(super) struct QLinearConv {
    quantized: Quantized,
    /// What is done before the result is quantized.
    activation: Activation<f64>,
}

impl QLinearConv {
    pub(super) fn new(convolution: Convolution, activation: Activation<f64>) -> QLinearConv {
        QLinearConv {
            quantized: Quantized::new(convolution),
            activation,
        }
    }
}

/// The lowest and the highest number of a type of 8-bit integers.
fn range(dtype: DType) -> [i32; 2] {
    match dtype {
        DType::U8 => <u8 as Output>::BOUNDS,
        _ => <i8 as Output>::BOUNDS,
    }
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

impl Quantized {
    fn new(convolution: Convolution) -> Quantized {
        Quantized {
            convolution,
            laid: None,
            tiled: None,
        }
    }

    fn lay(
        &self,
        w: &TensorView<'_>,
        zero_point: Option<&TensorView<'_>>,
        lasts: bool,
    ) -> Result<Weights, OpError> {
        let zeros = zero_points(zero_point)?;
        let (shape, groups) = (w.shape(), self.convolution.group);
        let (outputs, channels) = (shape[0] / groups, shape[1]);
        let taps = shape[2..].iter().product();
        dispatch!(w.dtype(), W in [u8, i8] => {
            Weights::new::<W>(elements(w), &zeros, groups, outputs, channels, taps, lasts)
        })
    }

    /// Itself with the weights laid out if they are constants, and the bytes that takes; the operands are input and weights.
    fn prepare(
        &self,
        [x, w]: [Option<&Fact>; 2],
        [x_zero_point, w_zero_point]: [Option<&Fact>; 2],
    ) -> Option<(Quantized, usize)> {
        let w = w?.value.as_deref()?;
        let zero_point = match w_zero_point {
            Some(zero_point) => Some(zero_point.value.as_deref()?.as_view()),
            None => None,
        };
        if w.shape().elements() == 0 {
            return None;
        }
        let mut prepared = self.clone();
        let bytes = match self.tile(x?, x_zero_point, w, zero_point.as_ref()) {
            Some(tiled) => prepared.tiled.insert(Arc::new(tiled)).bytes(),
            None => {
                let laid = self.lay(&w.as_view(), zero_point.as_ref(), true).ok()?;
                prepared.laid.insert(Arc::new(laid)).bytes()
            }
        };
        Some((prepared, bytes))
    }

    /// The weights for tiles, if those are known to pay and to hold all sums.
    fn tile(
        &self,
        x: &Fact,
        x_zero_point: Option<&Fact>,
        w: &Tensor,
        w_zero_point: Option<&TensorView<'_>>,
    ) -> Option<winograd::Weights> {
        let sizes = self.convolution.sizes(&x.shape().ok()??, w.shape()).ok()?;
        if !winograd::pays(&sizes) {
            return None;
        }
        let zero = match x_zero_point {
            Some(zero_point) => {
                let zero_point = zero_point.value.as_deref()?.as_view();
                zero_points(Some(&zero_point)).ok()?[0]
            }
            None => 0,
        };
        let zeros = zero_points(w_zero_point).ok()?;
        let (view, range) = (w.as_view(), range(x.dtype));
        let (groups, channels) = (sizes.groups, sizes.channels);
        let tiled = dispatch!(w.dtype(), W in [u8, i8] => {
            winograd::Weights::new::<W>(elements(&view), &zeros, groups, channels, zero, range)
        });
        tiled.ok()?
    }

    fn run<O: Output>(
        &self,
        [x, w]: [&TensorView<'_>; 2],
        [x_zero_point, w_zero_point]: [Option<&TensorView<'_>>; 2],
        to: Requantize<'_>,
        shape: &Shape,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let sizes = self.convolution.sizes(x.shape(), w.shape())?;
        outputs.check_output(shape.elements().saturating_mul(size_of::<O>()))?;
        let zero = zero_points(x_zero_point)?[0];
        // The shape that was declared need not be the one that came.
        let suits = |tiled: &&Arc<winograd::Weights>| {
            winograd::pays(&sizes) && tiled.suits(zero, range(x.dtype()))
        };
        if let Some(tiled) = self.tiled.as_ref().filter(suits) {
            outputs.check_scratch(winograd::scratch_bytes(&sizes))?;
            let y = outputs.make::<O>(shape)?;
            return dispatch!(x.dtype(), X in [u8, i8] => {
                winograd::convolve::<X, O>(&sizes, elements(x), tiled, to, y);
                Ok(())
            });
        }
        outputs.check_scratch(sizes.quantized_scratch_bytes())?;
        let made;
        let weights = match &self.laid {
            Some(laid) => laid,
            None => {
                made = self.lay(w, w_zero_point, false)?;
                &made
            }
        };
        let y = outputs.make::<O>(shape)?;
        dispatch!(x.dtype(), X in [u8, i8] => {
            convolve::<X, O>(&sizes, elements(x), zero, weights, to, y);
            Ok(())
        })
    }
}

impl Operator for ConvInteger {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, w) = (required(inputs, 0), required(inputs, 1));
        let dims = self.0.convolution.infer(["x", "w"], x, w)?;
        let given = |index: usize| inputs.get(index).copied().flatten();
        check_one(&["x_zero_point"], &[given(2)])?;
        if let Some(zero_point) = given(3) {
            check_each("w_zero_point", zero_point, outputs_of(w), true)?;
        }
        Ok(vec![Fact::new(DType::I32, dims)])
    }

    fn prepare(&self, inputs: &[Option<Fact>], _room: usize) -> Option<Prepared> {
        let given = |index: usize| inputs.get(index).and_then(Option::as_ref);
        let operands = [given(0), given(1)];
        let (prepared, bytes) = self.0.prepare(operands, [given(2), given(3)])?;
        Some(Prepared::beside(ConvInteger(prepared), bytes))
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let shape = Known::of(inputs, &[]).shape(self)?;
        let operands = [required(inputs, 0), required(inputs, 1)];
        let zero_points = [2, 3].map(|index| inputs.get(index).and_then(Option::as_ref));
        let to = Requantize::NONE;
        self.0
            .run::<i32>(operands, zero_points, to, &shape, outputs)
    }
}

impl Operator for QLinearConv {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, w) = (required(inputs, 0), required(inputs, 3));
        let (w_scale, w_zero_point) = (required(inputs, 4), required(inputs, 5));
        let y_zero_point = *required(inputs, 7);
        let dims = self.quantized.convolution.infer(["x", "w"], x, w)?;
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

    fn prepare(&self, inputs: &[Option<Fact>], _room: usize) -> Option<Prepared> {
        let (quantized, bytes) = self.quantized.prepare(
            [&inputs[0], &inputs[3]].map(Option::as_ref),
            [&inputs[2], &inputs[5]].map(Option::as_ref),
        )?;
        let prepared = QLinearConv { quantized, ..*self };
        Some(Prepared::beside(prepared, bytes))
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
        let bias = bias.map_or(&[0][..], |bias| elements::<i32>(bias));
        let one = |view: &TensorView<'_>| f64::from(elements::<f32>(view)[0]);
        let factor = one(x_scale) / one(y_scale);
        let scales = elements::<f32>(w_scale).iter();
        let factors = parts::collected(scales.map(|&scale| f64::from(scale) * factor))?;
        let zeros = zero_points(Some(y_zero_point))?;
        dispatch!(y_zero_point.dtype(), Y in [u8, i8] => {
            let to = Requantize {
                summands: Lines { rows: bias, columns: &[0] },
                factors: Lines { rows: &factors, columns: &[1.0] },
                zeros: &zeros,
                bounds: on_integers::bounds(self.activation, one(y_scale), zeros[0], Y::BOUNDS),
            };
            let zero_points = [Some(x_zero_point), Some(w_zero_point)];
            self.quantized
                .run::<Y>([x, w], zero_points, to, &shape, outputs)
        })
    }
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
