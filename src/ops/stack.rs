//! What operators with a body share: results of many rounds as one tensor, and the checks of a body.

use super::{Fact, Memory, elementwise};
use crate::allocate::Refused;
use crate::error::OpError;
use crate::model::Body;
use crate::parts;
use crate::tensor::{DType, Data, Element, Shape, Tensor, TensorView, Visitor};

/// Tensors of one type and shape, one after the other.
#[derive(Debug)]
pub(super) struct Stack {
    /// The shape of each, and the elements of all.
    parts: Option<(Shape, Data)>,
    /// How many of zeros come before the first whose shape is known.
    blank: usize,
}

impl Stack {
    pub(super) fn new() -> Stack {
        Stack {
            parts: None,
            blank: 0,
        }
    }

    /// Adds a tensor, which is counted as memory already.
    pub(super) fn push(
        &mut self,
        field: &str,
        x: Tensor,
        memory: &mut Memory,
    ) -> Result<(), OpError> {
        match &mut self.parts {
            None if self.blank == 0 => {
                self.parts = Some((x.shape().clone(), x.into_data()));
                return Ok(());
            }
            None => {
                let blank = zeros(x.dtype(), &[self.blank], x.shape(), memory)?;
                let (_, data) = self.parts.insert((x.shape().clone(), blank.into_data()));
                append(data, &x, memory)?;
            }
            Some((shape, data)) => {
                if shape != x.shape() || data.dtype() != x.dtype() {
                    return Err(OpError::run(
                        field,
                        format!("is {x}, was {}{shape} in the first round", data.dtype()),
                    ));
                }
                append(data, &x, memory)?;
            }
        }
        memory.give_back(x);
        Ok(())
    }

    /// Adds `count` tensors of zeros.
    pub(super) fn pad(&mut self, count: usize, memory: &mut Memory) -> Result<(), OpError> {
        match &mut self.parts {
            None => self.blank += count,
            Some((shape, data)) => {
                let zeros = zeros(data.dtype(), &[count], shape, memory)?;
                append(data, &zeros, memory)?;
                memory.release(zeros.bytes());
            }
        }
        Ok(())
    }

    /// All of them, behind the axes `outer`, which number them. They are output `output` of `body`, which tells
    /// the type and the shape where no round did.
    pub(super) fn finish(
        self,
        outer: &[usize],
        body: &Body,
        output: usize,
        memory: &mut Memory,
    ) -> Result<Tensor, OpError> {
        match self.parts {
            Some((shape, data)) => {
                let shape = Shape::new(&[outer, &shape].concat())?;
                Ok(Tensor::from_parts(shape, data))
            }
            None => {
                let (dtype, shape) = body.empty(output);
                zeros(dtype, outer, &shape, memory)
            }
        }
    }
}

/// A tensor of zeros, its shape in two parts.
fn zeros(
    dtype: DType,
    outer: &[usize],
    shape: &[usize],
    memory: &mut Memory,
) -> Result<Tensor, OpError> {
    let shape = &Shape::new(&[outer, shape].concat())?;
    let one = Tensor::zeros(dtype, Shape::new(&[1])?);
    one.as_view().visit(Zeros { shape, memory })
}

/// Makes a tensor of the zero that it visits.
struct Zeros<'o> {
    shape: &'o Shape,
    memory: &'o mut Memory,
}

impl Visitor for Zeros<'_> {
    type Output = Result<Tensor, OpError>;

    fn visit<T: Element>(self, zero: &[T]) -> Result<Tensor, OpError> {
        let mut made = self.memory.make::<T>(self.shape)?;
        let y = made.as_mut_slice::<T>().expect("it was made so");
        elementwise::fill(y, &zero[0]);
        Ok(made)
    }
}

/// Adds the elements of `x` to others of its type.
fn append(data: &mut Data, x: &Tensor, memory: &mut Memory) -> Result<(), OpError> {
    memory.take(x.bytes())?;
    x.as_view().visit(Append(data))
}

struct Append<'d>(&'d mut Data);

impl Visitor for Append<'_> {
    type Output = Result<(), OpError>;

    fn visit<T: Element>(self, x: &[T]) -> Result<(), OpError> {
        let data = T::lasting_mut(self.0).expect("they are of one type");
        let data = data.as_vec();
        if data.try_reserve(x.len()).is_err() {
            return Err(Refused::new::<T>(x.len()).into());
        }
        parts::extend(data, &mut x.iter().cloned())
    }
}

/// `x`, seen as `[a, b, inner]`, with the first two axes exchanged, `a` read backwards if so asked.
pub(super) fn exchange(
    x: &TensorView<'_>,
    [a, b]: [usize; 2],
    back: bool,
    shape: &Shape,
    memory: &mut Memory,
) -> Result<Tensor, OpError> {
    memory.check(x.bytes())?;
    x.visit(Exchange {
        sizes: [a, b],
        back,
        shape,
        memory,
    })
}

struct Exchange<'o> {
    sizes: [usize; 2],
    back: bool,
    shape: &'o Shape,
    memory: &'o mut Memory,
}

impl Visitor for Exchange<'_> {
    type Output = Result<Tensor, OpError>;

    fn visit<T: Element>(self, x: &[T]) -> Result<Tensor, OpError> {
        let [a, b] = self.sizes;
        let mut made = self.memory.make::<T>(self.shape)?;
        let y = made.as_mut_slice::<T>().expect("it was made so");
        if x.is_empty() {
            return Ok(made);
        }
        let inner = x.len() / (a * b);
        elementwise::slabs(y, inner, inner, |place, y| {
            let (column, row) = (place / a, place % a);
            let row = if self.back { a - 1 - row } else { row };
            let start = (row * b + column) * inner;
            // What is stopped need not be whole.
            let _ = parts::copy(&x[start..], y);
        });
        Ok(made)
    }
}

/// What is known of a value that is one or the other.
pub(super) fn either(a: &Fact, b: &Fact) -> Fact {
    let dims = match (&a.dims, &b.dims) {
        (Some(a), Some(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b);
            Some(pairs.map(|(a, b)| a.filter(|_| a == b)).collect())
        }
        _ => None,
    };
    Fact::new(a.dtype, dims)
}

/// The one element of `x`.
pub(super) fn single<T: Element + Copy>(field: &str, x: &TensorView<'_>) -> Result<T, OpError> {
    match x.as_slice::<T>() {
        Some([value]) => Ok(*value),
        _ => Err(OpError::run(
            field,
            format!("is {x}, must be one element of type {}", T::DTYPE),
        )),
    }
}

/// A node cannot have more outputs than its body gives.
pub(super) fn check_outputs(name: &str, body: &Body, outputs: usize) -> Result<(), OpError> {
    match body.outputs() {
        given if given >= outputs => Ok(()),
        given => Err(OpError::invalid(
            name,
            format!("has {given} outputs, the node has {outputs}"),
        )),
    }
}

/// The values that a body hands from round to round keep their types.
pub(super) fn check_carried(
    given: &[Option<Fact>],
    body: &Body,
    first: usize,
) -> Result<(), OpError> {
    for (index, (before, after)) in given.iter().zip(&body.facts()[first..]).enumerate() {
        if let (Some(before), Some(after)) = (before, after)
            && before.dtype != after.dtype
        {
            return Err(OpError::invalid(
                "body",
                format!(
                    "gives output {} with elements of type {}, it is handed on to an input of type {}",
                    first + index,
                    after.dtype,
                    before.dtype
                ),
            ));
        }
    }
    Ok(())
}
