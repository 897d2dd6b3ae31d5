//! DeformConv: a convolution whose taps are moved by offsets, and read between the elements of the input.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__DeformConv.html>
//! Elements outside the input are 0.

use half::{bf16, f16};

use super::convolution::{Convolution, check_each};
use super::weighted::Float;
use super::{Dims, Fact, Inputs, Known, Op, Operator, Outputs, elements, fact, required};
use crate::conv::{Sizes, convolve_columns, lay, product};
use crate::error::OpError;
use crate::gemm::{COLUMNS, Factor, Finish, Right, Sum};
use crate::onnx::attributes::Attributes;
use crate::stop;
use crate::tensor::{TensorView, dispatch};

pub(super) const DEFORM_CONV: Op = Op {
    domain: "ai.onnx",
    name: "DeformConv",
    newest: 22,
    read: |attributes| Ok(Box::new(DeformConv::read(attributes)?)),
    exact: false,
};

/// `X: [N, C, D1..Dk]`, `W: [M, C / group, k1..kk]`, `offset: [N, offset_group * taps * k, O1..Ok]`, `B: [M]`
/// and `mask: [N, offset_group * taps, O1..Ok]` to `Y: [N, M, O1..Ok]`.
#[derive(Debug)]
struct DeformConv {
    convolution: Convolution,
    offset_group: usize,
}

/// The most spatial axes: a point has two neighbours along each.
const MOST_AXES: usize = 8;

impl DeformConv {
    fn read(attributes: &mut Attributes<'_>) -> Result<DeformConv, OpError> {
        let offset_group = attributes.int("offset_group").unwrap_or(1);
        Ok(DeformConv {
            convolution: Convolution::read(attributes)?,
            offset_group: usize::try_from(offset_group)
                .ok()
                .filter(|&groups| groups > 0)
                .ok_or_else(|| {
                    OpError::invalid(
                        "offset_group",
                        format!("is {offset_group}, must be at least 1"),
                    )
                })?,
        })
    }

    /// Checks that an input with `per_tap` values for each tap and window is as large as it must be.
    fn check_field(
        &self,
        name: &str,
        field: &Fact,
        w: &Fact,
        y: &Dims,
        per_tap: usize,
    ) -> Result<(), OpError> {
        let (Some(dims), Some(y), Some(w)) = (&field.dims, y, &w.dims) else {
            return Ok(());
        };
        let fixed = [Some(self.offset_group), Some(per_tap)];
        let channels = fact::product(w[2..].iter().copied().chain(fixed))?;
        let wanted = [&[y[0], channels], &y[2..]].concat();
        let alike = |(a, b): (&Option<usize>, &Option<usize>)| match (a, b) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        match dims.len() == wanted.len() && dims.iter().zip(&wanted).all(alike) {
            true => Ok(()),
            false => Err(OpError::invalid(
                name,
                format!(
                    "is {field}, must be {}",
                    Fact::new(field.dtype, Some(wanted))
                ),
            )),
        }
    }

    fn convolve<T: Factor>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError>
    where
        T::Sum: Float + Into<f64>,
    {
        let (x, w) = (required(inputs, 0), required(inputs, 1));
        let shape = Known::of(inputs, &[]).shape(self)?;
        let sizes = self.convolution.sizes(x.shape(), w.shape())?;
        let given = |index: usize| inputs.get(index).and_then(Option::as_ref);
        outputs.check_output(shape.elements().saturating_mul(size_of::<T>()))?;
        outputs.check_scratch(sizes.block_scratch_bytes::<T>())?;
        let bias = given(3).map(|bias| T::widened(elements::<T>(bias)));
        let bias = bias.transpose()?;
        let mut laid = None;
        let w = lay(&sizes, elements::<T>(w), None, &mut laid)?;
        let sampler = Sampler {
            sizes: &sizes,
            offset_group: self.offset_group,
            x: elements::<T>(x),
            offset: elements::<T>(required(inputs, 2)),
            mask: given(4).map(|mask: &TensorView<'_>| elements::<T>(mask)),
        };
        let y = outputs.make::<T>(&shape)?;
        convolve_columns::<T, _>(&sizes, w, bias.as_deref(), Finish::NONE, y, |at| Sampled {
            sampler: &sampler,
            at,
        });
        Ok(())
    }
}

/// The input at the moved taps.
struct Sampler<'a, T> {
    sizes: &'a Sizes,
    offset_group: usize,
    x: &'a [T],
    offset: &'a [T],
    mask: Option<&'a [T]>,
}

/// Windows of group `at` of all images.
struct Sampled<'s, 'a, T> {
    sampler: &'s Sampler<'a, T>,
    at: usize,
}

impl<T: Factor> Right<T::Sum> for Sampled<'_, '_, T>
where
    T::Sum: Float + Into<f64>,
{
    fn lay(&self, first: usize, count: usize, panel: &mut [T::Sum]) {
        for line in panel.chunks_exact_mut(COLUMNS) {
            line[count..].fill(T::Sum::ZERO);
        }
        self.sampler.gather(self.at, first, count, panel);
    }
}

impl<T: Factor> Sampler<'_, T>
where
    T::Sum: Float + Into<f64>,
{
    /// The columns of `count` windows from `first` on, of group `at` of all images, [`COLUMNS`] elements for each tap.
    fn gather(&self, at: usize, first: usize, count: usize, columns: &mut [T::Sum]) {
        let sizes = self.sizes;
        let (image, group) = (at / sizes.groups, at % sizes.groups);
        let taps = product(&sizes.axes, |axis| axis.kernel);
        let plane = product(&sizes.axes, |axis| axis.input);
        let all = sizes.groups * sizes.channels;
        let in_offset_group = all / self.offset_group;
        let mut corners = Vec::new();
        for tap in 0..taps {
            if stop::is_set() {
                return;
            }
            for index in 0..count {
                let mut known = None;
                for channel in 0..sizes.channels {
                    let absolute = group * sizes.channels + channel;
                    let offsets = absolute / in_offset_group;
                    if known.replace(offsets) != Some(offsets) {
                        self.corners(image, offsets, tap, first + index, &mut corners);
                    }
                    let x = &self.x[(image * all + absolute) * plane..][..plane];
                    let sum = corners.iter().map(|&(place, weight)| {
                        let x: f64 = x[place].widen().into();
                        x * weight
                    });
                    let sum: f64 = sum.fold(0.0, |sum, term| sum + term);
                    columns[(channel * taps + tap) * COLUMNS + index] = Float::of(sum);
                }
            }
        }
    }

    /// The elements around tap `tap` of a window, and their weights.
    fn corners(
        &self,
        image: usize,
        offsets: usize,
        tap: usize,
        window: usize,
        corners: &mut Vec<(usize, f64)>,
    ) {
        let axes = &self.sizes.axes;
        let taps = product(axes, |axis| axis.kernel);
        let windows = product(axes, |axis| axis.output);
        let field = (image * self.offset_group + offsets) * taps + tap;
        let mask = self
            .mask
            .map_or(1.0, |mask| mask[field * windows + window].widen().into());
        corners.clear();
        corners.push((0, mask));
        let (mut o, mut t, mut stride) = (window, tap, 1);
        for (index, axis) in axes.iter().enumerate().rev() {
            let moved: f64 = self.offset[(field * axes.len() + index) * windows + window]
                .widen()
                .into();
            let start = axis.start(o % axis.output) + (t % axis.kernel * axis.dilation) as i64;
            let place = start as f64 + moved;
            (o, t) = (o / axis.output, t / axis.kernel);
            let below = place.floor();
            let share = place - below;
            let before = corners.len();
            for (place, weight) in [(below, 1.0 - share), (below + 1.0, share)] {
                if place >= 0.0 && place < axis.input as f64 {
                    for corner in 0..before {
                        let (at, so_far) = corners[corner];
                        corners.push((at + place as usize * stride, so_far * weight));
                    }
                }
            }
            corners.drain(..before);
            stride *= axis.input;
        }
    }
}

impl Operator for DeformConv {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, w, offset) = (
            required(inputs, 0),
            required(inputs, 1),
            *required(inputs, 2),
        );
        let dims = self.convolution.infer(["X", "W"], x, w)?;
        let rank = dims.as_ref().map_or(1, |dims| dims.len() - 2);
        if rank > MOST_AXES {
            return Err(OpError::unsupported(format!(
                "DeformConv over {rank} spatial axes"
            )));
        }
        if let Some(channels) = x.dims.as_ref().and_then(|dims| dims[1])
            && channels % self.offset_group != 0
        {
            return Err(OpError::invalid(
                "offset_group",
                format!(
                    "is {}, must divide the channels of X, which is {x}",
                    self.offset_group
                ),
            ));
        }
        if dims.is_some() {
            self.check_field("offset", offset, w, &dims, rank)?;
        }
        if let Some(mask) = inputs.get(4).copied().flatten() {
            self.check_field("mask", mask, w, &dims, 1)?;
        }
        if let Some(bias) = inputs.get(3).copied().flatten() {
            check_each("B", bias, w.dims.as_ref().and_then(|dims| dims[0]), false)?;
        }
        Ok(vec![Fact::new(x.dtype, dims)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        dispatch!(
            required(inputs, 0).dtype(),
            T in [f32, f64, f16, bf16] => self.convolve::<T>(inputs, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn taps_outside_are_0_and_fields_are_checked() {
        let (x, w) = (iota(&[1, 1, 1, 3]), tensor(&[1, 1, 1, 1], vec![1.0f32]));
        let offset = |values: Vec<f32>| tensor(&[1, 2, 1, 3], values);
        let conv = node("DeformConv", 22);
        let y = conv.run(&[
            Some(&x),
            Some(&w),
            Some(&offset(vec![0.0, 0.0, 0.5, 0.5, -9.0, 0.5])),
        ]);
        assert_eq!(y, Ok(vec![tensor(&[1, 1, 1, 3], vec![0.5f32, 0.0, 0.5])]));
        let wrong = tensor(&[1, 2, 1, 2], vec![0.0f32; 4]);
        assert_eq!(
            conv.error(&[Some(&x), Some(&w), Some(&wrong)]),
            "offset is f32[1,2,1,2], must be f32[1,2,1,3]"
        );
        let two = node("DeformConv", 19).int("offset_group", 2);
        assert!(
            two.error(&[Some(&x), Some(&w), Some(&wrong)])
                .contains("must divide the channels")
        );
    }
}
