//! The fold of rows and columns at once, for small square windows: strips a vector wide, down the rows.
//!
//! Each row of the input is folded along in registers as soon as it is read, and the last few such rows across: nothing
//! is written but what the windows yield.

use fearless_simd::{Level, Simd, dispatch};

use super::across::{Sink, absent, copy_present};
use super::edges::Edges;
use super::lanes::{MOST_LANES, Vectored, lanes};
use super::reduce::Reduction;
use super::runs::Run;
use super::taps::{span, window_at};
use crate::window::Axis;

/// Whether windows over these two axes of elements of that many bytes can be folded here.
pub(super) fn suits(rows: &Axis, columns: &Axis, element_bytes: usize) -> bool {
    let shape = |axis: &Axis| (axis.kernel, axis.stride, axis.dilation);
    // Of rows apart, those between are written later or earlier: none may write over the ends of others.
    let wide = columns.output * element_bytes >= MOST_LANES;
    shape(rows) == shape(columns)
        && matches!(shape(rows), (3, 1, _) | (5, 1, 1) | (2..=3, 2, 1))
        && (rows.dilation == 1 || (wide && rows.dilation <= rows.input))
        && !rows.has_bare_windows()
        && (columns.kernel == 2 || has_middle_taps(columns))
}

/// Whether the middle taps of all windows lie on the row.
fn has_middle_taps(axis: &Axis) -> bool {
    let middle = (axis.kernel / 2 * axis.dilation) as i64;
    axis.start(0) + middle >= 0 && axis.start(axis.output - 1) + middle < axis.input as i64
}

/// Windows to fold, in slices: the last two axes of the input.
#[derive(Clone, Copy)]
pub(super) struct Slices<'a, T> {
    /// The tensor.
    pub(super) x: &'a [T],
    /// Where the first slice begins.
    pub(super) first: usize,
    /// The place of that.
    pub(super) place: usize,
    pub(super) count: usize,
    /// The position of the first window's first row.
    pub(super) start: i64,
    /// The windows of the axis of rows.
    pub(super) runs: &'a [Run],
    pub(super) axes: [&'a Axis; 2],
    /// Where the results of the first slice go, and from one to the next.
    pub(super) to: usize,
    pub(super) to_pitch: usize,
}

/// Folds the windows of all slices.
pub(super) fn fold<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    slices: Slices<'_, T>,
    edges: &Edges<'_>,
    spare: &mut [T],
    sink: impl Sink<T, R>,
) {
    dispatch!(level, s => sized(s, reduction, slices, edges, spare, sink));
}

#[inline(always)]
fn sized<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    slices: Slices<'_, T>,
    edges: &Edges<'_>,
    spare: &mut [T],
    sink: impl Sink<T, R>,
) {
    let axis = slices.axes[0];
    // What is known when compiled need not be checked in loops.
    match (axis.kernel, axis.stride, axis.dilation) {
        (3, 1, 1) => each::<S, T, R, 3, 1>(s, reduction, slices, 1, edges, spare, sink),
        (3, 1, apart) => each::<S, T, R, 3, 1>(s, reduction, slices, apart, edges, spare, sink),
        (5, ..) => each::<S, T, R, 5, 1>(s, reduction, slices, 1, edges, spare, sink),
        (3, ..) => each::<S, T, R, 3, 2>(s, reduction, slices, 1, edges, spare, sink),
        _ => each::<S, T, R, 2, 2>(s, reduction, slices, 1, edges, spare, sink),
    }
}

#[inline(always)]
fn each<S: Simd, T: Vectored, R: Reduction<T>, const SIZE: usize, const STRIDE: usize>(
    s: S,
    reduction: &R,
    slices: Slices<'_, T>,
    dilation: usize,
    edges: &Edges<'_>,
    spare: &mut [T],
    mut sink: impl Sink<T, R>,
) {
    let [rows, columns] = slices.axes;
    let mut count = 0;
    for run in slices.runs {
        count += run.windows;
    }
    for slice in 0..slices.count {
        let skipped = slice * rows.input * columns.input;
        let to = slices.to + slice * slices.to_pitch;
        // Windows whose taps are the same rows are folded one after the other.
        for phase in 0..dilation.min(count) {
            let start = slices.start + phase as i64;
            let first_row = start.rem_euclid(dilation as i64) as usize;
            let windows = Windows {
                position: start.div_euclid(dilation as i64),
                runs: slices.runs,
                phase,
                phases: dilation,
                to: to + phase * columns.output,
            };
            let strip = Strip {
                x: slices.x,
                at: slices.first + skipped + first_row * columns.input,
                place: slices.place + skipped + first_row * columns.input,
                height: (rows.input - first_row.min(rows.input)).div_ceil(dilation),
                pitch: dilation * columns.input,
                column: 0,
                apart: 0,
                start: 0,
                dilation,
                to_pitch: dilation * columns.output,
            };
            strips::<S, T, R, SIZE, STRIDE>(
                s, reduction, columns, strip, windows, edges, spare, &mut sink,
            );
        }
    }
}

/// Folds one strip after the other.
#[inline(always)]
fn strips<S: Simd, T: Vectored, R: Reduction<T>, const SIZE: usize, const STRIDE: usize>(
    s: S,
    reduction: &R,
    columns: &Axis,
    mut strip: Strip<'_, T>,
    windows: Windows<'_>,
    edges: &Edges<'_>,
    spare: &mut [T],
    sink: &mut impl Sink<T, R>,
) {
    let len = lanes::<S, T>();
    // The last vector of a row is moved back onto it. Where rows are shorter than that, each writes over the end of the
    // one before.
    let last = columns.output.saturating_sub(len);
    let mut column = 0;
    while column < columns.output {
        strip.column = column.min(last);
        strip.start = columns.start(strip.column) as isize;
        // Of windows that read much more than they yield, one vector at a time is faster.
        strip.apart = match STRIDE > 1 && SIZE > STRIDE {
            true => 0,
            false => (strip.column + len).min(last) - strip.column,
        };
        let (words, masked) = words::<SIZE>(edges, [strip.column, strip.column + strip.apart]);
        if strip.apart == 0 {
            let words = [words[0]];
            // Masks cost little where each element is loaded for many windows.
            if STRIDE == 1 || masked {
                down::<S, T, R, SIZE, STRIDE, 1, true>(
                    s, reduction, strip, words, windows, spare, sink,
                );
            } else {
                down::<S, T, R, SIZE, STRIDE, 1, false>(
                    s, reduction, strip, words, windows, spare, sink,
                );
            }
        } else if STRIDE == 1 || masked {
            down::<S, T, R, SIZE, STRIDE, 2, true>(
                s, reduction, strip, words, windows, spare, sink,
            );
        } else {
            down::<S, T, R, SIZE, STRIDE, 2, false>(
                s, reduction, strip, words, windows, spare, sink,
            );
        }
        column += len + strip.apart;
    }
}

/// The bits of the taps of the vectors of windows at two columns, and whether any is not set.
#[inline(always)]
fn words<const SIZE: usize>(edges: &Edges<'_>, columns: [usize; 2]) -> ([[u64; SIZE]; 2], bool) {
    let mut words = [[u64::MAX; SIZE]; 2];
    let mut masked = false;
    for w in 0..2 {
        if let Some(bits) = edges.at(columns[w]) {
            words[w].copy_from_slice(bits);
            masked = edges.partial != 0;
        }
    }
    (words, masked)
}

/// A strip of rows.
#[derive(Clone, Copy)]
struct Strip<'a, T> {
    x: &'a [T],
    /// Where the first row begins, and the place of that.
    at: usize,
    place: usize,
    /// The first tap of the first window on a row.
    start: isize,
    /// Rows, and elements from one to the next.
    height: usize,
    pitch: usize,
    /// The first column of the first vector of windows, and how many columns behind it the second is.
    column: usize,
    apart: usize,
    /// From one tap of a row to the next.
    dilation: usize,
    /// Results from one row to the next.
    to_pitch: usize,
}

/// The windows of a strip.
#[derive(Clone, Copy)]
struct Windows<'a> {
    /// The row of the first tap of the first window.
    position: i64,
    /// Of the windows of all phases, which take turns.
    runs: &'a [Run],
    phase: usize,
    phases: usize,
    /// Where results go.
    to: usize,
}

impl Windows<'_> {
    /// How many of a run are of this phase.
    #[inline(always)]
    fn of(&self, run: &Run) -> usize {
        if self.phases == 1 {
            return run.windows;
        }
        let before = |end: usize| (end + self.phases - 1 - self.phase) / self.phases;
        before(run.window + run.windows) - before(run.window)
    }
}

/// Folds a strip of one vector or two.
#[inline(always)]
fn down<
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
    let shared = SIZE - STRIDE;
    let (mut position, mut to) = (windows.position, windows.to + strip.column);
    // The last rows, folded along; the first ones of them are those that windows share.
    let mut folded = [[absent; SIZE]; WIDE];
    for w in 0..WIDE {
        for tap in 0..shared {
            folded[w][STRIDE + tap] = row::<S, T, R, SIZE, STRIDE, MASKED>(
                s,
                reduction,
                strip,
                w,
                position + tap as i64,
                bits[w],
                absent,
                spare,
            );
        }
    }
    for run in windows.runs {
        let mut divisors = [sink.divisor(s, reduction, run.share, strip.column); WIDE];
        if WIDE == 2 {
            divisors[1] = sink.divisor(s, reduction, run.share, strip.column + strip.apart);
        }
        let mut left = windows.of(run);
        while left > 0 {
            let at = strip.at as isize + position as isize * strip.pitch as isize + strip.start;
            let mut count = match position >= 0 && at >= 0 {
                true => left,
                false => 0,
            };
            // Windows all of whose rows can be read as they are, and whose results have room.
            while count > 0 {
                let last = position as usize + (count - 1) * STRIDE;
                let rows = (count - 1) * STRIDE + SIZE - 1;
                let end = at as usize + rows * strip.pitch + strip.apart * STRIDE + span;
                let room = (count - 1) * strip.to_pitch + strip.apart + len;
                if last + SIZE <= strip.height && end <= strip.x.len() && room <= sink.room(to) {
                    break;
                }
                count -= 1;
            }
            if count == 0 {
                for w in 0..WIDE {
                    for tap in 0..shared {
                        folded[w][tap] = folded[w][STRIDE + tap];
                    }
                    for tap in shared..SIZE {
                        folded[w][tap] = row::<S, T, R, SIZE, STRIDE, MASKED>(
                            s,
                            reduction,
                            strip,
                            w,
                            position + tap as i64,
                            bits[w],
                            absent,
                            spare,
                        );
                    }
                    let acc = across(s, reduction, folded[w]);
                    sink.put(s, reduction, acc, divisors[w], to + w * strip.apart);
                }
                position += STRIDE as i64;
                to += strip.to_pitch;
                left -= 1;
                continue;
            }
            let mut rows = [strip.x; STRIDE];
            for tap in shared..SIZE {
                rows[tap - shared] = &strip.x[at as usize + tap * strip.pitch..];
            }
            let row = strip.place + position as usize * strip.pitch;
            let mut place = row.wrapping_add_signed(strip.start);
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
                    let acc = across(s, reduction, folded[w]);
                    sink.put_whole(s, reduction, acc, divisors[w], to + w * strip.apart);
                }
                for tap in 0..STRIDE {
                    rows[tap] = rows[tap].get(STRIDE * strip.pitch..).unwrap_or(&[]);
                }
                place = place.wrapping_add(STRIDE * strip.pitch);
                to += strip.to_pitch;
            }
            position += (count * STRIDE) as i64;
            left -= count;
        }
    }
}

/// The fold across rows.
#[inline(always)]
fn across<S: Simd, T: Vectored, R: Reduction<T>, const SIZE: usize>(
    s: S,
    reduction: &R,
    folded: [R::Acc<S>; SIZE],
) -> R::Acc<S> {
    let mut acc = folded[0];
    for tap in 1..SIZE {
        acc = reduction.fold(s, acc, folded[tap]);
    }
    acc
}

/// The fold along the row at `position`, if there is one, for vector `w` of the strip.
#[inline(always)]
fn row<
    S: Simd,
    T: Vectored,
    R: Reduction<T>,
    const SIZE: usize,
    const STRIDE: usize,
    const MASKED: bool,
>(
    s: S,
    reduction: &R,
    strip: Strip<'_, T>,
    w: usize,
    position: i64,
    bits: [u64; SIZE],
    absent: R::Acc<S>,
    spare: &mut [T],
) -> R::Acc<S> {
    if position as u64 >= strip.height as u64 {
        return absent;
    }
    let span = span::<S, T>(SIZE, STRIDE, strip.dilation);
    let skipped = position as usize * strip.pitch + w * strip.apart * STRIDE;
    let at = (strip.at + skipped).wrapping_add_signed(strip.start);
    let x = match strip.x.get(at..at.wrapping_add(span)) {
        Some(x) => x,
        None => {
            copy_present(strip.x, at, &mut spare[..span]);
            &spare[..span]
        }
    };
    let place = (strip.place + skipped).wrapping_add_signed(strip.start);
    window_at::<S, T, R, SIZE, STRIDE, MASKED>(
        s,
        reduction,
        x,
        place,
        strip.dilation,
        bits,
        0,
        absent,
    )
}
