//! IsNaN and IsInf: which floats are no numbers, or infinite.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__IsNaN.html>,
//! <https://onnx.ai/onnx/operators/onnx__IsInf.html>

use super::{Fact, Inputs, Op, Operator, Outputs, elementwise, required};
use crate::error::OpError;
use crate::tensor::{DType, Element, Visitor};

pub(super) const IS_INF: Op = Op {
    domain: "ai.onnx",
    name: "IsInf",
    newest: 20,
    read: |attributes| {
        let mut detect = |name| match attributes.int(name) {
            None => Ok(true),
            Some(flag @ (0 | 1)) => Ok(flag == 1),
            Some(other) => Err(OpError::invalid(
                name,
                format!("is {other}, must be 0 or 1"),
            )),
        };
        Ok(Box::new(Classify::Inf {
            negative: detect("detect_negative")?,
            positive: detect("detect_positive")?,
        }))
    },
    exact: true,
};

pub(super) const IS_NAN: Op = Op {
    domain: "ai.onnx",
    name: "IsNaN",
    newest: 20,
    read: |_| Ok(Box::new(Classify::NaN)),
    exact: true,
};

/// Floats `X` to truth values `Y` of the same shape.
#[derive(Clone, Copy, Debug)]
enum Classify {
    NaN,
    Inf { negative: bool, positive: bool },
}

impl Classify {
    fn holds(self, x: f64) -> bool {
        match self {
            Classify::NaN => x.is_nan(),
            Classify::Inf { negative, positive } => {
                (positive && x == f64::INFINITY) || (negative && x == f64::NEG_INFINITY)
            }
        }
    }
}

impl Operator for Classify {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        Ok(vec![Fact::new(
            DType::Bool,
            required(inputs, 0).dims.clone(),
        )])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        let y = outputs.make(x.shape())?;
        x.visit(Fill { class: *self, y });
        Ok(())
    }
}

struct Fill<'y> {
    class: Classify,
    y: &'y mut [bool],
}

impl Visitor for Fill<'_> {
    type Output = ();

    fn visit<T: Element>(self, x: &[T]) {
        elementwise::map(x, self.y, |x, y| {
            for (y, x) in y.iter_mut().zip(x) {
                *y = x.scalar().to_f64().is_some_and(|x| self.class.holds(x));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};
    use crate::tensor::F8E5M2;

    #[test]
    fn infinities_of_either_sign() {
        let x = [0x7c, 0xfc, 0x7f, 0x00].map(F8E5M2::from_bits);
        let run = |negative| {
            node("IsInf", 20)
                .int("detect_negative", negative)
                .run(&[Some(&tensor(&[4], x.to_vec()))])
        };
        assert_eq!(
            run(0),
            Ok(vec![tensor(&[4], vec![true, false, false, false])])
        );
        assert_eq!(
            run(1),
            Ok(vec![tensor(&[4], vec![true, true, false, false])])
        );
        assert_eq!(
            node("IsNaN", 20).run(&[Some(&tensor(&[4], x.to_vec()))]),
            Ok(vec![tensor(&[4], vec![false, false, true, false])])
        );
    }
}
