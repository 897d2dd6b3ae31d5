//! Conv: a sum of weighted windows over all channels of a group.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Conv.html>

use std::any::Any;
use std::sync::Arc;

use half::{bf16, f16};

use super::conv_integer::QLinearConv;
use super::convolution::{Convolution, check_each};
use super::expanded_conv::expand;
use super::follow::added;
use super::number::Float;
use super::on_integers::sums_fit;
use super::{
    Absorbed, Expanded, Expansion, Fact, Follow, Inputs, Known, Lead, OnIntegers, Op, Operand,
    Operator, Outputs, Prepared, elements, elementwise, required,
};
use crate::conv::{Sizes, Weights, convolve, convolve_led, led, winograd};
use crate::error::{Class, OpError};
use crate::gemm::{Activation, Factor, Finish};
use crate::onnx::attributes::Attributes;
use crate::parts;
use crate::tensor::{DType, Shape, Tensor, dispatch};

pub(super) const CONV: Op = Op {
    domain: "ai.onnx",
    name: "Conv",
    newest: 22,
    read: |attributes| Ok(Box::new(Conv::read(attributes)?)),
    exact: false,
};

/// `X: [N, C, D1..Dk]`, `W: [M, C / group, k1..kk]` and `B: [M]` to `Y: [N, M, O1..Ok]`.
#[derive(Clone, Debug)]
struct Conv {
    convolution: Convolution,
    /// Whether input 3, of the shape of `Y`, is added.
    plus: bool,
    activation: Activation<f64>,
    /// The shape of `Y`, if its channels alternate between the groups.
    shuffled: Option<Shape>,
    /// What is done to `X` before, of type f32, for windows of single elements.
    lead: Option<Arc<led::Lines>>,
    /// Constant weights as products want them: `Weights` of the type of sums.
    laid: Option<Arc<dyn Any + Send + Sync>>,
    /// Constant weights for tiles, where those pay.
    tiled: Option<Arc<winograd::Weights>>,
}

impl Conv {
    fn read(attributes: &mut Attributes<'_>) -> Result<Conv, OpError> {
        Ok(Conv {
            convolution: Convolution::read(attributes)?,
            plus: false,
            activation: Activation::Identity,
            shuffled: None,
            lead: None,
            laid: None,
            tiled: None,
        })
    }

    /// Whether output channels may alternate between the groups.
    fn shuffles(sizes: &Sizes) -> bool {
        sizes.is_pointwise() && !sizes.is_depthwise() && sizes.channels > 0
    }

    /// The sizes, if both operands are known to have these; of one image, if it is not known how many there are.
    fn sizes_of(&self, inputs: &[Option<Fact>]) -> Option<Sizes> {
        let [x, w, ..] = inputs else { return None };
        let mut x = x.clone()?;
        let batch = x.dims.as_mut()?.first_mut()?;
        *batch = batch.or(Some(1));
        let [x, w] = [&x, w.as_ref()?].map(|fact| fact.shape().ok().flatten());
        self.convolution.sizes(&x?, &w?).ok()
    }

    /// As [`Conv::sizes_of`], of f32, if nothing but an activation was absorbed.
    fn plain_sizes(&self, inputs: &[Option<Fact>]) -> Option<Sizes> {
        let more = self.plus || self.shuffled.is_some() || self.lead.is_some();
        let suits = !more && inputs[0].as_ref()?.dtype == DType::F32;
        self.sizes_of(inputs).filter(|_| suits)
    }

    /// Lends `run` what it needs to compute the output, from which it takes memory beside it.
    fn with_operands<T: Factor>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
        scratch_bytes: impl FnOnce(&Sizes) -> usize,
        run: impl FnOnce(&Sizes, &[T], Option<&[T::Sum]>, Finish<'_, T::Sum>, &mut [T]),
    ) -> Result<(), OpError>
    where
        T::Sum: Float,
    {
        let (x, w) = (required(inputs, 0), required(inputs, 1));
        let shape = Known::of(inputs, &[]).shape(self)?;
        let mut sizes = self.convolution.sizes(x.shape(), w.shape())?;
        sizes.shuffled = self.shuffled.is_some();
        if let Some(declared) = &self.shuffled
            && (shape != *declared || !Conv::shuffles(&sizes))
        {
            let reason = format!("is {}, declared for an output {declared:?}", Fact::from(x));
            return Err(OpError::invalid("X", reason));
        }
        outputs.check_output(shape.elements().saturating_mul(size_of::<T>()))?;
        outputs.check_scratch(scratch_bytes(&sizes))?;
        let given = |index: usize| inputs.get(index).and_then(Option::as_ref);
        let bias = given(2).map(|bias| T::widened(elements::<T>(bias)));
        let bias = bias.transpose()?;
        let plus = given(3).filter(|_| self.plus);
        let plus = plus.map(|plus| added::<T>(plus, &shape));
        let plus = plus.transpose()?;
        let bounds = self.activation.map(T::Sum::from_f64).bounds();
        let finish = Finish {
            plus: plus.as_deref(),
            pitch: 0,
            bounds: &bounds,
        };
        let y = outputs.make::<T>(&shape)?;
        run(&sizes, elements(x), bias.as_deref(), finish, y);
        Ok(())
    }

    /// Constant weights laid out, and their bytes.
    ///
    /// # Errors
    /// They take more than `room`, or the work is to stop.
    fn lay<T: Factor>(
        &self,
        w: &Tensor,
        room: usize,
    ) -> Result<(Arc<dyn Any + Send + Sync>, usize), OpError> {
        let (groups, outputs) = (self.convolution.group, w.shape()[0]);
        let inner: usize = w.shape()[1..].iter().product();
        let bytes = Weights::<T::Sum>::bytes(groups, outputs / groups, inner);
        if bytes > room {
            let reason = format!("take {bytes} bytes, of which there are {room}");
            return Err(OpError::new(Class::Limit, "weights", reason));
        }
        let view = w.as_view();
        let weights = T::widened(elements::<T>(&view))?;
        let laid = Weights::new(&weights, groups, outputs / groups, inner, true)?;
        Ok((Arc::new(laid), bytes))
    }

    /// Constant weights and bias so that each output channel is multiplied and something added to it.
    fn affine(
        inputs: &[Option<Fact>],
        factors: Vec<f64>,
        summands: Vec<f64>,
    ) -> Option<Vec<(usize, Tensor)>> {
        let w = inputs.get(1)?.as_ref()?.value.as_ref()?;
        let outputs = w.shape()[0];
        let [factors, summands] = [factors, summands].map(|list| Follow::spread(list, outputs));
        let bias = inputs.get(2).and_then(Option::as_ref);
        let bias = Follow::moved_bias(bias, &factors, &summands, outputs)?;
        let mut weights = w.as_slice::<f32>().map(parts::copied)?.ok()?;
        let each = (weights.len() / outputs.max(1)).max(1);
        elementwise::in_planes(&mut weights, each, |start, weights| {
            let factor = factors[start / each];
            for weight in weights {
                *weight = (f64::from(*weight) * factor) as f32;
            }
        });
        Some(vec![(1, Tensor::new(w.shape(), weights).ok()?), (2, bias)])
    }
}

impl Operator for Conv {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, w) = (required(inputs, 0), required(inputs, 1));
        let dims = self.convolution.infer(["X", "W"], x, w)?;
        if let Some(bias) = inputs.get(2).copied().flatten() {
            let outputs = w.dims.as_ref().and_then(|dims| dims[0]);
            check_each("B", bias, outputs, false)?;
        }
        Ok(vec![Fact::new(x.dtype, dims)])
    }

    fn on_integers(&self, operands: &[Operand], activation: Activation<f64>) -> Option<OnIntegers> {
        let [x, w, ..] = operands else { return None };
        let more = self.plus || self.shuffled.is_some() || self.lead.is_some();
        if more || self.activation != Activation::Identity {
            return None;
        }
        let sizes = w.integers.dims.as_deref()?.get(1..)?.iter().copied();
        let inner = sizes.reduce(|a, b| a?.checked_mul(b?)).flatten();
        let suits = x.is_byte(None) && w.is_byte(Some(0)) && sums_fit(operands, inner);
        suits.then(|| OnIntegers {
            operator: Arc::new(QLinearConv::new(self.convolution.clone(), activation)),
            transposed: false,
        })
    }

    fn absorbs(&self) -> bool {
        self.shuffled.is_none()
    }

    fn absorb(&self, follow: Follow, inputs: &[Option<Fact>]) -> Option<Absorbed> {
        let x = inputs[0].as_ref()?;
        if x.dtype != DType::F32 || self.shuffled.is_some() {
            return None;
        }
        let mut operator = self.clone();
        let (mut constants, mut plus) = (Vec::new(), None);
        match follow {
            Follow::ChannelShuffle(shape, groups) => {
                let sizes = self.sizes_of(inputs)?;
                if self.plus || sizes.groups != groups || !Conv::shuffles(&sizes) {
                    return None;
                }
                operator.shuffled = Some(shape);
            }
            _ if self.activation != Activation::Identity || !follow.is_along(1) => return None,
            Follow::Affine {
                factors, summands, ..
            } if !self.plus => {
                constants = Conv::affine(inputs, factors, summands)?;
            }
            Follow::Plus(_) if !self.plus => {
                operator.plus = true;
                plus = Some(3);
            }
            Follow::Activation(activation) => operator.activation = activation,
            _ => return None,
        }
        Some(Absorbed {
            operator: Arc::new(operator),
            constants,
            plus,
        })
    }

    fn led(&self, lead: Lead, inputs: &[Option<Fact>]) -> Option<(Arc<dyn Operator>, usize)> {
        let x = inputs[0].as_ref()?;
        let sizes = self.sizes_of(inputs)?;
        let channels = sizes.groups * sizes.channels;
        if [lead.factors.len(), lead.summands.len()] != [channels; 2] {
            return None;
        }
        if x.dtype != DType::F32 || !sizes.is_pointwise() || sizes.is_depthwise() {
            return None;
        }
        let lines = led::Lines::new(&lead.factors, &lead.summands, lead.activation)?;
        let bytes = lines.bytes();
        let mut operator = self.clone();
        operator.lead = Some(Arc::new(lines));
        Some((Arc::new(operator), bytes))
    }

    fn expansion(&self, inputs: &[Option<Fact>]) -> Option<Expansion> {
        let sizes = self.plain_sizes(inputs)?;
        // Of others the weights would be laid out in each run.
        inputs[1].as_ref()?.value.as_ref()?;
        Some(Expansion {
            convolution: self.convolution.clone(),
            activation: self.activation,
            sizes,
        })
    }

    fn expanded(&self, expansion: Expansion, inputs: &[Option<Fact>]) -> Option<Expanded> {
        let sizes = self.plain_sizes(inputs)?;
        expand(expansion, &self.convolution, &sizes, self.activation)
    }

    fn prepare(&self, inputs: &[Option<Fact>], room: usize) -> Option<Prepared> {
        let w = inputs[1].as_ref()?.value.as_deref()?;
        if w.shape().elements() == 0 {
            return None;
        }
        let mut operator = self.clone();
        if let (Some(weights), Some(sizes)) = (w.as_slice::<f32>(), self.sizes_of(inputs))
            && let Some(filter) = winograd::Filter::of(&sizes)
            && let bytes = winograd::Weights::bytes(filter, &sizes)
            && bytes <= room
            && winograd::suits(weights)
        {
            let tiled = winograd::Weights::new(filter, weights, &sizes).ok()?;
            operator.tiled = Some(Arc::new(tiled));
            return Some(Prepared {
                operator: Arc::new(operator),
                bytes,
                unread: Some(1),
            });
        }
        // Those of single channels are read as they are.
        if self.convolution.group > 1 && w.shape()[1] == 1 {
            return None;
        }
        let laid = dispatch!(w.dtype(), T in [f32, f64, f16, bf16] => self.lay::<T>(w, room));
        let (laid, bytes) = laid.ok()?;
        operator.laid = Some(laid);
        Some(Prepared {
            operator: Arc::new(operator),
            bytes,
            unread: Some(1),
        })
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let w = required(inputs, 1);
        if let Some(tiled) = &self.tiled {
            // The shape that was declared need not be the one that came.
            let suits = winograd::suits(elements(required(inputs, 0)));
            let tiles = |sizes: &Sizes| suits && tiled.pay(sizes);
            return self.with_operands::<f32>(
                inputs,
                outputs,
                |sizes| match tiles(sizes) {
                    true => winograd::scratch_bytes(sizes, tiled),
                    false => {
                        let own = sizes.scratch_bytes::<f32>();
                        own.saturating_add(tiled.recovered_bytes())
                    }
                },
                |sizes, x, bias, finish, y| {
                    if y.is_empty() {
                        return;
                    }
                    if tiles(sizes) {
                        winograd::convolve(sizes, x, tiled, bias, finish, y);
                    } else if let Ok(w) = tiled.recovered(sizes) {
                        convolve(sizes, x, &w, None, bias, finish, y);
                    }
                },
            );
        }
        if let Some(lines) = &self.lead {
            let laid = self.laid.as_ref().and_then(|laid| laid.downcast_ref());
            return self.with_operands::<f32>(
                inputs,
                outputs,
                Sizes::block_scratch_bytes::<f32>,
                |sizes, x, bias, finish, y| {
                    convolve_led(sizes, x, lines, elements(w), laid, bias, finish, y);
                },
            );
        }
        dispatch!(w.dtype(), T in [f32, f64, f16, bf16] => self.with_operands::<T>(
            inputs,
            outputs,
            Sizes::scratch_bytes::<T>,
            |sizes, x, bias, finish, y| {
                let laid = self.laid.as_ref().and_then(|laid| laid.downcast_ref());
                convolve::<T>(sizes, x, elements(w), laid, bias, finish, y);
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::Fact;
    use crate::ops::testing::{Node, iota, node, tensor};
    use crate::tensor::{DType, Tensor};
    use crate::window::Window;

    /// Small numbers of both signs, whose sums are exact in any order.
    fn numbers(dims: &[usize]) -> Tensor {
        let len: usize = dims.iter().product();
        tensor(dims, (0..len).map(|i| (i * 7 % 11) as f32 - 5.0).collect())
    }

    /// The convolution by its definition, one element after the other.
    fn plainly(x: &Tensor, w: &Tensor, b: &Tensor, window: &Window, group: usize) -> Vec<f32> {
        let axes = window.axes(&x.shape()[2..]).expect("it fits");
        let windows: usize = axes.iter().map(|axis| axis.output).product();
        let (outputs, channels) = (w.shape()[0], w.shape()[1]);
        let taps: usize = w.shape()[2..].iter().product();
        let plane: usize = x.shape()[2..].iter().product();
        let [x_data, w_data, b] = [x, w, b].map(|t| t.as_slice::<f32>().expect("f32"));
        let mut y = Vec::new();
        for image in 0..x.shape()[0] {
            for output in 0..outputs {
                for window in 0..windows {
                    let mut sum = b[output];
                    for channel in 0..channels {
                        for tap in 0..taps {
                            let (mut o, mut t) = (window, tap);
                            let (mut place, mut stride, mut on) = (0, 1, true);
                            for axis in axes.iter().rev() {
                                let at = axis.start(o % axis.output)
                                    + (t % axis.kernel * axis.dilation) as i64;
                                on &= (0..axis.input as i64).contains(&at);
                                place += at * stride;
                                stride *= axis.input as i64;
                                (o, t) = (o / axis.output, t / axis.kernel);
                            }
                            let input = image * x.shape()[1]
                                + output / (outputs / group) * channels
                                + channel;
                            if on {
                                sum += x_data[input * plane + place as usize]
                                    * w_data[(output * channels + channel) * taps + tap];
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
        y
    }

    #[test]
    fn every_path_agrees_with_the_definition() {
        // Input, weights, groups, strides, dilations, pads.
        type Case<'a> = (
            &'a [usize],
            &'a [usize],
            usize,
            &'a [i64],
            &'a [i64],
            &'a [i64],
        );
        let cases: [Case<'_>; 15] = [
            // One window, which lies on padding alone or on the first elements.
            (&[1, 1, 1], &[1, 1, 1], 1, &[3], &[1], &[2, 0]),
            (
                &[1, 1, 1, 8],
                &[1, 1, 1, 3],
                1,
                &[4, 1],
                &[1, 1],
                &[2, 0, 0, 0],
            ),
            (
                &[1, 2, 1, 9],
                &[2, 1, 1, 3],
                2,
                &[4, 1],
                &[1, 1],
                &[2, 1, 0, 0],
            ),
            (
                &[1, 1, 4, 3],
                &[2, 1, 1, 1],
                1,
                &[1, 8],
                &[1, 1],
                &[0, 3, 0, 1],
            ),
            (
                &[1, 2, 5, 3],
                &[2, 1, 1, 1],
                2,
                &[1, 200],
                &[1, 1],
                &[0, 90, 0, 1],
            ),
            (&[1, 3, 9], &[2, 3, 2], 1, &[20], &[5], &[1, 0]),
            (&[2, 3, 9], &[4, 3, 3], 1, &[2], &[2], &[3, 1]),
            (
                &[1, 4, 7, 6],
                &[6, 2, 3, 2],
                2,
                &[1, 2],
                &[1, 1],
                &[1, 0, 2, 1],
            ),
            (
                &[1, 40, 60, 70],
                &[8, 40, 3, 3],
                1,
                &[1, 1],
                &[1, 1],
                &[1, 1, 1, 1],
            ),
            (&[9, 4, 5, 5], &[4, 4, 1, 1], 1, &[1, 1], &[1, 1], &[0; 4]),
            (&[1, 4, 5, 5], &[4, 4, 1, 1], 1, &[2, 2], &[1, 1], &[0; 4]),
            (
                &[2, 3, 9, 8],
                &[6, 1, 3, 3],
                3,
                &[1, 2],
                &[2, 1],
                &[2, 0, 1, 1],
            ),
            (
                &[1, 2, 4, 5, 6],
                &[2, 2, 2, 3, 2],
                1,
                &[1, 2, 1],
                &[1, 1, 2],
                &[1, 0, 0, 0, 1, 2],
            ),
            (&[1, 0, 3, 3], &[2, 0, 2, 2], 1, &[1, 1], &[1, 1], &[0; 4]),
            (
                &[1, 2, 0, 3],
                &[2, 2, 2, 2],
                1,
                &[1, 1],
                &[1, 1],
                &[1, 0, 2, 1],
            ),
        ];
        for (x, w, group, strides, dilations, pads) in cases {
            let (x, w) = (numbers(x), numbers(w));
            let b = numbers(&[w.shape()[0]]);
            let kernel: Vec<i64> = w.shape()[2..].iter().map(|&size| size as i64).collect();
            let window = Window::new(kernel)
                .strides(strides)
                .dilations(dilations)
                .pads(pads);
            let y = node("Conv", 11)
                .int("group", group as i64)
                .ints("strides", strides)
                .ints("dilations", dilations)
                .ints("pads", pads)
                .run(&[Some(&x), Some(&w), Some(&b)])
                .expect("it runs");
            let wanted = plainly(&x, &w, &b, &window, group);
            assert!(
                y[0].as_slice::<f32>().expect("f32") == wanted,
                "{x} {w} {window:?}"
            );
        }
    }

    #[test]
    fn nothing_to_sum_takes_no_memory() {
        let empty = |x: &[usize], w: &[usize], pads: &[i64]| {
            let y = node("Conv", 22)
                .ints("pads", pads)
                .run(&[Some(&iota(x)), Some(&iota(w))]);
            y.expect("it runs")[0].shape().to_vec()
        };
        let far = 1 << 36;
        let (w, pads) = ([2, 0, far, 1], [far as i64, 0, 0, 0]);
        assert_eq!(empty(&[1, 0, 1, 1], &w, &pads), [1, 2, 2, 1]);
        assert_eq!(empty(&[1, 1, 1, 1], &[0, 1, far, 1], &pads), [1, 0, 2, 1]);
    }

    #[test]
    fn groups_are_checked_before_weights_are_laid_out() {
        let infer = |group, w: &Tensor| {
            let x = Fact::new(DType::F32, None);
            let w = Fact::constant(std::sync::Arc::new(w.clone()));
            node("Conv", 22)
                .int("group", group)
                .infer(&[Some(x), Some(w)])
        };
        let error = infer(1 << 40, &iota(&[4, 2, 3, 3])).unwrap_err();
        assert!(
            error.to_string().contains("must have a multiple of"),
            "{error}"
        );
        assert!(infer(1 << 39, &iota(&[0, 2, 3, 3])).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let error = |node: Node, x: &[usize], w: &[usize], b: usize| {
            node.error(&[Some(&iota(x)), Some(&iota(w)), Some(&iota(&[b]))])
        };
        let conv = || node("Conv", 22);
        assert_eq!(
            error(conv(), &[1, 3, 4, 4], &[2, 2, 3, 3], 2),
            "W is f32[2,2,3,3], must have the channels of X, which is f32[1,3,4,4], in 1 groups"
        );
        assert_eq!(
            error(conv().int("group", 2), &[1, 4, 4, 4], &[3, 2, 3, 3], 3),
            "W is f32[3,2,3,3], must have a multiple of 2 outputs, the groups"
        );
        assert_eq!(
            error(
                conv().ints("kernel_shape", &[2, 3]),
                &[1, 2, 4, 4],
                &[2, 2, 3, 3],
                2
            ),
            "kernel_shape is [2, 3], must be that of W, which is f32[2,2,3,3]"
        );
        assert_eq!(
            error(conv(), &[1, 2, 4, 4], &[2, 2, 3, 3], 3),
            "B is f32[3], must have 2 elements, the output channels"
        );
        assert_eq!(
            error(conv().int("group", 0), &[1, 2, 4, 4], &[2, 2, 3, 3], 2),
            "group is 0, must be at least 1"
        );
        assert!(error(conv(), &[1, 2, 4], &[2, 2, 3, 3], 2).contains("must have the rank of X"));
        assert!(
            error(
                conv().ints("strides", &[1]),
                &[1, 2, 4, 4],
                &[2, 2, 3, 3],
                2
            )
            .contains("strides")
        );
        assert!(error(conv(), &[1, 2, 4, 4], &[2, 2, 0, 3], 2).contains("kernel_shape[0] is 0"));
    }
}
