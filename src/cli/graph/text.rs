//! The drawing for a terminal: a line an item, and beside it rails along which values flow.

mod rails;

use self::rails::{Rails, Style};
use super::drawing::{Content, Drawing, Graph, Item};
use super::label::{Label, title};
use crate::cli::cells::{cells, end, start};
use crate::cli::locale::is_ascii;

/// How the drawing is written.
pub(super) struct Look {
    /// The most cells of a line.
    pub(super) width: Option<usize>,
    /// Whether only ASCII can be shown.
    pub(super) ascii: bool,
    /// Whether the types and shapes of values are written.
    pub(super) shapes: bool,
}

impl Look {
    /// As a file has it.
    pub(super) fn of_file(shapes: bool) -> Look {
        Look {
            width: None,
            ascii: false,
            shapes,
        }
    }

    /// As the terminal wants it.
    pub(super) fn of_terminal(width: Option<usize>, shapes: bool) -> Look {
        Look {
            width,
            ascii: is_ascii(),
            shapes,
        }
    }
}

/// The fewest cells of a column that gives way where lines are too long, and the most where there is room.
const LEAST: usize = 8;
const MOST: usize = 64;
const GAP: &str = "  ";
const COLUMNS: usize = 5;
/// Numbers of nodes stand at the right of their column.
const NUMBER: usize = 0;
const NAME: usize = 2;
/// The columns that give way.
const SOFT: [usize; 2] = [NAME, 3];

/// A line: its rails, and its columns if it is that of an item.
struct Line {
    rails: String,
    columns: Option<[String; COLUMNS]>,
}

pub(super) fn write(drawing: &Drawing, head: &str, look: &Look) -> String {
    let style = match look.ascii {
        true => &Style::ASCII,
        false => &Style::UNICODE,
    };
    let mut text = format!("{}\n", cut(head, look));
    for graph in &drawing.graphs {
        text += "\n";
        if let Some(title) = title(graph) {
            text += &format!("{}\n", cut(&title, look));
        }
        text += &aligned(&lines(graph, style, look.shapes), look);
    }
    match look.ascii {
        // What names hold stays as it is, as in all messages.
        true => text.replace('…', "~"),
        false => text,
    }
}

fn cut(text: &str, look: &Look) -> String {
    look.width
        .map_or_else(|| text.to_string(), |width| start(text, width))
}

fn lines(graph: &Graph, style: &Style, shapes: bool) -> Vec<Line> {
    let mut rails = Rails::new(graph);
    let mut lines = Vec::new();
    for (at, item) in graph.items.iter().enumerate() {
        for row in rails.item(at) {
            let columns = row.is_item().then(|| columns(graph, item, shapes));
            lines.push(Line {
                rails: row.drawn(style, mark(item, style)),
                columns,
            });
        }
    }
    lines
}

/// The sign of an item on its rail.
fn mark(item: &Item, style: &Style) -> char {
    match &item.content {
        _ if item.focus => style.focus,
        Content::Node(_) => style.node,
        Content::Input(_) | Content::Captured(_) | Content::Constant(_) => style.input,
        Content::Output(_) => style.output,
        Content::Cut(_) => style.cut,
    }
}

fn columns(graph: &Graph, item: &Item, shapes: bool) -> [String; COLUMNS] {
    let label = Label::of(graph, item);
    let operators = label.operators();
    let (number, values) = match &item.content {
        Content::Node(node) => (
            node.index.to_string(),
            node.info.writes.iter().flatten().copied().collect(),
        ),
        Content::Input(value)
        | Content::Captured(value)
        | Content::Constant(value)
        | Content::Output(value)
        | Content::Cut(value) => (String::new(), vec![*value]),
    };
    let shown = values
        .into_iter()
        .map(|value: usize| graph.shape(value).unwrap_or_else(|| "?".to_string()));
    let mut attributes = label.attributes;
    if shapes && !label.constants.is_empty() {
        attributes.push(format!("({})", label.constants.join(" ")));
    }
    [
        number,
        operators,
        label.name,
        attributes.join(" "),
        match shapes {
            true => shown.collect::<Vec<_>>().join(" "),
            false => String::new(),
        },
    ]
}

/// The lines with their columns below one another, in the width that there is.
fn aligned(lines: &[Line], look: &Look) -> String {
    let mut widths = [0; COLUMNS];
    let mut rails = lines
        .iter()
        .map(|line| cells(&line.rails))
        .max()
        .unwrap_or(0);
    for columns in lines.iter().filter_map(|line| line.columns.as_ref()) {
        for (width, column) in widths.iter_mut().zip(columns) {
            *width = cells(column).max(*width);
        }
    }
    for column in SOFT {
        widths[column] = widths[column].min(MOST);
    }
    if let Some(width) = look.width {
        rails = rails.min(width / 2);
        let used = widths.iter().filter(|width| **width > 0);
        let total = rails + used.map(|width| width + GAP.len()).sum::<usize>();
        let mut excess = total.saturating_sub(width);
        // The widest gives way first.
        while excess > 0 {
            let soft = SOFT.into_iter().filter(|column| widths[*column] > LEAST);
            let Some(widest) = soft.max_by_key(|column| widths[*column]) else {
                break;
            };
            widths[widest] -= 1;
            excess -= 1;
        }
    }
    let mut text = String::new();
    for line in lines {
        let mut written = padded(&start(&line.rails, rails), rails);
        for (at, column) in line.columns.iter().flatten().enumerate() {
            let width = widths[at];
            if width == 0 {
                continue;
            }
            written += GAP;
            written += &match at {
                NUMBER => format!("{column:>width$}"),
                NAME => padded(&end(column, width), width),
                _ => padded(&start(column, width), width),
            };
        }
        text += &format!("{}\n", cut(written.trim_end(), look));
    }
    text
}

fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(cells(text));
    format!("{text}{}", " ".repeat(missing))
}
