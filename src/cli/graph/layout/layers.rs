//! Which layer each box is in, and what stands for an edge in the layers that it passes.

use super::{Chain, Size};

/// Boxes, labels and bends in layers.
pub(super) struct Layered {
    pub(super) vertices: Vec<Vertex>,
    /// The vertices of each layer, from left to right.
    pub(super) layers: Vec<Vec<usize>>,
    /// The neighbours of each vertex in the layer above and in that below.
    pub(super) above: Vec<Vec<usize>>,
    pub(super) below: Vec<Vec<usize>>,
    /// The vertices of each chain in the layers that it passes, from above.
    pub(super) passes: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Vertex {
    pub(super) layer: usize,
    pub(super) size: Size,
    pub(super) what: What,
    /// Whether the value has been read further up, and passes by what became of it.
    pub(super) aside: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Box,
    /// The text of a value, through which its edge leads.
    Label,
    /// Where an edge passes a layer.
    Bend,
}

/// How many layers an edge takes at least: labels have layers of their own.
fn step(chains: &[Chain]) -> usize {
    match chains.iter().any(|chain| chain.label.is_some()) {
        true => 2,
        false => 1,
    }
}

/// The layer of each box: as far up as what it reads allows, or, if it reads nothing, as far down as possible.
pub(super) fn ranks(count: usize, chains: &[Chain]) -> Vec<usize> {
    let step = step(chains);
    let mut gives: Vec<Vec<usize>> = vec![Vec::new(); count];
    for chain in chains {
        gives[chain.from].extend(&chain.to);
    }
    let (mut ranks, mut reads) = (vec![0; count], vec![false; count]);
    // Boxes come behind what they read.
    for from in 0..count {
        for &to in &gives[from] {
            ranks[to] = ranks[to].max(ranks[from] + step);
            reads[to] = true;
        }
    }
    for from in 0..count {
        let first = gives[from].iter().map(|to| ranks[*to]).min();
        if let (false, Some(first)) = (reads[from], first) {
            ranks[from] = first - step;
        }
    }
    ranks
}

/// How many edges lead from one layer to the next, if each leads on from what passes a layer.
pub(super) fn edges(ranks: &[usize], chains: &[Chain]) -> usize {
    let edges = chains
        .iter()
        .map(|chain| length(ranks, chain) + chain.to.len());
    edges.sum()
}

/// How many layers a chain passes.
fn length(ranks: &[usize], chain: &Chain) -> usize {
    let last = chain.to.iter().map(|to| ranks[*to]).max();
    last.map_or(0, |last| last - ranks[chain.from] - 1)
}

impl Layered {
    pub(super) fn new(boxes: &[Size], chains: &[Chain], ranks: &[usize]) -> Layered {
        let mut layered = Layered {
            vertices: Vec::new(),
            layers: vec![Vec::new(); ranks.iter().max().map_or(0, |last| last + 1)],
            above: Vec::new(),
            below: Vec::new(),
            passes: Vec::new(),
        };
        for (size, layer) in boxes.iter().zip(ranks) {
            layered.add(*layer, *size, What::Box);
        }
        for chain in chains {
            let first = chain.to.iter().map(|to| ranks[*to]).min();
            let mut passes = Vec::new();
            for passed in 0..length(ranks, chain) {
                let layer = ranks[chain.from] + 1 + passed;
                passes.push(match chain.label.filter(|_| passed == 0) {
                    Some(size) => layered.add(layer, size, What::Label),
                    None => layered.add(layer, Size::NONE, What::Bend),
                });
                if let Some(pass) = passes.last() {
                    layered.vertices[*pass].aside = first.is_some_and(|first| first <= layer);
                }
            }
            // Readers come before what goes on beside them.
            for &to in &chain.to {
                let passed = ranks[to] - ranks[chain.from] - 1;
                layered.link(
                    passed
                        .checked_sub(1)
                        .map_or(chain.from, |last| passes[last]),
                    to,
                );
            }
            let mut at = chain.from;
            for &next in &passes {
                layered.link(at, next);
                at = next;
            }
            layered.passes.push(passes);
        }
        layered
    }

    fn add(&mut self, layer: usize, size: Size, what: What) -> usize {
        let vertex = self.vertices.len();
        self.vertices.push(Vertex {
            layer,
            size,
            what,
            aside: false,
        });
        self.layers[layer].push(vertex);
        self.above.push(Vec::new());
        self.below.push(Vec::new());
        vertex
    }

    fn link(&mut self, from: usize, to: usize) {
        self.below[from].push(to);
        self.above[to].push(from);
    }

    /// The place of each vertex in its layer.
    pub(super) fn positions(&self) -> Vec<usize> {
        let mut positions = vec![0; self.vertices.len()];
        for layer in &self.layers {
            for (position, vertex) in layer.iter().enumerate() {
                positions[*vertex] = position;
            }
        }
        positions
    }
}
