//! Functions of one element: rounding, exponentials, trigonometry, activations, signs and bits.
//!
//! Specification: the page of each, as <https://onnx.ai/onnx/operators/onnx__Abs.html>
//! 16-bit floats are computed in f32 and rounded once. NaN stays NaN.

mod exact;

use std::sync::Arc;

use half::{bf16, f16};

use super::number::{self, Float, Function, function, is_float};
use super::{Fact, Follow, Inputs, Op, Operator, Outputs, Step, elements, elementwise, required};
use crate::error::{OpError, Quoted};
use crate::gemm::Activation;
use crate::onnx::attributes::Attributes;
use crate::tensor::{Tensor, TensorView, dispatch};
use exact::Exact;

/// An attribute of type float and its default at a version of the operator.
type Parameter = (&'static str, fn(version: i64) -> f32);

/// `X` to `Y` of the same type and shape.
#[derive(Debug)]
struct Unary {
    /// What it does to floats, where the schema admits any.
    float: Option<Function>,
    /// What it does to integers and truth values, where the schema admits any.
    exact: Option<Exact>,
    parameters: [f32; 2],
    /// What it is in chains of nodes.
    step: Option<Step>,
}

/// `CONST "Name" newest, parameters, function of vectors where there is one, function of floats, function of integers;`
macro_rules! table {
    ($($op:ident $name:literal $newest:literal [$($parameter:literal = $default:expr),*] $($vectors:ident)?
        |$x:ident, $p:pat_param| $body:expr, $integer:expr;)*) => {
        $(pub(super) const $op: Op = Op {
            domain: "ai.onnx",
            name: $name,
            newest: $newest,
            read: |attributes| Ok(Box::new(Unary::read(
                attributes,
                Some(function!($($vectors,)? |$x, $p| $body)),
                $integer,
                &[$(($parameter, $default)),*],
            ))),
            exact: false,
        };)*
    };
}
table! {
    ABS "Abs" 13 [] |x, _| x.abs(), Some(Exact::Abs);
    ACOS "Acos" 22 [] |x, _| x.acos(), None;
    ACOSH "Acosh" 22 [] |x, _| x.acosh(), None;
    ASIN "Asin" 22 [] |x, _| x.asin(), None;
    ASINH "Asinh" 22 [] |x, _| x.asinh(), None;
    ATAN "Atan" 22 [] |x, _| x.atan(), None;
    ATANH "Atanh" 22 [] |x, _| x.atanh(), None;
    CEIL "Ceil" 13 [] |x, _| x.ceil(), None;
    CELU "Celu" 12 ["alpha" = |_| 1.0] Celu
        |x, [alpha, _]| if x > 0.0 { x } else { alpha * (x / alpha).exp_m1() }, None;
    COS "Cos" 22 [] |x, _| x.cos(), None;
    COSH "Cosh" 22 [] |x, _| x.cosh(), None;
    ELU "Elu" 22 ["alpha" = |_| 1.0] Elu
        |x, [alpha, _]| if x >= 0.0 { x } else { alpha * x.exp_m1() }, None;
    ERF "Erf" 13 [] Erf |x, _| libm::erf(x), Some(Exact::Erf);
    EXP "Exp" 13 [] Exp |x, _| x.exp(), None;
    FLOOR "Floor" 13 [] |x, _| x.floor(), None;
    HARD_SIGMOID "HardSigmoid" 22 ["alpha" = |_| 0.2, "beta" = |_| 0.5]
        |x, [alpha, beta]| (alpha * x + beta).clamp(0.0, 1.0), None;
    HARD_SWISH "HardSwish" 22 [] |x, _| x * (x / 6.0 + 0.5).clamp(0.0, 1.0), None;
    LEAKY_RELU "LeakyRelu" 16 ["alpha" = |_| 0.01]
        |x, [alpha, _]| if x < 0.0 { alpha * x } else { x }, None;
    LOG "Log" 13 [] |x, _| x.ln(), None;
    MISH "Mish" 22 [] Mish |x, _| x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh(), None;
    NEG "Neg" 13 [] |x, _| -x, Some(Exact::Neg);
    RECIPROCAL "Reciprocal" 13 [] |x, _| 1.0 / x, None;
    RELU "Relu" 14 [] |x, _| if x <= 0.0 { 0.0 } else { x }, Some(Exact::Relu);
    ROUND "Round" 22 [] |x, _| x.round_ties_even(), None;
    SELU "Selu" 22 [
        "alpha" = |version| if version < 6 { 1.6732 } else { 1.673_263_2 },
        "gamma" = |version| if version < 6 { 1.0507 } else { 1.050_701 }
    ] Selu |x, [alpha, gamma]| if x > 0.0 { gamma * x } else { gamma * (alpha * x.exp_m1()) }, None;
    SHRINK "Shrink" 9 ["lambd" = |_| 0.5, "bias" = |_| 0.0]
        |x, [lambd, bias]| {
            if x < -lambd {
                x + bias
            } else if x > lambd {
                x - bias
            } else if x.is_nan() {
                x
            } else {
                0.0
            }
        }, Some(Exact::Shrink);
    SIGMOID "Sigmoid" 13 [] Sigmoid |x, _| {
        let small = (-x.abs()).exp();
        (if x < 0.0 { small } else { 1.0 }) / (1.0 + small)
    }, None;
    SIGN "Sign" 13 [] |x, _| if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x + 0.0 },
        Some(Exact::Sign);
    SIN "Sin" 22 [] |x, _| x.sin(), None;
    SINH "Sinh" 22 [] |x, _| x.sinh(), None;
    SOFTPLUS "Softplus" 22 [] |x, _| x.max(0.0) + (-x.abs()).exp().ln_1p(), None;
    SOFTSIGN "Softsign" 22 [] |x, _| x / (1.0 + x.abs()), None;
    SWISH "Swish" 24 ["alpha" = |_| 1.0] Swish |x, [alpha, _]| x / (1.0 + (-alpha * x).exp()), None;
    TAN "Tan" 22 [] |x, _| x.tan(), None;
    TANH "Tanh" 13 [] Tanh |x, _| x.tanh(), None;
    THRESHOLDED_RELU "ThresholdedRelu" 22 ["alpha" = |_| 1.0]
        |x, [alpha, _]| if x <= alpha { 0.0 } else { x }, None;
}

pub(super) const SQRT: Op = Op {
    domain: "ai.onnx",
    name: "Sqrt",
    newest: 13,
    read: |attributes| {
        let root = Unary::read(attributes, Some(function!(|x, _| x.sqrt())), None, &[]);
        Ok(Box::new(Unary {
            step: Some(Step::Root),
            ..root
        }))
    },
    exact: false,
};

/// What Gelu does unless it is approximated.
const BY_ERF: Function = function!(Gelu, |x, _| x * number::normal(x));

/// A Gelu that is not approximated.
pub(crate) fn gelu() -> Arc<dyn Operator> {
    Arc::new(Unary::of(Some(BY_ERF), None))
}

pub(super) const GELU: Op = Op {
    domain: "ai.onnx",
    name: "Gelu",
    newest: 20,
    read: |attributes| {
        let float = match attributes.string("approximate")? {
            None | Some("none") => BY_ERF,
            Some("tanh") => function!(GeluByTanh, |x, _| x * number::normal_by_tanh(x)),
            Some(other) => {
                return Err(OpError::invalid(
                    "approximate",
                    format!("is {}, must be 'none' or 'tanh'", Quoted(other)),
                ));
            }
        };
        Ok(Box::new(Unary::read(attributes, Some(float), None, &[])))
    },
    exact: false,
};

pub(super) const NOT: Op = Op {
    domain: "ai.onnx",
    name: "Not",
    newest: 1,
    read: |attributes| {
        Ok(Box::new(Unary::read(
            attributes,
            None,
            Some(Exact::Not),
            &[],
        )))
    },
    exact: true,
};

pub(super) const BITWISE_NOT: Op = Op {
    domain: "ai.onnx",
    name: "BitwiseNot",
    newest: 18,
    read: |attributes| {
        Ok(Box::new(Unary::read(
            attributes,
            None,
            Some(Exact::Not),
            &[],
        )))
    },
    exact: true,
};

impl Unary {
    fn read(
        attributes: &mut Attributes<'_>,
        float: Option<Function>,
        exact: Option<Exact>,
        named: &[Parameter],
    ) -> Unary {
        attributes.ignore(
            "consumed_inputs",
            "a hint on buffers, without effect on results",
        );
        let mut parameters = [0.0; 2];
        for (parameter, (name, default)) in parameters.iter_mut().zip(named) {
            let value = attributes.float(name);
            *parameter = value.unwrap_or_else(|| default(attributes.version()));
        }
        Unary {
            parameters,
            ..Unary::of(float, exact)
        }
    }

    /// One without parameters.
    fn of(float: Option<Function>, exact: Option<Exact>) -> Unary {
        let step = matches!(exact, Some(Exact::Erf)).then_some(Step::ErrorFunction);
        Unary {
            float,
            exact,
            parameters: [0.0; 2],
            step,
        }
    }

    fn floats<T: Float>(
        &self,
        function: &Function,
        x: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let y = outputs.make(x.shape())?;
        number::apply(function, elements::<T>(x), y, self.parameters);
        Ok(())
    }
}

impl Operator for Unary {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        Ok(vec![Fact::new(x.dtype, x.dims.clone())])
    }

    fn follow(&self, _index: usize, _inputs: &[Option<Fact>]) -> Option<Follow> {
        match self.exact {
            Some(Exact::Relu) => Some(Follow::Activation(Activation::Relu)),
            _ => None,
        }
    }

    fn step(&self, _inputs: &[Option<Fact>]) -> Option<Step> {
        self.step
    }

    fn in_place(&self) -> bool {
        self.float.is_some()
    }

    fn run_in_place(
        &self,
        _index: usize,
        y: &mut Tensor,
        _inputs: Inputs<'_, '_>,
    ) -> Result<bool, OpError> {
        let Some(function) = self.float.as_ref().filter(|_| is_float(y.dtype())) else {
            return Ok(false);
        };
        dispatch!(y.dtype(), T in [f32, f64, f16, bf16] => {
            let y = y.as_mut_slice::<T>().expect("the type was dispatched on");
            number::apply_in_place(function, y, self.parameters);
            Ok(true)
        })
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        if let Some(x_bools) = x.as_slice::<bool>() {
            let y = outputs.make(x.shape())?;
            elementwise::map(x_bools, y, |x, y| {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = !*x;
                }
            });
            return Ok(());
        }
        let dtype = x.dtype();
        match (&self.float, self.exact) {
            (Some(function), _) if is_float(dtype) => {
                dispatch!(dtype, T in [f32, f64, f16, bf16] => self.floats::<T>(function, x, outputs))
            }
            (_, Some(function)) => {
                dispatch!(dtype, T in [i8, i16, i32, i64, u8, u16, u32, u64] =>
                    {
                    let y = outputs.make::<T>(x.shape())?;
                    function.apply(elements(x), y, self.parameters.map(f64::from));
                    Ok(())
                })
            }
            _ => Err(OpError::unsupported(format!("element type {dtype}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use crate::ops::testing::{node, tensor};

    fn floats(name: &'static str, opset: i64, x: &[f32]) -> Vec<f32> {
        let y = node(name, opset)
            .run(&[Some(&tensor(&[x.len()], x.to_vec()))])
            .expect("it runs");
        y[0].as_slice::<f32>().expect("f32").to_vec()
    }

    #[test]
    fn negative_elements_become_zero() {
        let x = tensor(
            &[5],
            vec![-1.5f32, -0.0, 2.5, f32::NEG_INFINITY, f32::INFINITY],
        );
        let y = node("Relu", 1)
            .ints("consumed_inputs", &[0])
            .run(&[Some(&x)])
            .expect("it runs");
        assert_eq!(
            y,
            [tensor(&[5], vec![0.0f32, 0.0, 2.5, 0.0, f32::INFINITY])]
        );
        let x = tensor(&[3], vec![i8::MIN, 0, 7]);
        assert_eq!(
            node("Relu", 14).run(&[Some(&x)]),
            Ok(vec![tensor(&[3], vec![0i8, 0, 7])])
        );
        assert!(node("Relu", 13).error(&[Some(&x)]).contains("type i8"));
    }

    #[test]
    fn nan_stays_nan() {
        let y = node("Relu", 14)
            .run(&[Some(&tensor(&[1], vec![f16::NAN]))])
            .expect("it runs");
        assert!(y[0].as_slice::<f16>().expect("f16")[0].is_nan());
        let y = node("Relu", 14)
            .run(&[Some(&tensor(&[2], vec![bf16::NAN, bf16::NEG_ONE]))])
            .expect("it runs");
        let y = y[0].as_slice::<bf16>().expect("bf16");
        assert!(y[0].is_nan() && y[1] == bf16::ZERO);
    }

    #[test]
    fn a_large_tensor_is_done_in_parts() {
        let x: Vec<i64> = (-50_000..50_000).collect();
        let wanted = x.iter().map(|x| *x.max(&0)).collect();
        assert_eq!(
            node("Relu", 14).run(&[Some(&tensor(&[100_000], x))]),
            Ok(vec![tensor(&[100_000], wanted)])
        );
    }

    #[test]
    fn edges_of_functions() {
        let rounded = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5];
        assert_eq!(
            floats("Round", 11, &rounded),
            [0.0, 2.0, 2.0, -0.0, -2.0, -2.0]
        );
        assert_eq!(floats("Sign", 9, &[-0.0, 7.0, -2.0]), [0.0, 1.0, -1.0]);
        for name in [
            "Sigmoid",
            "Softplus",
            "Mish",
            "Gelu",
            "Sign",
            "Shrink",
            "HardSwish",
        ] {
            assert!(floats(name, 27, &[f32::NAN])[0].is_nan(), "{name}");
        }
        assert_eq!(floats("Sigmoid", 13, &[1000.0, -1000.0]), [1.0, 0.0]);
        assert_eq!(floats("Softplus", 22, &[1000.0, -1000.0]), [1000.0, 0.0]);
        let small = floats("Sigmoid", 13, &[-90.0])[0];
        assert!(small > 0.0, "a denormal number is not lost");
        assert!(floats("Gelu", 20, &[-8.0])[0] < 0.0);
    }

    #[test]
    fn integers_at_their_limits() {
        let x = tensor(&[3], vec![i8::MIN, -1, 5]);
        let run = |name, opset| {
            node(name, opset)
                .run(&[Some(&x)])
                .expect("it runs")
                .remove(0)
        };
        assert_eq!(run("Abs", 13), tensor(&[3], vec![i8::MIN, 1, 5]));
        assert_eq!(run("Neg", 13), tensor(&[3], vec![i8::MIN, 1, -5]));
        assert_eq!(run("BitwiseNot", 18), tensor(&[3], vec![127i8, 0, -6]));
        assert_eq!(run("Erf", 9), tensor(&[3], vec![-1i8, 0, 0]));
        let unsigned = tensor(&[2], vec![0u64, u64::MAX]);
        assert_eq!(
            node("Sign", 13).run(&[Some(&unsigned)]),
            Ok(vec![tensor(&[2], vec![0u64, 1])])
        );
        let empty = tensor::<f32>(&[0, 3], vec![]);
        assert_eq!(node("Exp", 6).run(&[Some(&empty)]), Ok(vec![empty]));
    }

    #[test]
    fn defaults_of_version_1_differ() {
        assert_eq!(floats("Selu", 1, &[1.0]), [1.0507]);
        assert_eq!(floats("Selu", 6, &[1.0]), [1.050_701]);
        assert_eq!(
            node("Gelu", 20)
                .string("approximate", "fast")
                .error(&[Some(&tensor(&[1], vec![0f32]))]),
            "approximate is 'fast', must be 'none' or 'tanh'"
        );
    }
}
