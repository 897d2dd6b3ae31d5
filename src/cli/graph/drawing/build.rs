//! From a graph of the library to items and edges, each item behind all that it reads.

use linn::{GraphInfo, NodeInfo};

use super::{Content, Edge, Graph, Item, Node};

/// A node, its number among all nodes, and the values that graphs in it read.
pub(super) type Numbered = (usize, NodeInfo, Vec<usize>);

/// The items and edges of a graph with these nodes.
pub(super) fn build(graph: &GraphInfo, nodes: Vec<Numbered>, with_constants: bool) -> Graph {
    Builder::new(graph, with_constants).build(nodes)
}

/// Puts the items of a graph in order.
struct Builder<'g> {
    graph: &'g GraphInfo,
    with_constants: bool,
    items: Vec<Item>,
    edges: Vec<Edge>,
    /// The item that gives a value, by value.
    sources: Vec<Option<usize>>,
    /// How many more nodes read a value, by value.
    readers: Vec<usize>,
    /// How often a value still has to be drawn as an output, by value.
    outputs: Vec<usize>,
    /// What is given from outside the graph, by value.
    given: Vec<Option<Content>>,
}

impl<'g> Builder<'g> {
    fn new(graph: &'g GraphInfo, with_constants: bool) -> Builder<'g> {
        let count = graph.values.len();
        let mut builder = Builder {
            graph,
            with_constants,
            items: Vec::new(),
            edges: Vec::new(),
            sources: vec![None; count],
            readers: vec![0; count],
            outputs: vec![0; count],
            given: (0..count).map(|_| None).collect(),
        };
        for &value in &graph.captures {
            if !graph.values[value].constant {
                builder.given[value] = Some(Content::Captured(value));
            }
        }
        for &value in &graph.inputs {
            builder.given[value] = Some(Content::Input(value));
        }
        for &value in &graph.outputs {
            builder.outputs[value] += 1;
        }
        builder
    }

    fn build(mut self, nodes: Vec<Numbered>) -> Graph {
        let nodes: Vec<_> = nodes
            .into_iter()
            .filter(|(_, info, _)| self.is_drawn(info))
            .collect();
        for (_, info, captured) in &nodes {
            for &value in info.reads.iter().flatten().chain(captured) {
                self.readers[value] += 1;
            }
        }
        for &value in &self.graph.inputs {
            if self.readers[value] == 0 {
                self.give(value);
                self.finish(value);
            }
        }
        for (index, info, captured) in nodes {
            self.node(index, info, &captured);
        }
        for &value in &self.graph.outputs {
            self.give(value);
            self.finish(value);
        }
        Graph {
            calls: self.graph.calls.clone(),
            owner: self.graph.owner,
            values: self.graph.values.clone(),
            items: self.items,
            edges: self.edges,
        }
    }

    /// Whether a node is drawn, or its outputs are constants like initializers.
    fn is_drawn(&self, info: &NodeInfo) -> bool {
        let mut writes = info.writes.iter().flatten();
        self.with_constants
            || info.writes.iter().flatten().next().is_none()
            || writes.any(|value| !self.graph.values[*value].constant || self.outputs[*value] > 0)
    }

    fn push(&mut self, content: Content) -> usize {
        self.items.push(Item {
            content,
            focus: false,
        });
        self.items.len() - 1
    }

    /// Draws what gives a value from outside the graph, unless that is done.
    fn give(&mut self, value: usize) {
        if self.sources[value].is_some() {
            return;
        }
        let content = match self.given[value].take() {
            Some(content) => content,
            None if self.outputs[value] > 0 => Content::Constant(value),
            None => return,
        };
        self.sources[value] = Some(self.push(content));
    }

    fn node(&mut self, index: usize, info: NodeInfo, captured: &[usize]) {
        let reads = info.reads.iter().enumerate();
        let reads = reads.filter_map(|(input, value)| Some((Some(input), (*value)?)));
        let reads: Vec<_> = reads
            .chain(captured.iter().map(|value| (None, *value)))
            .collect();
        for (_, value) in &reads {
            self.give(*value);
        }
        let (mut constants, to) = (Vec::new(), self.items.len());
        for &(input, value) in &reads {
            match self.sources[value] {
                Some(from) => self.edges.push(Edge {
                    from,
                    to,
                    value,
                    input,
                }),
                None => constants.push(value),
            }
        }
        let writes = info.writes.clone();
        self.push(Content::Node(Box::new(Node {
            index,
            info,
            constants,
        })));
        for value in writes.iter().flatten() {
            self.sources[*value] = Some(to);
            if self.readers[*value] == 0 {
                self.finish(*value);
            }
        }
        for (_, value) in reads {
            self.readers[value] -= 1;
            if self.readers[value] == 0 {
                self.finish(value);
            }
        }
    }

    /// Draws the outputs that a value is, once nothing else reads it.
    fn finish(&mut self, value: usize) {
        let Some(from) = self.sources[value] else {
            return;
        };
        for _ in 0..std::mem::take(&mut self.outputs[value]) {
            let to = self.push(Content::Output(value));
            self.edges.push(Edge {
                from,
                to,
                value,
                input: None,
            });
        }
    }
}
