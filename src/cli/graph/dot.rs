//! The drawing in the language of Graphviz.

use std::fmt::Write;

use super::drawing::{Content, Drawing, Item};
use super::kind::Kind;
use super::label::{Label, title};
use super::names;

/// The graph of the model, graphs in nodes as clusters. The font is one whose letters Graphviz can measure on every
/// machine.
pub(super) fn write(drawing: &Drawing, head: &str, shapes: bool) -> String {
    let mut text = format!(
        "digraph {} {{\n  graph [rankdir=TB, nodesep=0.25, ranksep=0.3]\n  node [shape=box, style=\"rounded,filled\", \
         fontname=Courier, fontsize=10, margin=\"0.12,0.06\"]\n  edge [fontname=Courier, fontsize=8, \
         color=\"#64748b\", arrowsize=0.6]\n",
        quoted(&[head.to_string()])
    );
    for (at, graph) in drawing.graphs.iter().enumerate() {
        match title(graph) {
            Some(title) => {
                let label = quoted(&[title]);
                text += &format!(
                    "  subgraph cluster_{at} {{\n    label={label}\n    fontname=Courier\n    fontsize=10\n    color=\"#94a3b8\"\n"
                );
                statements(&mut text, drawing, at, "    ", shapes);
                text += "  }\n";
            }
            None => statements(&mut text, drawing, at, "  ", shapes),
        }
    }
    text + "}\n"
}

fn statements(text: &mut String, drawing: &Drawing, at: usize, indent: &str, shapes: bool) {
    let graph = &drawing.graphs[at];
    for (item, name) in graph.items.iter().zip(names::of(drawing, at)) {
        let style = style(item);
        let label = quoted(&Label::of(graph, item).lines());
        let _ = writeln!(text, "{indent}{name} [label={label}, {style}]");
    }
    let names: Vec<String> = names::of(drawing, at).collect();
    for edge in &graph.edges {
        let value = quoted(&[graph.values[edge.value].name.clone()]);
        let mut attributes = format!("tooltip={value}");
        if let Some(shape) = graph.shape(edge.value).filter(|_| shapes) {
            attributes += &format!(", label={}", quoted(&[shape]));
        }
        let inner =
            matches!(&graph.items[edge.to].content, Content::Node(_)) && edge.input.is_none();
        if inner {
            attributes += ", style=dashed";
        }
        let (from, to) = (&names[edge.from], &names[edge.to]);
        let _ = writeln!(text, "{indent}{from} -> {to} [{attributes}]");
    }
}

fn style(item: &Item) -> String {
    let kind = match &item.content {
        Content::Node(node) => Kind::of(&node.info.name.operator),
        Content::Cut(_) => return "shape=plain, style=\"\"".to_string(),
        _ => {
            return "shape=box, style=\"rounded,filled\", fillcolor=white, color=\"#64748b\""
                .to_string();
        }
    };
    let [fill, border] = kind.light();
    let width = match item.focus {
        true => ", penwidth=3",
        false => "",
    };
    format!("fillcolor=\"{fill}\", color=\"{border}\"{width}")
}

/// A string of the language: entities and escapes stay what they are in the text.
fn quoted(lines: &[String]) -> String {
    let mut text = String::from("\"");
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            text += "\\n";
        }
        for character in line.chars() {
            match character {
                '"' => text += "\\\"",
                '\\' => text += "\\\\",
                '&' => text += "&amp;",
                control if control.is_control() => text.push(' '),
                other => text.push(other),
            }
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_keep_quotes_and_entities() {
        let lines = ["a\"b\\n", "&lt;\u{7}"].map(str::to_string);
        assert_eq!(quoted(&lines), "\"a\\\"b\\\\n\\n&amp;lt; \"");
    }
}
