//! What is around a node: the items that few edges lead to.

use std::collections::{HashMap, HashSet, VecDeque};

use linn::text::{Plain, Quoted, did_you_mean};

use super::super::Failure;
use super::drawing::{Content, Drawing, Edge, Graph, Item};

/// A place in a drawing: a graph, and an item of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    graph: usize,
    item: usize,
}

/// What else a node has to be called, so that `text` means it.
const HELP: &str =
    "nodes are known by their names, by what they write, and by the numbers of `linn inspect`";

/// The item that a user calls `text`: by the name of the node, of a value that it writes, or by its number.
pub(super) fn find(drawing: &Drawing, text: &str) -> Result<Place, Failure> {
    let named: Vec<Place> = items(drawing)
        .filter(|(_, _, item)| matches!(&item.content, Content::Node(node) if node.info.name.name == text))
        .map(|(place, _, _)| place)
        .collect();
    let found = match named.as_slice() {
        [] => items(drawing)
            .filter(|(_, graph, item)| given(graph, item).any(|name| name == text))
            .map(|(place, _, _)| place)
            .collect(),
        _ => named,
    };
    match found.as_slice() {
        [place] => Ok(*place),
        [] => match text.parse().ok().and_then(|index| numbered(drawing, index)) {
            Some(place) => Ok(place),
            None => Err(unknown(drawing, text)),
        },
        several => {
            let numbers = several.iter().filter_map(|place| {
                let item = &drawing.graphs[place.graph].items[place.item];
                index(item).map(|index| index.to_string())
            });
            let numbers: Vec<String> = numbers.take(12).collect();
            Err(Failure::Usage(format!(
                "{} nodes are called {}",
                several.len(),
                Quoted(text)
            ))
            .help(match numbers.is_empty() {
                true => HELP.to_string(),
                false => format!("name one by its number: {}", numbers.join(", ")),
            }))
        }
    }
}

fn items(drawing: &Drawing) -> impl Iterator<Item = (Place, &Graph, &Item)> {
    let graphs = drawing.graphs.iter().enumerate();
    graphs.flat_map(|(at, graph)| {
        let items = graph.items.iter().enumerate();
        items.map(move |(item, content)| (Place { graph: at, item }, graph, content))
    })
}

/// The names of the values that an item gives.
fn given<'d>(graph: &'d Graph, item: &'d Item) -> impl Iterator<Item = &'d str> {
    let values = match &item.content {
        Content::Node(node) => node.info.writes.iter().flatten().copied().collect(),
        Content::Input(value) | Content::Constant(value) => vec![*value],
        Content::Captured(_) | Content::Output(_) | Content::Cut(_) => Vec::new(),
    };
    let names = values
        .into_iter()
        .map(|value| graph.values[value].name.as_str());
    names.filter(|name| !name.is_empty())
}

fn index(item: &Item) -> Option<usize> {
    match &item.content {
        Content::Node(node) => Some(node.index),
        _ => None,
    }
}

fn numbered(drawing: &Drawing, wanted: usize) -> Option<Place> {
    let mut items = items(drawing);
    let found = items.find(|(_, _, item)| index(item) == Some(wanted));
    found.map(|(place, _, _)| place)
}

fn unknown(drawing: &Drawing, text: &str) -> Failure {
    let names: Vec<&str> = items(drawing)
        .flat_map(|(_, graph, item)| {
            let own = match &item.content {
                Content::Node(node) => node.info.name.name.as_str(),
                _ => "",
            };
            [own].into_iter().chain(given(graph, item))
        })
        .filter(|name| !name.is_empty())
        .collect();
    let hint = did_you_mean(text, names.into_iter());
    Failure::Usage(format!("the model has no node {}", Quoted(text)))
        .help(hint.unwrap_or_else(|| HELP.to_string()))
}

/// Leaves of a drawing what at most `depth` edges lead to from `center`, in either direction, and the graphs in it.
pub(super) fn around(mut drawing: Drawing, center: Place, depth: usize) -> Drawing {
    let graphs = std::mem::take(&mut drawing.graphs);
    let mut owners = HashSet::new();
    for (at, graph) in graphs.into_iter().enumerate() {
        let graph = match at == center.graph {
            true => near(graph, center.item, depth),
            false if graph.owner.is_some_and(|owner| owners.contains(&owner)) => graph,
            false => continue,
        };
        // The graphs in a node follow the graph that the node is in.
        owners.extend(graph.items.iter().filter_map(index));
        drawing.graphs.push(graph);
    }
    drawing
}

/// The part of a graph that is near an item.
fn near(mut graph: Graph, center: usize, depth: usize) -> Graph {
    graph.items[center].focus = true;
    let kept = reached(&graph, center, depth);
    // Where an item comes in the order; what is cut off comes right before its reader, or behind what gives it.
    let mut items: Vec<(usize, Item)> = Vec::new();
    let mut places: Vec<Option<usize>> = vec![None; graph.items.len()];
    for (at, item) in std::mem::take(&mut graph.items).into_iter().enumerate() {
        if kept[at] {
            places[at] = Some(items.len());
            items.push((4 * at, item));
        }
    }
    let mut edges: Vec<Edge> = Vec::new();
    let (mut ahead, mut behind) = (HashMap::new(), HashMap::new());
    for edge in std::mem::take(&mut graph.edges) {
        match (places[edge.from], places[edge.to]) {
            (Some(from), Some(to)) => edges.push(Edge { from, to, ..edge }),
            (None, Some(to)) => {
                let from = *ahead.entry(edge.value).or_insert(items.len());
                if from == items.len() {
                    items.push((4 * edge.to - 1, cut_item(edge.value)));
                }
                edges.push(Edge { from, to, ..edge });
            }
            (Some(from), None) => {
                let to = *behind.entry(edge.value).or_insert(items.len());
                if to == items.len() {
                    items.push((4 * edge.from + 1, cut_item(edge.value)));
                    edges.push(Edge {
                        from,
                        to,
                        value: edge.value,
                        input: None,
                    });
                }
            }
            (None, None) => {}
        }
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|at| items[*at].0);
    let mut moved = vec![0; items.len()];
    for (to, from) in order.iter().enumerate() {
        moved[*from] = to;
    }
    items.sort_by_key(|(key, _)| *key);
    for edge in &mut edges {
        (edge.from, edge.to) = (moved[edge.from], moved[edge.to]);
    }
    graph.items = items.into_iter().map(|(_, item)| item).collect();
    graph.edges = edges;
    graph
}

fn cut_item(value: usize) -> Item {
    Item {
        content: Content::Cut(value),
        focus: false,
    }
}

/// Which items at most `depth` edges lead to.
fn reached(graph: &Graph, center: usize, depth: usize) -> Vec<bool> {
    let mut neighbours = vec![Vec::new(); graph.items.len()];
    for edge in &graph.edges {
        neighbours[edge.from].push(edge.to);
        neighbours[edge.to].push(edge.from);
    }
    let mut reached = vec![false; graph.items.len()];
    reached[center] = true;
    let mut queue = VecDeque::from([(center, 0)]);
    while let Some((at, distance)) = queue.pop_front() {
        if distance == depth {
            continue;
        }
        for &next in &neighbours[at] {
            if !std::mem::replace(&mut reached[next], true) {
                queue.push_back((next, distance + 1));
            }
        }
    }
    reached
}

/// What the center is called, for the head of a drawing.
pub(super) fn shown(text: &str, depth: usize) -> String {
    match depth {
        1 => format!("1 edge around {}", Plain(text)),
        _ => format!("{depth} edges around {}", Plain(text)),
    }
}
