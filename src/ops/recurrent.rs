//! RNN, GRU and LSTM: sequences read step by step.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__RNN.html>,
//! <https://onnx.ai/onnx/operators/onnx__GRU.html>, <https://onnx.ai/onnx/operators/onnx__LSTM.html>
//! Behind the end of a shorter sequence, Y is 0; Y_h and Y_c are the state at its end. Names of activations
//! may be in any case. Activations are computed as f64.

mod activation;
mod cells;

use half::{bf16, f16};

use super::resize::choice;
use super::weighted::Float;
use super::{Fact, Inputs, Known, Op, Operator, Outputs, elements, elementwise, fact, required};
use crate::allocate;
use crate::error::OpError;
use crate::gemm::{Factor, Sum};
use crate::onnx::attributes::Attributes;
use crate::parts::{self, Looks};
use crate::tensor::{Shape, TensorView, dispatch};
use activation::Activation;
use cells::{Cell, Direction, Sizes};

pub(super) const GRU: Op = Op {
    domain: "ai.onnx",
    name: "GRU",
    newest: 22,
    read: |attributes| {
        let linear_before_reset = attributes.int("linear_before_reset").unwrap_or(0) != 0;
        let cell = Cell::Gru {
            linear_before_reset,
        };
        Ok(Box::new(Recurrent::read(attributes, cell)?))
    },
    exact: false,
};

pub(super) const LSTM: Op = Op {
    domain: "ai.onnx",
    name: "LSTM",
    newest: 22,
    read: |attributes| {
        let input_forget = attributes.int("input_forget").unwrap_or(0) != 0;
        Ok(Box::new(Recurrent::read(
            attributes,
            Cell::Lstm { input_forget },
        )?))
    },
    exact: false,
};

pub(super) const RNN: Op = Op {
    domain: "ai.onnx",
    name: "RNN",
    newest: 22,
    read: |attributes| Ok(Box::new(Recurrent::read(attributes, Cell::Rnn)?)),
    exact: false,
};

/// `X: [time, batch, input]`, `W: [directions, gates * hidden, input]`, `R: [directions, gates * hidden, hidden]`,
/// `B: [directions, 2 * gates * hidden]`, `sequence_lens: [batch]`, the first states, and for LSTM
/// `P: [directions, 3 * hidden]`, to `Y: [time, directions, batch, hidden]`, `Y_h: [directions, batch, hidden]` and
/// for LSTM `Y_c`. With layout 1, the batch is the first axis of inputs, states and outputs.
#[derive(Debug)]
struct Recurrent {
    cell: Cell,
    /// Whether each direction runs backward.
    backward: &'static [bool],
    /// Those of one direction after those of the other.
    activations: Vec<Activation>,
    clip: Option<f64>,
    hidden_size: Option<i64>,
    batch_first: bool,
}

/// The names of the inputs.
const NAMES: [&str; 8] = [
    "X",
    "W",
    "R",
    "B",
    "sequence_lens",
    "initial_h",
    "initial_c",
    "P",
];

impl Recurrent {
    fn read(attributes: &mut Attributes<'_>, cell: Cell) -> Result<Recurrent, OpError> {
        attributes.ignore("output_sequence", "outputs that the node names are given");
        let directions: [(&str, &'static [bool]); 3] = [
            ("forward", &[false]),
            ("reverse", &[true]),
            ("bidirectional", &[false, true]),
        ];
        let backward = choice(attributes, "direction", &directions)?;
        let defaults = cell.activations();
        let names = match attributes.strings("activations")? {
            Some(names) if !names.is_empty() => names,
            _ => defaults.repeat(backward.len()),
        };
        if names.len() != defaults.len() * backward.len() {
            return Err(OpError::invalid(
                "activations",
                format!(
                    "has {} values, must have {}",
                    names.len(),
                    defaults.len() * backward.len()
                ),
            ));
        }
        let alphas = attributes.floats("activation_alpha").unwrap_or_default();
        let betas = attributes.floats("activation_beta").unwrap_or_default();
        let clip = attributes.float("clip");
        if let Some(clip) = clip
            && (clip.is_nan() || clip < 0.0)
        {
            return Err(OpError::invalid(
                "clip",
                format!("is {clip}, must be at least 0"),
            ));
        }
        Ok(Recurrent {
            cell,
            backward,
            activations: Activation::all(&names, alphas, betas)?,
            // 0 stands for no limit in old files.
            clip: clip.filter(|&clip| clip > 0.0).map(f64::from),
            hidden_size: attributes.int("hidden_size"),
            batch_first: attributes.flag("layout")?,
        })
    }

    /// The dimensions `[outer, batch, inner]`, in the order of the layout.
    fn laid_out(
        &self,
        outer: Option<usize>,
        batch: Option<usize>,
        inner: Option<usize>,
    ) -> Vec<Option<usize>> {
        match self.batch_first {
            true => vec![batch, outer, inner],
            false => vec![outer, batch, inner],
        }
    }

    fn run<T: Factor>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError>
    where
        T::Sum: Float + Into<f64>,
    {
        let facts = self.infer(&Known::of(inputs, &[]).facts())?;
        let shapes: Vec<Shape> = facts
            .into_iter()
            .map(|fact| fact::known(fact.dims))
            .collect::<Result<_, _>>()?;
        let given = |index: usize| inputs.get(index).and_then(Option::as_ref);
        let x = required(inputs, 0);
        let (time_axis, batch_axis) = if self.batch_first { (1, 0) } else { (0, 1) };
        let sizes = Sizes {
            time: x.shape()[time_axis],
            batch: x.shape()[batch_axis],
            input: x.shape()[2],
            hidden: shapes[1][2],
        };
        let Sizes {
            time,
            batch,
            input,
            hidden,
        } = sizes;
        if hidden == 0 {
            // No outputs have elements, though there may be many steps.
            for (index, shape) in shapes.iter().enumerate() {
                if outputs.wanted(index) {
                    outputs.make_at::<T>(index, shape)?;
                }
            }
            return Ok(());
        }
        let lengths: Vec<usize> = match given(4) {
            None => parts::filled(time, batch)?,
            Some(lens) => {
                let lens = elements::<i32>(lens).iter().enumerate();
                let length = |(at, &len): (usize, &i32)| match usize::try_from(len) {
                    Ok(len) if len <= time => Ok(len),
                    _ => Err(OpError::invalid(
                        format!("sequence_lens[{at}]"),
                        format!("is {len}, must be in 0..={time}"),
                    )),
                };
                allocate::collected_or(lens.map(length))?
            }
        };
        let (directions, gates) = (self.backward.len(), self.cell.gates());
        let all = time
            .saturating_mul(batch)
            .saturating_mul(input + gates * hidden)
            .saturating_add(shapes[0].elements())
            .saturating_add((batch * hidden).saturating_mul(gates + 4 * directions));
        let weights = given(1)
            .into_iter()
            .chain(given(2))
            .map(|view| view.shape().elements());
        let all = all.saturating_add(gemm_copies::<T>(weights.sum()));
        outputs.check_scratch(all.saturating_mul(size_of::<T::Sum>()))?;
        let copied = |index: usize| {
            let view = given(index).map(|view| T::widened(elements::<T>(view)));
            view.transpose().map(Option::unwrap_or_default)
        };
        let (w, r, b, p) = (copied(1)?, copied(2)?, copied(3)?, copied(7)?);
        // Time before batch, states by direction.
        let arranged = |x: &TensorView<'_>, outer: usize, inner: usize| {
            let values = elements::<T>(x);
            let place = |at: usize| match self.batch_first {
                true => (at % batch * outer + at / batch) * inner,
                false => at * inner,
            };
            let mut arranged = allocate::with_capacity(outer * batch * inner);
            let mut looks = Looks::default();
            for at in 0..outer * batch {
                looks.check(inner)?;
                let row = &values[place(at)..][..inner];
                arranged.extend(row.iter().map(|x| x.widen()));
            }
            Ok::<Vec<T::Sum>, OpError>(arranged)
        };
        let x = arranged(x, time, input)?;
        let state = |index: usize| match given(index) {
            Some(state) => arranged(state, directions, hidden),
            None => parts::filled(T::Sum::ZERO, directions * batch * hidden),
        };
        let (mut h, mut c) = (state(5)?, state(6)?);
        let elements = if outputs.wanted(0) {
            shapes[0].elements()
        } else {
            0
        };
        let mut y = parts::filled(T::Sum::ZERO, elements)?;
        let states = batch * hidden;
        for (direction, &backward) in self.backward.iter().enumerate() {
            let part = |values: &'_ [T::Sum]| {
                let each = values.len() / directions;
                direction * each..(direction + 1) * each
            };
            let activations = self.cell.activations().len();
            let direct = Direction {
                cell: self.cell,
                sizes,
                backward,
                activations: &self.activations[direction * activations..][..activations],
                clip: self.clip,
                w: &w[part(&w)],
                r: &r[part(&r)],
                b: &b[part(&b)],
                p: &p[part(&p)],
                lengths: &lengths,
            };
            let (h, c) = (
                &mut h[direction * states..][..states],
                &mut c[direction * states..][..states],
            );
            direct.run(&x, h, c, |at, element, h| {
                if !y.is_empty() {
                    let row = match self.batch_first {
                        true => (element * time + at) * directions + direction,
                        false => (at * directions + direction) * batch + element,
                    };
                    y[row * hidden..][..hidden].copy_from_slice(h);
                }
            });
        }
        if outputs.wanted(0) {
            let out = outputs.make_at::<T>(0, &shapes[0])?;
            elementwise::map(&y, out, |y, out| {
                for (out, &y) in out.iter_mut().zip(y) {
                    *out = T::narrow(y);
                }
            });
        }
        for (index, state) in [(1, &h), (2, &c)] {
            if !outputs.wanted(index) {
                continue;
            }
            let out = outputs.make_at::<T>(index, &shapes[index])?;
            elementwise::slabs(out, hidden, hidden, |at, out| {
                let row = match self.batch_first {
                    true => at % directions * batch + at / directions,
                    false => at,
                };
                for (out, &state) in out.iter_mut().zip(&state[row * hidden..]) {
                    *out = T::narrow(state);
                }
            });
        }
        Ok(())
    }
}

/// Elements that weights of `len` take in the type of sums.
fn gemm_copies<T: Factor>(len: usize) -> usize {
    crate::gemm::widened_bytes::<T>(len) / size_of::<T::Sum>()
}

impl Operator for Recurrent {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, r) = (required(inputs, 0), required(inputs, 2));
        let given = |index: usize| inputs.get(index).copied().flatten();
        let dim = |fact: &Fact, axis: usize| {
            fact.dims
                .as_ref()
                .and_then(|dims| dims.get(axis).copied())
                .flatten()
        };
        let (time_axis, batch_axis) = if self.batch_first { (1, 0) } else { (0, 1) };
        let (time, batch, input) = (dim(x, time_axis), dim(x, batch_axis), dim(x, 2));
        let hidden = match self.hidden_size {
            Some(size) => Some(super::axes::size("hidden_size", size)?),
            None => dim(r, 2),
        };
        let directions = Some(self.backward.len());
        let gates = |times: usize| match hidden {
            Some(hidden) => fact::product([Some(times * self.cell.gates()), Some(hidden)]),
            None => Ok(None),
        };
        let peepholes = fact::product([Some(3), hidden])?;
        let state = self.laid_out(directions, batch, hidden);
        let wanted = [
            self.laid_out(time, batch, input),
            vec![directions, gates(1)?, input],
            vec![directions, gates(1)?, hidden],
            vec![directions, gates(2)?],
            vec![batch],
            state.clone(),
            state.clone(),
            vec![directions, peepholes],
        ];
        for (index, wanted) in wanted.into_iter().enumerate() {
            let Some(fact) = given(index) else { continue };
            let alike = |(a, b): (&Option<usize>, &Option<usize>)| match (a, b) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            };
            if let Some(dims) = &fact.dims
                && !(dims.len() == wanted.len() && dims.iter().zip(&wanted).all(alike))
            {
                return Err(OpError::invalid(
                    NAMES[index],
                    format!("is {fact}, must be {}", Fact::new(fact.dtype, Some(wanted))),
                ));
            }
        }
        let y = match self.batch_first {
            true => vec![batch, time, directions, hidden],
            false => vec![time, directions, batch, hidden],
        };
        let state = Fact::new(x.dtype, Some(state));
        let mut facts = vec![Fact::new(x.dtype, Some(y)), state.clone()];
        if let Cell::Lstm { .. } = self.cell {
            facts.push(state);
        }
        Ok(facts)
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        dispatch!(
            required(inputs, 0).dtype(),
            T in [f32, f64, f16, bf16] => Recurrent::run::<T>(self, inputs, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    /// A sum that grows with each step.
    fn adder(opset: i64) -> crate::ops::testing::Node {
        node("RNN", opset)
            .strings("activations", &["affine"])
            .int("hidden_size", 1)
            .outputs(2)
    }

    #[test]
    fn sequences_end_by_themselves_and_run_backward() {
        let x = tensor(&[3, 2, 1], vec![1.0f32, 10.0, 2.0, 20.0, 3.0, 30.0]);
        let one = tensor(&[1, 1, 1], vec![1.0f32]);
        let lens = tensor(&[2], vec![3i32, 1]);
        let inputs = [Some(&x), Some(&one), Some(&one), None, Some(&lens)];
        let y = adder(22).run(&inputs).expect("it runs");
        assert_eq!(
            y[0],
            tensor(&[3, 1, 2, 1], vec![1.0f32, 10.0, 3.0, 0.0, 6.0, 0.0])
        );
        assert_eq!(y[1], tensor(&[1, 2, 1], vec![6.0f32, 10.0]));
        let y = adder(7)
            .string("direction", "reverse")
            .run(&inputs)
            .expect("it runs");
        assert_eq!(
            y[0],
            tensor(&[3, 1, 2, 1], vec![6.0f32, 10.0, 5.0, 0.0, 3.0, 0.0])
        );
        let first = tensor(&[2, 3, 1], vec![1.0f32, 2.0, 3.0, 10.0, 20.0, 30.0]);
        let inputs = [Some(&first), Some(&one), Some(&one), None, Some(&lens)];
        let y = adder(14).int("layout", 1).run(&inputs).expect("it runs");
        assert_eq!(
            y[0],
            tensor(&[2, 3, 1, 1], vec![1.0f32, 3.0, 6.0, 10.0, 0.0, 0.0])
        );
        assert_eq!(y[1], tensor(&[2, 1, 1], vec![6.0f32, 10.0]));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let (x, one) = (iota(&[1, 1, 2]), iota(&[1, 1, 1]));
        assert_eq!(
            adder(7).error(&[Some(&x), Some(&one), Some(&one)]),
            "W is f32[1,1,1], must be f32[1,1,2]"
        );
        let lens = tensor(&[1], vec![2i32]);
        assert_eq!(
            adder(7).error(&[Some(&one), Some(&one), Some(&one), None, Some(&lens)]),
            "sequence_lens[0] is 2, must be in 0..=1"
        );
        let unknown = node("GRU", 7).strings("activations", &["Sigmoid", "Cube"]);
        let error = unknown.error(&[Some(&one), Some(&one), Some(&one)]);
        assert!(error.starts_with("activations[1] is 'Cube', must be one of Relu, Tanh"));
        let few = node("LSTM", 7).strings("activations", &["Tanh"]);
        assert_eq!(
            few.error(&[Some(&one), Some(&one), Some(&one)]),
            "activations has 1 values, must have 3"
        );
    }
}
