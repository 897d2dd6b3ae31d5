//! What is drawn of a model, whatever the format: items, and the edges between them.

mod build;

use std::collections::HashMap;

use linn::{
    AttributeInfo, AttributeValue, Form, GraphInfo, GraphValue, Model, NodeInfo, ValueInfo,
};

/// The graphs of a model, or what was chosen of them.
#[derive(Debug, PartialEq)]
pub(super) struct Drawing {
    pub(super) graphs: Vec<Graph>,
}

/// One graph: that of the model, or one in a node.
#[derive(Debug, PartialEq)]
pub(super) struct Graph {
    /// What leads to it, outermost first; empty for the graph of the model.
    pub(super) calls: Vec<String>,
    /// The node that has it, as [`Node::index`].
    pub(super) owner: Option<usize>,
    pub(super) values: Vec<GraphValue>,
    /// What is drawn, each item behind all that it reads.
    pub(super) items: Vec<Item>,
    pub(super) edges: Vec<Edge>,
}

/// What has a place in a drawing.
#[derive(Debug, PartialEq)]
pub(super) struct Item {
    pub(super) content: Content,
    /// Whether it is what the user asked for.
    pub(super) focus: bool,
}

#[derive(Debug, PartialEq)]
pub(super) enum Content {
    /// An input of the graph, as a number of a value.
    Input(usize),
    /// A value that the graph reads from the one around it.
    Captured(usize),
    /// An initializer that is an output of the graph.
    Constant(usize),
    Node(Box<Node>),
    /// An output of the graph.
    Output(usize),
    /// A value that leads to what is not drawn, or comes from there.
    Cut(usize),
}

/// A node, and what is drawn within it.
#[derive(Debug, PartialEq)]
pub(super) struct Node {
    /// Its place among all nodes of the model, as `linn inspect` shows it.
    pub(super) index: usize,
    pub(super) info: NodeInfo,
    /// The constants that it reads, as numbers of values.
    pub(super) constants: Vec<usize>,
}

/// That an item reads what another gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    /// Places in [`Graph::items`].
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) value: usize,
    /// Which of its inputs the reader reads; `None` for a graph in it that reads the value, and for a reader
    /// that is no node.
    pub(super) input: Option<usize>,
}

impl Drawing {
    /// All graphs of a model. Nodes that compute constants are drawn only `with_constants`; without, they are
    /// constants that others read.
    pub(super) fn new(model: &Model, form: Form, with_constants: bool) -> Drawing {
        let mut infos: Vec<Option<NodeInfo>> = model.nodes_of(form).map(Some).collect();
        let mut graphs = model.graphs(form);
        for graph in &mut graphs {
            spread_constants(graph, &infos);
        }
        let mut inner: HashMap<usize, Vec<usize>> = HashMap::new();
        for (at, graph) in graphs.iter().enumerate() {
            if let Some(owner) = graph.owner {
                inner.entry(owner).or_default().push(at);
            }
        }
        let drawn = graphs.iter().map(|graph| {
            let is_around = |place: &usize| inner.contains_key(place);
            let names = match graph.nodes.iter().any(is_around) {
                true => numbers(graph),
                false => HashMap::new(),
            };
            let nodes = graph.nodes.iter().filter_map(|place| {
                let info = infos[*place].take()?;
                let inner = inner.get(place).map_or(&[][..], Vec::as_slice);
                let captured = captured(&names, inner.iter().map(|at| &graphs[*at]));
                Some((*place, info, captured))
            });
            build::build(graph, nodes.collect(), with_constants)
        });
        Drawing {
            graphs: drawn.collect(),
        }
    }

    /// How many nodes are drawn.
    pub(super) fn nodes(&self) -> usize {
        let items = self.graphs.iter().flat_map(|graph| &graph.items);
        let nodes = items.filter(|item| matches!(item.content, Content::Node(_)));
        nodes.count()
    }

    /// How many items are drawn.
    pub(super) fn items(&self) -> usize {
        self.graphs.iter().map(|graph| graph.items.len()).sum()
    }
}

/// The operators that give something else in each run.
const RANDOM: [&str; 3] = ["Bernoulli", "Multinomial", "Random"];

/// Calls constant also what is computed from constants only, but was too large to be computed when the model was
/// loaded.
fn spread_constants(graph: &mut GraphInfo, infos: &[Option<NodeInfo>]) {
    for info in graph
        .nodes
        .iter()
        .filter_map(|place| infos[*place].as_ref())
    {
        let constant = |value: &usize| graph.values[*value].constant;
        let random = RANDOM
            .iter()
            .any(|name| info.name.operator.starts_with(name));
        let repeats = !random && !info.attributes.iter().any(is_graph);
        if repeats && info.reads.iter().flatten().all(constant) {
            for value in info.writes.iter().flatten() {
                graph.values[*value].constant = true;
            }
        }
    }
}

fn is_graph(attribute: &AttributeInfo) -> bool {
    matches!(attribute.value, AttributeValue::Graph(_))
}

/// The numbers of the values of a graph by their names.
fn numbers(graph: &GraphInfo) -> HashMap<&str, usize> {
    let values = graph.values.iter().map(|value| value.name.as_str());
    values
        .zip(0..)
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

/// The values of a graph that graphs in one of its nodes read, each once; they have the same names there.
fn captured<'g>(
    names: &HashMap<&str, usize>,
    inner: impl Iterator<Item = &'g GraphInfo>,
) -> Vec<usize> {
    let read = inner.flat_map(|inner| {
        inner
            .captures
            .iter()
            .map(|value| &inner.values[*value].name)
    });
    let mut captured: Vec<usize> = read
        .filter_map(|name| names.get(name.as_str()).copied())
        .collect();
    captured.sort_unstable();
    captured.dedup();
    captured
}

impl Graph {
    /// The type and shape of a value, as `f32[N,3,224,224]`.
    pub(super) fn shape(&self, value: usize) -> Option<String> {
        self.values[value].info.as_ref().map(ValueInfo::to_string)
    }
}
