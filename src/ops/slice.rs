//! Slice: a part of a tensor, in steps along its axes.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Slice.html>

use super::layout::{Layout, Run, relocate, strides};
use super::{Fact, Inputs, Known, Op, Operator, Outputs, axes, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;

pub(super) const SLICE: Op = Op {
    domain: "ai.onnx",
    name: "Slice",
    newest: 13,
    read: |attributes| Ok(Box::new(Slice::read(attributes)?)),
    exact: true,
};

/// `data` to `output`: along each of `axes` the elements from `starts` to before `ends`, `steps` apart.
#[derive(Debug)]
struct Slice {
    /// In version 1 all are attributes; later they are inputs.
    attributes: Option<Bounds>,
}

/// Where to cut.
#[derive(Clone, Debug, Default)]
struct Bounds {
    starts: Option<Vec<i64>>,
    ends: Option<Vec<i64>>,
    /// The first axes, unless given.
    axes: Option<Vec<i64>>,
    /// 1, unless given.
    steps: Option<Vec<i64>>,
}

/// What is left of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cut {
    start: usize,
    step: i64,
    len: usize,
}

impl Cut {
    /// As Python slices; a start or an end outside the axis is moved to its edge.
    fn new(start: i64, end: i64, step: i64, size: usize) -> Cut {
        let size = size as i64;
        let wrap = |index: i64| {
            if index < 0 {
                index.saturating_add(size)
            } else {
                index
            }
        };
        let (least, most) = if step > 0 { (0, size) } else { (-1, size - 1) };
        let start = wrap(start).clamp(least, most.max(least));
        let end = wrap(end).clamp(least, most.max(least));
        let span = if step > 0 { end - start } else { start - end };
        Cut {
            start: start.max(0) as usize,
            step,
            len: match span {
                ..=0 => 0,
                span => (span as u64).div_ceil(step.unsigned_abs()) as usize,
            },
        }
    }
}

impl Slice {
    fn read(attributes: &mut Attributes<'_>) -> Result<Slice, OpError> {
        if attributes.version() > 1 {
            return Ok(Slice { attributes: None });
        }
        let mut ints = |name| attributes.ints(name).map(<[i64]>::to_vec);
        Ok(Slice {
            attributes: Some(Bounds {
                starts: ints("starts"),
                ends: ints("ends"),
                axes: ints("axes"),
                steps: None,
            }),
        })
    }

    /// The bounds, with `None` where the values of an input are not known, and whether the axes are known.
    fn bounds(&self, inputs: &[Option<&Fact>]) -> Result<(Bounds, bool), OpError> {
        if let Some(bounds) = &self.attributes {
            return Ok((bounds.clone(), true));
        }
        let given = |index: usize| inputs.get(index).copied().flatten();
        for (index, name) in ["starts", "ends", "axes", "steps"].into_iter().enumerate() {
            if let Some(fact) = given(index + 1) {
                axes::list(name, fact)?;
            }
        }
        let values = |index| given(index).and_then(Fact::integers);
        let mut bounds = Bounds {
            starts: values(1),
            ends: values(2),
            axes: values(3),
            steps: values(4),
        };
        // Steps that are not known leave every size open, as starts do.
        if given(4).is_some() && bounds.steps.is_none() {
            bounds.starts = None;
        }
        let counts = given(1).and_then(|fact| *fact.dims.as_ref()?.first()?);
        let axes_known = match (given(3), counts) {
            (Some(_), _) => bounds.axes.is_some(),
            (None, Some(count)) => {
                bounds.axes = Some((0..count.min(crate::Shape::MAX_RANK + 1) as i64).collect());
                true
            }
            (None, None) => false,
        };
        Ok((bounds, axes_known))
    }

    /// The cuts by axis: `None` where an axis keeps its size, `Some(None)` where its cut is not known yet.
    fn cuts(
        &self,
        inputs: &[Option<&Fact>],
        dims: &[Option<usize>],
    ) -> Result<Vec<Option<Option<Cut>>>, OpError> {
        let (bounds, axes_known) = self.bounds(inputs)?;
        if !axes_known {
            return Ok(vec![Some(None); dims.len()]);
        }
        let mut cuts = vec![None; dims.len()];
        let count = |name: &str, values: Option<&Vec<i64>>, wanted: usize| match values {
            Some(values) if values.len() != wanted => Err(OpError::invalid(
                name,
                format!("has {} values, must have {wanted}, as starts", values.len()),
            )),
            _ => Ok(()),
        };
        let axes = match (&bounds.axes, &bounds.starts) {
            (Some(axes), _) => axes.clone(),
            (None, Some(starts)) => (0..starts.len() as i64).collect(),
            (None, None) => return Ok(vec![Some(None); dims.len()]),
        };
        let wanted = bounds.starts.as_ref().map_or(axes.len(), Vec::len);
        count("ends", bounds.ends.as_ref(), wanted)?;
        count("axes", Some(&axes), wanted)?;
        count("steps", bounds.steps.as_ref(), wanted)?;
        for (index, axis) in axes::axes("axes", &axes, dims.len())?
            .into_iter()
            .enumerate()
        {
            let step = bounds.steps.as_ref().map_or(1, |steps| steps[index]);
            if step == 0 {
                return Err(OpError::invalid(
                    format!("steps[{index}]"),
                    "is 0, must not be",
                ));
            }
            cuts[axis] = Some(match (&bounds.starts, &bounds.ends, dims[axis]) {
                (Some(starts), Some(ends), Some(size)) => {
                    Some(Cut::new(starts[index], ends[index], step, size))
                }
                _ => None,
            });
        }
        Ok(cuts)
    }
}

impl Operator for Slice {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let data = required(inputs, 0);
        let Some(dims) = &data.dims else {
            return Ok(vec![Fact::new(data.dtype, None)]);
        };
        let cuts = self.cuts(inputs, dims)?;
        let size = |(cut, dim): (&Option<Option<Cut>>, &Option<usize>)| match cut {
            None => *dim,
            Some(cut) => cut.map(|cut| cut.len),
        };
        let dims = cuts.iter().zip(dims).map(size).collect();
        Ok(vec![Fact::new(data.dtype, Some(dims))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let data = required(inputs, 0);
        let known = Known::of(inputs, &[1, 2, 3, 4]);
        let shape = known.shape(self)?;
        let dims = super::fact::dims_of(data.shape());
        let cuts = self.cuts(&known.facts(), &dims)?;
        let mut layout = Layout::of(data.shape());
        let strides = strides(data.shape());
        for (axis, cut) in cuts.iter().enumerate() {
            if let Some(Some(cut)) = cut {
                // One element needs no step, and a step beyond the axis could overflow.
                let step = if cut.len > 1 { cut.step as isize } else { 1 };
                let stride = strides[axis];
                layout.axes[axis][0] =
                    Run::new(cut.len, cut.start * stride, step * stride as isize);
            }
        }
        relocate(data, &layout, 0, &shape, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::Cut;
    use crate::ops::Fact;
    use crate::ops::testing::{iota, node, tensor};
    use crate::tensor::DType;

    fn slice(dims: &[usize], bounds: [&[i64]; 4]) -> Result<Vec<f32>, String> {
        let bounds = bounds.map(|values| tensor(&[values.len()], values.to_vec()));
        let [starts, ends, axes, steps] = &bounds;
        node("Slice", 13)
            .run(&[
                Some(&iota(dims)),
                Some(starts),
                Some(ends),
                Some(axes),
                Some(steps),
            ])
            .map(|y| y[0].as_slice().expect("f32").to_vec())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn cuts_are_those_of_python() {
        let all = [i64::MIN, -7, -6, -5, -2, -1, 0, 1, 2, 4, 5, 6, i64::MAX];
        for size in 0..6usize {
            for start in all {
                for end in all {
                    for step in [i64::MIN, -7, -2, -1, 1, 2, 3, i64::MAX] {
                        // By walking: what lies between the bounds as Python reads them.
                        let wrap = |index: i64| match index < 0 {
                            true => i128::from(index) + size as i128,
                            false => i128::from(index),
                        };
                        let (least, most) = match step > 0 {
                            true => (0, size as i128),
                            false => (-1, size as i128 - 1),
                        };
                        let mut at = wrap(start).clamp(least, most);
                        let stop = wrap(end).clamp(least, most);
                        let mut wanted = Vec::new();
                        while if step > 0 { at < stop } else { at > stop } {
                            wanted.push(at);
                            at += i128::from(step);
                        }
                        let cut = Cut::new(start, end, step, size);
                        let got =
                            (0..cut.len).map(|i| cut.start as i128 + i as i128 * i128::from(step));
                        assert_eq!(
                            got.collect::<Vec<_>>(),
                            wanted,
                            "{start} {end} {step} {size}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn steps_may_be_negative_and_axes_may_be_chosen() {
        assert_eq!(slice(&[5], [&[3], &[-9], &[0], &[-2]]), Ok(vec![3.0, 1.0]));
        assert_eq!(
            slice(&[2, 3], [&[-1, 0], &[i64::MIN, 2], &[1, 0], &[-1, 1]]),
            Ok(vec![2.0, 1.0, 0.0, 5.0, 4.0, 3.0])
        );
        assert_eq!(slice(&[3], [&[1], &[1], &[0], &[1]]), Ok(vec![]));
        assert_eq!(slice(&[2], [&[0], &[9], &[0], &[i64::MAX]]), Ok(vec![0.0]));
        assert_eq!(
            slice(&[3], [&[0], &[1], &[0], &[0]]).unwrap_err(),
            "steps[0] is 0, must not be"
        );
        assert_eq!(
            slice(&[3], [&[0], &[1], &[1], &[1]]).unwrap_err(),
            "axes[0] is 1, must be in -1..=0"
        );
        assert_eq!(
            slice(&[3], [&[0], &[1, 2], &[0], &[1]]).unwrap_err(),
            "ends has 2 values, must have 1, as starts"
        );
    }

    #[test]
    fn version_1_has_attributes() {
        let y = node("Slice", 1)
            .ints("starts", &[1])
            .ints("ends", &[1000])
            .run(&[Some(&iota(&[3]))])
            .expect("it runs");
        assert_eq!(y[0], tensor(&[2], vec![1.0f32, 2.0]));
    }

    #[test]
    fn axes_that_are_not_cut_keep_their_sizes() {
        let x = Fact::new(DType::F32, Some(vec![None, Some(4), Some(5)]));
        let constant = |values: Vec<i64>| {
            Some(Fact::constant(std::sync::Arc::new(tensor(
                &[values.len()],
                values,
            ))))
        };
        let open = Some(Fact::new(DType::I64, Some(vec![Some(1)])));
        let infer = |ends| {
            let facts = [Some(x.clone()), constant(vec![1]), ends, constant(vec![1])];
            node("Slice", 13).infer(&facts).expect("it fits")[0].to_string()
        };
        assert_eq!(infer(constant(vec![3])), "f32[?,2,5]");
        assert_eq!(infer(open), "f32[?,?,5]");
    }
}
