//! Work on elements, done by the node that computes them.

use std::sync::Arc;

use super::{Known, Program};
use crate::graph::{Graph, Node, ValueId};
use crate::ops::Follow;
use crate::stop;

/// Lets nodes absorb those that alone read what they compute.
pub(super) fn fuse(program: &mut Program, graph: &Graph, known: &Known<'_>) {
    let mut readers = readers(program, graph);
    let mut nodes: Vec<Option<Node>> = program.nodes.drain(..).map(Some).collect();
    for at in 0..nodes.len() {
        // Who loads looks again.
        if stop::check_node(at).is_err() {
            break;
        }
        let mut at = at;
        while let Some(next) = absorbed(program, known, &nodes, at, &readers) {
            let (mut node, reader) = next;
            if let Some(before) = &mut nodes[at] {
                node.absorbed = std::mem::take(&mut before.absorbed);
            }
            if let Some(next) = &mut nodes[reader] {
                node.absorbed.push(next.name.clone());
                node.absorbed.append(&mut next.absorbed);
            }
            for id in nodes[at].iter().flat_map(|node| &node.outputs).flatten() {
                readers[*id] = Readers::None;
            }
            // What it reads besides is known there, and what it computes is read behind.
            nodes[at] = None;
            nodes[reader] = Some(node);
            at = reader;
        }
    }
    program.nodes = nodes.into_iter().flatten().collect();
}

/// The most inputs of a node that another absorbs. Longer lists are not looked at, as often as there are nodes before them.
const MOST_INPUTS: usize = 8;

/// What reads a value.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Readers {
    None,
    /// The node of that number alone, once.
    One(usize),
    Many,
}

pub(super) fn readers(program: &Program, graph: &Graph) -> Vec<Readers> {
    let mut readers = vec![Readers::None; program.constants.len()];
    for (at, node) in program.nodes.iter().enumerate() {
        for id in node.inputs.iter().flatten() {
            readers[*id] = match readers[*id] {
                Readers::None => Readers::One(at),
                _ => Readers::Many,
            };
        }
    }
    for (id, _) in &graph.outputs {
        readers[*id] = Readers::Many;
    }
    readers
}

/// The node `at` with what the only reader of its output does, and which that is.
fn absorbed(
    program: &mut Program,
    known: &Known<'_>,
    nodes: &[Option<Node>],
    at: usize,
    readers: &[Readers],
) -> Option<(Node, usize)> {
    let node = nodes[at].as_ref()?;
    if !node.operator.absorbs() {
        return None;
    }
    let outputs: Vec<ValueId> = node.outputs.iter().copied().flatten().collect();
    let [output] = outputs[..] else { return None };
    let Readers::One(reader) = readers[output] else {
        return None;
    };
    let next = nodes[reader].as_ref()?;
    if next.inputs.len() > MOST_INPUTS {
        return None;
    }
    let wanted = |id: &&Option<ValueId>| id.is_some_and(|id| readers[id] != Readers::None);
    let result = next.outputs.first().copied().flatten()?;
    if next.outputs.iter().skip(1).any(|id| wanted(&id)) {
        return None;
    }
    let index = next.inputs.iter().position(|id| *id == Some(output))?;
    let (own, others) = (known.of(program, node), known.of(program, next));
    let follow = next.operator.follow(index, &others)?;
    let added = match follow {
        Follow::Plus(other) => next.inputs[other],
        _ => None,
    };
    let absorbed = node.operator.absorb(follow, &own)?;
    let constants = absorbed.constants.iter();
    if !program.add(constants.map(|(_, tensor)| tensor.bytes()).sum()) {
        return None;
    }
    let mut inputs = node.inputs.clone();
    for (index, tensor) in absorbed.constants {
        inputs.resize(inputs.len().max(index + 1), None);
        let before = inputs[index].replace(program.constants.len());
        program.constants.push(Some(Arc::new(tensor)));
        // What rewriting has made, this node alone reads.
        if let Some(id) = before
            && matches!(readers.get(id), None | Some(Readers::One(_)))
        {
            program.release(id);
        }
    }
    if let (Some(index), Some(added)) = (absorbed.plus, added) {
        inputs.resize(inputs.len().max(index + 1), None);
        inputs[index] = Some(added);
    }
    Some((
        Node {
            name: node.name.clone(),
            operator: absorbed.operator,
            own: inputs.len(),
            inputs,
            outputs: vec![Some(result)],
            exact: node.exact && next.exact,
            attributes: node.attributes.clone(),
            absorbed: Vec::new(),
        },
        reader,
    ))
}
