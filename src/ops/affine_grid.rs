//! AffineGrid: the points of a grid under affine maps, for GridSample.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__AffineGrid.html>
//! Where the corners are aligned, the one point of an axis of size 1 is at 0.

use half::{bf16, f16};

use super::weighted::{Float, Weighted};
use super::{Fact, Inputs, Known, Op, Operator, Outputs, axes, elements, elementwise, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::dispatch;

pub(super) const AFFINE_GRID: Op = Op {
    domain: "ai.onnx",
    name: "AffineGrid",
    newest: 20,
    read: |attributes| Ok(Box::new(AffineGrid::read(attributes)?)),
    exact: false,
};

/// `theta: [N, k, k + 1]`, a map for each image, and `size`, `N, C, D1..Dk`, to `grid: [N, D1..Dk, k]`, where
/// k is 2 or 3.
#[derive(Debug)]
struct AffineGrid {
    align_corners: bool,
}

impl AffineGrid {
    fn read(attributes: &mut Attributes<'_>) -> Result<AffineGrid, OpError> {
        Ok(AffineGrid {
            align_corners: attributes.flag("align_corners")?,
        })
    }

    /// The coordinate of point `at` on an axis of `size`.
    fn coordinate(&self, at: usize, size: usize) -> f64 {
        let (at, size) = (at as f64, size as f64);
        match self.align_corners {
            true if size == 1.0 => 0.0,
            true => 2.0 * at / (size - 1.0) - 1.0,
            false => (2.0 * at + 1.0) / size - 1.0,
        }
    }

    fn map<T: Weighted>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError>
    where
        T::Float: Into<f64>,
    {
        let shape = Known::of(inputs, &[1]).shape(self)?;
        let theta = elements::<T>(required(inputs, 0));
        let (rank, sizes) = (shape.len() - 2, &shape[1..shape.len() - 1]);
        let points: usize = sizes.iter().product();
        let y = outputs.make::<T>(&shape)?;
        elementwise::slabs(y, rank, rank * rank, |index, y| {
            let (image, mut point) = (index / points, index % points);
            // The innermost coordinate first, and a 1 behind the last.
            let mut homogeneous = [1.0; 4];
            for (coordinate, &size) in homogeneous.iter_mut().zip(sizes.iter().rev()) {
                *coordinate = self.coordinate(point % size, size);
                point /= size;
            }
            let maps = theta[image * rank * (rank + 1)..].chunks(rank + 1);
            for (y, map) in y.iter_mut().zip(maps) {
                let terms = map
                    .iter()
                    .zip(homogeneous)
                    .map(|(&a, x)| a.widen().into() * x);
                *y = T::narrow(Float::of(terms.fold(0.0, |sum, term| sum + term)));
            }
        });
        Ok(())
    }
}

impl Operator for AffineGrid {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (theta, size) = (required(inputs, 0), required(inputs, 1));
        let axes = axes::list("size", size)?;
        let rank = match axes {
            Some(axes @ (4 | 5)) => Some(axes - 2),
            None => None,
            Some(_) => {
                return Err(OpError::invalid(
                    "size",
                    format!("is {size}, must have 4 or 5 values"),
                ));
            }
        };
        let differ =
            |a: Option<usize>, b: Option<usize>| matches!((a, b), (Some(a), Some(b)) if a != b);
        let sizes = size.ints();
        if let Some(dims) = &theta.dims {
            let batch = sizes.and_then(|sizes| usize::try_from(sizes[0]).ok());
            if dims.len() != 3
                || differ(dims[0], batch)
                || differ(dims[1], rank)
                || differ(dims[2], rank.map(|rank| rank + 1))
            {
                return Err(OpError::invalid(
                    "theta",
                    format!("is {theta}, must hold a map for each image of size {sizes:?}"),
                ));
            }
        }
        let Some(rank) = rank else {
            return Ok(vec![Fact::new(theta.dtype, None)]);
        };
        let Some(sizes) = sizes else {
            let dims = [vec![None; rank + 1], vec![Some(rank)]].concat();
            return Ok(vec![Fact::new(theta.dtype, Some(dims))]);
        };
        let mut dims = Vec::with_capacity(rank + 2);
        for (at, &value) in sizes.iter().enumerate() {
            let size = axes::size(format!("size[{at}]"), value)?;
            if at != 1 {
                dims.push(Some(size));
            }
        }
        dims.push(Some(rank));
        Ok(vec![Fact::new(theta.dtype, Some(dims))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        dispatch!(
            required(inputs, 0).dtype(),
            T in [f32, f64, f16, bf16] => self.map::<T>(inputs, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn sizes_of_one_and_zero() {
        let theta = tensor(&[1, 2, 3], vec![1.0f32, 0.0, 0.5, 0.0, 2.0, 0.0]);
        let grid = |size: [i64; 4]| {
            node("AffineGrid", 20)
                .int("align_corners", 1)
                .run(&[Some(&theta), Some(&tensor(&[4], size.to_vec()))])
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            grid([1, 1, 1, 2]),
            Ok(vec![tensor(&[1, 1, 2, 2], vec![-0.5f32, 0.0, 1.5, 0.0])])
        );
        assert_eq!(
            **grid([1, 9, 0, 2]).expect("it runs")[0].shape(),
            [1, 0, 2, 2]
        );
        assert!(
            grid([2, 1, 1, 2])
                .unwrap_err()
                .contains("must hold a map for each image")
        );
        assert_eq!(
            grid([1, 1, -1, 2]).unwrap_err(),
            "size[2] is -1, must be at least 0"
        );
    }
}
