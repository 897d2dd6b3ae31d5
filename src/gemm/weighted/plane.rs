//! Sums of three by three neighbours of planes that lie in a tensor as they are.

use fearless_simd::{Select, Simd, SimdBase, SimdFloat, SimdFloatElement};

use crate::gemm::{Finish, Sum};
use crate::parts::Looks;
use crate::simd::LANES;

/// Rows of sums at once, and the fewest of a plane: they, a row of weights and neighbours are in registers.
pub(crate) const ROWS: usize = 4;

/// Planes with one column of padding on the left, and their windows of a stride of 1 or 2.
#[derive(Clone, Copy)]
pub(crate) struct Planes<'a, T> {
    /// The tensor, where the first plane begins in it, and the elements from one plane to the next.
    pub(crate) x: &'a [T],
    pub(crate) begin: usize,
    pub(crate) pitch: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Rows of padding before the first one.
    pub(crate) pad: usize,
    /// Of windows along both axes.
    pub(crate) stride: usize,
    /// Rows and columns of sums; those of the last column begin on the plane.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl<T: Sum> Planes<'_, T> {
    /// Whether all planes are done that lie within a tensor, with as much around them as vectors read: rows are short enough.
    pub(crate) fn suit(&self) -> bool {
        self.stride * self.columns.max(LANES) + 2 <= T::ZEROS.len()
    }
}

/// One vector, and those of three neighbours in a row, or of their weights.
type Vector<S, T> = <T as SimdFloatElement>::Native<S>;
type Three<S, T> = [Vector<S, T>; 3];
type Mask<S, T> = <Vector<S, T> as SimdBase<S>>::Mask;

/// The sums of planes: `start` and neighbours times `w`, nine for each, which are then finished as rows. How many are done: those
/// before the first one whose vectors would begin before the tensor or end behind it, and none of too few rows.
#[inline(always)]
pub(crate) fn floats<S: Simd, T: Sum + SimdFloatElement>(
    s: S,
    planes: Planes<'_, T>,
    w: &[[T; 9]],
    start: Option<&[T]>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> usize {
    match planes.stride {
        1 => each::<S, T, 1, 6>(s, planes, w, start, finish, y),
        2 => each::<S, T, 2, 9>(s, planes, w, start, finish, y),
        _ => 0,
    }
}

/// `READ` rows are read for [`ROWS`] rows of sums, whose windows are `STRIDE` apart.
#[inline(always)]
fn each<S: Simd, T: Sum + SimdFloatElement, const STRIDE: usize, const READ: usize>(
    s: S,
    planes: Planes<'_, T>,
    w: &[[T; 9]],
    start: Option<&[T]>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> usize {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let Planes { rows, columns, .. } = planes;
    // What vectors read of a row, from the column of padding on.
    let read = STRIDE * columns.max(len) + 2;
    if rows < ROWS || read > T::ZEROS.len() {
        return 0;
    }
    let end = columns.saturating_sub(len);
    // The columns whose right neighbour is on the plane.
    let right = (planes.width - 1).div_ceil(STRIDE) - end;
    let masks = [
        mask::<S, T>(s, LANES - 1),
        mask::<S, T>(s, LANES),
        mask::<S, T>(s, 2 * LANES - right.min(LANES)),
    ];
    let mut looks = Looks::default();
    for number in 0..w.len() {
        let begin = planes.begin + number * planes.pitch;
        let last = begin + planes.height.saturating_sub(1) * planes.width + read;
        let finish = finish.part(number, 0);
        let added = (rows - 1) * columns + columns.max(len);
        let short = finish.plus.is_some_and(|plus| plus.len() < added);
        if begin == 0 || last > planes.x.len() || short {
            return number;
        }
        let planes = Planes { begin, ..planes };
        let finish = Finish {
            pitch: columns,
            ..finish
        };
        let start = match start {
            Some(start) => start[number],
            None => T::ZERO,
        };
        // What is written behind a plane, the next one writes over.
        let y = &mut y[number * rows * columns..];
        if !plane::<S, T, STRIDE, READ>(s, planes, &w[number], start, finish, masks, &mut looks, y)
        {
            break;
        }
    }
    w.len()
}

/// The sums of the first plane. Whether the run goes on.
#[inline(always)]
fn plane<S: Simd, T: Sum + SimdFloatElement, const STRIDE: usize, const READ: usize>(
    s: S,
    planes: Planes<'_, T>,
    w: &[T; 9],
    start: T,
    finish: Finish<'_, T>,
    [left, all, right]: [Mask<S, T>; 3],
    looks: &mut Looks,
    y: &mut [T],
) -> bool {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let Planes {
        x, rows, columns, ..
    } = planes;
    let read = STRIDE * columns.max(len) + 2;
    let zero = <Vector<S, T> as SimdBase<S>>::splat(s, T::ZERO);
    let mut weights = [[zero; 3]; 3];
    for tap in 0..9 {
        weights[tap / 3][tap % 3] = <Vector<S, T> as SimdBase<S>>::splat(s, w[tap]);
    }
    let start = <Vector<S, T> as SimdBase<S>>::splat(s, start);
    let end = columns.saturating_sub(len);
    let mut row = 0;
    while row < rows {
        // The last rows and vectors lie over those before.
        let first = row.min(rows - ROWS);
        let mut lines = [&T::ZEROS[..read]; READ];
        for i in 0..READ {
            let at = (STRIDE * first + i).wrapping_sub(planes.pad);
            if at < planes.height {
                lines[i] = &x[planes.begin + at * planes.width - 1..][..read];
            }
        }
        if looks.is_set(10 * ROWS * columns.max(len)) {
            return false;
        }
        let mut column = 0;
        while column < columns {
            let at = column.min(end);
            let mut sums = [[start]; ROWS];
            if at == 0 || at == end {
                let masks = [
                    if at == 0 { left } else { all },
                    if at == end { right } else { all },
                ];
                tile::<S, T, STRIDE, READ, true>(s, &lines, at, weights, masks, &mut sums);
            } else {
                tile::<S, T, STRIDE, READ, false>(s, &lines, at, weights, [all; 2], &mut sums);
            }
            let to = first * columns + at;
            finish.apply_to(s, to, &mut sums);
            // What a vector holds behind a short row is written over by the next one.
            if to + (ROWS - 1) * columns + len <= y.len() {
                for r in 0..ROWS {
                    sums[r][0].store_slice(&mut y[to + r * columns..][..len]);
                }
            } else {
                for r in 0..ROWS {
                    let y = &mut y[to + r * columns..];
                    if y.len() >= len {
                        sums[r][0].store_slice(&mut y[..len]);
                        continue;
                    }
                    let mut edge = [T::ZERO; LANES];
                    sums[r][0].store_slice(&mut edge[..len]);
                    y.copy_from_slice(&edge[..y.len()]);
                }
            }
            column = at + len;
        }
        row = first + ROWS;
    }
    true
}

/// Adds to the sums of a vector of columns from `at` on. At an `EDGE`, `masks` say which columns have a left neighbour and which
/// a right one.
#[inline(always)]
fn tile<
    S: Simd,
    T: Sum + SimdFloatElement,
    const STRIDE: usize,
    const READ: usize,
    const EDGE: bool,
>(
    s: S,
    lines: &[&[T]; READ],
    at: usize,
    weights: [Three<S, T>; 3],
    masks: [Mask<S, T>; 2],
    sums: &mut [[Vector<S, T>; 1]; ROWS],
) {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let zero = <Vector<S, T> as SimdBase<S>>::splat(s, T::ZERO);
    for i in 0..READ {
        let line = &lines[i][STRIDE * at..][..STRIDE * len + 2];
        let mut x = neighbours::<S, T, STRIDE>(s, line);
        if EDGE {
            x[0] = masks[0].select(x[0], zero);
            x[2] = masks[1].select(x[2], zero);
        }
        for r in 0..ROWS {
            if let Some(tap) = i.checked_sub(STRIDE * r)
                && tap < 3
            {
                for k in 0..3 {
                    sums[r][0] = weights[tap][k].mul_add(x[k], sums[r][0]);
                }
            }
        }
    }
}

/// The left neighbours, the elements and the right neighbours of a vector of columns.
#[inline(always)]
fn neighbours<S: Simd, T: Sum + SimdFloatElement, const STRIDE: usize>(
    s: S,
    line: &[T],
) -> Three<S, T> {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let mut x = [<Vector<S, T> as SimdBase<S>>::splat(s, T::ZERO); 3];
    if STRIDE == 1 {
        for k in 0..3 {
            x[k] = <Vector<S, T> as SimdBase<S>>::from_slice(s, &line[k..k + len]);
        }
        return x;
    }
    for k in [0, 2] {
        let low = <Vector<S, T> as SimdBase<S>>::from_slice(s, &line[k..k + len]);
        let high = <Vector<S, T> as SimdBase<S>>::from_slice(s, &line[k + len..k + 2 * len]);
        let (even, odd) = low.deinterleave(high);
        x[k] = even;
        if k == 0 {
            x[1] = odd;
        }
    }
    x
}

/// Which elements of a vector are ones in [`Sum::ONES`] from `at` on.
#[inline(always)]
fn mask<S: Simd, T: Sum + SimdFloatElement>(s: S, at: usize) -> Mask<S, T> {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let zero = <Vector<S, T> as SimdBase<S>>::splat(s, T::ZERO);
    <Vector<S, T> as SimdBase<S>>::from_slice(s, &T::ONES[at..at + len]).simd_gt(zero)
}
