//! Col2Im: columns of windows added up to images.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Col2Im.html>
//! Differs: numbers only, since strings and truth values have no sum. Integers wrap; 16-bit floats are
//! summed up as f32.

use half::{bf16, f16};
use num_complex::Complex;

use super::{Fact, Inputs, Known, Op, Operator, Outputs, axes, elements, fact, required};
use crate::conv::add;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::parts;
use crate::stop;
use crate::tensor::{Element, dispatch};
use crate::window::{Axes, Window};

pub(super) const COL2IM: Op = Op {
    domain: "ai.onnx",
    name: "Col2Im",
    newest: 18,
    read: |attributes| Ok(Box::new(Col2Im::read(attributes))),
    exact: false,
};

/// `input: [N, C * taps, windows]`, `image_shape` and `block_shape`, the window, to
/// `output: [N, C, image_shape..]`.
#[derive(Debug)]
struct Col2Im {
    strides: Option<Vec<i64>>,
    dilations: Option<Vec<i64>>,
    pads: Option<Vec<i64>>,
}

impl Col2Im {
    fn read(attributes: &mut Attributes<'_>) -> Col2Im {
        let mut ints = |name| attributes.ints(name).map(<[i64]>::to_vec);
        Col2Im {
            strides: ints("strides"),
            dilations: ints("dilations"),
            pads: ints("pads"),
        }
    }

    /// The window laid over the image, if both are known.
    fn axes(&self, inputs: &[Option<&Fact>]) -> Result<Option<Axes>, OpError> {
        let (image, block) = (required(inputs, 1), required(inputs, 2));
        let (image_rank, block_rank) = (
            axes::list("image_shape", image)?,
            axes::list("block_shape", block)?,
        );
        if let (Some(image), Some(block)) = (image_rank, block_rank)
            && image != block
        {
            return Err(OpError::invalid(
                "block_shape",
                format!("has {block} values, image_shape has {image}"),
            ));
        }
        let (Some(image), Some(block)) = (image.ints(), block.ints()) else {
            return Ok(None);
        };
        let mut window = Window::new(block);
        if let Some(strides) = &self.strides {
            window = window.strides(strides.clone());
        }
        if let Some(dilations) = &self.dilations {
            window = window.dilations(dilations.clone());
        }
        if let Some(pads) = &self.pads {
            window = window.pads(pads.clone());
        }
        let size = |(at, &size)| axes::size(format!("image_shape[{at}]"), size);
        let sizes: Vec<usize> = image
            .iter()
            .enumerate()
            .map(size)
            .collect::<Result<_, _>>()?;
        window.axes(&sizes).map(Some)
    }

    fn add<T: Plus>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let known = Known::of(inputs, &[1, 2]);
        let shape = known.shape(self)?;
        let axes = self.axes(&known.facts())?.expect("the values are known");
        let x = elements::<T>(required(inputs, 0));
        let plane: usize = shape[2..].iter().product();
        outputs.check_scratch(plane.saturating_mul(size_of::<T::Sum>()))?;
        let y = outputs.make::<T>(&shape)?;
        if y.is_empty() {
            return Ok(());
        }
        let columns = x.len() / (shape[0] * shape[1]);
        let mut sums = parts::filled(T::Sum::default(), plane)?;
        for (index, y) in y.chunks_mut(plane).enumerate() {
            stop::check()?;
            parts::fill(&mut sums, &T::Sum::default())?;
            let columns = &x[index * columns..][..columns];
            add(columns, &axes, &mut sums, T::plus);
            parts::each(y, |start, y| {
                for (y, &sum) in y.iter_mut().zip(&sums[start..]) {
                    *y = T::finish(sum);
                }
            })?;
        }
        Ok(())
    }
}

/// An element type that has sums.
trait Plus: Element + Copy {
    type Sum: Copy + Default;

    fn plus(sum: Self::Sum, x: Self) -> Self::Sum;
    fn finish(sum: Self::Sum) -> Self;
}

macro_rules! plus {
    ($($type:ty),* as $sum:ty => |$a:ident, $b:ident| $plus:expr, |$total:ident| $finish:expr) => {
        $(impl Plus for $type {
            type Sum = $sum;

            #[inline(always)]
            fn plus($a: $sum, $b: $type) -> $sum {
                $plus
            }

            fn finish($total: $sum) -> $type {
                $finish
            }
        })*
    };
}
plus!(f32 as f32 => |a, b| a + b, |sum| sum);
plus!(f64 as f64 => |a, b| a + b, |sum| sum);
plus!(f16 as f32 => |a, b| a + b.to_f32(), |sum| f16::from_f32(sum));
plus!(bf16 as f32 => |a, b| a + b.to_f32(), |sum| bf16::from_f32(sum));
plus!(i8 as i8 => |a, b| a.wrapping_add(b), |sum| sum);
plus!(i16 as i16 => |a, b| a.wrapping_add(b), |sum| sum);
plus!(i32 as i32 => |a, b| a.wrapping_add(b), |sum| sum);
plus!(i64 as i64 => |a, b| a.wrapping_add(b), |sum| sum);
plus!(u8 as u8 => |a, b| a.wrapping_add(b), |sum| sum);
plus!(u16 as u16 => |a, b| a.wrapping_add(b), |sum| sum);
plus!(u32 as u32 => |a, b| a.wrapping_add(b), |sum| sum);
plus!(u64 as u64 => |a, b| a.wrapping_add(b), |sum| sum);
plus!(Complex<f32> as Complex<f32> => |a, b| a + b, |sum| sum);
plus!(Complex<f64> as Complex<f64> => |a, b| a + b, |sum| sum);

impl Operator for Col2Im {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        let axes = self.axes(inputs)?;
        let Some(dims) = &input.dims else {
            return Ok(vec![Fact::new(input.dtype, None)]);
        };
        let [batch, rows, windows] = dims.as_slice() else {
            return Err(OpError::invalid(
                "input",
                format!("is {input}, must have 3 axes"),
            ));
        };
        let Some(axes) = axes else {
            let rank = axes::list("image_shape", required::<&Fact>(inputs, 1))?;
            let dims = rank.map(|rank| [vec![*batch, None], vec![None; rank]].concat());
            return Ok(vec![Fact::new(input.dtype, dims)]);
        };
        let taps = fact::product(axes.iter().map(|axis| Some(axis.kernel)))?.unwrap_or(1);
        let count = fact::product(axes.iter().map(|axis| Some(axis.output)))?.unwrap_or(1);
        if rows.is_some_and(|rows| rows % taps != 0)
            || windows.is_some_and(|windows| windows != count)
        {
            return Err(OpError::invalid(
                "input",
                format!("is {input}, must hold the columns of {count} windows of {taps} taps"),
            ));
        }
        let mut dims = vec![*batch, rows.map(|rows| rows / taps)];
        dims.extend(axes.iter().map(|axis| Some(axis.input)));
        Ok(vec![Fact::new(input.dtype, Some(dims))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        dispatch!(
            required(inputs, 0).dtype(),
            T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, Complex<f32>, Complex<f64>]
                => self.add::<T>(inputs, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn columns_must_be_those_of_the_windows() {
        let (image, block) = (tensor(&[1], vec![3i64]), tensor(&[1], vec![2i64]));
        let col2im = node("Col2Im", 18);
        assert_eq!(
            col2im.run(&[Some(&iota(&[1, 2, 2])), Some(&image), Some(&block)]),
            Ok(vec![tensor(&[1, 1, 3], vec![0.0f32, 3.0, 3.0])])
        );
        assert_eq!(
            col2im.error(&[Some(&iota(&[1, 2, 3])), Some(&image), Some(&block)]),
            "input is f32[1,2,3], must hold the columns of 2 windows of 2 taps"
        );
        let wrong = tensor(&[2], vec![2i64, 2]);
        assert_eq!(
            col2im.error(&[Some(&iota(&[1, 2, 2])), Some(&image), Some(&wrong)]),
            "block_shape has 2 values, image_shape has 1"
        );
        let bytes = tensor(&[1, 2, 2], vec![200u8; 4]);
        assert_eq!(
            col2im.run(&[Some(&bytes), Some(&image), Some(&block)]),
            Ok(vec![tensor(&[1, 1, 3], vec![200u8, 144, 200])])
        );
    }
}
