//! The order of execution: every value is written before it is read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::build::Resolved;
use crate::error::{Error, Quoted};
use crate::stop;

/// Sorts nodes topologically; those that are in order already keep their places.
pub(super) fn sort(nodes: Vec<Resolved>, names: &[String]) -> Result<Vec<Resolved>, Error> {
    let mut writer = vec![None; names.len()];
    for (index, node) in nodes.iter().enumerate() {
        for id in node.outputs.iter().flatten() {
            writer[*id] = Some(index);
        }
    }
    let mut waiting = vec![0usize; nodes.len()];
    let mut readers = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for writer in node.inputs.iter().flatten().filter_map(|id| writer[*id]) {
            waiting[index] += 1;
            readers[writer].push(index);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..nodes.len())
        .filter(|&index| waiting[index] == 0)
        .map(Reverse)
        .collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        stop::check_node(order.len())?;
        order.push(index);
        for &reader in &readers[index] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    if let Some(index) = (0..nodes.len()).find(|&index| waiting[index] > 0) {
        let node = &nodes[index];
        let waits = |id: &&usize| writer[**id].is_some_and(|writer| waiting[writer] > 0);
        let read = node.inputs.iter().flatten().find(waits);
        return Err(Error::Invalid(format!(
            "{} reads {}, which is not defined before it: it is in, or behind, a cycle of nodes that wait for one another",
            node.call.name,
            Quoted(read.map_or("", |id| &names[*id]))
        )));
    }
    let mut nodes: Vec<Option<Resolved>> = nodes.into_iter().map(Some).collect();
    Ok(order
        .into_iter()
        .filter_map(|index| nodes[index].take())
        .collect())
}
