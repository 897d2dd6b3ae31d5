//! Convolution with small windows along the last two axes by tiles of outputs: with a sixth to a half of the multiplications.
//!
//! Winograd's minimal filtering, as F(4x4, 3x3): a tile of 6x6 elements and the weights are each transformed, multiplied element
//! by element and summed up over the channels, which is a product of matrices for each of the 36 places, and transformed
//! back. Lavin and Gray, <https://arxiv.org/abs/1509.09308>. The transforms add numbers of different size, so that
//! results are less exact than sums of products: by a millionth or two of the largest ones for windows of 3x3, and by up to
//! ten times as much for those of four or five taps a phase.
//!
//! Where windows have strides, the elements of each remainder modulo these are a plane of their own, a phase: on these planes
//! windows are smaller and follow each other, and sums go over all of them as over channels.

mod filter;
mod layout;
mod lines;
mod points;
mod signs;
mod slices;
mod suits;
mod tiles;
mod weights;

use fearless_simd::Level;
use rayon::prelude::*;

pub(crate) use filter::Filter;
use filter::with_sizes;
use lines::Lines;
use slices::Slices;
pub(crate) use suits::suits;
pub(crate) use weights::Weights;

use super::Sizes;
use crate::allocate;
use crate::buffer::{Item, RIGHT, SUMS};
use crate::gemm::{Finish, Laid, Left, ROWS, Start, left_len, multiply_into_rows, panel_columns};
use crate::installed::Installed;
use crate::simd::{LANES, Simd, dispatch};
use crate::stop;
use crate::window::Axis;

/// Tiles that are worked on at once: of few channels, they stay in the second cache.
const BLOCK: usize = 64;
/// Multiplications of places that are worth a task of their own.
const PRODUCTS: usize = 1 << 18;
/// Sums of places that are worth a task of their own when they are transformed back.
const SUMMED: usize = 1 << 13;
/// Elements between the matrices of places, for what vectors read behind the last tile, or those of integers write there; and so
/// that places do not fall on the same lines of the first cache.
pub(super) const GAP: usize = 16;

/// The tiles of one image and group.
struct Tiles<'a> {
    sizes: &'a Sizes,
    filter: Filter,
    slices: Slices,
    lines: Lines,
    /// Tiles along the last two axes, and rows of tiles that are worked on at once.
    rows: usize,
    columns: usize,
    together: usize,
    /// Elements of a row of the output, and of a slice of it.
    width: usize,
    slice: usize,
}

/// Bytes that [`convolve`] takes for itself.
pub(crate) fn scratch_bytes(sizes: &Sizes, w: &Weights) -> usize {
    let tiles = Tiles::new(sizes, w.filter, Slices::sized(outer(sizes)));
    let row = |count: usize, slices| count.saturating_mul(tiles.pitch(slices, tiles.together));
    let products = row(tiles.channels(), tiles.slices.inputs)
        .saturating_add(row(sizes.outputs, tiles.slices.outputs))
        .saturating_add(2 * GAP)
        .saturating_mul(w.filter.area());
    let runs = tiles.slices.outputs.saturating_mul(tiles.slices.taps);
    products
        .saturating_add(tiles.lines.elements(tiles.together))
        .saturating_mul(rayon::current_num_threads())
        .saturating_mul(size_of::<f32>())
        .saturating_add(runs.saturating_mul(size_of::<slices::Run>()))
}

/// The axes before the last two.
fn outer(sizes: &Sizes) -> &[Axis] {
    &sizes.axes[..sizes.axes.len() - 2]
}

/// As [`convolve`](super::convolve), where it [pays](Weights::pay).
pub(crate) fn convolve(
    sizes: &Sizes,
    x: &[f32],
    w: &Weights,
    bias: Option<&[f32]>,
    finish: Finish<'_, f32>,
    y: &mut [f32],
) {
    let tiles = Tiles::new(sizes, w.filter, Slices::new(outer(sizes)));
    let (windows, in_group) = (sizes.windows(), sizes.channels * sizes.plane());
    let level = Simd::installed();
    for (at, y) in y.chunks_mut(sizes.outputs * windows).enumerate() {
        if stop::is_set() {
            return;
        }
        let group = at % sizes.groups;
        let len = tiles.left_len() * tiles.slices.taps * w.filter.area();
        let operands = Operands {
            level,
            w: &w.panels[group * len..][..len],
            bias: bias.map(|bias| &bias[group * sizes.outputs..][..sizes.outputs]),
            finish: Finish {
                pitch: windows,
                ..finish.plane(at, sizes.outputs * windows)
            },
        };
        tiles.image(&x[at * in_group..][..in_group], operands, y);
    }
}

/// What goes into the outputs of one image and group beside its input.
#[derive(Clone, Copy)]
struct Operands<'a> {
    level: Level,
    w: &'a [[f32; ROWS]],
    bias: Option<&'a [f32]>,
    finish: Finish<'a, f32>,
}

impl<'a> Tiles<'a> {
    fn new(sizes: &'a Sizes, filter: Filter, slices: Slices) -> Tiles<'a> {
        let [.., down, across] = &*sizes.axes else {
            unreachable!("tiles pay for two axes at least");
        };
        let [rows, columns] = [down, across].map(|axis| filter.tiles(axis));
        let tiles = columns * slices.inputs.max(slices.outputs);
        Tiles {
            sizes,
            filter,
            lines: Lines::new(filter, down, across),
            rows,
            columns,
            together: (BLOCK / tiles).clamp(1, rows),
            width: across.output,
            slice: sizes.windows() / slices.outputs,
            slices,
        }
    }

    /// Channels of a group, of all phases.
    fn channels(&self) -> usize {
        self.sizes.channels.saturating_mul(self.lines.phases())
    }

    /// Elements from row to row of a matrix of `rows` rows of tiles of some slices, with room for what a vector holds behind
    /// short ones: not of a size whose multiples fall on the same lines of the first cache.
    fn pitch(&self, slices: usize, rows: usize) -> usize {
        let beyond = LANES.saturating_sub(self.columns);
        let tiles = slices.saturating_mul(rows * self.columns);
        let pitch = panel_columns(tiles.saturating_add(beyond));
        match slices > 1 && pitch.is_multiple_of(4 * GAP) {
            true => pitch + GAP,
            false => pitch,
        }
    }

    /// Steps of the panels of weights of one place and tap.
    fn left_len(&self) -> usize {
        left_len(self.sizes.outputs, self.channels())
    }

    fn image(&self, x: &[f32], operands: Operands<'_>, y: &mut [f32]) {
        // Rows of the output that a block of tiles computes, of all planes.
        let planes = self.sizes.outputs * self.slices.outputs;
        let of_block = |_| allocate::with_capacity(planes);
        let mut blocks: Vec<Vec<&mut [f32]>> =
            allocate::collected((0..self.rows.div_ceil(self.together)).map(of_block));
        for y in y.chunks_mut(self.slice) {
            for (block, y) in y
                .chunks_mut(self.together * self.filter.out * self.width)
                .enumerate()
            {
                blocks[block].push(y);
            }
        }
        let installed = Installed::hand_over();
        let run = |(number, mut y): (usize, Vec<&mut [f32]>)| {
            if let Some(_entered) = installed.enter() {
                self.block(number, x, operands, &mut y);
            }
        };
        blocks.into_par_iter().enumerate().for_each(run);
    }

    /// One block of tiles, into its rows of all output planes.
    fn block(&self, number: usize, x: &[f32], operands: Operands<'_>, y: &mut [&mut [f32]]) {
        let (channels, outputs, level) = (self.channels(), self.sizes.outputs, operands.level);
        let places = self.filter.area();
        let first = number * self.together;
        let rows = self.together.min(self.rows - first);
        let [width, y_width] =
            [self.slices.inputs, self.slices.outputs].map(|slices| self.pitch(slices, rows));
        let (pitch, y_pitch) = (channels * width + GAP, outputs * y_width + GAP);
        let work = self.slices.runs.len() * outputs * channels * y_width;
        f32::with_buffer::<RIGHT, _>(places * pitch, |laid| {
            self.transform_all(level, x, first, rows, laid);
            f32::with_buffer::<SUMS, _>(places * y_pitch, |products| {
                let installed = Installed::hand_over();
                products
                    .par_chunks_mut(y_pitch)
                    .zip(laid.par_chunks(pitch))
                    .enumerate()
                    .with_min_len(PRODUCTS / work.max(1) + 1)
                    .for_each(|(place, (products, laid))| {
                        if let Some(_entered) = installed.enter() {
                            let w = &operands.w[place * self.slices.taps * self.left_len()..];
                            let products = &mut products[..outputs * y_width];
                            self.multiply(level, w, laid, width, rows, products);
                        }
                    });
                let products = &*products;
                let from = first * self.filter.out * self.width;
                y.par_iter_mut()
                    .enumerate()
                    .with_min_len(SUMMED / (places * rows * self.columns) + 1)
                    .for_each(|(plane, y)| {
                        let Some(_entered) = installed.enter() else {
                            return;
                        };
                        let (output, slice) =
                            (plane / self.slices.outputs, plane % self.slices.outputs);
                        let at = output * y_width + slice * rows * self.columns;
                        let products = &products[at..];
                        let bias = operands.bias.map_or(0.0, |bias| bias[output]);
                        let finish = operands.finish.part(output, slice * self.slice + from);
                        with_sizes!(self.filter, <PLACES, OUT> dispatch!(level, s => {
                            self.back::<_, PLACES, OUT>(s, products, y_pitch, rows, bias, finish, y);
                        }));
                    });
            });
        });
    }

    /// The products of one place, summed up over the taps along the outer axes.
    fn multiply(
        &self,
        level: Level,
        w: &[[f32; ROWS]],
        laid: &[f32],
        pitch: usize,
        rows: usize,
        products: &mut [f32],
    ) {
        let (channels, outputs) = (self.channels(), self.sizes.outputs);
        let tiles = rows * self.columns;
        let start = match self.slices.are_one_run() {
            true => Start::Zero,
            false => {
                products.fill(0.0);
                Start::Output
            }
        };
        let y_pitch = products.len() / outputs;
        for run in &self.slices.runs {
            let left = Left::new(&w[run.tap * self.left_len()..], outputs, channels);
            let right = Laid::Rows(&laid[run.input * tiles..], pitch);
            let sums = products.chunks_exact_mut(y_pitch);
            let sums = sums.map(|row| &mut row[run.output * tiles..][..run.count * tiles]);
            let mut sums: Vec<&mut [f32]> = allocate::collected(sums);
            multiply_into_rows(level, left, right, start, Finish::NONE, &mut sums);
        }
    }
}
