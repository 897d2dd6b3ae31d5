//! Trilu: the upper or lower triangle of matrices, the rest 0.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Trilu.html>

use super::layout::{Mover, relocate};
use super::{Fact, Inputs, Op, Operator, Outputs, axes, elements, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::parts::{self, Looks};
use crate::tensor::Element;

pub(super) const TRILU: Op = Op {
    domain: "ai.onnx",
    name: "Trilu",
    newest: 14,
    read: |attributes| Ok(Box::new(Trilu::read(attributes)?)),
    exact: true,
};

/// `input: [.., N, M]` to `output`: kept is what lies on the diagonal `k` and above, or below.
#[derive(Debug)]
struct Trilu {
    upper: bool,
}

impl Trilu {
    fn read(attributes: &mut Attributes<'_>) -> Result<Trilu, OpError> {
        Ok(Trilu {
            upper: attributes.int("upper").unwrap_or(1) != 0,
        })
    }
}

struct Triangle {
    upper: bool,
    /// Columns by which the diagonal is right of the main one.
    k: i64,
    rows: usize,
    columns: usize,
}

impl Mover for Triangle {
    fn fill<T: Element>(&self, x: &[T], y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        let rows = x.chunks(self.columns).zip(y.chunks_mut(self.columns));
        let mut looks = Looks::default();
        for (row, (x, y)) in rows.enumerate() {
            // The column of the diagonal, or the one behind it.
            let first = (row % self.rows) as i64 + i64::from(!self.upper);
            let edge = first.saturating_add(self.k).clamp(0, self.columns as i64) as usize;
            let kept = if self.upper {
                edge..self.columns
            } else {
                0..edge
            };
            let dropped = if self.upper {
                0..edge
            } else {
                edge..self.columns
            };
            let done = parts::copy(&x[kept.clone()], &mut y[kept])
                .and_then(|()| parts::fill(&mut y[dropped], &T::default()))
                .and_then(|()| looks.check(self.columns));
            if done.is_err() {
                return;
            }
        }
    }
}

impl Operator for Trilu {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        if let Some(k) = inputs.get(1).copied().flatten() {
            axes::single("k", k)?;
        }
        match input.dims.as_deref() {
            Some([] | [_]) => Err(OpError::invalid(
                "input",
                format!("is {input}, must have at least 2 axes"),
            )),
            _ => Ok(vec![Fact::new(input.dtype, input.dims.clone())]),
        }
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        let k = inputs.get(1).and_then(Option::as_ref);
        let k_fact = k.map(Fact::from);
        self.infer(&[Some(&input.into()), k_fact.as_ref()])?;
        let shape = input.shape();
        let triangle = Triangle {
            upper: self.upper,
            k: k.and_then(|k| elements::<i64>(k).first().copied())
                .unwrap_or(0),
            rows: shape[shape.len() - 2],
            columns: shape[shape.len() - 1],
        };
        relocate(input, &triangle, 0, shape, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn diagonals_may_lie_outside() {
        let x = iota(&[2, 2]);
        let trilu = |upper, k: i64| {
            let k = tensor(&[], vec![k]);
            let y = node("Trilu", 14)
                .int("upper", upper)
                .run(&[Some(&x), Some(&k)]);
            y.expect("it runs")[0]
                .as_slice::<f32>()
                .expect("f32")
                .to_vec()
        };
        assert_eq!(trilu(1, 0), [0.0, 1.0, 0.0, 3.0]);
        assert_eq!(trilu(1, 1), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(trilu(1, i64::MAX), [0.0; 4]);
        assert_eq!(trilu(1, i64::MIN), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(trilu(0, 0), [0.0, 0.0, 2.0, 3.0]);
        assert_eq!(trilu(0, -1), [0.0, 0.0, 2.0, 0.0]);
        assert_eq!(trilu(0, i64::MAX), [0.0, 1.0, 2.0, 3.0]);
        assert!(
            node("Trilu", 14)
                .error(&[Some(&iota(&[2])), None])
                .contains("2 axes")
        );
    }
}
