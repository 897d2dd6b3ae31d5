//! Tiles of planes to places, and sums of places to rows of outputs.

use fearless_simd::{Level, Simd as Vectors, SimdBase};
use rayon::prelude::*;

use super::points::{to_outputs, to_places};
use super::{GAP, IN, OUT, PLACES, Tiles};
use crate::allocate;
use crate::buffer::SORTED;
use crate::gemm::Finish;
use crate::installed::Installed;
use crate::parts::{self, Looks};
use crate::simd::dispatch;

/// Elements of transformed tiles that are worth a task of their own.
const TRANSFORMED: usize = 1 << 15;

/// The matrices of all places, or the rows of them that some channels have.
trait Places {
    /// The elements from number `from` on.
    fn from(&mut self, place: usize, from: usize) -> &mut [f32];
}

/// All rows, the matrices `pitch` apart.
struct Whole<'a> {
    laid: &'a mut [f32],
    pitch: usize,
}

impl Places for Whole<'_> {
    #[inline(always)]
    fn from(&mut self, place: usize, from: usize) -> &mut [f32] {
        &mut self.laid[place * self.pitch + from..]
    }
}

/// Some rows of each.
struct Parts<'a>([&'a mut [f32]; PLACES]);

impl Places for Parts<'_> {
    #[inline(always)]
    fn from(&mut self, place: usize, from: usize) -> &mut [f32] {
        &mut self.0[place][from..]
    }
}

impl Tiles<'_> {
    /// Transforms `rows` rows of tiles of all slices and channels of `x`, from `first` on: for each place a right matrix with a
    /// row for each channel and a column for each tile.
    pub(super) fn transform_all(
        &self,
        level: Level,
        x: &[f32],
        first: usize,
        rows: usize,
        laid: &mut [f32],
    ) {
        let channels = self.sizes.channels;
        let width = self.pitch(self.slices.inputs, rows);
        let pitch = channels * width + GAP;
        let tasks =
            (channels * width * PLACES / TRANSFORMED).clamp(1, rayon::current_num_threads());
        if tasks == 1 {
            let mut whole = Whole { laid, pitch };
            return self.transform(level, x, channels, first, rows, &mut whole);
        }
        let together = channels.div_ceil(tasks);
        let none = || Parts(std::array::from_fn(|_| <&mut [f32]>::default()));
        let mut parts = allocate::collected((0..channels.div_ceil(together)).map(|_| none()));
        for (place, mut rest) in laid.chunks_mut(pitch).enumerate() {
            let last = parts.len() - 1;
            for part in &mut parts[..last] {
                (part.0[place], rest) = rest.split_at_mut(together * width);
            }
            parts[last].0[place] = rest;
        }
        let installed = Installed::hand_over();
        let run = |(number, places): (usize, &mut Parts<'_>)| {
            let Some(_entered) = installed.enter() else {
                return;
            };
            let from = number * together;
            let to = channels.min(from + together);
            let x = &x[from * (x.len() / channels)..];
            self.transform(level, x, to - from, first, rows, places);
        };
        parts.par_iter_mut().enumerate().for_each(run);
    }

    /// As [`Tiles::transform_all`], of some channels.
    fn transform(
        &self,
        level: Level,
        x: &[f32],
        channels: usize,
        first: usize,
        rows: usize,
        places: &mut impl Places,
    ) {
        parts::with_buffer::<f32, SORTED>(self.lines.elements(rows), |lines| {
            // What is not on the input stays zero from plane to plane.
            if parts::fill(lines, &0.0).is_err() {
                return;
            }
            dispatch!(level, s => self.transform_by(s, x, channels, first, rows, lines, places));
        });
    }

    /// As [`Tiles::transform`]. What vectors hold behind a short row of tiles is written over by the next one.
    #[inline(always)]
    fn transform_by<S: Vectors>(
        &self,
        s: S,
        x: &[f32],
        channels: usize,
        first: usize,
        rows: usize,
        lines: &mut [f32],
        places: &mut impl Places,
    ) {
        let len = <S::f32s as SimdBase<S>>::LEN;
        let zero = <S::f32s as SimdBase<S>>::splat(s, 0.0);
        let slices = self.slices.inputs;
        let plane = self.lines.plane();
        let width = self.pitch(slices, rows);
        let mut looks = Looks::default();
        // Not made anew for each tile, which would clear it.
        let mut half = [[zero; IN]; IN];
        for number in 0..channels * slices {
            let (channel, slice) = (number / slices, number % slices);
            self.lines
                .deal::<S>(s, &x[number * plane..][..plane], first, rows, lines);
            for row in 0..rows {
                let mut column = 0;
                while column < self.columns {
                    if looks.is_set(PLACES * len) {
                        return;
                    }
                    // The last vector lies over the one before.
                    column = column.min(self.columns.saturating_sub(len));
                    for r in 0..IN {
                        let line = self.lines.row::<S>(s, lines, row * OUT + r, column);
                        let line = to_places::<S>(s, line);
                        for c in 0..IN {
                            half[r][c] = line[c];
                        }
                    }
                    let to = channel * width + (slice * rows + row) * self.columns + column;
                    for c in 0..IN {
                        let mut line = [zero; IN];
                        for r in 0..IN {
                            line[r] = half[r][c];
                        }
                        let line = to_places::<S>(s, line);
                        for r in 0..IN {
                            line[r].store_slice(&mut places.from(r * IN + c, to)[..len]);
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
    pub(super) fn back<S: Vectors>(
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
        let width = self.width;
        let mut looks = Looks::default();
        let mut half = [[zero; IN]; OUT];
        for row in 0..rows {
            let mut column = 0;
            while column < self.columns {
                if looks.is_set(PLACES * len) {
                    return;
                }
                column = column.min(self.columns.saturating_sub(len));
                let from = row * self.columns + column;
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
                    let line = [low.0, low.1, high.0, high.1];
                    let y = &mut y[begin..begin + count];
                    for v in 0..OUT {
                        let at = v * len;
                        if at + len <= count {
                            let mut whole = [[line[v]]];
                            finish.apply_to(s, begin + at, &mut whole);
                            whole[0][0].store_slice(&mut y[at..at + len]);
                        } else if at < count {
                            let y = &mut y[at..];
                            y.copy_from_slice(&line[v].as_slice()[..y.len()]);
                            finish.apply(0, begin + at, y);
                        }
                    }
                }
                column += len;
            }
        }
    }
}
