//! Functions of f32 in vectors: exponentials and what is made of them.
//!
//! Errors are given in units in the last place, of which a result rounded once is off by a half at most. Digits that a power of
//! e lacks, since it is subnormal, its multiples lack too. Instruction sets with fused multiply-add may round otherwise than
//! those without.

#![allow(
    clippy::needless_range_loop,
    reason = "kernels are plain loops over all that they read: adapters do not inline across instruction sets"
)]

mod elu;
mod erf;
mod exp;
mod gelu;
mod mish;
mod sigmoid;
mod tanh;

use fearless_simd::{Level, Simd, SimdBase, SimdFloat};

use crate::simd::{LANES, dispatch};
pub(super) use elu::{Celu, Elu, Selu};
pub(super) use erf::Erf;
pub(super) use exp::{Exp, exp};
pub(super) use gelu::{Gelu, GeluByTanh};
pub(super) use mish::Mish;
pub(super) use sigmoid::{Sigmoid, Swish};
pub(super) use tanh::Tanh;

/// A function of vectors, with up to two parameters.
pub(super) trait VectorFunction {
    fn of<S: Simd>(s: S, x: S::f32s, parameters: [f32; 2]) -> S::f32s;
}

/// `y[i] = function(x[i])`, whatever `i` is.
pub(super) fn map<F: VectorFunction>(level: Level, x: &[f32], y: &mut [f32], parameters: [f32; 2]) {
    dispatch!(level, s => map_in::<_, F>(s, x, y, parameters));
}

#[inline(always)]
fn map_in<S: Simd, F: VectorFunction>(s: S, x: &[f32], y: &mut [f32], parameters: [f32; 2]) {
    let len = <S::f32s as SimdBase<S>>::LEN;
    let mut part = [0.0; LANES];
    let mut first = 0;
    while first < y.len() {
        let count = len.min(y.len() - first);
        let (x, y) = (&x[first..first + count], &mut y[first..first + count]);
        // The last elements are filled up to a vector, so that the same is done to them.
        let vector = if count == len {
            <S::f32s as SimdBase<S>>::from_slice(s, x)
        } else {
            part[..count].copy_from_slice(x);
            <S::f32s as SimdBase<S>>::from_slice(s, &part[..len])
        };
        let vector = F::of(s, vector, parameters);
        if count == len {
            vector.store_slice(y);
        } else {
            vector.store_slice(&mut part[..len]);
            y.copy_from_slice(&part[..count]);
        }
        first += count;
    }
}

/// `c[0] + c[1] x + c[2] x^2 ...`
#[inline(always)]
fn polynomial<S: Simd, const COUNT: usize>(s: S, x: S::f32s, c: &[f32; COUNT]) -> S::f32s {
    let mut sum = <S::f32s as SimdBase<S>>::splat(s, c[COUNT - 1]);
    for at in 1..COUNT {
        sum = sum.mul_add(x, c[COUNT - 1 - at]);
    }
    sum
}
