//! Boxes: a node, and below it what is applied to each element of its output; or an input or output.

use std::collections::HashMap;

use linn::text::Plain;

use super::super::drawing::{Content, Edge, Graph, Item};
use super::super::kind::Kind;
use super::super::label::{Label, MOST_CELLS, broken};
use super::super::layout::{Chain, Layout, Point, Size};
use super::page::{Area, Line, Page, width};
use super::style::SMALL;
use crate::cli::cells::{end, start};

/// The space between the border of a box and its text, and the least width of a box.
const PAD: [f64; 2] = [10.0, 4.5];
const LEAST_WIDTH: f64 = 72.0;
/// The most nodes in a box.
const MOST_NODES: usize = 8;
/// The space around the text of a value.
const LABEL_PAD: f64 = 3.0;
const ROUND: f64 = 5.0;

/// The boxes of a graph, and the values that lead from one to others.
pub(super) struct Cards<'g> {
    graph: &'g Graph,
    cards: Vec<Card>,
    pub(super) chains: Vec<Chain>,
    /// The value of each chain, and whether it is for graphs in the nodes that read it.
    values: Vec<(usize, bool)>,
    shapes: bool,
}

#[derive(Default)]
struct Card {
    width: f64,
    parts: Vec<Part>,
}

/// What is drawn of an item.
struct Part {
    item: usize,
    lines: Vec<Line>,
    height: f64,
}

impl<'g> Cards<'g> {
    pub(super) fn of(graph: &'g Graph, shapes: bool) -> Cards<'g> {
        let above = stacked(graph);
        let mut card_of = vec![0; graph.items.len()];
        let mut cards: Vec<Card> = Vec::new();
        for (at, item) in graph.items.iter().enumerate() {
            let joined = above[at].map(|above| card_of[above]);
            let joined = joined.filter(|card| cards[*card].parts.len() < MOST_NODES);
            card_of[at] = joined.unwrap_or(cards.len());
            if joined.is_none() {
                cards.push(Card::default());
            }
            cards[card_of[at]].add(Part::of(graph, at, item, joined.is_some()));
        }
        let mut cards = Cards {
            graph,
            cards,
            chains: Vec::new(),
            values: Vec::new(),
            shapes,
        };
        cards.link(&card_of);
        cards
    }

    /// Makes a chain of each value that leads from one box to others.
    fn link(&mut self, card_of: &[usize]) {
        let mut known: HashMap<(usize, bool), usize> = HashMap::new();
        for edge in &self.graph.edges {
            let (from, to) = (card_of[edge.from], card_of[edge.to]);
            if from == to {
                continue;
            }
            let key = (edge.value, is_inner(self.graph, edge));
            let chain = *known.entry(key).or_insert(self.chains.len());
            if chain == self.chains.len() {
                let text = self
                    .graph
                    .shape(edge.value)
                    .filter(|_| self.shapes && !key.1);
                self.chains.push(Chain {
                    from,
                    to: Vec::new(),
                    label: text.map(|text| Size {
                        width: width(&start(&text, MOST_CELLS), SMALL) + 2.0 * LABEL_PAD,
                        height: SMALL + 3.0,
                    }),
                });
                self.values.push(key);
            }
            // The edges of an item follow one another.
            let to_of = &mut self.chains[chain].to;
            if to_of.last() != Some(&to) {
                to_of.push(to);
            }
        }
    }

    pub(super) fn sizes(&self) -> Vec<Size> {
        let sizes = self.cards.iter().map(|card| Size {
            width: card.width,
            height: card.parts.iter().map(|part| part.height).sum(),
        });
        sizes.collect()
    }

    /// Puts everything on the page, from this corner on.
    pub(super) fn draw(&self, page: &mut Page, layout: &Layout, left: f64, top: f64) {
        let moved = |point: &Point| Point {
            x: point.x + left,
            y: point.y + top,
        };
        for (card, corner) in self.cards.iter().zip(&layout.boxes) {
            self.draw_card(page, card, moved(corner));
        }
        let chains = self.values.iter().zip(&layout.routes).zip(&layout.labels);
        for ((&(value, inner), route), label) in chains {
            let shape = self.graph.shape(value);
            let name = Plain(&self.graph.values[value].name).to_string();
            let tooltip = format!("{name} {}", shape.as_deref().unwrap_or("of unknown type"));
            let mut route = route.clone();
            route
                .lines
                .iter_mut()
                .flatten()
                .chain(&mut route.arrows)
                .for_each(|point| *point = moved(point));
            page.route(&route, inner, tooltip.trim_start());
            if let (Some(corner), Some(shape)) = (label, shape) {
                let mut place = moved(corner);
                place.x += LABEL_PAD;
                page.label(place, &small(start(&shape, MOST_CELLS)));
            }
        }
    }

    fn draw_card(&self, page: &mut Page, card: &Card, corner: Point) {
        let mut top = corner.y;
        for (at, part) in card.parts.iter().enumerate() {
            let item = &self.graph.items[part.item];
            let (class, round) = match &item.content {
                Content::Node(node) => (Kind::of(&node.info.name.operator).class(), ROUND),
                Content::Cut(_) => ("end cut", part.height / 2.0),
                _ => ("end", part.height / 2.0),
            };
            let edge = |is_edge: bool| if is_edge { round } else { 0.0 };
            let area = Area {
                left: corner.x,
                top,
                width: card.width,
                height: part.height,
                round: [edge(at == 0), edge(at + 1 == card.parts.len())],
                class,
                focus: item.focus,
            };
            page.area(&area, &part.lines, &tooltip(self.graph, item));
            top += part.height;
        }
    }
}

impl Card {
    fn add(&mut self, part: Part) {
        let widths = part.lines.iter().map(Line::width);
        let width = widths.fold(0.0, f64::max) + 2.0 * PAD[0];
        self.width = self.width.max(width).max(LEAST_WIDTH);
        self.parts.push(part);
    }
}

impl Part {
    fn of(graph: &Graph, at: usize, item: &Item, joined: bool) -> Part {
        let label = Label::of(graph, item);
        let mut lines = Vec::new();
        match &item.content {
            Content::Node(_) => {
                lines.push(head(start(&label.head, MOST_CELLS)));
                if !label.absorbed.is_empty() {
                    lines.push(small(start(&label.absorbed, MOST_CELLS)));
                }
                if !joined && !label.name.is_empty() {
                    lines.push(small(end(&label.name, MOST_CELLS)));
                }
                lines.extend(broken(&label.attributes).into_iter().map(small));
                lines.extend(broken(&label.constants).into_iter().map(small));
            }
            Content::Cut(_) => lines.push(small(end(&label.name, MOST_CELLS))),
            _ => {
                lines.push(small(label.head));
                if !label.name.is_empty() {
                    lines.push(head(end(&label.name, MOST_CELLS)));
                }
            }
        }
        let height: f64 = lines.iter().map(Line::height).sum();
        Part {
            item: at,
            lines,
            height: height + 2.0 * PAD[1],
        }
    }
}

fn head(text: String) -> Line {
    Line {
        text,
        is_head: true,
    }
}

fn small(text: String) -> Line {
    Line {
        text,
        is_head: false,
    }
}

/// All that is to know of an item.
fn tooltip(graph: &Graph, item: &Item) -> String {
    let label = Label::of(graph, item);
    let mut lines = vec![match &item.content {
        Content::Node(node) => format!("{} {}", node.index, label.operators()),
        _ => label.head,
    }];
    lines.push(label.name);
    lines.extend(label.attributes);
    if let Content::Node(node) = &item.content {
        lines.extend(node.constants.iter().map(|value| {
            let name = Plain(&graph.values[*value].name).to_string();
            format!("{name} {}", graph.shape(*value).unwrap_or_default())
        }));
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// Whether it is a graph in the reader that reads the value.
fn is_inner(graph: &Graph, edge: &Edge) -> bool {
    edge.input.is_none() && matches!(graph.items[edge.to].content, Content::Node(_))
}

/// The item right below which each item is drawn, if it is one that takes only that one's output, for itself alone,
/// and gives as many elements.
fn stacked(graph: &Graph) -> Vec<Option<usize>> {
    let mut reads = vec![(0, None); graph.items.len()];
    let mut gives = vec![0; graph.items.len()];
    for edge in &graph.edges {
        let (count, last) = &mut reads[edge.to];
        *count += 1;
        *last = Some(edge);
        gives[edge.from] += 1;
    }
    let items = graph.items.iter().zip(reads);
    let above = items.map(|(item, (count, edge))| {
        let (Content::Node(node), Some(edge)) = (&item.content, edge) else {
            return None;
        };
        let alone = count == 1 && gives[edge.from] == 1 && !is_inner(graph, edge);
        let of_node = matches!(graph.items[edge.from].content, Content::Node(_));
        let kind = Kind::of(&node.info.name.operator);
        let fits = matches!(kind, Kind::Activation | Kind::Normalization | Kind::Other);
        let written = node.info.writes.iter().flatten().next()?;
        let same = graph
            .shape(*written)
            .is_some_and(|shape| graph.shape(edge.value) == Some(shape));
        (alone && of_node && fits && same).then_some(edge.from)
    });
    above.collect()
}
