//! The order in each layer, so that few edges cross: vertices move to the mean place of their neighbours, layer by
//! layer, down and up again.

use super::layers::Layered;

/// The most sweeps over all layers, and the most that follow one another without a better order.
const SWEEPS: usize = 24;
const IDLE_SWEEPS: usize = 6;
/// The most edges that the sweeps look at together.
const MOST_WORK: usize = 20_000_000;

pub(super) fn order(layered: &mut Layered) {
    layered.layers = discovered(layered);
    let edges: usize = layered.below.iter().map(Vec::len).sum();
    let mut positions = layered.positions();
    let mut best = (crossings(layered, &positions), layered.layers.clone());
    let mut idle = 0;
    for sweep in 0..SWEEPS.min(MOST_WORK / edges.max(1)) {
        if best.0 == 0 || idle == IDLE_SWEEPS {
            break;
        }
        let count = layered.layers.len();
        for at in 0..count {
            match sweep % 2 {
                0 => sort(layered, at, &mut positions, |layered| &layered.above),
                _ => sort(layered, count - 1 - at, &mut positions, |layered| {
                    &layered.below
                }),
            }
        }
        let found = crossings(layered, &positions);
        idle += 1;
        if found < best.0 {
            best = (found, layered.layers.clone());
            idle = 0;
        }
    }
    layered.layers = best.1;
}

/// The vertices of each layer in the order in which one comes to them along the edges, from the first box on.
fn discovered(layered: &Layered) -> Vec<Vec<usize>> {
    let mut layers = vec![Vec::new(); layered.layers.len()];
    let mut seen = vec![false; layered.vertices.len()];
    for first in 0..layered.vertices.len() {
        if !layered.above[first].is_empty() {
            continue;
        }
        let mut stack = vec![first];
        while let Some(vertex) = stack.pop() {
            if std::mem::replace(&mut seen[vertex], true) {
                continue;
            }
            layers[layered.vertices[vertex].layer].push(vertex);
            stack.extend(layered.below[vertex].iter().rev());
        }
    }
    layers
}

/// Sorts a layer by the mean places of the neighbours on one side; a vertex without any keeps its place.
fn sort(
    layered: &mut Layered,
    at: usize,
    positions: &mut [usize],
    side: impl Fn(&Layered) -> &Vec<Vec<usize>>,
) {
    let mut layer = std::mem::take(&mut layered.layers[at]);
    let neighbours = side(layered);
    let mut keyed: Vec<(f64, usize)> = layer
        .iter()
        .map(|vertex| {
            let near = &neighbours[*vertex];
            let sum: usize = near.iter().map(|near| positions[*near]).sum();
            let mean = match near.len() {
                0 => positions[*vertex] as f64,
                count => sum as f64 / count as f64,
            };
            (mean, *vertex)
        })
        .collect();
    keyed.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    layer.clear();
    for (position, (_, vertex)) in keyed.into_iter().enumerate() {
        positions[vertex] = position;
        layer.push(vertex);
    }
    layered.layers[at] = layer;
}

/// How many pairs of edges cross.
fn crossings(layered: &Layered, positions: &[usize]) -> usize {
    let mut total = 0;
    for (at, layer) in layered.layers.iter().enumerate() {
        let Some(next) = layered.layers.get(at + 1) else {
            break;
        };
        // A Fenwick tree: how many edges so far end at each place of the next layer.
        let mut tree = vec![0usize; next.len() + 1];
        let mut ends: Vec<usize> = Vec::new();
        let mut count = 0;
        for vertex in layer {
            ends.clear();
            ends.extend(layered.below[*vertex].iter().map(|end| positions[*end]));
            for &end in &ends {
                let mut place = end + 1;
                let mut before = 0;
                while place > 0 {
                    before += tree[place];
                    place &= place - 1;
                }
                total += count - before;
            }
            for &end in &ends {
                let mut place = end + 1;
                while place < tree.len() {
                    tree[place] += 1;
                    place += place & place.wrapping_neg();
                }
            }
            count += ends.len();
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::super::layers::ranks;
    use super::super::{Chain, Size};
    use super::*;

    #[test]
    fn two_edges_that_cross_are_put_straight() {
        let size = Size {
            width: 10.0,
            height: 10.0,
        };
        let chain = |from, to| Chain {
            from,
            to: vec![to],
            label: None,
        };
        let chains = [chain(0, 3), chain(1, 2)];
        let ranks = ranks(4, &chains);
        let mut layered = Layered::new(&[size; 4], &chains, &ranks);
        assert_eq!(crossings(&layered, &layered.positions()), 1);
        order(&mut layered);
        assert_eq!(crossings(&layered, &layered.positions()), 0);
    }
}
