//! QLinearAveragePool and QLinearGlobalAveragePool of `com.microsoft`: means of quantized elements.
//!
//! Specification: <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md>
//! The mean is rounded before the zero point is added, in the order of QuantizeLinear.

use super::fact::Dims;
use super::{Fact, Inputs, Op, Operator, Outputs, elements, global_pool, required, window};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::pooling::{Plan, Quantization, Quantized, QuantizedMean};
use crate::tensor::{Element, TensorView, dispatch};
use crate::window::Window;

pub(super) const QLINEAR_AVERAGE_POOL: Op = Op {
    domain: "com.microsoft",
    name: "QLinearAveragePool",
    newest: 1,
    read: |attributes| {
        let count_include_pad = attributes.int("count_include_pad").unwrap_or(0) != 0;
        let window = Some(window::read(attributes)?);
        QLinearAveragePool::read(attributes, window, count_include_pad)
    },
    exact: false,
};

pub(super) const QLINEAR_GLOBAL_AVERAGE_POOL: Op = Op {
    domain: "com.microsoft",
    name: "QLinearGlobalAveragePool",
    newest: 1,
    read: |attributes| QLinearAveragePool::read(attributes, None, false),
    exact: false,
};

/// `X: [N, C, D1..Dk]` to `Y: [N, C, O1..Ok]`, or `[N, D1..Dk, C]` to `[N, O1..Ok, C]`, where an element
/// `q` stands for `scale * (q - zero_point)`.
#[derive(Debug)]
struct QLinearAveragePool {
    /// `None` where the window is the whole plane.
    window: Option<Window>,
    count_include_pad: bool,
    channels_last: bool,
}

impl QLinearAveragePool {
    fn read(
        attributes: &mut Attributes<'_>,
        window: Option<Window>,
        count_include_pad: bool,
    ) -> Result<Box<dyn Operator>, OpError> {
        Ok(Box::new(QLinearAveragePool {
            window,
            count_include_pad,
            channels_last: attributes.flag("channels_last")?,
        }))
    }

    fn dims(&self, x: &Fact) -> Result<Dims, OpError> {
        let (before, after) = if self.channels_last { (1, 1) } else { (2, 0) };
        match &self.window {
            Some(window) => window::infer(window, x, before, after),
            None => global_pool::infer(x, before, after),
        }
    }

    fn plan(&self, shape: &[usize]) -> Result<Plan, OpError> {
        match (&self.window, self.channels_last) {
            (Some(window), false) => Plan::new(window, shape),
            (Some(window), true) => Plan::channels_last(window, shape),
            (None, false) => Plan::global(shape),
            (None, true) => Plan::global_channels_last(shape),
        }
    }

    fn pool<T: Quantized + PartialEq>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let x = required(inputs, 0);
        let plan = self.plan(x.shape())?;
        let from = quantization::<T>(inputs, "x_scale", 1, "x_zero_point", 2)?;
        let to = quantization::<T>(inputs, "y_scale", 3, "y_zero_point", 4)?;
        let reduction = QuantizedMean {
            x: from,
            y: to,
            count_include_pad: self.count_include_pad,
        };
        window::pool::<T, _>(&plan, &reduction, x, outputs)
    }
}

/// The quantization that the inputs `scale` and `zero` give; a zero point that is left out is 0.
fn quantization<T: Element + Copy>(
    inputs: Inputs<'_, '_>,
    scale_name: &str,
    scale: usize,
    zero_name: &str,
    zero: usize,
) -> Result<Quantization<T>, OpError> {
    let scale = only::<f32>(scale_name, required(inputs, scale))?;
    check_scale(scale_name, scale)?;
    let zero_point = match inputs.get(zero).and_then(Option::as_ref) {
        Some(zero) => only::<T>(zero_name, zero)?,
        None => T::default(),
    };
    Ok(Quantization { scale, zero_point })
}

/// The one element of an input.
fn only<T: Element + Copy>(name: &str, x: &TensorView<'_>) -> Result<T, OpError> {
    match elements::<T>(x) {
        [element] => Ok(*element),
        _ => Err(not_one(name, &Fact::from(x))),
    }
}

fn not_one(name: &str, x: &Fact) -> OpError {
    OpError::invalid(name, format!("is {x}, must have one element"))
}

fn check_scale(name: &str, scale: f32) -> Result<(), OpError> {
    match scale > 0.0 && scale.is_finite() {
        true => Ok(()),
        false => Err(OpError::invalid(
            name,
            format!("is {scale}, must be positive and finite"),
        )),
    }
}

/// Checks what is known of a scale or zero point before the run.
fn check_parameter(name: &str, fact: &Fact) -> Result<(), OpError> {
    let is_one = |dims: &Vec<Option<usize>>| dims.iter().all(|dim| dim.is_none_or(|dim| dim == 1));
    if !fact.dims.as_ref().is_none_or(is_one) {
        return Err(not_one(name, fact));
    }
    match fact
        .value
        .as_ref()
        .and_then(|value| value.as_slice::<f32>())
    {
        Some(&[scale]) => check_scale(name, scale),
        _ => Ok(()),
    }
}

impl Operator for QLinearAveragePool {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        let names = ["x_scale", "x_zero_point", "y_scale", "y_zero_point"];
        for (name, fact) in names.into_iter().zip(&inputs[1..]) {
            if let Some(fact) = fact {
                check_parameter(name, fact)?;
            }
        }
        Ok(vec![Fact::new(x.dtype, self.dims(x)?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let dtype = required(inputs, 0).dtype();
        dispatch!(dtype, T in [i8, u8] => self.pool::<T>(inputs, outputs))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::ops::Fact;
    use crate::ops::testing::{Node, microsoft, tensor};
    use crate::tensor::{DType, Tensor};

    fn pool(kernel: &[i64]) -> Node {
        microsoft("QLinearAveragePool").ints("kernel_shape", kernel)
    }

    fn global() -> Node {
        microsoft("QLinearGlobalAveragePool")
    }

    /// Runs with scalar scales and zero points.
    fn run(node: Node, x: &Tensor, from: (f32, u8), to: (f32, u8)) -> Result<Tensor, String> {
        let scale = |scale| tensor(&[], vec![scale]);
        let zero = |zero: u8| match x.dtype() {
            DType::U8 => tensor(&[1], vec![zero]),
            _ => tensor(&[1], vec![zero as i8]),
        };
        node.run(&[
            Some(x),
            Some(&scale(from.0)),
            Some(&zero(from.1)),
            Some(&scale(to.0)),
            Some(&zero(to.1)),
        ])
        .map(|mut y| y.remove(0))
        .map_err(|error| error.to_string())
    }

    /// Case 40 of the specification.
    #[test]
    fn overhang_of_ceil_mode_never_counts() {
        let node = pool(&[2])
            .ints("strides", &[2])
            .int("ceil_mode", 1)
            .int("count_include_pad", 7);
        let x = tensor(&[1, 1, 5], vec![10u8, 20, 30, 40, 50]);
        assert_eq!(
            run(node.clone(), &x, (1.0, 0), (1.0, 0)),
            Ok(tensor(&[1, 1, 3], vec![15u8, 35, 50]))
        );
        let one = tensor(&[1], vec![1f32]);
        let y = node.run(&[Some(&x), Some(&one), None, Some(&one)]);
        assert_eq!(
            y,
            Ok(vec![tensor(&[1, 1, 3], vec![15u8, 35, 50])]),
            "no zero points"
        );
    }

    #[test]
    fn halves_go_to_even_before_the_zero_point_is_added() {
        let x = tensor(&[1, 1, 2], vec![0i8, 1]);
        assert_eq!(
            run(global(), &x, (1.0, 0), (1.0, 1)),
            Ok(tensor(&[1, 1, 1], vec![1i8]))
        );
        let node = pool(&[2]);
        assert_eq!(
            run(node.clone(), &x, (1.0, 0), (1.0, 1)),
            Ok(tensor(&[1, 1, 1], vec![1i8]))
        );
        let x = tensor(&[1, 1, 2], vec![1i8, 2]);
        assert_eq!(
            run(node.clone(), &x, (1.0, 0), (1.0, 1)),
            Ok(tensor(&[1, 1, 1], vec![3i8]))
        );
        let x = tensor(&[1, 1, 2], vec![-1i8, -2]);
        assert_eq!(
            run(node, &x, (1.0, 0), (1.0, 0)),
            Ok(tensor(&[1, 1, 1], vec![-2i8]))
        );
    }

    #[test]
    fn results_saturate() {
        let node = pool(&[1]);
        let x = tensor(&[1, 1, 2], vec![0u8, 255]);
        assert_eq!(
            run(node.clone(), &x, (1e30, 128), (1e-30, 3)),
            Ok(tensor(&[1, 1, 2], vec![0u8, 255]))
        );
        let x = tensor(&[1, 1, 2], vec![-128i8, 127]);
        assert_eq!(
            run(node, &x, (1.0, 0), (0.5, 1)),
            Ok(tensor(&[1, 1, 2], vec![-128i8, 127]))
        );
    }

    #[test]
    fn counted_pads_are_real_zeros() {
        let node = pool(&[2]).ints("pads", &[1, 0]).int("count_include_pad", 1);
        let x = tensor(&[1, 1, 2], vec![30u8, 20]);
        assert_eq!(
            run(node, &x, (1.0, 10), (1.0, 0)),
            Ok(tensor(&[1, 1, 2], vec![10u8, 15]))
        );
    }

    #[test]
    fn channels_may_be_last() {
        let x = tensor(&[1, 3, 2], vec![1u8, 10, 3, 30, 5, 50]);
        let last = |node: Node| node.int("channels_last", 1);
        assert_eq!(
            run(last(pool(&[2])), &x, (1.0, 0), (1.0, 0)),
            Ok(tensor(&[1, 2, 2], vec![2u8, 20, 4, 40]))
        );
        assert_eq!(
            run(last(global()), &x, (1.0, 0), (1.0, 0)),
            Ok(tensor(&[1, 1, 2], vec![3u8, 30]))
        );
        assert_eq!(
            run(
                global(),
                &tensor(&[2, 1, 1, 2], vec![1u8, 3, 4, 8]),
                (1.0, 0),
                (0.5, 0)
            ),
            Ok(tensor(&[2, 1, 1, 1], vec![4u8, 12]))
        );
        assert_eq!(
            run(global().int("channels_last", 2), &x, (1.0, 0), (1.0, 0)).unwrap_err(),
            "channels_last is 2, must be 0 or 1"
        );
    }

    #[test]
    fn scales_are_one_positive_finite_number() {
        let x = tensor(&[1, 1, 2], vec![0u8, 1]);
        let error = |from, to| run(global(), &x, (from, 0), (to, 0)).unwrap_err();
        assert_eq!(error(0.0, 1.0), "x_scale is 0, must be positive and finite");
        assert_eq!(
            error(1.0, f32::INFINITY),
            "y_scale is inf, must be positive and finite"
        );
        assert!(error(f32::NAN, 1.0).contains("x_scale is NaN"));
        assert!(error(1.0, -1.0).contains("y_scale is -1"));

        let (one, two) = (tensor(&[], vec![1f32]), tensor(&[2], vec![1f32, 1.0]));
        assert_eq!(
            pool(&[1]).error(&[Some(&x), Some(&two), None, Some(&one)]),
            "x_scale is f32[2], must have one element"
        );
        let none = tensor::<u8>(&[0], vec![]);
        assert_eq!(
            pool(&[1]).error(&[Some(&x), Some(&one), None, Some(&one), Some(&none)]),
            "y_zero_point is u8[0], must have one element"
        );
        let scale = |scale: f32| Some(Fact::constant(Arc::new(tensor(&[], vec![scale]))));
        let image = Some(Fact::new(DType::U8, None));
        let early = pool(&[1])
            .infer(&[image, scale(1.0), None, scale(-1.0)])
            .unwrap_err();
        assert_eq!(
            early.to_string(),
            "y_scale is -1, must be positive and finite"
        );
    }
}
