//! Shape and Size: the dimensions of a tensor, and how many elements it has.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Shape.html>,
//! <https://onnx.ai/onnx/operators/onnx__Size.html>

use std::ops::Range;
use std::sync::Arc;

use super::{Fact, Inputs, Op, Operator, Outputs, fact, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::{DType, Shape, Tensor};

pub(super) const SHAPE: Op = Op {
    domain: "ai.onnx",
    name: "Shape",
    newest: 25,
    read: |attributes| Ok(Box::new(Dimensions::read(attributes))),
    exact: true,
};

pub(super) const SIZE: Op = Op {
    domain: "ai.onnx",
    name: "Size",
    newest: 25,
    read: |_| Ok(Box::new(Size)),
    exact: true,
};

/// `data` to `shape`, its dimensions from `start` to before `end`.
#[derive(Debug)]
struct Dimensions {
    start: i64,
    end: Option<i64>,
}

impl Dimensions {
    fn read(attributes: &mut Attributes<'_>) -> Dimensions {
        Dimensions {
            start: attributes.int("start").unwrap_or(0),
            end: attributes.int("end"),
        }
    }

    /// The axes that are asked for; bounds beyond the rank are moved to it.
    fn range(&self, rank: usize) -> Range<usize> {
        let rank = rank as i64;
        let bound = |bound: i64| match bound < 0 {
            true => bound.saturating_add(rank).max(0),
            false => bound.min(rank),
        };
        let (start, end) = (bound(self.start), self.end.map_or(rank, bound));
        start as usize..end.max(start) as usize
    }
}

/// A constant of type i64, if all of it is known.
fn constant(dims: &[usize], values: Option<Vec<i64>>) -> Fact {
    match values.map(|values| Tensor::new(dims, values)) {
        Some(Ok(value)) => Fact::constant(Arc::new(value)),
        _ => Fact::of(DType::I64, dims),
    }
}

impl Operator for Dimensions {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let data = required(inputs, 0);
        let Some(dims) = &data.dims else {
            return Ok(vec![Fact::new(DType::I64, Some(vec![None]))]);
        };
        let dims = &dims[self.range(dims.len())];
        let values = dims.iter().map(|dim| dim.map(|dim| dim as i64)).collect();
        Ok(vec![constant(&[dims.len()], values)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let shape = required(inputs, 0).shape();
        let dims = &shape[self.range(shape.len())];
        let y = outputs.make::<i64>(&Shape::new(&[dims.len()])?)?;
        for (y, &dim) in y.iter_mut().zip(dims) {
            *y = dim as i64;
        }
        Ok(())
    }
}

/// `data` to `size`, a scalar.
#[derive(Debug)]
struct Size;

impl Operator for Size {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let data = required(inputs, 0);
        let size = match &data.dims {
            Some(dims) => fact::product(dims.iter().copied())?,
            None => None,
        };
        Ok(vec![constant(&[], size.map(|size| vec![size as i64]))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let size = required(inputs, 0).shape().elements();
        outputs.make::<i64>(&Shape::default())?[0] = size as i64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::Fact;
    use crate::ops::testing::{Node, iota, node, tensor};
    use crate::tensor::DType;

    #[test]
    fn bounds_beyond_the_rank_are_moved_to_it() {
        let shape = |node: Node| {
            let y = node.run(&[Some(&iota(&[2, 0, 3]))]).expect("it runs");
            y[0].as_slice::<i64>().expect("i64").to_vec()
        };
        assert_eq!(shape(node("Shape", 1)), [2, 0, 3]);
        let part = |start, end| shape(node("Shape", 15).int("start", start).int("end", end));
        assert_eq!(part(-2, 9), [0, 3]);
        assert_eq!(part(-9, -1), [2, 0]);
        assert_eq!(part(2, 1), [0; 0]);
        assert_eq!(part(i64::MIN, i64::MAX), [2, 0, 3]);
        let size = node("Size", 13).run(&[Some(&iota(&[2, 3]))]);
        assert_eq!(size, Ok(vec![tensor(&[], vec![6i64])]));
    }

    #[test]
    fn what_is_known_is_a_constant() {
        let fact = Fact::new(DType::F32, Some(vec![None, Some(3)]));
        let infer = |node: Node| node.infer(&[Some(fact.clone())]).expect("it fits")[0].clone();
        assert_eq!(
            infer(node("Shape", 15).int("start", 1)).ints(),
            Some(&[3][..])
        );
        let open = infer(node("Shape", 13));
        assert_eq!((open.ints(), open.to_string().as_str()), (None, "i64[2]"));
    }
}
