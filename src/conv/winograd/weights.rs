//! The weights, transformed when a model is loaded.

use fearless_simd::Simd as Vectors;

use super::super::Sizes;
use super::filter::Filter;
use super::layout::Layout;
use super::points;
use super::signs::Signs;
use crate::error::OpError;
use crate::gemm::ROWS;
use crate::lasting::Lasting;
use crate::parts;
use crate::simd::{Simd, dispatch};

/// Taps of the largest windows along an axis.
const MOST_TAPS: usize = 5;

/// Transformed weights, laid out for products: group by group, place by place, column by column
/// of a tile, tap by tap of the outer axes.
#[derive(Debug)]
pub(crate) struct Weights {
    pub(super) filter: Filter,
    pub(super) panels: Lasting<[f32; ROWS]>,
    /// Of the weights before.
    signs: Signs,
}

/// The weights of a window, of a panel of outputs.
type Window = [[[f64; ROWS]; MOST_TAPS]; MOST_TAPS];

impl Weights {
    /// Of `w: [groups * outputs, channels, taps.., rows, columns]`.
    ///
    /// # Errors
    /// The work is to stop.
    pub(crate) fn new(filter: Filter, w: &[f32], sizes: &Sizes) -> Result<Weights, OpError> {
        let layout = Layout::new(filter, sizes);
        let mut panels = Lasting::zeroed(layout.len(), true)?;
        let written = &mut panels[..];
        let (matrix, len) = (points::of_weights(filter), layout.place_len());
        let level = Simd::installed();
        layout.each(|spot| {
            let mut window = Window::default();
            layout.of_windows(&spot, |[r, c, i], at| window[r][c][i] = f64::from(w[at]));
            let panels = &mut written[spot.panel..];
            dispatch!(level, s => transform(s, &matrix, &window, len, panels));
        })?;
        Ok(Weights {
            filter,
            panels,
            signs: Signs::of(w)?,
        })
    }

    /// The weights before, but for rounding: with their signs and zeros, so that their products with infinity are as they
    /// were.
    ///
    /// # Errors
    /// The run is to stop.
    pub(crate) fn recovered(&self, sizes: &Sizes) -> Result<Vec<f32>, OpError> {
        let layout = Layout::new(self.filter, sizes);
        let panels = &self.panels[..];
        let (matrix, len) = (points::to_weights(self.filter), layout.place_len());
        let mut w = parts::filled(0.0, self.signs.len())?;
        layout.each(|spot| {
            let window = transform_back(&matrix, &panels[spot.panel..], len);
            layout.of_windows(&spot, |[r, c, i], at| {
                w[at] = self.signs.give(at, window[r][c][i] as f32);
            });
        })?;
        Ok(w)
    }

    /// Bytes that those of a convolution take.
    pub(crate) fn bytes(filter: Filter, sizes: &Sizes) -> usize {
        let panels = Layout::new(filter, sizes).len();
        let signs = Signs::bytes(sizes.groups * sizes.outputs * sizes.inner());
        panels
            .saturating_mul(size_of::<[f32; ROWS]>())
            .saturating_add(signs)
    }

    /// Whether a convolution is faster with them.
    pub(crate) fn pay(&self, sizes: &Sizes) -> bool {
        self.filter.pays(sizes)
    }

    /// Bytes that [`Weights::recovered`] takes.
    pub(crate) fn recovered_bytes(&self) -> usize {
        self.signs.len() * size_of::<f32>()
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

/// The weights of one channel for a panel of outputs, of panels `len` apart from place to place.
fn transform_back(matrix: &[Vec<f64>], panels: &[[f32; ROWS]], len: usize) -> Window {
    let mut window = Window::default();
    let places = matrix[0].len();
    for column in 0..places {
        let mut half = [[0.0; ROWS]; MOST_TAPS];
        for (row, factors) in matrix.iter().enumerate() {
            for (place, factor) in factors.iter().enumerate() {
                let place = panels[(column * places + place) * len];
                for i in 0..ROWS {
                    half[row][i] += factor * f64::from(place[i]);
                }
            }
        }
        for row in 0..matrix.len() {
            for (tap, factors) in matrix.iter().enumerate() {
                for i in 0..ROWS {
                    window[row][tap][i] += factors[column] * half[row][i];
                }
            }
        }
    }
    window
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::window::Axis;

    #[test]
    fn weights_come_back_with_their_signs() {
        let axis = |kernel, stride| Axis {
            input: 40,
            output: (40 - kernel) / stride + 1,
            kernel,
            stride,
            dilation: 1,
            pad_begin: 0,
            pad_end: 0,
        };
        let filters = [(2, 3), (4, 3), (4, 4), (4, 5)];
        let filters = filters.map(|(out, taps)| Filter { out, taps });
        for (filter, axes) in [
            (filters[0], smallvec![axis(2, 1), axis(3, 1), axis(3, 1)]),
            (filters[1], smallvec![axis(3, 1), axis(2, 1)]),
            (filters[1], smallvec![axis(11, 4), axis(9, 3)]),
            (filters[2], smallvec![axis(7, 2), axis(4, 1)]),
            (filters[3], smallvec![axis(5, 1), axis(5, 1)]),
        ] {
            let sizes = Sizes {
                batch: 1,
                groups: 2,
                channels: 3,
                outputs: 13,
                axes,
                shuffled: false,
            };
            let len = 2 * 3 * 13 * sizes.taps();
            // Zeros of both signs, small numbers beside large ones.
            let weight = |at: usize| match at % 7 {
                0 => 0.0,
                1 => -0.0,
                2 => -1e-12,
                _ => (at * 37 % 101) as f32 - 50.0,
            };
            let w: Vec<f32> = (0..len).map(weight).collect();
            let weights = Weights::new(filter, &w, &sizes).expect("nobody stops it");
            let back = weights.recovered(&sizes).expect("nobody stops it");
            assert_eq!(back.len(), len);
            for (at, (&w, &back)) in w.iter().zip(&back).enumerate() {
                assert!((w - back).abs() <= 1e-4, "{filter:?}, {at}: {w}, {back}");
                assert_eq!(w * f32::INFINITY > 0.0, back * f32::INFINITY > 0.0);
                assert_eq!(w == 0.0, back == 0.0);
            }
        }
    }
}
