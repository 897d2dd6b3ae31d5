//! The drawing as a picture.

mod cards;
mod page;
mod style;
mod xml;

use self::cards::Cards;
use self::page::Page;
use self::style::SMALL;
use super::drawing::Drawing;
use super::label::title;
use super::layout::{Size, layout};
use crate::cli::cells::start;

/// The space around the graphs, and between one and the next.
const MARGIN: f64 = 16.0;
/// The space between the frame of a graph in a node and what is in it, and that for its title.
const FRAME: f64 = 14.0;
const TITLE: f64 = 22.0;
/// The most cells of a title.
const MOST_CELLS: usize = 80;

/// The picture, which calls itself `head`.
///
/// # Errors
/// Why it would be too large.
pub(super) fn write(drawing: &Drawing, head: &str, shapes: bool) -> Result<String, String> {
    let mut page = Page::default();
    let mut shelf = Shelf::default();
    for graph in &drawing.graphs {
        let cards = Cards::of(graph, shapes);
        let placed = layout(&cards.sizes(), &cards.chains)?;
        let Size { width, height } = placed.size;
        match title(graph) {
            None => {
                let (left, top) = shelf.next(width, height);
                cards.draw(&mut page, &placed, left, top);
            }
            Some(title) => {
                let title = start(&title, MOST_CELLS);
                let inner = width.max(page::width(&title, SMALL));
                let framed = (inner + 2.0 * FRAME, height + 2.0 * FRAME + TITLE);
                let (left, top) = shelf.next(framed.0, framed.1);
                page.frame(left, top, framed, &title);
                let indent = (framed.0 - width) / 2.0;
                cards.draw(&mut page, &placed, left + indent, top + TITLE + FRAME);
            }
        }
    }
    let (width, height) = shelf.size();
    Ok(page.finish(width, height, head))
}

/// Where graphs go: beside one another, in rows that are about as wide as a page or the widest graph.
#[derive(Default)]
struct Shelf {
    left: f64,
    top: f64,
    /// The height of the row so far.
    height: f64,
    widest: f64,
}

/// The width of a row that is not too wide.
const ROW: f64 = 900.0;

impl Shelf {
    /// The left upper corner of the next graph.
    fn next(&mut self, width: f64, height: f64) -> (f64, f64) {
        let fits = self.left + MARGIN + width <= self.widest.max(ROW);
        if self.left > 0.0 && !fits {
            self.top += self.height + MARGIN;
            (self.left, self.height) = (0.0, 0.0);
        }
        let corner = (self.left + MARGIN, self.top + MARGIN);
        self.left += width + MARGIN;
        self.height = self.height.max(height);
        self.widest = self.widest.max(self.left);
        corner
    }

    /// The size of the page.
    fn size(&self) -> (f64, f64) {
        (self.widest + MARGIN, self.top + self.height + 2.0 * MARGIN)
    }
}
