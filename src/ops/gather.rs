//! Gather, GatherElements, GatherND: elements of a tensor by their indices.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Gather.html>,
//! <https://onnx.ai/onnx/operators/onnx__GatherElements.html>,
//! <https://onnx.ai/onnx/operators/onnx__GatherND.html>
//! Negative indices count from the end of their axis; those outside it are errors.

use std::borrow::Cow;

use super::indices::{Elements, Tuples, integers};
use super::layout::{Blocks, Slices, relocate};
use super::{Fact, Inputs, Known, Op, Operator, Outputs, axes, required};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::stop;

pub(super) const GATHER: Op = Op {
    domain: "ai.onnx",
    name: "Gather",
    newest: 13,
    read: |attributes| Ok(Box::new(Gather::read(attributes))),
    exact: true,
};

pub(super) const GATHER_ELEMENTS: Op = Op {
    domain: "ai.onnx",
    name: "GatherElements",
    newest: 13,
    read: |attributes| Ok(Box::new(GatherElements::read(attributes))),
    exact: true,
};

pub(super) const GATHER_ND: Op = Op {
    domain: "ai.onnx",
    name: "GatherND",
    newest: 13,
    read: |attributes| Ok(Box::new(GatherNd::read(attributes))),
    exact: true,
};

/// `data` and `indices` to `output`, whose axis `axis` is replaced by those of `indices`.
#[derive(Debug)]
struct Gather {
    axis: i64,
}

impl Gather {
    fn read(attributes: &mut Attributes<'_>) -> Gather {
        Gather {
            axis: attributes.int("axis").unwrap_or(0),
        }
    }
}

impl Operator for Gather {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (data, indices) = (required(inputs, 0), required(inputs, 1));
        let mut output = None;
        if let Some(dims) = &data.dims {
            let axis = axes::axis("axis", self.axis, dims.len())?;
            let join = |indices: &Vec<_>| [&dims[..axis], indices, &dims[axis + 1..]].concat();
            output = indices.dims.as_ref().map(join);
        }
        Ok(vec![Fact::new(data.dtype, output)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (data, indices) = (required(inputs, 0), required(inputs, 1));
        let shape = Known::of(inputs, &[]).shape(self)?;
        let axis = axes::axis("axis", self.axis, data.shape().len())?;
        outputs.check_output(shape.elements().saturating_mul(data.dtype().bytes()))?;
        let indices = integers(indices)?;
        outputs.check_scratch(indices.len().saturating_mul(size_of::<usize>()))?;
        let size = data.shape()[axis];
        let mut places = allocate::with_capacity(indices.len());
        for (at, &index) in indices.iter().enumerate() {
            stop::check_step(at)?;
            places.push(axes::place("indices", at, index, size)?);
        }
        let slices = Slices {
            places,
            size,
            block: data.shape()[axis + 1..].iter().product(),
        };
        relocate(data, &slices, 0, &shape, outputs)
    }
}

/// `data` and `indices` of one rank to `output` of the shape of `indices`: each index is a place on the
/// axis `axis`, the other coordinates are those of the index itself.
#[derive(Debug)]
struct GatherElements {
    axis: i64,
}

impl GatherElements {
    fn read(attributes: &mut Attributes<'_>) -> GatherElements {
        GatherElements {
            axis: attributes.int("axis").unwrap_or(0),
        }
    }
}

impl Operator for GatherElements {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (data, indices) = (required(inputs, 0), required(inputs, 1));
        Elements::check(data, indices, self.axis)?;
        Ok(vec![Fact::new(data.dtype, indices.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (data, indices) = (required(inputs, 0), required(inputs, 1));
        let shape = Known::of(inputs, &[]).shape(self)?;
        let axis = axes::axis("axis", self.axis, data.shape().len())?;
        let elements = Elements {
            data: data.shape(),
            shape: indices.shape(),
            axis,
        };
        let starts = elements.places(&integers(indices)?, outputs)?;
        relocate(data, &Blocks { starts, block: 1 }, 0, &shape, outputs)
    }
}

/// `data: [B.., D..]` and `indices: [B.., I.., n]` to `output: [B.., I.., D[n..]..]`: the last axis of
/// `indices` holds coordinates in the first axes of `data` behind the `batch_dims` axes `B`.
#[derive(Debug)]
struct GatherNd {
    batch_dims: i64,
}

impl GatherNd {
    fn read(attributes: &mut Attributes<'_>) -> GatherNd {
        GatherNd {
            batch_dims: attributes.int("batch_dims").unwrap_or(0),
        }
    }
}

impl Operator for GatherNd {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (data, indices) = (required(inputs, 0), required(inputs, 1));
        let batch = axes::size("batch_dims", self.batch_dims)?;
        let coordinates = Tuples::check(data, indices, batch)?;
        let dims = match (&data.dims, &indices.dims, coordinates) {
            (Some(data), Some(indices), Some(count)) => {
                let (_, kept) = indices.split_last().expect("it was checked");
                Some([kept, &data[batch + count..]].concat())
            }
            _ => None,
        };
        Ok(vec![Fact::new(data.dtype, dims)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (data, indices) = (required(inputs, 0), required(inputs, 1));
        let shape = Known::of(inputs, &[]).shape(self)?;
        let values: Cow<'_, [i64]> = integers(indices)?;
        let tuples = Tuples {
            data: data.shape(),
            shape: indices.shape(),
            batch: self.batch_dims as usize,
        };
        outputs.check_output(shape.elements().saturating_mul(data.dtype().bytes()))?;
        let starts = tuples.places(&values, outputs)?;
        let block = tuples.block();
        relocate(data, &Blocks { starts, block }, 0, &shape, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn negative_indices_wrap_and_others_are_errors() {
        let x = iota(&[3, 2]);
        let gather = |indices: Vec<i32>, axis| {
            let indices = tensor(&[indices.len()], indices);
            node("Gather", 13)
                .int("axis", axis)
                .run(&[Some(&x), Some(&indices)])
                .map_err(|error| error.to_string())
        };
        let y = tensor(&[2, 2], vec![4.0f32, 5.0, 0.0, 1.0]);
        assert_eq!(gather(vec![-1, 0], 0), Ok(vec![y]));
        let y = tensor(&[3, 1], vec![1.0f32, 3.0, 5.0]);
        assert_eq!(gather(vec![-1], -1), Ok(vec![y]));
        assert_eq!(
            gather(vec![0, 3], 0).unwrap_err(),
            "indices[1] is 3, must be in -3..3"
        );
        assert!(gather(vec![i32::MIN], 0).is_err());
        assert!(gather(vec![0], 2).is_err());
        let scalar = tensor(&[], vec![1i64]);
        let y = node("Gather", 1)
            .run(&[Some(&x), Some(&scalar)])
            .expect("it runs");
        assert_eq!(y[0], tensor(&[2], vec![2.0f32, 3.0]));
        let (empty, none) = (iota(&[0, 2]), tensor(&[0], Vec::<i64>::new()));
        let y = node("Gather", 13)
            .run(&[Some(&empty), Some(&none)])
            .expect("it runs");
        assert_eq!(**y[0].shape(), [0, 2]);
        assert!(
            !node("Gather", 13)
                .error(&[Some(&empty), Some(&scalar)])
                .is_empty()
        );
    }

    #[test]
    fn indices_of_elements_may_cover_less_than_the_data() {
        let x = iota(&[3, 3]);
        let indices = tensor(&[1, 2], vec![2i64, -3]);
        let y = node("GatherElements", 13).run(&[Some(&x), Some(&indices)]);
        assert_eq!(y, Ok(vec![tensor(&[1, 2], vec![6.0f32, 1.0])]));
        let wide = tensor(&[1, 4], vec![0i64; 4]);
        assert_eq!(
            node("GatherElements", 13).error(&[Some(&x), Some(&wide)]),
            "indices is i64[1,4], must not be larger than data, which is f32[3,3], but along axis 0"
        );
    }

    #[test]
    fn coordinates_are_checked() {
        let x = iota(&[2, 2]);
        let gather = |dims: &[usize], indices: Vec<i64>, batch| {
            node("GatherND", 13)
                .int("batch_dims", batch)
                .run(&[Some(&x), Some(&tensor(dims, indices))])
                .map_err(|error| error.to_string())
        };
        let y = tensor(&[2], vec![3.0f32, 0.0]);
        assert_eq!(gather(&[2, 2], vec![-1, 1, 0, 0], 0), Ok(vec![y]));
        let y = tensor(&[2], vec![1.0f32, 2.0]);
        assert_eq!(gather(&[2, 1], vec![1, 0], 1), Ok(vec![y]));
        let all = tensor(&[1, 2, 2], vec![0.0f32, 1.0, 2.0, 3.0]);
        assert_eq!(gather(&[1, 0], vec![], 0), Ok(vec![all]));
        assert_eq!(
            gather(&[1, 1], vec![2], 0).unwrap_err(),
            "indices[0] is 2, must be in -2..2"
        );
        assert!(
            gather(&[1, 3], vec![0; 3], 0)
                .unwrap_err()
                .contains("coordinates")
        );
        assert!(gather(&[1, 1], vec![0], 1).unwrap_err().contains("batch"));
        assert!(gather(&[1, 1], vec![0], -1).is_err());
    }
}
