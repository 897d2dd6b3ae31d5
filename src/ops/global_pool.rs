//! GlobalMaxPool, GlobalAveragePool and GlobalLpPool: one window over each whole plane.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html>,
//! <https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html>,
//! <https://onnx.ai/onnx/operators/onnx__GlobalLpPool.html>

use half::{bf16, f16};

use super::{Fact, Inputs, Op, Operator, Outputs, lp_pool, required, window};
use crate::error::OpError;
use crate::pooling::{Max, MaxElement, Mean, Plan, Power, SumElement, check_rank};
use crate::tensor::{TensorView, dispatch};

pub(super) const GLOBAL_MAX_POOL: Op = Op {
    domain: "ai.onnx",
    name: "GlobalMaxPool",
    newest: 22,
    read: |_| Ok(Box::new(GlobalPool::Max)),
    exact: true,
};

pub(super) const GLOBAL_AVERAGE_POOL: Op = Op {
    domain: "ai.onnx",
    name: "GlobalAveragePool",
    newest: 22,
    read: |_| Ok(Box::new(GlobalPool::Average)),
    exact: false,
};

pub(super) const GLOBAL_LP_POOL: Op = Op {
    domain: "ai.onnx",
    name: "GlobalLpPool",
    newest: 22,
    read: |attributes| Ok(Box::new(GlobalPool::Lp(lp_pool::read_power(attributes)?))),
    exact: false,
};

/// `X: [N, C, D1..Dk]`, k at least 0, to `Y: [N, C, 1..1]`.
#[derive(Debug)]
enum GlobalPool {
    Max,
    Average,
    Lp(Power),
}

impl GlobalPool {
    fn pool<T: MaxElement + SumElement>(
        &self,
        x: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let plan = Plan::global(x.shape())?;
        let mean = Mean {
            count_include_pad: false,
        };
        match self {
            GlobalPool::Max => window::pool::<T, _>(&plan, &Max, x, outputs),
            GlobalPool::Average => window::pool::<T, _>(&plan, &mean, x, outputs),
            GlobalPool::Lp(p) => lp_pool::pool::<T>(&plan, *p, x, outputs),
        }
    }
}

/// The dimensions of a global pool of `x` whose spatial axes are all but the first `before` and the last `after`.
pub(super) fn infer(x: &Fact, before: usize, after: usize) -> Result<super::Dims, OpError> {
    let Some(dims) = &x.dims else {
        return Ok(None);
    };
    check_rank(dims.len(), before + after)?;
    let end = dims.len() - after;
    let keeps = |axis: &usize| *axis < before || *axis >= end;
    Ok(Some(
        (0..dims.len())
            .map(|axis| if keeps(&axis) { dims[axis] } else { Some(1) })
            .collect(),
    ))
}

impl Operator for GlobalPool {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        Ok(vec![Fact::new(x.dtype, infer(x, 2, 0)?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        dispatch!(x.dtype(), T in [f32, f64, f16, bf16] => self.pool::<T>(x, outputs))
    }
}
