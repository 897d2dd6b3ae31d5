//! The drawing in the language of Mermaid, which pages of documentation show.

use std::fmt::Write;

use super::drawing::{Content, Drawing};
use super::kind::Kind;
use super::label::{Label, title};
use super::names;

/// The graph of the model, graphs in nodes as subgraphs.
pub(super) fn write(drawing: &Drawing, shapes: bool) -> String {
    let mut text = String::from("flowchart TD\n");
    for at in 0..drawing.graphs.len() {
        match title(&drawing.graphs[at]) {
            Some(title) => {
                let label = quoted(&[title]);
                let _ = writeln!(text, "  subgraph g{at}[{label}]");
                statements(&mut text, drawing, at, "    ", shapes);
                text += "  end\n";
            }
            None => statements(&mut text, drawing, at, "  ", shapes),
        }
    }
    text += &classes(drawing);
    text
}

fn statements(text: &mut String, drawing: &Drawing, at: usize, indent: &str, shapes: bool) {
    let graph = &drawing.graphs[at];
    let names: Vec<String> = names::of(drawing, at).collect();
    for (item, name) in graph.items.iter().zip(&names) {
        let label = quoted(&Label::of(graph, item).lines());
        let _ = match item.content {
            Content::Node(_) => writeln!(text, "{indent}{name}[{label}]"),
            Content::Cut(_) => writeln!(text, "{indent}{name}({label})"),
            _ => writeln!(text, "{indent}{name}([{label}])"),
        };
    }
    for edge in &graph.edges {
        let (from, to) = (&names[edge.from], &names[edge.to]);
        let inner =
            matches!(&graph.items[edge.to].content, Content::Node(_)) && edge.input.is_none();
        let arrow = match inner {
            true => "-.->",
            false => "-->",
        };
        let _ = match graph.shape(edge.value).filter(|_| shapes) {
            Some(shape) => writeln!(text, "{indent}{from} {arrow}|{}| {to}", quoted(&[shape])),
            None => writeln!(text, "{indent}{from} {arrow} {to}"),
        };
    }
}

/// The colours of the kinds that are there.
fn classes(drawing: &Drawing) -> String {
    let mut members: Vec<Vec<String>> = vec![Vec::new(); Kind::ALL.len()];
    let mut focus = Vec::new();
    for (at, graph) in drawing.graphs.iter().enumerate() {
        for (item, name) in graph.items.iter().zip(names::of(drawing, at)) {
            if item.focus {
                focus.push(name.clone());
            }
            if let Content::Node(node) = &item.content {
                members[Kind::of(&node.info.name.operator) as usize].push(name);
            }
        }
    }
    let mut text = String::new();
    for (kind, members) in Kind::ALL.into_iter().zip(members) {
        if members.is_empty() {
            continue;
        }
        let ([fill, border], class) = (kind.light(), kind.class());
        let _ = writeln!(
            text,
            "  classDef {class}Kind fill:{fill},stroke:{border},color:#0f172a"
        );
        let _ = writeln!(text, "  class {} {class}Kind", members.join(","));
    }
    for name in focus {
        let _ = writeln!(text, "  style {name} stroke-width:4px");
    }
    text
}

/// A string of the language. All that could be a word of it, of HTML or of Markdown is written by its number.
fn quoted(lines: &[String]) -> String {
    let mut text = String::from("\"");
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            text += "<br/>";
        }
        let mut before = ' ';
        for character in line.chars() {
            let plain = match character {
                '.' => !before.is_ascii_digit(),
                '-' | '+' => before != ' ',
                ' ' | '_' | '/' | ':' | ',' | '=' | '[' | ']' | '(' | ')' | '?' | '\'' => true,
                '\u{a0}'.. => true,
                other => other.is_ascii_alphanumeric(),
            };
            // These two would become a new line; a space without width keeps them apart.
            if (before, character) == ('\\', 'n') {
                text += "#8203;";
            }
            match plain {
                true => text.push(character),
                false if character.is_control() => text.push(' '),
                false => text += &format!("#{};", u32::from(character)),
            }
            before = character;
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_hold_nothing_of_the_language() {
        let quoted = |text: &str| quoted(&[text.to_string()]);
        assert_eq!(quoted("a\"b`#;"), "\"a#34;b#96;#35;#59;\"");
        assert_eq!(quoted("1. <b>&amp;"), "\"1#46; #60;b#62;#38;amp#59;\"");
        assert_eq!(quoted("- x-y"), "\"#45; x-y\"");
        assert_eq!(quoted("a\\n"), "\"a#92;#8203;n\"");
        assert_eq!(quoted("conv1.weight [3,3]"), "\"conv1#46;weight [3,3]\"");
    }

    #[test]
    fn kinds_are_in_the_order_of_their_numbers() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }
}
