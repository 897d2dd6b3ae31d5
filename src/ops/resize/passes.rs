//! Resizing with weights, one axis after the other.

use rayon::prelude::*;

use super::Mode;
use super::taps::Axis;
use crate::error::OpError;
use crate::installed::Installed;
use crate::ops::elementwise;
use crate::ops::weighted::{Float, Taps, Weighted};
use crate::parts::{self, Looks, PART};
use crate::stop;

/// Elements of output that are worth a task of their own.
const GRAIN: usize = 1 << 14;

/// For each element of a resized axis the taps of the input; none outside.
fn table<F: Float>(axis: &Axis, mode: &Mode) -> Result<Taps<F>, OpError> {
    Taps::new(axis.output, |x| {
        let place = axis.place(x, mode.coordinates);
        let weights = match axis.is_outside(place, mode.coordinates) {
            true => Vec::new(),
            false => axis.weights(place, mode)?,
        };
        let weights = weights.into_iter();
        Ok(weights.map(|(place, weight)| (place, F::of(weight))))
    })
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
            .saturating_mul(2 * bytes)
            .saturating_add(axis.output.saturating_mul(size_of::<usize>()));
        tables = tables.max(taps);
    }
    most.saturating_mul(bytes).saturating_add(tables)
}

/// Resizes `x` to `y` along all axes.
///
/// # Errors
/// The run is to stop.
pub(super) fn resize<T: Weighted>(
    axes: &[Axis],
    mode: &Mode,
    x: &[T],
    y: &mut [T],
) -> Result<(), OpError> {
    let mut values: Vec<T::Float> = parts::collected(x.iter().map(|x| x.widen()))?;
    let mut sizes: Vec<usize> = axes.iter().map(|axis| axis.input).collect();
    for (index, axis) in axes.iter().enumerate().rev() {
        if axis.input == axis.output && axis.scale == 1.0 && !mode.is_crop() {
            continue;
        }
        sizes[index] = axis.output;
        let inner = sizes[index + 1..].iter().product();
        let table = table(axis, mode)?;
        let fill = T::Float::of(mode.extrapolation_value);
        let mut resized = parts::filled(T::Float::default(), sizes.iter().product())?;
        pass(&values, axis.input, inner, &table, fill, &mut resized);
        values = resized;
    }
    elementwise::map(&values, y, |values, y| {
        for (y, &value) in y.iter_mut().zip(values) {
            *y = T::narrow(value);
        }
    });
    Ok(())
}

/// A sum and the products of taps.
#[inline(always)]
fn weighted<F: Float>(sum: F, x: &[F], taps: &[(usize, F)]) -> F {
    let mut sum = sum;
    for &(place, weight) in taps {
        sum = sum.plus_product(x[place], weight);
    }
    sum
}

/// One axis of size `input`, with `inner` elements for each of its places.
fn pass<F: Float>(x: &[F], input: usize, inner: usize, table: &Taps<F>, fill: F, y: &mut [F]) {
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
            let mut looks = Looks::default();
            for (y, x) in y.chunks_mut(width).zip(x.chunks(input)) {
                for (number, y) in y.chunks_mut(PART).enumerate() {
                    if number > 0 && stop::is_set() {
                        return;
                    }
                    for (y, taps) in y.iter_mut().zip(table.from(number * PART)) {
                        *y = match taps.len() {
                            0 => fill,
                            1..=PART => weighted(F::default(), x, taps),
                            _ => taps
                                .chunks(PART)
                                .take_while(|_| !stop::is_set())
                                .fold(F::default(), |sum, taps| weighted(sum, x, taps)),
                        };
                        if looks.is_set(taps.len()) {
                            return;
                        }
                    }
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
            let mut looks = Looks::default();
            for (row, y) in y.chunks_mut(inner).enumerate() {
                let row = chunk * rows + row;
                let x = &x[row / width * input * inner..][..input * inner];
                let taps = table.from(row % width).next().unwrap_or_default();
                for (number, y) in y.chunks_mut(PART).enumerate() {
                    if number > 0 && stop::is_set() {
                        return;
                    }
                    y.fill(if taps.is_empty() { fill } else { F::default() });
                    for &(place, weight) in taps {
                        for (y, &x) in y.iter_mut().zip(&x[place * inner + number * PART..]) {
                            *y = y.plus_product(x, weight);
                        }
                        if looks.is_set(y.len()) {
                            return;
                        }
                    }
                }
            }
        });
}
