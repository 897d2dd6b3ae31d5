//! Nodes between DequantizeLinear and QuantizeLinear, done on the integers.
//!
//! Sums of products of integers are exact, where those of floats are rounded on the way: elements differ, by one, where the
//! exact number lies so near the middle between two integers that rounding errors reach it.

use std::sync::Arc;

use super::fuse::{Readers, readers};
use super::{Known, Program};
use crate::gemm::Activation;
use crate::graph::{Graph, Node, ValueId};
use crate::ops::{Fact, Follow, Operand, Way};
use crate::stop;
use crate::tensor::{DType, Tensor};

/// How far the scale of a bias may be from the product of the others, in parts of it: they are rounded.
const SCALE_ERROR: f64 = 1e-6;

/// Lets nodes read and write integers where others make floats of them, and integers of what they compute.
pub(super) fn integers(program: &mut Program, graph: &Graph, known: &Known<'_>) {
    let readers = readers(program, graph);
    let mut nodes: Vec<Option<Node>> = program.nodes.drain(..).map(Some).collect();
    let mut makers = vec![None; readers.len()];
    for (at, node) in nodes.iter().enumerate() {
        for id in node.iter().flat_map(|node| &node.outputs).flatten() {
            makers[*id] = Some(at);
        }
    }
    let mut unread = Vec::new();
    for at in 0..nodes.len() {
        // Who loads looks again.
        if stop::check_node(at).is_err() {
            break;
        }
        let chain = Chain {
            known,
            nodes: &nodes,
            readers: &readers,
            makers: &makers,
        };
        let Some((node, replaced, dequantized)) = chain.ending_at(program, at) else {
            continue;
        };
        for before in replaced {
            nodes[before] = None;
        }
        nodes[at] = Some(node);
        unread.extend(dequantized);
    }
    program.nodes = nodes.iter().flatten().cloned().collect();
    if unread.is_empty() {
        return;
    }
    // What others still read stays.
    let readers = super::fuse::readers(program, graph);
    for at in unread {
        let node: Option<&Node> = nodes[at].as_ref();
        let read = node.is_some_and(|node| {
            let mut outputs = node.outputs.iter().flatten();
            outputs.any(|id| readers[*id] != Readers::None)
        });
        if !read {
            nodes[at] = None;
        }
    }
    program.nodes = nodes.into_iter().flatten().collect();
}

/// What is known while chains of nodes are looked for.
struct Chain<'a, 'g> {
    known: &'a Known<'g>,
    nodes: &'a [Option<Node>],
    readers: &'a [Readers],
    /// What computes each value.
    makers: &'a [Option<usize>],
}

/// A node in the place of a QuantizeLinear, the nodes that it takes the place of too, and those whose outputs it does not
/// read any more.
type Replaced = (Node, Vec<usize>, Vec<usize>);

impl Chain<'_, '_> {
    /// What takes the place of the QuantizeLinear `at`, and of what leads to it.
    fn ending_at(&self, program: &mut Program, at: usize) -> Option<Replaced> {
        let last = self.nodes[at].as_ref()?;
        let scaling = last.operator.scaling(&self.known.of(program, last))?;
        let output = last.outputs.first().copied().flatten()?;
        if scaling.way != Way::Quantize || scaling.axis.is_some() {
            return None;
        }
        let dtype = self.known.fact(program, output)?.dtype;
        if !dtype.is_byte() {
            return None;
        }
        let (mut number, mut node) = self.alone(program, last, at)?;
        let mut replaced = vec![number];
        let mut activation = Activation::Identity;
        let mut absorbed = vec![last.name.clone()];
        let follow = match node.inputs.len() {
            1..=3 => node.operator.follow(0, &self.known.of(program, node)),
            _ => None,
        };
        if let Some(Follow::Activation(found)) = follow {
            if let Activation::Clip(min, max) = found
                && (min.is_nan() || max.is_nan())
            {
                return None;
            }
            self.check_order(program, last)?;
            activation = found;
            absorbed.insert(0, node.name.clone());
            (number, node) = self.alone(program, node, number)?;
            replaced.push(number);
        }
        let mut new = Node {
            absorbed,
            outputs: last.outputs.clone(),
            ..node.clone()
        };
        if node.operator.picks() {
            self.check_order(program, last)?;
            let (before, from) = self.dequantized(program, node.inputs[0]?)?;
            let [scale, zero] = [1, 2].map(|index| self.constant(program, from, index));
            let wanted = [1, 2].map(|index| self.constant(program, last, index));
            let integers = self.known.fact(program, from.inputs[0]?)?;
            let same = scale.as_ref()?.is_some()
                && [scale?, zero?] == [wanted[0].clone()?, wanted[1].clone()?];
            if activation != Activation::Identity || !same || integers.dtype != dtype {
                return None;
            }
            new.inputs[0] = from.inputs[0];
            return Some((new, replaced, vec![before]));
        }
        let mut befores = Vec::new();
        let mut operands = Vec::new();
        for id in &node.inputs {
            let (before, from) = self.dequantized(program, (*id)?)?;
            befores.push(before);
            let facts = self.known.of(program, from);
            operands.push(Operand {
                axis: from.operator.scaling(&facts)?.axis,
                integers: self.known.fact(program, from.inputs[0]?)?,
            });
        }
        let from = |index: usize| befores.get(index).and_then(|&at| self.nodes[at].as_ref());
        let on_integers = node.operator.on_integers(&operands, activation)?;
        let (x, w) = (from(0)?, from(1)?);
        if let Some(bias) = from(2) {
            self.check_bias(program, [x, w, bias], &operands[2])?;
        }
        let mut second = w.inputs[0];
        if on_integers.transposed {
            let matrix = operands[1].integers.value.as_deref()?;
            second = Some(add(program, matrix.bytes(), || transposed(matrix))?);
        }
        let [x_zero, w_zero, y_zero] = [
            self.zero_point(program, x, operands[0].integers.dtype)?,
            self.zero_point(program, w, operands[1].integers.dtype)?,
            self.zero_point(program, last, dtype)?,
        ];
        new.inputs = vec![
            x.inputs[0],
            x.inputs[1],
            x_zero,
            second,
            w.inputs[1],
            w_zero,
            last.inputs[1],
            y_zero,
        ];
        new.inputs.extend(from(2).map(|bias| bias.inputs[0]));
        new.own = new.inputs.len();
        new.operator = on_integers.operator;
        new.exact = false;
        Some((new, replaced, befores))
    }

    /// What computes the first input of `node`, number `at`, which alone reads it.
    fn alone(&self, program: &Program, node: &Node, at: usize) -> Option<(usize, &Node)> {
        let id = node.inputs.first().copied().flatten()?;
        if self.readers[id] != Readers::One(at) || program.constants[id].is_some() {
            return None;
        }
        let number = self.makers[id]?;
        let made = self.nodes[number].as_ref()?;
        let unread = |id: &Option<ValueId>| id.is_none_or(|id| self.readers[id] == Readers::None);
        let others = made.outputs.get(1..).unwrap_or_default();
        (made.outputs.first() == Some(&Some(id)) && others.iter().all(unread))
            .then_some((number, made))
    }

    /// The DequantizeLinear that computes a value.
    fn dequantized(&self, program: &Program, id: ValueId) -> Option<(usize, &Node)> {
        let at = self.makers[id]?;
        let node = self.nodes[at].as_ref()?;
        let scaling = node.operator.scaling(&self.known.of(program, node))?;
        let integers = node.inputs.first().copied().flatten()?;
        // Where constants were made of constants that nobody else reads, those are gone.
        let gone = program.constants[id].is_some() && program.constants[integers].is_none();
        (scaling.way == Way::Dequantize && !gone).then_some((at, node))
    }

    /// The numbers of a constant input, `Some(None)` if there is no such input.
    fn constant(&self, program: &Program, node: &Node, index: usize) -> Option<Option<Vec<f64>>> {
        let Some(id) = node.inputs.get(index).copied().flatten() else {
            return Some(None);
        };
        numbers(&self.known.fact(program, id)?).map(Some)
    }

    /// Checks that quantization keeps the order of numbers: its scale is positive.
    fn check_order(&self, program: &Program, quantize: &Node) -> Option<()> {
        let scale = self.constant(program, quantize, 1)??;
        scale.iter().all(|&scale| scale > 0.0).then_some(())
    }

    /// Checks that a bias has 32 bits, no zero point and the scale of the products.
    fn check_bias(
        &self,
        program: &Program,
        [x, w, bias]: [&Node; 3],
        operand: &Operand,
    ) -> Option<()> {
        let scale = |node| self.constant(program, node, 1).flatten();
        let (x, w, scales) = (scale(x)?, scale(w)?, scale(bias)?);
        let zeros = self.constant(program, bias, 2)?.unwrap_or_default();
        if w.is_empty() || scales.is_empty() {
            return None;
        }
        let count = w.len().max(scales.len());
        let fits = (0..count).all(|at| {
            let wanted = x[0] * w[at % w.len()];
            (scales[at % scales.len()] - wanted).abs() <= SCALE_ERROR * wanted.abs()
        });
        let plain = operand.integers.dtype == DType::I32 && zeros.iter().all(|&zero| zero == 0.0);
        (fits && plain && [1, count].contains(&w.len())).then_some(())
    }

    /// The zero point of a node: zero, as a new constant, if it has none.
    fn zero_point(
        &self,
        program: &mut Program,
        node: &Node,
        dtype: DType,
    ) -> Option<Option<ValueId>> {
        if let Some(id) = node.inputs.get(2).copied().flatten() {
            return Some(Some(id));
        }
        let zero = || match dtype {
            DType::U8 => Tensor::new(&[], vec![0u8]).ok(),
            _ => Tensor::new(&[], vec![0i8]).ok(),
        };
        add(program, 1, zero).map(Some)
    }
}

/// Adds the constant that `make` gives, if there is room for its `bytes`.
fn add(
    program: &mut Program,
    bytes: usize,
    make: impl FnOnce() -> Option<Tensor>,
) -> Option<ValueId> {
    if !program.add(bytes) {
        return None;
    }
    program.constants.push(Some(Arc::new(make()?)));
    Some(program.constants.len() - 1)
}

/// The numbers of a constant of a type that scales and zero points have.
fn numbers(fact: &Fact) -> Option<Vec<f64>> {
    let value = fact.value.as_deref()?;
    fn widened<T: Copy + Into<f64>>(values: &[T]) -> Vec<f64> {
        crate::allocate::collected(values.iter().map(|&value| value.into()))
    }
    match value.dtype() {
        DType::F32 => value.as_slice::<f32>().map(widened),
        DType::I32 => value.as_slice::<i32>().map(widened),
        DType::U8 => value.as_slice::<u8>().map(widened),
        DType::I8 => value.as_slice::<i8>().map(widened),
        _ => None,
    }
}

/// A matrix of 8-bit integers, transposed.
fn transposed(matrix: &Tensor) -> Option<Tensor> {
    let [rows, columns] = **matrix.shape() else {
        return None;
    };
    fn turned<T: Copy>(x: &[T], rows: usize, columns: usize) -> Option<Vec<T>> {
        let places = (0..x.len()).map(|at| x[at % rows * columns + at / rows]);
        crate::parts::collected(places).ok()
    }
    let shape = [columns, rows];
    match (matrix.as_slice::<u8>(), matrix.as_slice::<i8>()) {
        (Some(x), _) => Tensor::new(&shape, turned(x, rows, columns)?).ok(),
        (_, Some(x)) => Tensor::new(&shape, turned(x, rows, columns)?).ok(),
        _ => None,
    }
}
