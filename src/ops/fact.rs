//! What is known of a value before it is computed.

use std::fmt;
use std::sync::Arc;

use crate::allocate;
use crate::error::OpError;
use crate::tensor::{DType, Shape, Tensor, TensorView};

/// The dimensions of a value: `None` where the rank is unknown, or a dimension.
pub(crate) type Dims = Option<Vec<Option<usize>>>;

/// The dimensions of a shape.
pub(crate) fn dims_of(shape: &[usize]) -> Vec<Option<usize>> {
    shape.iter().copied().map(Some).collect()
}

/// The product of dimensions, if they are all known.
pub(crate) fn product(
    dims: impl IntoIterator<Item = Option<usize>>,
) -> Result<Option<usize>, OpError> {
    match dims.into_iter().collect::<Option<Vec<usize>>>() {
        Some(dims) => Ok(Some(Shape::new(&dims)?.elements())),
        None => Ok(None),
    }
}

/// The shape of an output that was inferred from tensors, so that all of it is known.
pub(crate) fn known(dims: Dims) -> Result<Shape, OpError> {
    let dims: Option<Vec<usize>> = dims.and_then(|dims| dims.into_iter().collect());
    Ok(Shape::new(&dims.expect("the shapes of tensors are known"))?)
}

/// What is known of a value before it is computed: its type, and its shape and elements as far as the file tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fact {
    /// The type of its elements.
    pub dtype: DType,
    /// Its dimensions: `None` where the rank is unknown, or a dimension.
    pub dims: Option<Vec<Option<usize>>>,
    /// The value of a constant.
    pub value: Option<Arc<Tensor>>,
}

impl Fact {
    /// Of elements of this type, and dimensions as far as they are known.
    pub fn new(dtype: DType, dims: Option<Vec<Option<usize>>>) -> Fact {
        Fact {
            dtype,
            dims,
            value: None,
        }
    }

    /// Of a shape that is known whole.
    pub fn of(dtype: DType, shape: &[usize]) -> Fact {
        Fact::new(dtype, Some(dims_of(shape)))
    }

    /// Of a constant.
    pub(crate) fn constant(value: Arc<Tensor>) -> Fact {
        Fact {
            value: Some(value.clone()),
            ..Fact::of(value.dtype(), value.shape())
        }
    }

    /// The shape, if it is known whole.
    pub(crate) fn shape(&self) -> Result<Option<Shape>, OpError> {
        let Some(dims) = &self.dims else {
            return Ok(None);
        };
        match dims.iter().copied().collect::<Option<Vec<usize>>>() {
            Some(dims) => Ok(Some(Shape::new(&dims)?)),
            None => Ok(None),
        }
    }

    /// The elements of a constant of type i64.
    pub(crate) fn ints(&self) -> Option<&[i64]> {
        self.value.as_ref().and_then(|value| value.as_slice())
    }

    /// The elements of a constant of type i64 or i32.
    pub(crate) fn integers(&self) -> Option<Vec<i64>> {
        let value = self.value.as_ref()?;
        match value.as_slice::<i32>() {
            Some(values) => Some(allocate::collected(values.iter().copied().map(i64::from))),
            None => value.as_slice::<i64>().map(allocate::copied),
        }
    }
}

impl From<&TensorView<'_>> for Fact {
    fn from(view: &TensorView<'_>) -> Fact {
        Fact::of(view.dtype(), view.shape())
    }
}

/// What the inputs of a run tell, with the values of those that are parameters: enough for
/// [`Operator::infer`](super::Operator::infer) to give whole shapes.
pub(crate) struct Known(Vec<Option<Fact>>);

impl Known {
    /// Of `inputs`, with the values of the inputs `parameters`.
    pub(crate) fn of(inputs: super::Inputs<'_, '_>, parameters: &[usize]) -> Known {
        let fact = |(index, view): (usize, &Option<TensorView<'_>>)| {
            let view = view.as_ref()?;
            Some(match parameters.contains(&index) {
                true => Fact::constant(Arc::new(view.copied())),
                false => Fact::from(view),
            })
        };
        Known(inputs.iter().enumerate().map(fact).collect())
    }

    pub(crate) fn facts(&self) -> Vec<Option<&Fact>> {
        self.0.iter().map(Option::as_ref).collect()
    }

    /// The shape of the first output.
    pub(crate) fn shape(&self, operator: &dyn super::Operator) -> Result<Shape, OpError> {
        known(operator.infer(&self.facts())?.swap_remove(0).dims)
    }
}

/// `f32[1,3,?,?]`, `f32[...]` where the rank is unknown.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.dtype)?;
        match &self.dims {
            None => f.write_str("...")?,
            Some(dims) => {
                for (axis, dim) in dims.iter().enumerate() {
                    f.write_str(if axis == 0 { "" } else { "," })?;
                    match dim {
                        Some(dim) => write!(f, "{dim}")?,
                        None => f.write_str("?")?,
                    }
                }
            }
        }
        f.write_str("]")
    }
}
