//! What is written on an item: its operator, its name, its attributes, the constants that it reads.

use linn::text::Plain;
use linn::{AttributeInfo, AttributeValue};

use super::super::inspect::node_text;
use super::drawing::{Content, Graph, Item, Node};
use crate::cli::cells::{cells, end, start};

/// The words on an item.
#[derive(Debug, PartialEq)]
pub(super) struct Label {
    /// The operator, or what the item is if it is no node.
    pub(super) head: String,
    /// `+ BatchNormalization + Relu`: the nodes whose work it does, too; may be empty.
    pub(super) absorbed: String,
    /// The name of the node or of the value; may be empty.
    pub(super) name: String,
    /// `kernel_shape [3,3]` and so on, those that say nothing left out.
    pub(super) attributes: Vec<String>,
    /// The types and shapes of the constants that it reads, as `f32[64,3,7,7]`, `4 x f32[64]`.
    pub(super) constants: Vec<String>,
}

/// The most cells of a line on a box, and the most lines that a list is broken into.
pub(super) const MOST_CELLS: usize = 34;
const MOST_LINES: usize = 4;

/// Attributes of normalizations that do not tell one from another.
const QUIET: [&str; 6] = [
    "consumed_inputs",
    "epsilon",
    "is_test",
    "momentum",
    "spatial",
    "training_mode",
];

/// Attributes that are shown before others.
const FIRST: [&str; 5] = ["kernel_shape", "strides", "pads", "dilations", "group"];

impl Label {
    pub(super) fn of(graph: &Graph, item: &Item) -> Label {
        let (head, value) = match &item.content {
            Content::Node(node) => return Label::of_node(graph, node),
            Content::Input(value) => ("input", *value),
            Content::Captured(value) => ("from outside", *value),
            Content::Constant(value) => ("constant", *value),
            Content::Output(value) => ("output", *value),
            Content::Cut(value) => ("...", *value),
        };
        Label {
            head: head.to_string(),
            absorbed: String::new(),
            name: Plain(&graph.values[value].name).to_string(),
            attributes: Vec::new(),
            constants: Vec::new(),
        }
    }

    fn of_node(graph: &Graph, node: &Node) -> Label {
        let mut attributes: Vec<&AttributeInfo> = node.info.attributes.iter().collect();
        // The order of the file, behind those that one looks for.
        attributes.sort_by_key(|attribute| {
            let first = FIRST.iter().position(|name| *name == attribute.name);
            first.unwrap_or(FIRST.len())
        });
        let absorbed = node.info.absorbed.iter();
        let absorbed = absorbed.map(|name| format!("+ {}", Plain(&name.operator)));
        let constants = node.constants.iter();
        Label {
            head: Plain(&node.info.name.operator).to_string(),
            absorbed: absorbed.collect::<Vec<_>>().join(" "),
            name: match node.info.name.name.is_empty() {
                true => String::new(),
                false => node_text(&node.info),
            },
            attributes: attributes.into_iter().filter_map(attribute).collect(),
            constants: grouped(
                constants.map(|value| graph.shape(*value).unwrap_or_else(|| "?".to_string())),
            ),
        }
    }
}

impl Label {
    /// The operator and what it absorbed.
    pub(super) fn operators(&self) -> String {
        format!("{} {}", self.head, self.absorbed)
            .trim_end()
            .to_string()
    }

    /// The words, line by line.
    pub(super) fn lines(self) -> Vec<String> {
        let mut lines = vec![self.operators(), end(&self.name, MOST_CELLS)];
        lines.extend(broken(&self.attributes));
        lines.extend(broken(&self.constants));
        lines.retain(|line| !line.is_empty());
        lines
    }
}

/// `strides [2,2]`, unless the attribute has its usual value or is shown in another way.
fn attribute(attribute: &AttributeInfo) -> Option<String> {
    use AttributeValue as Value;
    let all = |value: i64| matches!(&attribute.value, Value::Ints(values) if values.iter().all(|x| *x == value));
    let usual = match attribute.name.as_str() {
        "dilations" | "strides" => all(1),
        "pads" | "output_padding" => all(0),
        "group" => attribute.value == Value::Int(1),
        "auto_pad" => attribute.value == Value::Text("NOTSET".to_string()),
        "ceil_mode" | "count_include_pad" => attribute.value == Value::Int(0),
        name => QUIET.contains(&name) || matches!(attribute.value, Value::Graph(_)),
    };
    match usual {
        true => None,
        false => Some(format!("{} {}", Plain(&attribute.name), attribute.value)),
    }
}

/// A list in which equal neighbours share an entry.
fn grouped(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut groups: Vec<(usize, String)> = Vec::new();
    for text in texts {
        match groups.last_mut() {
            Some((count, last)) if *last == text => *count += 1,
            _ => groups.push((1, text)),
        }
    }
    let shown = groups.into_iter().map(|(count, text)| match count {
        1 => text,
        _ => format!("{count} x {text}"),
    });
    shown.collect()
}

/// Words in a few lines; those that there is no room for are left out.
pub(super) fn broken(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        let word = start(word, MOST_CELLS);
        let full = lines.len() == MOST_LINES;
        match lines.last_mut() {
            Some(line) if cells(line) + 1 + cells(&word) <= MOST_CELLS => {
                *line += &format!(" {word}");
            }
            Some(line) if full => {
                *line = "…".to_string();
                break;
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// The title of a graph in a node.
pub(super) fn title(graph: &Graph) -> Option<String> {
    graph.owner?;
    let calls: Vec<String> = graph
        .calls
        .iter()
        .map(|call| Plain(call).to_string())
        .collect();
    Some(calls.join(" / "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_share_an_entry() {
        let texts = ["a", "b", "b", "b", "a"].map(str::to_string);
        assert_eq!(grouped(texts.into_iter()), ["a", "3 x b", "a"]);
    }

    #[test]
    fn words_are_broken_into_a_few_lines_and_cut() {
        let words = |count: usize, length: usize| vec!["x".repeat(length); count];
        assert_eq!(broken(&words(2, 10)), ["xxxxxxxxxx xxxxxxxxxx"]);
        assert_eq!(broken(&words(4, 20)).len(), 4);
        let long = broken(&words(6, 50));
        assert_eq!((long.len(), long[3].as_str()), (4, "…"));
        assert!(long.iter().all(|line| cells(line) <= MOST_CELLS));
    }
}
