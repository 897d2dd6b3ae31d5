//! Conv where each channel has weights of its own, with the Conv before it that computes the channels: as one they need not
//! write those to the memory.

use std::sync::Arc;

use super::convolution::{Convolution, check_each};
use super::{Fact, Inputs, Known, Operator, Outputs, Prepared, elements, required};
use crate::conv::expanded::{self, Expansion as Computed};
use crate::conv::{Sizes, Weights, convolve};
use crate::error::OpError;
use crate::gemm::{Activation, Finish};
use crate::parts;
use crate::tensor::{Shape, TensorView};

/// A Conv with windows of single elements.
#[derive(Debug)]
pub(crate) struct Expansion {
    pub(super) convolution: Convolution,
    pub(super) activation: Activation<f64>,
    pub(super) sizes: Sizes,
}

/// A Conv with the one before.
#[derive(Debug)]
pub(crate) struct Expanded {
    pub(crate) operator: Arc<dyn Operator>,
    /// The number of the input that the weights of the one before are; its bias follows.
    pub(crate) first: usize,
}

/// The number of the weights that compute the channels. Before are the inputs of a Conv, and what may be added to its output.
const FIRST: usize = 4;

/// `X: [N, C, D1, D2]`, `W: [M, 1, 3, 3]`, `B: [M]`, then `[M, C, 1, 1]` and `[M]`, to `Y: [N, M, O1, O2]`, of type f32.
#[derive(Clone, Debug)]
struct ExpandedConv {
    /// Both, the one that computes the channels first.
    convolutions: [Convolution; 2],
    activations: [Activation<f64>; 2],
    /// Constant weights that compute the channels, as products want them.
    laid: Option<Arc<Weights<f32>>>,
}

/// A convolution of `sizes` behind the one that computes its channels, if they suit each other.
pub(super) fn expand(
    expansion: Expansion,
    convolution: &Convolution,
    sizes: &Sizes,
    activation: Activation<f64>,
) -> Option<Expanded> {
    expanded::suits(&expansion.sizes, sizes).then(|| Expanded {
        operator: Arc::new(ExpandedConv {
            convolutions: [expansion.convolution, convolution.clone()],
            activations: [expansion.activation, activation],
            laid: None,
        }),
        first: FIRST,
    })
}

/// Bounds of f32.
fn bounds(activation: Activation<f64>) -> [f32; 2] {
    activation.map(|number| number as f32).bounds()
}

impl ExpandedConv {
    /// The sizes of both convolutions, and the shape of the channels.
    fn sizes(&self, x: &Shape, w: [&Shape; 2]) -> Result<([Sizes; 2], Shape), OpError> {
        let first = self.convolutions[0].sizes(x, w[0])?;
        let channels = Shape::new(&[&[x[0], w[0][0]], &x[2..]].concat())?;
        let second = self.convolutions[1].sizes(&channels, w[1])?;
        Ok(([first, second], channels))
    }
}

impl Operator for ExpandedConv {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let mut channels: Fact = (*required(inputs, 0)).clone();
        let names = [["X", "W before", "B before"], ["what is before", "W", "B"]];
        let both = self.convolutions.iter().zip([FIRST, 1]).zip(names);
        for ((convolution, at), [x, w, b]) in both {
            let weights = required(inputs, at);
            let dims = convolution.infer([x, w], &channels, weights)?;
            if let Some(bias) = inputs.get(at + 1).copied().flatten() {
                let outputs = weights.dims.as_ref().and_then(|dims| dims[0]);
                check_each(b, bias, outputs, false)?;
            }
            channels = Fact::new(channels.dtype, dims);
        }
        Ok(vec![channels])
    }

    fn prepare(&self, inputs: &[Option<Fact>], room: usize) -> Option<Prepared> {
        let w = inputs[FIRST].as_ref()?.value.as_deref()?;
        let (outputs, inner) = (w.shape()[0], w.shape()[1]);
        let bytes = Weights::<f32>::bytes(1, outputs, inner);
        if bytes > room {
            return None;
        }
        let mut operator = self.clone();
        let weights = Weights::new(w.as_slice()?, 1, outputs, inner, true).ok()?;
        operator.laid = Some(Arc::new(weights));
        Some(Prepared {
            operator: Arc::new(operator),
            bytes,
            unread: Some(FIRST),
        })
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (x, w) = (
            required(inputs, 0),
            [FIRST, 1].map(|at| required(inputs, at)),
        );
        let shape = Known::of(inputs, &[]).shape(self)?;
        let ([first, second], channels) = self.sizes(x.shape(), w.map(TensorView::shape))?;
        let suits = expanded::suits(&first, &second);
        outputs.check_output(shape.elements().saturating_mul(size_of::<f32>()))?;
        let weights = Weights::<f32>::bytes(1, first.outputs, first.channels);
        let scratch = match suits {
            true => expanded::scratch_bytes(&first, &second),
            false => channels
                .elements()
                .saturating_mul(size_of::<f32>())
                .saturating_add(first.scratch_bytes::<f32>())
                .saturating_add(second.scratch_bytes::<f32>()),
        };
        outputs.check_scratch(scratch.saturating_add(weights))?;
        let bias = |at: usize| inputs.get(at).and_then(Option::as_ref).map(elements);
        let bounds = self.activations.map(bounds);
        let [to_channels, finish] = [0, 1].map(|at| Finish {
            bounds: &bounds[at],
            ..Finish::NONE
        });
        let y = outputs.make::<f32>(&shape)?;
        if y.is_empty() {
            return Ok(());
        }
        let made;
        let weights = match &self.laid {
            Some(laid) => laid,
            None => {
                let w = elements(w[0]);
                made = Weights::new(w, 1, first.outputs, first.channels, false)?;
                &made
            }
        };
        let (x, w_channels, w) = (elements(x), elements(w[0]), elements(w[1]));
        if suits {
            let computed = Computed {
                sizes: &first,
                weights,
                bias: bias(FIRST + 1),
                finish: to_channels,
            };
            expanded::convolve(computed, &second, x, w, bias(2), finish, y);
            return Ok(());
        }
        // The shape that was declared need not be the one that came.
        let mut channels = parts::filled(0.0, channels.elements())?;
        let (all, laid) = (bias(FIRST + 1), Some(weights));
        convolve::<f32>(&first, x, w_channels, laid, all, to_channels, &mut channels);
        convolve::<f32>(&second, &channels, w, None, bias(2), finish, y);
        Ok(())
    }
}
