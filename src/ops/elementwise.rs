//! Loops over elements: one tensor, or two that broadcast; large ones in parallel.

use rayon::prelude::*;

/// Bytes of output that are worth a task of their own.
const GRAIN: usize = 1 << 17;

/// `y[i] = f(x[i])`.
pub(super) fn map<T: Copy + Send + Sync>(x: &[T], y: &mut [T], f: impl Fn(T) -> T + Sync) {
    in_chunks(y, |start, y| {
        for (y, &x) in y.iter_mut().zip(&x[start..]) {
            *y = f(x);
        }
    });
}

/// `y = f(a, b)` with `a` and `b` of shapes of one rank, whose axes are equal or 1 and then repeated.
pub(super) fn zip<T: Copy + Send + Sync>(
    (a, a_shape): (&[T], &[usize]),
    (b, b_shape): (&[T], &[usize]),
    y: &mut [T],
    f: impl Fn(T, T) -> T + Sync,
) {
    if y.is_empty() {
        return;
    }
    let axes = strides(a_shape, b_shape);
    let inner = axes[0];
    in_chunks(y, |start, mut y| {
        let (mut row, mut at) = (start / inner.size, start % inner.size);
        while !y.is_empty() {
            let (in_row, rest) = y.split_at_mut(y.len().min(inner.size - at));
            let (mut from_a, mut from_b) = (at * inner.a, at * inner.b);
            let mut outer = row;
            for axis in &axes[1..] {
                from_a += outer % axis.size * axis.a;
                from_b += outer % axis.size * axis.b;
                outer /= axis.size;
            }
            let (a, b) = (&a[from_a..], &b[from_b..]);
            match (inner.a, inner.b) {
                (0, _) => {
                    let a = a[0];
                    for (y, &b) in in_row.iter_mut().zip(b) {
                        *y = f(a, b);
                    }
                }
                (_, 0) => {
                    let b = b[0];
                    for (y, &a) in in_row.iter_mut().zip(a) {
                        *y = f(a, b);
                    }
                }
                _ => {
                    for (y, (&a, &b)) in in_row.iter_mut().zip(a.iter().zip(b)) {
                        *y = f(a, b);
                    }
                }
            }
            (row, at, y) = (row + 1, 0, rest);
        }
    });
}

/// Calls `run` with runs of `y` and where they start.
fn in_chunks<T: Send>(y: &mut [T], run: impl Fn(usize, &mut [T]) + Sync) {
    let grain = GRAIN / size_of::<T>();
    if y.len() <= grain {
        return run(0, y);
    }
    y.par_chunks_mut(grain)
        .enumerate()
        .for_each(|(chunk, y)| run(chunk * grain, y));
}

/// An axis of the output: its size, and how far `a` and `b` go with each step: 0 where they repeat.
#[derive(Clone, Copy)]
struct Stride {
    size: usize,
    a: usize,
    b: usize,
}

/// The axes of the output, innermost first, as few as possible. The first has strides 0 or 1, not both 0.
fn strides(a_shape: &[usize], b_shape: &[usize]) -> Vec<Stride> {
    let mut axes: Vec<Stride> = Vec::new();
    let (mut a, mut b) = (1, 1);
    for (&a_size, &b_size) in a_shape.iter().zip(b_shape).rev() {
        let size = a_size.max(b_size);
        let axis = Stride {
            size,
            a: if a_size == 1 { 0 } else { a },
            b: if b_size == 1 { 0 } else { b },
        };
        a *= a_size;
        b *= b_size;
        match axes.last_mut() {
            _ if size == 1 => {}
            Some(last) if (last.a == 0) == (axis.a == 0) && (last.b == 0) == (axis.b == 0) => {
                last.size *= size;
            }
            _ => axes.push(axis),
        }
    }
    if axes.is_empty() {
        axes.push(Stride {
            size: 1,
            a: 1,
            b: 1,
        });
    }
    axes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_that_move_alike_are_one() {
        let counts = |a: &[usize], b: &[usize]| strides(a, b).len();
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
            zip((&a, &a_shape), (&b, &b_shape), &mut y, |a, b| a + b);
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
