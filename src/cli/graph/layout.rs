//! Where things are in a picture: boxes in layers, edges from layer to layer, nothing on top of another.
//!
//! The steps are those of Sugiyama, Tagawa and Toda: a layer for each box, an order in each layer so that few
//! edges cross, a place for each box so that edges are straight (Brandes and Köpf). No step recurses, and the
//! work of each is bounded.

mod layers;
mod order;
mod place;
mod routes;

use self::layers::Layered;
pub(super) use self::routes::{Point, Route};

/// How large a box is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Size {
    /// That of a point.
    const NONE: Size = Size {
        width: 0.0,
        height: 0.0,
    };
}

/// A value: the box that gives it, the boxes that read it, each once and behind that one, and how large its text
/// is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chain {
    pub(super) from: usize,
    pub(super) to: Vec<usize>,
    pub(super) label: Option<Size>,
}

/// Where everything is. The places of boxes and labels are those of their left upper corners.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) size: Size,
    pub(super) boxes: Vec<Point>,
    /// The label of each chain that has one.
    pub(super) labels: Vec<Option<Point>>,
    /// The lines of each chain.
    pub(super) routes: Vec<Route>,
}

/// The most edges from one layer to the next, so that time and memory are bounded.
const MOST_EDGES: usize = 200_000;

/// Lays out boxes.
///
/// # Errors
/// How many edges there would be from one layer to the next, if there are too many.
pub(super) fn layout(boxes: &[Size], chains: &[Chain]) -> Result<Layout, String> {
    let ranks = layers::ranks(boxes.len(), chains);
    let edges = layers::edges(&ranks, chains);
    if edges > MOST_EDGES {
        return Err(format!(
            "edges would take {edges} steps from layer to layer, the most are {MOST_EDGES}"
        ));
    }
    let mut layered = Layered::new(boxes, chains, &ranks);
    order::order(&mut layered);
    let centers = place::place(&layered);
    Ok(routes::routes(&layered, &centers, boxes, chains))
}
