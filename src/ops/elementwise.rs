//! Loops over elements: of one tensor, or of several that broadcast; large ones in parallel.

use std::ops::Range;

use rayon::prelude::*;
use smallvec::SmallVec;

use crate::installed::Installed;
use crate::parts;
use crate::stop;

/// Bytes of output that are worth a task of their own.
const GRAIN: usize = 1 << 17;

/// Elements that are set aside while a function writes where it reads.
const BLOCK: usize = 256;

/// Fills `y` from `x`, element by element, in parts: `run` gets parts of both that are as long.
pub(super) fn map<T: Sync, Y: Send>(x: &[T], y: &mut [Y], run: impl Fn(&[T], &mut [Y]) + Sync) {
    in_chunks(y, |start, y| run(&x[start..start + y.len()], y));
}

/// As [`map`], with `y` for both.
pub(super) fn map_in_place<T: Copy + Default + Send>(
    y: &mut [T],
    run: impl Fn(&[T], &mut [T]) + Sync,
) {
    in_chunks(y, |_, y| {
        let mut block = [T::default(); BLOCK];
        for y in y.chunks_mut(BLOCK) {
            let x = &mut block[..y.len()];
            x.copy_from_slice(y);
            run(x, y);
        }
    });
}

/// Copies `x` to `y`, which is as long.
pub(super) fn copy<T: Clone + Send + Sync>(x: &[T], y: &mut [T]) {
    map(x, y, |x, y| y.clone_from_slice(x));
}

/// Fills `y`.
pub(super) fn fill<T: Clone + Send + Sync>(y: &mut [T], value: &T) {
    in_chunks(y, |_, y| y.fill(value.clone()));
}

/// What a row of the output reads of one input: an element again and again, or one after the other.
#[derive(Clone, Copy)]
pub(super) enum Run<'a, T> {
    One(&'a T),
    Each(&'a [T]),
}

impl<'a, T> Run<'a, T> {
    /// What `len` elements of output read at `place`.
    pub(super) fn new(x: &'a [T], place: Place, len: usize) -> Run<'a, T> {
        match place.step {
            0 => Run::One(&x[place.start]),
            _ => Run::Each(&x[place.start..place.start + len]),
        }
    }

    /// Element `index` of the row.
    #[inline(always)]
    pub(super) fn at(&self, index: usize) -> &'a T {
        match *self {
            Run::One(x) => x,
            Run::Each(x) => &x[index],
        }
    }
}

/// A function of two elements over a row: `|a, b, y| rows(a, b, y, f)`. A pointer, so that the loop over rows
/// is compiled once for each choice of types.
pub(super) type Zip<A, B, Y> = fn(Run<'_, A>, Run<'_, B>, &mut [Y]);

/// `y[i] = f(a[i], b[i])` along a row.
#[inline(always)]
pub(super) fn rows<A, B, Y>(
    a: Run<'_, A>,
    b: Run<'_, B>,
    y: &mut [Y],
    f: impl Fn(&A, &B) -> Y + Copy,
) {
    match (a, b) {
        (Run::Each(a), Run::Each(b)) => {
            for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) {
                *y = f(a, b);
            }
        }
        (Run::Each(a), Run::One(b)) => {
            for (y, a) in y.iter_mut().zip(a) {
                *y = f(a, b);
            }
        }
        (Run::One(a), Run::Each(b)) => {
            for (y, b) in y.iter_mut().zip(b) {
                *y = f(a, b);
            }
        }
        (Run::One(a), Run::One(b)) => {
            for y in y {
                *y = f(a, b);
            }
        }
    }
}

/// `y = f(a, b)` with `a` and `b` of shapes of one rank, whose axes are equal or 1 and then repeated.
pub(super) fn zip<A: Sync, B: Sync, Y: Send>(
    (a, a_shape): (&[A], &[usize]),
    (b, b_shape): (&[B], &[usize]),
    y: &mut [Y],
    f: Zip<A, B, Y>,
) {
    walk(&[a_shape, b_shape], y, &|places, y| {
        let len = y.len();
        f(Run::new(a, places[0], len), Run::new(b, places[1], len), y);
    });
}

/// As [`zip`], with `y` for its first input, or for its second.
pub(super) fn zip_in_place<T: Copy + Default + Send + Sync>(
    (y, y_shape): (&mut [T], &[usize]),
    (x, x_shape): (&[T], &[usize]),
    first: bool,
    f: Zip<T, T, T>,
) {
    walk(&[y_shape, x_shape], y, &|places, y| {
        let mut block = [T::default(); BLOCK];
        let mut place = places[1];
        for y in y.chunks_mut(BLOCK) {
            let own = &mut block[..y.len()];
            own.copy_from_slice(y);
            let (own, other) = (Run::Each(&*own), Run::new(x, place, y.len()));
            place.start += place.step * y.len();
            match first {
                true => f(own, other, y),
                false => f(other, own, y),
            }
        }
    });
}

/// Where a row of the output reads an input: from `start` on, each element (step 1) or the same one (step 0).
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) step: usize,
}

/// Calls `row` with each row of `y` and where its inputs are read. The inputs have shapes of one rank, whose
/// axes are equal or 1 and then repeated.
pub(super) fn walk<Y: Send>(
    shapes: &[&[usize]],
    y: &mut [Y],
    row: &(dyn Fn(&[Place], &mut [Y]) + Sync),
) {
    if y.is_empty() {
        return;
    }
    let axes = strides(shapes);
    let inner = &axes[0];
    in_chunks(y, |start, mut y| {
        let (mut index, mut at) = (start / inner.size, start % inner.size);
        while !y.is_empty() {
            let (in_row, rest) = y.split_at_mut(y.len().min(inner.size - at));
            let place = |&step: &usize| Place {
                start: at * step,
                step,
            };
            let mut places: SmallVec<[Place; 4]> = inner.steps.iter().map(place).collect();
            let mut outer = index;
            for axis in &axes[1..] {
                for (place, step) in places.iter_mut().zip(&axis.steps) {
                    place.start += outer % axis.size * step;
                }
                outer /= axis.size;
            }
            row(&places, in_row);
            (index, at, y) = (index + 1, 0, rest);
        }
    });
}

/// Calls `run` with parts of `y` and where they start.
pub(super) fn in_chunks<T: Send>(y: &mut [T], run: impl Fn(usize, &mut [T]) + Sync) {
    parts(y, GRAIN / size_of::<T>(), &run);
}

/// Calls `run` with each slab of `len` elements of `y` and its number. A slab costs as much as `work` elements.
pub(super) fn slabs<T: Send>(
    y: &mut [T],
    len: usize,
    work: usize,
    run: impl Fn(usize, &mut [T]) + Sync,
) {
    let together = (GRAIN / size_of::<f32>() / work.max(1)).max(1);
    parts(y, len.saturating_mul(together), &|start, y| {
        for (index, y) in y.chunks_mut(len).enumerate() {
            run(start / len + index, y);
        }
    });
}

/// Calls `run` with the parts of `y` that lie in one plane of `len` elements, and where each starts.
pub(super) fn in_planes<T: Send>(y: &mut [T], len: usize, run: impl Fn(usize, &mut [T]) + Sync) {
    in_chunks(y, |mut start, mut y| {
        while !y.is_empty() {
            let (part, rest) = y.split_at_mut(y.len().min(len - start % len));
            let next = start + part.len();
            run(start, part);
            (start, y) = (next, rest);
        }
    });
}

/// Columns of a slab that are worked on together, so that what is kept for each is small.
const COLUMNS: usize = 1 << 14;

/// Calls `run` with the columns of a slab of rows of `inner` columns, some at a time, until it is false; it looks between
/// them.
pub(super) fn columns(inner: usize, mut run: impl FnMut(Range<usize>) -> bool) {
    for first in (0..inner).step_by(COLUMNS) {
        if (first > 0 && stop::is_set()) || !run(first..inner.min(first + COLUMNS)) {
            return;
        }
    }
}

/// Calls `run` with ranges of `rows` rows of `len` elements each, and looks between them: whether it came to the end.
pub(super) fn each_rows(rows: usize, len: usize, mut run: impl FnMut(Range<usize>)) -> bool {
    let together = parts::rows(len);
    let mut first = 0;
    while first < rows {
        if first > 0 && stop::is_set() {
            return false;
        }
        run(first..rows.min(first + together));
        first += together;
    }
    true
}

/// Calls `run` with parts of `y` of `len` elements and where they start; in parallel if there are several. Not
/// generic over `run`, so that what distributes the parts is compiled once for each type.
pub(super) fn parts<T: Send>(y: &mut [T], len: usize, run: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if y.len() <= len {
        return run(0, y);
    }
    let installed = Installed::hand_over();
    y.par_chunks_mut(len).enumerate().for_each(|(index, y)| {
        if let Some(_entered) = installed.enter() {
            run(index * len, y);
        }
    });
}

/// An axis of the output: its size, and how far each input goes with a step: 0 where it repeats.
#[derive(Clone, Debug)]
struct Axis {
    size: usize,
    steps: SmallVec<[usize; 4]>,
}

/// The axes of the output, innermost first, as few as possible. The first has steps of 0 or 1.
fn strides(shapes: &[&[usize]]) -> Vec<Axis> {
    let mut axes: Vec<Axis> = Vec::new();
    let mut strides: SmallVec<[usize; 4]> = shapes.iter().map(|_| 1).collect();
    for axis in (0..shapes[0].len()).rev() {
        let sizes = || shapes.iter().map(|shape| shape[axis]);
        let size = sizes().max().unwrap_or(1);
        let step = |(size, stride): (usize, &usize)| if size == 1 { 0 } else { *stride };
        let steps: SmallVec<[usize; 4]> = sizes().zip(&strides).map(step).collect();
        for (stride, size) in strides.iter_mut().zip(sizes()) {
            *stride *= size;
        }
        let alike = |last: &Axis| {
            let mut pairs = last.steps.iter().zip(&steps);
            pairs.all(|(last, step)| (*last == 0) == (*step == 0))
        };
        match axes.last_mut() {
            _ if size == 1 => {}
            Some(last) if alike(last) => last.size *= size,
            _ => axes.push(Axis { size, steps }),
        }
    }
    if axes.is_empty() {
        axes.push(Axis {
            size: 1,
            steps: shapes.iter().map(|_| 1).collect(),
        });
    }
    axes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_that_move_alike_are_one() {
        let counts = |a: &[usize], b: &[usize]| strides(&[a, b]).len();
        assert_eq!(counts(&[2, 3, 4], &[2, 3, 4]), 1);
        assert_eq!(counts(&[2, 3, 4], &[1, 1, 1]), 1);
        assert_eq!(counts(&[2, 3, 1, 4], &[1, 3, 1, 1]), 3);
        assert_eq!(counts(&[1, 1], &[1, 1]), 1);
    }

    #[test]
    fn chunks_agree_with_a_walk_over_every_element() {
        let shapes: [([usize; 4], [usize; 4]); 5] = [
            ([3, 50, 7, 200], [3, 50, 7, 200]),
            ([3, 50, 7, 200], [1, 50, 1, 1]),
            ([3, 1, 7, 1], [1, 50, 1, 200]),
            ([1, 1, 1, 210_000], [1, 1, 1, 1]),
            ([1, 1, 1, 1], [70_000, 3, 1, 1]),
        ];
        for (a_shape, b_shape) in shapes {
            let iota = |shape: [usize; 4], factor: i64| -> Vec<i64> {
                let len: usize = shape.iter().product();
                (0..len as i64).map(|i| i * factor).collect()
            };
            let (a, b) = (iota(a_shape, 1), iota(b_shape, 1_000_000));
            let out: Vec<usize> = a_shape
                .iter()
                .zip(b_shape)
                .map(|(&a, b)| a.max(b))
                .collect();
            let mut y = vec![0; out.iter().product()];
            zip((&a, &a_shape), (&b, &b_shape), &mut y, |a, b, y| {
                rows(a, b, y, |a, b| a + b);
            });
            for (index, &y) in y.iter().enumerate() {
                let mut rest = index;
                let (mut in_a, mut in_b, mut a_step, mut b_step) = (0, 0, 1, 1);
                for axis in (0..4).rev() {
                    let at = rest % out[axis];
                    rest /= out[axis];
                    in_a += at.min(a_shape[axis] - 1) * a_step;
                    in_b += at.min(b_shape[axis] - 1) * b_step;
                    a_step *= a_shape[axis];
                    b_step *= b_shape[axis];
                }
                assert_eq!(y, a[in_a] + b[in_b], "{a_shape:?} {b_shape:?} at {index}");
            }
        }
    }
}
