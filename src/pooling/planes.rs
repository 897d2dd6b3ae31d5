//! All planes of a pool, in parallel.

use std::ops::Range;

use smallvec::SmallVec;

use super::Plan;
use super::edges;
use super::fold::{self, Bands, Buffers, Job, Shares};
use super::geometry::{Geometry, Way};
use super::lanes::{MOST_LANES, Vectored};
use super::reduce::{
    MaxElement, MaxWithIndex, Power, PowerSum, Reduction, ScaledPowerSum, StorageOrder, SumElement,
    column_major,
};
use super::rows;
use super::settle;
use super::strips;
use crate::buffer::{COPIED, FOLDED, SHARES, STAGED};
use crate::error::OpError;
use crate::installed::Installed;
use crate::parts::{self, Looks};
use crate::simd::Simd;

/// Bytes of input and output below which work is not parted between threads.
const GRAIN_BYTES: usize = 256 << 10;

/// A pool over a plan, ready to run; nothing if the plan has no results.
pub(crate) struct Prepared<'a, R> {
    geometry: Option<Geometry>,
    reduction: &'a R,
}

impl<'a, R> Prepared<'a, R> {
    pub(crate) fn new<T: Vectored>(plan: &Plan, reduction: &'a R) -> Prepared<'a, R>
    where
        R: Reduction<T>,
    {
        let geometry = (!plan.is_empty()).then(|| Geometry::new(plan, reduction));
        Prepared {
            geometry,
            reduction,
        }
    }

    /// The most bytes that it takes beside its input and output.
    pub(crate) fn scratch_bytes(&self) -> usize {
        self.geometry.as_ref().map_or(0, Geometry::scratch_bytes)
    }

    /// Pools `x`, which has the plan's input elements, into `values`, which has its output elements.
    pub(crate) fn pool<T: Vectored + PartialEq>(&self, x: &[T], values: &mut [T])
    where
        R: Reduction<T>,
    {
        self.pool_with_places(x, values, &mut []);
    }

    /// As [`Prepared::pool`], with as many places, if the reduction yields them.
    fn pool_with_places<T: Vectored + PartialEq>(
        &self,
        x: &[T],
        values: &mut [T],
        places: &mut [i64],
    ) where
        R: Reduction<T>,
    {
        if let Some(geometry) = &self.geometry {
            run(geometry, self.reduction, x, values, places);
        }
    }
}

/// The largest elements of windows and their places in `x`.
///
/// # Errors
/// A plane has 2^32 elements or more.
pub(crate) fn pool_with_indices<T: MaxElement>(
    plan: &Plan,
    order: StorageOrder,
    x: &[T],
    values: &mut [T],
    places: &mut [i64],
) -> Result<(), OpError> {
    if u32::try_from(plan.plane_input()).is_err() {
        return Err(OpError::unsupported(format_args!(
            "a plane of {} elements, 2^32 or more, with Indices",
            plan.plane_input()
        )));
    }
    match (T::floats(x), T::floats_mut(values)) {
        (Some(x), Some(values)) => {
            Prepared::new::<T::Float>(plan, &MaxWithIndex).pool_with_places(x, values, places);
        }
        _ => parts::with_buffer::<T::Float, COPIED>(x.len() + values.len(), |floats| {
            let (from, to) = floats.split_at_mut(x.len());
            if convert(x, from, |x| x.to_float()).is_err() {
                return;
            }
            let to = &mut to[..values.len()];
            let pool = Prepared::new::<T::Float>(plan, &MaxWithIndex);
            pool.pool_with_places(from, to, places);
            // What is stopped need not be whole.
            let _ = convert(to, values, |float| T::from_float(*float));
        }),
    }
    if order == StorageOrder::ColumnMajor {
        let sizes: SmallVec<[usize; 4]> = plan.axes().iter().map(|axis| axis.input).collect();
        column_major(places, &sizes);
    }
    Ok(())
}

/// `y[i] = f(x[i])`.
///
/// # Errors
/// The run is to stop.
fn convert<X, Y>(x: &[X], y: &mut [Y], f: impl Fn(&X) -> Y) -> Result<(), OpError> {
    parts::each(y, |start, y| {
        for (y, x) in y.iter_mut().zip(&x[start..]) {
            *y = f(x);
        }
    })
}

fn run<T: Vectored + PartialEq, R: Reduction<T>>(
    geometry: &Geometry,
    reduction: &R,
    x: &[T],
    values: &mut [T],
    places: &mut [i64],
) {
    if x.is_empty() {
        // All windows lie on padding alone.
        let _ = parts::fill(values, &reduction.nothing());
        let _ = parts::fill(places, &-1);
        return;
    }
    let words = if R::DIVIDES {
        share_words(geometry)
    } else {
        (0, 0)
    };
    parts::with_buffer::<f64, SHARES>(words.0 + words.1, |shares| {
        let (columns, middle) = shares[..words.0 + words.1].split_at_mut(words.0);
        if R::DIVIDES {
            fill_shares(geometry, reduction, columns, middle);
        }
        let job = Job {
            level: Simd::installed(),
            installed: Installed::hand_over(),
            geometry,
            reduction,
            x,
            shares: Shares { columns, middle },
        };
        let bytes = size_of_val(x) + size_of_val(values) + size_of_val(places);
        let bands = Bands {
            from: 0,
            to: geometry.planes * geometry.bands(),
            values: &mut *values,
            places: &mut *places,
        };
        let pieces = match rayon::current_num_threads() {
            1 => 1,
            // As many as there are threads, so that each finds its part in its own cache the next time.
            threads => (bytes / GRAIN_BYTES).min(threads),
        };
        part(&job, bands, pieces);
    });
    if geometry.bare || (R::PLACES && geometry.bordered) {
        settle::settle(geometry, reduction, values, places);
    }
}

/// The elements that the shares of columns and of middle rows take.
fn share_words(geometry: &Geometry) -> (usize, usize) {
    let middle = match geometry.axes.len() {
        0..=2 => 0,
        rank => geometry.axes[1..rank - 1]
            .iter()
            .map(|axis| axis.output)
            .product(),
    };
    (geometry.columns() + MOST_LANES, middle)
}

fn fill_shares<T: Vectored, R: Reduction<T>>(
    geometry: &Geometry,
    reduction: &R,
    columns: &mut [f64],
    middle: &mut [f64],
) {
    let rank = geometry.axes.len();
    let axis = &geometry.axes[rank - 1];
    let full = axis.full_windows();
    let mut share = 1.0;
    let mut looks = Looks::default();
    for o in 0..axis.output {
        if looks.is_set(geometry.inner) {
            return;
        }
        // Windows that have all their taps have equal shares.
        if !full.contains(&o) || o == full.start {
            share = reduction.share(axis, o);
        }
        columns[o * geometry.inner..(o + 1) * geometry.inner].fill(share);
    }
    for index in geometry.columns()..columns.len() {
        columns[index] = columns[index - geometry.columns()];
    }
    for (row, share) in middle.iter_mut().enumerate() {
        if looks.is_set(1) {
            return;
        }
        let mut rest = row;
        *share = 1.0;
        for axis in geometry.axes[1..rank - 1].iter().rev() {
            *share *= reduction.share(axis, rest % axis.output);
            rest /= axis.output;
        }
    }
}

/// Folds bands in up to `pieces` pieces that other threads may take.
fn part<T: Vectored, R: Reduction<T>>(job: &Job<'_, T, R>, bands: Bands<'_, T>, pieces: usize) {
    let Range { start, end } = bands.from..bands.to;
    let each = job.geometry.bands();
    let mut middle = start + (end - start).div_ceil(2);
    if end - start >= 2 * each {
        middle = middle.next_multiple_of(each);
    }
    if pieces < 2 || middle >= end {
        return leaf(job, bands);
    }
    let at = (middle - start) * job.geometry.band_output();
    let (values, more_values) = bands.values.split_at_mut(at);
    let (places, more_places) = match R::PLACES {
        true => bands.places.split_at_mut(at),
        false => Default::default(),
    };
    let first = Bands {
        from: start,
        to: middle,
        values,
        places,
    };
    let second = Bands {
        from: middle,
        to: end,
        values: more_values,
        places: more_places,
    };
    rayon::join(
        || part(job, first, pieces.div_ceil(2)),
        || part(job, second, pieces / 2),
    );
}

/// Folds bands on this thread.
fn leaf<T: Vectored, R: Reduction<T>>(job: &Job<'_, T, R>, bands: Bands<'_, T>) {
    let Some(_entered) = job.installed.enter() else {
        return;
    };
    let geometry = job.geometry;
    if geometry.whole {
        return fold::whole_planes(job, bands);
    }
    let last = geometry.axes.len() - 1;
    let (planes, windows) = geometry.tile;
    let (first, second) = geometry.items(planes, windows);
    let (runs, picked, row) = match geometry.ways[last] {
        Way::Long => {
            let windows = if last == 0 {
                windows
            } else {
                geometry.axes[last].output
            };
            let rows = geometry.long_rows((0, windows));
            (
                rows.items,
                rows.picked,
                rows.most * rows.elements + 2 * MOST_LANES,
            )
        }
        _ if geometry.strips => (0, 0, strips::spare(&geometry.axes[last])),
        _ => (0, 0, rows::SPARE),
    };
    let words = match geometry.ways[last] {
        Way::Rows => edges::edge_words(&geometry.axes[last]),
        _ => 0,
    };
    let carry = geometry.carried(windows);
    let all = first + second + runs + picked + carry;
    parts::with_buffer::<R::Item, FOLDED>(all, |items| {
        let (first, rest) = items.split_at_mut(first);
        let (second, rest) = rest.split_at_mut(second);
        let (runs, rest) = rest.split_at_mut(runs);
        let (picked, rest) = rest.split_at_mut(picked);
        let carry = &mut rest[..carry];
        parts::with_buffer::<T, STAGED>(row, |row| {
            parts::with_buffer::<u64, STAGED>(words, |edges| {
                let buffers = Buffers {
                    first,
                    second,
                    runs,
                    picked,
                    carry,
                    row,
                    edges,
                };
                fold::bands(job, buffers, bands);
            });
        });
    });
}

/// The p-norms of windows.
pub(crate) fn pool_norms<T: SumElement>(plan: &Plan, power: Power, x: &[T], values: &mut [T]) {
    if !power.needs_scale::<T>() {
        return Prepared::new::<T>(plan, &PowerSum(power)).pool(x, values);
    }
    // High powers are rare enough to be computed in one type only.
    parts::with_buffer::<f64, COPIED>(x.len() + values.len(), |doubles| {
        let (from, to) = doubles.split_at_mut(x.len());
        if convert(x, from, |x| x.to_f64()).is_err() {
            return;
        }
        let to = &mut to[..values.len()];
        Prepared::new::<f64>(plan, &ScaledPowerSum(power)).pool(from, to);
        // What is stopped need not be whole.
        let _ = convert(to, values, |double| T::from_f64(*double));
    });
}

/// The most bytes that [`pool_norms`] takes beside its input and output.
pub(crate) fn norms_scratch_bytes<T: SumElement>(plan: &Plan, power: Power) -> usize {
    if !power.needs_scale::<T>() {
        return Prepared::new::<T>(plan, &PowerSum(power)).scratch_bytes();
    }
    let scaled = ScaledPowerSum(power);
    let pool = Prepared::new::<f64>(plan, &scaled);
    pool.scratch_bytes().saturating_add(copies::<f64>(plan))
}

/// The most bytes that [`pool_with_indices`] takes beside its input and output.
pub(crate) fn indices_scratch_bytes<T: MaxElement>(plan: &Plan) -> usize {
    let copies = match T::floats(&[]) {
        Some(_) => 0,
        None => copies::<T::Float>(plan),
    };
    let pool = Prepared::new::<T::Float>(plan, &MaxWithIndex);
    pool.scratch_bytes().saturating_add(copies)
}

/// The bytes of a copy of input and output in another type.
fn copies<T>(plan: &Plan) -> usize {
    let elements = plan.planes().saturating_mul(plan.plane_input());
    elements
        .saturating_add(plan.output().elements())
        .saturating_mul(size_of::<T>())
}
