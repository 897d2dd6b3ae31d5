//! Global pools: the fold of a whole plane into one result.

use fearless_simd::{Level, Simd, dispatch};

use super::across::copy_present;
use super::lanes::{Accumulator, MOST_LANES, Vectored, lanes};
use super::reduce::{Context, Places, Reduction};

/// Bytes of elements that are folded side by side, whatever the vectors: sums are the same for all of them.
const ABREAST: usize = 128;
/// The most vectors that makes.
const MOST_VECTORS: usize = ABREAST / 16;

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
    let context = Context {
        row: share,
        columns: &columns[..len],
        base: 0,
    };
    // Accumulators of single planes side by side, finished as many at a time as a vector has lanes.
    let mut folded = [R::Item::default(); 3 * PART];
    let mut done = 0;
    while done < values.len() {
        let count = len.min(values.len() - done);
        for index in 0..count {
            let acc = plane(s, reduction, x, first + (done + index) * size, size);
            acc.store(&mut folded, PART, index);
        }
        let acc = R::Acc::<S>::load(s, &folded, PART, 0);
        if count == len {
            reduction.finish(s, acc, context, &mut values[done..done + len], &mut []);
        } else {
            let mut results = [T::default(); MOST_LANES];
            reduction.finish(s, acc, context, &mut results[..len], &mut []);
            values[done..].copy_from_slice(&results[..count]);
        }
        done += count;
    }
    if R::IDEMPOTENT {
        for (index, value) in values.iter_mut().enumerate() {
            reduction.settle_whole(&x[first + index * size..][..size], value);
        }
    }
}

/// From one part of an accumulator to the next where they are gathered.
const PART: usize = 2 * MOST_LANES;

/// The fold of the elements from `at` on, in the first lane.
#[inline(always)]
fn plane<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    x: &[T],
    at: usize,
    size: usize,
) -> R::Acc<S> {
    let len = lanes::<S, T>();
    let abreast = ABREAST / size_of::<T>();
    let nowhere = Places { first: 0, step: 0 };
    let absent = T::load(s, &[reduction.absent(); MOST_LANES]);
    let mut accs = [reduction.start(s, absent, nowhere); MOST_VECTORS];
    let elements = &x[at..];
    let mut i = 0;
    while i + abreast <= size && i + abreast + len / 2 <= elements.len() {
        let chunk = &elements[i..i + abreast + len / 2];
        for v in 0..abreast / len {
            let next = reduction.start_from(s, &chunk[v * len..v * len + len + len / 2], nowhere);
            accs[v] = reduction.fold(s, accs[v], next);
        }
        i += abreast;
    }
    // What is left, or all of it where there is nothing behind it in memory.
    while i < size {
        tail(s, reduction, x, at + i, size - i, &mut accs);
        i += abreast;
    }
    first_lane::<S, T, R>(s, reduction, accs)
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

/// Folds up to `left` of the next elements from `at` on.
#[inline(always)]
fn tail<S: Simd, T: Vectored, R: Reduction<T>>(
    s: S,
    reduction: &R,
    x: &[T],
    at: usize,
    left: usize,
    accs: &mut [R::Acc<S>; MOST_VECTORS],
) {
    let len = lanes::<S, T>();
    let nowhere = Places { first: 0, step: 0 };
    let elements = &x[at..];
    for v in 0..ABREAST / size_of::<T>() / len {
        let from = v * len;
        if from >= left {
            break;
        }
        let raw = match elements.get(from..from + len) {
            Some(x) => T::load(s, x),
            None => {
                let mut copy = [T::default(); MOST_LANES];
                copy_present(elements, from, &mut copy[..len]);
                T::load(s, &copy)
            }
        };
        let bits = match left - from {
            rest if rest < len => (1 << rest) - 1,
            _ => u64::MAX,
        };
        let next = reduction.fold(s, accs[v], reduction.start(s, raw, nowhere));
        accs[v] = next.where_set(s, bits, accs[v]);
    }
}
