//! Rows of a plane as tiles read them: between zeros, and the columns of each remainder modulo the outputs of a tile together,
//! so that vectors hold what neighbouring tiles have at the same place.
//!
//! Where windows have strides, a plane is as many planes as there are remainders modulo these: its phases.

use std::ops::Range;

use fearless_simd::{Simd as Vectors, SimdBase};

use super::super::sorted::pick;
use super::filter::Filter;
use crate::gemm::panel_columns;
use crate::parts::Looks;
use crate::simd::LANES;
use crate::window::Axis;

/// How the rows of a plane are dealt out.
pub(super) struct Lines {
    filter: Filter,
    down: Steps,
    across: Steps,
    /// Tiles of a row.
    columns: usize,
    /// Elements from one remainder to the next; what vectors hold behind the last tile is among them.
    pitch: usize,
}

/// An axis of the input plane.
struct Steps {
    input: usize,
    pad: usize,
    stride: usize,
}

impl Steps {
    fn new(axis: &Axis) -> Steps {
        Steps {
            input: axis.input,
            pad: axis.pad_begin,
            stride: axis.stride,
        }
    }

    /// The places of a phase that are on the input.
    #[inline(always)]
    fn on_input(&self, phase: usize) -> Range<usize> {
        self.first(self.pad, phase)..self.first(self.input + self.pad, phase)
    }

    /// The first place of a phase that is element `least`, with the padding counted, or beyond.
    #[inline(always)]
    fn first(&self, least: usize, phase: usize) -> usize {
        least.saturating_sub(phase).div_ceil(self.stride)
    }

    /// The places that are on the input in any phase.
    #[inline(always)]
    fn on_any(&self) -> Range<usize> {
        self.on_input(self.stride - 1).start..self.on_input(0).end
    }

    /// Where a place of a phase that is on the input lies.
    #[inline(always)]
    fn at(&self, place: usize, phase: usize) -> usize {
        place * self.stride + phase - self.pad
    }
}

/// Those of a range that are in a part of `len` from `begin` on, counted from there.
#[inline(always)]
fn within(range: Range<usize>, begin: usize, len: usize) -> Range<usize> {
    let start = range.start.saturating_sub(begin).min(len);
    start..range.end.saturating_sub(begin).min(len).max(start)
}

impl Lines {
    pub(super) fn new(filter: Filter, rows: &Axis, columns: &Axis) -> Lines {
        let tiles = filter.tiles(columns);
        Lines {
            filter,
            down: Steps::new(rows),
            across: Steps::new(columns),
            columns: tiles,
            pitch: panel_columns(tiles).saturating_add(LANES),
        }
    }

    /// Elements of a row.
    #[inline(always)]
    fn len(&self) -> usize {
        self.filter.out.saturating_mul(self.pitch)
    }

    /// Rows that some rows of tiles read.
    #[inline(always)]
    fn rows(&self, tiles: usize) -> usize {
        tiles
            .saturating_mul(self.filter.out)
            .saturating_add(self.filter.taps - 1)
    }

    /// Elements of what [`Lines::deal`] makes of some rows of tiles.
    pub(super) fn elements(&self, rows: usize) -> usize {
        self.rows(rows).saturating_mul(self.len()).saturating_mul(2)
    }

    /// Elements of an input plane.
    pub(super) fn plane(&self) -> usize {
        self.down.input * self.across.input
    }

    /// Phases of a plane.
    pub(super) fn phases(&self) -> usize {
        self.down.stride * self.across.stride
    }

    /// Deals out the rows of a phase of a plane that `rows` rows of tiles from `first` on read; what is on the input in no phase
    /// is left alone.
    #[inline(always)]
    pub(super) fn deal<S: Vectors, const OUT: usize>(
        &self,
        s: S,
        plane: &[f32],
        phase: usize,
        first: usize,
        rows: usize,
        lines: &mut [f32],
    ) {
        let len = <S::f32s as SimdBase<S>>::LEN;
        let each = self.len();
        let (staged, lines) = lines.split_at_mut(lines.len() / 2);
        let (down, across) = (&self.down, &self.across);
        let (phase_down, phase_across) = (phase / across.stride, phase % across.stride);
        let (begin, height) = (first * OUT, self.rows(rows));
        let read = within(down.on_input(phase_down), begin, height);
        let any_row = within(down.on_any(), begin, height);
        let columns = within(across.on_input(phase_across), 0, each);
        let any_column = within(across.on_any(), 0, each);
        let mut looks = Looks::default();
        // All rows before any is dealt out: what was just written cannot be read at once by vectors that lie across it.
        for row in any_row.start..any_row.end {
            let y = &mut staged[row * each..][..each];
            if looks.is_set(each) {
                return;
            }
            if row < read.start || row >= read.end {
                y[any_column.start..any_column.end].fill(0.0);
                continue;
            }
            y[any_column.start..columns.start].fill(0.0);
            y[columns.end..any_column.end].fill(0.0);
            if columns.is_empty() {
                continue;
            }
            let x = &plane[down.at(begin + row, phase_down) * across.input..][..across.input];
            let x = &x[across.at(columns.start, phase_across)..];
            let y = &mut y[columns.start..columns.end];
            if across.stride == 1 {
                copy::<S>(s, &x[..y.len()], y);
            } else if !pick(x, across.stride, y) {
                return;
            }
        }
        for row in any_row.start..any_row.end {
            let x = &staged[row * each..][..each];
            let y = &mut lines[row * each..][..each];
            // One more, since tiles read beyond their own columns.
            let mut column = 0;
            while column <= self.columns {
                if looks.is_set(OUT * len) {
                    return;
                }
                let x = &x[column * OUT..][..OUT * len];
                let mut parts = [<S::f32s as SimdBase<S>>::splat(s, 0.0); OUT];
                for part in 0..OUT {
                    let x = &x[part * len..(part + 1) * len];
                    parts[part] = <S::f32s as SimdBase<S>>::from_slice(s, x);
                }
                let parts = dealt::<S, OUT>(parts);
                for part in 0..OUT {
                    parts[part].store_slice(&mut y[part * self.pitch + column..][..len]);
                }
                column += len;
            }
        }
    }

    /// What the tiles of a row from number `column` on have at their places of row `row`, one vector for each column of them.
    #[inline(always)]
    pub(super) fn row<S: Vectors, const PLACES: usize, const OUT: usize>(
        &self,
        s: S,
        lines: &[f32],
        row: usize,
        column: usize,
    ) -> [S::f32s; PLACES] {
        let len = <S::f32s as SimdBase<S>>::LEN;
        let mut rest = &lines[lines.len() / 2 + row * self.len()..][..self.len()];
        let mut places = [<S::f32s as SimdBase<S>>::splat(s, 0.0); PLACES];
        for remainder in 0..OUT {
            let (part, behind) = rest.split_at(self.pitch);
            for quotient in 0..PLACES.div_ceil(OUT) {
                let place = quotient * OUT + remainder;
                if place < PLACES {
                    let x = &part[column + quotient..][..len];
                    places[place] = <S::f32s as SimdBase<S>>::from_slice(s, x);
                }
            }
            rest = behind;
        }
        places
    }
}

/// Copies a row by vectors, of which the last lies over the one before: rows are short for a call.
#[inline(always)]
fn copy<S: Vectors>(s: S, x: &[f32], y: &mut [f32]) {
    let len = <S::f32s as SimdBase<S>>::LEN;
    if x.len() < len {
        for i in 0..x.len() {
            y[i] = x[i];
        }
        return;
    }
    let mut i = 0;
    while i < x.len() {
        let from = i.min(x.len() - len);
        let x = <S::f32s as SimdBase<S>>::from_slice(s, &x[from..][..len]);
        x.store_slice(&mut y[from..][..len]);
        i = from + len;
    }
}

/// The elements of each remainder modulo `OUT`, a power of two.
#[inline(always)]
fn dealt<S: Vectors, const OUT: usize>(parts: [S::f32s; OUT]) -> [S::f32s; OUT] {
    let mut parts = parts;
    for _ in 0..const { OUT.ilog2() } {
        let from = parts;
        for pair in 0..OUT / 2 {
            let (even, odd) = from[2 * pair].deinterleave(from[2 * pair + 1]);
            (parts[pair], parts[OUT / 2 + pair]) = (even, odd);
        }
    }
    parts
}

/// The reverse of [`dealt`].
#[inline(always)]
pub(super) fn gathered<S: Vectors, const OUT: usize>(parts: [S::f32s; OUT]) -> [S::f32s; OUT] {
    let mut parts = parts;
    for _ in 0..const { OUT.ilog2() } {
        let from = parts;
        for pair in 0..OUT / 2 {
            let (low, high) = from[pair].interleave(from[OUT / 2 + pair]);
            (parts[2 * pair], parts[2 * pair + 1]) = (low, high);
        }
    }
    parts
}
