//! Nodes that take long, each in its way, with inputs that are cut from a few large buffers.

mod elements;
mod graphs;
mod kernels;
mod places;
mod slabs;

use bytes::Bytes;
use half::f16;
use linn::{Element, Tensor, TensorView};
use ndarray::{ArrayViewD, IxDyn};

use crate::support::model::{Build, OneNode, value_info};

/// Elements of the buffers of floats: 256 MiB.
pub(super) const ALL: usize = 64 << 20;
/// The side of a square of as many.
pub(super) const SIDE: usize = 8192;

/// A model of one node, and its inputs.
pub(super) struct Row<'a> {
    pub(super) name: String,
    pub(super) bytes: Bytes,
    pub(super) inputs: Vec<Input<'a>>,
}

/// A part of a buffer, or a small tensor.
pub(super) enum Input<'a> {
    Lent(TensorView<'a>),
    Own(Tensor),
}

impl Input<'_> {
    pub(super) fn view(&self) -> TensorView<'_> {
        match self {
            Input::Lent(view) => view.clone(),
            Input::Own(tensor) => tensor.as_view(),
        }
    }
}

/// What inputs are cut from.
pub(super) struct Buffers {
    /// From -1 to below 1.
    floats: Vec<f32>,
    halves: Vec<f16>,
    bytes: Vec<u8>,
    /// From 0 to 1023.
    indices: Vec<i64>,
    truths: Vec<bool>,
    /// Decimal numbers.
    texts: Vec<String>,
}

/// Bits that look random.
fn bits(at: usize) -> u32 {
    let bits = (at as u32).wrapping_mul(0x9e37_79b9);
    (bits ^ (bits >> 15)).wrapping_mul(0x85eb_ca6b)
}

impl Buffers {
    pub(super) fn new() -> Buffers {
        let float = |at| (bits(at) >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let few: Vec<f16> = (0..1 << 16).map(|at| f16::from_f32(float(at))).collect();
        Buffers {
            floats: (0..ALL).map(float).collect(),
            halves: (0..ALL).map(|at| few[at % few.len()]).collect(),
            bytes: (0..ALL).map(|at| (bits(at) >> 24) as u8).collect(),
            indices: (0..ALL / 2).map(|at| i64::from(bits(at) >> 22)).collect(),
            truths: (0..2 * ALL).map(|at| bits(at) >> 31 == 1).collect(),
            texts: (0..4 << 20)
                .map(|at| (at % 1_000_003).to_string())
                .collect(),
        }
    }

    fn f32(&self, dims: &[usize]) -> Input<'_> {
        cut(&self.floats, dims)
    }

    fn f16(&self, dims: &[usize]) -> Input<'_> {
        cut(&self.halves, dims)
    }

    fn u8(&self, dims: &[usize]) -> Input<'_> {
        cut(&self.bytes, dims)
    }

    fn i64(&self, dims: &[usize]) -> Input<'_> {
        cut(&self.indices, dims)
    }

    fn bool(&self, dims: &[usize]) -> Input<'_> {
        cut(&self.truths, dims)
    }

    fn text(&self, dims: &[usize]) -> Input<'_> {
        cut(&self.texts, dims)
    }
}

fn cut<'a, T: Element>(buffer: &'a [T], dims: &[usize]) -> Input<'a> {
    let len = dims.iter().product();
    let view = ArrayViewD::from_shape(IxDyn(dims), &buffer[..len]);
    Input::Lent(view.expect("as long as it is").into())
}

fn own<T: Element>(dims: &[usize], values: &[T]) -> Input<'static> {
    Input::Own(Tensor::new(dims, values.to_vec()).expect("they fit"))
}

fn one<T: Element>(value: T) -> Input<'static> {
    own(&[], &[value])
}

/// A list of integers.
fn ints(values: &[i64]) -> Input<'static> {
    own(&[values.len()], values)
}

fn new(operator: &str) -> OneNode {
    OneNode::new(operator, 21)
}

fn dims_text(view: &TensorView<'_>) -> String {
    let dims: Vec<String> = view.shape().iter().map(ToString::to_string).collect();
    dims.join(",")
}

/// A row of a node whose inputs are all given by the caller.
fn row<'a>(name: &str, node: OneNode, inputs: Vec<Input<'a>>) -> Row<'a> {
    with_constants(name, node, inputs, &[])
}

/// A row of a node whose last inputs are constants.
fn with_constants<'a>(
    name: &str,
    node: OneNode,
    inputs: Vec<Input<'a>>,
    constants: &[Input<'_>],
) -> Row<'a> {
    let node = inputs.iter().fold(node, |node, input| {
        let view = input.view();
        node.input(view.dtype(), &dims_text(&view))
    });
    let node = constants.iter().fold(node, |node, constant| {
        node.constant(&constant.view().into_tensor())
    });
    Row {
        name: name.to_string(),
        bytes: node.bytes().into(),
        inputs,
    }
}

/// A row of a model whose inputs are in order.
fn whole<'a>(name: &str, mut build: Build, inputs: Vec<(&str, Input<'a>)>) -> Row<'a> {
    for (name, input) in &inputs {
        let view = input.view();
        let info = value_info(name, view.dtype(), Some(&dims_text(&view)));
        build.graph().input.push(info);
    }
    Row {
        name: name.to_string(),
        bytes: build.bytes().into(),
        inputs: inputs.into_iter().map(|(_, input)| input).collect(),
    }
}

pub(super) fn all(buffers: &Buffers) -> Vec<Row<'_>> {
    let parts = [
        elements::all(buffers),
        slabs::all(buffers),
        kernels::all(buffers),
        places::all(buffers),
        graphs::all(buffers),
    ];
    parts.into_iter().flatten().collect()
}
