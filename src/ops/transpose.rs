//! Transpose: the axes in another order.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Transpose.html>

use super::layout::{Layout, relocate};
use super::{Fact, Inputs, Known, Op, Operator, Outputs, Step, axes, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;

pub(super) const TRANSPOSE: Op = Op {
    domain: "ai.onnx",
    name: "Transpose",
    newest: 25,
    read: |attributes| Ok(Box::new(Transpose::read(attributes))),
    exact: true,
};

/// `data: [D0..Dk]` to `transposed`, whose axis `i` is axis `perm[i]` of `data`.
#[derive(Debug)]
struct Transpose {
    /// Without it, the axes are reversed.
    perm: Option<Vec<i64>>,
}

impl Transpose {
    fn read(attributes: &mut Attributes<'_>) -> Transpose {
        Transpose {
            perm: attributes.ints("perm").map(<[i64]>::to_vec),
        }
    }

    fn order(&self, rank: usize) -> Result<Vec<usize>, OpError> {
        match &self.perm {
            None => Ok((0..rank).rev().collect()),
            Some(perm) if perm.len() == rank => axes::axes("perm", perm, rank),
            Some(perm) => Err(OpError::invalid(
                "perm",
                format!("has {} values for {rank} axes", perm.len()),
            )),
        }
    }
}

impl Operator for Transpose {
    fn picks(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let data = required(inputs, 0);
        let dims = match &data.dims {
            None => None,
            Some(dims) => {
                let order = self.order(dims.len())?;
                Some(order.iter().map(|&axis| dims[axis]).collect())
            }
        };
        Ok(vec![Fact::new(data.dtype, dims)])
    }

    fn step(&self, inputs: &[Option<Fact>]) -> Option<Step> {
        let rank = inputs[0].as_ref()?.dims.as_ref()?.len();
        let order = self.order(rank).ok()?;
        let first = (0..rank).find(|&axis| order[axis] != axis)?;
        let mut swapped: Vec<usize> = (0..rank).collect();
        swapped.swap(first, order[first]);
        (swapped == order && order[first] == first + 1).then_some(Step::Swap(first))
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let data = required(inputs, 0);
        let shape = Known::of(inputs, &[]).shape(self)?;
        let order = self.order(shape.len())?;
        let layout = Layout::of(data.shape()).permuted(&order);
        relocate(data, &layout, 0, &shape, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn axes_are_put_in_order() {
        let x = iota(&[2, 3]);
        let y = tensor(&[3, 2], vec![0.0f32, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(node("Transpose", 1).run(&[Some(&x)]), Ok(vec![y.clone()]));
        let perm = |perm: &[i64]| node("Transpose", 25).ints("perm", perm);
        assert_eq!(perm(&[1, 0]).run(&[Some(&x)]), Ok(vec![y]));
        assert_eq!(
            perm(&[1, 1]).error(&[Some(&x)]),
            "perm[1] is 1, the same axis as perm[0]"
        );
        assert_eq!(
            perm(&[0]).error(&[Some(&x)]),
            "perm has 1 values for 2 axes"
        );
        assert_eq!(
            perm(&[0, 2]).error(&[Some(&x)]),
            "perm[1] is 2, must be in -2..=1"
        );
        let empty = iota(&[2, 0, 3]);
        let y = perm(&[1, 2, 0]).run(&[Some(&empty)]).expect("it runs");
        assert_eq!(**y[0].shape(), [0, 3, 2]);
        let texts = tensor(&[1, 2], vec!["a".to_string(), "b".to_string()]);
        let y = node("Transpose", 13).run(&[Some(&texts)]).expect("it runs");
        assert_eq!(y[0].as_slice::<String>(), texts.as_slice());
    }
}
