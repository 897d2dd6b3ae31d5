//! NhwcMaxPool of `com.microsoft`: MaxPool with the channels last, for quantized elements.
//!
//! Specification: <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md>

use super::{Fact, Inputs, Op, Operator, Outputs, required, window};
use crate::error::OpError;
use crate::pooling::{Max, MaxElement, Plan};
use crate::tensor::{TensorView, dispatch};
use crate::window::Window;

pub(super) const NHWC_MAX_POOL: Op = Op {
    domain: "com.microsoft",
    name: "NhwcMaxPool",
    newest: 1,
    read: |attributes| {
        Ok(Box::new(NhwcMaxPool {
            window: window::read(attributes)?,
        }))
    },
    exact: true,
};

/// `x: [N, D1..Dk, C]` to `y: [N, O1..Ok, C]`.
#[derive(Debug)]
struct NhwcMaxPool {
    window: Window,
}

impl NhwcMaxPool {
    fn pool<T: MaxElement>(
        &self,
        x: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let plan = Plan::channels_last(&self.window, x.shape())?;
        window::pool::<T, _>(&plan, &Max, x, outputs)
    }
}

impl Operator for NhwcMaxPool {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        let dims = window::infer(&self.window, x, 1, 1)?;
        Ok(vec![Fact::new(x.dtype, dims)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        dispatch!(x.dtype(), T in [i8, u8] => self.pool::<T>(x, outputs))
    }
}
