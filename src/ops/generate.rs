//! ConstantOfShape, EyeLike and Range: tensors that are computed from a shape or a few numbers.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html>,
//! <https://onnx.ai/onnx/operators/onnx__EyeLike.html>, <https://onnx.ai/onnx/operators/onnx__Range.html>

use half::{bf16, f16};

use super::convert::{Numeric, dispatch_numeric, one};
use super::fact::{self, Dims};
use super::number::{Float, Integer};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, required};
use crate::error::OpError;
use crate::tensor::{DType, Element, Shape, Tensor, Visitor, dispatch};

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

pub(super) const RANGE: Op = Op {
    domain: "ai.onnx",
    name: "Range",
    newest: 27,
    read: |attributes| {
        attributes.ignore(
            "stash_type",
            "floats are computed in f64, which is as precise as any stash",
        );
        Ok(Box::new(Range))
    },
    exact: false,
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
        self.outputs.make(&self.shape)?.fill(value.clone());
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
        y.fill(T::from_i64(0));
        let [rows, columns] = shape[..] else {
            unreachable!("the rank is checked");
        };
        for row in 0..rows {
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

/// `start`, `limit` and `delta` to `output`: `start`, `start + delta` and so on before `limit`.
#[derive(Debug)]
struct Range;

const NAMES: [&str; 3] = ["start", "limit", "delta"];

/// The number of elements.
fn count(steps: f64) -> Result<usize, OpError> {
    // Also NaN, of infinite bounds, is refused here.
    match steps {
        steps if steps <= 0.0 => Ok(0),
        steps if steps < isize::MAX as f64 => Ok(steps as usize),
        _ => Err(OpError::run(
            "limit",
            "is too far from start, must be within an addressable number of steps of delta",
        )),
    }
}

fn is_zero() -> OpError {
    OpError::run("delta", "is 0, must lead from start to limit")
}

fn floats<T: Float + Numeric>(
    [start, limit, delta]: [T; 3],
) -> Result<(usize, impl Fn(usize) -> T), OpError> {
    let [start, limit, delta] = [start, limit, delta].map(Float::to_f64);
    if delta == 0.0 {
        return Err(is_zero());
    }
    Ok((count(((limit - start) / delta).ceil())?, move |index| {
        <T as Float>::from_f64(start + index as f64 * delta)
    }))
}

fn integers<T: Integer>(
    [start, limit, delta]: [T; 3],
) -> Result<(usize, impl Fn(usize) -> T), OpError> {
    let [start, limit, delta] = [start, limit, delta].map(Integer::to_i128);
    if delta == 0 {
        return Err(is_zero());
    }
    let towards = delta.signum();
    let steps = ((limit - start) * towards + delta.abs() - 1).div_euclid(delta.abs());
    Ok((count(steps as f64)?, move |index| {
        T::low_bits(start + index as i128 * delta)
    }))
}

fn numbers<T: Numeric>(inputs: Inputs<'_, '_>) -> Result<[T; 3], OpError> {
    let number = |index| one(NAMES[index], required(inputs, index));
    Ok([number(0)?, number(1)?, number(2)?])
}

fn fill<T: Element>(
    (count, element): (usize, impl Fn(usize) -> T),
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    for (index, y) in outputs.make(&Shape::new(&[count])?)?.iter_mut().enumerate() {
        *y = element(index);
    }
    Ok(())
}

/// The number of elements, where all three inputs are constants.
fn known_count(inputs: [&Tensor; 3]) -> Result<usize, OpError> {
    let views = inputs.map(|input| Some(input.as_view()));
    dispatch!(inputs[0].dtype(), T in [f32, f64, f16, bf16] => Ok(floats::<T>(numbers(&views)?)?.0))
        .or_else(|error: OpError| match inputs[0].dtype() {
            DType::I16 => Ok(integers::<i16>(numbers(&views)?)?.0),
            DType::I32 => Ok(integers::<i32>(numbers(&views)?)?.0),
            DType::I64 => Ok(integers::<i64>(numbers(&views)?)?.0),
            _ => Err(error),
        })
}

impl Operator for Range {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let facts = [0, 1, 2].map(|index| *required(inputs, index));
        for (name, fact) in NAMES.iter().zip(facts) {
            if fact.shape()?.is_some_and(|shape| shape.elements() != 1) {
                return Err(OpError::invalid(
                    *name,
                    format!("is {fact}, must have one element"),
                ));
            }
        }
        let count = match facts.map(|fact| fact.value.as_deref()) {
            // What is wrong with values is left to the run.
            [Some(start), Some(limit), Some(delta)] => known_count([start, limit, delta]).ok(),
            _ => None,
        };
        Ok(vec![Fact::new(facts[0].dtype, Some(vec![count]))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        match required(inputs, 0).dtype() {
            DType::F32 => fill(floats::<f32>(numbers(inputs)?)?, outputs),
            DType::F64 => fill(floats::<f64>(numbers(inputs)?)?, outputs),
            DType::F16 => fill(floats::<f16>(numbers(inputs)?)?, outputs),
            DType::BF16 => fill(floats::<bf16>(numbers(inputs)?)?, outputs),
            dtype => dispatch!(dtype, T in [i16, i32, i64] =>
                fill(integers::<T>(numbers(inputs)?)?, outputs)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::ops::Fact;
    use crate::ops::testing::{node, tensor};
    use crate::tensor::Tensor;

    fn range(start: i64, limit: i64, delta: i64) -> Result<Vec<i64>, String> {
        let inputs = [start, limit, delta].map(|x| tensor(&[], vec![x]));
        node("Range", 11)
            .run(&inputs.each_ref().map(Some))
            .map(|y| y[0].as_slice::<i64>().expect("i64").to_vec())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn ranges_go_either_way_and_may_be_empty() {
        assert_eq!(range(1, 8, 3), Ok(vec![1, 4, 7]));
        assert_eq!(range(10, 4, -2), Ok(vec![10, 8, 6]));
        assert_eq!(range(10, 4, 2), Ok(vec![]));
        assert_eq!(range(i64::MIN, i64::MAX, i64::MAX).map(|y| y.len()), Ok(3));
        assert_eq!(
            range(0, 1, 0).unwrap_err(),
            "delta is 0, must lead from start to limit"
        );
        assert!(
            range(i64::MIN, i64::MAX, 1)
                .unwrap_err()
                .starts_with("limit is too far")
        );
        let floats = [0f32, f32::INFINITY, 1.0].map(|x| tensor(&[], vec![x]));
        let error = node("Range", 11).error(&floats.each_ref().map(Some));
        assert!(error.starts_with("limit is too far"), "{error}");
        let constants = [2i64, 9, 3].map(|x| Some(Fact::constant(Arc::new(tensor(&[], vec![x])))));
        let facts = node("Range", 11).infer(&constants).expect("it fits");
        assert_eq!(facts[0].to_string(), "i64[3]");
    }

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
