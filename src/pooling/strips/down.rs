//! One strip, down the rows.

use fearless_simd::Simd;

use crate::pooling::lanes::{Vectored, lanes};
use crate::pooling::reduce::Reduction;
use crate::pooling::runs::Run;
use crate::pooling::sink::Sink;
use crate::pooling::source::{absent, copy_present};
use crate::pooling::taps::{span, window_at};

/// A strip of rows.
#[derive(Clone, Copy)]
pub(super) struct Strip<'a, T> {
    pub(super) x: &'a [T],
    /// Where the first row begins, and the place of that.
    pub(super) at: usize,
    pub(super) place: usize,
    /// The first tap of the first window on a row.
    pub(super) start: isize,
    /// Rows, and elements from one to the next.
    pub(super) height: usize,
    pub(super) pitch: usize,
    /// The first column of the first vector of windows, and how many columns behind it the second is.
    pub(super) column: usize,
    pub(super) apart: usize,
    /// From one tap of a row to the next.
    pub(super) dilation: usize,
    /// Results from one row to the next.
    pub(super) to_pitch: usize,
}

/// The windows of a strip.
#[derive(Clone, Copy)]
pub(super) struct Windows<'a> {
    /// The row of the first tap of the first window.
    pub(super) position: i64,
    /// Of the windows of all phases, which take turns.
    pub(super) runs: &'a [Run],
    pub(super) phase: usize,
    pub(super) phases: usize,
    /// Where results go.
    pub(super) to: usize,
}

impl Windows<'_> {
    /// How many of a run are of this phase.
    #[inline(always)]
    fn of(&self, run: &Run) -> usize {
        if self.phases == 1 {
            return run.windows;
        }
        self.before(run.window + run.windows) - self.before(run.window)
    }

    /// How many of the windows before number `end` are of this phase.
    #[inline(always)]
    fn before(&self, end: usize) -> usize {
        (end + self.phases - 1 - self.phase) / self.phases
    }
}

/// Folds a strip of one vector or two. Of `spare`, the first third holds elements that are absent.
#[inline(always)]
pub(super) fn down<
    S: Simd,
    T: Vectored,
    R: Reduction<T>,
    const SIZE: usize,
    const STRIDE: usize,
    const WIDE: usize,
    const MASKED: bool,
>(
    s: S,
    reduction: &R,
    strip: Strip<'_, T>,
    bits: [[u64; SIZE]; WIDE],
    windows: Windows<'_>,
    spare: &mut [T],
    sink: &mut impl Sink<T, R>,
) {
    let absent = absent(s, reduction);
    let (len, span) = (lanes::<S, T>(), span::<S, T>(SIZE, STRIDE, strip.dilation));
    let read = strip.apart * STRIDE + span;
    let third = spare.len() / 3;
    let shared = SIZE - STRIDE;
    // The last rows, folded along; the first ones of them are those that windows share. What comes before the first
    // window is folded as windows whose results nobody wants.
    let mut folded = [[absent; SIZE]; WIDE];
    let mut left = shared.div_ceil(STRIDE);
    let mut position = windows.position - (left * STRIDE) as i64;
    while left > 0 && position + (SIZE as i64) <= 0 {
        // Without any row of the input they change nothing.
        position += STRIDE as i64;
        left -= 1;
    }
    let mut to = windows.to + strip.column;
    let mut wanted = false;
    let mut divisors = [sink.divisor(s, reduction, 1.0, strip.column); WIDE];
    let mut runs = windows.runs;
    loop {
        while left == 0 {
            let Some((run, rest)) = runs.split_first() else {
                return;
            };
            runs = rest;
            left = windows.of(run);
            wanted = true;
            for w in 0..WIDE {
                let column = strip.column + w * strip.apart;
                divisors[w] = sink.divisor(s, reduction, run.share, column);
            }
        }
        // Windows whose own rows can all be read as they are, and whose results have room.
        let first = position + shared as i64;
        let at = strip.at as isize + first as isize * strip.pitch as isize + strip.start;
        let mut whole = match first >= 0 && at >= 0 {
            true => left,
            false => 0,
        };
        while whole > 0 {
            let rows = (whole - 1) * STRIDE;
            let end = at as usize + (rows + STRIDE - 1) * strip.pitch + read;
            let room = (whole - 1) * strip.to_pitch + strip.apart + len;
            if first as usize + rows + STRIDE <= strip.height
                && end <= strip.x.len()
                && (room <= sink.room(to) || !wanted)
            {
                break;
            }
            whole -= 1;
        }
        let mut rows = [strip.x; STRIDE];
        let count = whole.max(1);
        if whole > 0 {
            for tap in 0..STRIDE {
                rows[tap] = &strip.x[at as usize + tap * strip.pitch..];
            }
        } else {
            for tap in 0..STRIDE {
                if let Row::Cut(at) = strip.row(first + tap as i64, read) {
                    let copy = &mut spare[third * (1 + tap)..][..read];
                    copy_present(strip.x, at, copy);
                }
            }
            for tap in 0..STRIDE {
                rows[tap] = match strip.row(first + tap as i64, read) {
                    Row::Absent => &spare[..read],
                    Row::Whole(row) => row,
                    Row::Cut(_) => &spare[third * (1 + tap)..][..read],
                };
            }
        }
        let put = wanted && whole > 0;
        let row = strip
            .place
            .wrapping_add((position as usize).wrapping_mul(strip.pitch));
        let mut place = row.wrapping_add_signed(strip.start);
        let mut accs = [absent; WIDE];
        for _ in 0..count {
            for w in 0..WIDE {
                let skipped = w * strip.apart * STRIDE;
                for tap in 0..shared {
                    folded[w][tap] = folded[w][STRIDE + tap];
                }
                for tap in shared..SIZE {
                    let x = &rows[tap - shared][skipped..skipped + span];
                    let place = place.wrapping_add(tap * strip.pitch + skipped);
                    folded[w][tap] = window_at::<S, T, R, SIZE, STRIDE, MASKED>(
                        s,
                        reduction,
                        x,
                        place,
                        strip.dilation,
                        bits[w],
                        0,
                        absent,
                    );
                }
                accs[w] = folded[w][0];
                for tap in 1..SIZE {
                    accs[w] = reduction.fold(s, accs[w], folded[w][tap]);
                }
                if put {
                    sink.put_whole(s, reduction, accs[w], divisors[w], to + w * strip.apart);
                }
            }
            for tap in 0..STRIDE {
                rows[tap] = rows[tap].get(STRIDE * strip.pitch..).unwrap_or(&[]);
            }
            place = place.wrapping_add(STRIDE * strip.pitch);
            to += if wanted { strip.to_pitch } else { 0 };
        }
        if wanted && !put {
            for w in 0..WIDE {
                let to = to - strip.to_pitch + w * strip.apart;
                sink.put(s, reduction, accs[w], divisors[w], to);
            }
        }
        position += (count * STRIDE) as i64;
        left -= count;
    }
}

/// The elements of a row that the windows of a strip read.
enum Row<'a, T> {
    /// The row is none of the input's.
    Absent,
    Whole(&'a [T]),
    /// The tensor does not have all of them from here on, counted with wrapping.
    Cut(usize),
}

impl<'a, T> Strip<'a, T> {
    #[inline(always)]
    fn row(&self, position: i64, read: usize) -> Row<'a, T> {
        if position as u64 >= self.height as u64 {
            return Row::Absent;
        }
        let at = (self.at + position as usize * self.pitch).wrapping_add_signed(self.start);
        match self.x.get(at..at.wrapping_add(read)) {
            Some(row) => Row::Whole(row),
            None => Row::Cut(at),
        }
    }
}
