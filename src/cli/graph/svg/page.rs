//! What is put on the picture: boxes, texts, edges, frames.

use super::super::layout::{Point, Route};
use super::style::{self, ADVANCE, HEAD, SMALL};
use super::xml::{escaped, number};
use crate::cli::cells::cells;

/// The parts of the picture, the later ones above the earlier ones.
#[derive(Default)]
pub(super) struct Page {
    frames: String,
    edges: String,
    boxes: String,
    labels: String,
}

/// A text on a box.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) is_head: bool,
}

impl Line {
    pub(super) fn size(&self) -> f64 {
        match self.is_head {
            true => HEAD,
            false => SMALL,
        }
    }

    pub(super) fn width(&self) -> f64 {
        width(&self.text, self.size())
    }

    /// The height that it takes.
    pub(super) fn height(&self) -> f64 {
        self.size() + 3.0
    }
}

/// A box, or a part of one.
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// The radii of the corners above and below.
    pub(super) round: [f64; 2],
    pub(super) class: &'static str,
    pub(super) focus: bool,
}

/// How wide a text is.
pub(super) fn width(text: &str, size: f64) -> f64 {
    cells(text) as f64 * ADVANCE * size
}

/// Where the line of letters is, from the top of their line on.
const BASELINE: f64 = 0.95;

impl Page {
    /// A frame around a graph in a node.
    pub(super) fn frame(&mut self, left: f64, top: f64, size: (f64, f64), title: &str) {
        let [x, y, width, height] = [left, top, size.0, size.1].map(number);
        self.frames += &format!(
            "<rect class=\"frame\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n"
        );
        let line = Line {
            text: title.to_string(),
            is_head: false,
        };
        self.frames += &text(left + super::FRAME, top + 8.0, &line, "");
    }

    /// A part of a box, with its texts in the middle and all that is to know of it as tooltip.
    pub(super) fn area(&mut self, area: &Area, lines: &[Line], tooltip: &str) {
        let focus = match area.focus {
            true => " focus",
            false => "",
        };
        self.boxes += &format!(
            "<g><title>{}</title>\n<path class=\"box {}{focus}\" d=\"{}\"/>\n",
            escaped(tooltip),
            area.class,
            area.path()
        );
        let used: f64 = lines.iter().map(Line::height).sum();
        let mut top = area.top + (area.height - used) / 2.0;
        for line in lines {
            let left = area.left + (area.width - line.width()) / 2.0;
            self.boxes += &text(left, top, line, "");
            top += line.height();
        }
        self.boxes += "</g>\n";
    }

    /// The text of a value.
    pub(super) fn label(&mut self, place: Point, line: &Line) {
        self.labels += &text(place.x, place.y, line, " class=\"label\"");
    }

    /// The edges of a value.
    pub(super) fn route(&mut self, route: &Route, inner: bool, tooltip: &str) {
        let class = match inner {
            true => "inner",
            false => "edge",
        };
        let mut path = String::new();
        for line in &route.lines {
            // What leads into an arrow ends within it.
            let last = line.last().filter(|last| route.arrows.contains(last));
            let short = match last {
                Some(_) => ARROW - 1.0,
                None => 0.0,
            };
            path += &drawn(line, short);
        }
        let arrows: String = route.arrows.iter().map(arrow).collect();
        let title = escaped(tooltip);
        self.edges +=
            &format!("<g><title>{title}</title>\n<path class=\"{class}\" d=\"{path}\"/>\n");
        if !arrows.is_empty() {
            self.edges += &format!("<path class=\"arrow\" d=\"{arrows}\"/>\n");
        }
        self.edges += "</g>\n";
    }

    pub(super) fn finish(self, width: f64, height: f64, head: &str) -> String {
        let [width, height] = [width, height].map(|length| number(length.ceil()));
        let (sheet, title) = (style::sheet(), escaped(head));
        let Page {
            frames,
            edges,
            boxes,
            labels,
        } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{title}</title>\n<style>\n{sheet}</style>\n\
             <rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"10\"/>\n\
             <g id=\"frames\">\n{frames}</g>\n<g id=\"edges\">\n{edges}</g>\n<g id=\"boxes\">\n{boxes}</g>\n\
             <g id=\"labels\">\n{labels}</g>\n</svg>\n"
        )
    }
}

impl Area {
    /// The outline.
    fn path(&self) -> String {
        let (left, right) = (self.left, self.left + self.width);
        let (top, bottom) = (self.top, self.top + self.height);
        let [above, below] = self.round;
        let at = |x: f64, y: f64| format!("{} {}", number(x), number(y));
        let mut path = format!("M{}H{}", at(left + above, top), number(right - above));
        let corner = |radius: f64, x: f64, y: f64| match radius > 0.0 {
            true => format!("A{0} {0} 0 0 1 {1}", number(radius), at(x, y)),
            false => String::new(),
        };
        path += &corner(above, right, top + above);
        path += &format!("V{}", number(bottom - below));
        path += &corner(below, right - below, bottom);
        path += &format!("H{}", number(left + below));
        path += &corner(below, left, bottom - below);
        path += &format!("V{}", number(top + above));
        path += &corner(above, left + above, top);
        path + "Z"
    }
}

fn text(left: f64, top: f64, line: &Line, class: &str) -> String {
    let class = match line.is_head {
        true => " class=\"head\"",
        false => class,
    };
    format!(
        "<text{class} x=\"{}\" y=\"{}\">{}</text>\n",
        number(left),
        number(top + BASELINE * line.size()),
        escaped(&line.text)
    )
}

/// The length of an arrow, and half its width.
const ARROW: f64 = 7.0;
const ARROW_HALF: f64 = 3.2;

/// A line through points, shortened at its end.
fn drawn(line: &[Point], short: f64) -> String {
    let mut points = line.iter().copied();
    let Some(mut at) = points.next() else {
        return String::new();
    };
    let mut path = format!("M{} {}", number(at.x), number(at.y));
    let count = line.len();
    for (index, mut next) in points.enumerate() {
        // A bend ends before the arrow, so that the line goes straight into it.
        let tail = match index + 2 == count {
            true => short,
            false => 0.0,
        };
        next.y -= tail;
        if (next.x - at.x).abs() < 0.05 {
            path += &format!("V{}", number(next.y));
        } else {
            let middle = number((at.y + next.y) / 2.0);
            let [x0, x1, y1] = [at.x, next.x, next.y].map(number);
            path += &format!("C{x0} {middle} {x1} {middle} {x1} {y1}");
        }
        at = next;
    }
    path
}

/// An arrow that points down at a place.
fn arrow(at: &Point) -> String {
    let [left, right, x] = [at.x - ARROW_HALF, at.x + ARROW_HALF, at.x].map(number);
    let (top, tip) = (number(at.y - ARROW), number(at.y - 0.6));
    format!("M{left} {top}H{right}L{x} {tip}Z")
}
