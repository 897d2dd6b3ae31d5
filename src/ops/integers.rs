//! What operators on quantized numbers do beside their sums.

use super::quantize;
use crate::gemm::Activation;

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
