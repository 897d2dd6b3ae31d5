//! One direction of a recurrent operator: the steps over time.

use super::activation::Activation;
use crate::gemm::{Sum, matrix, matrix_mut, multiply};
use crate::ops::weighted::Float;
use crate::parts::{self, Looks};
use crate::simd::Simd;
use crate::stop;

/// What the gates of a step make of the state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    Rnn,
    /// Whether the linear map comes before the reset gate.
    Gru {
        linear_before_reset: bool,
    },
    /// Whether the forget gate is what the input gate leaves.
    Lstm {
        input_forget: bool,
    },
}

impl Cell {
    pub(super) fn gates(self) -> usize {
        match self {
            Cell::Rnn => 1,
            Cell::Gru { .. } => 3,
            Cell::Lstm { .. } => 4,
        }
    }

    /// The activations without others being given; as many are there for each direction.
    pub(super) fn activations(self) -> &'static [&'static str] {
        match self {
            Cell::Rnn => &["Tanh"],
            Cell::Gru { .. } => &["Sigmoid", "Tanh"],
            Cell::Lstm { .. } => &["Sigmoid", "Tanh", "Tanh"],
        }
    }
}

/// An element of the state takes as long as so many sums.
const COSTLY: usize = 16;

/// The sizes of a recurrent operator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) time: usize,
    pub(super) batch: usize,
    pub(super) input: usize,
    pub(super) hidden: usize,
}

/// One direction. Matrices are those of the operator, in its own layout.
pub(super) struct Direction<'a, S> {
    pub(super) cell: Cell,
    pub(super) sizes: Sizes,
    pub(super) backward: bool,
    pub(super) activations: &'a [Activation],
    pub(super) clip: Option<f64>,
    /// `[gates * hidden, input]` and `[gates * hidden, hidden]`.
    pub(super) w: &'a [S],
    pub(super) r: &'a [S],
    /// Twice `[gates * hidden]`, or nothing.
    pub(super) b: &'a [S],
    /// `[3 * hidden]` of input, output and forget gate, or nothing.
    pub(super) p: &'a [S],
    /// How many steps each of the batch has.
    pub(super) lengths: &'a [usize],
}

/// `a` times the transpose of `b`, which has `columns` rows.
fn times<S: Sum>(a: &[S], b: &[S], rows: usize, inner: usize, columns: usize, c: &mut [S]) {
    let mut c = matrix_mut(c, rows, columns);
    let (a, b) = (
        matrix(a, rows, inner, false),
        matrix(b, inner, columns, true),
    );
    multiply(Simd::installed(), &a, &b, false, &mut c);
}

impl<S: Float + Into<f64>> Direction<'_, S> {
    fn activate(&self, which: usize, x: f64) -> f64 {
        let x = match self.clip {
            Some(clip) => x.clamp(-clip, clip),
            None => x,
        };
        self.activations[which].apply(x)
    }

    /// Runs over `x: [time, batch, input]`; `h` and `c: [batch, hidden]` are the state. Calls `output` with each
    /// time, element of the batch and hidden state.
    pub(super) fn run(
        &self,
        x: &[S],
        h: &mut [S],
        c: &mut [S],
        mut output: impl FnMut(usize, usize, &[S]),
    ) {
        let Sizes {
            time,
            batch,
            input,
            hidden,
        } = self.sizes;
        let width = self.cell.gates() * hidden;
        // What the input adds to the gates, with both biases where they only add.
        let Ok(mut from_x) = parts::filled(S::ZERO, time * batch * width) else {
            return;
        };
        times(x, self.w, time * batch, input, width, &mut from_x);
        let (wb, rb) = self.b.split_at(self.b.len() / 2);
        let apart = matches!(
            self.cell,
            Cell::Gru {
                linear_before_reset: true
            }
        );
        if !self.b.is_empty() && width > 0 {
            let mut looks = Looks::default();
            for row in from_x.chunks_mut(width) {
                if looks.is_set(width) {
                    return;
                }
                for (index, x) in row.iter_mut().enumerate() {
                    *x = x.plus_product(wb[index], S::ONE);
                    if !(apart && index >= 2 * hidden) {
                        *x = x.plus_product(rb[index], S::ONE);
                    }
                }
            }
        }
        let steps = self.lengths.iter().copied().max().unwrap_or(0);
        let filled = |len: usize| parts::filled(S::ZERO, len);
        let (Ok(mut from_h), Ok(mut scratch), Ok(mut reset)) = (
            filled(batch * width),
            filled(batch * hidden),
            filled(batch * hidden),
        ) else {
            return;
        };
        let mut looks = Looks::default();
        for step in 0..steps {
            if stop::is_set() {
                break;
            }
            times(h, self.r, batch, hidden, width, &mut from_h);
            let active = |at: &usize| step < self.lengths[*at];
            let time = |at: usize| {
                if self.backward {
                    self.lengths[at] - 1 - step
                } else {
                    step
                }
            };
            if let Cell::Gru {
                linear_before_reset: false,
            } = self.cell
            {
                // The reset gate comes first, then the map.
                for at in (0..batch).filter(active) {
                    if looks.is_set(COSTLY * hidden) {
                        return;
                    }
                    let x = &from_x[(time(at) * batch + at) * width..][..width];
                    for j in 0..hidden {
                        let r: f64 = x[hidden + j].into() + from_h[at * width + hidden + j].into();
                        let h: f64 = h[at * hidden + j].into();
                        reset[at * hidden + j] = S::of(self.activate(0, r) * h);
                    }
                }
                let r = &self.r[2 * hidden * hidden..];
                times(&reset, r, batch, hidden, hidden, &mut scratch);
            }
            for at in (0..batch).filter(active) {
                if looks.is_set(COSTLY * hidden) {
                    return;
                }
                let x = &from_x[(time(at) * batch + at) * width..][..width];
                let from_h = &from_h[at * width..][..width];
                let (h, c) = (
                    &mut h[at * hidden..][..hidden],
                    &mut c[at * hidden..][..hidden],
                );
                let mapped = &scratch[at * hidden..][..hidden];
                for j in 0..hidden {
                    let gate = |gate: usize| -> f64 {
                        let index = gate * hidden + j;
                        x[index].into() + from_h[index].into()
                    };
                    let old: f64 = h[j].into();
                    h[j] = S::of(match self.cell {
                        Cell::Rnn => self.activate(0, gate(0)),
                        Cell::Gru {
                            linear_before_reset,
                        } => {
                            let z = self.activate(0, gate(0));
                            let x: f64 = x[2 * hidden + j].into();
                            let map: f64 = match linear_before_reset {
                                false => mapped[j].into(),
                                true => {
                                    let bias: f64 =
                                        rb.get(2 * hidden + j).map_or(0.0, |&b| b.into());
                                    let map: f64 = from_h[2 * hidden + j].into();
                                    self.activate(0, gate(1)) * (map + bias)
                                }
                            };
                            let new = self.activate(1, x + map);
                            (1.0 - z) * new + z * old
                        }
                        Cell::Lstm { input_forget } => {
                            let peephole = |which: usize, c: f64| -> f64 {
                                let p = self.p.get(which * hidden + j);
                                p.map_or(0.0, |&p| c * p.into())
                            };
                            let before: f64 = c[j].into();
                            let i = self.activate(0, gate(0) + peephole(0, before));
                            let f = match input_forget {
                                true => 1.0 - i,
                                false => self.activate(0, gate(2) + peephole(2, before)),
                            };
                            let state = f * before + i * self.activate(1, gate(3));
                            c[j] = S::of(state);
                            let o = self.activate(0, gate(1) + peephole(1, state));
                            o * self.activations[2].apply(state)
                        }
                    });
                }
                output(time(at), at, h);
            }
        }
    }
}
