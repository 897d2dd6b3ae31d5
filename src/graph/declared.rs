//! Types and shapes that the file declares, and how they agree with computed ones.

use std::fmt;

use crate::error::{Error, Plain};
use crate::onnx::proto::tensor_shape_proto::dimension::Value as DimValue;
use crate::onnx::proto::type_proto::Value as TypeValue;
use crate::onnx::proto::{TensorShapeProto, TypeProto};
use crate::ops::{Dims, Fact};
use crate::tensor::{DType, Tensor};

/// A dimension as the model declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A size.
    Known(usize),
    /// A name: equal names stand for equal sizes in one run.
    Symbol(String),
    /// Any size.
    Unknown,
}

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueInfo {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub dtype: DType,
    /// Its dimensions; `None` if not even the rank is known.
    pub dims: Option<Vec<Dim>>,
    /// Whether the model has a default for it.
    pub optional: bool,
}

impl ValueInfo {
    /// What is known of a constant without a name.
    pub(crate) fn of_constant(tensor: &Tensor) -> ValueInfo {
        ValueInfo {
            name: String::new(),
            dtype: tensor.dtype(),
            dims: Some(tensor.shape().iter().copied().map(Dim::Known).collect()),
            optional: false,
        }
    }
}

/// `f32[N,3,224,224]`, without the name; `?` for an unknown dimension, `f32[...]` for an unknown rank.
impl fmt::Display for ValueInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.dtype)?;
        match &self.dims {
            None => f.write_str("...")?,
            Some(dims) => {
                for (axis, dim) in dims.iter().enumerate() {
                    f.write_str(if axis == 0 { "" } else { "," })?;
                    match dim {
                        Dim::Known(size) => write!(f, "{size}")?,
                        Dim::Symbol(name) => Plain(name).fmt(f)?,
                        Dim::Unknown => f.write_str("?")?,
                    }
                }
            }
        }
        f.write_str("]")
    }
}

/// A declared tensor type.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) dtype: DType,
    pub(super) dims: Option<Vec<Dim>>,
}

impl Declared {
    /// The declared type of what `what` names; `None` if it is no tensor.
    pub(super) fn parse(
        proto: Option<&TypeProto>,
        what: &dyn Fn() -> String,
    ) -> Result<Option<Declared>, Error> {
        let Some(value) = proto.and_then(|proto| proto.value.as_ref()) else {
            return Err(Error::Invalid(format!("{} has no type", what())));
        };
        let TypeValue::TensorType(tensor) = value else {
            return Ok(None);
        };
        let dtype = DType::from_onnx(tensor.elem_type).ok_or_else(|| {
            Error::Invalid(format!(
                "{} has the unknown element type {}",
                what(),
                tensor.elem_type
            ))
        })?;
        Ok(Some(Declared {
            dtype,
            dims: tensor.shape.as_ref().map(dims),
        }))
    }

    /// What is known from the declaration alone.
    pub(super) fn fact(&self) -> Fact {
        let dims: Dims = self.dims.as_ref().map(|dims| {
            dims.iter()
                .map(|dim| match dim {
                    Dim::Known(size) => Some(*size),
                    Dim::Symbol(_) | Dim::Unknown => None,
                })
                .collect()
        });
        Fact::new(self.dtype, dims)
    }

    /// A declared element type or rank that contradicts the computed one is an error.
    pub(super) fn check(&self, fact: &Fact, what: &str) -> Result<(), Error> {
        if self.dtype != fact.dtype {
            return Err(Error::Invalid(format!(
                "{what} is declared with the element type {}, it is computed with {}",
                self.dtype, fact.dtype
            )));
        }
        match (&self.dims, &fact.dims) {
            (Some(declared), Some(computed)) if declared.len() != computed.len() => {
                Err(Error::Invalid(format!(
                    "{what} is declared with rank {}, it is computed with shape {fact}",
                    declared.len()
                )))
            }
            _ => Ok(()),
        }
    }

    /// Says where a declared dimension is not the computed one.
    pub(super) fn difference(&self, fact: &Fact) -> Option<String> {
        let (Some(declared), Some(computed)) = (&self.dims, &fact.dims) else {
            return None;
        };
        declared
            .iter()
            .zip(computed)
            .enumerate()
            .find_map(|(axis, pair)| match pair {
                (Dim::Known(declared), Some(computed)) if declared != computed => Some(format!(
                    "is declared with {declared} at axis {axis} of its shape, it has {computed}"
                )),
                _ => None,
            })
    }

    /// The declared dimensions, with what is computed wherever that is known.
    pub(super) fn merge(declared: Option<Declared>, fact: Option<&Fact>) -> Option<Vec<Dim>> {
        let declared = declared.and_then(|declared| declared.dims);
        let Some(computed) = fact.and_then(|fact| fact.dims.as_ref()) else {
            return declared;
        };
        Some(
            computed
                .iter()
                .enumerate()
                .map(|(axis, computed)| match (computed, &declared) {
                    (Some(size), _) => Dim::Known(*size),
                    (None, Some(dims)) => dims[axis].clone(),
                    (None, None) => Dim::Unknown,
                })
                .collect(),
        )
    }
}

/// A negative size, which some exporters write for "any", is unknown.
fn dims(shape: &TensorShapeProto) -> Vec<Dim> {
    shape
        .dim
        .iter()
        .map(|dim| match &dim.value {
            Some(DimValue::DimValue(size)) => {
                usize::try_from(*size).map_or(Dim::Unknown, Dim::Known)
            }
            Some(DimValue::DimParam(name)) if !name.is_empty() => Dim::Symbol(name.clone()),
            _ => Dim::Unknown,
        })
        .collect()
}
