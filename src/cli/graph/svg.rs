//! The drawing as a picture.

mod cards;
mod page;
mod style;
mod xml;

use self::cards::Cards;
use self::page::Page;
use super::drawing::Drawing;
use super::label::title;
use super::layout::layout;

/// The space around the graphs, and between one and the next.
const MARGIN: f64 = 16.0;
/// The space between the frame of a graph in a node and what is in it, and that for its title.
const FRAME: f64 = 14.0;
const TITLE: f64 = 22.0;

/// The picture, which calls itself `head`.
///
/// # Errors
/// Why it would be too large.
pub(super) fn write(drawing: &Drawing, head: &str, shapes: bool) -> Result<String, String> {
    let mut page = Page::default();
    let (mut top, mut width) = (MARGIN, 0.0_f64);
    for graph in &drawing.graphs {
        let cards = Cards::of(graph, shapes);
        let placed = layout(&cards.sizes(), &cards.chains)?;
        match title(graph) {
            None => {
                cards.draw(&mut page, &placed, MARGIN, top);
                width = width.max(placed.size.width + 2.0 * MARGIN);
                top += placed.size.height + MARGIN;
            }
            Some(title) => {
                let inner = placed.size.width.max(page::title_width(&title));
                let framed = (
                    inner + 2.0 * FRAME,
                    placed.size.height + 2.0 * FRAME + TITLE,
                );
                page.frame(MARGIN, top, framed, &title);
                cards.draw(&mut page, &placed, MARGIN + FRAME, top + TITLE + FRAME);
                width = width.max(framed.0 + 2.0 * MARGIN);
                top += framed.1 + MARGIN;
            }
        }
    }
    Ok(page.finish(width.max(2.0 * MARGIN), top, head))
}
