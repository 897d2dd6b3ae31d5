//! Tiles of planes to places, and sums of places to rows of outputs.

use fearless_simd::{Level, Simd as Vectors, SimdBase};
use rayon::prelude::*;

use super::filter::with_sizes;
use super::lines::gathered;
use super::points::{to_outputs, to_places};
use super::{GAP, Tiles};
use crate::allocate;
use crate::buffer::SORTED;
use crate::gemm::Finish;
use crate::installed::Installed;
use crate::parts::{self, Looks};
use crate::simd::dispatch;

/// Elements of transformed tiles that are worth a task of their own.
const TRANSFORMED: usize = 1 << 15;

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
        let (channels, phases) = (self.sizes.channels, self.lines.phases());
        let width = phases * self.pitch(self.slices.inputs, rows);
        let pitch = channels * width + GAP;
        let work = channels * width * self.filter.area();
        let tasks = (work / TRANSFORMED).clamp(1, rayon::current_num_threads());
        let together = channels.div_ceil(tasks);
        // The rows of some channels, of the matrices of all places.
        let none = |_| allocate::with_capacity(self.filter.area());
        let mut parts: Vec<Vec<&mut [f32]>> =
            allocate::collected((0..channels.div_ceil(together)).map(none));
        for place in laid.chunks_mut(pitch) {
            let pieces = place[..channels * width].chunks_mut(together * width);
            for (part, piece) in parts.iter_mut().zip(pieces) {
                part.push(piece);
            }
        }
        let installed = Installed::hand_over();
        let run = |(number, places): (usize, &mut Vec<&mut [f32]>)| {
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
        places: &mut [&mut [f32]],
    ) {
        parts::with_buffer::<f32, SORTED>(self.lines.elements(rows), |lines| {
            // What is not on the input stays zero from plane to plane.
            if parts::fill(lines, &0.0).is_err() {
                return;
            }
            with_sizes!(self.filter, <PLACES, OUT> dispatch!(level, s => {
                self.transform_by::<_, PLACES, OUT>(s, x, channels, first, rows, lines, places);
            }));
        });
    }

    /// As [`Tiles::transform`]. What vectors hold behind a short row of tiles is written over by the next one.
    #[inline(always)]
    fn transform_by<S: Vectors, const PLACES: usize, const OUT: usize>(
        &self,
        s: S,
        x: &[f32],
        channels: usize,
        first: usize,
        rows: usize,
        lines: &mut [f32],
        places: &mut [&mut [f32]],
    ) {
        let len = <S::f32s as SimdBase<S>>::LEN;
        let zero = <S::f32s as SimdBase<S>>::splat(s, 0.0);
        let slices = self.slices.inputs;
        let plane = self.lines.plane();
        let width = self.pitch(slices, rows);
        let mut looks = Looks::default();
        // Not made anew for each tile, which would clear it.
        let mut half = [[zero; PLACES]; PLACES];
        let (columns, _) = places.as_chunks_mut::<PLACES>();
        let columns = &mut columns[..PLACES];
        let phases = self.lines.phases();
        for number in 0..channels * phases * slices {
            let (channel, slice) = (number / slices, number % slices);
            let x = &x[(channel / phases * slices + slice) * plane..][..plane];
            self.lines
                .deal::<S, OUT>(s, x, channel % phases, first, rows, lines);
            for row in 0..rows {
                let mut column = 0;
                while column < self.columns {
                    if looks.is_set(PLACES * PLACES * len) {
                        return;
                    }
                    // The last vector lies over the one before.
                    column = column.min(self.columns.saturating_sub(len));
                    for r in 0..PLACES {
                        let at = row * OUT + r;
                        let line = self.lines.row::<S, PLACES, OUT>(s, lines, at, column);
                        half[r] = to_places::<S, PLACES>(s, line);
                    }
                    let to = channel * width + (slice * rows + row) * self.columns + column;
                    for c in 0..PLACES {
                        let mut line = [zero; PLACES];
                        for r in 0..PLACES {
                            line[r] = half[r][c];
                        }
                        let line = to_places::<S, PLACES>(s, line);
                        let places = &mut columns[c];
                        for r in 0..PLACES {
                            line[r].store_slice(&mut places[r][to..to + len]);
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
    pub(super) fn back<S: Vectors, const PLACES: usize, const OUT: usize>(
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
        let mut half = [[zero; PLACES]; OUT];
        for row in 0..rows {
            let mut column = 0;
            while column < self.columns {
                if looks.is_set(PLACES * PLACES * len) {
                    return;
                }
                column = column.min(self.columns.saturating_sub(len));
                let mut place = &products[row * self.columns + column..];
                for c in 0..PLACES {
                    let mut line = [zero; PLACES];
                    for r in 0..PLACES {
                        line[r] = <S::f32s as SimdBase<S>>::from_slice(s, &place[..len]);
                        place = place.get(pitch..).unwrap_or(&[]);
                    }
                    let line = to_outputs::<S, PLACES, OUT>(s, line);
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
                    let mut line = to_outputs::<S, PLACES, OUT>(s, half[r]);
                    for v in 0..OUT {
                        line[v] += bias;
                    }
                    // Tile by tile: the outputs of each are neighbours.
                    let mut line = [gathered::<S, OUT>(line)];
                    if count == len * OUT {
                        finish.apply_to(s, begin, &mut line);
                        let y = &mut y[begin..begin + len * OUT];
                        for v in 0..OUT {
                            line[0][v].store_slice(&mut y[v * len..(v + 1) * len]);
                        }
                        continue;
                    }
                    let y = &mut y[begin..begin + count];
                    for v in 0..OUT {
                        let at = v * len;
                        if at < count {
                            let end = count.min(at + len);
                            y[at..end].copy_from_slice(&line[0][v].as_slice()[..end - at]);
                        }
                    }
                    finish.apply(0, begin, y);
                }
                column += len;
            }
        }
    }
}
