//! The outputs that a run returns.

use std::ops::Index;
use std::sync::Arc;

use crate::error::{Quoted, listed};
use crate::tensor::Tensor;

/// The outputs of a run, by name or in order.
///
/// ```
/// # let model = linn::Model::load("models/maxpool_2d_padding_stride/model.onnx")?;
/// # let x = ndarray::Array4::<f32>::zeros((1, 1, 4, 4));
/// let outputs = model.run([("x", x.view())])?;
/// assert_eq!(outputs["y"], outputs[0]);
/// # Ok::<(), linn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    names: Arc<[String]>,
    tensors: Vec<Tensor>,
}

impl Outputs {
    pub(super) fn new(names: Arc<[String]>, tensors: Vec<Tensor>) -> Outputs {
        Outputs { names, tensors }
    }

    /// The output called `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        let index = self.names.iter().position(|other| other == name)?;
        self.tensors.get(index)
    }

    /// The number of outputs.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Names and tensors, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.names.iter().map(String::as_str).zip(&self.tensors)
    }
}

/// # Panics
/// No output has that name.
impl Index<&str> for Outputs {
    type Output = Tensor;

    fn index(&self, name: &str) -> &Tensor {
        match self.get(name) {
            Some(tensor) => tensor,
            None => panic!(
                "no output {}; the outputs are {}",
                Quoted(name),
                listed(self.names.iter().map(String::as_str))
            ),
        }
    }
}

/// # Panics
/// There are not so many outputs.
impl Index<usize> for Outputs {
    type Output = Tensor;

    fn index(&self, index: usize) -> &Tensor {
        &self.tensors[index]
    }
}

impl IntoIterator for Outputs {
    type Item = (String, Tensor);
    type IntoIter = std::vec::IntoIter<(String, Tensor)>;

    fn into_iter(self) -> Self::IntoIter {
        let names = self.names.iter().cloned();
        names.zip(self.tensors).collect::<Vec<_>>().into_iter()
    }
}
