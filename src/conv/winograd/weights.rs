//! The weights, transformed when a model is loaded.

use fearless_simd::Simd as Vectors;

use super::super::{Sizes, product};
use super::filter::Filter;
use super::points;
use crate::error::OpError;
use crate::gemm::{ROWS, left_len};
use crate::parts::{self, Looks};
use crate::simd::{Simd, dispatch};

/// Taps of the largest windows along an axis.
const MOST_TAPS: usize = 5;

/// Transformed weights, laid out for products: group by group, place by place, column by column
/// of a tile, tap by tap of the outer axes.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(super) filter: Filter,
    pub(super) panels: Vec<[f32; ROWS]>,
}

/// The weights of a window, of a panel of outputs.
type Window = [[[f64; ROWS]; MOST_TAPS]; MOST_TAPS];

impl Weights {
    /// Of `w: [groups * outputs, channels, taps.., rows, columns]`.
    ///
    /// # Errors
    /// The work is to stop.
    pub(crate) fn new(filter: Filter, w: &[f32], sizes: &Sizes) -> Result<Weights, OpError> {
        let [outer @ .., rows, columns] = &*sizes.axes else {
            unreachable!("a filter is for two axes at least");
        };
        let taps = product(outer, |axis| axis.kernel);
        let (channels, outputs) = (sizes.channels, sizes.outputs);
        let phases = rows.stride * columns.stride;
        let each = left_len(outputs, channels * phases);
        let len = taps * each;
        let mut panels = parts::filled([0.0; ROWS], sizes.groups * filter.area() * len)?;
        let matrix = points::of_weights(filter);
        let level = Simd::installed();
        let mut looks = Looks::default();
        let area = rows.kernel * columns.kernel;
        let of_group = outputs * channels * taps * area;
        for (group, panels) in panels.chunks_exact_mut(filter.area() * len).enumerate() {
            let w = &w[group * of_group..][..of_group];
            for first in (0..outputs).step_by(ROWS) {
                for at in 0..channels * taps * phases {
                    let (phase, at) = (at % phases, at / phases);
                    let (channel, tap) = (at / taps, at % taps);
                    looks.check(ROWS * filter.area())?;
                    let begin = [phase / columns.stride, phase % columns.stride];
                    let mut window: Window = Default::default();
                    for row in 0..ROWS.min(outputs - first) {
                        let w = &w[((first + row) * channels * taps + at) * area..][..area];
                        for (r, y) in (begin[0]..rows.kernel).step_by(rows.stride).enumerate() {
                            for (c, x) in (begin[1]..columns.kernel)
                                .step_by(columns.stride)
                                .enumerate()
                            {
                                window[r][c][row] = f64::from(w[y * columns.kernel + x]);
                            }
                        }
                    }
                    let channel = channel * phases + phase;
                    let panel = tap * each + first / ROWS * channels * phases + channel;
                    let panels = &mut panels[panel..];
                    dispatch!(level, s => transform(s, &matrix, &window, len, panels));
                }
            }
        }
        Ok(Weights { filter, panels })
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.panels.len() * size_of::<[f32; ROWS]>()
    }

    /// Whether a convolution is faster with them.
    pub(crate) fn pay(&self, sizes: &Sizes) -> bool {
        self.filter.pays(sizes)
    }
}

/// Transforms the weights of one channel for a panel of outputs, into panels `len` apart from place to place.
#[inline(always)]
fn transform<S: Vectors>(
    _: S,
    matrix: &[Vec<f64>],
    window: &Window,
    len: usize,
    panels: &mut [[f32; ROWS]],
) {
    for (column, powers) in matrix.iter().enumerate() {
        let mut half = [[0.0; ROWS]; MOST_TAPS];
        for row in 0..powers.len() {
            for tap in 0..powers.len() {
                for i in 0..ROWS {
                    half[row][i] += powers[tap] * window[row][tap][i];
                }
            }
        }
        for (row, powers) in matrix.iter().enumerate() {
            let mut place = [0.0; ROWS];
            for tap in 0..powers.len() {
                for i in 0..ROWS {
                    place[i] += powers[tap] * half[tap][i];
                }
            }
            let y = &mut panels[(column * matrix.len() + row) * len];
            for i in 0..ROWS {
                y[i] = place[i] as f32;
            }
        }
    }
}
