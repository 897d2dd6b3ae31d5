//! Where each vertex is from left to right, as Brandes and Köpf describe it ("Fast and simple horizontal coordinate
//! assignment", 2001): vertices are aligned with their median neighbours, in four ways, of which each place is the
//! mean of the middle two. All four keep the order and the gaps of each layer, and so does that mean.

use std::collections::HashSet;

use super::layers::{Layered, What};

/// The least space between two things beside one another: to a box, and between edges.
const GAP: f64 = 22.0;
const EDGE_GAP: f64 = 14.0;

/// The center of each vertex, from left to right.
pub(super) fn place(layered: &Layered) -> Vec<f64> {
    let conflicts = conflicts(layered);
    let mut ways = Vec::new();
    for from_below in [false, true] {
        for from_right in [false, true] {
            let way = Way::new(layered, from_below, from_right);
            let mut places = way.compacted(&way.aligned(&conflicts));
            if from_right {
                places.iter_mut().for_each(|place| *place = -*place);
            }
            ways.push(places);
        }
    }
    balanced(layered, ways)
}

/// The means of the middle two of the four ways, after these were moved to where the narrowest of them is.
fn balanced(layered: &Layered, mut ways: Vec<Vec<f64>>) -> Vec<f64> {
    let bounds = |places: &[f64]| {
        let vertices = places.iter().zip(&layered.vertices);
        vertices.fold(
            (f64::INFINITY, f64::NEG_INFINITY),
            |(low, high), (place, vertex)| {
                let half = vertex.size.width / 2.0;
                (low.min(place - half), high.max(place + half))
            },
        )
    };
    let all: Vec<(f64, f64)> = ways.iter().map(|way| bounds(way)).collect();
    let narrowest = all
        .iter()
        .copied()
        .min_by(|left, right| (left.1 - left.0).total_cmp(&(right.1 - right.0)));
    let Some((low, high)) = narrowest else {
        return Vec::new();
    };
    for (number, (way, bounds)) in ways.iter_mut().zip(&all).enumerate() {
        // Those that start at the left meet there, the others at the right.
        let shift = match number % 2 {
            0 => low - bounds.0,
            _ => high - bounds.1,
        };
        way.iter_mut().for_each(|place| *place += shift);
    }
    let places = (0..layered.vertices.len()).map(|vertex| {
        let mut four: Vec<f64> = ways.iter().map(|way| way[vertex]).collect();
        four.sort_by(f64::total_cmp);
        (four[1] + four[2]) / 2.0
    });
    places.collect()
}

/// Whether an edge leads from one place where a value passes to the next.
fn is_inner(layered: &Layered, above: usize, below: usize) -> bool {
    [above, below]
        .iter()
        .all(|vertex| layered.vertices[*vertex].what != What::Box)
}

/// Whether an edge leads to or from the side of something that is read, or reads, more directly. It does not move
/// that, so that the main way of a network is straight.
fn passes_by(layered: &Layered, above: usize, below: usize) -> bool {
    let is_aside = |vertex: &usize| layered.vertices[*vertex].aside;
    match (is_aside(&above), is_aside(&below)) {
        (false, true) => !layered.below[above].iter().all(is_aside),
        (true, false) => !layered.above[below].iter().all(is_aside),
        _ => false,
    }
}

/// The edges that cross one which should rather be straight, being inside a chain.
fn conflicts(layered: &Layered) -> HashSet<(usize, usize)> {
    let positions = layered.positions();
    let mut conflicts = HashSet::new();
    for (layer, next) in layered.layers.iter().zip(layered.layers.iter().skip(1)) {
        let (mut left, mut scanned) = (0, 0);
        for (at, vertex) in next.iter().enumerate() {
            let inner = layered.above[*vertex]
                .iter()
                .find(|above| is_inner(layered, **above, *vertex));
            let right = match inner {
                Some(above) => positions[*above],
                None if at + 1 == next.len() => layer.len(),
                None => continue,
            };
            for vertex in &next[scanned..=at] {
                for &above in &layered.above[*vertex] {
                    let place = positions[above];
                    if (place < left || place > right) && !is_inner(layered, above, *vertex) {
                        conflicts.insert((above, *vertex));
                    }
                }
            }
            scanned = at + 1;
            left = right;
        }
    }
    conflicts
}

/// One of the four ways: layers from above or from below, each from the left or from the right.
struct Way<'l> {
    layered: &'l Layered,
    layers: Vec<Vec<usize>>,
    positions: Vec<usize>,
    /// The neighbours of each vertex in the layer before, in their order.
    before: Vec<Vec<usize>>,
}

impl<'l> Way<'l> {
    fn new(layered: &'l Layered, from_below: bool, from_right: bool) -> Way<'l> {
        let mut layers = layered.layers.clone();
        let mut before = layered.above.clone();
        if from_below {
            layers.reverse();
            before = layered.below.clone();
        }
        if from_right {
            layers.iter_mut().for_each(|layer| layer.reverse());
        }
        let mut positions = vec![0; layered.vertices.len()];
        for layer in &layers {
            for (position, vertex) in layer.iter().enumerate() {
                positions[*vertex] = position;
            }
        }
        for (vertex, before) in before.iter_mut().enumerate() {
            before.retain(|other| match from_below {
                false => !passes_by(layered, *other, vertex),
                true => !passes_by(layered, vertex, *other),
            });
            before.sort_by_key(|vertex| positions[*vertex]);
        }
        Way {
            layered,
            layers,
            positions,
            before,
        }
    }

    /// The blocks of vertices that are above one another: the first vertex of each one's block.
    fn aligned(&self, conflicts: &HashSet<(usize, usize)>) -> Vec<usize> {
        let mut roots: Vec<usize> = (0..self.layered.vertices.len()).collect();
        for layer in &self.layers {
            // The first place in the layer before that is still free.
            let mut free = 0;
            for &vertex in layer {
                let near = &self.before[vertex];
                if near.is_empty() {
                    continue;
                }
                for &other in &near[(near.len() - 1) / 2..=near.len() / 2] {
                    let marked = conflicts.contains(&(other, vertex))
                        || conflicts.contains(&(vertex, other));
                    if free <= self.positions[other] && !marked {
                        roots[vertex] = roots[other];
                        free = self.positions[other] + 1;
                        break;
                    }
                }
            }
        }
        roots
    }

    /// The place of each vertex if blocks are as near to their left neighbours as can be, then as near to their right
    /// ones as those allow.
    fn compacted(&self, roots: &[usize]) -> Vec<f64> {
        let count = roots.len();
        let mut right: Vec<Vec<(usize, f64)>> = vec![Vec::new(); count];
        let mut waiting = vec![0; count];
        for layer in &self.layers {
            for pair in layer.windows(2) {
                let (left, other) = (roots[pair[0]], roots[pair[1]]);
                right[left].push((other, self.distance(pair[0], pair[1])));
                waiting[other] += 1;
            }
        }
        let mut places = vec![0.0_f64; count];
        let mut sorted: Vec<usize> = (0..count)
            .filter(|vertex| roots[*vertex] == *vertex && waiting[*vertex] == 0)
            .collect();
        let mut at = 0;
        while let Some(&block) = sorted.get(at) {
            at += 1;
            for &(other, distance) in &right[block] {
                places[other] = places[other].max(places[block] + distance);
                waiting[other] -= 1;
                if waiting[other] == 0 {
                    sorted.push(other);
                }
            }
        }
        for &block in sorted.iter().rev() {
            let nearest = right[block]
                .iter()
                .map(|(other, distance)| places[*other] - distance);
            let nearest = nearest.fold(f64::INFINITY, f64::min);
            if nearest.is_finite() {
                places[block] = places[block].max(nearest);
            }
        }
        roots.iter().map(|root| places[*root]).collect()
    }

    /// The least distance between the centers of neighbours in a layer.
    fn distance(&self, left: usize, right: usize) -> f64 {
        let [left, right] = [left, right].map(|vertex| &self.layered.vertices[vertex]);
        let gap = match (left.what, right.what) {
            (What::Bend, What::Bend) => EDGE_GAP,
            _ => GAP,
        };
        (left.size.width + right.size.width) / 2.0 + gap
    }
}
