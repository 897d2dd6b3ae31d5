//! MaxRoiPool: the largest element of each part of a region of interest.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__MaxRoiPool.html>, whose arithmetic is that of the
//! ROIPooling layer of Caffe: corners are inclusive and rounded to pixels.

use half::{bf16, f16};
use rayon::prelude::*;

use super::roi::{self, rounded};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, fact, required};
use crate::allocate;
use crate::error::OpError;
use crate::installed::Installed;
use crate::onnx::attributes::Attributes;
use crate::parts::{Looks, PART};
use crate::pooling::{MaxElement, SumElement};
use crate::stop;
use crate::tensor::{TensorView, dispatch};
use crate::window::at_least;

pub(super) const MAX_ROI_POOL: Op = Op {
    domain: "ai.onnx",
    name: "MaxRoiPool",
    newest: 22,
    read: |attributes| Ok(Box::new(MaxRoiPool::read(attributes)?)),
    exact: true,
};

/// `X: [N, C, H, W]` and `rois: [R, 5]`, each a batch index and two corners x, y, to `Y: [R, C, ..pooled_shape]`.
#[derive(Debug)]
struct MaxRoiPool {
    pooled_shape: [usize; 2],
    spatial_scale: f64,
}

impl MaxRoiPool {
    fn read(attributes: &mut Attributes<'_>) -> Result<MaxRoiPool, OpError> {
        let pooled_shape = attributes
            .ints("pooled_shape")
            .ok_or_else(|| OpError::invalid("pooled_shape", "is missing"))?;
        at_least("pooled_shape", pooled_shape, 2, 1)?;
        Ok(MaxRoiPool {
            pooled_shape: [pooled_shape[0] as usize, pooled_shape[1] as usize],
            spatial_scale: roi::check_scale(attributes.float("spatial_scale").unwrap_or(1.0))?,
        })
    }

    fn dims(&self, x: &Fact, rois: &Fact) -> Result<fact::Dims, OpError> {
        roi::infer(x, rois, 5, self.pooled_shape).map(Some)
    }

    fn pool<T: MaxElement + SumElement>(
        &self,
        x: &TensorView<'_>,
        rois: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let shape = fact::known(self.dims(&x.into(), &rois.into())?)?;
        let &[batch, channels, height, width] = &**x.shape() else {
            unreachable!("the rank of X was checked");
        };
        outputs.check_scratch(rois.shape()[0].saturating_mul(size_of::<([f64; 5], Region)>()))?;
        let rows = roi::rows::<5, T>(rois)?;
        let regions: Vec<Region> = allocate::collected_or(
            rows.iter()
                .enumerate()
                .map(|(at, row)| self.region::<T>(at, row, batch)),
        )?;
        let x = elements::<T>(x);
        let y = outputs.make(&shape)?;
        if y.is_empty() {
            return Ok(());
        }
        let ([rows, columns], installed) = (self.pooled_shape, Installed::hand_over());
        y.par_chunks_exact_mut(rows * columns)
            .enumerate()
            .with_min_len((roi::GRAIN / (rows * columns)).max(1))
            // Regions may be many and small: what is stopped does not go through all of them.
            .try_for_each(|(index, y)| {
                let _entered = installed.enter()?;
                let region = &regions[index / channels];
                let plane = (region.batch * channels + index % channels) * height * width;
                let plane = &x[plane..][..height * width];
                let mut looks = Looks::default();
                for (row, y) in y.chunks_exact_mut(columns).enumerate() {
                    let (top, bottom) = region.y.part::<T>(row, rows, height);
                    for (column, y) in y.iter_mut().enumerate() {
                        let (left, right) = region.x.part::<T>(column, columns, width);
                        *y = match top < bottom && left < right {
                            true => {
                                let rows = (top..bottom).map(|row| &plane[row * width..]);
                                largest(rows.map(|row| &row[left..right]))
                            }
                            false => T::default(),
                        };
                        let seen = bottom.saturating_sub(top) * right.saturating_sub(left);
                        if looks.is_set(seen) {
                            return None;
                        }
                    }
                }
                Some(())
            });
        Ok(())
    }

    fn region<T: SumElement>(
        &self,
        at: usize,
        row: &[f64; 5],
        batch: usize,
    ) -> Result<Region, OpError> {
        stop::check_step(at)?;
        let index = row[0].trunc();
        if !(0.0..batch as f64).contains(&index) {
            return Err(OpError::run(
                format!("rois[{at},0]"),
                format!("is {}, must be the index of one of {batch} images", row[0]),
            ));
        }
        // To the nearest pixel, halves away from zero.
        let pixel = |x: f64| rounded::<T>(x * self.spatial_scale).round() as i64;
        let span = |from: f64, to: f64| Span {
            start: pixel(from),
            len: pixel(to)
                .saturating_sub(pixel(from))
                .saturating_add(1)
                .max(1),
        };
        Ok(Region {
            batch: index as usize,
            x: span(row[1], row[3]),
            y: span(row[2], row[4]),
        })
    }
}

/// The largest element of rows; any one if the run is to stop.
fn largest<'x, T: MaxElement>(rows: impl Iterator<Item = &'x [T]>) -> T {
    let (mut most, mut looks) = (T::LEAST, Looks::default());
    for part in rows.flat_map(|row| row.chunks(PART)) {
        let larger = |most: T, &x: &T| if x.beats(most) { x } else { most };
        most = part.iter().fold(most, larger);
        if looks.is_set(part.len()) {
            break;
        }
    }
    most
}

/// A region in pixels.
struct Region {
    batch: usize,
    x: Span,
    y: Span,
}

/// Pixels along one axis, at least one.
struct Span {
    start: i64,
    len: i64,
}

impl Span {
    /// The pixels, of `size` there are, of part `index` of `parts`; parts may share some.
    fn part<T: SumElement>(&self, index: usize, parts: usize, size: usize) -> (usize, usize) {
        let r = rounded::<T>;
        let step = r(r(self.len as f64) / r(parts as f64));
        let pixel = |offset: f64| {
            let pixel = self.start.saturating_add(offset as i64);
            usize::try_from(pixel).map_or(0, |pixel| pixel.min(size))
        };
        (
            pixel(r(r(index as f64) * step).floor()),
            pixel(r(r((index + 1) as f64) * step).ceil()),
        )
    }
}

impl Operator for MaxRoiPool {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, rois) = (required(inputs, 0), required(inputs, 1));
        Ok(vec![Fact::new(x.dtype, self.dims(x, rois)?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (x, rois) = (required(inputs, 0), required(inputs, 1));
        dispatch!(x.dtype(), T in [f32, f64, f16, bf16] => self.pool::<T>(x, rois, outputs))
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::{Region, Span};
    use crate::error::Class;
    use crate::ops::testing::{Node, iota, node, tensor};
    use crate::tensor::Tensor;

    fn pool(shape: &[i64]) -> Node {
        node("MaxRoiPool", 22).ints("pooled_shape", shape)
    }

    fn rois(rows: &[[f32; 5]]) -> Tensor {
        tensor(&[rows.len(), 5], rows.concat())
    }

    fn run(node: Node, x: &Tensor, rows: &[[f32; 5]]) -> Vec<f32> {
        let y = node.run(&[Some(x), Some(&rois(rows))]).expect("it runs");
        y[0].as_slice::<f32>().expect("f32").to_vec()
    }

    /// Case 37 of the specification.
    #[test]
    fn a_region_beside_the_image_and_a_malformed_one() {
        let x = iota(&[1, 1, 6, 6]);
        let rows = [[0.0, -3.0, -3.0, 2.0, 2.0], [0.0, 4.0, 4.0, 1.0, 1.0]];
        assert_eq!(
            run(pool(&[2, 2]), &x, &rows),
            [0.0, 0.0, 0.0, 14.0, 28.0, 28.0, 28.0, 28.0]
        );
    }

    #[test]
    fn corners_are_scaled_and_rounded_half_away_from_zero() {
        let x = iota(&[1, 1, 6, 6]);
        let pixel = |x1, y1| {
            run(
                pool(&[1, 1]).float("spatial_scale", 0.5),
                &x,
                &[[0.0, x1, y1, x1, y1]],
            )[0]
        };
        assert_eq!(pixel(1.0, 5.0), 19.0, "0.5 is 1, 2.5 is 3");
        assert_eq!(pixel(-1.0, 0.0), 0.0, "-0.5 is -1, outside");
        assert_eq!(pixel(-0.5, 4.0), 12.0);
    }

    #[test]
    fn parts_are_cut_in_single_precision() {
        let span = Span { start: 0, len: 7 };
        assert_eq!(span.part::<f32>(12, 13, 100), (6, 8));
        assert_eq!(span.part::<f64>(12, 13, 100), (6, 7));
        let Region { x, .. } = super::MaxRoiPool {
            pooled_shape: [1, 1],
            spatial_scale: 3e38,
        }
        .region::<f32>(0, &[0.0, -3e38, 0.0, 3e38, 0.0], 1)
        .expect("the index is good");
        assert_eq!(
            x.part::<f32>(0, 1, 5),
            (0, 0),
            "the start saturates, so does the length"
        );
    }

    #[test]
    fn planes_are_those_of_the_image_and_channel() {
        let x = iota(&[2, 2, 2, 2]);
        let rows = [[1.0, 0.0, 0.0, 1.0, 1.0], [0.9, 0.0, 0.0, 0.0, 0.0]];
        assert_eq!(run(pool(&[1, 1]), &x, &rows), [11.0, 15.0, 0.0, 4.0]);
    }

    #[test]
    fn nan_wins_and_minus_infinity_stays() {
        let whole = [[0.0, 0.0, 0.0, 1.0, 0.0]];
        let x = tensor(&[1, 1, 1, 2], vec![f32::NAN, 1.0]);
        assert!(run(pool(&[1, 1]), &x, &whole)[0].is_nan());
        let x = tensor(&[1, 1, 1, 2], vec![f32::NEG_INFINITY; 2]);
        assert_eq!(run(pool(&[1, 1]), &x, &whole), [f32::NEG_INFINITY]);
    }

    #[test]
    fn empty_inputs_give_empty_or_zero_outputs() {
        let y = pool(&[2, 3]).run(&[Some(&iota(&[1, 4, 2, 2])), Some(&rois(&[]))]);
        assert_eq!(y, Ok(vec![tensor::<f32>(&[0, 4, 2, 3], vec![])]));
        let whole = [[0.0, 0.0, 0.0, 1.0, 1.0]];
        assert_eq!(run(pool(&[1, 1]), &iota(&[1, 1, 0, 3]), &whole), [0.0]);
        assert_eq!(run(pool(&[1, 1]), &iota(&[1, 0, 3, 3]), &whole), []);
    }

    #[test]
    fn halves_are_pooled_in_their_own_type() {
        let half = |values: &[f32]| values.iter().map(|&x| f16::from_f32(x)).collect::<Vec<_>>();
        let x = tensor(&[1, 1, 1, 2], half(&[1.5, 2.5]));
        let rois = tensor(&[1, 5], half(&[0.0, 0.0, 0.0, 1.0, 0.0]));
        let y = pool(&[1, 1]).run(&[Some(&x), Some(&rois)]);
        assert_eq!(y, Ok(vec![tensor(&[1, 1, 1, 1], half(&[2.5]))]));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let x = iota(&[2, 1, 2, 2]);
        let one = rois(&[[0.0; 5]]);
        let error = |node: Node, rois: &Tensor| node.error(&[Some(&x), Some(rois)]);
        assert_eq!(
            error(pool(&[1]), &one),
            "pooled_shape has 1 values, must have 2"
        );
        assert_eq!(
            error(pool(&[1, 0]), &one),
            "pooled_shape[1] is 0, must be at least 1"
        );
        assert_eq!(
            error(pool(&[1, 1]).float("spatial_scale", f32::NAN), &one),
            "spatial_scale is NaN, must be finite"
        );
        assert_eq!(
            error(pool(&[1, 1]), &tensor(&[1, 4], vec![0f32; 4])),
            "rois is f32[1,4], must have two axes, the second of size 5"
        );
        assert_eq!(
            pool(&[1, 1]).error(&[Some(&iota(&[1, 2, 2])), Some(&one)]),
            "X is f32[1,2,2], must have four axes"
        );
        let bad = |row| {
            pool(&[1, 1])
                .run(&[Some(&x), Some(&rois(&[[0.0; 5], row]))])
                .unwrap_err()
        };
        let index = bad([2.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(
            (index.class, index.to_string().as_str()),
            (
                Class::Run,
                "rois[1,0] is 2, must be the index of one of 2 images"
            )
        );
        assert!(
            bad([-1.0, 0.0, 0.0, 1.0, 1.0])
                .to_string()
                .contains("rois[1,0] is -1")
        );
        assert_eq!(
            bad([0.0, 0.0, f32::INFINITY, 1.0, 1.0]).to_string(),
            "rois[1,2] is inf, must be finite"
        );
    }
}
