//! Quantized convolution with windows of 3x3 by tiles of 4x4 outputs: a quarter of the multiplications, and exact.
//!
//! As with floats, but the points are 0, 1, -1, 2, -2 and infinity, and the divisors are taken off the transformed weights:
//! all numbers are integers, and what is transformed back is 576 times the sum, modulo 2 to the 32. Of the factors 64 and 9
//! the second has an inverse there, so that sums below 2 to the 25 are found exactly, whatever wrapped on the way.

use fearless_simd::{Bytes as _, Level, Simd as Vectors, SimdBase};
use rayon::prelude::*;

use super::super::Sizes;
use super::super::sorted::{BEYOND, Sorted};
use super::super::winograd::{Filter, GAP};
use super::sort_pairs;
use crate::allocate;
use crate::buffer::{Item, RIGHT, SORTED, SUMS};
use crate::error::OpError;
use crate::gemm::quantized::{Byte, Output, Requantize, finish, lay_left, multiply_laid};
use crate::gemm::{Left, ROWS, left_len, matrix_mut, panel_columns};
use crate::installed::Installed;
use crate::lasting::Lasting;
use crate::parts::{self, Looks};
use crate::simd::{Simd, dispatch};
use crate::stop;
use crate::window::Axis;

/// Outputs of a tile along an axis.
const OUT: usize = Filter::SMALL_WINDOWS.out();
/// Elements that a tile reads along an axis.
const IN: usize = Filter::SMALL_WINDOWS.places();
/// Places of a transformed tile.
const PLACES: usize = IN * IN;
/// Tiles that are worked on at once, so that they stay in the second cache.
const BLOCK: usize = 64;

/// What transforms three weights of a row: the powers of a point.
const G: [[i32; 3]; IN] = [
    [1, 0, 0],
    [1, 1, 1],
    [1, -1, 1],
    [1, 2, 4],
    [1, -2, 4],
    [0, 0, 1],
];

/// The inverse of 9 modulo 2 to the 32.
const NINTH: i32 = 0x38e3_8e39;

/// Sums are below it.
const MOST: i64 = 1 << 25;

/// Whether it is faster than a product of all weights; planes alone are done so.
pub(crate) fn pays(sizes: &Sizes) -> bool {
    let small = |axis: &Axis| (axis.kernel, axis.stride) == (3, 1);
    sizes.axes.len() == 2 && sizes.axes.iter().all(small) && Filter::SMALL_WINDOWS.pays(sizes)
}

/// Transformed weights, laid out for products: group by group, place by place.
#[derive(Debug)]
pub(crate) struct Weights {
    panels: Lasting<[i32; ROWS]>,
    /// The zero point of the input that they are for, and the numbers that it has.
    zero: i32,
    range: [i32; 2],
}

impl Weights {
    /// Of `w: [groups * outputs, channels, 3, 3]`, for an input of numbers in `range` with the zero point `zero`; `None` if
    /// sums may be too large.
    ///
    /// # Errors
    /// The work is to stop.
    pub(crate) fn new<T: Byte>(
        w: &[T],
        zeros: &[i32],
        groups: usize,
        channels: usize,
        zero: i32,
        range: [i32; 2],
    ) -> Result<Option<Weights>, OpError> {
        let inner = channels * 9;
        let outputs = w.len() / inner / groups;
        let [low, high] = range.map(|number| i64::from(number - zero));
        let mut looks = Looks::default();
        for (row, w) in w.chunks_exact(inner).enumerate() {
            looks.check(inner)?;
            let (mut least, mut most) = (0, 0);
            for &w in w {
                let w = i64::from(w.into() - zeros[row % zeros.len()]);
                least += (w * low).min(w * high);
                most += (w * low).max(w * high);
            }
            if least <= -MOST || most >= MOST {
                return Ok(None);
            }
        }
        let len = left_len(outputs, channels.div_ceil(2));
        let mut panels = Lasting::zeroed(groups * PLACES * len, true)?;
        let mut places = parts::filled(0i16, outputs * channels)?;
        for group in 0..groups {
            let w = &w[group * outputs * inner..][..outputs * inner];
            for place in 0..PLACES {
                let (row, column) = (place / IN, place % IN);
                for (at, w) in w.chunks_exact(9).enumerate() {
                    looks.check(9)?;
                    let zero = zeros[(group * outputs + at / channels) % zeros.len()];
                    let mut sum = 0;
                    for (tap, &w) in w.iter().enumerate() {
                        sum += G[row][tap / 3] * (w.into() - zero) * G[column][tap % 3];
                    }
                    places[at] = sum as i16;
                }
                let panels = &mut panels[(group * PLACES + place) * len..][..len];
                lay_left(&places, &[0], channels, 1, panels);
            }
        }
        Ok(Some(Weights {
            panels,
            zero,
            range,
        }))
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.panels[..])
    }

    /// Whether they are for an input of numbers in `range` with the zero point `zero`.
    pub(crate) fn suits(&self, zero: i32, range: [i32; 2]) -> bool {
        (self.zero, self.range) == (zero, range)
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
struct Axes([Axis; 2]);

impl Axes {
    fn new(sizes: &Sizes) -> Axes {
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
    let tiles = Tiles::new(sizes, &axes);
    let block = panel_columns(tiles.together * tiles.columns);
    let rows = sizes.channels.div_ceil(2).saturating_add(sizes.outputs);
    let products = rows.saturating_mul(block).saturating_add(2 * GAP);
    let products = products.saturating_mul(PLACES);
    let planes = tiles.sorted.elements().saturating_mul(sizes.channels);
    products
        .saturating_add(sizes.plane())
        .saturating_mul(rayon::current_num_threads())
        .saturating_add(planes)
        .saturating_mul(size_of::<i32>())
}

/// As [`convolve`](super::convolve), where it [pays](pays).
pub(crate) fn convolve<T: Byte, O: Output>(
    sizes: &Sizes,
    x: &[T],
    w: &Weights,
    to: Requantize<'_>,
    y: &mut [O],
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
        let len = left_len(sizes.outputs, sizes.channels.div_ceil(2)) * PLACES;
        let panels = &w.panels[group * len..][..len];
        let to = to.part(group * sizes.outputs, 0);
        tiles.image(level, x, w.zero, panels, to, y);
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

    fn image<T: Byte, O: Output>(
        &self,
        level: Level,
        x: &[T],
        zero: i32,
        w: &[[i32; ROWS]],
        to: Requantize<'_>,
        y: &mut [O],
    ) {
        let (sizes, each) = (self.sizes, self.sorted.elements());
        let pairs = sizes.channels.div_ceil(2);
        // Rows of the output that a block of tiles computes, of all planes.
        let columns = sizes.axes[1].output;
        let of_block = |_| allocate::with_capacity(sizes.outputs);
        let mut blocks: Vec<Vec<&mut [O]>> =
            allocate::collected((0..self.rows.div_ceil(self.together)).map(of_block));
        for y in y.chunks_mut(sizes.windows()) {
            for (block, y) in y.chunks_mut(self.together * OUT * columns).enumerate() {
                blocks[block].push(y);
            }
        }
        parts::with_buffer::<i32, SORTED>(pairs * each + BEYOND, |planes| {
            let sorted = &mut planes[..pairs * each];
            sort_pairs(level, &self.sorted, x, sizes.plane(), zero, sorted);
            let planes = &*planes;
            let installed = Installed::hand_over();
            let run = |(number, mut y): (usize, Vec<&mut [O]>)| {
                if let Some(_entered) = installed.enter() {
                    self.block(level, number, planes, w, to, &mut y);
                }
            };
            blocks.into_par_iter().enumerate().for_each(run);
        });
    }

    /// One block of tiles, into its rows of all output planes.
    fn block<O: Output>(
        &self,
        level: Level,
        number: usize,
        planes: &[i32],
        w: &[[i32; ROWS]],
        to: Requantize<'_>,
        y: &mut [&mut [O]],
    ) {
        let (pairs, outputs) = (self.sizes.channels.div_ceil(2), self.sizes.outputs);
        let first = number * self.together;
        let rows = self.together.min(self.rows - first);
        let width = panel_columns(rows * self.columns);
        let (pitch, y_pitch) = (pairs * width + GAP, outputs * width + GAP);
        i32::with_buffer::<RIGHT, _>(PLACES * pitch, |laid| {
            dispatch!(level, s => self.transform(s, planes, first, rows, laid));
            i32::with_buffer::<SUMS, _>(PLACES * y_pitch, |products| {
                let len = left_len(outputs, pairs);
                let installed = Installed::hand_over();
                products
                    .par_chunks_mut(y_pitch)
                    .zip(laid.par_chunks(pitch))
                    .zip(w.par_chunks(len))
                    .with_min_len((1 << 22) / (outputs * pairs * width).max(1) + 1)
                    .for_each(|((products, laid), w)| {
                        if let Some(_entered) = installed.enter() {
                            let left = Left::new(w, outputs, pairs);
                            let products = &mut products[..outputs * width];
                            let products = matrix_mut(products, outputs, width);
                            multiply_laid(level, left, laid, width, Requantize::NONE, products);
                        }
                    });
                let products = &*products;
                y.par_iter_mut()
                    .enumerate()
                    .with_min_len((1 << 14) / (PLACES * width) + 1)
                    .for_each(|(output, y)| {
                        if let Some(_entered) = installed.enter() {
                            let products = &products[output * width..];
                            dispatch!(level, s => {
                                self.back(s, products, y_pitch, rows, to, output, y);
                            });
                        }
                    });
            });
        });
    }

    /// Transforms `rows` rows of tiles of all pairs of channels, from `first` on: for each place a right matrix with a row
    /// for each pair and a column for each tile. What vectors hold behind a row of tiles is written over by the next one.
    #[inline(always)]
    fn transform<S: Vectors>(
        &self,
        s: S,
        planes: &[i32],
        first: usize,
        rows: usize,
        laid: &mut [i32],
    ) {
        let len = <S::i32s as SimdBase<S>>::LEN;
        let zero = <S::i16s as SimdBase<S>>::splat(s, 0);
        let each = self.sorted.elements();
        let pairs = self.sizes.channels.div_ceil(2);
        let width = panel_columns(rows * self.columns);
        let pitch = pairs * width + GAP;
        let mut looks = Looks::default();
        for pair in 0..pairs {
            for row in 0..rows {
                let mut column = 0;
                while column < self.columns {
                    if looks.is_set(PLACES * len) {
                        return;
                    }
                    let from = pair * each + (first + row) * self.sorted.pitch(0) + column;
                    let mut half = [[zero; IN]; IN];
                    for c in 0..IN {
                        let mut line = [zero; IN];
                        for r in 0..IN {
                            let x = &planes[self.offsets[r * IN + c] + from..][..len];
                            let x = <S::i32s as SimdBase<S>>::from_slice(s, x);
                            line[r] = S::i16s::from_bytes(x.to_bytes());
                        }
                        let line = to_places::<S>(line);
                        for r in 0..IN {
                            half[r][c] = line[r];
                        }
                    }
                    let to = pair * width + row * self.columns + column;
                    for r in 0..IN {
                        let line = to_places::<S>(half[r]);
                        for c in 0..IN {
                            let y = &mut laid[(r * IN + c) * pitch + to..][..len];
                            S::i32s::from_bytes(line[c].to_bytes()).store_slice(y);
                        }
                    }
                    column += len;
                }
            }
        }
    }

    /// Transforms the sums of `rows` rows of tiles, which are `pitch` apart from place to place, back into rows of output
    /// `output`.
    #[inline(always)]
    fn back<S: Vectors, O: Output>(
        &self,
        s: S,
        products: &[i32],
        pitch: usize,
        rows: usize,
        to: Requantize<'_>,
        output: usize,
        y: &mut [O],
    ) {
        let len = <S::i32s as SimdBase<S>>::LEN;
        let zero = <S::i32s as SimdBase<S>>::splat(s, 0);
        let ninth = <S::i32s as SimdBase<S>>::splat(s, NINTH);
        let width = self.sizes.axes[1].output;
        let mut looks = Looks::default();
        for row in 0..rows {
            let mut column = 0;
            while column < self.columns {
                if looks.is_set(PLACES * len) {
                    return;
                }
                let from = row * self.columns + column;
                let mut half = [[zero; IN]; OUT];
                for c in 0..IN {
                    let mut line = [zero; IN];
                    for r in 0..IN {
                        let x = &products[(r * IN + c) * pitch + from..][..len];
                        line[r] = <S::i32s as SimdBase<S>>::from_slice(s, x);
                    }
                    let line = to_outputs::<S>(line);
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
                    let mut line = to_outputs::<S>(half[r]);
                    for v in 0..OUT {
                        line[v] = (line[v] * ninth) >> 6;
                    }
                    // Tile by tile: the four outputs of each are neighbours.
                    let (even, odd) = (line[0].interleave(line[2]), line[1].interleave(line[3]));
                    let (low, high) = (even.0.interleave(odd.0), even.1.interleave(odd.1));
                    let line = [low.0, low.1, high.0, high.1];
                    let mut sums = [0; OUT * 16];
                    for v in 0..OUT {
                        line[v].store_slice(&mut sums[v * len..(v + 1) * len]);
                    }
                    finish(&to, output, &sums[..count], &mut y[begin..begin + count]);
                }
                column += len;
            }
        }
    }
}

/// The coefficients of the products of all but one of the linear factors of the points.
#[inline(always)]
fn to_places<S: Vectors>(d: [S::i16s; IN]) -> [S::i16s; IN] {
    let [d0, d1, d2, d3, d4, d5] = d;
    let (even, odd) = (d4 - (d2 << 2), d3 - (d1 << 2));
    let (even_two, odd_two) = (d4 - d2, (d3 - d1) << 1);
    [
        (d0 << 2) - (d2 << 2) - d2 + d4,
        even + odd,
        even - odd,
        even_two + odd_two,
        even_two - odd_two,
        (d1 << 2) - (d3 << 2) - d3 + d5,
    ]
}

/// The sums over the points of their powers, times 24.
#[inline(always)]
fn to_outputs<S: Vectors>(m: [S::i32s; IN]) -> [S::i32s; OUT] {
    let [m0, m1, m2, m3, m4, m5] = m;
    let (even, odd) = ((m1 + m2) << 2, (m1 - m2) << 2);
    let (even_two, odd_two) = (m3 + m4, m3 - m4);
    [
        (m0 << 2) + (m0 << 1) - even + even_two,
        (odd_two << 1) - odd,
        (even_two << 2) - even,
        (odd_two << 3) - odd + (m5 << 4) + (m5 << 3),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_whose_sums_may_be_too_large_are_refused() {
        let weights = |channels: usize| {
            let w = vec![127i8; 2 * channels * 9];
            Weights::new(&w, &[-128], 1, channels, 0, [0, 255]).expect("nobody stops it")
        };
        // 255 times 255 for each of nine taps, below 2 to the 25.
        assert!(weights(57).is_some_and(|weights| weights.suits(0, [0, 255])));
        assert!(weights(58).is_none());
    }
}
