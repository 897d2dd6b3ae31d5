//! Operators of the caller: what a node of a domain that linn does not know computes, given in Rust.
//!
//! An operator is two things: a value that implements [`Operator`], and its line in the [`Registry`] of
//! [`Options::operators`](crate::Options::operators), which reads the attributes of a node. It serves the models that
//! are loaded with these options and no others. Where the names are those of an operator that linn has, or of a function
//! in the model, the caller's is used: so a kernel of one's own can be tried in the place of one of linn's.
//!
//! ```
//! use linn::custom::{Attributes, Fact, Operator, Outputs};
//! use linn::{Model, OpError, Options, TensorView, inputs};
//!
//! /// `limit * tanh(x / limit)` of each element.
//! struct SoftClip {
//!     limit: f32,
//! }
//!
//! impl Operator for SoftClip {
//!     fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
//!         let x = inputs.first().copied().flatten();
//!         let x = x.ok_or_else(|| OpError::invalid("inputs", "are none, must be one"))?;
//!         Ok(vec![Fact::new(x.dtype, x.dims.clone())])
//!     }
//!
//!     fn run(
//!         &self,
//!         inputs: &[Option<TensorView<'_>>],
//!         outputs: &mut Outputs<'_, '_, '_>,
//!     ) -> Result<(), OpError> {
//!         let [Some(x)] = inputs else {
//!             return Err(OpError::invalid("inputs", "are not one"));
//!         };
//!         let y = outputs.make::<f32>(0, x.shape())?;
//!         for (y, x) in y.iter_mut().zip(x.view::<f32>()?.iter()) {
//!             *y = self.limit * (x / self.limit).tanh();
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let mut options = Options::default();
//! options.operators.add("com.example", "SoftClip", |attributes: &mut Attributes<'_, '_>| {
//!     Ok(SoftClip { limit: attributes.float("limit")?.unwrap_or(1.0) })
//! });
//! let model = Model::load_with("examples/custom_op/model.onnx", &options)?;
//! let x = ndarray::Array4::<f32>::from_elem((1, 1, 4, 4), 1000.0);
//! let outputs = model.run(inputs! { "x" => x.view() })?;
//! assert_eq!(outputs["y"].view::<f32>()?.as_slice(), Some(&[3.0f32; 4][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attributes;
mod node;
mod outputs;

use std::fmt;
use std::sync::Arc;

use crate::error::OpError;
pub use crate::ops::Fact;
use crate::tensor::TensorView;
pub use attributes::Attributes;
pub(crate) use node::Custom;
pub use outputs::Outputs;

/// What one node computes, its attributes read.
///
/// A model that is loaded runs from many threads at once, and so do its operators. One that panics fails the run with an
/// error, and the model can be used again.
pub trait Operator: Send + Sync {
    /// The element types and shapes of the outputs of the node, as far as those of the inputs tell: before a run from
    /// what is known then, in a run from the inputs that came. `None` is an optional input that is left out. The element
    /// types must be the same each time.
    ///
    /// # Errors
    /// The inputs do not fit the operator.
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError>;

    /// Computes the outputs that are [wanted](Outputs::wanted).
    ///
    /// # Errors
    /// The operator fails on what it meets.
    fn run(
        &self,
        inputs: &[Option<TensorView<'_>>],
        outputs: &mut Outputs<'_, '_, '_>,
    ) -> Result<(), OpError>;
}

/// Reads the attributes of a node.
pub(crate) type Read =
    dyn Fn(&mut Attributes<'_, '_>) -> Result<Box<dyn Operator>, OpError> + Send + Sync;

/// Operators of the caller, by domain and name.
#[derive(Clone, Default)]
pub struct Registry {
    list: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    domain: String,
    name: String,
    read: Arc<Read>,
}

impl Registry {
    /// Adds an operator: `read` makes it of the attributes of a node, of which it has to read each. One of the same names
    /// is replaced. `domain` and `name` are `NodeProto.domain` and `op_type`; an empty domain is `ai.onnx`.
    pub fn add<O: Operator + 'static>(
        &mut self,
        domain: &str,
        name: &str,
        read: impl Fn(&mut Attributes<'_, '_>) -> Result<O, OpError> + Send + Sync + 'static,
    ) {
        let domain = if domain.is_empty() { "ai.onnx" } else { domain };
        self.list
            .retain(|entry| entry.domain != domain || entry.name != name);
        self.list.push(Entry {
            domain: domain.to_string(),
            name: name.to_string(),
            read: Arc::new(move |attributes: &mut Attributes<'_, '_>| {
                Ok(Box::new(read(attributes)?) as Box<dyn Operator>)
            }),
        });
    }

    pub(crate) fn find(&self, domain: &str, name: &str) -> Option<&Read> {
        let mut list = self.list.iter();
        let entry = list.find(|entry| entry.domain == domain && entry.name == name)?;
        Some(&*entry.read)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.list.iter();
        f.debug_list()
            .entries(names.map(|entry| format!("{}.{}", entry.domain, entry.name)))
            .finish()
    }
}
