//! GridSample: a tensor read at the points of a grid.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__GridSample.html>
//! Padding is a rule for elements, not for points: each element around a point that lies outside is 0, the
//! nearest on the border, or the one that it is mirrored to. Points between two elements round to the even one.
//! Means of integers are cut off and saturate.

use half::{bf16, f16};

use super::layout::{Mover, relocate, strides};
use super::resize::{choice, cubic};
use super::weighted::{Float, Taps, Weighted};
use super::{Fact, Inputs, Known, Op, Operator, Outputs, elements, elementwise, required};
use crate::allocate;
use crate::error::OpError;
use crate::gemm::Sum;
use crate::onnx::attributes::Attributes;
use crate::parts::{self, Looks};
use crate::tensor::{Element, Shape, TensorView, dispatch};

pub(super) const GRID_SAMPLE: Op = Op {
    domain: "ai.onnx",
    name: "GridSample",
    newest: 22,
    read: |attributes| Ok(Box::new(GridSample::read(attributes)?)),
    exact: false,
};

/// `X: [N, C, D1..Dk]` and `grid: [N, O1..Ok, k]`, of points with the innermost coordinate first, each from -1
/// to 1, to `Y: [N, C, O1..Ok]`.
#[derive(Debug)]
struct GridSample {
    mode: Mode,
    padding: Padding,
    /// Whether -1 and 1 are the centres of the outermost elements, not their outer edges.
    align_corners: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Nearest,
    Linear,
    Cubic,
}

#[derive(Clone, Copy, Debug)]
enum Padding {
    Zeros,
    Border,
    Reflection,
}

/// A point takes as long to find as so many elements to sum up.
const COSTLY: usize = 64;

/// Points whose taps are found at once.
const TOGETHER: usize = 1 << 14;

/// The parameter of the cubic convolution.
const CUBIC_COEFF_A: f64 = -0.75;

impl GridSample {
    fn read(attributes: &mut Attributes<'_>) -> Result<GridSample, OpError> {
        let modes = match attributes.version() {
            16 => ["bilinear", "nearest", "bicubic"],
            _ => ["linear", "nearest", "cubic"],
        };
        let [linear, nearest, cubic] = modes;
        let modes = [
            (linear, Mode::Linear),
            (nearest, Mode::Nearest),
            (cubic, Mode::Cubic),
        ];
        Ok(GridSample {
            mode: choice(attributes, "mode", &modes)?,
            padding: choice(
                attributes,
                "padding_mode",
                &[
                    ("zeros", Padding::Zeros),
                    ("border", Padding::Border),
                    ("reflection", Padding::Reflection),
                ],
            )?,
            align_corners: attributes.flag("align_corners")?,
        })
    }

    /// The place of a coordinate on an axis of `size`.
    fn place(&self, coordinate: f64, size: usize) -> f64 {
        let size = size as f64;
        match self.align_corners {
            true => (coordinate + 1.0) / 2.0 * (size - 1.0),
            false => ((coordinate + 1.0) * size - 1.0) / 2.0,
        }
    }

    /// The element that stands at `place` of an axis of `size`, which is not 0; `None` for a 0.
    fn element(&self, place: f64, size: usize) -> Option<usize> {
        // Far outside, precision is gone anyway.
        let place = place.clamp(-1e15, 1e15) as i64;
        let last = size as i64 - 1;
        Some(match self.padding {
            _ if (0..=last).contains(&place) => place,
            Padding::Zeros => return None,
            Padding::Border => place.clamp(0, last),
            Padding::Reflection if self.align_corners => match last {
                0 => 0,
                last => {
                    let place = place.rem_euclid(2 * last);
                    place.min(2 * last - place)
                }
            },
            Padding::Reflection => {
                let place = place.rem_euclid(2 * last + 2);
                place.min(2 * last + 1 - place)
            }
        } as usize)
    }

    /// The elements of a channel around a point, and their weights.
    fn taps(
        &self,
        point: impl DoubleEndedIterator<Item = f64>,
        sizes: &[usize],
        strides: &[usize],
    ) -> Vec<(usize, f64)> {
        let mut taps = vec![(0, 1.0)];
        // The coordinates begin with the innermost.
        for (axis, coordinate) in point.rev().enumerate() {
            let (size, stride) = (sizes[axis], strides[axis]);
            let place = self.place(coordinate, size);
            let below = place.floor();
            let share = place - below;
            let along: &[(f64, f64)] = match self.mode {
                Mode::Nearest => &[(place.round_ties_even(), 1.0)],
                Mode::Linear => &[(below, 1.0 - share), (below + 1.0, share)],
                Mode::Cubic => &[-1.0, 0.0, 1.0, 2.0]
                    .map(|step: f64| (below + step, cubic((step - share).abs(), CUBIC_COEFF_A))),
            };
            let mut wider = allocate::with_capacity(taps.len() * along.len());
            for &(at, weight) in &taps {
                for &(place, more) in along {
                    if let Some(place) = self.element(place, size) {
                        wider.push((at + place * stride, weight * more));
                    }
                }
            }
            taps = wider;
        }
        taps
    }

    fn weigh<T: Weighted>(
        &self,
        x: &TensorView<'_>,
        points: &Points<'_>,
        shape: &Shape,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let per_axis: usize = if self.mode == Mode::Cubic { 4 } else { 2 };
        let taps = per_axis.saturating_pow(points.sizes.len() as u32);
        let taps = taps
            .saturating_mul(size_of::<(usize, f64)>())
            .saturating_add(size_of::<usize>())
            .saturating_mul(points.count.min(TOGETHER));
        outputs.check_output(shape.elements().saturating_mul(size_of::<T>()))?;
        outputs.check_scratch(taps)?;
        let (x, y) = (elements::<T>(x), outputs.make::<T>(shape)?);
        if y.is_empty() {
            return Ok(());
        }
        let (channels, plane) = (shape[1], points.sizes.iter().product::<usize>());
        for (image, y) in y.chunks_mut(channels * points.count).enumerate() {
            for first in (0..points.count).step_by(TOGETHER) {
                let count = TOGETHER.min(points.count - first);
                let taps = Taps::new(count, |point| {
                    let point = image * points.count + first + point;
                    let taps = points.taps(self, point).into_iter();
                    Ok(taps.map(|(place, weight)| (place, T::Float::of(weight))))
                })?;
                let pieces = y.chunks_mut(points.count);
                let pieces = pieces.map(|y| &mut y[first..first + count]);
                let mut pieces: Vec<&mut [T]> = allocate::collected(pieces);
                elementwise::slabs(&mut pieces, 1, count, |channel, y| {
                    let x = &x[(image * channels + channel) * plane..][..plane];
                    for (y, taps) in y.iter_mut().flat_map(|y| y.iter_mut()).zip(taps.from(0)) {
                        let mut sum = T::Float::default();
                        for &(place, weight) in taps {
                            sum = sum.plus_product(x[place].widen(), weight);
                        }
                        *y = T::narrow(sum);
                    }
                });
            }
        }
        Ok(())
    }
}

/// The points of a grid.
struct Points<'a> {
    coordinates: &'a [f64],
    /// Points for each image.
    count: usize,
    /// The axes of a channel.
    sizes: &'a [usize],
    strides: Vec<usize>,
}

impl Points<'_> {
    /// The taps of a point, counted over all images.
    fn taps(&self, sampler: &GridSample, point: usize) -> Vec<(usize, f64)> {
        let rank = self.sizes.len();
        let point = self.coordinates[point * rank..][..rank].iter();
        sampler.taps(point.copied(), self.sizes, &self.strides)
    }
}

/// Single elements of each channel, or 0.
struct Picked {
    /// For each point of each image.
    places: Vec<Option<usize>>,
    count: usize,
    channels: usize,
    plane: usize,
}

impl Mover for Picked {
    fn fill<T: Element>(&self, x: &[T], y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        elementwise::in_planes(y, self.count, |start, y| {
            let (index, point) = (start / self.count, start % self.count);
            let x = &x[index * self.plane..][..self.plane];
            let places = &self.places[index / self.channels * self.count + point..];
            for (y, place) in y.iter_mut().zip(places) {
                *y = place.map_or(T::default(), |place| x[place].clone());
            }
        });
    }
}

impl Operator for GridSample {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, grid) = (required(inputs, 0), required(inputs, 1));
        let wrong = |name: &str, fact: &Fact, rule: String| {
            Err(OpError::invalid(name, format!("is {fact}, {rule}")))
        };
        if let Some(dims) = &x.dims {
            if dims.len() < 3 {
                return wrong("X", x, "must have at least 3 axes".to_string());
            }
            if dims[2..].contains(&Some(0)) {
                return wrong(
                    "X",
                    x,
                    "must have elements along its spatial axes".to_string(),
                );
            }
        }
        let (Some(x_dims), Some(grid_dims)) = (&x.dims, &grid.dims) else {
            return Ok(vec![Fact::new(x.dtype, None)]);
        };
        let rank = x_dims.len() - 2;
        let differ =
            |a: Option<usize>, b: Option<usize>| matches!((a, b), (Some(a), Some(b)) if a != b);
        if grid_dims.len() != x_dims.len()
            || differ(grid_dims[0], x_dims[0])
            || differ(grid_dims[rank + 1], Some(rank))
        {
            return wrong(
                "grid",
                grid,
                format!("must hold points of {rank} coordinates for X, which is {x}"),
            );
        }
        let dims = [
            &[x_dims[0].or(grid_dims[0]), x_dims[1]],
            &grid_dims[1..=rank],
        ]
        .concat();
        Ok(vec![Fact::new(x.dtype, Some(dims))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (x, grid) = (required(inputs, 0), required(inputs, 1));
        let shape = Known::of(inputs, &[]).shape(self)?;
        let sizes = &x.shape()[2..];
        outputs.check_scratch(grid.shape().elements().saturating_mul(2 * size_of::<f64>()))?;
        let numbers = grid.scalars().map(|x| x.to_f64().unwrap_or(f64::NAN));
        let coordinates: Vec<f64> = parts::collected(numbers)?;
        let points = Points {
            coordinates: &coordinates,
            count: shape[2..].iter().product(),
            sizes,
            strides: strides(sizes),
        };
        if self.mode == Mode::Nearest {
            let count = shape[0].saturating_mul(points.count);
            let mut places = allocate::with_capacity(count);
            let mut looks = Looks::default();
            for point in 0..count {
                looks.check(COSTLY)?;
                places.push(points.taps(self, point).first().map(|tap| tap.0));
            }
            let picked = Picked {
                places,
                count: points.count,
                channels: shape[1],
                plane: sizes.iter().product(),
            };
            return relocate(x, &picked, 0, &shape, outputs);
        }
        dispatch!(
            x.dtype(),
            T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64]
                => self.weigh::<T>(x, &points, &shape, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Node, iota, node, tensor};

    fn sample(node: Node, points: &[f32]) -> Vec<f32> {
        let grid = tensor(&[1, points.len(), 1], points.to_vec());
        let y = node
            .run(&[Some(&iota(&[1, 1, 3])), Some(&grid)])
            .expect("it runs");
        y[0].as_slice().expect("f32").to_vec()
    }

    #[test]
    fn elements_outside_follow_the_padding() {
        let grid = |padding: &str| node("GridSample", 22).string("padding_mode", padding);
        let aligned = |padding: &str| grid(padding).int("align_corners", 1);
        // Places -1, 0, 2, 2.5, 3 and far away.
        let points = [-2.0, -1.0, 1.0, 1.5, 2.0, 1e30];
        assert_eq!(
            sample(aligned("zeros"), &points),
            [0.0, 0.0, 2.0, 1.0, 0.0, 0.0]
        );
        assert_eq!(
            sample(aligned("border"), &points),
            [0.0, 0.0, 2.0, 2.0, 2.0, 2.0]
        );
        assert_eq!(
            sample(aligned("reflection"), &points)[..5],
            [1.0, 0.0, 2.0, 1.5, 1.0]
        );
        let nearest = grid("reflection").string("mode", "nearest");
        assert_eq!(sample(nearest, &[-1.4, 1.4]), [0.0, 2.0]);
        let texts = tensor(&[1, 1, 1], vec!["a".to_string()]);
        let points = tensor(&[1, 2, 1], vec![0.0f32, 5.0]);
        let y = grid("zeros")
            .string("mode", "nearest")
            .run(&[Some(&texts), Some(&points)]);
        let wanted = vec!["a".to_string(), String::new()];
        assert_eq!(y, Ok(vec![tensor(&[1, 1, 2], wanted)]));
    }

    #[test]
    fn grids_are_checked() {
        let x = iota(&[1, 1, 2, 2]);
        let error = |dims: &[usize]| node("GridSample", 16).error(&[Some(&x), Some(&iota(dims))]);
        assert_eq!(
            error(&[1, 1, 1, 3]),
            "grid is f32[1,1,1,3], must hold points of 2 coordinates for X, which is f32[1,1,2,2]"
        );
        assert!(error(&[1, 1, 2]).contains("must hold points"));
        let empty = iota(&[1, 1, 0, 2]);
        let error = node("GridSample", 20).error(&[Some(&empty), Some(&iota(&[1, 0, 0, 2]))]);
        assert!(error.contains("must have elements"));
        let none = node("GridSample", 20).run(&[Some(&x), Some(&iota(&[1, 0, 3, 2]))]);
        assert_eq!(**none.expect("it runs")[0].shape(), [1, 1, 0, 3]);
    }
}
