//! NonMaxSuppression: the boxes with the best scores that do not overlap much with better ones.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html>
//! Of equal scores the first counts more; a box with a score of NaN is never taken.

use super::{Fact, Inputs, Op, Operator, Outputs, axes, elements, required, sorting};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::parts::{self, Looks, PART};
use crate::stop;
use crate::tensor::{DType, Shape};

pub(super) const NON_MAX_SUPPRESSION: Op = Op {
    domain: "ai.onnx",
    name: "NonMaxSuppression",
    newest: 11,
    read: |attributes| Ok(Box::new(NonMaxSuppression::read(attributes)?)),
    exact: true,
};

/// `boxes: [N, B, 4]` and `scores: [N, C, B]` to `selected_indices: [S, 3]`: image, class and box.
#[derive(Debug)]
struct NonMaxSuppression {
    /// Whether a box is given by its centre, width and height, not by two opposite corners.
    center_point_box: bool,
}

/// A box by its least and greatest corner.
#[derive(Clone, Copy)]
struct Corners {
    least: [f32; 2],
    greatest: [f32; 2],
}

impl Corners {
    fn area(&self) -> f32 {
        (self.greatest[0] - self.least[0]) * (self.greatest[1] - self.least[1])
    }

    /// The area that two boxes have in common, as part of what they cover together.
    fn overlap(&self, other: &Corners) -> f32 {
        let along = |axis: usize| {
            let end = self.greatest[axis].min(other.greatest[axis]);
            (end - self.least[axis].max(other.least[axis])).max(0.0)
        };
        let common = along(0) * along(1);
        match self.area() + other.area() - common {
            whole if whole > 0.0 => common / whole,
            _ => 0.0,
        }
    }
}

impl NonMaxSuppression {
    fn read(attributes: &mut Attributes<'_>) -> Result<NonMaxSuppression, OpError> {
        Ok(NonMaxSuppression {
            center_point_box: attributes.flag("center_point_box")?,
        })
    }

    fn corners(&self, numbers: &[f32]) -> Corners {
        let [a, b, c, d] = [0, 1, 2, 3].map(|index| numbers[index]);
        match self.center_point_box {
            // Centre x and y, width and height.
            true => Corners {
                least: [b - d / 2.0, a - c / 2.0],
                greatest: [b + d / 2.0, a + c / 2.0],
            },
            false => Corners {
                least: [a.min(c), b.min(d)],
                greatest: [a.max(c), b.max(d)],
            },
        }
    }
}

impl Operator for NonMaxSuppression {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (boxes, scores) = (required(inputs, 0), required(inputs, 1));
        for (name, fact) in [("boxes", boxes), ("scores", scores)] {
            if fact.dims.as_ref().is_some_and(|dims| dims.len() != 3) {
                return Err(OpError::invalid(
                    name,
                    format!("is {fact}, must have 3 axes"),
                ));
            }
        }
        if let (Some(boxes_dims), Some(dims)) = (&boxes.dims, &scores.dims) {
            let differ =
                |a: Option<usize>, b: Option<usize>| matches!((a, b), (Some(a), Some(b)) if a != b);
            if differ(boxes_dims[0], dims[0])
                || differ(boxes_dims[1], dims[2])
                || differ(boxes_dims[2], Some(4))
            {
                return Err(OpError::invalid(
                    "boxes",
                    format!("is {boxes}, must hold 4 numbers for each score of {scores}"),
                ));
            }
        }
        let names = [
            "max_output_boxes_per_class",
            "iou_threshold",
            "score_threshold",
        ];
        for (index, name) in names.into_iter().enumerate() {
            if let Some(fact) = inputs.get(index + 2).copied().flatten() {
                axes::single(name, fact)?;
            }
        }
        Ok(vec![Fact::new(DType::I64, Some(vec![None, Some(3)]))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        self.infer(&super::Known::of(inputs, &[]).facts())?;
        let (boxes, scores) = (required(inputs, 0), required(inputs, 1));
        let given = |index: usize| inputs.get(index).and_then(Option::as_ref);
        let float =
            |index: usize| given(index).and_then(|view| elements::<f32>(view).first().copied());
        let most = given(2).and_then(|view| elements::<i64>(view).first().copied());
        let most = usize::try_from(most.unwrap_or(0)).unwrap_or(0);
        let iou_threshold = float(3).unwrap_or(0.0);
        if !(0.0..=1.0).contains(&iou_threshold) {
            return Err(OpError::invalid(
                "iou_threshold",
                format!("is {iou_threshold}, must be in 0..=1"),
            ));
        }
        let score_threshold = float(4);
        let [images, classes, count] = [0, 1, 2].map(|axis| scores.shape()[axis]);
        let (boxes, scores) = (elements::<f32>(boxes), elements::<f32>(scores));
        // Corners and an order of all boxes of an image, and all results.
        let results = (images * classes).saturating_mul(count.min(most));
        outputs.check_scratch(
            results
                .saturating_mul(24)
                .saturating_add(count.saturating_mul(32))
                .saturating_add(sorting::scratch_bytes::<usize>(count)),
        )?;
        let mut selected: Vec<i64> = Vec::new();
        for image in 0..images {
            let boxes = boxes[image * count * 4..][..count * 4].chunks(4);
            let corners: Vec<Corners> =
                parts::collected(boxes.map(|numbers| self.corners(numbers)))?;
            for class in 0..classes {
                stop::check()?;
                let scores = &scores[(image * classes + class) * count..][..count];
                let passes = |&index: &usize| match score_threshold {
                    Some(threshold) => scores[index] > threshold,
                    None => !scores[index].is_nan(),
                };
                let mut order: Vec<usize> = Vec::new();
                for first in (0..count).step_by(PART) {
                    stop::check()?;
                    for index in (first..count.min(first + PART)).filter(passes) {
                        allocate::push(&mut order, index);
                    }
                }
                sorting::sort(&mut order, 1, |&a, &b| {
                    scores[b].total_cmp(&scores[a]).then(a.cmp(&b))
                })?;
                let mut taken: Vec<usize> = Vec::new();
                let mut looks = Looks::default();
                for index in order {
                    if taken.len() >= most {
                        break;
                    }
                    looks.check(taken.len() + 1)?;
                    let apart =
                        |&other: &usize| corners[index].overlap(&corners[other]) <= iou_threshold;
                    if taken.iter().all(apart) {
                        allocate::push(&mut taken, index);
                        for part in [image, class, index] {
                            allocate::push(&mut selected, part as i64);
                        }
                    }
                }
            }
        }
        let shape = Shape::new(&[selected.len() / 3, 3])?;
        outputs.make::<i64>(&shape)?.copy_from_slice(&selected);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn without_a_number_none_is_taken_and_empty_boxes_overlap_nothing() {
        let boxes = tensor(&[1, 2, 4], vec![0.0f32; 8]);
        let scores = tensor(&[1, 1, 2], vec![0.5f32, 0.5]);
        let suppress = node("NonMaxSuppression", 11);
        let y = suppress
            .run(&[Some(&boxes), Some(&scores)])
            .expect("it runs");
        assert_eq!(**y[0].shape(), [0, 3]);
        let most = tensor(&[1], vec![9i64]);
        let y = suppress.run(&[Some(&boxes), Some(&scores), Some(&most)]);
        assert_eq!(y, Ok(vec![tensor(&[2, 3], vec![0i64, 0, 0, 0, 0, 1])]));
        let threshold = tensor(&[], vec![2.0f32]);
        let inputs = [Some(&boxes), Some(&scores), Some(&most), Some(&threshold)];
        assert_eq!(
            suppress.error(&inputs),
            "iou_threshold is 2, must be in 0..=1"
        );
        assert_eq!(
            suppress.error(&[Some(&boxes), Some(&iota(&[1, 1, 3]))]),
            "boxes is f32[1,2,4], must hold 4 numbers for each score of f32[1,1,3]"
        );
    }
}
