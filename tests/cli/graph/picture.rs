//! A reader of pictures, which checks where everything is: by numbers, and by the pixels that come of them.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::roxmltree::{Document, Node};
use resvg::usvg::{Options, Tree};

/// An upright rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    left: f32,
    top: f32,
    right: f32,
    bottom: f32,
}

pub(crate) struct Picture {
    page: Rect,
    pub(crate) boxes: Vec<Rect>,
    /// The texts on boxes, each with the number of its box.
    texts: Vec<(usize, Rect)>,
    /// The texts beside boxes.
    labels: Vec<Rect>,
    /// The tips of arrows.
    pub(crate) arrows: Vec<(f32, f32)>,
    /// Where lines start and end.
    ends: Vec<(f32, f32)>,
}

/// The width of a letter, in parts of the size of the font.
const ADVANCE: f32 = 0.602;
/// How far letters reach above their line and below it, likewise.
const ASCENT: f32 = 0.76;
const DESCENT: f32 = 0.24;

impl Rect {
    fn overlaps(&self, other: &Rect) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn holds(&self, other: &Rect) -> bool {
        self.left <= other.left
            && other.right <= self.right
            && self.top <= other.top
            && other.bottom <= self.bottom
    }

    fn shrunk(&self, by: f32) -> Rect {
        Rect {
            left: self.left + by,
            top: self.top + by,
            right: self.right - by,
            bottom: self.bottom - by,
        }
    }

    /// The rectangle around the points of a path.
    fn around(points: &[(f32, f32)]) -> Rect {
        let start = Rect {
            left: f32::INFINITY,
            top: f32::INFINITY,
            right: f32::NEG_INFINITY,
            bottom: f32::NEG_INFINITY,
        };
        points.iter().fold(start, |rect, (x, y)| Rect {
            left: rect.left.min(*x),
            top: rect.top.min(*y),
            right: rect.right.max(*x),
            bottom: rect.bottom.max(*y),
        })
    }
}

impl Picture {
    pub(crate) fn parse(svg: &str) -> Result<Picture, String> {
        let document = Document::parse(svg).map_err(|error| error.to_string())?;
        let root = document.root_element();
        let group = |id: &str| {
            let found = root
                .children()
                .find(|node| node.attribute("id") == Some(id));
            found.ok_or_else(|| format!("there is no group {id}"))
        };
        let mut picture = Picture {
            page: Rect {
                left: 0.0,
                top: 0.0,
                right: number(root, "width")?,
                bottom: number(root, "height")?,
            },
            boxes: Vec::new(),
            texts: Vec::new(),
            labels: Vec::new(),
            arrows: Vec::new(),
            ends: Vec::new(),
        };
        for part in group("boxes")?.children().filter(Node::is_element) {
            let path = part.children().find(|node| node.has_tag_name("path"));
            let points = points(path.ok_or("a box without outline")?)?;
            picture.boxes.push(Rect::around(&points.concat()));
            if part.children().all(|node| !node.has_tag_name("title")) {
                return Err("a box without title".to_string());
            }
            for text in part.children().filter(|node| node.has_tag_name("text")) {
                picture
                    .texts
                    .push((picture.boxes.len() - 1, text_rect(text)?));
            }
        }
        for id in ["labels", "frames"] {
            for text in group(id)?
                .children()
                .filter(|node| node.has_tag_name("text"))
            {
                picture.labels.push(text_rect(text)?);
            }
        }
        for path in group("edges")?
            .descendants()
            .filter(|node| node.has_tag_name("path"))
        {
            for line in points(path)? {
                match path.attribute("class") {
                    Some("arrow") => {
                        let tip = line
                            .iter()
                            .copied()
                            .max_by(|left, right| left.1.total_cmp(&right.1));
                        picture.arrows.push(tip.ok_or("an arrow without tip")?);
                    }
                    _ => {
                        picture.ends.extend(line.first());
                        picture.ends.extend(line.last());
                    }
                }
            }
        }
        Ok(picture)
    }

    /// How many boxes stand right below another one.
    pub(crate) fn joints(&self) -> usize {
        let joined = |(at, rect): &(usize, &Rect)| {
            let above = at.checked_sub(1).map(|above| &self.boxes[above]);
            above.is_some_and(|above| {
                (above.bottom - rect.top).abs() < 0.2 && (above.left - rect.left).abs() < 0.2
            })
        };
        self.boxes.iter().enumerate().filter(joined).count()
    }

    /// Checks that texts are in their boxes, all is on the page, and nothing is on something else.
    pub(crate) fn check_places(&self) -> Result<(), String> {
        for (number, text) in &self.texts {
            if !self.boxes[*number].shrunk(1.0).holds(text) {
                return Err(format!(
                    "{text:?} is not in its box {:?}",
                    self.boxes[*number]
                ));
            }
        }
        let texts: Vec<Rect> = self.texts.iter().map(|(_, rect)| *rect).collect();
        apart(&texts)?;
        // Neighbours in a stack share a border.
        let boxes: Vec<Rect> = self.boxes.iter().map(|rect| rect.shrunk(0.5)).collect();
        let all: Vec<Rect> = boxes.iter().chain(&self.labels).copied().collect();
        apart(&all)?;
        let page = self.page.shrunk(1.0);
        if let Some(rect) = all.iter().find(|rect| !page.holds(rect)) {
            return Err(format!("{rect:?} is not on the page {page:?}"));
        }
        if self.boxes.is_empty() {
            return Err("nothing is drawn".to_string());
        }
        // Arrows lead to the upper sides of boxes.
        let mut tops: Vec<&Rect> = self.boxes.iter().collect();
        tops.sort_by(|left, right| left.top.total_cmp(&right.top));
        for (x, y) in &self.arrows {
            let first = tops.partition_point(|rect| rect.top < y - 1.0);
            let mut near = tops[first..].iter().take_while(|rect| rect.top <= y + 1.5);
            if !near.any(|rect| rect.left < *x && *x < rect.right) {
                return Err(format!("the arrow at {x} {y} touches no box"));
            }
        }
        let inside = |(x, y): &&(f32, f32)| {
            self.page.left <= *x
                && *x <= self.page.right
                && self.page.top <= *y
                && *y <= self.page.bottom
        };
        match self.ends.iter().all(|end| inside(&end)) {
            true => Ok(()),
            false => Err("a line leaves the page".to_string()),
        }
    }

    /// Checks that the pixels of edges are neither on boxes nor on texts, nor at the border of the page.
    pub(crate) fn check_pixels(&self, svg: &str) -> Result<(), String> {
        let between = |start: &str, end: &str| {
            let (_, rest) = svg.split_once(start)?;
            Some(rest.split_once(end)?.0)
        };
        let head = svg.split_once("<rect class=\"page\"").ok_or("no page")?.0;
        let lines = between("<g id=\"edges\">\n", "<g id=\"boxes\">").ok_or("no edges")?;
        let edges = render(&format!("{head}<g>\n{lines}</svg>"))?;
        let boxes = self.boxes.iter().map(|rect| rect.shrunk(2.0));
        let solid: String = boxes
            .chain(self.labels.iter().copied())
            .map(|rect| {
                let (width, height) = (rect.right - rect.left, rect.bottom - rect.top);
                format!(
                    "<rect x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\"/>",
                    rect.left, rect.top
                )
            })
            .collect();
        let solid = render(&format!("{head}{solid}</svg>"))?;
        let width = edges.width() as usize;
        let mut drawn = 0;
        for (at, (edge, solid)) in edges.pixels().iter().zip(solid.pixels()).enumerate() {
            let (x, y) = (at % width, at / width);
            if edge.alpha() > 100 {
                drawn += 1;
                if solid.alpha() > 100 {
                    return Err(format!("an edge is on something else at {x} {y}"));
                }
                if x < 2 || y < 2 || x + 3 > width || y + 3 > edges.height() as usize {
                    return Err(format!("an edge leaves the page at {x} {y}"));
                }
            }
        }
        match drawn > 0 || self.arrows.is_empty() {
            true => Ok(()),
            false => Err("no edge can be seen".to_string()),
        }
    }
}

/// Checks that no two of these overlap.
fn apart(rects: &[Rect]) -> Result<(), String> {
    let mut sorted = rects.to_vec();
    sorted.sort_by(|left, right| left.top.total_cmp(&right.top));
    for (at, rect) in sorted.iter().enumerate() {
        let below = sorted[at + 1..]
            .iter()
            .take_while(|other| other.top < rect.bottom);
        if let Some(other) = below.into_iter().find(|other| rect.overlaps(other)) {
            return Err(format!("{rect:?} and {other:?} overlap"));
        }
    }
    Ok(())
}

fn number(node: Node, name: &str) -> Result<f32, String> {
    let text = node
        .attribute(name)
        .ok_or_else(|| format!("{name} is missing"))?;
    text.parse().map_err(|_| format!("{name} is {text}"))
}

/// What a text covers.
fn text_rect(node: Node) -> Result<Rect, String> {
    let size = match node.attribute("class") {
        Some("head") => 12.0,
        _ => 10.0,
    };
    let text = node.text().unwrap_or_default();
    let letters = text.chars().map(|letter| match letter as u32 {
        0x2e80..=0x9fff | 0x1f300..=0x1faff => 2.0,
        _ => 1.0,
    });
    let (left, line) = (number(node, "x")?, number(node, "y")?);
    Ok(Rect {
        left,
        top: line - ASCENT * size,
        right: left + letters.sum::<f32>() * ADVANCE * size,
        bottom: line + DESCENT * size,
    })
}

/// The points of the parts of a path, those that steer curves too: no curve leaves them.
fn points(node: Node) -> Result<Vec<Vec<(f32, f32)>>, String> {
    let path = node.attribute("d").ok_or("a path without points")?;
    let mut parts: Vec<Vec<(f32, f32)>> = Vec::new();
    let mut at = (0.0, 0.0);
    let mut rest = path;
    while let Some(command) = rest.chars().next() {
        let end = rest[1..]
            .find(|other: char| other.is_ascii_alphabetic())
            .map_or(rest.len(), |end| end + 1);
        let numbers: Result<Vec<f32>, _> =
            rest[1..end].split_whitespace().map(str::parse).collect();
        let numbers = numbers.map_err(|_| format!("no numbers: {rest}"))?;
        let passed: Vec<(f32, f32)> = match (command, numbers.as_slice()) {
            ('M', [x, y]) => {
                parts.push(Vec::new());
                vec![(*x, *y)]
            }
            ('L', [x, y]) | ('A', [_, _, _, _, _, x, y]) => vec![(*x, *y)],
            ('H', [x]) => vec![(*x, at.1)],
            ('V', [y]) => vec![(at.0, *y)],
            ('C', [a, b, c, d, x, y]) => vec![(*a, *b), (*c, *d), (*x, *y)],
            ('Z', []) => Vec::new(),
            _ => return Err(format!("no command: {rest}")),
        };
        at = passed.last().copied().unwrap_or(at);
        parts
            .last_mut()
            .ok_or("a path without start")?
            .extend(passed);
        rest = &rest[end..];
    }
    Ok(parts)
}

fn render(svg: &str) -> Result<Pixmap, String> {
    let tree = Tree::from_str(svg, &Options::default()).map_err(|error| error.to_string())?;
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or("the picture is too large")?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    Ok(pixels)
}
