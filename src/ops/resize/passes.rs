//! Resizing with weights, one axis after the other.

use rayon::prelude::*;

use super::Mode;
use super::taps::Axis;
use crate::allocate;
use crate::installed::Installed;
use crate::ops::weighted::{Float, Weighted};

/// Elements of output that are worth a task of their own.
const GRAIN: usize = 1 << 14;

/// For each element of a resized axis the taps of the input; none outside.
type Table<F> = Vec<Vec<(usize, F)>>;

fn table<F: Float>(axis: &Axis, mode: &Mode) -> Table<F> {
    let taps = |x| {
        let place = axis.place(x, mode.coordinates);
        if axis.is_outside(place, mode.coordinates) {
            return Vec::new();
        }
        let weights = axis.weights(place, mode).into_iter();
        weights
            .map(|(place, weight)| (place, F::of(weight)))
            .collect()
    };
    allocate::collected((0..axis.output).map(taps))
}

/// Bytes that [`resize`] takes for itself.
pub(super) fn scratch_bytes<T: Weighted>(axes: &[Axis], mode: &Mode) -> usize {
    let bytes = size_of::<T::Float>();
    let mut sizes: Vec<usize> = axes.iter().map(|axis| axis.input).collect();
    let mut before = sizes
        .iter()
        .fold(1usize, |product, &size| product.saturating_mul(size));
    let mut most = before;
    let mut tables = 0usize;
    for (index, axis) in axes.iter().enumerate().rev() {
        sizes[index] = axis.output;
        let after = sizes
            .iter()
            .fold(1usize, |product, &size| product.saturating_mul(size));
        most = most.max(before.saturating_add(after));
        before = after;
        let wide = if mode.antialias {
            (4.0 / axis.scale.min(1.0)) as usize
        } else {
            4
        };
        let taps = wide
            .min(axis.input)
            .saturating_mul(axis.output)
            .saturating_mul(2 * bytes);
        tables = tables.max(taps);
    }
    most.saturating_mul(bytes).saturating_add(tables)
}

/// Resizes `x` to `y` along all axes.
pub(super) fn resize<T: Weighted>(axes: &[Axis], mode: &Mode, x: &[T], y: &mut [T]) {
    let mut values: Vec<T::Float> = allocate::collected(x.iter().map(|x| x.widen()));
    let mut sizes: Vec<usize> = axes.iter().map(|axis| axis.input).collect();
    for (index, axis) in axes.iter().enumerate().rev() {
        if axis.input == axis.output && axis.scale == 1.0 && !mode.is_crop() {
            continue;
        }
        sizes[index] = axis.output;
        let inner = sizes[index + 1..].iter().product();
        let table = table(axis, mode);
        let fill = T::Float::of(mode.extrapolation_value);
        let mut resized = allocate::filled(T::Float::default(), sizes.iter().product());
        pass(&values, axis.input, inner, &table, fill, &mut resized);
        values = resized;
    }
    for (y, &value) in y.iter_mut().zip(&values) {
        *y = T::narrow(value);
    }
}

/// One axis of size `input`, with `inner` elements for each of its places.
fn pass<F: Float>(x: &[F], input: usize, inner: usize, table: &Table<F>, fill: F, y: &mut [F]) {
    if y.is_empty() {
        return;
    }
    let (width, installed) = (table.len(), Installed::hand_over());
    if inner == 1 {
        let rows = (GRAIN / width).max(1);
        let chunks = y
            .par_chunks_mut(rows * width)
            .zip(x.par_chunks(rows * input));
        return chunks.for_each(|(y, x)| {
            let Some(_entered) = installed.enter() else {
                return;
            };
            for (y, x) in y.chunks_mut(width).zip(x.chunks(input)) {
                for (y, taps) in y.iter_mut().zip(table) {
                    *y = match taps.as_slice() {
                        [] => fill,
                        taps => {
                            let mut sum = F::default();
                            for &(place, weight) in taps {
                                sum = sum.plus_product(x[place], weight);
                            }
                            sum
                        }
                    };
                }
            }
        });
    }
    let rows = (GRAIN / inner).max(1);
    y.par_chunks_mut(rows * inner)
        .enumerate()
        .for_each(|(chunk, y)| {
            let Some(_entered) = installed.enter() else {
                return;
            };
            for (row, y) in y.chunks_mut(inner).enumerate() {
                let row = chunk * rows + row;
                let x = &x[row / width * input * inner..][..input * inner];
                let taps = &table[row % width];
                y.fill(if taps.is_empty() { fill } else { F::default() });
                for &(place, weight) in taps {
                    for (y, &x) in y.iter_mut().zip(&x[place * inner..]) {
                        *y = y.plus_product(x, weight);
                    }
                }
            }
        });
}
