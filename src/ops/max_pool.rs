//! MaxPool: the largest element of each window.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__MaxPool.html>

use half::{bf16, f16};

use super::{Fact, Inputs, Op, Operator, Outputs, elements, required, window};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::pooling::{self, Max, MaxElement, Plan, StorageOrder};
use crate::tensor::{DType, TensorView, dispatch};
use crate::window::Window;

pub(super) const MAX_POOL: Op = Op {
    domain: "ai.onnx",
    name: "MaxPool",
    newest: 22,
    read: |attributes| Ok(Box::new(MaxPool::read(attributes)?)),
    exact: true,
};

/// `X: [N, C, D1..Dk]` to `Y: [N, C, O1..Ok]` and, from version 8, `Indices` of the same shape: places in the
/// flattened X, -1 for a window on padding alone.
#[derive(Debug)]
struct MaxPool {
    window: Window,
    storage_order: StorageOrder,
}

impl MaxPool {
    fn read(attributes: &mut Attributes<'_>) -> Result<MaxPool, OpError> {
        Ok(MaxPool {
            window: window::read(attributes)?,
            storage_order: match attributes.flag("storage_order")? {
                false => StorageOrder::RowMajor,
                true => StorageOrder::ColumnMajor,
            },
        })
    }

    fn pool<T: MaxElement>(
        &self,
        x: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let plan = Plan::new(&self.window, x.shape())?;
        if !outputs.wanted(1) {
            return window::pool::<T, _>(&plan, &Max, x, outputs);
        }
        window::check_output::<(T, i64)>(&plan, outputs)?;
        outputs.check_scratch(pooling::indices_scratch_bytes::<T>(&plan))?;
        let (y, indices) = outputs.make_two::<T, i64>(plan.output())?;
        pooling::pool_with_indices(&plan, self.storage_order, elements::<T>(x), y, indices)
    }
}

impl Operator for MaxPool {
    fn picks(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        let dims = window::infer(&self.window, x, 2, 0)?;
        Ok(vec![
            Fact::new(x.dtype, dims.clone()),
            Fact::new(DType::I64, dims),
        ])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        dispatch!(x.dtype(), T in [f32, f64, f16, bf16, i8, u8] => self.pool::<T>(x, outputs))
    }
}
