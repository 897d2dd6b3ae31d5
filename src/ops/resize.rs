//! Resize and Upsample: a tensor sampled at other places along its axes.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Resize.html>,
//! <https://onnx.ai/onnx/operators/onnx__Upsample.html>
//! Places are computed as f64. Means of integers are cut off and saturate. Resize 10 and Upsample have no
//! formula for the nearest element: as in other runtimes it is the one before where an axis grows, the one
//! behind where it shrinks. A size is the product of the old one and the scale as f32, cut off.

mod mode;
mod passes;
mod sizes;
mod taps;

use half::{bf16, f16};

use super::layout::{Layout, axis_of, relocate, strides};
use super::pad::Padded;
use super::weighted::Weighted;
use super::{Fact, Inputs, Known, Op, Operator, Outputs, elements, required};
use crate::error::OpError;
use crate::tensor::{DType, Shape, Tensor, TensorView, dispatch};
pub(super) use mode::choice;
use mode::{Mode, Nearest, Policy};
use taps::Axis;
pub(super) use taps::cubic;

pub(super) const RESIZE: Op = Op {
    domain: "ai.onnx",
    name: "Resize",
    newest: 19,
    read: |attributes| Ok(Box::new(Resize::read(attributes)?)),
    exact: false,
};

pub(super) const UPSAMPLE: Op = Op {
    domain: "ai.onnx",
    name: "Upsample",
    newest: 10,
    read: |attributes| Ok(Box::new(Resize::read_upsample(attributes)?)),
    exact: false,
};

/// `X`, and `scales` or `sizes`, and `roi` for one of the modes, to `Y`.
#[derive(Debug)]
struct Resize {
    mode: Mode,
    /// Scales where they are an attribute.
    scales: Option<Vec<f32>>,
    /// The numbers of the inputs roi, scales and sizes.
    inputs: [Option<usize>; 3],
    axes: Option<Vec<i64>>,
    policy: Policy,
}

impl Resize {
    /// Resizes with weights.
    fn weigh<T: Weighted>(
        &self,
        x: &TensorView<'_>,
        all: &[Axis],
        shape: &Shape,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        outputs.check_output(shape.elements().saturating_mul(size_of::<T>()))?;
        outputs.check_scratch(passes::scratch_bytes::<T>(all, &self.mode))?;
        passes::resize(all, &self.mode, elements::<T>(x), outputs.make::<T>(shape)?)
    }

    /// Takes the nearest elements.
    fn nearest(
        &self,
        nearest: Nearest,
        x: &TensorView<'_>,
        all: &[Axis],
        shape: &Shape,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        outputs.check_output(shape.elements().saturating_mul(x.dtype().bytes()))?;
        let coordinates = self.mode.coordinates;
        let axes = all.iter().zip(strides(x.shape())).map(|(axis, stride)| {
            let places = (0..axis.output).map(|x| {
                let place = axis.place(x, coordinates);
                let on = !axis.is_outside(place, coordinates);
                on.then(|| axis.nearest(place, nearest) * stride)
            });
            axis_of(places)
        });
        let axes = axes.collect::<Result<_, OpError>>()?;
        let value = scalar(x.dtype(), self.mode.extrapolation_value);
        let padded = Padded {
            layout: Layout { axes },
            value: value.as_ref().map(Tensor::as_view),
        };
        relocate(x, &padded, 0, shape, outputs)
    }
}

/// A number of a type that has them.
fn scalar(dtype: DType, value: f64) -> Option<Tensor> {
    macro_rules! scalar {
        ($($type:ty),*) => {
            match dtype {
                DType::F16 => Tensor::new(&[], vec![f16::from_f64(value)]).ok(),
                DType::BF16 => Tensor::new(&[], vec![bf16::from_f64(value)]).ok(),
                $(dtype if dtype == <$type as crate::Element>::DTYPE => {
                    Tensor::new(&[], vec![value as $type]).ok()
                })*
                _ => None,
            }
        };
    }
    scalar!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64)
}

impl Operator for Resize {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        let Some(dims) = &x.dims else {
            return Ok(vec![Fact::new(x.dtype, None)]);
        };
        let output = match self.axes(inputs, dims)? {
            Some(all) => all.iter().map(|axis| Some(axis.output)).collect(),
            None => vec![None; dims.len()],
        };
        Ok(vec![Fact::new(x.dtype, Some(output))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        let known = Known::of(inputs, &[1, 2, 3]);
        let shape = known.shape(self)?;
        let dims = super::fact::dims_of(x.shape());
        let all = self
            .axes(&known.facts(), &dims)?
            .expect("all shapes and values are known");
        if shape.elements() == 0 {
            // An axis may be long all the same.
            return relocate(x, &Layout { axes: Vec::new() }, 0, &shape, outputs);
        }
        if let Some(nearest) = self.mode.nearest {
            return self.nearest(nearest, x, &all, &shape, outputs);
        }
        dispatch!(
            x.dtype(),
            T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64]
                => self.weigh::<T>(x, &all, &shape, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Node, iota, node, tensor};

    fn resize(node: Node, dims: &[usize], scales: &[f32]) -> Result<Vec<f32>, String> {
        let scales = tensor(&[scales.len()], scales.to_vec());
        node.run(&[Some(&iota(dims)), Some(&scales)])
            .map(|y| y[0].as_slice().expect("f32").to_vec())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn old_versions_take_the_element_before_or_behind() {
        let old = || node("Resize", 10);
        assert_eq!(resize(old(), &[2], &[2.0]), Ok(vec![0.0, 0.0, 1.0, 1.0]));
        assert_eq!(resize(old(), &[4], &[0.6]), Ok(vec![0.0, 2.0]));
        let linear = old().string("mode", "linear");
        assert_eq!(resize(linear, &[2], &[2.0]), Ok(vec![0.0, 0.5, 1.0, 1.0]));
        assert_eq!(
            resize(node("Upsample", 9), &[1, 1], &[1.0, 3.0]),
            Ok(vec![0.0; 3])
        );
        let seven = node("Upsample", 7).floats("scales", &[1.0, 2.0]);
        let y = seven.run(&[Some(&iota(&[1, 2]))]).expect("it runs");
        assert_eq!(y[0], tensor(&[1, 4], vec![0.0f32, 0.0, 1.0, 1.0]));
        let one = node("Upsample", 1)
            .float("height_scale", 1.0)
            .float("width_scale", 2.0);
        let y = one
            .string("mode", "bilinear")
            .run(&[Some(&iota(&[1, 1, 1, 2]))])
            .expect("it runs");
        assert_eq!(y[0], tensor(&[1, 1, 1, 4], vec![0.0f32, 0.5, 1.0, 1.0]));
    }

    #[test]
    fn what_lies_outside_of_a_crop_is_filled() {
        let crop = node("Resize", 13)
            .string("coordinate_transformation_mode", "tf_crop_and_resize")
            .float("extrapolation_value", 7.0);
        let (roi, size) = (tensor(&[2], vec![-0.5f32, 1.5]), tensor(&[1], vec![13i64]));
        let inputs = iota(&[7]);
        let y = crop.run(&[Some(&inputs), Some(&roi), None, Some(&size)]);
        let y = y.expect("it runs");
        let wanted = [
            7.0f32, 7.0, 7.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 7.0, 7.0,
        ];
        assert_eq!(y[0], tensor(&[13], wanted.to_vec()));
    }

    #[test]
    fn strings_and_integers() {
        let scales = tensor(&[1], vec![2.0f32]);
        let texts = tensor(&[1], vec!["a".to_string()]);
        let new = || node("Resize", 19);
        let y = new()
            .run(&[Some(&texts), None, Some(&scales)])
            .expect("it runs");
        assert_eq!(y[0], tensor(&[2], vec!["a".to_string(); 2]));
        let linear = new().string("mode", "linear");
        let bytes = tensor(&[2], vec![0u8, 255]);
        let y = linear
            .run(&[Some(&bytes), None, Some(&scales)])
            .expect("it runs");
        assert_eq!(y[0], tensor(&[4], vec![0u8, 63, 191, 255]));
        assert!(
            linear
                .error(&[Some(&texts), None, Some(&scales)])
                .contains("string")
        );
    }

    #[test]
    fn scales_and_sizes_are_checked() {
        let x = iota(&[2]);
        let new = node("Resize", 13);
        let scales = |scale| tensor(&[1], vec![scale]);
        let sizes = tensor(&[1], vec![3i64]);
        assert_eq!(
            new.error(&[Some(&x), None, Some(&scales(0.0))]),
            "scales[0] is 0, must be above 0"
        );
        assert_eq!(new.error(&[Some(&x)]), "scales and sizes are missing");
        assert!(
            new.error(&[Some(&x), None, Some(&scales(f32::MAX))])
                .contains("addressed")
        );
        assert!(
            new.error(&[Some(&iota(&[2, 2])), None, None, Some(&sizes)])
                .contains("has 1 values")
        );
        assert!(
            new.error(&[Some(&iota(&[0])), None, None, Some(&sizes)])
                .contains("cannot grow")
        );
        let empty = tensor(&[0], Vec::<f32>::new());
        let y = node("Resize", 11).run(&[Some(&x), Some(&empty), Some(&empty), Some(&sizes)]);
        assert_eq!(**y.expect("it runs")[0].shape(), [3]);
    }
}
