//! Planes in parallel, and the fold of one plane: one axis after the other, the last axis first.
//!
//! That order keeps the first tap in row-major order first, which decides between equal elements.

use rayon::prelude::*;

use super::Plan;
use super::reduce::Reduction;
use crate::window::Axis;

/// Pools `x`, which has the plan's input elements, into `y`, which has its output elements.
pub(crate) fn pool<T: Copy + Send + Sync, R: Reduction<T>>(
    plan: &Plan,
    reduction: &R,
    x: &[T],
    y: &mut [R::Output],
) {
    if plan.is_empty() {
        return;
    }
    y.par_chunks_exact_mut(plan.plane_output())
        .enumerate()
        .for_each_init(Scratch::default, |scratch, (plane, y)| {
            let inner = plan.inner();
            let folded = scratch.fold(plan, reduction, plane_of(plan, x, plane));
            for (at, (y, acc)) in y.iter_mut().zip(folded).enumerate() {
                *y = reduction.finish(*acc, at / inner);
            }
        });
}

/// As [`pool`], for a reduction that yields an element and its spatial offset (negative for none), which
/// becomes an index into all of `x`.
pub(crate) fn pool_with_indices<T, R>(
    plan: &Plan,
    reduction: &R,
    x: &[T],
    y: &mut [T],
    indices: &mut [i64],
) where
    T: Copy + Send + Sync,
    R: Reduction<T, Output = (T, i64)>,
{
    if plan.is_empty() {
        return;
    }
    let size = plan.plane_output();
    y.par_chunks_exact_mut(size)
        .zip(indices.par_chunks_exact_mut(size))
        .enumerate()
        .for_each_init(Scratch::default, |scratch, (plane, (y, indices))| {
            let base = (plane * plan.plane_input()) as i64;
            let folded = scratch.fold(plan, reduction, plane_of(plan, x, plane));
            for (at, acc) in folded.iter().enumerate() {
                let (value, offset) = reduction.finish(*acc, at);
                y[at] = value;
                indices[at] = if offset < 0 { -1 } else { base + offset };
            }
        });
}

fn plane_of<'a, T>(plan: &Plan, x: &'a [T], plane: usize) -> &'a [T] {
    &x[plane * plan.plane_input()..][..plan.plane_input()]
}

/// Two buffers that an axis is folded from and into.
struct Scratch<A> {
    from: Vec<A>,
    into: Vec<A>,
}

impl<A> Default for Scratch<A> {
    fn default() -> Self {
        Scratch {
            from: Vec::new(),
            into: Vec::new(),
        }
    }
}

impl<A: Copy> Scratch<A> {
    /// Folds one plane.
    fn fold<T: Copy, R: Reduction<T, Acc = A>>(
        &mut self,
        plan: &Plan,
        reduction: &R,
        plane: &[T],
    ) -> &[A] {
        self.from.clear();
        self.from.extend(
            plane
                .iter()
                .enumerate()
                .map(|(at, &x)| reduction.start(x, at)),
        );
        let axes = plan.axes();
        let mut inner = plan.inner();
        for (index, axis) in axes.iter().enumerate().rev() {
            let outer = axes[..index].iter().map(|axis| axis.input).product();
            self.into.clear();
            fold_axis(reduction, axis, outer, inner, &self.from, &mut self.into);
            std::mem::swap(&mut self.from, &mut self.into);
            inner *= axis.output;
        }
        &self.from
    }
}

/// Folds `from: [outer, axis.input, inner]` along the middle, appending `[outer, axis.output, inner]`.
fn fold_axis<T, R: Reduction<T>>(
    reduction: &R,
    axis: &Axis,
    outer: usize,
    inner: usize,
    from: &[R::Acc],
    into: &mut Vec<R::Acc>,
) {
    let mut blocks = Blocks::of(axis);
    for block in 0..outer {
        let block = &from[block * axis.input * inner..][..axis.input * inner];
        if let Some(blocks) = &mut blocks {
            blocks.fold(reduction, axis, inner, block, into);
            continue;
        }
        for o in 0..axis.output {
            let (first, count) = axis.real_taps(o);
            let row = into.len();
            if count == 0 {
                into.resize(row + inner, reduction.empty());
                continue;
            }
            into.extend_from_slice(&block[first * inner..][..inner]);
            for tap in 1..count {
                let tap = &block[(first + tap * axis.dilation) * inner..][..inner];
                for (acc, next) in into[row..].iter_mut().zip(tap) {
                    *acc = reduction.fold(*acc, *next);
                }
            }
        }
    }
}

/// Large windows at a cost that does not grow with them: the input in blocks as long as the window, folded from
/// every position to the end of its block and from the start of its block. A window is one of either (van Herk 1992,
/// Gil and Werman 1993), so sums are not carried from window to window.
struct Blocks<A> {
    kernel: usize,
    to_end: Vec<A>,
    from_start: Vec<A>,
}

impl<A: Copy> Blocks<A> {
    /// The shortest window that this is worth its buffers for.
    const WORTH: usize = 16;

    fn of(axis: &Axis) -> Option<Blocks<A>> {
        let worth = axis.dilation == 1
            && (Self::WORTH..axis.input).contains(&axis.kernel)
            && axis.stride * 4 < axis.kernel;
        worth.then(|| Blocks {
            kernel: axis.kernel,
            to_end: Vec::new(),
            from_start: Vec::new(),
        })
    }

    fn fold<T, R: Reduction<T, Acc = A>>(
        &mut self,
        reduction: &R,
        axis: &Axis,
        inner: usize,
        x: &[A],
        into: &mut Vec<A>,
    ) {
        self.from_start.clear();
        self.from_start.extend_from_slice(x);
        self.to_end.clear();
        self.to_end.extend_from_slice(x);
        for at in 1..axis.input {
            if !at.is_multiple_of(self.kernel) {
                let (before, here) = self.from_start.split_at_mut(at * inner);
                let before = &before[(at - 1) * inner..];
                for (before, here) in before.iter().zip(&mut here[..inner]) {
                    *here = reduction.fold(*before, *here);
                }
            }
            let at = axis.input - at;
            if !at.is_multiple_of(self.kernel) {
                let (here, after) = self.to_end.split_at_mut(at * inner);
                let here = &mut here[(at - 1) * inner..];
                for (here, after) in here.iter_mut().zip(&after[..inner]) {
                    *here = reduction.fold(*here, *after);
                }
            }
        }
        for o in 0..axis.output {
            let (first, count) = axis.real_taps(o);
            if count == 0 {
                into.resize(into.len() + inner, reduction.empty());
                continue;
            }
            // A window that is cut off begins or ends with the input, so it too is whole runs of blocks.
            let boundary = first.next_multiple_of(self.kernel);
            let row = into.len();
            if boundary > first {
                into.extend_from_slice(&self.to_end[first * inner..][..inner]);
            }
            if boundary < first + count {
                let last = &self.from_start[(first + count - 1) * inner..][..inner];
                match boundary > first {
                    false => into.extend_from_slice(last),
                    true => {
                        for (acc, next) in into[row..].iter_mut().zip(last) {
                            *acc = reduction.fold(*acc, *next);
                        }
                    }
                }
            }
        }
    }
}
