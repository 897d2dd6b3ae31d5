//! Reductions: each run of elements along some axes becomes one, a sum, mean, maximum, norm and so on.
//!
//! Specification: the page of each, as <https://onnx.ai/onnx/operators/onnx__ReduceSum.html>
//! Floats are folded in f64 and rounded once; integers are folded without loss, keep their low bits, and means,
//! roots and logarithms of them are cut towards 0. NaN stays NaN. Without axes to fold, where that is asked for,
//! each element is folded alone.

mod fold;
mod plan;

use half::{bf16, f16};

use super::axes;
use super::convert::Numeric;
use super::fact::{self, Dims};
use super::number::{Integer, is_float};
use super::{Fact, Inputs, Op, Operator, Outputs, Step, elements, required};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::{DType, Rounding, TensorView, dispatch};
use fold::Kind;
use plan::Plan;

/// `CONST "Name" newest => kind, the version from which on axes are an input;`
macro_rules! table {
    ($($op:ident $name:literal $newest:literal => $kind:expr, $input_from:literal;)*) => {
        $(pub(super) const $op: Op = Op {
            domain: "ai.onnx",
            name: $name,
            newest: $newest,
            read: |attributes| Ok(Box::new(Reduce::read(attributes, $kind, $input_from)?)),
            exact: false,
        };)*
    };
}
table! {
    REDUCE_L1 "ReduceL1" 18 => Kind::L1, 18;
    REDUCE_L2 "ReduceL2" 18 => Kind::L2, 18;
    REDUCE_LOG_SUM "ReduceLogSum" 18 => Kind::LogSum, 18;
    REDUCE_LOG_SUM_EXP "ReduceLogSumExp" 18 => Kind::LogSumExp, 18;
    REDUCE_MAX "ReduceMax" 20 => Kind::Max, 18;
    REDUCE_MEAN "ReduceMean" 18 => Kind::Mean, 18;
    REDUCE_MIN "ReduceMin" 20 => Kind::Min, 18;
    REDUCE_PROD "ReduceProd" 18 => Kind::Prod, 18;
    REDUCE_SUM "ReduceSum" 13 => Kind::Sum, 13;
    REDUCE_SUM_SQUARE "ReduceSumSquare" 18 => Kind::SumSquare, 18;
}

/// `data` to `reduced`, whose folded axes have size 1, or are dropped.
#[derive(Debug)]
struct Reduce {
    kind: Kind,
    axes: Axes,
    keep: bool,
    /// Whether no axes stand for none, and not for all.
    none_if_empty: bool,
}

/// Where the axes are named.
#[derive(Debug)]
enum Axes {
    Attribute(Vec<i64>),
    Input,
}

impl Reduce {
    fn read(
        attributes: &mut Attributes<'_>,
        kind: Kind,
        input_from: i64,
    ) -> Result<Reduce, OpError> {
        let axes = match attributes.version() >= input_from {
            true => Axes::Input,
            false => Axes::Attribute(attributes.ints("axes").unwrap_or_default().to_vec()),
        };
        Ok(Reduce {
            kind,
            axes,
            keep: keep_dims(attributes)?,
            none_if_empty: attributes.flag("noop_with_empty_axes")?,
        })
    }

    /// Which of `rank` axes are folded.
    fn mask(&self, axes: &[i64], rank: usize) -> Result<Vec<bool>, OpError> {
        match axes {
            [] => Ok(vec![!self.none_if_empty; rank]),
            _ => mask("axes", axes, rank),
        }
    }

    /// The dimensions of the output; `None` for axes that are not known.
    fn dims(&self, data: &Fact, axes: Option<&[i64]>) -> Result<Dims, OpError> {
        let Some(dims) = &data.dims else {
            return Ok(None);
        };
        let Some(axes) = axes else {
            return Ok(self.keep.then(|| vec![None; dims.len()]));
        };
        let mask = self.mask(axes, dims.len())?;
        Ok(Some(reduced(dims, &mask, self.keep)))
    }

    /// The axes that are named, if they are known.
    fn named<'a>(&'a self, inputs: &[Option<&'a Fact>]) -> Result<Option<&'a [i64]>, OpError> {
        let axes = match (&self.axes, inputs.get(1).copied().flatten()) {
            (Axes::Attribute(axes), _) => return Ok(Some(axes)),
            (Axes::Input, None) => return Ok(Some(&[])),
            (Axes::Input, Some(axes)) => axes,
        };
        axes::list("axes", axes)?;
        match axes.shape()?.is_some_and(|shape| shape.elements() == 0) {
            true => Ok(Some(&[])),
            false => Ok(axes.ints()),
        }
    }

    fn floats<T: Numeric>(
        &self,
        data: &TensorView<'_>,
        mask: &[bool],
        limits: [f64; 2],
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let (x, plan) = (elements::<T>(data), Plan::new(data.shape(), mask));
        let y = outputs.make::<T>(&fact::known(self.output(data, mask))?)?;
        let read = |start: usize, block: &mut [f64]| {
            for (wide, x) in block.iter_mut().zip(&x[start..]) {
                *wide = x.to_f64();
            }
        };
        let chunk = fold::of_floats(self.kind);
        plan.run(
            y,
            &|first, wide| chunk(&plan, &read, limits, first, wide),
            |wide| T::from_f64(wide, Rounding::default()),
        );
        Ok(())
    }

    fn integers<T: Integer>(
        &self,
        data: &TensorView<'_>,
        mask: &[bool],
        chunk: fold::Chunk<i128>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let (x, plan) = (elements::<T>(data), Plan::new(data.shape(), mask));
        let y = outputs.make::<T>(&fact::known(self.output(data, mask))?)?;
        let read = |start: usize, block: &mut [i128]| {
            for (wide, x) in block.iter_mut().zip(&x[start..]) {
                *wide = x.to_i128();
            }
        };
        let limits = [T::MIN.to_i128(), T::MAX.to_i128()];
        plan.run(
            y,
            &|first, wide| chunk(&plan, &read, limits, first, wide),
            T::low_bits,
        );
        Ok(())
    }

    fn output(&self, data: &TensorView<'_>, mask: &[bool]) -> Dims {
        Some(reduced(&fact::dims_of(data.shape()), mask, self.keep))
    }
}

/// Which axes are named.
pub(super) fn mask(name: &str, named: &[i64], rank: usize) -> Result<Vec<bool>, OpError> {
    let mut mask = vec![false; rank];
    for axis in axes::axes(name, named, rank)? {
        mask[axis] = true;
    }
    Ok(mask)
}

/// The attribute `keepdims`, which is set if it is absent.
pub(super) fn keep_dims(attributes: &mut Attributes<'_>) -> Result<bool, OpError> {
    match attributes.int("keepdims") {
        None | Some(1) => Ok(true),
        Some(0) => Ok(false),
        Some(other) => Err(OpError::invalid(
            "keepdims",
            format!("is {other}, must be 0 or 1"),
        )),
    }
}

/// Dimensions without those that `mask` names, or with 1 in their place.
pub(super) fn reduced(dims: &[Option<usize>], mask: &[bool], keep: bool) -> Vec<Option<usize>> {
    let axes = dims.iter().zip(mask);
    axes.filter_map(|(dim, folded)| match (folded, keep) {
        (false, _) => Some(*dim),
        (true, true) => Some(Some(1)),
        (true, false) => None,
    })
    .collect()
}

impl Operator for Reduce {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let data = required(inputs, 0);
        let dims = self.dims(data, self.named(inputs)?)?;
        Ok(vec![Fact::new(data.dtype, dims)])
    }

    fn step(&self, inputs: &[Option<Fact>]) -> Option<Step> {
        let inputs: Vec<Option<&Fact>> = inputs.iter().map(Option::as_ref).collect();
        let rank = inputs.first().copied().flatten()?.dims.as_ref()?.len();
        let mask = self.mask(self.named(&inputs).ok()??, rank).ok()?;
        let first = mask.iter().position(|folded| *folded)?;
        let last = mask[first..].iter().all(|folded| *folded);
        (matches!(self.kind, Kind::Mean) && self.keep && last).then_some(Step::Mean(first))
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let data = required(inputs, 0);
        let axes = match (&self.axes, inputs.get(1).and_then(Option::as_ref)) {
            (Axes::Attribute(axes), _) => axes,
            (Axes::Input, None) => &[][..],
            (Axes::Input, Some(axes)) => {
                axes::list("axes", &Fact::from(axes))?;
                elements(axes)
            }
        };
        let mask = self.mask(axes, data.shape().len())?;
        let unbounded = [f64::NEG_INFINITY, f64::INFINITY];
        let dtype = data.dtype();
        match (dtype, fold::of_integers(self.kind)) {
            (DType::Bool, _) => self.floats::<bool>(data, &mask, [0.0, 1.0], outputs),
            (dtype, _) if is_float(dtype) => {
                dispatch!(dtype, T in [f32, f64, f16, bf16] =>
                    self.floats::<T>(data, &mask, unbounded, outputs))
            }
            (_, Some(chunk)) => dispatch!(dtype, T in [i8, i32, i64, u8, u32, u64] =>
                self.integers::<T>(data, &mask, chunk, outputs)),
            (_, None) => dispatch!(dtype, T in [i32, i64, u32, u64] =>
                self.floats::<T>(data, &mask, unbounded, outputs)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::ops::Fact;
    use crate::ops::testing::{Node, iota, node, tensor};
    use crate::tensor::{DType, Tensor};

    fn axes(axes: &[i64]) -> Tensor {
        tensor(&[axes.len()], axes.to_vec())
    }

    #[test]
    fn every_choice_of_axes_agrees_with_a_walk_over_every_element() {
        let shape = [2, 3, 1, 4, 5];
        let x: Vec<i64> = (0..120).map(|i| i * i % 97 - 40).collect();
        for choice in 0..1 << shape.len() {
            let folded = |axis: usize| choice >> axis & 1 == 1;
            let out: Vec<usize> = (0..5)
                .map(|a| if folded(a) { 1 } else { shape[a] })
                .collect();
            let mut wanted = vec![0i64; out.iter().product()];
            for (index, x) in x.iter().enumerate() {
                let (mut rest, mut at, mut step) = (index, 0, 1);
                for axis in (0..5).rev() {
                    let position = rest % shape[axis];
                    rest /= shape[axis];
                    if !folded(axis) {
                        at += position * step;
                        step *= shape[axis];
                    }
                }
                wanted[at] += x;
            }
            let named: Vec<i64> = (0..5).filter(|a| folded(*a as usize)).collect();
            let sum = node("ReduceSum", 13).int("noop_with_empty_axes", 1);
            let x = tensor(&shape, x.clone());
            assert_eq!(
                sum.run(&[Some(&x), Some(&axes(&named))]),
                Ok(vec![tensor(&out, wanted)]),
                "{named:?}"
            );
        }
    }

    #[test]
    fn long_runs_are_folded_in_parts() {
        let x = tensor(&[3, 5000], (0..15000).map(|i| i as f32).collect());
        let mean = |axis: i64| {
            let mean = node("ReduceMean", 1)
                .ints("axes", &[axis])
                .int("keepdims", 0);
            mean.run(&[Some(&x)]).expect("it runs").remove(0)
        };
        assert_eq!(mean(1), tensor(&[3], vec![2499.5f32, 7499.5, 12499.5]));
        let columns = (0..5000).map(|i| (i + 5000) as f32).collect();
        assert_eq!(mean(-2), tensor(&[5000], columns));
    }

    fn all(name: &'static str, x: &Tensor) -> Tensor {
        let all = node(name, 18).int("keepdims", 0);
        all.run(&[Some(x)]).expect("it runs").remove(0)
    }

    #[test]
    fn integers_are_cut_and_wrap() {
        let x = tensor(&[2], vec![-3i32, -4]);
        for (name, wanted) in [
            ("ReduceMean", -3),
            ("ReduceL1", 7),
            ("ReduceL2", 5),
            ("ReduceProd", 12),
            ("ReduceSumSquare", 25),
            ("ReduceMax", -3),
        ] {
            assert_eq!(all(name, &x), tensor(&[], vec![wanted]), "{name}");
        }
        let x = tensor(&[2], vec![u64::MAX, 2]);
        assert_eq!(all("ReduceProd", &x), tensor(&[], vec![u64::MAX - 1]));
        assert_eq!(all("ReduceMax", &x), tensor(&[], vec![u64::MAX]));
    }

    #[test]
    fn nothing_to_fold() {
        let empty = tensor::<f32>(&[0], vec![]);
        for (name, wanted) in [
            ("ReduceSum", 0.0),
            ("ReduceProd", 1.0),
            ("ReduceMax", f32::NEG_INFINITY),
            ("ReduceMin", f32::INFINITY),
            ("ReduceLogSumExp", f32::NEG_INFINITY),
            ("ReduceL2", 0.0),
        ] {
            assert_eq!(all(name, &empty), tensor(&[], vec![wanted]), "{name}");
        }
        let empty = tensor::<i8>(&[0], vec![]);
        assert_eq!(all("ReduceMax", &empty), tensor(&[], vec![i8::MIN]));
        let empty = tensor::<bool>(&[0], vec![]);
        let min = node("ReduceMin", 20).int("keepdims", 0);
        assert_eq!(min.run(&[Some(&empty)]), Ok(vec![tensor(&[], vec![true])]));
    }

    #[test]
    fn nan_and_infinities() {
        let x = tensor(&[3], vec![1f32, f32::NAN, 2.0]);
        for name in ["ReduceMax", "ReduceMin", "ReduceLogSumExp", "ReduceSum"] {
            let y = all(name, &x);
            assert!(y.as_slice::<f32>().expect("f32")[0].is_nan(), "{name}");
        }
        let large = tensor(&[2], vec![1000f32, 1000.0]);
        let y = all("ReduceLogSumExp", &large);
        assert_eq!(y, tensor(&[], vec![1000f32 + std::f32::consts::LN_2]));
        let infinite = tensor(&[2], vec![f32::INFINITY, f32::INFINITY]);
        assert_eq!(
            all("ReduceLogSumExp", &infinite),
            tensor(&[], vec![f32::INFINITY])
        );
    }

    #[test]
    fn axes_are_checked() {
        let sum = |named: &[i64]| {
            node("ReduceSum", 13).error(&[Some(&iota(&[2, 3])), Some(&axes(named))])
        };
        assert_eq!(sum(&[2]), "axes[0] is 2, must be in -2..=1");
        assert_eq!(sum(&[1, -1]), "axes[1] is -1, the same axis as axes[0]");
        assert!(sum(&[i64::MIN]).starts_with("axes[0] is"));
        let matrix = tensor(&[1, 1], vec![0i64]);
        assert_eq!(
            node("ReduceSum", 13).error(&[Some(&iota(&[2])), Some(&matrix)]),
            "axes is i64[1,1], must have one axis"
        );
    }

    #[test]
    fn inference_with_constant_and_with_unknown_axes() {
        let data = || Some(Fact::new(DType::F32, Some(vec![None, Some(3), Some(4)])));
        let infer = |node: Node, axes| node.infer(&[data(), axes]).expect("it fits")[0].to_string();
        let constant = Some(Fact::constant(Arc::new(axes(&[-1]))));
        assert_eq!(infer(node("ReduceSum", 13), constant.clone()), "f32[?,3,1]");
        let dropping = || node("ReduceSum", 13).int("keepdims", 0);
        assert_eq!(infer(dropping(), constant), "f32[?,3]");
        let unknown = || Some(Fact::new(DType::I64, Some(vec![None])));
        assert_eq!(infer(dropping(), unknown()), "f32[...]");
        assert_eq!(infer(node("ReduceSum", 13), unknown()), "f32[?,?,?]");
    }
}
