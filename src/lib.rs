// In the documentation of the crate, links to the file go to the module that shows it. Elsewhere the page is left out,
// so that a word in it does not compile the kernels again.
#![cfg_attr(
    any(doc, doctest),
    doc = "[docs/pooling.md]: crate::guide::pooling\n[docs/operators.md]: crate::operators\n\
        [docs/getting-started.md]: crate::guide::getting_started\n\
        [docs/adding-an-operator.md]: crate::guide::adding_an_operator\n\
        [docs/performance.md]: crate::guide::performance\n[docs/reliability.md]: crate::guide::reliability\n\
        [docs/security.md]: crate::guide::security\n"
)]
#![cfg_attr(any(doc, doctest), doc = include_str!("../README.md"))]
#![cfg_attr(not(any(doc, doctest)), doc = "A runtime for ONNX models.")]
#![forbid(unsafe_code)]

// The way of a model: bytes, messages, graph, runs.
mod onnx;

mod graph;

mod model;
mod optimize;

// What its nodes compute.
mod ops;

pub mod custom;
pub mod picture;
pub mod pooling;

mod allocate;
mod buffer;
mod conv;
mod gemm;
mod installed;
mod lasting;
mod parts;
mod simd;
mod stop;
mod threads;
mod window;

// What all of them speak of.
mod error;
mod tensor;

pub mod guide;

pub use error::{Class, Error, Finding, NodeName, OpError, Remedy, Severity};
pub use graph::{AttributeInfo, AttributeValue, Dim, ValueInfo};
pub use model::{
    Form, GraphInfo, GraphValue, Model, ModelInfo, NodeInfo, NodeTime, Options, Outputs, Profile,
    Threads, Totals,
};
pub use onnx::{proto, read_tensor, write_tensor};
pub use ops::{OperatorInfo, missing_operators, operators};
pub use simd::Simd;
pub use stop::Stop;
pub use tensor::{
    DType, Element, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, I2, I4, Scalar,
    Shape, ShapeError, Tensor, TensorError, TensorView, TensorViewMut, U2, U4,
};
pub use window::{AutoPad, Axes, Axis, Window};

/// A model's bytes as they are looked at and decoded before it is loaded, for fuzzing.
#[cfg(feature = "definition")]
#[doc(hidden)]
pub fn decode_model(
    bytes: impl Into<bytes::Bytes>,
    memory_limit: usize,
) -> Result<proto::ModelProto, Error> {
    onnx::read(bytes.into(), memory_limit)
}

/// How messages show strings from outside; shared with the command line.
#[doc(hidden)]
pub mod text {
    pub use crate::error::{Plain, Quoted, did_you_mean, listed};
}
