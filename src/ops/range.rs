//! Range: numbers in equal steps.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Range.html>

use half::{bf16, f16};

use super::convert::{Numeric, one};
use super::number::{Float, Integer};
use super::{Fact, Inputs, Op, Operator, Outputs, elementwise, required};
use crate::error::OpError;
use crate::tensor::{DType, Element, Shape, Tensor, dispatch};

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
) -> Result<(usize, impl Fn(usize) -> T + Sync), OpError> {
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
) -> Result<(usize, impl Fn(usize) -> T + Sync), OpError> {
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
    (count, element): (usize, impl Fn(usize) -> T + Sync),
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    let y = outputs.make(&Shape::new(&[count])?)?;
    elementwise::in_chunks(y, |start, y| {
        for (index, y) in (start..).zip(y) {
            *y = element(index);
        }
    });
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
}
