//! RoiAlign: means or maxima of points sampled between the pixels of regions of interest.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__RoiAlign.html>
//! As in other runtimes, `mode=max` takes the largest of the four weighted corners of each sample, not of
//! the interpolated samples; a stored test of ONNX has it so. Version 10 is `output_half_pixel` of version 16.
//!
//! Samples form a grid and the weight of a corner is a product, so each axis is worked out by itself and
//! once for all channels: which pixels the samples of a part touch, and with what weights.

mod taps;

use half::{bf16, f16};
use rayon::prelude::*;

use super::roi::{self, rounded};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, fact, required};
use crate::allocate;
use crate::error::{OpError, Quoted};
use crate::installed::Installed;
use crate::onnx::attributes::Attributes;
use crate::parts::{Looks, PART};
use crate::pooling::SumElement;
use crate::stop;
use crate::tensor::dispatch;
use taps::{Part, Span, Taps};

pub(super) const ROI_ALIGN: Op = Op {
    domain: "ai.onnx",
    name: "RoiAlign",
    newest: 22,
    read: |attributes| Ok(Box::new(RoiAlign::read(attributes)?)),
    exact: false,
};

/// `X: [N, C, H, W]`, `rois: [R, 4]`, each two corners x, y, and `batch_indices: [R]` to
/// `Y: [R, C, output_height, output_width]`.
#[derive(Debug)]
struct RoiAlign {
    mode: Mode,
    /// Whether the centre of pixel 0 is at 0.5, not at 0.
    half_pixel: bool,
    output: [usize; 2],
    /// Samples of a part along each axis; 0 for about one a pixel.
    sampling_ratio: u64,
    spatial_scale: f64,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Average,
    Max,
}

impl RoiAlign {
    fn read(attributes: &mut Attributes<'_>) -> Result<RoiAlign, OpError> {
        let mode = attributes.string("mode")?.unwrap_or("avg");
        let mode = match mode.to_ascii_lowercase().as_str() {
            "avg" => Mode::Average,
            "max" => Mode::Max,
            _ => {
                return Err(OpError::invalid(
                    "mode",
                    format!("is {}, must be avg or max", Quoted(mode)),
                ));
            }
        };
        let half_pixel = match attributes.string("coordinate_transformation_mode")? {
            None => attributes.version() >= 16,
            Some("half_pixel") => true,
            Some("output_half_pixel") => false,
            Some(other) => {
                return Err(OpError::invalid(
                    "coordinate_transformation_mode",
                    format!(
                        "is {}, must be half_pixel or output_half_pixel",
                        Quoted(other)
                    ),
                ));
            }
        };
        Ok(RoiAlign {
            mode,
            half_pixel,
            output: [
                read_size(attributes, "output_height", 1)?,
                read_size(attributes, "output_width", 1)?,
            ],
            sampling_ratio: read_size(attributes, "sampling_ratio", 0)?,
            spatial_scale: roi::check_scale(attributes.float("spatial_scale").unwrap_or(1.0))?,
        })
    }

    fn dims(&self, x: &Fact, rois: &Fact, batch_indices: &Fact) -> Result<fact::Dims, OpError> {
        let mut dims = roi::infer(x, rois, 4, self.output)?;
        match (batch_indices.dims.as_deref(), dims[0]) {
            (None | Some(&[None]), _) => {}
            (Some(&[Some(count)]), None) => dims[0] = Some(count),
            (Some(&[Some(count)]), Some(regions)) if count == regions => {}
            _ => {
                return Err(OpError::invalid(
                    "batch_indices",
                    format!(
                        "is {batch_indices}, must have one element for each of rois, which is {rois}"
                    ),
                ));
            }
        }
        Ok(Some(dims))
    }

    fn align<T: SumElement>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let (x, rois, indices) = (
            required(inputs, 0),
            required(inputs, 1),
            required(inputs, 2),
        );
        let shape = fact::known(self.dims(&x.into(), &rois.into(), &indices.into())?)?;
        let &[batch, channels, height, width] = &**x.shape() else {
            unreachable!("the rank of X was checked");
        };
        let (rows, columns) = (self.output[0], self.output[1]);
        let plane = rows.saturating_mul(columns);
        outputs.check_scratch(
            rois.shape()[0]
                .saturating_mul(size_of::<([f64; 4], Region)>())
                .saturating_add(match shape.elements() {
                    0 => 0,
                    _ => Taps::bytes(height, rows)
                        .saturating_add(Taps::bytes(width, columns))
                        .saturating_mul(rayon::current_num_threads()),
                }),
        )?;
        let corners = roi::rows::<4, T>(rois)?;
        let pairs = corners.iter().zip(elements::<i64>(indices)).enumerate();
        let regions: Vec<Region> = allocate::collected_or(
            pairs.map(|(at, (row, &index))| self.region::<T>(at, row, index, batch)),
        )?;
        let x = elements::<T>(x);
        let y = outputs.make(&shape)?;
        if y.is_empty() || height == 0 || width == 0 {
            elementwise::fill(y, &T::default());
            return Ok(());
        }
        let installed = Installed::hand_over();
        y.par_chunks_exact_mut(plane)
            .enumerate()
            .with_min_len((roi::GRAIN / plane).max(1))
            // Regions may be many and small: what is stopped does not go through all of them.
            .try_for_each_init(
                || (None, Taps::default(), Taps::default()),
                |(current, down, across), (index, y)| {
                    let _entered = installed.enter()?;
                    let at = index / channels;
                    let region = &regions[at];
                    if *current != Some(at) {
                        down.fill::<T>(&region.y, rows, height);
                        across.fill::<T>(&region.x, columns, width);
                        // What is stopped is not whole.
                        if stop::is_set() {
                            return None;
                        }
                        *current = Some(at);
                    }
                    let image = (region.batch * channels + index % channels) * height * width;
                    let image = &x[image..][..height * width];
                    let mut looks = Looks::default();
                    for (row, y) in y.chunks_exact_mut(columns).enumerate() {
                        for (column, y) in y.iter_mut().enumerate() {
                            let (down, across) = (down.part(row), across.part(column));
                            *y = match self.mode {
                                Mode::Average => average(image, width, &down, &across),
                                Mode::Max => max(image, width, &down, &across),
                            };
                            if looks.is_set(down.taps.len() * across.taps.len()) {
                                return None;
                            }
                        }
                    }
                    Some(())
                },
            );
        Ok(())
    }

    fn region<T: SumElement>(
        &self,
        at: usize,
        row: &[f64; 4],
        index: i64,
        batch: usize,
    ) -> Result<Region, OpError> {
        stop::check_step(at)?;
        let r = rounded::<T>;
        let batch = usize::try_from(index)
            .ok()
            .filter(|index| *index < batch)
            .ok_or_else(|| {
                OpError::run(
                    format!("batch_indices[{at}]"),
                    format!("is {index}, must be the index of one of {batch} images"),
                )
            })?;
        let offset = if self.half_pixel { 0.5 } else { 0.0 };
        let span = |from: usize, to: usize| {
            let corner = |column: usize| r(r(row[column] * self.spatial_scale) - offset);
            let len = r(corner(to) - corner(from));
            if !len.is_finite() {
                return Err(OpError::run(
                    format!("rois[{at},{from}] and rois[{at},{to}]"),
                    format!(
                        "are {} and {}, must give a finite region when scaled",
                        row[from], row[to]
                    ),
                ));
            }
            Ok(Span {
                start: corner(from),
                len: if self.half_pixel { len } else { len.max(1.0) },
                samples: self.sampling_ratio,
            })
        };
        Ok(Region {
            batch,
            x: span(0, 2)?,
            y: span(1, 3)?,
        })
    }
}

/// Reads an int that must not be negative.
fn read_size<N: TryFrom<i64>>(
    attributes: &mut Attributes<'_>,
    name: &str,
    default: i64,
) -> Result<N, OpError> {
    let value = attributes.int(name).unwrap_or(default);
    N::try_from(value)
        .map_err(|_| OpError::invalid(name, format!("is {value}, must be at least 0")))
}

/// A region of an image.
struct Region {
    batch: usize,
    x: Span,
    y: Span,
}

/// The mean of the samples.
fn average<T: SumElement>(image: &[T], width: usize, down: &Part<'_>, across: &Part<'_>) -> T {
    // A sum, and what its rounding lost so far (Knuth, TAOCP 4.2.2, theorem B).
    let (mut sum, mut lost) = (0.0, 0.0);
    let mut looks = Looks::default();
    for row in down.taps {
        let line = &image[row.at * width..][..width];
        for taps in across.taps.chunks(PART) {
            for column in taps {
                let term = row.sum * column.sum * line[column.at].to_f64();
                let next = sum + term;
                let part = next - sum;
                lost += (sum - (next - part)) + (term - part);
                sum = next;
            }
            if looks.is_set(taps.len()) {
                return T::default();
            }
        }
    }
    let count = down.samples as f64 * across.samples as f64;
    // The loss of a sum that is infinite or NaN is NaN and says nothing.
    let total = if sum.is_finite() { sum + lost } else { sum };
    T::from_f64(total / count.max(1.0))
}

/// The largest weighted corner of a sample; a sample outside of the image counts as 0.
fn max<T: SumElement>(image: &[T], width: usize, down: &Part<'_>, across: &Part<'_>) -> T {
    if down.samples == 0 || across.samples == 0 {
        return T::default();
    }
    let mut most = match down.leaves_image || across.leaves_image {
        true => 0.0,
        false => f64::NEG_INFINITY,
    };
    let mut looks = Looks::default();
    for row in down.taps {
        let line = &image[row.at * width..][..width];
        for taps in across.taps.chunks(PART) {
            for column in taps {
                let x = line[column.at].to_f64();
                // Weights are not negative: one of the extreme ones gives the largest product.
                for product in [row.most * column.most * x, row.least * column.least * x] {
                    if product > most || product.is_nan() {
                        most = product;
                    }
                }
            }
            if looks.is_set(taps.len()) {
                return T::default();
            }
        }
    }
    T::from_f64(most)
}

impl Operator for RoiAlign {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, rois, indices) = (
            required(inputs, 0),
            required(inputs, 1),
            required(inputs, 2),
        );
        Ok(vec![Fact::new(x.dtype, self.dims(x, rois, indices)?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let dtype = required(inputs, 0).dtype();
        dispatch!(dtype, T in [f32, f64, f16, bf16] => self.align::<T>(inputs, outputs))
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use crate::error::Class;
    use crate::ops::testing::{Node, iota, node, stored, tensor};
    use crate::tensor::Tensor;

    fn align(opset: i64, output: i64, ratio: i64) -> Node {
        node("RoiAlign", opset)
            .int("output_height", output)
            .int("output_width", output)
            .int("sampling_ratio", ratio)
    }

    fn run(node: Node, x: &Tensor, rows: &[[f32; 4]]) -> Vec<f32> {
        let rois = tensor(&[rows.len(), 4], rows.concat());
        let indices = tensor(&[rows.len()], vec![0i64; rows.len()]);
        let y = node
            .run(&[Some(x), Some(&rois), Some(&indices)])
            .expect("it runs");
        y[0].as_slice::<f32>().expect("f32").to_vec()
    }

    /// The formulas of the specification, sample by sample, in f64 on positions in f32.
    fn definition(
        node: &Definition,
        x: &[f32],
        [height, width]: [usize; 2],
        roi: [f32; 4],
    ) -> Vec<f32> {
        let offset = if node.half_pixel { 0.5 } else { 0.0 };
        let least = if node.half_pixel {
            f32::NEG_INFINITY
        } else {
            1.0
        };
        let [x1, y1, x2, y2] = roi.map(|corner| corner * node.scale - offset);
        let (step_y, step_x) = (
            (y2 - y1).max(least) / node.output as f32,
            (x2 - x1).max(least) / node.output as f32,
        );
        let count = |step: f32| {
            if node.ratio > 0 {
                node.ratio as i64
            } else {
                step.ceil() as i64
            }
        };
        let (count_y, count_x) = (count(step_y), count(step_x));
        let corners = |at: f32, size: usize| {
            if !(-1.0..=size as f32).contains(&at) {
                return None;
            }
            let at = at.max(0.0);
            Some(match at as usize {
                low if low + 1 >= size => [(size - 1, 1.0), (size - 1, 0.0)],
                low => {
                    let part = f64::from(at) - low as f64;
                    [(low, 1.0 - part), (low + 1, part)]
                }
            })
        };
        let mut y = Vec::new();
        for (row, column) in
            (0..node.output).flat_map(|row| (0..node.output).map(move |c| (row, c)))
        {
            let (mut sum, mut most) = (0.0, f64::NEG_INFINITY);
            for (i, j) in (0..count_y).flat_map(|i| (0..count_x).map(move |j| (i, j))) {
                let at_y = y1 + row as f32 * step_y + (i as f32 + 0.5) * step_y / count_y as f32;
                let at_x = x1 + column as f32 * step_x + (j as f32 + 0.5) * step_x / count_x as f32;
                let (Some(down), Some(across)) = (corners(at_y, height), corners(at_x, width))
                else {
                    most = most.max(0.0);
                    continue;
                };
                for (row, a) in down {
                    for (column, b) in across {
                        let weighted = a * b * f64::from(x[row * width + column]);
                        sum += weighted;
                        most = most.max(weighted);
                    }
                }
            }
            let samples = count_y.max(0) * count_x.max(0);
            y.push(match (node.max, samples) {
                (true, 0) => 0.0,
                (true, _) => most as f32,
                (false, _) => (sum / samples.max(1) as f64) as f32,
            });
        }
        y
    }

    struct Definition {
        max: bool,
        half_pixel: bool,
        output: usize,
        ratio: usize,
        scale: f32,
    }

    #[test]
    fn samples_taken_together_agree_with_samples_one_by_one() {
        let size = [5, 7];
        let mut seed = 1u64;
        let mut next = || {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 40) as f32 / (1 << 24) as f32
        };
        for case in 0..600 {
            let definition_of = Definition {
                max: case % 2 == 0,
                half_pixel: case / 2 % 2 == 0,
                output: case / 4 % 3 + 1,
                ratio: [0, 1, 2, 3, 17][case / 12 % 5],
                scale: [1.0, 0.25, 0.1][case / 60 % 3],
            };
            let Definition {
                output,
                ratio,
                scale,
                ..
            } = definition_of;
            let x: Vec<f32> = (0..35).map(|_| next() * 2.0 - 1.0).collect();
            let roi = [(); 4].map(|()| (next() * 14.0 - 3.0) / scale);
            let node = align(16, output as i64, ratio as i64)
                .float("spatial_scale", scale)
                .string("mode", if definition_of.max { "MAX" } else { "avg" })
                .string(
                    "coordinate_transformation_mode",
                    if definition_of.half_pixel {
                        "half_pixel"
                    } else {
                        "output_half_pixel"
                    },
                );
            let wanted = definition(&definition_of, &x, size, roi);
            let got = run(node, &tensor(&[1, 1, 5, 7], x), &[roi]);
            for (got, wanted) in got.iter().zip(&wanted) {
                assert!(
                    (got - wanted).abs() <= 2e-6,
                    "case {case}, {roi:?}: {got}, not {wanted}"
                );
            }
        }
    }

    /// Cases 38 and 39 of the specification.
    #[test]
    fn versions_and_modes_differ() {
        let x = iota(&[1, 1, 4, 4]);
        let roi = [[0.0, 0.0, 2.0, 2.0]];
        assert_eq!(run(align(10, 2, 2), &x, &roi), [2.5, 3.5, 6.5, 7.5]);
        assert_eq!(run(align(16, 2, 2), &x, &roi), [0.625, 1.5, 4.125, 5.0]);
        assert_eq!(
            run(align(16, 2, 2).string("mode", "max"), &x, &roi),
            [1.0, 0.9375, 3.0, 2.8125]
        );
    }

    #[test]
    fn regions_without_an_extent() {
        let x = iota(&[1, 1, 4, 4]);
        let point = [[1.0, 1.0, 1.0, 1.0]];
        assert_eq!(run(align(16, 1, 2), &x, &point), [2.5]);
        assert_eq!(run(align(16, 1, 0), &x, &point), [0.0]);
        assert_eq!(
            run(align(16, 1, 0).string("mode", "max"), &x, &point),
            [0.0]
        );
        let negative = [[3.0, 3.0, 1.0, 1.0]];
        assert_eq!(run(align(16, 1, 0), &x, &negative), [0.0]);
        assert_eq!(
            run(align(10, 1, 0), &x, &point),
            [7.5],
            "at least one pixel"
        );
    }

    #[test]
    fn the_bounds_of_the_image_are_inside() {
        let x = tensor(&[1, 1, 2, 2], vec![1f32, 2.0, 3.0, 4.0]);
        // A single sample, at the middle of a region of one pixel.
        let at = |x1: f32, y1: f32| run(align(10, 1, 1), &x, &[[x1 - 0.5, y1 - 0.5, x1, y1]])[0];
        assert_eq!(at(0.0, 2.0), 3.0);
        assert_eq!(at(2.0, 2.0), 4.0);
        assert_eq!(at(0.0, 2.001), 0.0);
        assert_eq!(at(-1.0, -1.0), 1.0);
        assert_eq!(at(-1.001, 0.0), 0.0);
        let negative = tensor(&[1, 1, 1, 1], vec![-1f32]);
        let max = |x1: f32| {
            let node = align(10, 1, 2).string("mode", "max");
            run(node, &negative, &[[x1, 0.0, x1 + 1.0, 1.0]])[0]
        };
        assert_eq!(max(0.75), 0.0, "the sample outside counts as 0");
    }

    #[test]
    fn absurd_sample_counts_take_no_time() {
        let x = tensor(&[1, 1, 3, 3], vec![2f32; 9]);
        let huge = run(align(16, 1, i64::MAX), &x, &[[0.5, 0.5, 2.5, 2.5]]);
        assert!((huge[0] - 2.0).abs() < 1e-5, "{huge:?}");
        let covered = run(align(16, 1, 0), &x, &[[-1e6, -1e6, 1e6, 1e6]])[0];
        assert!((0.0..1e-9).contains(&covered), "{covered}");
        for roi in [
            [-1e30, -1e30, 1e30, 1e30],
            [-1.6e38; 4],
            [-1.6e38, 0.0, 1.6e38, 3.0],
        ] {
            for ratio in [0, 3, 1 << 40] {
                assert!(
                    run(align(22, 2, ratio), &x, &[roi])
                        .iter()
                        .all(|y| y.is_finite())
                );
            }
        }
    }

    #[test]
    fn empty_shapes() {
        let none = tensor::<f32>(&[0, 4], vec![]);
        let indices = tensor::<i64>(&[0], vec![]);
        let y = align(22, 2, 0).run(&[Some(&iota(&[1, 3, 2, 2])), Some(&none), Some(&indices)]);
        assert_eq!(y, Ok(vec![tensor::<f32>(&[0, 3, 2, 2], vec![])]));
        let roi = [[0.0, 0.0, 1.0, 1.0]];
        assert_eq!(run(align(22, 0, 0), &iota(&[1, 1, 2, 2]), &roi), []);
        assert_eq!(run(align(22, 1, 2), &iota(&[1, 1, 0, 2]), &roi), [0.0]);
        assert_eq!(run(align(22, 1, 2), &iota(&[1, 0, 2, 2]), &roi), []);
    }

    #[test]
    fn images_channels_and_types() {
        let x = iota(&[2, 2, 2, 2]);
        let rois = tensor(&[2, 4], [[0f32, 0.0, 2.0, 2.0]; 2].concat());
        let indices = tensor(&[2], vec![1i64, 0]);
        let y = align(16, 1, 0).run(&[Some(&x), Some(&rois), Some(&indices)]);
        assert_eq!(
            y,
            Ok(vec![tensor(&[2, 2, 1, 1], vec![9.5f32, 13.5, 1.5, 5.5])])
        );

        let as_f64 = |x: &Tensor| {
            let data = x
                .as_slice::<f32>()
                .expect("f32")
                .iter()
                .map(|&x| f64::from(x));
            tensor(x.shape(), data.collect())
        };
        let y = align(16, 1, 0).run(&[Some(&as_f64(&x)), Some(&as_f64(&rois)), Some(&indices)]);
        assert_eq!(
            y,
            Ok(vec![tensor(&[2, 2, 1, 1], vec![9.5f64, 13.5, 1.5, 5.5])])
        );

        let as_bf16 = |x: &Tensor| {
            let data = x
                .as_slice::<f32>()
                .expect("f32")
                .iter()
                .map(|&x| bf16::from_f32(x));
            tensor(x.shape(), data.collect())
        };
        let y = align(22, 1, 0).run(&[Some(&as_bf16(&x)), Some(&as_bf16(&rois)), Some(&indices)]);
        let wanted = [9.5, 13.5, 1.5, 5.5].map(bf16::from_f32).to_vec();
        assert_eq!(y, Ok(vec![tensor(&[2, 2, 1, 1], wanted)]));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let x = iota(&[2, 1, 2, 2]);
        let rois = tensor(&[1, 4], vec![0f32; 4]);
        let zero = tensor(&[1], vec![0i64]);
        let error = |node: Node| node.error(&[Some(&x), Some(&rois), Some(&zero)]);
        assert_eq!(
            error(align(16, 1, -1)),
            "sampling_ratio is -1, must be at least 0"
        );
        assert_eq!(
            error(align(16, -2, 0)),
            "output_height is -2, must be at least 0"
        );
        assert_eq!(
            error(node("RoiAlign", 16).string("mode", "mean")),
            "mode is 'mean', must be avg or max"
        );
        assert_eq!(
            error(node("RoiAlign", 16).string("coordinate_transformation_mode", "Half_pixel")),
            "coordinate_transformation_mode is 'Half_pixel', must be half_pixel or output_half_pixel"
        );
        assert!(
            error(node("RoiAlign", 10).string("coordinate_transformation_mode", "half_pixel"))
                .contains("is new in RoiAlign-16")
        );
        assert_eq!(
            error(node("RoiAlign", 16).float("spatial_scale", f32::INFINITY)),
            "spatial_scale is inf, must be finite"
        );
        let error = |x: &Tensor, rois: &Tensor, indices: &Tensor| {
            let error = align(16, 1, 0)
                .run(&[Some(x), Some(rois), Some(indices)])
                .unwrap_err();
            (error.class, error.to_string())
        };
        assert_eq!(
            error(&iota(&[1, 2, 2]), &rois, &zero).1,
            "X is f32[1,2,2], must have four axes"
        );
        assert_eq!(
            error(&x, &iota(&[1, 5]), &zero).1,
            "rois is f32[1,5], must have two axes, the second of size 4"
        );
        assert_eq!(
            error(&x, &rois, &tensor(&[2], vec![0i64; 2])).1,
            "batch_indices is i64[2], must have one element for each of rois, which is f32[1,4]"
        );
        assert_eq!(
            error(&x, &rois, &tensor(&[1], vec![2i64])),
            (
                Class::Run,
                "batch_indices[0] is 2, must be the index of one of 2 images".to_string()
            )
        );
        assert!(
            error(&x, &rois, &tensor(&[1], vec![-1i64]))
                .1
                .contains("batch_indices[0] is -1")
        );
        assert_eq!(
            error(&x, &tensor(&[1, 4], vec![0.0, f32::NAN, 1.0, 1.0]), &zero),
            (Class::Run, "rois[0,1] is NaN, must be finite".to_string())
        );
        assert!(
            error(&x, &tensor(&[1, 4], vec![-3e38f32, 0.0, 3e38, 1.0]), &zero)
                .1
                .contains("must give a finite region when scaled")
        );
        let wide = align(16, i64::MAX, 0).run(&[Some(&x), Some(&rois), Some(&zero)]);
        assert!(wide.is_err());
    }

    #[test]
    fn the_stored_cases_agree() {
        let default = || {
            node("RoiAlign", 22)
                .float("spatial_scale", 1.0)
                .int("output_height", 5)
                .int("output_width", 5)
                .int("sampling_ratio", 2)
        };
        let modes = [
            (
                "aligned_false",
                default().string("coordinate_transformation_mode", "output_half_pixel"),
            ),
            (
                "aligned_true",
                default().string("coordinate_transformation_mode", "half_pixel"),
            ),
            (
                "mode_max",
                default()
                    .string("coordinate_transformation_mode", "output_half_pixel")
                    .string("mode", "max"),
            ),
        ];
        for (name, node) in modes {
            let (inputs, wanted) = stored(&format!("test_roialign_{name}"), 3);
            let y = node
                .run(&inputs.iter().map(Some).collect::<Vec<_>>())
                .expect("it runs");
            assert_eq!(y[0].shape(), wanted.shape());
            let got = y[0].as_slice::<f32>().expect("f32");
            for (got, wanted) in got.iter().zip(wanted.as_slice::<f32>().expect("f32")) {
                // The tolerance of ONNX's own runner: the stored values have four digits.
                let most = 1e-7 + 1e-3 * wanted.abs();
                assert!((got - wanted).abs() <= most, "{name}: {got}, not {wanted}");
            }
        }
    }
}
