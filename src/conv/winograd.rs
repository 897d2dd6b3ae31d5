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
use crate::gemm::parts::{self, Looks};
use crate::gemm::{
    Finish, Left, ROWS, Start, lay_left, left_len, matrix, multiply_laid, panel_columns,
};
use crate::installed::Installed;
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
    let products = rows.saturating_mul(PLACES).saturating_mul(block);
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
        let count = rows * self.columns;
        let width = panel_columns(count);
        f32::with_buffer::<RIGHT, _>(PLACES * channels * width, |laid| {
            dispatch!(level, s => self.transform(s, planes, first, rows, laid));
            f32::with_buffer::<SUMS, _>(PLACES * outputs * width, |products| {
                let len = left_len(outputs, channels);
                let installed = Installed::hand_over();
                products
                    .par_chunks_mut(outputs * width)
                    .zip(laid.par_chunks(channels * width))
                    .zip(w.par_chunks(len))
                    .with_min_len((1 << 22) / (outputs * channels * width).max(1) + 1)
                    .for_each(|((products, laid), w)| {
                        let Some(_entered) = installed.enter() else {
                            return;
                        };
                        let left = Left::new(w, outputs, channels);
                        let products = ArrayViewMut2::from_shape((outputs, width), products);
                        let products = products.expect("as many as there are");
                        multiply_laid(level, left, laid, Start::Zero, Finish::NONE, products);
                    });
                let products = &*products;
                let from = first * OUT * self.sizes.axes[1].output;
                y.par_iter_mut()
                    .enumerate()
                    .with_min_len((1 << 14) / (PLACES * width) + 1)
                    .for_each(|(output, y)| {
                        let products = &products[output * width..];
                        let bias = bias.map_or(0.0, |bias| bias[output]);
                        dispatch!(level, s => self.back(s, products, width * outputs, count, bias, y));
                        finish.apply(output, from, y);
                    });
            });
        });
    }

    /// Transforms `rows` rows of tiles of all channels, from `first` on, into panels: for each place those of a right
    /// matrix with a row for each channel.
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
        let pitch = self.sorted.pitch(0);
        let from = first * pitch;
        let run = (rows - 1) * pitch + self.columns;
        let each = self.sorted.elements();
        let channels = self.sizes.channels;
        let width = panel_columns(rows * self.columns);
        let mut tiles = [0.0; PLACES * 16];
        for channel in 0..channels {
            let elements = &planes[channel * each..];
            let mut at = 0;
            while at < run {
                let mut d = [[<S::f32s as SimdBase<S>>::splat(s, 0.0); IN]; IN];
                for row in 0..IN {
                    for column in 0..IN {
                        let x = &elements[self.offsets[row * IN + column] + from + at..][..len];
                        d[row][column] = <S::f32s as SimdBase<S>>::from_slice(s, x);
                    }
                }
                for column in 0..IN {
                    let line = [
                        d[0][column],
                        d[1][column],
                        d[2][column],
                        d[3][column],
                        d[4][column],
                        d[5][column],
                    ];
                    let line = to_places::<S>(s, line);
                    for row in 0..IN {
                        d[row][column] = line[row];
                    }
                }
                for row in 0..IN {
                    d[row] = to_places::<S>(s, d[row]);
                    for column in 0..IN {
                        let place = (row * IN + column) * 16;
                        d[row][column].store_slice(&mut tiles[place..place + len]);
                    }
                }
                // Of the lanes, those that are tiles: between the rows lie some that are none.
                let mut lane = 0;
                while lane < len && at + lane < run {
                    let (row, column) = ((at + lane) / pitch, (at + lane) % pitch);
                    if column >= self.columns {
                        lane += pitch - column;
                        continue;
                    }
                    let count = (self.columns - column).min(len - lane);
                    let tile = row * self.columns + column;
                    for place in 0..PLACES {
                        let tiles = &tiles[place * 16 + lane..][..count];
                        let laid = &mut laid[place * channels * width..][..channels * width];
                        put(tiles, tile, channel, channels, width, laid);
                    }
                    lane += count;
                }
                at += len;
            }
        }
    }

    /// Transforms the sums of `count` tiles, which are `pitch` apart from place to place, back into rows of an output.
    #[inline(always)]
    fn back<S: Vectors>(
        &self,
        s: S,
        products: &[f32],
        pitch: usize,
        count: usize,
        bias: f32,
        y: &mut [f32],
    ) {
        let len = <S::f32s as SimdBase<S>>::LEN;
        let zero = <S::f32s as SimdBase<S>>::splat(s, 0.0);
        let bias = <S::f32s as SimdBase<S>>::splat(s, bias);
        let width = self.sizes.axes[1].output;
        let mut tiles = [0.0; OUT * OUT * 16];
        let mut at = 0;
        while at < count {
            let mut half = [[zero; IN]; OUT];
            for column in 0..IN {
                let mut line = [zero; IN];
                for row in 0..IN {
                    let x = &products[(row * IN + column) * pitch + at..][..len];
                    line[row] = <S::f32s as SimdBase<S>>::from_slice(s, x);
                }
                let line = to_outputs::<S>(s, line);
                for row in 0..OUT {
                    half[row][column] = line[row];
                }
            }
            for row in 0..OUT {
                let line = to_outputs::<S>(s, half[row]);
                for column in 0..OUT {
                    let place = (row * OUT + column) * 16;
                    (line[column] + bias).store_slice(&mut tiles[place..place + len]);
                }
            }
            let mut lane = 0;
            while lane < len && at + lane < count {
                let (tile_row, tile_column) =
                    ((at + lane) / self.columns, (at + lane) % self.columns);
                let many = (self.columns - tile_column)
                    .min(len - lane)
                    .min(count - at - lane);
                let first = tile_column * OUT;
                let last = (first + many * OUT).min(width);
                for row in 0..OUT {
                    let begin = (tile_row * OUT + row) * width;
                    if begin >= y.len() {
                        break;
                    }
                    let y = &mut y[begin + first..begin + last];
                    let tiles = &tiles[row * OUT * 16..][..OUT * 16];
                    let whole = y.len() / OUT;
                    for t in 0..whole {
                        for column in 0..OUT {
                            y[t * OUT + column] = tiles[column * 16 + lane + t];
                        }
                    }
                    for column in 0..y.len() - whole * OUT {
                        y[whole * OUT + column] = tiles[column * 16 + lane + whole];
                    }
                }
                lane += many;
            }
            at += len;
        }
    }
}

/// Puts elements of tiles from number `tile` on into the row of a channel of a right matrix in panels.
#[inline(always)]
fn put(x: &[f32], tile: usize, channel: usize, channels: usize, columns: usize, laid: &mut [f32]) {
    let mut done = 0;
    while done < x.len() {
        let column = tile + done;
        let (first, width) = crate::gemm::panel_at(column, columns);
        let count = (first + width - column).min(x.len() - done);
        let at = first * channels + channel * width + column - first;
        let y = &mut laid[at..at + count];
        for i in 0..count {
            y[i] = x[done + i];
        }
        done += count;
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
