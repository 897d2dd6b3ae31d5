//! Rows of a plane as tiles read them: between zeros, and the columns of each of four remainders together, so that vectors hold
//! what neighbouring tiles have at the same place.

use std::ops::Range;

use fearless_simd::{Simd as Vectors, SimdBase};

use super::{IN, OUT};
use crate::gemm::panel_columns;
use crate::parts::{Looks, PART};
use crate::simd::LANES;
use crate::window::Axis;

/// How the rows of a plane are dealt out.
pub(super) struct Lines {
    /// The elements of an input plane along both axes, and the pads before them.
    input: [usize; 2],
    pad: [usize; 2],
    /// Tiles of a row.
    columns: usize,
    /// Elements from one remainder to the next; what vectors hold behind the last tile is among them.
    pitch: usize,
}

impl Lines {
    pub(super) fn new(rows: &Axis, columns: &Axis) -> Lines {
        let tiles = columns.output.div_ceil(OUT);
        Lines {
            input: [rows.input, columns.input],
            pad: [rows.pad_begin, columns.pad_begin],
            columns: tiles,
            pitch: panel_columns(tiles).saturating_add(LANES),
        }
    }

    /// Elements of a row.
    fn len(&self) -> usize {
        OUT.saturating_mul(self.pitch)
    }

    /// Elements of what [`Lines::deal`] makes of some rows of tiles.
    pub(super) fn elements(&self, rows: usize) -> usize {
        rows.saturating_mul(OUT)
            .saturating_add(IN - OUT)
            .saturating_mul(self.len())
            .saturating_mul(2)
    }

    /// Elements of an input plane.
    pub(super) fn plane(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// The first row of the input that rows of tiles from number `first` on read, and which of their own rows are on the input.
    #[inline(always)]
    fn read(&self, first: usize, rows: usize) -> (usize, Range<usize>) {
        let (begin, pad) = (first * OUT, self.pad[0]);
        let from = pad.saturating_sub(begin);
        let to = (rows * OUT + IN - OUT).min((self.input[0] + pad).saturating_sub(begin));
        ((begin + from) - pad.min(begin + from), from..to.max(from))
    }

    /// Deals out the rows of a plane that `rows` rows of tiles from `first` on read; what is not on the input is left alone.
    #[inline(always)]
    pub(super) fn deal<S: Vectors>(
        &self,
        s: S,
        plane: &[f32],
        first: usize,
        rows: usize,
        lines: &mut [f32],
    ) {
        let len = <S::f32s as SimdBase<S>>::LEN;
        let each = self.len();
        let (staged, lines) = lines.split_at_mut(lines.len() / 2);
        let width = self.input[1];
        let begin = self.pad[1].min(each);
        let count = width.min(each - begin);
        let (from, read) = self.read(first, rows);
        let mut looks = Looks::default();
        // All rows before any is dealt out: what was just written cannot be read at once by vectors that lie across it.
        for row in read.start..read.end {
            let x = &plane[(from + row - read.start) * width..][..count];
            let y = &mut staged[row * each + begin..][..count];
            let mut at = 0;
            while at < count {
                let end = count.min(at + PART);
                if looks.is_set(end - at) {
                    return;
                }
                copy::<S>(s, &x[at..end], &mut y[at..end]);
                at = end;
            }
        }
        for row in read.start..read.end {
            let x = &staged[row * each..][..each];
            let y = &mut lines[row * each..][..each];
            // One more, since tiles read beyond their own four columns.
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
                let (even, odd) = parts[0].deinterleave(parts[1]);
                let (more_even, more_odd) = parts[2].deinterleave(parts[3]);
                let (zero, two) = even.deinterleave(more_even);
                let (one, three) = odd.deinterleave(more_odd);
                zero.store_slice(&mut y[column..][..len]);
                one.store_slice(&mut y[self.pitch + column..][..len]);
                two.store_slice(&mut y[2 * self.pitch + column..][..len]);
                three.store_slice(&mut y[3 * self.pitch + column..][..len]);
                column += len;
            }
        }
    }

    /// What the tiles of a row from number `column` on have at their places of row `row`, one vector for each column of them.
    #[inline(always)]
    pub(super) fn row<S: Vectors>(
        &self,
        s: S,
        lines: &[f32],
        row: usize,
        column: usize,
    ) -> [S::f32s; IN] {
        let len = <S::f32s as SimdBase<S>>::LEN;
        let x = &lines[lines.len() / 2 + row * self.len()..][..self.len()];
        let mut places = [<S::f32s as SimdBase<S>>::splat(s, 0.0); IN];
        for place in 0..IN {
            let at = place % OUT * self.pitch + place / OUT + column;
            places[place] = <S::f32s as SimdBase<S>>::from_slice(s, &x[at..][..len]);
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
