//! What the integration tests share.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test program uses a part of it"
)]

pub(crate) mod model;
#[cfg(feature = "cli")]
pub(crate) mod program;

use half::{bf16, f16};
use linn::{DType, Element, Error, Model, Outputs, Tensor};
use model::OneNode;

/// A tensor of `dtype` from numbers, each rounded once.
pub(crate) fn tensor(dtype: DType, dims: &[usize], values: &[f64]) -> Tensor {
    fn new<T: Element>(dims: &[usize], values: &[f64], from: impl Fn(f64) -> T) -> Tensor {
        let data = values.iter().map(|&value| from(value)).collect();
        Tensor::new(dims, data).expect("the values fill the dimensions")
    }
    match dtype {
        DType::F32 => new(dims, values, |x| x as f32),
        DType::F64 => new(dims, values, |x| x),
        DType::F16 => new(dims, values, f16::from_f64),
        DType::BF16 => new(dims, values, bf16::from_f64),
        DType::I8 => new(dims, values, |x| x as i8),
        DType::U8 => new(dims, values, |x| x as u8),
        DType::I32 => new(dims, values, |x| x as i32),
        DType::I64 => new(dims, values, |x| x as i64),
        DType::Bool => new(dims, values, |x| x != 0.0),
        DType::U4 => new(dims, values, |x| linn::U4::from_bits(x as u8)),
        other => panic!("no test makes a tensor of {other}"),
    }
}

/// A tensor of f32.
pub(crate) fn f32s(dims: &[usize], values: &[f64]) -> Tensor {
    tensor(DType::F32, dims, values)
}

/// A tensor of i64.
pub(crate) fn i64s(dims: &[usize], values: &[i64]) -> Tensor {
    Tensor::new(dims, values.to_vec()).expect("the values fill the dimensions")
}

/// 1, 2, 3 ... in C order.
pub(crate) fn counting(dtype: DType, dims: &[usize]) -> Tensor {
    let values: Vec<f64> = (1..=dims.iter().product())
        .map(|x: usize| x as f64)
        .collect();
    tensor(dtype, dims, &values)
}

/// The elements as numbers, in C order.
pub(crate) fn numbers(tensor: &Tensor) -> Vec<f64> {
    let view = tensor.as_view();
    let numbers = view.scalars().map(|scalar| scalar.to_f64());
    numbers.map(|number| number.expect("a number")).collect()
}

/// Loads a one-node model whose inputs are declared with the full shapes of `inputs`, and runs it.
pub(crate) fn run(node: &OneNode, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
    let declared = inputs.iter().fold(node.clone(), OneNode::like);
    let outputs = feed(&Model::from_bytes(declared.bytes())?, inputs)?;
    Ok(outputs.into_iter().map(|(_, tensor)| tensor).collect())
}

/// Runs a model on inputs in their order.
pub(crate) fn feed(model: &Model, inputs: &[Tensor]) -> Result<Outputs, Error> {
    model.run(model.inputs().iter().map(|info| &info.name).zip(inputs))
}

/// Failures, gathered so that a test shows all of them.
#[derive(Default)]
pub(crate) struct Report {
    checks: usize,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn check(&mut self, what: impl std::fmt::Display, result: Result<(), String>) {
        self.checks += 1;
        if let Err(reason) = result {
            self.failures.push(format!("{what}: {reason}"));
        }
    }

    /// The number of checks so far.
    pub(crate) fn checks(&self) -> usize {
        self.checks
    }

    /// Panics with all failures; so does a report of fewer than `least` checks.
    pub(crate) fn finish(self, least: usize) {
        assert!(
            self.checks >= least,
            "only {} checks were made",
            self.checks
        );
        assert!(
            self.failures.is_empty(),
            "{} of {} checks failed:\n{}",
            self.failures.len(),
            self.checks,
            self.failures.join("\n")
        );
    }
}

/// Checks shape and elements. A value that the type can hold must be met exactly (but zeros of both signs are
/// alike, and so are all NaNs), any other one within a relative error that suits the type.
pub(crate) fn check_tensor(got: &Tensor, shape: &[usize], wanted: &[f64]) -> Result<(), String> {
    if got.shape()[..] != *shape {
        return Err(format!("has shape {}, wanted {shape:?}", got.shape()));
    }
    let values = numbers(got);
    if values.len() != wanted.len() {
        return Err(format!("wanted {} values, got {got:?}", wanted.len()));
    }
    let rounded = numbers(&tensor(got.dtype(), shape, wanted));
    for (at, &value) in values.iter().enumerate() {
        let fits = match (wanted[at], rounded[at]) {
            (nan, _) if nan.is_nan() => value.is_nan(),
            (exact, rounded) if exact == rounded => value == exact,
            // Half precision is rounded once, from f64, so there is one right answer.
            (_, rounded) if matches!(got.dtype(), DType::F16 | DType::BF16) => value == rounded,
            (exact, _) => {
                let bound = if got.dtype() == DType::F64 {
                    1e-15
                } else {
                    1e-6
                };
                (value - exact).abs() <= bound * exact.abs()
            }
        };
        if !fits {
            return Err(format!(
                "element {at} is {value}, wanted {}, in {got:?}, wanted {wanted:?}",
                wanted[at]
            ));
        }
    }
    Ok(())
}

/// Small random numbers (xorshift64*), the same ones for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        // The generator must not start at 0.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number in `low..=high`.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// True once in `n`.
    pub(crate) fn one_in(&mut self, n: i64) -> bool {
        self.range(1, n) == 1
    }
}
