//! Tensors whose elements are those of another tensor in a regular order: transposed, cut, repeated, padded.
//!
//! An axis of the output is a list of runs. A run is a number of positions that read the source at equal
//! distances, or do not read it and take a fill. The place of an element in the source is the sum of what
//! the axes say.

mod movers;

use std::borrow::Cow;

use rayon::prelude::*;
use smallvec::{SmallVec, smallvec};

use crate::allocate;
use crate::error::OpError;
use crate::installed::Installed;
use crate::parts::{self, Looks, PART};
use crate::stop;
use crate::tensor::Element;
pub(super) use movers::{Blocks, Mover, Slices, relocate};

/// Bytes of output that are worth a task of their own.
const GRAIN: usize = 1 << 17;

/// The side of the squares that a transposition goes through, so that both of its sides stay in the cache.
const TILE: usize = 16;

/// Consecutive positions of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) len: usize,
    /// Where the first one reads; `None` where all take the fill.
    pub(super) start: Option<usize>,
    /// How far apart they read.
    pub(super) step: isize,
}

impl Run {
    /// Positions that read from `start` on.
    pub(super) fn new(len: usize, start: usize, step: isize) -> Run {
        Run {
            len,
            start: Some(start),
            step,
        }
    }

    /// Positions that take the fill.
    pub(super) fn fill(len: usize) -> Run {
        Run {
            len,
            start: None,
            step: 0,
        }
    }

    fn at(&self, index: usize) -> Option<usize> {
        self.start
            .map(|start| start.wrapping_add_signed(index as isize * self.step))
    }
}

/// An axis of the output.
pub(super) type Axis = SmallVec<[Run; 1]>;

/// Runs that memory is taken for as for all small things.
const LISTED: usize = 16;

/// The axis whose positions read `places`, or take the fill, in as few runs as that is easily done.
///
/// # Errors
/// The run is to stop.
pub(super) fn axis_of(places: impl Iterator<Item = Option<usize>>) -> Result<Axis, OpError> {
    let mut axis = Axis::new();
    for (number, place) in places.enumerate() {
        stop::check_step(number)?;
        match (axis.last_mut(), place) {
            (Some(run), None) if run.start.is_none() => run.len += 1,
            (Some(run), Some(place)) if run.len == 1 && run.start.is_some() => {
                run.step = (place as isize).wrapping_sub(run.start.unwrap_or(0) as isize);
                run.len = 2;
            }
            (Some(run), Some(_)) if run.at(run.len) == place => run.len += 1,
            (_, None) => axis.push(Run::fill(1)),
            (_, Some(place)) => axis.push(Run::new(1, place, 0)),
        }
    }
    Ok(axis)
}

/// Where each element of an output comes from; the axes outermost first.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) axes: Vec<Axis>,
}

/// Where the first element is, and axes.
type Simple<'a> = (usize, Vec<Cow<'a, [Run]>>);

/// How far each axis of a tensor in C order moves.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis].max(1);
    }
    strides
}

impl Layout {
    /// The tensor of `shape` itself.
    pub(super) fn of(shape: &[usize]) -> Layout {
        let axis = |(&len, stride)| -> Axis { smallvec![Run::new(len, 0, stride as isize)] };
        Layout {
            axes: shape.iter().zip(strides(shape)).map(axis).collect(),
        }
    }

    /// The axes in another order.
    pub(super) fn permuted(&self, order: &[usize]) -> Layout {
        Layout {
            axes: order.iter().map(|&axis| self.axes[axis].clone()).collect(),
        }
    }

    /// The same with as few axes as possible, at least one, and where the first element is;
    /// `None` if every element is a fill.
    ///
    /// # Errors
    /// The run is to stop.
    fn simplified(&self) -> Result<Option<Simple<'_>>, OpError> {
        let mut first = 0;
        let mut axes: Vec<Cow<'_, [Run]>> = Vec::new();
        for axis in &self.axes {
            let runs = match axis.len() {
                0..=LISTED => {
                    let runs = axis.iter().copied().filter(|run| run.len > 0);
                    Cow::Owned(runs.collect::<Vec<Run>>())
                }
                _ if parts::all(axis, |run| run.len > 0)? => Cow::Borrowed(axis.as_slice()),
                _ => {
                    let runs = axis.iter().copied().filter(|run| run.len > 0);
                    Cow::Owned(allocate::gathered(runs))
                }
            };
            match *runs {
                [Run { start: None, .. }] => return Ok(None),
                [mut run] => {
                    first += run.start.replace(0).unwrap_or(0);
                    if run.len == 1 {
                        continue;
                    }
                    if let Some(Cow::Owned(outer)) = axes.last_mut()
                        && let [outer] = outer.as_mut_slice()
                        && outer.step == run.step * run.len as isize
                    {
                        (outer.len, outer.step) = (outer.len * run.len, run.step);
                        continue;
                    }
                    axes.push(Cow::Owned(vec![run]));
                }
                _ => axes.push(runs),
            }
        }
        if axes.is_empty() {
            axes.push(Cow::Owned(vec![Run::new(1, 0, 1)]));
        }
        Ok(Some((first, axes)))
    }

    /// Fills `y`, which has the elements of the layout.
    pub(super) fn copy<T: Element>(&self, x: &[T], fill: &T, y: &mut [T]) {
        // What is stopped need not be whole.
        let _ = self.try_copy(x, fill, y);
    }

    /// # Errors
    /// The run is to stop.
    fn try_copy<T: Element>(&self, x: &[T], fill: &T, y: &mut [T]) -> Result<(), OpError> {
        if y.is_empty() {
            return Ok(());
        }
        let Some((first, axes)) = self.simplified()? else {
            in_rows(y, 1, 1, &|_, y| y.fill(fill.clone()));
            return Ok(());
        };
        let (inner, outer) = axes.split_last().expect("there is at least one axis");
        let outer = outer.iter().map(|axis| Placed::new(axis));
        let outer: Vec<Placed<'_>> = outer.collect::<Result<_, OpError>>()?;
        let outer = outer.as_slice();
        let width = y.len() / outer.iter().map(|axis| axis.size).product::<usize>();
        if let ([inner], Some(([rows], outer))) = (
            &**inner,
            outer.split_last().map(|(axis, outer)| (axis.runs, outer)),
        ) && rows.step == 1
        {
            // Two axes at once, of which the outer one is contiguous in the source.
            in_rows(y, rows.len * width, 1, &|start, y| {
                let mut place = Place::new(outer, start);
                for plane in y.chunks_mut(rows.len * width) {
                    match place.offset() {
                        Some(offset) => in_rows(plane, width, TILE, &|row, y| {
                            let first = first.wrapping_add(offset).wrapping_add(row);
                            transpose(x, first, *inner, y);
                        }),
                        None => in_rows(plane, 1, 1, &|_, y| y.fill(fill.clone())),
                    }
                    place.next();
                }
            });
            return Ok(());
        }
        // Many short runs are read faster from a list, unless some take the fill.
        let short = inner.len() > 4 && inner.len() > width / 8;
        let list = match short && parts::all(inner, |run| run.start.is_some())? {
            true => {
                let mut places = allocate::with_capacity(width);
                for (number, run) in inner.iter().enumerate() {
                    stop::check_step(number)?;
                    places.extend((0..run.len).filter_map(|index| run.at(index)));
                }
                Some(places)
            }
            false => None,
        };
        in_rows(y, width, 1, &|start, y| {
            let mut place = Place::new(outer, start);
            for row in y.chunks_mut(width) {
                if let (Some(list), Some(offset)) = (&list, place.offset()) {
                    let x = &x[first.wrapping_add(offset)..];
                    let picked = parts::each(row, |start, y| {
                        for (y, &place) in y.iter_mut().zip(&list[start..]) {
                            y.clone_from(&x[place]);
                        }
                    });
                    if picked.is_err() {
                        return;
                    }
                    place.next();
                    continue;
                }
                let done = match place.offset() {
                    Some(offset) => copy_row(x, first.wrapping_add(offset), inner, fill, row),
                    None => parts::fill(row, fill),
                };
                if done.is_err() {
                    return;
                }
                place.next();
            }
        });
        Ok(())
    }
}

/// Calls `run` with a number of rows of `width` elements and the number of the first; in parallel, some
/// multiple of `least` rows at a time, if `y` is large.
fn in_rows<T: Send>(
    y: &mut [T],
    width: usize,
    least: usize,
    // Not a type of its own for each caller: there is a copy of this for each element type already.
    run: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    let grain = GRAIN / size_of::<T>();
    if y.len() <= 2 * grain || y.len() == width {
        return run(0, y);
    }
    let rows = (grain / width).max(1).next_multiple_of(least);
    let installed = Installed::hand_over();
    let chunks = y.par_chunks_mut(rows * width).enumerate();
    chunks.for_each(|(chunk, y)| {
        if let Some(_entered) = installed.enter() {
            run(chunk * rows, y);
        }
    });
}

/// `y[r][c] = x[first + r + c * inner.step]`.
fn transpose<T: Clone>(x: &[T], first: usize, inner: Run, y: &mut [T]) {
    for (band, y) in y.chunks_mut(TILE * inner.len).enumerate() {
        let first = first.wrapping_add(band * TILE);
        for left in (0..inner.len).step_by(TILE) {
            if left > 0 && left.is_multiple_of(PART) && stop::is_set() {
                return;
            }
            let right = (left + TILE).min(inner.len);
            for (row, y) in y.chunks_mut(inner.len).enumerate() {
                let mut from = (first + row).wrapping_add_signed(left as isize * inner.step);
                for y in &mut y[left..right] {
                    y.clone_from(&x[from]);
                    from = from.wrapping_add_signed(inner.step);
                }
            }
        }
    }
}

/// # Errors
/// The run is to stop.
fn copy_row<T: Clone>(
    x: &[T],
    first: usize,
    runs: &[Run],
    fill: &T,
    mut y: &mut [T],
) -> Result<(), OpError> {
    let mut looks = Looks::default();
    for run in runs {
        let (these, rest) = y.split_at_mut(run.len);
        y = rest;
        match (run.start, run.step) {
            (None, _) => parts::fill(these, fill)?,
            (Some(start), 1) => parts::copy(&x[first.wrapping_add(start)..][..run.len], these)?,
            (Some(start), 0) => parts::fill(these, &x[first.wrapping_add(start)])?,
            (Some(start), step) => {
                let mut from = first.wrapping_add(start);
                parts::each(these, |_, these| {
                    for y in these {
                        y.clone_from(&x[from]);
                        from = from.wrapping_add_signed(step);
                    }
                })?;
            }
        }
        looks.check(run.len)?;
    }
    Ok(())
}

/// An axis in which positions are looked for.
struct Placed<'a> {
    runs: &'a [Run],
    size: usize,
    /// Where each run ends, if there are many.
    ends: Vec<usize>,
}

impl<'a> Placed<'a> {
    /// # Errors
    /// The run is to stop.
    fn new(runs: &'a [Run]) -> Result<Placed<'a>, OpError> {
        let (mut size, mut ends) = (0, Vec::new());
        for (number, run) in runs.iter().enumerate() {
            size += run.len;
            if runs.len() > LISTED {
                stop::check_step(number)?;
                allocate::push(&mut ends, size);
            }
        }
        Ok(Placed { runs, size, ends })
    }

    /// The run of a position, and the position in it.
    fn find(&self, position: usize) -> (usize, usize) {
        if !self.ends.is_empty() {
            let run = self.ends.partition_point(|&end| end <= position);
            let before = run.checked_sub(1).map_or(0, |run| self.ends[run]);
            return (run, position - before);
        }
        let (mut run, mut position) = (0, position);
        while position >= self.runs[run].len {
            position -= self.runs[run].len;
            run += 1;
        }
        (run, position)
    }
}

/// A position in some axes, and what it adds to the place in the source.
struct Place<'a> {
    axes: &'a [Placed<'a>],
    /// The run and the position in it, for each axis.
    at: SmallVec<[(usize, usize); 6]>,
}

impl<'a> Place<'a> {
    fn new(axes: &'a [Placed<'a>], mut index: usize) -> Place<'a> {
        let mut at: SmallVec<[(usize, usize); 6]> = smallvec![(0, 0); axes.len()];
        for (axis, at) in axes.iter().zip(&mut at).rev() {
            *at = axis.find(index % axis.size);
            index /= axis.size;
        }
        Place { axes, at }
    }

    /// Modulo the word size: axes that are read backwards may add less than nothing.
    fn offset(&self) -> Option<usize> {
        let mut offset = 0usize;
        for (axis, at) in self.axes.iter().zip(&self.at) {
            offset = axis.runs[at.0].at(at.1)?.wrapping_add(offset);
        }
        Some(offset)
    }

    fn next(&mut self) {
        for (axis, at) in self.axes.iter().zip(&mut self.at).rev() {
            at.1 += 1;
            if at.1 < axis.runs[at.0].len {
                return;
            }
            *at = (at.0 + 1, 0);
            if at.0 < axis.runs.len() {
                return;
            }
            *at = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every element by the meaning of the runs.
    fn plainly(layout: &Layout, x: &[i32], fill: i32) -> Vec<i32> {
        let mut places: Vec<Option<usize>> = vec![Some(0)];
        for axis in &layout.axes {
            let along: Vec<Option<usize>> = axis
                .iter()
                .flat_map(|run| (0..run.len).map(|index| run.at(index)))
                .collect();
            places = places
                .iter()
                .flat_map(|place| along.iter().map(move |along| Some((*place)? + (*along)?)))
                .collect();
        }
        places
            .iter()
            .map(|place| place.map_or(fill, |place| x[place]))
            .collect()
    }

    fn check(layout: &Layout, x: &[i32]) {
        let wanted = plainly(layout, x, -1);
        let mut y = vec![0; wanted.len()];
        layout.copy(x, &-1, &mut y);
        assert!(y == wanted, "{layout:?}");
    }

    #[test]
    fn every_order_of_axes_agrees_with_the_meaning_of_runs() {
        for shape in [
            [2, 3, 4],
            [300, 7, 65],
            [1, 400, 300],
            [129, 1, 700],
            [90, 40, 40],
        ] {
            let x: Vec<i32> = (0..shape.iter().product::<usize>() as i32).collect();
            let layout = Layout::of(&shape);
            for order in [
                [0, 1, 2],
                [0, 2, 1],
                [1, 0, 2],
                [1, 2, 0],
                [2, 0, 1],
                [2, 1, 0],
            ] {
                check(&layout.permuted(&order), &x);
            }
        }
    }

    #[test]
    fn runs_are_cut_repeated_reversed_and_filled() {
        let x: Vec<i32> = (0..12).collect();
        let edges: Axis = smallvec![Run::fill(2), Run::new(3, 0, 4), Run::fill(1)];
        let back: Axis = smallvec![Run::new(4, 3, -1), Run::new(2, 3, 0), Run::new(2, 0, 2)];
        let one: Axis = smallvec![Run::new(1, 1, 1)];
        let empty: Axis = smallvec![Run::new(0, 0, 1)];
        let all = [edges, back, one];
        for a in &all[..1] {
            for b in &all[1..] {
                for axes in [vec![a, b], vec![b, a], vec![a], vec![b]] {
                    let axes = axes.into_iter().cloned().collect();
                    check(&Layout { axes }, &x);
                }
            }
        }
        check(&Layout { axes: vec![] }, &x);
        check(&Layout { axes: vec![empty] }, &x);
        // Many short runs, without fills and with some, and one that has no elements.
        let short = |at: usize| Run::new(2, at * 5 % 11, 0);
        let read: Axis = (0..40).map(short).collect();
        let mut filled = read.clone();
        filled[0] = Run::fill(1);
        filled[20] = Run::fill(3);
        let mut lacking = filled.clone();
        lacking[7] = Run::new(0, 0, 1);
        for runs in [read, filled, lacking] {
            for axes in [vec![runs.clone()], vec![runs, smallvec![Run::new(2, 0, 1)]]] {
                check(&Layout { axes }, &[&x[..], &[12]].concat());
            }
        }
    }

    #[test]
    fn slices_are_taken_in_any_order() {
        let x: Vec<i32> = (0..24).collect();
        let slices = Slices {
            places: vec![2, 0, 2],
            size: 3,
            block: 4,
        };
        let mut y = vec![0; 24];
        slices.fill(&x, &mut y);
        let plainly = [0, 3].map(|outer| {
            [2, 0, 2].map(|place| {
                (0..4)
                    .map(move |at| (outer + place) * 4 + at)
                    .collect::<Vec<_>>()
            })
        });
        assert_eq!(y, plainly.concat().concat());
        slices.fill(&x, &mut []);
    }
}
