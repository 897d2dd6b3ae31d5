//! AveragePool: the mean of each window.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__AveragePool.html>

use half::{bf16, f16};

use super::{Fact, Inputs, Op, Operator, Outputs, required, window};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::pooling::{Mean, Plan, SumElement};
use crate::tensor::{TensorView, dispatch};
use crate::window::Window;

pub(super) const AVERAGE_POOL: Op = Op {
    domain: "ai.onnx",
    name: "AveragePool",
    newest: 22,
    read: |attributes| Ok(Box::new(AveragePool::read(attributes)?)),
    exact: false,
};

/// `X: [N, C, D1..Dk]` to `Y: [N, C, O1..Ok]`.
#[derive(Debug)]
struct AveragePool {
    window: Window,
    count_include_pad: bool,
}

impl AveragePool {
    fn read(attributes: &mut Attributes<'_>) -> Result<AveragePool, OpError> {
        Ok(AveragePool {
            window: window::read(attributes)?,
            count_include_pad: attributes.int("count_include_pad").unwrap_or(0) != 0,
        })
    }

    fn pool<T: SumElement>(
        &self,
        x: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let plan = Plan::new(&self.window, x.shape())?;
        let reduction = Mean {
            count_include_pad: self.count_include_pad,
        };
        window::pool::<T, _>(&plan, &reduction, x, outputs)
    }
}

impl Operator for AveragePool {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        let dims = window::infer(&self.window, x, 2, 0)?;
        Ok(vec![Fact::new(x.dtype, dims)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        dispatch!(x.dtype(), T in [f32, f64, f16, bf16] => self.pool::<T>(x, outputs))
    }
}
