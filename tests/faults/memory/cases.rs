//! The models of the test: operators with inputs large enough that what they take is not small.

mod elements;
mod graphs;
mod kernels;
mod rows;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use linn::{DType, Tensor};

use crate::support::model::{Build, OneNode};
use crate::support::{numbers, tensor};

/// A model and its inputs.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
    /// Where it is loaded from, if not from memory.
    pub(crate) path: Option<PathBuf>,
    pub(crate) external_data: BTreeMap<String, Bytes>,
    pub(crate) inputs: Vec<Tensor>,
}

pub(crate) fn case(name: impl Into<String>, build: &Build, inputs: Vec<Tensor>) -> Case {
    Case {
        name: name.into(),
        bytes: build.bytes().into(),
        path: None,
        external_data: BTreeMap::new(),
        inputs,
    }
}

/// A model of one node whose inputs the caller gives.
fn one(name: &str, node: OneNode, inputs: Vec<Tensor>) -> Case {
    let node = inputs.iter().fold(node, OneNode::like);
    case(name, &Build(node.model()), inputs)
}

/// A model of one node that is given `x`, and the others when it is loaded.
fn constant(name: &str, node: OneNode, x: Tensor, others: &[Tensor]) -> Case {
    let node = others.iter().fold(node.like(&x), OneNode::constant);
    case(name, &Build(node.model()), vec![x])
}

/// The same numbers in another type.
fn to(dtype: DType, x: &Tensor) -> Tensor {
    tensor(dtype, x.shape(), &numbers(x))
}

/// `0..count` times `step`, within `0..below`.
fn places(dtype: DType, dims: &[usize], step: usize, below: usize) -> Tensor {
    let count: usize = dims.iter().product();
    let values: Vec<f64> = (0..count).map(|at| (at * step % below) as f64).collect();
    tensor(dtype, dims, &values)
}

fn i64s(values: &[i64]) -> Tensor {
    Tensor::new(&[values.len()], values.to_vec()).expect("they fit")
}

fn new(operator: &str) -> OneNode {
    OneNode::new(operator, 21)
}

pub(crate) fn all() -> Vec<Case> {
    let mut all = Vec::new();
    kernels::pools(&mut all);
    kernels::convolutions(&mut all);
    kernels::products(&mut all);
    elements::pointwise(&mut all);
    elements::movers(&mut all);
    elements::choosers(&mut all);
    rows::normalizations(&mut all);
    rows::samplers(&mut all);
    graphs::subgraphs(&mut all);
    rows::recurrent(&mut all);
    graphs::loading(&mut all);
    all
}
