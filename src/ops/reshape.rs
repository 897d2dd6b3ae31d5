//! Reshape: the same elements under another shape.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Reshape.html>

use super::fact::{self, Dims};
use super::{Fact, Inputs, Op, Operator, Outputs, Step, elements, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::{Shape, ShapeError};

pub(super) const RESHAPE: Op = Op {
    domain: "ai.onnx",
    name: "Reshape",
    newest: 25,
    read: |attributes| Ok(Box::new(Reshape::read(attributes)?)),
    exact: true,
};

/// `data` of any shape to `reshaped` of the wanted one, in which -1 stands for what is left over and 0,
/// unless `allowzero` is set, for the dimension of `data` in the same place.
#[derive(Debug)]
struct Reshape {
    /// The wanted shape where it is an attribute, as in version 1; later it is an input.
    shape: Option<Vec<i64>>,
    allow_zero: bool,
}

impl Reshape {
    fn read(attributes: &mut Attributes<'_>) -> Result<Reshape, OpError> {
        attributes.ignore(
            "consumed_inputs",
            "a hint on buffers, without effect on results",
        );
        let shape = match attributes.version() {
            1 => Some(
                attributes
                    .ints("shape")
                    .ok_or_else(|| OpError::invalid("shape", "is missing"))?
                    .to_vec(),
            ),
            _ => None,
        };
        Ok(Reshape {
            shape,
            allow_zero: attributes.flag("allowzero")?,
        })
    }

    /// The dimensions of `data` under the shape `target`.
    fn resolve(&self, data: &Fact, target: &[i64]) -> Result<Dims, OpError> {
        check_rank(target.len())?;
        let copies = |axis: usize| !self.allow_zero && target.get(axis) == Some(&0);
        let mut output = Vec::with_capacity(target.len());
        let mut open = None;
        for (axis, &size) in target.iter().enumerate() {
            output.push(match size {
                -1 => {
                    if let Some(first) = open.replace(axis) {
                        return Err(OpError::invalid(
                            format!("shape[{axis}]"),
                            format!("is -1 as shape[{first}] is, must be the only one"),
                        ));
                    }
                    None
                }
                _ if copies(axis) => match &data.dims {
                    None => None,
                    Some(dims) => *dims.get(axis).ok_or_else(|| {
                        OpError::invalid(
                            format!("shape[{axis}]"),
                            format!("is 0, must stand for a dimension of data, which is {data}"),
                        )
                    })?,
                },
                size => Some(usize::try_from(size).map_err(|_| {
                    OpError::invalid(
                        format!("shape[{axis}]"),
                        format!("is {size}, must be at least -1"),
                    )
                })?),
            });
        }
        if let Some(axis) = open
            && output.contains(&Some(0))
        {
            return Err(OpError::invalid(
                format!("shape[{axis}]"),
                format!("is -1 beside a dimension of 0, must be given for data {data}"),
            ));
        }
        let Some(dims) = &data.dims else {
            return Ok(Some(output));
        };
        // Dimensions that are copied count alike on both sides, also while they are unknown.
        let whole = fact::product(
            (0..dims.len())
                .filter(|axis| !copies(*axis))
                .map(|axis| dims[axis]),
        )?;
        let given = (0..output.len()).filter(|axis| !copies(*axis) && Some(*axis) != open);
        let given = fact::product(given.map(|axis| output[axis]))?;
        let (Some(whole), Some(given)) = (whole, given) else {
            return Ok(Some(output));
        };
        let fits = match open {
            // `given` is not 0, or there would be a dimension of 0.
            Some(axis) => {
                output[axis] = Some(whole / given);
                whole % given == 0
            }
            None => whole == given || output.contains(&Some(0)) && dims.contains(&Some(0)),
        };
        match fits {
            true => Ok(Some(output)),
            false => Err(OpError::invalid(
                "shape",
                format!("is {target:?}, must hold the elements of data, which is {data}"),
            )),
        }
    }
}

fn check_rank(rank: usize) -> Result<(), OpError> {
    match rank <= Shape::MAX_RANK {
        true => Ok(()),
        false => Err(ShapeError::Rank(rank).into()),
    }
}

/// The rank that the input `shape` asks for, if it is known.
fn rank(shape: &Fact) -> Result<Option<usize>, OpError> {
    match shape.dims.as_deref() {
        None | Some([None]) => Ok(None),
        Some([Some(rank)]) => check_rank(*rank).map(|()| Some(*rank)),
        Some(_) => Err(OpError::invalid(
            "shape",
            format!("is {shape}, must have one axis"),
        )),
    }
}

impl Operator for Reshape {
    fn picks(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let data = required(inputs, 0);
        let dims = match &self.shape {
            Some(target) => self.resolve(data, target)?,
            None => {
                let shape = required(inputs, 1);
                let rank = rank(shape)?;
                match shape.ints() {
                    Some(target) => self.resolve(data, target)?,
                    None => rank.map(|rank| vec![None; rank]),
                }
            }
        };
        Ok(vec![Fact::new(data.dtype, dims)])
    }

    fn step(&self, inputs: &[Option<Fact>]) -> Option<Step> {
        let given =
            |shape: &Option<Fact>| shape.as_ref().is_some_and(|shape| shape.value.is_some());
        (self.shape.is_some() || inputs.get(1).is_some_and(given)).then_some(Step::Reshape)
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let data = required(inputs, 0);
        let target = match &self.shape {
            Some(target) => target,
            None => {
                let shape = required(inputs, 1);
                rank(&Fact::from(shape))?;
                elements::<i64>(shape)
            }
        };
        let shape = fact::known(self.resolve(&Fact::from(data), target)?)?;
        outputs.pass(inputs, 0, &shape)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::ops::Fact;
    use crate::ops::testing::{iota, node, tensor};
    use crate::tensor::DType;

    fn reshape(dims: &[usize], target: &[i64], allow_zero: i64) -> Result<Vec<usize>, String> {
        let shape = tensor(&[target.len()], target.to_vec());
        node("Reshape", 14)
            .int("allowzero", allow_zero)
            .run(&[Some(&iota(dims)), Some(&shape)])
            .map(|y| y[0].shape().to_vec())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn minus_one_and_zero_are_resolved() {
        assert_eq!(reshape(&[2, 3, 4], &[4, 6], 0), Ok(vec![4, 6]));
        assert_eq!(reshape(&[2, 3, 4], &[0, -1], 0), Ok(vec![2, 12]));
        assert_eq!(reshape(&[2, 3, 4], &[-1], 0), Ok(vec![24]));
        assert_eq!(reshape(&[2, 3, 4], &[0, 0, 0, 1], 0), Ok(vec![2, 3, 4, 1]));
        assert_eq!(reshape(&[1], &[], 0), Ok(vec![]));
        assert_eq!(reshape(&[], &[1, -1], 0), Ok(vec![1, 1]));
        assert_eq!(reshape(&[0, 3], &[0, 7], 0), Ok(vec![0, 7]));
        assert_eq!(reshape(&[0, 3], &[3, 0], 1), Ok(vec![3, 0]));
        assert_eq!(reshape(&[0, 3], &[3, -1], 0), Ok(vec![3, 0]));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let error = |dims: &[usize], target: &[i64], allow_zero| {
            reshape(dims, target, allow_zero).unwrap_err()
        };
        assert_eq!(
            error(&[2, 3], &[-1, -1], 0),
            "shape[1] is -1 as shape[0] is, must be the only one"
        );
        assert_eq!(
            error(&[2, 3], &[-2, 3], 0),
            "shape[0] is -2, must be at least -1"
        );
        assert_eq!(
            error(&[2, 3], &[2, 3, 0], 0),
            "shape[2] is 0, must stand for a dimension of data, which is f32[2,3]"
        );
        assert_eq!(
            error(&[2, 3], &[4, -1], 0),
            "shape is [4, -1], must hold the elements of data, which is f32[2,3]"
        );
        assert_eq!(
            error(&[2, 3], &[7], 0),
            "shape is [7], must hold the elements of data, which is f32[2,3]"
        );
        assert_eq!(
            error(&[0, 3], &[0, -1], 1),
            "shape[1] is -1 beside a dimension of 0, must be given for data f32[0,3]"
        );
        assert!(error(&[0, 3], &[0, -1], 0).contains("beside a dimension of 0"));
        assert!(error(&[2, 3], &[0, 3], 1).contains("must hold the elements"));
        assert!(
            error(&[0], &[i64::MAX, i64::MAX], 0).contains("more elements than can be addressed")
        );
        assert!(
            error(&[0], &[1 << 40, 1 << 40, 0], 1).contains("more elements than can be addressed")
        );
        assert_eq!(error(&[1], &[1; 33], 0), "rank 33 is above the limit of 32");
        assert_eq!(error(&[1], &[1], 2), "allowzero is 2, must be 0 or 1");
        let matrix = tensor(&[1, 1], vec![1i64]);
        assert_eq!(
            node("Reshape", 5).error(&[Some(&iota(&[1])), Some(&matrix)]),
            "shape is i64[1,1], must have one axis"
        );
    }

    #[test]
    fn version_1_takes_an_attribute() {
        let y = node("Reshape", 1)
            .ints("shape", &[0, -1])
            .ints("consumed_inputs", &[0])
            .run(&[Some(&iota(&[2, 2, 2]))])
            .expect("it runs");
        assert_eq!(**y[0].shape(), [2, 4]);
        assert_eq!(
            node("Reshape", 1).error(&[Some(&iota(&[2]))]),
            "shape is missing"
        );
    }

    #[test]
    fn inference_goes_as_far_as_dimensions_and_constants_do() {
        let infer = |data: Option<Vec<Option<usize>>>, shape: Fact| {
            node("Reshape", 13)
                .infer(&[Some(Fact::new(DType::F32, data)), Some(shape)])
                .map(|facts| facts[0].to_string())
                .map_err(|error| error.to_string())
        };
        let constant =
            |target: &[i64]| Fact::constant(Arc::new(tensor(&[target.len()], target.to_vec())));
        let batch = Some(vec![None, Some(3), Some(4)]);
        assert_eq!(
            infer(batch.clone(), constant(&[0, -1])).as_deref(),
            Ok("f32[?,12]")
        );
        assert_eq!(
            infer(batch.clone(), constant(&[-1, 12])).as_deref(),
            Ok("f32[?,12]")
        );
        assert_eq!(infer(None, constant(&[0, 2])).as_deref(), Ok("f32[?,2]"));
        assert!(infer(batch.clone(), constant(&[0, 13])).is_err());
        let wanted = |dims| Fact::new(DType::I64, dims);
        assert_eq!(
            infer(batch.clone(), wanted(Some(vec![Some(2)]))).as_deref(),
            Ok("f32[?,?]")
        );
        assert_eq!(
            infer(batch.clone(), wanted(None)).as_deref(),
            Ok("f32[...]")
        );
        assert!(infer(batch, wanted(Some(vec![Some(usize::MAX)]))).is_err());
    }
}
