//! Global pools: the fold of a whole plane into one result.

use fearless_simd::{Level, Simd};

use super::lanes::{Accumulator, MOST_LANES, Vectored, lanes};
use super::reduce::{Places, Reduction};
use super::source::{absent, copy_present};
use crate::simd::dispatch;
use crate::stop;

/// Bytes of elements that are folded side by side, whatever the vectors: sums are the same for all of them.
const ABREAST: usize = 128;
/// The most vectors that makes.
const MOST_VECTORS: usize = ABREAST / 16;
/// Vectors side by side that are folded between looks at whether the run is to stop.
const STOP_CHUNKS: usize = 1 << 13;

/// Folds each plane of `size` elements, from `first` on in `x`, into one of `values`.
pub(super) fn fold<T: Vectored, R: Reduction<T>>(
    level: Level,
    reduction: &R,
    x: &[T],
    first: usize,
    size: usize,
    share: f64,
    values: &mut [T],
) {
    dispatch!(level, s => planes(s, reduction, x, first, size, share, values));
}

#[inline(always)]
fn planes<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    x: &[T],
    first: usize,
    size: usize,
    share: f64,
    values: &mut [T],
) {
    let len = lanes::<S, T>();
    let columns = [1.0; MOST_LANES];
    let divisor = reduction.divisor(s, share, &columns[..len]);
    let abreast = ABREAST / size_of::<T>();
    let chunks = size / abreast;
    let rest = size % abreast;
    let tail = Tail {
        vectors: rest / len,
        bits: (1 << (rest % len)) - 1,
    };
    // With what vectors read beyond a plane.
    let read = (chunks + 1) * abreast + len / 2;
    let mut elements = &x[first..];
    // Accumulators of single planes side by side, finished as many at a time as a vector has lanes.
    let mut folded = [R::Item::default(); 3 * PART];
    let mut done = 0;
    while done < values.len() {
        let count = len.min(values.len() - done);
        for index in 0..count {
            let accs = match elements.get(..read) {
                Some(elements) => plane(s, reduction, elements, chunks, tail),
                None => last_plane(s, reduction, elements, size),
            };
            first_lane::<S, T, R>(s, reduction, accs).store(&mut folded, PART, index);
            elements = elements.get(size..).unwrap_or(&[]);
        }
        let acc = R::Acc::<S>::load(s, &folded, PART, 0);
        if count == len {
            reduction.finish(s, acc, divisor, 0, &mut values[done..done + len], &mut []);
        } else {
            let mut results = [T::default(); MOST_LANES];
            reduction.finish(s, acc, divisor, 0, &mut results[..len], &mut []);
            values[done..].copy_from_slice(&results[..count]);
        }
        done += count;
    }
    if R::IDEMPOTENT {
        for index in 0..values.len() {
            reduction.settle_whole(&x[first + index * size..][..size], &mut values[index]);
        }
    }
}

/// From one part of an accumulator to the next where they are gathered.
const PART: usize = 2 * MOST_LANES;

/// What is left of a plane behind the last chunk of it: whole vectors, and the bits of the lanes of one more.
#[derive(Clone, Copy)]
struct Tail {
    vectors: usize,
    bits: u64,
}

/// The fold of a plane, which has elements to spare behind it.
#[inline(always)]
fn plane<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    mut elements: &[T],
    chunks: usize,
    tail: Tail,
) -> [R::Acc<S>; MOST_VECTORS] {
    let len = lanes::<S, T>();
    let vectors = ABREAST / size_of::<T>() / len;
    let chunk = vectors * len + len / 2;
    let nowhere = Places { first: 0, step: 0 };
    let mut accs = [absent(s, reduction); MOST_VECTORS];
    let mut left = chunks;
    while left > 0 {
        let count = left.min(STOP_CHUNKS);
        for _ in 0..count {
            let x = &elements[..chunk];
            for v in 0..vectors {
                let next = reduction.start_from(s, &x[v * len..v * len + len + len / 2], nowhere);
                accs[v] = reduction.fold(s, accs[v], next);
            }
            elements = &elements[vectors * len..];
        }
        left -= count;
        if left > 0 && stop::is_set() {
            return accs;
        }
    }
    let x = &elements[..chunk];
    for v in 0..vectors {
        if v < tail.vectors || (v == tail.vectors && tail.bits != 0) {
            let next = reduction.start_from(s, &x[v * len..v * len + len + len / 2], nowhere);
            let next = reduction.fold(s, accs[v], next);
            accs[v] = match v < tail.vectors {
                true => next,
                false => next.where_set(s, tail.bits, accs[v]),
            };
        }
    }
    accs
}

/// The fold of `size` elements, which may be all that are left.
#[inline(always)]
fn last_plane<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    elements: &[T],
    size: usize,
) -> [R::Acc<S>; MOST_VECTORS] {
    let len = lanes::<S, T>();
    let abreast = ABREAST / size_of::<T>();
    let nowhere = Places { first: 0, step: 0 };
    let mut accs = [absent(s, reduction); MOST_VECTORS];
    let mut from = 0;
    while from < size {
        if from > 0 && from.is_multiple_of(STOP_CHUNKS * abreast) && stop::is_set() {
            return accs;
        }
        for v in 0..abreast / len {
            if from < size {
                let raw = match elements.get(from..from + len) {
                    Some(x) => T::load(s, x),
                    None => {
                        let mut copy = [T::default(); MOST_LANES];
                        copy_present(elements, from, &mut copy[..len]);
                        T::load(s, &copy)
                    }
                };
                let next = reduction.fold(s, accs[v], reduction.start(s, raw, nowhere));
                accs[v] = match size - from {
                    rest if rest < len => next.where_set(s, (1 << rest) - 1, accs[v]),
                    _ => next,
                };
                from += len;
            }
        }
    }
    accs
}

/// Halves folded onto each other, down to one lane: in the same order whatever the vectors.
#[inline(always)]
fn first_lane<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    mut accs: [R::Acc<S>; MOST_VECTORS],
) -> R::Acc<S> {
    let len = lanes::<S, T>();
    let mut vectors = ABREAST / size_of::<T>() / len;
    while vectors > 1 {
        vectors /= 2;
        for v in 0..vectors {
            accs[v] = reduction.fold(s, accs[v], accs[v + vectors]);
        }
    }
    let mut acc = accs[0];
    let mut by = len / 2;
    while by > 0 {
        acc = reduction.fold(s, acc, acc.turned(by));
        by /= 2;
    }
    acc
}
