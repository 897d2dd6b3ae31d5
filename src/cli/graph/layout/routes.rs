//! From places in layers to a picture: how far layers are apart, where edges touch boxes, and how they run.

use super::layers::{Layered, What};
use super::{Chain, Layout, Size};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Point {
    pub(in super::super) x: f64,
    pub(in super::super) y: f64,
}

/// The lines of a chain.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Route {
    /// Lines from above to below. Between two points of different x, the line bends, upright at both.
    pub(in super::super) lines: Vec<Vec<Point>>,
    /// Where arrows touch the boxes that read.
    pub(in super::super) arrows: Vec<Point>,
}

/// How far from a corner of a box an edge touches it, and how far edges are from one another there.
const CORNER: f64 = 14.0;
const PORT_GAP: f64 = 14.0;
/// The space between layers without bends, with arrows and without.
const ARROW_SPACE: f64 = 20.0;
const SPACE: f64 = 9.0;
/// How much more space bends need: by how far they reach, at least, at most.
const SLOPE: f64 = 0.12;
const BEND_SPACE: [f64; 2] = [10.0, 40.0];

/// An edge from one layer to the next.
struct Hop {
    chain: usize,
    from: usize,
    to: usize,
    start: f64,
    end: f64,
}

pub(super) fn routes(
    layered: &Layered,
    centers: &[f64],
    boxes: &[Size],
    chains: &[Chain],
) -> Layout {
    let mut hops = hops(layered, chains);
    leave(layered, centers, boxes, chains, &mut hops);
    arrive(layered, centers, boxes, &mut hops);
    let (tops, heights) = layer_places(layered, &hops);
    let left = layered
        .vertices
        .iter()
        .zip(centers)
        .map(|(vertex, center)| center - vertex.size.width / 2.0);
    let right = layered
        .vertices
        .iter()
        .zip(centers)
        .map(|(vertex, center)| center + vertex.size.width / 2.0);
    let (left, right) = (
        left.fold(f64::INFINITY, f64::min),
        right.fold(f64::NEG_INFINITY, f64::max),
    );
    let corner = |vertex: usize| {
        let found = &layered.vertices[vertex];
        Point {
            x: centers[vertex] - found.size.width / 2.0 - left,
            y: tops[found.layer] + (heights[found.layer] - found.size.height) / 2.0,
        }
    };
    let mut routes = vec![Route::default(); chains.len()];
    for hop in &hops {
        let (above, below) = (&layered.vertices[hop.from], &layered.vertices[hop.to]);
        let (start, end) = (hop.start - left, hop.end - left);
        let passes = above.what == What::Bend;
        let first = match passes {
            true => tops[above.layer],
            false => corner(hop.from).y + above.size.height,
        };
        let last = corner(hop.to).y;
        let bottom = tops[above.layer] + heights[above.layer];
        let mut line = vec![
            Point { x: start, y: first },
            Point {
                x: start,
                y: bottom,
            },
            Point {
                x: end,
                y: tops[below.layer],
            },
        ];
        if below.what != What::Bend {
            line.push(Point { x: end, y: last });
        }
        line.dedup();
        let route = &mut routes[hop.chain];
        route.lines.push(line);
        if below.what == What::Box {
            route.arrows.push(Point { x: end, y: last });
        }
    }
    let labels = chains.iter().zip(&layered.passes).map(|(chain, passes)| {
        chain.label?;
        Some(corner(*passes.first()?))
    });
    let last = tops.last().zip(heights.last());
    Layout {
        size: Size {
            width: (right - left).max(0.0),
            height: last.map_or(0.0, |(top, height)| top + height),
        },
        boxes: (0..boxes.len()).map(corner).collect(),
        labels: labels.collect(),
        routes,
    }
}

/// All edges between layers, for the time being from center to center.
fn hops(layered: &Layered, chains: &[Chain]) -> Vec<Hop> {
    let mut hops = Vec::new();
    for (chain, (Chain { from, to, .. }, passes)) in chains.iter().zip(&layered.passes).enumerate()
    {
        let mut hop = |from: usize, to: usize| {
            hops.push(Hop {
                chain,
                from,
                to,
                start: 0.0,
                end: 0.0,
            });
        };
        let mut at = *from;
        for &next in passes {
            hop(at, next);
            at = next;
        }
        for &to in to {
            let passed = layered.vertices[to].layer - layered.vertices[*from].layer - 1;
            hop(passed.checked_sub(1).map_or(*from, |last| passes[last]), to);
        }
    }
    hops
}

/// Finds out where edges leave boxes: as near as possible to where they go.
fn leave(layered: &Layered, centers: &[f64], boxes: &[Size], chains: &[Chain], hops: &mut [Hop]) {
    let mut bounds = vec![(f64::INFINITY, f64::NEG_INFINITY); chains.len()];
    let leaving = hops
        .iter()
        .filter(|hop| hop.from == chains[hop.chain].from && !layered.vertices[hop.to].aside);
    for hop in leaving {
        let (low, high) = &mut bounds[hop.chain];
        *low = low.min(centers[hop.to]);
        *high = high.max(centers[hop.to]);
    }
    let mut given = vec![Vec::new(); boxes.len()];
    for (chain, (low, high)) in bounds
        .iter()
        .enumerate()
        .filter(|(_, (low, _))| low.is_finite())
    {
        given[chains[chain].from].push(((low + high) / 2.0, chain));
    }
    let mut ports = vec![0.0; chains.len()];
    for (vertex, wanted) in given.into_iter().enumerate() {
        for (place, chain) in spread(wanted, centers[vertex], boxes[vertex].width) {
            ports[chain] = place;
        }
    }
    for hop in hops {
        hop.start = match layered.vertices[hop.from].what {
            What::Box => ports[hop.chain],
            _ => centers[hop.from],
        };
    }
}

/// Finds out where edges meet what is below: boxes as near as possible to where the edge comes from.
fn arrive(layered: &Layered, centers: &[f64], boxes: &[Size], hops: &mut [Hop]) {
    let mut read = vec![Vec::new(); boxes.len()];
    for (at, hop) in hops.iter_mut().enumerate() {
        match layered.vertices[hop.to].what {
            What::Box => read[hop.to].push((hop.start, at)),
            _ => hop.end = centers[hop.to],
        }
    }
    for (vertex, mut wanted) in read.into_iter().enumerate() {
        if let [(place, _)] = wanted.as_mut_slice() {
            let far = (*place - centers[vertex]).abs() > boxes[vertex].width / 2.0 - CORNER;
            // What cannot be straight is in the middle.
            if far {
                *place = centers[vertex];
            }
        }
        for (place, hop) in spread(wanted, centers[vertex], boxes[vertex].width) {
            hops[hop].end = place;
        }
    }
}

/// Places along the side of a box for edges that want to be somewhere, in their order and apart.
fn spread(mut wanted: Vec<(f64, usize)>, center: f64, width: f64) -> Vec<(f64, usize)> {
    wanted.sort_by(|left, right| left.0.total_cmp(&right.0));
    let half = (width / 2.0 - CORNER).max(0.0);
    let (low, high) = (center - half, center + half);
    let steps = wanted.len().saturating_sub(1);
    let gap = PORT_GAP.min(2.0 * half / steps.max(1) as f64);
    let mut least = low;
    for (place, _) in &mut wanted {
        *place = place.clamp(least, high.max(least));
        least = *place + gap;
    }
    let mut most = high;
    for (place, _) in wanted.iter_mut().rev() {
        *place = place.min(most);
        most = *place - gap;
    }
    wanted
}

/// The top and the height of each layer.
fn layer_places(layered: &Layered, hops: &[Hop]) -> (Vec<f64>, Vec<f64>) {
    let count = layered.layers.len();
    let (mut reach, mut arrows) = (vec![0.0_f64; count], vec![false; count]);
    for hop in hops {
        let layer = layered.vertices[hop.from].layer;
        reach[layer] = reach[layer].max((hop.end - hop.start).abs());
        arrows[layer] |= layered.vertices[hop.to].what == What::Box;
    }
    let heights: Vec<f64> = layered
        .layers
        .iter()
        .map(|layer| {
            let heights = layer
                .iter()
                .map(|vertex| layered.vertices[*vertex].size.height);
            heights.fold(0.0, f64::max)
        })
        .collect();
    let (mut tops, mut top) = (Vec::with_capacity(count), 0.0);
    for (layer, height) in heights.iter().enumerate() {
        tops.push(top);
        let space = match arrows[layer] {
            true => ARROW_SPACE,
            false => SPACE,
        };
        let bends = match reach[layer] > 0.5 {
            true => (reach[layer] * SLOPE).clamp(BEND_SPACE[0], BEND_SPACE[1]),
            false => 0.0,
        };
        top += height + space + bends;
    }
    (tops, heights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_touch_a_box_apart_and_in_their_order() {
        let places = |wanted: &[f64], width| {
            let wanted = wanted.iter().copied().zip(0..).collect();
            let places = spread(wanted, 100.0, width);
            places
                .into_iter()
                .map(|(place, _)| place)
                .collect::<Vec<_>>()
        };
        assert_eq!(places(&[104.0], 100.0), [104.0]);
        assert_eq!(places(&[0.0, 500.0], 100.0), [64.0, 136.0]);
        assert_eq!(places(&[500.0, 0.0], 100.0), [64.0, 136.0]);
        assert_eq!(places(&[100.0, 100.0], 100.0), [100.0, 114.0]);
        assert_eq!(places(&[100.0; 3], 48.0), [90.0, 100.0, 110.0]);
        assert_eq!(places(&[1.0, 2.0], 10.0), [100.0, 100.0]);
    }
}
