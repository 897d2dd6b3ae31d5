//! The attributes of a node, for operators of the caller.

use crate::error::OpError;
use crate::onnx::attributes;
use crate::tensor::Tensor;

/// The attributes of one node.
///
/// All have to be read: a node with one that nobody has read is refused, so that none is ignored in silence.
///
/// # Errors
/// Each method fails where the attribute holds something of another kind; one that the node does not have is `None`.
pub struct Attributes<'r, 'a>(&'r mut attributes::Attributes<'a>);

impl<'r, 'a> Attributes<'r, 'a> {
    pub(crate) fn new(read: &'r mut attributes::Attributes<'a>) -> Attributes<'r, 'a> {
        Attributes(read)
    }

    /// The version of the operator's domain that the model imports.
    pub fn opset(&self) -> i64 {
        self.0.version()
    }

    /// How many inputs the node names, those that are left out between them included.
    pub fn inputs(&self) -> usize {
        self.0.inputs()
    }

    /// How many outputs the node names, those that are left out between them included.
    pub fn outputs(&self) -> usize {
        self.0.outputs()
    }

    /// An attribute of one integer.
    pub fn int(&mut self, name: &str) -> Result<Option<i64>, OpError> {
        self.0.check_kind(name, "int")?;
        Ok(self.0.int(name))
    }

    /// An attribute of one number.
    pub fn float(&mut self, name: &str) -> Result<Option<f32>, OpError> {
        self.0.check_kind(name, "float")?;
        Ok(self.0.float(name))
    }

    /// An attribute of integers.
    pub fn ints(&mut self, name: &str) -> Result<Option<&'a [i64]>, OpError> {
        self.0.check_kind(name, "ints")?;
        Ok(self.0.ints(name))
    }

    /// An attribute of numbers.
    pub fn floats(&mut self, name: &str) -> Result<Option<&'a [f32]>, OpError> {
        self.0.check_kind(name, "floats")?;
        Ok(self.0.floats(name))
    }

    /// An attribute of one string, which has to be UTF-8.
    pub fn string(&mut self, name: &str) -> Result<Option<&'a str>, OpError> {
        self.0.check_kind(name, "string")?;
        self.0.string(name)
    }

    /// An attribute of strings, which have to be UTF-8.
    pub fn strings(&mut self, name: &str) -> Result<Option<Vec<&'a str>>, OpError> {
        self.0.check_kind(name, "strings")?;
        self.0.strings(name)
    }

    /// An attribute of one tensor.
    pub fn tensor(&mut self, name: &str) -> Result<Option<Tensor>, OpError> {
        self.0.check_kind(name, "tensor")?;
        self.0.tensor(name)
    }
}
