//! Elements of f32 times a factor plus a summand, for each channel, as inference normalizes batches.

use fearless_simd::Simd as Vectors;
use rayon::prelude::*;

use crate::gemm::{Activation, Finish};
use crate::installed::Installed;
use crate::parts::PART;
use crate::simd::{Simd, dispatch};
use crate::stop;

/// Elements that are worth a task of their own.
const GRAIN: usize = 1 << 15;

/// The factor and the summand of a channel.
pub(super) type Line = (f64, f64);

/// `y = activation(factor * x + summand)` over planes of `places` elements, whose channels take turns; rounded once
/// before the activation.
pub(super) fn affine(
    x: &[f32],
    lines: &[Line],
    places: usize,
    activation: Activation<f64>,
    y: &mut [f32],
) {
    if y.is_empty() {
        return;
    }
    let (level, installed) = (Simd::installed(), Installed::hand_over());
    let bounds = activation.map(|x| x as f32).bounds();
    let finish = Finish {
        bounds: &bounds,
        ..Finish::NONE
    };
    y.par_chunks_mut(places)
        .zip(x.par_chunks(places))
        .enumerate()
        .with_min_len((GRAIN / places).max(1))
        // Planes may be many and short: what is stopped does not go through all of them.
        .try_for_each(|(plane, (y, x))| {
            let _entered = installed.enter()?;
            let line = lines[plane % lines.len()];
            for (number, (y, x)) in y.chunks_mut(PART).zip(x.chunks(PART)).enumerate() {
                if number > 0 && stop::is_set() {
                    return None;
                }
                dispatch!(level, s => plane_of(s, x, line, finish, y));
            }
            Some(())
        });
}

#[inline(always)]
fn plane_of<S: Vectors>(
    _: S,
    x: &[f32],
    (factor, summand): Line,
    finish: Finish<'_, f32>,
    y: &mut [f32],
) {
    let x = &x[..y.len()];
    for i in 0..y.len() {
        y[i] = (f64::from(x[i]) * factor + summand) as f32;
    }
    finish.apply(0, 0, y);
}
