//! Convolution with windows of 3x3 by tiles of 4x4 outputs: a quarter of the multiplications.
//!
//! Winograd's minimal filtering F(4x4, 3x3): a tile of 6x6 elements and the weights are each transformed, multiplied element
//! by element and summed up over the channels, which is a product of matrices for each of the 36 places, and transformed
//! back. Lavin and Gray, <https://arxiv.org/abs/1509.09308>. The transforms add numbers of different size, so that
//! results are less exact than sums of products: by a millionth or two of the largest ones.

use fearless_simd::{Level, Simd as Vectors, SimdBase};
use ndarray::ArrayViewMut2;
use rayon::prelude::*;

use super::Sizes;
use super::sorted::{BEYOND, Sorted};
use crate::allocate;
use crate::buffer::{Item, RIGHT, SORTED, SUMS};
use crate::error::OpError;
use crate::gemm::{
    Finish, Left, ROWS, Start, lay_left, left_len, matrix, multiply_laid, panel_columns,
};
use crate::installed::Installed;
use crate::parts::{self, Looks};
use crate::simd::{Simd, dispatch};
use crate::stop;
use crate::window::Axis;

/// Outputs of a tile along an axis.
const OUT: usize = 4;
/// Elements that a tile reads along an axis.
const IN: usize = 6;
/// Places of a transformed tile.
const PLACES: usize = IN * IN;
/// Tiles that are worked on at once, so that they stay in the second cache.
const BLOCK: usize = 96;
/// Elements between the matrices of places: what vectors hold behind the last tile goes there, and places do not fall on the
/// same lines of the first cache.
const GAP: usize = 16;

/// The points at which polynomials are evaluated are 0, these two with both signs, and infinity. Between numbers of like
/// size fewer digits are lost than between those of the small integers 1 and 2.
const A: f64 = std::f64::consts::FRAC_1_SQRT_2;
const B: f64 = std::f64::consts::SQRT_2;

/// What transforms three weights of a row: the powers of a point, over its distances from the others.
const G: [[f64; 3]; IN] = [
    [1.0 / (A * A * B * B), 0.0, 0.0],
    powers(A, 2.0 * A * A * (A * A - B * B)),
    powers(-A, 2.0 * A * A * (A * A - B * B)),
    powers(B, 2.0 * B * B * (B * B - A * A)),
    powers(-B, 2.0 * B * B * (B * B - A * A)),
    [0.0, 0.0, 1.0],
];

const fn powers(point: f64, distances: f64) -> [f64; 3] {
    [
        1.0 / distances,
        point / distances,
        point * point / distances,
    ]
}

/// Whether it is faster than a product of all weights: as a rule from 16 channels on, unless tiles leave vectors empty.
pub(crate) fn pays(sizes: &Sizes) -> bool {
    let [rows, columns] = &*sizes.axes else {
        return false;
    };
    let small = |axis: &Axis| (axis.kernel, axis.stride, axis.dilation) == (3, 1, 1);
    if !small(rows) || !small(columns) || sizes.channels.min(sizes.outputs) < 16 {
        return false;
    }
    let tiles = rows.output.div_ceil(OUT) * columns.output.div_ceil(OUT);
    let [plain, tiled] = [sizes.windows(), tiles].map(panel_columns);
    // The transforms take about as long as half of the products.
    plain.saturating_mul(9 * 2) > tiled.saturating_mul(PLACES * 3)
}

/// The largest number with which no product of tiles overflows where the sums do not.
const LARGEST: f32 = 1e18;

/// Numbers that are seen between looks at whether the run is to stop.
const SEEN: usize = 1 << 18;

/// Whether tiles may be used for these numbers: a transform mixes those of a whole tile, so that an infinity or NaN, or what
/// overflows beside it, would reach windows that do not read it.
pub(crate) fn suits(x: &[f32]) -> bool {
    let level = Simd::installed();
    x.chunks(SEEN).enumerate().all(|(number, x)| {
        // What is stopped may be done in any way.
        (number == 0 || !stop::is_set())
            && dispatch!(level, s => largest(s, x)) <= LARGEST.to_bits() as i32
    })
}

/// The largest absolute value as bits, which have the order of the numbers, with infinity and NaN above them.
#[inline(always)]
fn largest<S: Vectors>(_: S, x: &[f32]) -> i32 {
    const LANES: usize = 64;
    let mut largest = [0i32; LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            let bits = (block[lane].to_bits() & 0x7fff_ffff) as i32;
            largest[lane] = largest[lane].max(bits);
        }
    }
    let mut result = 0;
    for lane in 0..LANES {
        result = largest[lane].max(result);
    }
    for x in rest {
        result = ((x.to_bits() & 0x7fff_ffff) as i32).max(result);
    }
    result
}

/// Transformed weights, laid out for products: group by group, place by place.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    panels: Vec<[f32; ROWS]>,
}

impl Weights {
    /// Of `w: [groups * outputs, channels, 3, 3]`.
    ///
    /// # Errors
    /// The work is to stop.
    pub(crate) fn new(
        w: &[f32],
        groups: usize,
        outputs: usize,
        channels: usize,
    ) -> Result<Weights, OpError> {
        let len = left_len(outputs, channels);
        let mut panels = parts::filled([0.0; ROWS], groups * PLACES * len)?;
        let mut places = parts::filled(0.0, PLACES * outputs * channels)?;
        let mut looks = Looks::default();
        for group in 0..groups {
            let w = &w[group * outputs * channels * 9..][..outputs * channels * 9];
            for (at, w) in w.chunks_exact(9).enumerate() {
                looks.check(9 * PLACES)?;
                for row in 0..IN {
                    for column in 0..IN {
                        let mut sum = 0.0;
                        for (tap, &w) in w.iter().enumerate() {
                            sum += G[row][tap / 3] * f64::from(w) * G[column][tap % 3];
                        }
                        places[(row * IN + column) * outputs * channels + at] = sum as f32;
                    }
                }
            }
            for (place, w) in places.chunks_exact(outputs * channels).enumerate() {
                let w = matrix(w, outputs, channels, false);
                lay_left(&w, &mut panels[(group * PLACES + place) * len..][..len]);
            }
        }
        Ok(Weights { panels })
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.panels.len() * size_of::<[f32; ROWS]>()
    }
}

/// The tiles of one image and group.
struct Tiles<'a> {
    sizes: &'a Sizes,
    sorted: Sorted<'a>,
    offsets: [usize; PLACES],
    /// Tiles along the two axes, and rows of tiles that are worked on at once.
    rows: usize,
    columns: usize,
    together: usize,
}

/// The axes of tiles: windows of six elements, four apart.
pub(crate) struct Axes([Axis; 2]);

impl Axes {
    pub(crate) fn new(sizes: &Sizes) -> Axes {
        let tiled = |axis: &Axis| Axis {
            output: axis.output.div_ceil(OUT),
            kernel: IN,
            stride: OUT,
            ..*axis
        };
        Axes([tiled(&sizes.axes[0]), tiled(&sizes.axes[1])])
    }
}

/// Bytes that [`convolve`] takes for itself.
pub(crate) fn scratch_bytes(sizes: &Sizes) -> usize {
    let axes = Axes::new(sizes);
    let tiles = Tiles::new(sizes, &axes);
    let block = panel_columns(tiles.together * tiles.columns);
    let rows = sizes.channels.saturating_add(sizes.outputs);
    let products = rows.saturating_mul(block).saturating_add(2 * GAP);
    let products = products.saturating_mul(PLACES);
    let planes = tiles.sorted.elements().saturating_mul(sizes.channels);
    products
        .saturating_mul(rayon::current_num_threads())
        .saturating_add(planes)
        .saturating_mul(size_of::<f32>())
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
    let tiles = Tiles::new(sizes, &axes);
    let plane = sizes.windows();
    let level = Simd::installed();
    for (at, y) in y.chunks_mut(sizes.outputs * plane).enumerate() {
        if stop::is_set() {
            return;
        }
        let group = at % sizes.groups;
        let x = &x[at * sizes.channels * sizes.plane()..][..sizes.channels * sizes.plane()];
        let len = left_len(sizes.outputs, sizes.channels) * PLACES;
        let w = &w.panels[group * len..][..len];
        let bias = bias.map(|bias| &bias[group * sizes.outputs..][..sizes.outputs]);
        let finish = finish.plane(at, sizes.outputs * plane);
        tiles.image(
            level,
            x,
            w,
            bias,
            Finish {
                pitch: plane,
                ..finish
            },
            y,
        );
    }
}

impl<'a> Tiles<'a> {
    fn new(sizes: &'a Sizes, axes: &'a Axes) -> Tiles<'a> {
        let sorted = Sorted::new(&axes.0);
        let mut offsets = [0; PLACES];
        for (place, offset) in offsets.iter_mut().enumerate() {
            *offset = sorted.offset(place);
        }
        let [rows, columns] = [axes.0[0].output, axes.0[1].output];
        Tiles {
            sizes,
            sorted,
            offsets,
            rows,
            columns,
            together: (BLOCK / columns).clamp(1, rows),
        }
    }

    fn image(
        &self,
        level: Level,
        x: &[f32],
        w: &[[f32; ROWS]],
        bias: Option<&[f32]>,
        finish: Finish<'_, f32>,
        y: &mut [f32],
    ) {
        let (sizes, each) = (self.sizes, self.sorted.elements());
        // Rows of the output that a block of tiles computes, of all planes.
        let columns = sizes.axes[1].output;
        let of_block = |_| allocate::with_capacity(sizes.outputs);
        let mut blocks: Vec<Vec<&mut [f32]>> =
            allocate::collected((0..self.rows.div_ceil(self.together)).map(of_block));
        for y in y.chunks_mut(sizes.windows()) {
            for (block, y) in y.chunks_mut(self.together * OUT * columns).enumerate() {
                blocks[block].push(y);
            }
        }
        parts::with_buffer::<f32, SORTED>(sizes.channels * each + BEYOND, |planes| {
            self.sorted
                .sort_all(x, &mut planes[..sizes.channels * each]);
            let planes = &*planes;
            let installed = Installed::hand_over();
            let run = |(number, mut y): (usize, Vec<&mut [f32]>)| {
                let Some(_entered) = installed.enter() else {
                    return;
                };
                self.block(level, number, planes, w, bias, finish, &mut y);
            };
            blocks.into_par_iter().enumerate().for_each(run);
        });
    }

    /// One block of tiles, into its rows of all output planes.
    fn block(
        &self,
        level: Level,
        number: usize,
        planes: &[f32],
        w: &[[f32; ROWS]],
        bias: Option<&[f32]>,
        finish: Finish<'_, f32>,
        y: &mut [&mut [f32]],
    ) {
        let (channels, outputs) = (self.sizes.channels, self.sizes.outputs);
        let first = number * self.together;
        let rows = self.together.min(self.rows - first);
        let width = panel_columns(rows * self.columns);
        let (pitch, y_pitch) = (channels * width + GAP, outputs * width + GAP);
        f32::with_buffer::<RIGHT, _>(PLACES * pitch, |laid| {
            dispatch!(level, s => self.transform(s, planes, first, rows, laid));
            f32::with_buffer::<SUMS, _>(PLACES * y_pitch, |products| {
                let len = left_len(outputs, channels);
                let installed = Installed::hand_over();
                products
                    .par_chunks_mut(y_pitch)
                    .zip(laid.par_chunks(pitch))
                    .zip(w.par_chunks(len))
                    .with_min_len((1 << 22) / (outputs * channels * width).max(1) + 1)
                    .for_each(|((products, laid), w)| {
                        let Some(_entered) = installed.enter() else {
                            return;
                        };
                        let left = Left::new(w, outputs, channels);
                        let products = &mut products[..outputs * width];
                        let products = ArrayViewMut2::from_shape((outputs, width), products);
                        let products = products.expect("as many as there are");
                        multiply_laid(
                            level,
                            left,
                            laid,
                            width,
                            Start::Zero,
                            Finish::NONE,
                            products,
                        );
                    });
                let products = &*products;
                let from = first * OUT * self.sizes.axes[1].output;
                y.par_iter_mut()
                    .enumerate()
                    .with_min_len((1 << 14) / (PLACES * width) + 1)
                    .for_each(|(output, y)| {
                        let products = &products[output * width..];
                        let bias = bias.map_or(0.0, |bias| bias[output]);
                        let finish = finish.part(output, from);
                        dispatch!(level, s => self.back(s, products, y_pitch, rows, bias, finish, y));
                    });
            });
        });
    }

    /// Transforms `rows` rows of tiles of all channels, from `first` on: for each place a right matrix with a row for each
    /// channel and a column for each tile. What vectors hold behind a row of tiles is written over by the next one.
    #[inline(always)]
    fn transform<S: Vectors>(
        &self,
        s: S,
        planes: &[f32],
        first: usize,
        rows: usize,
        laid: &mut [f32],
    ) {
        let len = <S::f32s as SimdBase<S>>::LEN;
        let zero = <S::f32s as SimdBase<S>>::splat(s, 0.0);
        let each = self.sorted.elements();
        let channels = self.sizes.channels;
        let width = panel_columns(rows * self.columns);
        let pitch = channels * width + GAP;
        for channel in 0..channels {
            for row in 0..rows {
                let mut column = 0;
                while column < self.columns {
                    let from = channel * each + (first + row) * self.sorted.pitch(0) + column;
                    let mut half = [[zero; IN]; IN];
                    for c in 0..IN {
                        let mut line = [zero; IN];
                        for r in 0..IN {
                            let x = &planes[self.offsets[r * IN + c] + from..][..len];
                            line[r] = <S::f32s as SimdBase<S>>::from_slice(s, x);
                        }
                        let line = to_places::<S>(s, line);
                        for r in 0..IN {
                            half[r][c] = line[r];
                        }
                    }
                    let to = channel * width + row * self.columns + column;
                    for r in 0..IN {
                        let line = to_places::<S>(s, half[r]);
                        for c in 0..IN {
                            let y = &mut laid[(r * IN + c) * pitch + to..][..len];
                            line[c].store_slice(y);
                        }
                    }
                    column += len;
                }
            }
        }
    }

    /// Transforms the sums of `rows` rows of tiles, which are `pitch` apart from place to place, back into rows of an output,
    /// which are then finished.
    #[inline(always)]
    fn back<S: Vectors>(
        &self,
        s: S,
        products: &[f32],
        pitch: usize,
        rows: usize,
        bias: f32,
        finish: Finish<'_, f32>,
        y: &mut [f32],
    ) {
        let len = <S::f32s as SimdBase<S>>::LEN;
        let zero = <S::f32s as SimdBase<S>>::splat(s, 0.0);
        let bias = <S::f32s as SimdBase<S>>::splat(s, bias);
        let width = self.sizes.axes[1].output;
        for row in 0..rows {
            let mut column = 0;
            while column < self.columns {
                let from = row * self.columns + column;
                let mut half = [[zero; IN]; OUT];
                for c in 0..IN {
                    let mut line = [zero; IN];
                    for r in 0..IN {
                        let x = &products[(r * IN + c) * pitch + from..][..len];
                        line[r] = <S::f32s as SimdBase<S>>::from_slice(s, x);
                    }
                    let line = to_outputs::<S>(s, line);
                    for r in 0..OUT {
                        half[r][c] = line[r];
                    }
                }
                let count = (width - column * OUT).min(len * OUT);
                for r in 0..OUT {
                    let begin = (row * OUT + r) * width + column * OUT;
                    if begin >= y.len() {
                        break;
                    }
                    let line = to_outputs::<S>(s, half[r]);
                    // Tile by tile: the four outputs of each are neighbours.
                    let even = (line[0] + bias).interleave(line[2] + bias);
                    let odd = (line[1] + bias).interleave(line[3] + bias);
                    let (low, high) = (even.0.interleave(odd.0), even.1.interleave(odd.1));
                    let mut line = [[low.0, low.1, high.0, high.1]];
                    let y = &mut y[begin..begin + count];
                    if count == len * OUT {
                        finish.apply_to(s, begin, &mut line);
                        for v in 0..OUT {
                            line[0][v].store_slice(&mut y[v * len..(v + 1) * len]);
                        }
                    } else {
                        let mut rest = [0.0; OUT * 16];
                        for v in 0..OUT {
                            line[0][v].store_slice(&mut rest[v * len..(v + 1) * len]);
                        }
                        y.copy_from_slice(&rest[..count]);
                        finish.apply(0, begin, y);
                    }
                }
                column += len;
            }
        }
    }
}

#[inline(always)]
fn times<S: Vectors>(s: S, x: f64) -> S::f32s {
    <S::f32s as SimdBase<S>>::splat(s, x as f32)
}

/// The coefficients of the products of all but one of the linear factors of the points.
#[inline(always)]
fn to_places<S: Vectors>(s: S, d: [S::f32s; IN]) -> [S::f32s; IN] {
    let [d0, d1, d2, d3, d4, d5] = d;
    let (product, sum) = (times::<S>(s, A * A * B * B), times::<S>(s, A * A + B * B));
    let even_a = d4 - d2 * times::<S>(s, B * B);
    let odd_a = (d3 - d1 * times::<S>(s, B * B)) * times::<S>(s, A);
    let even_b = d4 - d2 * times::<S>(s, A * A);
    let odd_b = (d3 - d1 * times::<S>(s, A * A)) * times::<S>(s, B);
    [
        d0 * product - d2 * sum + d4,
        even_a + odd_a,
        even_a - odd_a,
        even_b + odd_b,
        even_b - odd_b,
        d1 * product - d3 * sum + d5,
    ]
}

/// The sums over the points of their powers.
#[inline(always)]
fn to_outputs<S: Vectors>(s: S, m: [S::f32s; IN]) -> [S::f32s; OUT] {
    let [m0, m1, m2, m3, m4, m5] = m;
    let (even_a, odd_a) = (m1 + m2, (m1 - m2) * times::<S>(s, A));
    let (even_b, odd_b) = (m3 + m4, (m3 - m4) * times::<S>(s, B));
    [
        m0 + even_a + even_b,
        odd_a + odd_b,
        even_a * times::<S>(s, A * A) + even_b * times::<S>(s, B * B),
        odd_a * times::<S>(s, A * A) + odd_b * times::<S>(s, B * B) + m5,
    ]
}
