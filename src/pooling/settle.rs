//! What single results need once all are there: windows without a tap, places of least elements, column-major places.

use super::geometry::Geometry;
use super::lanes::Vectored;
use super::reduce::Reduction;

/// Settles the results of all planes.
pub(super) fn settle<T: Vectored + PartialEq, R: Reduction<T>>(
    geometry: &Geometry,
    reduction: &R,
    values: &mut [T],
    places: &mut [i64],
) {
    for (at, value) in values.iter_mut().enumerate() {
        let unsettled = R::PLACES && geometry.bordered && reduction.settles(*value);
        if !geometry.bare && !unsettled {
            continue;
        }
        let first = first_tap(geometry, at);
        if first.is_none() {
            *value = reduction.nothing();
        }
        if unsettled {
            places[at] = first.map_or(-1, |place| place as i64);
        }
    }
}

/// The place in the tensor of the first tap of window `at` that lies on it.
fn first_tap(geometry: &Geometry, at: usize) -> Option<usize> {
    let inner = at % geometry.inner;
    let mut rest = at / geometry.inner;
    let (mut place, mut weight) = (inner, geometry.inner);
    for axis in geometry.axes.iter().rev() {
        let (first, count) = axis.real_taps(rest % axis.output);
        if count == 0 {
            return None;
        }
        place += first * weight;
        weight *= axis.input;
        rest /= axis.output;
    }
    Some(place + rest * weight)
}
