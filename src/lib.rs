//! linn
#![forbid(unsafe_code)]

mod error;
mod onnx;
mod ops;
pub mod pooling;
mod tensor;
mod window;

pub use error::{Class, Error, Finding, NodeName, OpError, Severity};
pub use onnx::{proto, read_tensor, write_tensor};
pub use tensor::*;
pub use window::{AutoPad, Axes, Axis, Window};
