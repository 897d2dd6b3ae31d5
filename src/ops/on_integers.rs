//! Nodes between DequantizeLinear and QuantizeLinear, as operators on the integers themselves.

use std::sync::Arc;

use super::{Fact, Operator, quantize};
use crate::gemm::Activation;

/// What DequantizeLinear or QuantizeLinear does to a whole tensor of type f32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scaling {
    pub(crate) way: Way,
    /// The axis that has a scale for each place; `None` if there is one for all.
    pub(crate) axis: Option<usize>,
}

/// Between which numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// From integers to floats.
    Dequantize,
    /// From floats to integers.
    Quantize,
}

/// What an operand was dequantized from.
#[derive(Debug)]
pub(crate) struct Operand {
    pub(crate) integers: Fact,
    pub(crate) axis: Option<usize>,
}

impl Operand {
    /// Whether it has 8 bits, and one scale for all or one for each place along `axis`.
    pub(super) fn is_byte(&self, axis: Option<usize>) -> bool {
        self.integers.dtype.is_byte() && (self.axis.is_none() || self.axis == axis)
    }

    /// How many axes it has.
    pub(super) fn rank(&self) -> Option<usize> {
        self.integers.dims.as_ref().map(Vec::len)
    }
}

/// Whether sums of `inner` products of 8-bit integers less their zero points, and the third operand, are below 2 to the 31,
/// beyond which they wrap.
pub(super) fn sums_fit(operands: &[Operand], inner: Option<usize>) -> bool {
    let bias = match operands.get(2) {
        None => Some(0),
        Some(bias) => bias.integers.value.as_deref().and_then(|bias| {
            let bias = bias.as_slice::<i32>()?;
            Some(bias.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0))
        }),
    };
    let products = inner.map(|inner| inner.saturating_mul(255 * 255));
    match (products, bias) {
        (Some(products), Some(bias)) => products.saturating_add(bias as usize) < 1 << 31,
        _ => false,
    }
}

/// An operator on quantized operands, whose inputs are those of QLinearConv: operand, scale and zero point twice, then
/// scale and zero point of the output, and the third operand, if there is one, whose scale is the product of the others.
#[derive(Debug)]
pub(crate) struct OnIntegers {
    pub(crate) operator: Arc<dyn Operator>,
    /// Whether the second operand, a matrix that is a constant, is to be transposed.
    pub(crate) transposed: bool,
}

/// The bounds of integers that stand for what an activation gives.
pub(super) fn bounds(
    activation: Activation<f64>,
    scale: f64,
    zero: i32,
    all: [i32; 2],
) -> [i32; 2] {
    let [least, most] = all.map(f64::from);
    // Quantization keeps the order, so that bounds may be quantized instead of what they hold.
    let place = |number: f64| {
        let quotient = f64::from(number as f32 / scale as f32);
        quantize::place(quotient, f64::from(zero), Some([least, most])) as i32
    };
    match activation {
        Activation::Identity => all,
        Activation::Relu => [place(0.0), all[1]],
        Activation::Clip(min, max) => [place(min), place(max)],
    }
}
