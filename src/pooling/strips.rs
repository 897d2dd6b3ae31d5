//! The fold of rows and columns at once, for small square windows: strips a vector wide, down the rows.
//!
//! Each row of the input is folded along in registers as soon as it is read, and the last few such rows across: nothing
//! is written but what the windows yield.

mod down;

use fearless_simd::{Level, Simd};

use super::edges::Edges;
use super::lanes::{MOST_LANES, Vectored, lanes};
use super::reduce::Reduction;
use super::runs::Run;
use super::sink::Sink;
use crate::parts::Looks;
use crate::simd::dispatch;
use crate::window::Axis;
use down::{Strip, Windows, down};

/// Whether windows over these two axes can be folded here.
pub(super) fn suits<T: Vectored, R: Reduction<T>>(rows: &Axis, columns: &Axis) -> bool {
    let shape = |axis: &Axis| (axis.kernel, axis.stride, axis.dilation);
    let known = match shape(rows) {
        (3, 1, 1) | (2..=3, 2, 1) => true,
        (5, 1, 1) => R::IDEMPOTENT,
        // Of rows apart, those between are written later or earlier: none may write over the ends of others.
        (3, 1, apart) => {
            let wide = columns.output * size_of::<T>() >= MOST_LANES;
            R::IDEMPOTENT && wide && apart <= rows.input
        }
        _ => false,
    };
    R::STRIPS
        && known
        && shape(rows) == shape(columns)
        && !rows.has_bare_windows()
        && (columns.kernel == 2 || has_middle_taps(columns))
}

/// Whether the middle taps of all windows lie on the row.
fn has_middle_taps(axis: &Axis) -> bool {
    let middle = (axis.kernel / 2 * axis.dilation) as i64;
    axis.start(0) + middle >= 0 && axis.start(axis.output - 1) + middle < axis.input as i64
}

/// The elements to spare that [`fold`] takes.
pub(super) fn spare(columns: &Axis) -> usize {
    3 * (4 * MOST_LANES + columns.kernel * columns.dilation)
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
    if R::STRIPS {
        dispatch!(level, s => sized(s, reduction, slices, edges, spare, sink));
    }
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
        (3, 2, 1) => each::<S, T, R, 3, 2>(s, reduction, slices, 1, edges, spare, sink),
        (2, 2, 1) => each::<S, T, R, 2, 2>(s, reduction, slices, 1, edges, spare, sink),
        (3, 1, apart) if R::IDEMPOTENT => {
            each::<S, T, R, 3, 1>(s, reduction, slices, apart, edges, spare, sink)
        }
        (5, 1, _) if R::IDEMPOTENT => {
            each::<S, T, R, 5, 1>(s, reduction, slices, 1, edges, spare, sink)
        }
        _ => unreachable!("such windows do not suit strips"),
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
    let all = [Run {
        window: 0,
        windows: count,
        first: 0,
        count: 0,
        share: 1.0,
    }];
    let third = spare.len() / 3;
    spare[..third].fill(reduction.absent());
    for slice in 0..slices.count {
        let skipped = slice * rows.input * columns.input;
        let to = slices.to + slice * slices.to_pitch;
        // Windows whose taps are the same rows are folded one after the other.
        for phase in 0..dilation.min(count) {
            let start = slices.start + phase as i64;
            let first_row = start.rem_euclid(dilation as i64) as usize;
            let windows = Windows {
                position: start.div_euclid(dilation as i64),
                // Where nothing is divided, all windows are alike.
                runs: if R::DIVIDES { slices.runs } else { &all },
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
    let mut looks = Looks::default();
    while column < columns.output {
        if looks.is_set(2 * len * strip.height) {
            return;
        }
        strip.column = column.min(last);
        strip.start = columns.start(strip.column) as isize;
        // Of windows that read much more than they yield, one vector at a time is faster.
        strip.apart = match const { STRIDE > 1 && SIZE > STRIDE } {
            true => 0,
            false => (strip.column + len).min(last) - strip.column,
        };
        let (words, masked) = words::<SIZE>(edges, [strip.column, strip.column + strip.apart]);
        // Masks cost little where each element is loaded for many windows.
        if const { STRIDE == 1 } || masked {
            strip_of::<S, T, R, SIZE, STRIDE, true>(
                s, reduction, strip, words, windows, spare, sink,
            );
        } else if const { STRIDE > 1 } {
            strip_of::<S, T, R, SIZE, STRIDE, false>(
                s, reduction, strip, words, windows, spare, sink,
            );
        }
        column += len + strip.apart;
    }
}

/// Folds a strip of one vector, or of two.
#[inline(always)]
fn strip_of<
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
    words: [[u64; SIZE]; 2],
    windows: Windows<'_>,
    spare: &mut [T],
    sink: &mut impl Sink<T, R>,
) {
    if strip.apart == 0 {
        down::<S, T, R, SIZE, STRIDE, 1, MASKED>(
            s,
            reduction,
            strip,
            [words[0]],
            windows,
            spare,
            sink,
        );
    } else if const { STRIDE == 1 || SIZE == STRIDE } {
        down::<S, T, R, SIZE, STRIDE, 2, MASKED>(s, reduction, strip, words, windows, spare, sink);
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
