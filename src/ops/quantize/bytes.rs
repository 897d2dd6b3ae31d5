//! Quantization of f32 to 8-bit integers and back, with one scale and zero point for all elements.

use fearless_simd::Simd as Vectors;

use crate::gemm::quantized::{Byte, Output};
use crate::ops::elementwise;
use crate::simd::{Simd, dispatch};

/// 1.5 times 2 to the 23.
const ROUNDING: f32 = 12_582_912.0;

/// `y = round(x / scale) + zero`, where halves round to even; what is too large is cut.
pub(super) fn quantize<O: Output>(x: &[f32], scale: f32, zero: i32, y: &mut [O]) {
    let level = Simd::installed();
    elementwise::map(x, y, |x, y| {
        dispatch!(level, s => quantize_part(s, x, scale, zero, y));
    });
}

#[inline(always)]
fn quantize_part<S: Vectors, O: Output>(_: S, x: &[f32], scale: f32, zero: i32, y: &mut [O]) {
    let [low, high] = O::BOUNDS.map(|bound| (bound - zero) as f32);
    let no_number = -zero as f32;
    let x = &x[..y.len()];
    for i in 0..y.len() {
        let quotient = x[i] / scale;
        // The bounds are whole numbers, so that it does not matter whether it is rounded before.
        let above = if quotient < low { low } else { quotient };
        let between = if above > high { high } else { above };
        let number = if between.is_nan() { no_number } else { between };
        // Numbers so large have no digits behind the point: the sum is rounded to even, and its last bits are the integer.
        let rounded = (number + ROUNDING)
            .to_bits()
            .wrapping_sub(ROUNDING.to_bits());
        y[i] = O::narrow((rounded as i32).wrapping_add(zero));
    }
}

/// `y = (x - zero) * scale`.
pub(super) fn dequantize<T: Byte + Sync>(x: &[T], scale: f32, zero: i32, y: &mut [f32]) {
    let level = Simd::installed();
    elementwise::map(x, y, |x, y| {
        dispatch!(level, s => dequantize_part(s, x, scale, zero, y));
    });
}

#[inline(always)]
fn dequantize_part<S: Vectors, T: Byte>(_: S, x: &[T], scale: f32, zero: i32, y: &mut [f32]) {
    let x = &x[..y.len()];
    for i in 0..y.len() {
        y[i] = (x[i].into() - zero) as f32 * scale;
    }
}
