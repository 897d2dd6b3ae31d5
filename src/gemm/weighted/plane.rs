//! Sums of three by three neighbours of a plane that lies in a tensor as it is.

use fearless_simd::{Select, Simd, SimdBase, SimdFloat, SimdFloatElement};

use crate::gemm::{Finish, Sum};
use crate::parts::Looks;
use crate::simd::LANES;

/// Rows of sums at once: they, a row of weights and neighbours are in registers.
const ROWS: usize = 4;

/// A plane with one column of padding on the left, and its windows.
#[derive(Clone, Copy)]
pub(crate) struct Plane<'a, T> {
    /// The tensor, and where the plane begins in it.
    pub(crate) x: &'a [T],
    pub(crate) begin: usize,
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

/// One vector, and those of three neighbours in a row, or of their weights.
type Vector<S, T> = <T as SimdFloatElement>::Native<S>;
type Three<S, T> = [Vector<S, T>; 3];
type Mask<S, T> = <Vector<S, T> as SimdBase<S>>::Mask;

/// The sums of `start` and neighbours times `w`, finished as row 0. Whether they are done: not where there are too few rows, nor
/// where vectors would end behind the tensor.
#[inline(always)]
pub(crate) fn floats<S: Simd, T: Sum + SimdFloatElement>(
    s: S,
    plane: Plane<'_, T>,
    w: &[T; 9],
    start: T,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> bool {
    match plane.stride {
        1 => rows::<S, T, 1, 6>(s, plane, w, start, finish, y),
        2 => rows::<S, T, 2, 9>(s, plane, w, start, finish, y),
        _ => false,
    }
}

/// `READ` rows are read for [`ROWS`] rows of sums, whose windows are `STRIDE` apart.
#[inline(always)]
fn rows<S: Simd, T: Sum + SimdFloatElement, const STRIDE: usize, const READ: usize>(
    s: S,
    plane: Plane<'_, T>,
    w: &[T; 9],
    start: T,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> bool {
    let len = <Vector<S, T> as SimdBase<S>>::LEN;
    let Plane {
        x, begin, columns, ..
    } = plane;
    // What vectors read of a row, from the column of padding on.
    let read = STRIDE * columns.max(len) + 2;
    let last = begin + plane.height.saturating_sub(1) * plane.width + read;
    let added = plane.rows.saturating_sub(1) * columns + columns.max(len);
    let short = finish.plus.is_some_and(|plus| plus.len() < added);
    if plane.rows < ROWS || begin == 0 || last > x.len() || short || read > T::ZEROS.len() {
        return false;
    }
    let finish = Finish {
        pitch: columns,
        ..finish
    };
    let zero = <Vector<S, T> as SimdBase<S>>::splat(s, T::ZERO);
    let mut weights = [[zero; 3]; 3];
    for tap in 0..9 {
        weights[tap / 3][tap % 3] = <Vector<S, T> as SimdBase<S>>::splat(s, w[tap]);
    }
    let start = <Vector<S, T> as SimdBase<S>>::splat(s, start);
    let end = columns.saturating_sub(len);
    let left = mask::<S, T>(s, LANES - 1);
    let all = mask::<S, T>(s, LANES);
    // The columns whose right neighbour is on the plane.
    let right = (plane.width - 1).div_ceil(STRIDE) - end;
    let right = mask::<S, T>(s, 2 * LANES - right.min(LANES));
    let mut looks = Looks::default();
    let mut row = 0;
    while row < plane.rows {
        // The last rows and vectors lie over those before.
        let first = row.min(plane.rows - ROWS);
        let mut lines = [&T::ZEROS[..read]; READ];
        for i in 0..READ {
            let at = (STRIDE * first + i).wrapping_sub(plane.pad);
            if at < plane.height {
                lines[i] = &x[begin + at * plane.width - 1..][..read];
            }
        }
        if looks.is_set(10 * ROWS * columns.max(len)) {
            return true;
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
