//! LpPool: the p-norm of each window.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__LpPool.html>
//! Differs: version 1 allows a missing `kernel_shape` and gives it no meaning; linn wants it.

use half::{bf16, f16};

use super::{Fact, Inputs, Op, Operator, Outputs, elements, required, window};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::pooling::{self, Plan, Power, SumElement};
use crate::tensor::{TensorView, dispatch};
use crate::window::Window;

pub(super) const LP_POOL: Op = Op {
    domain: "ai.onnx",
    name: "LpPool",
    newest: 22,
    read: |attributes| Ok(Box::new(LpPool::read(attributes)?)),
    exact: false,
};

/// `X: [N, C, D1..Dk]` to `Y: [N, C, O1..Ok]`.
#[derive(Debug)]
struct LpPool {
    window: Window,
    p: Power,
}

impl LpPool {
    fn read(attributes: &mut Attributes<'_>) -> Result<LpPool, OpError> {
        Ok(LpPool {
            window: window::read(attributes)?,
            p: read_power(attributes)?,
        })
    }

    fn pool<T: SumElement>(
        &self,
        x: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        pool::<T>(&Plan::new(&self.window, x.shape())?, self.p, x, outputs)
    }
}

/// The `p`-norms of the windows of `x`, into the first output.
pub(super) fn pool<T: SumElement>(
    plan: &Plan,
    p: Power,
    x: &TensorView<'_>,
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    window::check_output::<T>(plan, outputs)?;
    outputs.check_scratch(pooling::norms_scratch_bytes::<T>(plan, p))?;
    let y = outputs.make(plan.output())?;
    pooling::pool_norms(plan, p, elements::<T>(x), y);
    Ok(())
}

/// Reads `p`: a float in version 1, an int later; 2 if absent.
pub(super) fn read_power(attributes: &mut Attributes<'_>) -> Result<Power, OpError> {
    Power::new(match attributes.version() {
        1 => attributes.float("p").map_or(2.0, f64::from),
        _ => attributes.int("p").map_or(2.0, |p| p as f64),
    })
}

impl Operator for LpPool {
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
