//! A convolution where each channel has weights of its own, of channels that one with windows of single elements computes: of
//! those there are never more than some rows of some channels, which stay near.

use std::ops::Range;

use fearless_simd::Level;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;
use smallvec::SmallVec;

use super::sizes::ENOUGH;
use super::{Sizes, Weights, depthwise};
use crate::allocate;
use crate::buffer::{RIGHT, SUMS};
use crate::gemm::{
    COLUMNS, Finish, Laid, PLANE_ROWS, Planes, ROWS, Start, Sum, lay_right, lay_right_on_all,
    matrix, matrix_mut, multiply_into_rows, panel_columns, pieces, threads_for,
};
use crate::installed::Installed;
use crate::parts;
use crate::simd::{Simd, dispatch};
use crate::stop;

/// Bytes of what is worked on at once, which stays in the second cache: rows of the input and of some computed channels.
const NEAR_BYTES: usize = 400 << 10;

/// Elements before and behind the computed rows, since windows at the ends read beyond them.
const BEYOND: usize = 64;

/// Rows of a few channels.
type Rows<'a> = SmallVec<[&'a mut [f32]; ROWS]>;

/// What computes the channels.
#[derive(Clone, Copy)]
pub(crate) struct Expansion<'a> {
    pub(crate) sizes: &'a Sizes,
    pub(crate) weights: &'a Weights<f32>,
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) finish: Finish<'a, f32>,
}

/// Whether both can be done at once: the convolution that computes channels, and the one behind it.
pub(crate) fn suits(expansion: &Sizes, sizes: &Sizes) -> bool {
    let pointwise = expansion.is_pointwise() && expansion.groups == 1 && !expansion.shuffled;
    let empty = expansion.is_empty() || sizes.is_empty();
    let each = sizes.is_depthwise() && sizes.outputs == 1 && sizes.groups == expansion.outputs;
    let planes = depthwise::planes::<f32>(sizes, &[]);
    // Bands have rows of the input: no window lies on padding alone.
    let read = |planes: Planes<'_, f32>| {
        planes.pad < 3 && planes.stride * (planes.rows - 1) < planes.height + planes.pad
    };
    let near = |planes: Planes<'_, f32>| read(planes) && planes.suit();
    pointwise && each && !empty && planes.is_some_and(near)
}

/// How many threads an image is worth.
fn threads_for_image(expansion: &Sizes, sizes: &Sizes) -> usize {
    threads_for(sizes.groups, expansion.channels, sizes.plane())
}

/// Whether each thread has images of its own: there are many, or they are small.
fn are_apart(expansion: &Sizes, sizes: &Sizes) -> bool {
    let many = sizes.batch >= ENOUGH * rayon::current_num_threads();
    many || sizes.batch > 1 && threads_for_image(expansion, sizes) < 2
}

/// Bytes that [`convolve`] takes for itself.
pub(crate) fn scratch_bytes(expansion: &Sizes, sizes: &Sizes) -> usize {
    let threads = rayon::current_num_threads();
    let rows = Bands::new(expansion, sizes).scratch_elements();
    let panels = panel_columns(sizes.plane()).saturating_mul(expansion.channels);
    let apart = are_apart(expansion, sizes);
    let panels = panels.saturating_mul(if apart { threads } else { 1 });
    let tasks = Bands::new(expansion, sizes).count * ENOUGH * threads;
    rows.saturating_mul(threads)
        .saturating_add(panels)
        .saturating_mul(size_of::<f32>())
        .saturating_add(tasks.saturating_mul(size_of::<Task<'_>>()))
}

/// `y: [batch, channels, rows, columns]` of what `expansion` makes of `x`, and weights `w: [channels, 1, 3, 3]`, then held between
/// the bounds of `finish`.
pub(crate) fn convolve(
    expansion: Expansion<'_>,
    sizes: &Sizes,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    finish: Finish<'_, f32>,
    y: &mut [f32],
) {
    let (w, _) = w.as_chunks();
    let work = Work {
        level: Simd::installed(),
        bands: Bands::new(expansion.sizes, sizes),
        expansion,
        w,
        bias,
        finish: Finish {
            pitch: sizes.windows(),
            ..finish
        },
    };
    let (inner, channels) = (expansion.sizes.channels, sizes.groups);
    let (plane, windows) = (sizes.plane(), sizes.windows());
    let image = |number: usize, y: &mut [f32], threads: usize| {
        let x = &x[number * inner * plane..][..inner * plane];
        let x = matrix(x, inner, plane, false);
        work.image(&x, matrix_mut(y, channels, windows), threads);
    };
    if are_apart(expansion.sizes, sizes) {
        let installed = Installed::hand_over();
        let images = y.par_chunks_exact_mut(channels * windows).enumerate();
        let _ = images.try_for_each(|(number, y)| {
            let _entered = installed.enter()?;
            image(number, y, 1);
            Some(())
        });
        return;
    }
    let threads = threads_for_image(expansion.sizes, sizes);
    for (number, y) in y.chunks_exact_mut(channels * windows).enumerate() {
        if stop::is_set() {
            return;
        }
        image(number, y, threads);
    }
}

/// The rows of an image in bands, one of which is worked on at a time.
struct Bands<'a> {
    sizes: &'a Sizes,
    /// The first plane that windows read; where that lies is found later.
    planes: Planes<'static, f32>,
    count: usize,
}

/// A band, the first of some channels, and the windows of these.
type Task<'a> = (usize, usize, ArrayViewMut2<'a, f32>);

/// Some rows of windows.
struct Band {
    /// Windows of each channel.
    windows: Range<usize>,
    /// Elements of each plane that are computed: of whole panels.
    elements: Range<usize>,
    /// What the windows read, from the first of those elements on.
    planes: Planes<'static, f32>,
}

impl<'a> Bands<'a> {
    fn new(expansion: &Sizes, sizes: &'a Sizes) -> Bands<'a> {
        let planes = depthwise::planes(sizes, &[]).expect("the sizes suit");
        let row = (expansion.channels + ROWS) * planes.width * size_of::<f32>();
        let read = (NEAR_BYTES / row.max(1)).saturating_sub(2);
        let most = (read / planes.stride).max(PLANE_ROWS);
        let count = planes.rows.div_ceil(most);
        Bands {
            sizes,
            count: count.min(planes.rows / PLANE_ROWS).max(1),
            planes,
        }
    }

    fn band(&self, number: usize) -> Band {
        let all = self.planes;
        let [first, end] = [number, number + 1].map(|number| all.rows * number / self.count);
        // The rows of the plane that their windows read.
        let below = (all.stride * (end - 1) + 3 - all.pad).min(all.height);
        let above = (all.stride * first).saturating_sub(all.pad).min(below);
        let begin = above * all.width / COLUMNS * COLUMNS;
        let behind = (below * all.width).next_multiple_of(COLUMNS);
        Band {
            windows: first * all.columns..end * all.columns,
            elements: begin..behind.min(self.sizes.plane()),
            planes: Planes {
                begin: above * all.width - begin,
                height: below - above,
                pad: (all.pad + above).saturating_sub(all.stride * first),
                rows: end - first,
                ..all
            },
        }
    }

    /// The most elements from one computed channel to the next, an odd number of lines of the cache, so that they do not
    /// push each other out of it.
    fn pitch(&self) -> usize {
        let rows = self.planes.rows.div_ceil(self.count);
        let rows = (self.planes.stride * rows + 3).min(self.planes.height);
        let lines = (rows * self.planes.width).div_ceil(COLUMNS) + 2;
        (lines | 1) * COLUMNS
    }

    fn scratch_elements(&self) -> usize {
        self.pitch() * ROWS + 2 * BEYOND
    }
}

/// What is the same for all images.
struct Work<'a> {
    level: Level,
    bands: Bands<'a>,
    expansion: Expansion<'a>,
    w: &'a [[f32; 9]],
    bias: Option<&'a [f32]>,
    finish: Finish<'a, f32>,
}

impl Work<'_> {
    /// `y` of the image `x`, each with a row for each channel.
    fn image(&self, x: &ArrayView2<'_, f32>, y: ArrayViewMut2<'_, f32>, threads: usize) {
        let (inner, columns) = x.dim();
        let mut tasks: Vec<Task<'_>> = Vec::new();
        let mut rest = y;
        for number in 0..self.bands.count {
            let band = self.bands.band(number);
            let (y, behind) = rest.split_at(Axis(1), band.windows.len());
            rest = behind;
            if threads > 1 {
                let pieces = pieces(y, Axis(0), ROWS, threads);
                allocate::reserve(&mut tasks, pieces.len());
                tasks.extend(pieces.into_iter().map(|(first, y)| (number, first, y)));
                continue;
            }
            let elements = band.elements.clone();
            parts::with_buffer::<f32, RIGHT>(inner * panel_columns(elements.len()), |panels| {
                lay_right(x, elements.start, elements.len(), inner, panels);
                self.channels(&band, 0, panels, y);
            });
        }
        if tasks.is_empty() {
            return;
        }
        parts::with_buffer::<f32, RIGHT>(inner * panel_columns(columns), |panels| {
            lay_right_on_all(x, columns, inner, panels);
            let installed = Installed::hand_over();
            tasks.into_par_iter().for_each(|(number, first, y)| {
                if let Some(_entered) = installed.enter() {
                    let band = self.bands.band(number);
                    let panels = &panels[band.elements.start * inner..];
                    self.channels(&band, first, panels, y);
                }
            });
        });
    }

    /// The windows of a band, of the channels from `first` on.
    fn channels(&self, band: &Band, first: usize, panels: &[f32], mut y: ArrayViewMut2<'_, f32>) {
        let (sizes, columns) = (self.expansion.sizes, band.elements.len());
        let left = self
            .expansion
            .weights
            .left(0, sizes.outputs, sizes.channels);
        let start = match self.expansion.bias {
            Some(bias) => Start::Rows(bias),
            None => Start::Zero,
        };
        let pitch = self.bands.pitch();
        parts::with_buffer::<f32, SUMS>(self.bands.scratch_elements(), |computed| {
            let chunks = y.axis_chunks_iter_mut(Axis(0), ROWS);
            for (channel, y) in (first..).step_by(ROWS).zip(chunks) {
                if stop::is_set() {
                    return;
                }
                let (left, start) = (left.at_row(channel), start.part(channel, 0));
                let (laid, finish) = (Laid::Panels(panels), self.expansion.finish);
                {
                    let rows = computed[BEYOND..].chunks_exact_mut(pitch).take(y.nrows());
                    let mut rows: Rows<'_> = rows.map(|row| &mut row[..columns]).collect();
                    multiply_into_rows(self.level, left, laid, start, finish, &mut rows);
                }
                let planes = Planes {
                    x: computed,
                    begin: BEYOND + band.planes.begin,
                    pitch,
                    ..band.planes
                };
                self.weigh(planes, channel, y);
            }
        });
    }

    /// The windows of channels from `first` on, into their rows.
    fn weigh(&self, planes: Planes<'_, f32>, first: usize, mut y: ArrayViewMut2<'_, f32>) {
        let count = y.nrows();
        let several = |planes: Planes<'_, f32>, first: usize, count: usize, y: &mut [f32]| {
            let w = &self.w[first..first + count];
            let bias = self.bias.map(|bias| &bias[first..]);
            let finish = self.finish;
            let done =
                dispatch!(self.level, s => f32::of_neighbours(s, planes, w, bias, finish, y));
            assert_eq!(done, count, "there is room before and behind the planes");
        };
        if let Some(y) = y.as_slice_mut() {
            return several(planes, first, count, y);
        }
        for (at, row) in y.rows_mut().into_iter().enumerate() {
            let begin = planes.begin + at * planes.pitch;
            let row = row.into_slice().expect("elements of a row are neighbours");
            several(Planes { begin, ..planes }, first + at, 1, row);
        }
    }
}
