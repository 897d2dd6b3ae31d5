//! ConstantOfShape, EyeLike: tensors of a shape, with one value or a diagonal of ones.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html>,
//! <https://onnx.ai/onnx/operators/onnx__EyeLike.html>

use super::convert::{Numeric, dispatch_numeric};
use super::fact::{self, Dims};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::error::OpError;
use crate::stop;
use crate::tensor::{DType, Element, Shape, Tensor, Visitor};

pub(super) const CONSTANT_OF_SHAPE: Op = Op {
    domain: "ai.onnx",
    name: "ConstantOfShape",
    newest: 25,
    read: |attributes| {
        let value = match attributes.tensor("value")? {
            Some(value) if value.shape().elements() == 1 => value,
            None => Tensor::new(&[1], vec![0f32])?,
            Some(value) => {
                return Err(OpError::invalid(
                    "value",
                    format!("is {value}, must have one element"),
                ));
            }
        };
        Ok(Box::new(ConstantOfShape { value }))
    },
    exact: true,
};

pub(super) const EYE_LIKE: Op = Op {
    domain: "ai.onnx",
    name: "EyeLike",
    newest: 22,
    read: |attributes| {
        let dtype = match attributes.int("dtype") {
            None => None,
            Some(number) => {
                let dtype = i32::try_from(number).ok().and_then(DType::from_onnx);
                Some(dtype.ok_or_else(|| {
                    OpError::invalid("dtype", format!("is {number}, must number an element type"))
                })?)
            }
        };
        Ok(Box::new(EyeLike {
            dtype,
            diagonal: attributes.int("k").unwrap_or(0),
        }))
    },
    exact: true,
};

/// A shape `input` to `output` of that shape, all of whose elements are `value`.
#[derive(Debug)]
struct ConstantOfShape {
    value: Tensor,
}

impl Operator for ConstantOfShape {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        let dims: Dims = match (input.ints(), input.dims.as_deref()) {
            (Some(shape), _) => Some(fact::dims_of(&Shape::from_i64(shape)?)),
            (None, Some([Some(rank)])) if *rank <= Shape::MAX_RANK => Some(vec![None; *rank]),
            (None, None | Some([_])) => None,
            _ => {
                return Err(OpError::invalid(
                    "input",
                    format!("is {input}, must have one axis"),
                ));
            }
        };
        Ok(vec![Fact::new(self.value.dtype(), dims)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        if input.shape().len() != 1 {
            return Err(OpError::invalid(
                "input",
                format!("is {input}, must have one axis"),
            ));
        }
        let shape = Shape::from_i64(elements(input))?;
        self.value.as_view().visit(Fill { shape, outputs })
    }
}

struct Fill<'o, 's, 'a> {
    shape: Shape,
    outputs: &'o mut Outputs<'s, 'a>,
}

impl Visitor for Fill<'_, '_, '_> {
    type Output = Result<(), OpError>;

    fn visit<T: Element>(self, data: &[T]) -> Result<(), OpError> {
        let [value] = data else {
            unreachable!("the value has one element");
        };
        elementwise::fill(self.outputs.make(&self.shape)?, value);
        Ok(())
    }
}

/// A matrix `input` to `output` of its shape: ones on one diagonal, zeros elsewhere.
#[derive(Debug)]
struct EyeLike {
    /// `None` for the type of the input.
    dtype: Option<DType>,
    /// How far the diagonal of ones is above the main one.
    diagonal: i64,
}

impl EyeLike {
    fn fill<T: Numeric>(
        &self,
        shape: &Shape,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let y = outputs.make::<T>(shape)?;
        elementwise::fill(y, &T::from_i64(0));
        let [rows, columns] = shape[..] else {
            unreachable!("the rank is checked");
        };
        for row in 0..rows {
            stop::check_step(row)?;
            let column = (row as i64)
                .checked_add(self.diagonal)
                .and_then(|column| usize::try_from(column).ok());
            if let Some(column) = column.filter(|column| *column < columns) {
                y[row * columns + column] = T::from_i64(1);
            }
        }
        Ok(())
    }
}

impl Operator for EyeLike {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        if input.dims.as_ref().is_some_and(|dims| dims.len() != 2) {
            return Err(OpError::invalid(
                "input",
                format!("is {input}, must have two axes"),
            ));
        }
        let dims = input.dims.clone().unwrap_or(vec![None; 2]);
        Ok(vec![Fact::new(
            self.dtype.unwrap_or(input.dtype),
            Some(dims),
        )])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        self.infer(&[Some(&Fact::from(input))])?;
        let dtype = self.dtype.unwrap_or(input.dtype());
        dispatch_numeric!(dtype, T => self.fill::<T>(input.shape(), outputs))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};
    use crate::tensor::Tensor;

    #[test]
    fn shapes_are_filled() {
        let shape = |dims: &[i64]| tensor(&[dims.len()], dims.to_vec());
        let fill = node("ConstantOfShape", 9).tensor("value", &tensor(&[1], vec![7u8]));
        assert_eq!(
            fill.run(&[Some(&shape(&[2, 1]))]),
            Ok(vec![tensor(&[2, 1], vec![7u8, 7])])
        );
        assert_eq!(
            fill.run(&[Some(&shape(&[]))]),
            Ok(vec![tensor(&[], vec![7u8])])
        );
        assert_eq!(
            fill.run(&[Some(&shape(&[0]))]),
            Ok(vec![tensor(&[0], Vec::<u8>::new())])
        );
        assert!(fill.run_within(100, &[Some(&shape(&[1 << 40]))]).is_err());
        assert_eq!(
            fill.error(&[Some(&shape(&[-1]))]),
            "dimension 0 is -1, must not be negative"
        );
        assert_eq!(
            node("ConstantOfShape", 9)
                .tensor("value", &tensor(&[2], vec![7u8, 8]))
                .error(&[Some(&shape(&[1]))]),
            "value is u8[2], must have one element"
        );
    }

    #[test]
    fn diagonals_may_lie_outside() {
        let eye = |k: i64| -> Tensor {
            let x = tensor(&[2, 3], vec![0i8; 6]);
            let eye = node("EyeLike", 9).int("k", k);
            eye.run(&[Some(&x)]).expect("it runs").remove(0)
        };
        assert_eq!(eye(0), tensor(&[2, 3], vec![1i8, 0, 0, 0, 1, 0]));
        assert_eq!(eye(-1), tensor(&[2, 3], vec![0i8, 0, 0, 1, 0, 0]));
        assert_eq!(eye(i64::MAX), tensor(&[2, 3], vec![0i8; 6]));
        assert_eq!(
            node("EyeLike", 22).error(&[Some(&tensor(&[1], vec![0i8]))]),
            "input is i8[1], must have two axes"
        );
    }
}
