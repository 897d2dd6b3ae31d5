//! The weights, transformed when a model is loaded.

use fearless_simd::Simd as Vectors;

use super::points::G;
use super::{IN, PLACES, TAPS};
use crate::error::OpError;
use crate::gemm::{ROWS, left_len};
use crate::parts::{self, Looks};
use crate::simd::{Simd, dispatch};

/// Transformed weights, laid out for products: group by group, place by place, tap by tap of the outer axes.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(super) panels: Vec<[f32; ROWS]>,
}

impl Weights {
    /// Of `w: [groups * outputs, channels, taps, 3, 3]`.
    ///
    /// # Errors
    /// The work is to stop.
    pub(crate) fn new(
        w: &[f32],
        groups: usize,
        outputs: usize,
        channels: usize,
        taps: usize,
    ) -> Result<Weights, OpError> {
        let each = left_len(outputs, channels);
        let len = taps * each;
        let mut panels = parts::filled([0.0; ROWS], groups * PLACES * len)?;
        let level = Simd::installed();
        let mut looks = Looks::default();
        for group in 0..groups {
            let weights = outputs * channels * taps * TAPS;
            let w = &w[group * weights..][..weights];
            let panels = &mut panels[group * PLACES * len..][..PLACES * len];
            for first in (0..outputs).step_by(ROWS) {
                for at in 0..channels * taps {
                    let (channel, tap) = (at / taps, at % taps);
                    looks.check(ROWS * PLACES)?;
                    let mut window = [[0.0; ROWS]; TAPS];
                    for row in 0..ROWS.min(outputs - first) {
                        let w = &w[((first + row) * channels * taps + at) * TAPS..][..TAPS];
                        for place in 0..TAPS {
                            window[place][row] = f64::from(w[place]);
                        }
                    }
                    let panel = tap * each + first / ROWS * channels + channel;
                    dispatch!(level, s => transform(s, &window, len, &mut panels[panel..]));
                }
            }
        }
        Ok(Weights { panels })
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.panels.len() * size_of::<[f32; ROWS]>()
    }
}

/// Transforms the weights of one channel for a panel of outputs, into panels `len` apart from place to place.
#[inline(always)]
fn transform<S: Vectors>(_: S, taps: &[[f64; ROWS]; TAPS], len: usize, panels: &mut [[f32; ROWS]]) {
    let mut half = [[[0.0; ROWS]; 3]; IN];
    for row in 0..IN {
        for tap in 0..3 {
            for i in 0..ROWS {
                let [a, b, c] = [taps[tap][i], taps[3 + tap][i], taps[6 + tap][i]];
                half[row][tap][i] = G[row][0] * a + G[row][1] * b + G[row][2] * c;
            }
        }
    }
    for row in 0..IN {
        for column in 0..IN {
            let y = &mut panels[(row * IN + column) * len];
            for i in 0..ROWS {
                let [a, b, c] = [half[row][0][i], half[row][1][i], half[row][2][i]];
                y[i] = (G[column][0] * a + G[column][1] * b + G[column][2] * c) as f32;
            }
        }
    }
}
