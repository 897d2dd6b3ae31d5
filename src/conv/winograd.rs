//! Convolution with windows of 3x3 along the last two axes by tiles of 4x4 outputs: a quarter of the multiplications.
//!
//! Winograd's minimal filtering F(4x4, 3x3): a tile of 6x6 elements and the weights are each transformed, multiplied element
//! by element and summed up over the channels, which is a product of matrices for each of the 36 places, and transformed
//! back. Lavin and Gray, <https://arxiv.org/abs/1509.09308>. The transforms add numbers of different size, so that
//! results are less exact than sums of products: by a millionth or two of the largest ones.

mod points;
mod slices;
mod suits;
mod tiles;
mod weights;

use fearless_simd::Level;
use ndarray::{ArrayViewMut2, Axis as NdAxis};
use rayon::prelude::*;

use slices::Slices;
pub(crate) use suits::suits;
pub(crate) use weights::Weights;

use super::Sizes;
use super::sorted::{BEYOND, Sorted};
use crate::allocate;
use crate::buffer::{Item, RIGHT, SORTED, SUMS};
use crate::gemm::{Finish, Laid, Left, ROWS, Start, left_len, multiply_laid, panel_columns};
use crate::installed::Installed;
use crate::parts;
use crate::simd::{Simd, dispatch};
use crate::stop;
use crate::window::Axis;

/// Outputs of a tile along an axis.
pub(super) const OUT: usize = 4;
/// Elements that a tile reads along an axis.
pub(super) const IN: usize = 6;
/// Weights of a window.
const TAPS: usize = 9;
/// Places of a transformed tile.
pub(super) const PLACES: usize = IN * IN;
/// Tiles that are worked on at once, so that they stay in the second cache.
const BLOCK: usize = 96;
/// Multiplications of places that are worth a task of their own.
const PRODUCTS: usize = 1 << 20;
/// Elements between the matrices of places: what vectors hold behind the last tile goes there, and places do not fall on the
/// same lines of the first cache.
pub(super) const GAP: usize = 16;

/// The most columns of tiles, of all slices of a block, where there are several.
const MOST: usize = 1 << 10;

/// Whether it is faster than a product of all weights: as a rule from 16 channels on, unless tiles leave vectors empty.
pub(crate) fn pays(sizes: &Sizes) -> bool {
    let [outer @ .., rows, columns] = &*sizes.axes else {
        return false;
    };
    let small = |axis: &Axis| (axis.kernel, axis.stride, axis.dilation) == (3, 1, 1);
    if !small(rows) || !small(columns) || sizes.channels.min(sizes.outputs) < 16 {
        return false;
    }
    let slices = Slices::sized(outer);
    let [across, down] = [columns, rows].map(|axis| axis.output.div_ceil(OUT));
    let most = slices.inputs.max(slices.outputs);
    if most > 1 && across.saturating_mul(most) > MOST {
        return false;
    }
    let tiles = across.saturating_mul(down).saturating_mul(slices.outputs);
    // What is too large for the memory may be any number.
    let columns_of = |count: usize| panel_columns(count.min(isize::MAX as usize));
    let [plain, tiled] = [sizes.windows(), tiles].map(columns_of);
    // The transforms take about as long as half of the products.
    plain.saturating_mul(TAPS * 2) > tiled.saturating_mul(PLACES * 3)
}

/// The tiles of one image and group.
struct Tiles<'a> {
    sizes: &'a Sizes,
    slices: Slices,
    sorted: Sorted<'a>,
    offsets: [usize; PLACES],
    /// Tiles along the last two axes, and rows of tiles that are worked on at once.
    rows: usize,
    columns: usize,
    together: usize,
    /// Elements of a row of the output, and of a slice of it.
    width: usize,
    slice: usize,
}

/// The axes of tiles: windows of six elements, four apart.
pub(crate) struct Axes(pub(super) [Axis; 2]);

impl Axes {
    pub(crate) fn new(sizes: &Sizes) -> Axes {
        let tiled = |axis: &Axis| Axis {
            output: axis.output.div_ceil(OUT),
            kernel: IN,
            stride: OUT,
            ..*axis
        };
        let [.., rows, columns] = &*sizes.axes else {
            unreachable!("tiles pay for two axes at least");
        };
        Axes([tiled(rows), tiled(columns)])
    }
}

/// Bytes that [`convolve`] takes for itself.
pub(crate) fn scratch_bytes(sizes: &Sizes) -> usize {
    let axes = Axes::new(sizes);
    let outer = &sizes.axes[..sizes.axes.len() - 2];
    let tiles = Tiles::new(sizes, &axes, Slices::sized(outer));
    let row = |count: usize, slices| count.saturating_mul(tiles.pitch(slices, tiles.together));
    let products = row(sizes.channels, tiles.slices.inputs)
        .saturating_add(row(sizes.outputs, tiles.slices.outputs))
        .saturating_add(2 * GAP)
        .saturating_mul(PLACES);
    let planes = tiles
        .sorted
        .elements()
        .saturating_mul(sizes.channels)
        .saturating_mul(tiles.slices.inputs);
    let runs = tiles.slices.outputs.saturating_mul(tiles.slices.taps);
    products
        .saturating_mul(rayon::current_num_threads())
        .saturating_add(planes)
        .saturating_mul(size_of::<f32>())
        .saturating_add(runs.saturating_mul(size_of::<slices::Run>()))
}

/// As [`convolve`](super::convolve), where it [pays](pays).
pub(crate) fn convolve(
    sizes: &Sizes,
    x: &[f32],
    w: &Weights,
    bias: Option<&[f32]>,
    finish: Finish<'_, f32>,
    y: &mut [f32],
) {
    let axes = Axes::new(sizes);
    let outer = &sizes.axes[..sizes.axes.len() - 2];
    let tiles = Tiles::new(sizes, &axes, Slices::new(outer));
    let (windows, in_group) = (sizes.windows(), sizes.channels * sizes.plane());
    let level = Simd::installed();
    for (at, y) in y.chunks_mut(sizes.outputs * windows).enumerate() {
        if stop::is_set() {
            return;
        }
        let group = at % sizes.groups;
        let len = tiles.left_len() * tiles.slices.taps * PLACES;
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
    fn new(sizes: &'a Sizes, axes: &'a Axes, slices: Slices) -> Tiles<'a> {
        let sorted = Sorted::new(&axes.0);
        let mut offsets = [0; PLACES];
        for (place, offset) in offsets.iter_mut().enumerate() {
            *offset = sorted.offset(place);
        }
        let [rows, columns] = [axes.0[0].output, axes.0[1].output];
        let width = sizes.axes[sizes.axes.len() - 1].output;
        let across = columns * slices.inputs.max(slices.outputs);
        Tiles {
            sizes,
            sorted,
            offsets,
            rows,
            columns,
            together: (BLOCK / across).clamp(1, rows),
            width,
            slice: sizes.windows() / slices.outputs,
            slices,
        }
    }

    /// Elements from row to row of a matrix of `rows` rows of tiles of some slices: not of a size whose multiples fall on the
    /// same lines of the first cache.
    fn pitch(&self, slices: usize, rows: usize) -> usize {
        let pitch = panel_columns(slices.saturating_mul(rows * self.columns));
        match slices > 1 && pitch.is_multiple_of(4 * GAP) {
            true => pitch + GAP,
            false => pitch,
        }
    }

    /// Steps of the panels of weights of one place and tap.
    fn left_len(&self) -> usize {
        left_len(self.sizes.outputs, self.sizes.channels)
    }

    fn image(&self, x: &[f32], operands: Operands<'_>, y: &mut [f32]) {
        let count = self.sizes.channels * self.slices.inputs * self.sorted.elements();
        // Rows of the output that a block of tiles computes, of all planes.
        let planes = self.sizes.outputs * self.slices.outputs;
        let of_block = |_| allocate::with_capacity(planes);
        let mut blocks: Vec<Vec<&mut [f32]>> =
            allocate::collected((0..self.rows.div_ceil(self.together)).map(of_block));
        for y in y.chunks_mut(self.slice) {
            for (block, y) in y.chunks_mut(self.together * OUT * self.width).enumerate() {
                blocks[block].push(y);
            }
        }
        parts::with_buffer::<f32, SORTED>(count + BEYOND, |planes| {
            self.sorted.sort_all(x, &mut planes[..count]);
            let planes = &*planes;
            let installed = Installed::hand_over();
            let run = |(number, mut y): (usize, Vec<&mut [f32]>)| {
                let Some(_entered) = installed.enter() else {
                    return;
                };
                self.block(number, planes, operands, &mut y);
            };
            blocks.into_par_iter().enumerate().for_each(run);
        });
    }

    /// One block of tiles, into its rows of all output planes.
    fn block(&self, number: usize, planes: &[f32], operands: Operands<'_>, y: &mut [&mut [f32]]) {
        let (channels, outputs, level) = (self.sizes.channels, self.sizes.outputs, operands.level);
        let first = number * self.together;
        let rows = self.together.min(self.rows - first);
        let [width, y_width] =
            [self.slices.inputs, self.slices.outputs].map(|slices| self.pitch(slices, rows));
        let (pitch, y_pitch) = (channels * width + GAP, outputs * y_width + GAP);
        let work = self.slices.runs.len() * outputs * channels * y_width;
        f32::with_buffer::<RIGHT, _>(PLACES * pitch, |laid| {
            self.transform_all(level, planes, first, rows, laid);
            f32::with_buffer::<SUMS, _>(PLACES * y_pitch, |products| {
                let installed = Installed::hand_over();
                products
                    .par_chunks_mut(y_pitch)
                    .zip(laid.par_chunks(pitch))
                    .zip(operands.w.par_chunks(self.slices.taps * self.left_len()))
                    .with_min_len(PRODUCTS / work.max(1) + 1)
                    .for_each(|((products, laid), w)| {
                        if let Some(_entered) = installed.enter() {
                            let products = &mut products[..outputs * y_width];
                            self.multiply(level, w, laid, width, rows, products);
                        }
                    });
                let products = &*products;
                let from = first * OUT * self.width;
                y.par_iter_mut()
                    .enumerate()
                    .with_min_len((1 << 14) / (PLACES * rows * self.columns) + 1)
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
                        dispatch!(level, s => self.back(s, products, y_pitch, rows, bias, finish, y));
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
        let (channels, outputs) = (self.sizes.channels, self.sizes.outputs);
        let tiles = rows * self.columns;
        let start = match self.slices.are_one_run() {
            true => Start::Zero,
            false => {
                products.fill(0.0);
                Start::Output
            }
        };
        let y_pitch = products.len() / outputs;
        let mut sums =
            ArrayViewMut2::from_shape((outputs, y_pitch), products).expect("as many as there are");
        for run in &self.slices.runs {
            let left = Left::new(&w[run.tap * self.left_len()..], outputs, channels);
            let right = Laid::Rows(&laid[run.input * tiles..], pitch);
            let (_, behind) = sums.view_mut().split_at(NdAxis(1), run.output * tiles);
            let (sums, _) = behind.split_at(NdAxis(1), run.count * tiles);
            multiply_laid(level, left, right, start, Finish::NONE, sums);
        }
    }
}
