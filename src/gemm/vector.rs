//! The product of one row with a matrix, whose elements are each read once.

use fearless_simd::{Level, Simd as Vectors};
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use super::Sum;
use crate::installed::Installed;
use crate::parts::{self, Looks};
use crate::simd::dispatch;

/// Multiplications that are worth a task of their own.
const GRAIN: usize = 1 << 18;

/// Pieces have a multiple of so many columns, so that no two of them share a line of the cache.
const COLUMNS: usize = 64;

/// Rows of the matrix that are multiplied at once: memory is read faster in several streams.
const TOGETHER: usize = 4;

/// Columns that are multiplied at once, each with a sum of its own, where there are so many.
const STREAMS: usize = 8;

/// `c = a b`, or `c += a b`; in parallel if it is large.
pub(super) fn multiply<T: Sum>(
    level: Level,
    a: &[T],
    b: &ArrayView2<'_, T>,
    add: bool,
    c: &mut [T],
) {
    let run = |b: ArrayView2<'_, T>, c: &mut [T]| {
        dispatch!(level, s => product(s, a, b, add, c));
    };
    let tasks = a.len().saturating_mul(c.len()) / GRAIN;
    let threads = rayon::current_num_threads().min(tasks);
    if threads < 2 {
        return run(b.view(), c);
    }
    let installed = Installed::hand_over();
    let size = c.len().div_ceil(4 * threads).next_multiple_of(COLUMNS);
    let pieces: Vec<_> = b
        .axis_chunks_iter(Axis(1), size)
        .zip(c.chunks_mut(size))
        .collect();
    pieces.into_par_iter().for_each(|(b, c)| {
        if let Some(_entered) = installed.enter() {
            run(b, c);
        }
    });
}

#[inline(always)]
fn product<S: Vectors, T: Sum>(s: S, a: &[T], b: ArrayView2<'_, T>, add: bool, c: &mut [T]) {
    if !add && parts::fill(c, &T::ZERO).is_err() {
        return;
    }
    let mut looks = Looks::default();
    if b.strides()[1] != 1 && b.nrows() > 0 {
        return columns(s, a, b, c);
    }
    let mut k = 0;
    while k < a.len() && !looks.is_set(TOGETHER * c.len()) {
        let count = TOGETHER.min(a.len() - k);
        let row = |k: usize| b.index_axis(Axis(0), k).to_slice().expect("neighbours");
        if count == TOGETHER {
            let rows = [row(k), row(k + 1), row(k + 2), row(k + 3)];
            four([a[k], a[k + 1], a[k + 2], a[k + 3]], rows, c);
        } else {
            for k in k..k + count {
                let b = &row(k)[..c.len()];
                for column in 0..c.len() {
                    c[column] = c[column].plus_product(a[k], b[column]);
                }
            }
        }
        k += count;
    }
}

/// Adds the products of four rows.
#[inline(always)]
fn four<T: Sum>(a: [T; TOGETHER], b: [&[T]; TOGETHER], c: &mut [T]) {
    let [b0, b1, b2, b3] = b;
    let len = c.len();
    let (b0, b1, b2, b3) = (&b0[..len], &b1[..len], &b2[..len], &b3[..len]);
    for column in 0..len {
        let sum = c[column].plus_product(a[0], b0[column]);
        let sum = sum.plus_product(a[1], b1[column]);
        let sum = sum.plus_product(a[2], b2[column]);
        c[column] = sum.plus_product(a[3], b3[column]);
    }
}

/// Adds the products of a matrix whose rows are no neighbours.
#[inline(always)]
fn columns<S: Vectors, T: Sum>(s: S, a: &[T], b: ArrayView2<'_, T>, c: &mut [T]) {
    let mut looks = Looks::default();
    if b.strides()[0] != 1 && b.nrows() > 1 {
        for column in 0..c.len() {
            for k in 0..a.len() {
                if looks.is_set(1) {
                    return;
                }
                c[column] = c[column].plus_product(a[k], b[[k, column]]);
            }
        }
        return;
    }
    let next = streams::<S, T, STREAMS>(s, a, &b, 0, c);
    let next = streams::<S, T, 4>(s, a, &b, next, c);
    streams::<S, T, 1>(s, a, &b, next, c);
}

/// Adds the products of columns from number `from` on, as many as are whole groups of `COUNT`; where the rest begins. Streams
/// that are far from each other are read ahead best.
#[inline(always)]
fn streams<S: Vectors, T: Sum, const COUNT: usize>(
    s: S,
    a: &[T],
    b: &ArrayView2<'_, T>,
    from: usize,
    c: &mut [T],
) -> usize {
    let mut looks = Looks::default();
    let far = (c.len() - from) / COUNT;
    for at in from..from + far {
        if looks.is_set(COUNT * a.len()) {
            return c.len();
        }
        let mut together: [&[T]; COUNT] = [&[]; COUNT];
        for number in 0..COUNT {
            let column = b.index_axis(Axis(1), at + number * far);
            together[number] = column.to_slice().expect("neighbours");
        }
        let sums = T::dots(s, a, together);
        for number in 0..COUNT {
            let c = &mut c[at + number * far];
            *c = c.plus(sums[number]);
        }
    }
    from + COUNT * far
}

#[cfg(test)]
mod tests {
    use super::super::matrix;
    use super::*;
    use crate::simd::Simd;

    #[test]
    fn rows_agree_with_sums_of_products() {
        for (inner, columns) in [(1, 1), (5, 7), (140, 3), (0, 2), (600, 900)] {
            let a: Vec<f64> = (0..inner).map(|i| (i % 9) as f64 - 3.0).collect();
            let elements: Vec<f64> = (0..inner * columns).map(|i| (i * 5 % 13) as f64).collect();
            for (transposed, add) in [(false, false), (false, true), (true, false), (true, true)] {
                let b = matrix(&elements, inner, columns, transposed);
                let mut c = vec![1.0; columns];
                multiply(Simd::installed(), &a, &b, add, &mut c);
                for (column, c) in c.iter().enumerate() {
                    let sum: f64 = (0..inner).map(|k| a[k] * b[[k, column]]).sum();
                    assert_eq!(*c, sum + f64::from(u8::from(add)));
                }
            }
        }
    }
}
