//! Expand and Tile: a tensor repeated along its axes.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Expand.html>,
//! <https://onnx.ai/onnx/operators/onnx__Tile.html>

use smallvec::smallvec;

use super::layout::{Layout, Run, relocate};
use super::{Dims, Fact, Inputs, Known, Op, Operator, Outputs, axes, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::{Shape, ShapeError};

pub(super) const EXPAND: Op = Op {
    domain: "ai.onnx",
    name: "Expand",
    newest: 13,
    read: |_| Ok(Box::new(Expand)),
    exact: true,
};

pub(super) const TILE: Op = Op {
    domain: "ai.onnx",
    name: "Tile",
    newest: 13,
    read: |attributes| Ok(Box::new(Tile::read(attributes))),
    exact: true,
};

/// `input` to `output`, the shape that `input` and `shape` broadcast to.
#[derive(Debug)]
struct Expand;

impl Expand {
    fn dims(input: &Fact, shape: &Fact) -> Result<Dims, OpError> {
        let rank = axes::list("shape", shape)?;
        let Some(dims) = &input.dims else {
            return Ok(None);
        };
        let Some(shape) = shape.ints() else {
            let rank = rank.map(|rank| rank.max(dims.len()));
            return match rank {
                Some(rank) if rank > Shape::MAX_RANK => Err(ShapeError::Rank(rank).into()),
                rank => Ok(rank.map(|rank| vec![None; rank])),
            };
        };
        let rank = dims.len().max(shape.len());
        if rank > Shape::MAX_RANK {
            return Err(ShapeError::Rank(rank).into());
        }
        let mut output = Vec::with_capacity(rank);
        for axis in 0..rank {
            let dim = match (axis + dims.len()).checked_sub(rank) {
                Some(axis) => dims[axis],
                None => Some(1),
            };
            let Some(at) = (axis + shape.len()).checked_sub(rank) else {
                output.push(dim);
                continue;
            };
            let size = axes::size(format!("shape[{at}]"), shape[at])?;
            output.push(match (dim, size) {
                (dim, 1) => dim,
                (None | Some(1), size) => Some(size),
                (Some(dim), size) if dim == size => Some(dim),
                _ => {
                    return Err(OpError::invalid(
                        "shape",
                        format!("is {shape:?}, must broadcast with input, which is {input}"),
                    ));
                }
            });
        }
        Ok(Some(output))
    }
}

impl Operator for Expand {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (input, shape) = (required(inputs, 0), required(inputs, 1));
        Ok(vec![Fact::new(input.dtype, Expand::dims(input, shape)?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        let shape = Known::of(inputs, &[1]).shape(self)?;
        let mut layout = Layout::of(input.shape());
        for _ in input.shape().len()..shape.len() {
            layout.axes.insert(0, smallvec![Run::new(1, 0, 0)]);
        }
        for (axis, &size) in layout.axes.iter_mut().zip(&*shape) {
            if axis[0].len != size {
                *axis = smallvec![Run::new(size, 0, 0)];
            }
        }
        relocate(input, &layout, 0, &shape, outputs)
    }
}

/// `input: [D0..Dk]` to `output: [D0 * repeats[0]..Dk * repeats[k]]`.
#[derive(Debug)]
struct Tile {
    /// In version 1, the input `tiles` says how often to repeat along the axis of the input `axis`.
    one_axis: bool,
}

impl Tile {
    fn read(attributes: &mut Attributes<'_>) -> Tile {
        Tile {
            one_axis: attributes.version() == 1,
        }
    }

    /// How often to repeat along each of `rank` axes, if that is known.
    fn repeats(
        &self,
        inputs: &[Option<&Fact>],
        rank: usize,
    ) -> Result<Option<Vec<usize>>, OpError> {
        let repeats = required(inputs, 1);
        if self.one_axis {
            let axis = required(inputs, 2);
            axes::single("tiles", repeats)?;
            axes::single("axis", axis)?;
            let number = |fact: &Fact| fact.value.as_ref()?.as_view().scalar(0)?.to_f64();
            let (Some(tiles), Some(axis)) = (number(repeats), number(axis)) else {
                return Ok(None);
            };
            let mut all = vec![1; rank];
            all[axes::axis("axis", axis as i64, rank)?] = axes::size("tiles", tiles as i64)?;
            return Ok(Some(all));
        }
        let count = axes::list("repeats", repeats)?;
        if count.is_some_and(|count| count != rank) {
            return Err(OpError::invalid(
                "repeats",
                format!("is {repeats}, must have a value for each of {rank} axes"),
            ));
        }
        let Some(values) = repeats.ints() else {
            return Ok(None);
        };
        let size = |(index, &value)| axes::size(format!("repeats[{index}]"), value);
        values
            .iter()
            .enumerate()
            .map(size)
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

impl Operator for Tile {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        let Some(dims) = &input.dims else {
            return Ok(vec![Fact::new(input.dtype, None)]);
        };
        let Some(repeats) = self.repeats(inputs, dims.len())? else {
            return Ok(vec![Fact::new(input.dtype, Some(vec![None; dims.len()]))]);
        };
        let mut output = Vec::with_capacity(dims.len());
        for (dim, repeats) in dims.iter().zip(repeats) {
            output.push(super::fact::product([*dim, Some(repeats)])?);
        }
        Ok(vec![Fact::new(input.dtype, Some(output))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        let known = Known::of(inputs, &[1, 2]);
        let shape = known.shape(self)?;
        let repeats = self.repeats(&known.facts(), shape.len())?;
        let repeats = repeats.expect("the values of the inputs are known");
        let mut layout = Layout { axes: Vec::new() };
        for (axis, repeats) in Layout::of(input.shape()).axes.into_iter().zip(repeats) {
            layout.axes.push(smallvec![Run::new(repeats, 0, 0)]);
            layout.axes.push(axis);
        }
        relocate(input, &layout, 0, &shape, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn expand_broadcasts_both_ways() {
        let expand = |dims: &[usize], shape: &[i64]| {
            let shape = tensor(&[shape.len()], shape.to_vec());
            node("Expand", 8)
                .run(&[Some(&iota(dims)), Some(&shape)])
                .map_err(|error| error.to_string())
        };
        let y = tensor(&[2, 2], vec![0.0f32, 0.0, 1.0, 1.0]);
        assert_eq!(expand(&[2, 1], &[2]), Ok(vec![y]));
        let shape = |dims, shape| expand(dims, shape).map(|y| y[0].shape().to_vec());
        assert_eq!(shape(&[3], &[1]), Ok(vec![3]));
        assert_eq!(shape(&[1], &[2, 0]), Ok(vec![2, 0]));
        assert_eq!(shape(&[], &[]), Ok(vec![]));
        assert_eq!(
            shape(&[3], &[2]).unwrap_err(),
            "shape is [2], must broadcast with input, which is f32[3]"
        );
        assert!(shape(&[3], &[-1]).is_err());
        assert!(shape(&[1, 1], &[i64::MAX, i64::MAX]).is_err());
    }

    #[test]
    fn the_text_of_repeated_strings_counts_as_memory() {
        let x = tensor(&[1], vec!["x".repeat(1000)]);
        let shape = tensor(&[1], vec![100i64]);
        let expand = node("Expand", 13);
        assert!(
            expand
                .run_within(110_000, &[Some(&x), Some(&shape)])
                .is_ok()
        );
        assert!(
            expand
                .run_within(100_000, &[Some(&x), Some(&shape)])
                .is_err()
        );
    }

    #[test]
    fn tile_repeats_along_every_axis() {
        let x = iota(&[2, 1]);
        let repeats = tensor(&[2], vec![2i64, 2]);
        let y = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0f32];
        let tile = |opset| node("Tile", opset);
        assert_eq!(
            tile(6).run(&[Some(&x), Some(&repeats)]),
            Ok(vec![tensor(&[4, 2], y.to_vec())])
        );
        let (tiles, axis) = (tensor(&[], vec![2.0f32]), tensor(&[1], vec![1.0f32]));
        assert_eq!(
            tile(1).run(&[Some(&x), Some(&tiles), Some(&axis)]),
            Ok(vec![tensor(&[2, 2], vec![0.0f32, 0.0, 1.0, 1.0])])
        );
        assert_eq!(
            tile(13).error(&[Some(&x), Some(&tensor(&[1], vec![1i64]))]),
            "repeats is i64[1], must have a value for each of 2 axes"
        );
        let huge = tensor(&[2], vec![i64::MAX, 1]);
        assert!(
            tile(13)
                .error(&[Some(&x), Some(&huge)])
                .contains("more elements than")
        );
    }
}
