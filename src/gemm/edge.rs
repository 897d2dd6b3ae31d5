//! Products of two panels of which rows or columns are missing.

use fearless_simd::{Simd, SimdBase, SimdFloatElement};

use super::Sum;
use super::few::{FEW, few};
use super::finish::Finish;
use super::panels::{COLUMNS, ROWS};
use super::tile::{Panels, Start, is_wide, tile};

/// One vector.
type Vector<S, T> = <T as SimdFloatElement>::Native<S>;

/// Multiplies two panels into the columns of `rows` from `column` on.
#[inline(always)]
pub(super) fn edge<S: Simd, T: Sum + SimdFloatElement>(
    s: S,
    panels: Panels<'_, T>,
    start: Start<'_, T>,
    finish: Option<Finish<'_, T>>,
    rows: &mut [&mut [T]],
    column: usize,
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let wide = const { is_wide::<Vector<S, T>>() };
    let whole = match panels.columns % len {
        1..=FEW if !wide => panels.columns / len * len,
        _ => panels.columns,
    };
    let single = match whole % (2 * len) {
        rest if rest <= len => rest,
        _ => 0,
    };
    let paired = whole - single;
    let mut row = 0;
    while row < rows.len() && paired > 0 {
        let left = rows.len() - row;
        // A tile takes as long for two rows as for all: eight are two tiles of four.
        let most = match left {
            ..=4 => 4,
            5..=8 if wide => 8,
            _ if wide => ROWS,
            8 => 4,
            _ => ROWS / 2,
        };
        let mut at = 0;
        while at < paired {
            let count = paired - at;
            let (start, rows, to) = (start.part(row, 0), &mut rows[row..], column + at);
            let finish = match finish {
                Some(finish) => Some(finish.part(row, 0)),
                None => None,
            };
            match (wide, most) {
                (_, 4) => cut::<S, T, 4, 2>(s, panels, row, at, count, start, finish, rows, to),
                (true, 8) => cut::<S, T, 8, 2>(s, panels, row, at, count, start, finish, rows, to),
                (true, _) => {
                    cut::<S, T, ROWS, 2>(s, panels, row, at, count, start, finish, rows, to);
                }
                (false, _) => {
                    cut::<S, T, { ROWS / 2 }, 2>(
                        s, panels, row, at, count, start, finish, rows, to,
                    );
                }
            }
            at += 2 * len;
        }
        row += most;
    }
    // A single vector of columns leaves registers for all rows.
    if single > 0 {
        let to = column + paired;
        match (wide, rows.len()) {
            (true, ..=4) => {
                cut::<S, T, 4, 1>(s, panels, 0, paired, single, start, finish, rows, to);
            }
            (true, ..=8) => {
                cut::<S, T, 8, 1>(s, panels, 0, paired, single, start, finish, rows, to);
            }
            _ => cut::<S, T, ROWS, 1>(s, panels, 0, paired, single, start, finish, rows, to),
        }
    }
    if whole < panels.columns {
        match panels.columns - whole {
            1 => few::<S, T, 1, 4>(s, panels, whole, start, finish, rows, column + whole),
            _ => few::<S, T, FEW, 1>(s, panels, whole, start, finish, rows, column + whole),
        }
    }
}

/// As [`tile`], of `count` columns; what is missing lies elsewhere meanwhile.
#[inline(always)]
fn cut<S: Simd, T: Sum + SimdFloatElement, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    panels: Panels<'_, T>,
    row: usize,
    at: usize,
    count: usize,
    start: Start<'_, T>,
    finish: Option<Finish<'_, T>>,
    rows: &mut [&mut [T]],
    to: usize,
) {
    let width = VECTORS * <Vector<S, T> as SimdBase<S>>::LEN;
    let (height, columns) = (HEIGHT.min(rows.len()), count.min(width));
    let whole = height == HEIGHT && columns == width;
    let mut elsewhere = [[T::ZERO; COLUMNS]; HEIGHT];
    if !whole {
        for r in 0..height {
            let line = &mut elsewhere[r][..columns];
            match start {
                Start::Zero => {}
                Start::Rows(numbers) => line.fill(numbers[r]),
                Start::Columns(numbers) => line.copy_from_slice(&numbers[to..to + columns]),
                Start::Output => line.copy_from_slice(&rows[r][to..to + columns]),
            }
        }
    }
    let mut lines = elsewhere.each_mut().map(|line| &mut line[..width]);
    if whole {
        for (line, row) in lines.iter_mut().zip(rows.iter_mut()) {
            *line = &mut row[to..to + width];
        }
    }
    let (start, of_tile) = match (whole, finish) {
        (false, _) => (Start::Output, None),
        (true, None) => (start.part(0, to), None),
        (true, Some(finish)) => (start.part(0, to), Some(finish.part(0, to))),
    };
    tile::<S, T, HEIGHT, VECTORS>(s, panels, row, at, start, of_tile, &mut lines, 0);
    if !whole {
        for r in 0..height {
            let y = &mut rows[r][to..to + columns];
            y.copy_from_slice(&elsewhere[r][..columns]);
            if let Some(finish) = finish {
                finish.apply(r, to, y);
            }
        }
    }
}
