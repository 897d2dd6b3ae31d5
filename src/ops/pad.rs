//! Pad: a tensor with elements put before and behind it along its axes, or taken away there.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Pad.html>
//! Negative pads take elements away, before those that are put there are chosen. Reflections go back and forth where
//! the pads are larger than the axis, as numpy's do.

mod runs;

use super::layout::{Layout, Mover, Run, relocate, strides};
use super::{Fact, Inputs, Known, Op, Operator, Outputs, axes, required};
use crate::error::{OpError, Quoted};
use crate::onnx::attributes::Attributes;
use crate::tensor::{DType, Element, Tensor, TensorView};

pub(super) const PAD: Op = Op {
    domain: "ai.onnx",
    name: "Pad",
    newest: 25,
    read: |attributes| Ok(Box::new(Pad::read(attributes)?)),
    exact: true,
};

/// `data` to `output`, which is larger by `pads`: first what goes before each axis, then what goes behind.
#[derive(Debug)]
struct Pad {
    mode: Mode,
    /// Pads and value where they are attributes, before version 11; later they are inputs.
    attributes: Option<(Vec<i64>, f32)>,
}

/// What is put around the data.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Constant,
    /// The data mirrored in its outermost elements, which are not repeated.
    Reflect,
    /// The outermost elements.
    Edge,
    /// The data again and again.
    Wrap,
}

impl Pad {
    fn read(attributes: &mut Attributes<'_>) -> Result<Pad, OpError> {
        let version = attributes.version();
        let mode = match attributes.string("mode")? {
            None | Some("constant") => Mode::Constant,
            Some("reflect") => Mode::Reflect,
            Some("edge") => Mode::Edge,
            Some("wrap") if version >= 19 => Mode::Wrap,
            Some(mode) => {
                let wrap = if version >= 19 { ", wrap" } else { "" };
                return Err(OpError::invalid(
                    "mode",
                    format!("is {}, must be constant, reflect, edge{wrap}", Quoted(mode)),
                ));
            }
        };
        let pads = attributes.ints(if version == 1 { "paddings" } else { "pads" });
        let value = attributes.float("value").unwrap_or(0.0);
        Ok(Pad {
            mode,
            attributes: pads.map(|pads| (pads.to_vec(), value)),
        })
    }

    /// The pads before and behind each axis; `None` where they are not known yet.
    fn pads(
        &self,
        inputs: &[Option<&Fact>],
        rank: usize,
    ) -> Result<Vec<Option<(i64, i64)>>, OpError> {
        let (pads, padded) = match &self.attributes {
            Some((pads, _)) => (Some(pads.clone()), Some((0..rank).collect())),
            None => {
                let fact = required(inputs, 1);
                let axes = match inputs.get(3).copied().flatten() {
                    None => Some((0..rank).collect()),
                    Some(fact) => {
                        axes::list("axes", fact)?;
                        let axes = fact.integers();
                        axes.map(|axes| axes::axes("axes", &axes, rank))
                            .transpose()?
                    }
                };
                // Early exporters gave the pads an axis of size 1 in front.
                let values = fact.integers();
                let row = |dims: &Vec<_>| matches!(dims.as_slice(), [Some(1) | None, _]);
                if !fact.dims.as_ref().is_some_and(row) {
                    axes::list("pads", fact)?;
                }
                (values, axes)
            }
        };
        let Some(padded): Option<Vec<usize>> = padded else {
            return Ok(vec![None; rank]);
        };
        let mut all = vec![Some((0, 0)); rank];
        if let Some(pads) = &pads
            && pads.len() != 2 * padded.len()
        {
            return Err(OpError::invalid(
                "pads",
                format!("has {} values, must have {}", pads.len(), 2 * padded.len()),
            ));
        }
        for (index, &axis) in padded.iter().enumerate() {
            all[axis] = pads
                .as_ref()
                .map(|pads| (pads[index], pads[index + padded.len()]));
        }
        Ok(all)
    }

    /// The size of an axis of `size` with `pads`.
    fn size(&self, axis: usize, size: usize, pads: (i64, i64)) -> Result<usize, OpError> {
        let sum = i128::from(pads.0) + i128::from(pads.1) + size as i128;
        let cut = |pad: i64| i128::from(pad.min(0));
        let kept = cut(pads.0) + cut(pads.1) + size as i128;
        if sum < 0 || (kept < 0 && self.mode != Mode::Constant) {
            return Err(OpError::invalid(
                "pads",
                format!(
                    "take {} and {} from axis {axis}, which has {size}",
                    -i128::from(pads.0),
                    -i128::from(pads.1)
                ),
            ));
        }
        if kept <= 0 && sum > 0 && self.mode != Mode::Constant {
            return Err(OpError::invalid(
                "pads",
                format!("leave nothing of axis {axis} that could be repeated"),
            ));
        }
        usize::try_from(sum)
            .map_err(|_| OpError::invalid("pads", "ask for more elements than can be addressed"))
    }
}

/// A layout with the fill of its runs.
pub(super) struct Padded<'a> {
    pub(super) layout: Layout,
    pub(super) value: Option<TensorView<'a>>,
}

impl Mover for Padded<'_> {
    fn fill<T: Element>(&self, x: &[T], y: &mut [T]) {
        let value = self
            .value
            .as_ref()
            .and_then(|value| value.as_slice::<T>()?.first());
        self.layout.copy(x, value.unwrap_or(&T::default()), y);
    }
}

/// A float of a type that Pad had when its value was an attribute.
fn scalar(dtype: DType, value: f32) -> Option<Tensor> {
    match dtype {
        DType::F32 => Tensor::new(&[], vec![value]).ok(),
        DType::F64 => Tensor::new(&[], vec![f64::from(value)]).ok(),
        _ => Tensor::new(&[], vec![half::f16::from_f32(value)]).ok(),
    }
}

impl Operator for Pad {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let data = required(inputs, 0);
        if let Some(value) = inputs.get(2).copied().flatten() {
            axes::single("constant_value", value)?;
        }
        let Some(dims) = &data.dims else {
            return Ok(vec![Fact::new(data.dtype, None)]);
        };
        let mut output = Vec::with_capacity(dims.len());
        for (axis, pads) in self.pads(inputs, dims.len())?.into_iter().enumerate() {
            output.push(match (dims[axis], pads) {
                (Some(size), Some(pads)) => Some(self.size(axis, size, pads)?),
                (dim, Some((0, 0))) => dim,
                _ => None,
            });
        }
        Ok(vec![Fact::new(data.dtype, Some(output))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let data = required(inputs, 0);
        let known = Known::of(inputs, &[1, 3]);
        let shape = known.shape(self)?;
        let pads = self.pads(&known.facts(), shape.len())?;
        let pads = pads
            .into_iter()
            .map(|pads| pads.expect("the values of the inputs are known"));
        let pads: Vec<(i64, i64)> = pads.collect();
        outputs.check_output(shape.elements().saturating_mul(data.dtype().bytes()))?;
        if shape.elements() == 0 {
            // An axis may be long all the same.
            return relocate(data, &Layout { axes: Vec::new() }, 0, &shape, outputs);
        }
        let axes = || data.shape().iter().zip(&pads);
        let runs = axes().fold(0, |sum: usize, (&size, &pads)| {
            sum.saturating_add(self.runs(size, pads))
        });
        outputs.check_scratch(runs.saturating_mul(size_of::<Run>()))?;
        let axes = axes().zip(strides(data.shape()));
        let axes = axes.map(|((&size, &pads), stride)| self.axis(size, stride, pads));
        let layout = Layout {
            axes: axes.collect::<Result<_, OpError>>()?,
        };
        let given = inputs.get(2).and_then(Option::as_ref);
        let attribute = match &self.attributes {
            Some((_, value)) => scalar(data.dtype(), *value),
            None => None,
        };
        let value = given
            .map(TensorView::reborrow)
            .or(attribute.as_ref().map(Tensor::as_view));
        if let Some(text) = value
            .as_ref()
            .and_then(|value| value.as_slice::<String>()?.first())
        {
            let text = text.len().saturating_mul(shape.elements());
            outputs.check_output(data.bytes().saturating_add(text))?;
        }
        relocate(data, &Padded { layout, value }, 0, &shape, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Node, iota, node, tensor};

    fn pad(node: Node, dims: &[usize], pads: &[i64]) -> Result<Vec<f32>, String> {
        let pads = tensor(&[pads.len()], pads.to_vec());
        let value = tensor(&[], vec![9.0f32]);
        node.run(&[Some(&iota(dims)), Some(&pads), Some(&value)])
            .map(|y| y[0].as_slice().expect("f32").to_vec())
            .map_err(|error| error.to_string())
    }

    fn mode(mode: &str) -> Node {
        node("Pad", 25).string("mode", mode)
    }

    #[test]
    fn every_mode_puts_its_own_around() {
        let around = |name, pads: &[i64]| pad(mode(name), &[3], pads);
        assert_eq!(
            around("constant", &[1, 2]),
            Ok(vec![9.0, 0.0, 1.0, 2.0, 9.0, 9.0])
        );
        assert_eq!(
            around("edge", &[1, 2]),
            Ok(vec![0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
        );
        assert_eq!(
            around("reflect", &[5, 3]),
            Ok(vec![1.0, 0.0, 1.0, 2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0, 1.0])
        );
        assert_eq!(
            around("wrap", &[4, 2]),
            Ok(vec![2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0])
        );
        assert_eq!(pad(mode("reflect"), &[1], &[1, 1]), Ok(vec![0.0; 3]));
        assert_eq!(pad(mode("constant"), &[0], &[1, 1]), Ok(vec![9.0; 2]));
    }

    #[test]
    fn negative_pads_take_away() {
        let away = |name, pads: &[i64]| pad(mode(name), &[4], pads);
        assert_eq!(away("constant", &[-1, -1]), Ok(vec![1.0, 2.0]));
        assert_eq!(away("constant", &[-1, 1]), Ok(vec![1.0, 2.0, 3.0, 9.0]));
        assert_eq!(away("edge", &[-2, 1]), Ok(vec![2.0, 3.0, 3.0]));
        assert_eq!(away("wrap", &[1, -2]), Ok(vec![1.0, 0.0, 1.0]));
        assert_eq!(away("constant", &[-4, 1]), Ok(vec![9.0]));
        assert_eq!(away("constant", &[-6, 3]), Ok(vec![9.0]));
        assert_eq!(
            away("constant", &[-3, -2]).unwrap_err(),
            "pads take 3 and 2 from axis 0, which has 4"
        );
        assert_eq!(
            away("edge", &[-4, 1]).unwrap_err(),
            "pads leave nothing of axis 0 that could be repeated"
        );
        assert!(pad(mode("edge"), &[0], &[1, 0]).is_err());
        assert!(pad(mode("constant"), &[4], &[i64::MAX, i64::MAX]).is_err());
        assert_eq!(
            pad(mode("constant"), &[4], &[i64::MIN, i64::MAX]),
            Ok(vec![9.0; 3])
        );
    }

    #[test]
    fn old_versions_and_chosen_axes() {
        let y = node("Pad", 1).ints("paddings", &[1, 0]).float("value", 2.0);
        assert_eq!(
            y.run(&[Some(&iota(&[1]))]),
            Ok(vec![tensor(&[2], vec![2.0f32, 0.0])])
        );
        let y = node("Pad", 2).ints("pads", &[1, 0]).string("mode", "edge");
        assert_eq!(
            y.run(&[Some(&iota(&[1]))]),
            Ok(vec![tensor(&[2], vec![0.0f32, 0.0])])
        );
        let (pads, axes) = (tensor(&[2], vec![0i64, 1]), tensor(&[1], vec![-2i32]));
        let y = node("Pad", 18).run(&[Some(&iota(&[1, 1])), Some(&pads), None, Some(&axes)]);
        assert_eq!(y, Ok(vec![tensor(&[2, 1], vec![0.0f32, 0.0])]));
        let pads = tensor(&[1], vec![1i64]);
        assert_eq!(
            node("Pad", 11).error(&[Some(&iota(&[1])), Some(&pads)]),
            "pads has 1 values, must have 2"
        );
        assert!(
            node("Pad", 18)
                .string("mode", "wrap")
                .error(&[Some(&iota(&[1])), Some(&pads)])
                .contains("must be")
        );
    }
}
