//! What single results need once all are there: windows without a tap, and places of least elements.

use super::geometry::Geometry;
use super::lanes::Vectored;
use super::reduce::Reduction;
use crate::parts::{Looks, PART};
use crate::stop;
use crate::window::Axis;

/// Settles the results of all planes.
pub(super) fn settle<T: Vectored + PartialEq, R: Reduction<T>>(
    geometry: &Geometry,
    reduction: &R,
    values: &mut [T],
    places: &mut [i64],
) {
    let last = geometry.axes.len() - 1;
    let (axis, outer) = (&geometry.axes[last], &geometry.axes[..last]);
    let columns = geometry.columns();
    let unsettled = |value: T| R::PLACES && geometry.bordered && reduction.settles(value);
    let mut looks = Looks::default();
    for row in 0..values.len() / columns {
        if looks.is_set(columns) {
            return;
        }
        let values = &mut values[row * columns..(row + 1) * columns];
        let first = first_row(outer, row);
        if first.is_none() {
            values.fill(reduction.nothing());
            if R::PLACES {
                places[row * columns..(row + 1) * columns].fill(-1);
            }
            continue;
        }
        if geometry.bare {
            let full = axis.full_windows();
            for o in (0..full.start).chain(full.end..axis.output) {
                if axis.real_taps(o).1 == 0 {
                    values[o * geometry.inner..(o + 1) * geometry.inner].fill(reduction.nothing());
                }
            }
        }
        for at in 0..columns {
            if at > 0 && at.is_multiple_of(PART) && stop::is_set() {
                return;
            }
            if unsettled(values[at]) {
                let (column, count) = axis.real_taps(at / geometry.inner);
                let place = first.map(|row| (row * axis.input + column) * geometry.inner);
                places[row * columns + at] = match (place, count) {
                    (Some(place), 1..) => (place + at % geometry.inner) as i64,
                    _ => -1,
                };
            }
        }
    }
}

/// The first row of the tensor that the windows of row `row` of the results have a tap on, if they have any.
fn first_row(outer: &[Axis], row: usize) -> Option<usize> {
    let (mut rest, mut first, mut weight) = (row, 0, 1);
    for axis in outer.iter().rev() {
        let (tap, count) = axis.real_taps(rest % axis.output);
        if count == 0 {
            return None;
        }
        first += tap * weight;
        weight *= axis.input;
        rest /= axis.output;
    }
    Some(first + rest * weight)
}
