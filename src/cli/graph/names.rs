//! Names for items that no language reserves: `n0`, `n1` and so on, over all graphs of a drawing.

use super::drawing::Drawing;

/// The names of the items of a graph.
pub(super) fn of(drawing: &Drawing, graph: usize) -> impl Iterator<Item = String> {
    let before = drawing.graphs[..graph]
        .iter()
        .map(|graph| graph.items.len());
    let first: usize = before.sum();
    (first..first + drawing.graphs[graph].items.len()).map(|number| format!("n{number}"))
}
