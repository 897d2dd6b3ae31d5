//! The fold across rows: neighbouring windows share the same taps of neighbouring rows, vector by vector.

use fearless_simd::{Level, Simd};

use super::lanes::{Vectored, lanes};
use super::reduce::Reduction;
use super::runs::Run;
use super::sink::Sink;
use super::source::{Source, absent};
use crate::simd::dispatch;
use crate::stop;

/// Windows that are folded between looks at whether the run is to stop; a multiple of the lanes of any vector.
const STOP_WINDOWS: usize = 1 << 16;

/// An axis to fold: blocks of rows of `unit` accumulators.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub(super) blocks: usize,
    /// Where the first block begins, and from one to the next.
    pub(super) from: usize,
    pub(super) from_pitch: usize,
    /// Where its results begin, and those of the next.
    pub(super) to: usize,
    pub(super) to_pitch: usize,
    pub(super) unit: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// The windows of a block.
    pub(super) runs: &'a [Run],
    /// If results are divided: how many a row has, the column of the first, and the shares of the axes between the first
    /// and the last.
    pub(super) columns: usize,
    pub(super) column: usize,
    pub(super) middle: &'a [f64],
}

/// Taps of neighbouring windows: `count` of them, `step` apart, the first at `first`.
#[derive(Clone, Copy)]
struct Taps {
    first: usize,
    count: usize,
    step: usize,
}

/// Windows that follow each other: `len` from `at` on, the first in column `column` of rows of `columns`.
#[derive(Clone, Copy)]
struct Windows {
    at: usize,
    len: usize,
    /// The share of the row in the divisor, if there is one.
    row: f64,
    column: usize,
    columns: usize,
}

/// Folds the windows of an axis.
pub(super) fn fold<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    source: impl Source<T, R>,
    sink: &mut impl Sink<T, R>,
    stage: Stage<'_>,
) {
    dispatch!(level, s => blocks(s, reduction, source, sink, stage));
}

#[inline(always)]
fn blocks<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    source: impl Source<T, R>,
    sink: &mut impl Sink<T, R>,
    stage: Stage<'_>,
) {
    // Windows whose taps are side by side are one long row, unless they differ in the divisor.
    let divided = R::DIVIDES && !stage.middle.is_empty();
    for block in 0..stage.blocks {
        for run in stage.runs {
            let (rows, parts, len) = match (divided, stage.stride) {
                (true, _) => (run.windows, stage.middle.len(), stage.columns),
                (false, 1) => (1, 1, run.windows * stage.unit),
                (false, _) => (run.windows, 1, stage.unit),
            };
            for row in 0..rows {
                for part in 0..parts {
                    // Where a window without a tap would read, and how far off a second tap would be, may be too much
                    // to compute with.
                    let first = match run.count {
                        0 => 0,
                        _ => (run.first + row * stage.stride) * stage.unit + part * len,
                    };
                    let taps = Taps {
                        first: stage.from + block * stage.from_pitch + first,
                        count: run.count,
                        step: match run.count {
                            0 | 1 => 0,
                            _ => stage.dilation * stage.unit,
                        },
                    };
                    let at = (run.window + row) * stage.unit + part * len;
                    let windows = Windows {
                        at: stage.to + block * stage.to_pitch + at,
                        len,
                        row: if divided {
                            run.share * stage.middle[part]
                        } else {
                            run.share
                        },
                        column: if R::DIVIDES {
                            (stage.column + at) % stage.columns
                        } else {
                            0
                        },
                        columns: stage.columns,
                    };
                    let mut done = 0;
                    while done < len {
                        let column = if R::DIVIDES && done > 0 {
                            (windows.column + done) % stage.columns
                        } else {
                            windows.column
                        };
                        let part = Windows {
                            at: windows.at + done,
                            len: STOP_WINDOWS.min(len - done),
                            column,
                            ..windows
                        };
                        let taps = Taps {
                            first: taps.first + done,
                            ..taps
                        };
                        windows_of_run(s, reduction, source, taps, sink, part);
                        done += part.len;
                        if done < len && stop::is_set() {
                            return;
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn windows_of_run<S: Simd, T: Vectored, R: Reduction<T>, F: Source<T, R>>(
    s: S,
    reduction: &R,
    source: F,
    taps: Taps,
    sink: &mut impl Sink<T, R>,
    windows: Windows,
) {
    match taps.count {
        1 if F::FOLDED => few::<S, T, R, 1>(s, reduction, source, taps, sink, windows),
        2 if F::FOLDED => few::<S, T, R, 2>(s, reduction, source, taps, sink, windows),
        3 if F::FOLDED => few::<S, T, R, 3>(s, reduction, source, taps, sink, windows),
        _ => many(s, reduction, source, taps, sink, windows),
    }
}

/// The column `advance`, which is less than a row has, behind another.
#[inline(always)]
fn next_column(column: usize, advance: usize, columns: usize) -> usize {
    let next = column + advance;
    if next < columns { next } else { next - columns }
}

#[inline(always)]
fn few<S: Simd, T: Vectored, R: Reduction<T>, const TAPS: usize>(
    s: S,
    reduction: &R,
    source: impl Source<T, R>,
    taps: Taps,
    sink: &mut impl Sink<T, R>,
    windows: Windows,
) {
    let len = lanes::<S, T>();
    let n = windows.len.next_multiple_of(len);
    let mut rows = [source; TAPS];
    for tap in 0..TAPS {
        rows[tap] = source.from(taps.first + tap * taps.step, n);
    }
    let advance = len % windows.columns;
    let mut column = windows.column;
    let mut i = 0;
    while n - i >= len {
        let mut acc = rows[0].get(s, reduction, i);
        for tap in 1..TAPS {
            acc = reduction.fold(s, acc, rows[tap].get(s, reduction, i));
        }
        let divisor = sink.divisor(s, reduction, windows.row, column);
        sink.put(s, reduction, acc, divisor, windows.at + i);
        if R::DIVIDES {
            column = next_column(column, advance, windows.columns);
        }
        i += len;
    }
}

#[inline(always)]
fn many<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    source: impl Source<T, R>,
    taps: Taps,
    sink: &mut impl Sink<T, R>,
    windows: Windows,
) {
    let len = lanes::<S, T>();
    let absent = absent(s, reduction);
    let advance = len % windows.columns;
    let mut column = windows.column;
    let mut i = 0;
    while i < windows.len {
        let mut acc = absent;
        if taps.count > 0 {
            let mut from = taps.first + i;
            acc = source.get(s, reduction, from);
            for _ in 1..taps.count {
                from += taps.step;
                acc = reduction.fold(s, acc, source.get(s, reduction, from));
            }
        }
        let divisor = sink.divisor(s, reduction, windows.row, column);
        sink.put(s, reduction, acc, divisor, windows.at + i);
        if R::DIVIDES {
            column = next_column(column, advance, windows.columns);
        }
        i += len;
    }
}
