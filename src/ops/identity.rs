//! Identity: the input itself.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Identity.html>
//! Differs: tensors only, no sequences and optionals, which linn does not have.

use super::{Fact, Inputs, Op, Operator, Outputs, required};
use crate::error::OpError;

pub(super) const IDENTITY: Op = Op {
    domain: "ai.onnx",
    name: "Identity",
    newest: 25,
    read: |_| Ok(Box::new(Identity)),
    exact: true,
};

/// `input` to `output`, any type and shape.
#[derive(Debug)]
struct Identity;

impl Operator for Identity {
    fn picks(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        Ok(vec![Fact::clone(input)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        outputs.pass(inputs, 0, input.shape())
    }
}

#[cfg(test)]
mod tests {
    use crate::error::Class;
    use crate::ops::testing::{node, tensor};
    use crate::tensor::{DType, Shape, Tensor};

    #[test]
    fn every_type_is_copied() {
        let shape = Shape::new(&[2, 3]).expect("small");
        for &dtype in DType::ALL {
            let x = Tensor::zeros(dtype, shape.clone());
            let y = node("Identity", 25).run(&[Some(&x)]).expect("it runs");
            assert_eq!(y, [x]);
        }
        let x = tensor(&[], vec!["text".to_string()]);
        assert_eq!(node("Identity", 1).run(&[Some(&x)]), Ok(vec![x]));
    }

    #[test]
    fn the_text_of_strings_counts_as_memory() {
        let x = tensor(&[1], vec!["x".repeat(1000)]);
        let identity = node("Identity", 13);
        assert!(identity.run_within(1024, &[Some(&x)]).is_ok());
        let error = identity.run_within(1023, &[Some(&x)]).unwrap_err();
        assert_eq!(error.class, Class::Limit);
    }

    #[test]
    fn the_value_of_a_constant_is_kept() {
        let fact = crate::ops::Fact::constant(std::sync::Arc::new(tensor(&[2], vec![3i64, 4])));
        let inferred = node("Identity", 13).infer(&[Some(fact)]).expect("it fits");
        assert_eq!(inferred[0].ints(), Some(&[3, 4][..]));
    }
}
