//! CenterCropPad: a tensor cut or padded on both sides to a given shape.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__CenterCropPad.html>

use smallvec::smallvec;

use super::layout::{Layout, Run, relocate};
use super::{Fact, Inputs, Known, Op, Operator, Outputs, axes, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;

pub(super) const CENTER_CROP_PAD: Op = Op {
    domain: "ai.onnx",
    name: "CenterCropPad",
    newest: 18,
    read: |attributes| Ok(Box::new(CenterCropPad::read(attributes))),
    exact: true,
};

/// `input_data` to `output_data` with the sizes `shape` along `axes`; of an odd difference the larger part
/// is at the end. What is put there is 0.
#[derive(Debug)]
struct CenterCropPad {
    axes: Option<Vec<i64>>,
}

impl CenterCropPad {
    fn read(attributes: &mut Attributes<'_>) -> CenterCropPad {
        CenterCropPad {
            axes: attributes.ints("axes").map(<[i64]>::to_vec),
        }
    }
}

impl Operator for CenterCropPad {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (data, shape) = (required(inputs, 0), required(inputs, 1));
        let count = axes::list("shape", shape)?;
        let Some(mut dims) = data.dims.clone() else {
            return Ok(vec![Fact::new(data.dtype, None)]);
        };
        let axes = match &self.axes {
            Some(axes) => axes::axes("axes", axes, dims.len())?,
            None => (0..dims.len()).collect(),
        };
        if count.is_some_and(|count| count != axes.len()) {
            return Err(OpError::invalid(
                "shape",
                format!("is {shape}, must have {} values", axes.len()),
            ));
        }
        let sizes = shape.integers();
        for (index, axis) in axes.into_iter().enumerate() {
            dims[axis] = match &sizes {
                Some(sizes) => Some(axes::size(format!("shape[{index}]"), sizes[index])?),
                None => None,
            };
        }
        Ok(vec![Fact::new(data.dtype, Some(dims))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let data = required(inputs, 0);
        let shape = Known::of(inputs, &[1]).shape(self)?;
        let mut layout = Layout::of(data.shape());
        for (axis, &wanted) in layout.axes.iter_mut().zip(&*shape) {
            let run = &mut axis[0];
            match run.len {
                size if size >= wanted => {
                    run.start = Some((size - wanted) / 2 * run.step as usize);
                    run.len = wanted;
                }
                size => {
                    let before = (wanted - size) / 2;
                    let behind = wanted - size - before;
                    *axis = smallvec![Run::fill(before), *run, Run::fill(behind)];
                }
            }
        }
        relocate(data, &layout, 0, &shape, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn an_odd_difference_goes_to_the_end() {
        let crop = |dims: &[usize], shape: Vec<i64>| {
            let shape = tensor(&[shape.len()], shape);
            node("CenterCropPad", 18)
                .ints("axes", &[-1])
                .run(&[Some(&iota(dims)), Some(&shape)])
                .map(|y| y[0].as_slice::<f32>().expect("f32").to_vec())
                .map_err(|error| error.to_string())
        };
        assert_eq!(crop(&[4], vec![1]), Ok(vec![1.0]));
        assert_eq!(crop(&[2], vec![5]), Ok(vec![0.0, 0.0, 1.0, 0.0, 0.0]));
        assert_eq!(crop(&[1, 1], vec![2]), Ok(vec![0.0, 0.0]));
        assert_eq!(crop(&[0], vec![2]), Ok(vec![0.0, 0.0]));
        assert_eq!(
            crop(&[3], vec![-1]).unwrap_err(),
            "shape[0] is -1, must be at least 0"
        );
        assert_eq!(
            crop(&[3], vec![1, 1]).unwrap_err(),
            "shape is i64[2], must have 1 values"
        );
    }
}
