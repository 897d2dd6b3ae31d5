//! A product with a constant matrix and what follows it, for MatMul and Gemm: a summand for each column, a sum, and bounds.

use std::any::Any;
use std::sync::Arc;

use half::{bf16, f16};

use super::follow::added;
use super::number::Float;
use super::{
    Absorbed, Fact, Follow, Inputs, Known, Operator, Outputs, Prepared, elements, elementwise,
    matmul, required,
};
use crate::allocate;
use crate::error::OpError;
use crate::gemm::{self, Activation, Factor, Finish, RightPanels, Start};
use crate::parts;
use crate::simd::{LANES, Simd};
use crate::tensor::{DType, Tensor, dispatch};

/// `A: [.., M, K]`, `B: [K, N]` or its transpose, perhaps a bias of `N` elements and what has the shape of the output, to
/// `Y: [.., M, N]`.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    /// Whether `B` is `[N, K]`.
    trans_b: bool,
    /// Whether input 3, of the shape of `Y`, is added.
    plus: bool,
    activation: Activation<f64>,
    /// `B` as products want it: `RightPanels` of the type of sums.
    laid: Option<Arc<dyn Any + Send + Sync>>,
}

const BIAS: usize = 2;
const PLUS: usize = 3;

impl Dense {
    /// Of a product whose inputs suit.
    pub(super) fn new(trans_b: bool, inputs: &[Option<Fact>]) -> Option<Dense> {
        let [Some(a), Some(b), others @ ..] = inputs else {
            return None;
        };
        let float = [DType::F32, DType::F64, DType::F16, DType::BF16].contains(&a.dtype);
        let b = b.value.as_ref()?.shape();
        let [_, columns] = sides(trans_b, b)?;
        let list = |c: &Fact| {
            let shape = c.shape().ok().flatten();
            shape.is_some_and(|c| c.elements() == columns && c.last() == Some(&columns))
        };
        let fits = a.dims.as_ref()?.len() >= 2 && others.iter().flatten().all(list);
        (float && fits && b.elements() > 0).then_some(Dense {
            trans_b,
            plus: false,
            activation: Activation::Identity,
            laid: None,
        })
    }

    /// Constant matrix and bias so that each column is multiplied and something added to it.
    fn affine(
        &self,
        inputs: &[Option<Fact>],
        factors: Vec<f64>,
        summands: Vec<f64>,
    ) -> Option<Vec<(usize, Tensor)>> {
        let b = inputs.get(1)?.as_ref()?.value.as_ref()?;
        let [inner, columns] = sides(self.trans_b, b.shape())?;
        let [factors, summands] = [factors, summands].map(|list| Follow::spread(list, columns));
        let bias = inputs.get(BIAS).and_then(Option::as_ref);
        let bias = Follow::moved_bias(bias, &factors, &summands, columns)?;
        let mut constants = allocate::with_capacity(2);
        if factors.iter().any(|factor| *factor != 1.0) {
            let mut scaled = b.as_slice::<f32>().map(parts::copied)?.ok()?;
            let column = |index: usize| match self.trans_b {
                true => index / inner,
                false => index % columns,
            };
            elementwise::in_chunks(&mut scaled, |start, scaled| {
                for (index, x) in (start..).zip(scaled) {
                    *x = (f64::from(*x) * factors[column(index)]) as f32;
                }
            });
            constants.push((1, Tensor::new(b.shape(), scaled).ok()?));
        }
        constants.push((BIAS, bias));
        Some(constants)
    }

    /// A matrix of those sides laid out, and the bytes that takes.
    fn lay<T: Factor>(
        &self,
        b: &Tensor,
        [inner, columns]: [usize; 2],
    ) -> Result<(Arc<dyn Any + Send + Sync>, usize), OpError> {
        let view = b.as_view();
        let widened = T::widened(elements::<T>(&view))?;
        let matrix = gemm::matrix(&widened, inner, columns, self.trans_b);
        let laid = RightPanels::new(&matrix)?;
        let bytes = laid.bytes();
        Ok((Arc::new(laid), bytes))
    }

    fn run<T: Factor>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError>
    where
        T::Sum: Float,
    {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        let given = |index: usize| inputs.get(index).and_then(Option::as_ref);
        let shape = Known::of(inputs, &[]).shape(self)?;
        let [inner, columns] = sides(self.trans_b, b.shape()).expect("inferred with them");
        let rows = shape.elements() / columns;
        let laid: Option<&RightPanels<T::Sum>> =
            self.laid.as_ref().and_then(|laid| laid.downcast_ref());
        let copied = a.shape().elements().saturating_add(shape.elements());
        let own = match laid {
            Some(laid) => laid.scratch_bytes(rows),
            None => gemm::multiply_bytes::<T::Sum>(rows, inner, columns)
                .saturating_add(gemm::widened_bytes::<T>(b.shape().elements())),
        };
        outputs.check_scratch(gemm::widened_bytes::<T>(copied).saturating_add(own))?;
        let bias = given(BIAS).map(|bias| T::widened(elements::<T>(bias)));
        let bias = bias.transpose()?;
        let plus = given(PLUS).filter(|_| self.plus);
        let plus = plus.map(|plus| added::<T>(plus, &shape)).transpose()?;
        let bounds = self.activation.map(T::Sum::from_f64).bounds();
        let finish = Finish {
            plus: plus.as_deref(),
            pitch: columns,
            bounds: &bounds,
        };
        let y = outputs.make::<T>(&shape)?;
        let a = T::widened(elements::<T>(a))?;
        let a = gemm::matrix(&a, rows, inner, false);
        let level = Simd::installed();
        if let Some(laid) = laid {
            let start = bias.as_deref().map_or(Start::Zero, Start::Columns);
            gemm::with_sums::<T>(y, |y| laid.multiply(level, &a, start, finish, y));
            return Ok(());
        }
        let b = T::widened(elements::<T>(b))?;
        let b = gemm::matrix(&b, inner, columns, self.trans_b);
        gemm::with_sums::<T>(y, |y| {
            if let Some(bias) = &bias {
                elementwise::slabs(y, columns, columns, |_, y| y.copy_from_slice(bias));
            }
            let mut view = gemm::matrix_mut(y, rows, columns);
            gemm::multiply(level, &a, &b, bias.is_some(), &mut view);
            if let Some(finish) = finish.effective() {
                elementwise::in_chunks(y, |start, y| finish.apply(0, start, y));
            }
        });
        Ok(())
    }
}

/// The inner size and the columns of a right matrix.
fn sides(transposed: bool, shape: &[usize]) -> Option<[usize; 2]> {
    match *shape {
        [columns, inner] if transposed => Some([inner, columns]),
        [inner, columns] if !transposed => Some([inner, columns]),
        _ => None,
    }
}

impl Operator for Dense {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        let mut turned = Fact::new(b.dtype, b.dims.clone());
        if let (true, Some(dims)) = (self.trans_b, &mut turned.dims) {
            dims.reverse();
        }
        let name = match self.trans_b {
            true => "the transpose of B",
            false => "B",
        };
        let dims = matmul::dims(("A", a), (name, &turned))?;
        let columns = dims
            .as_ref()
            .and_then(|dims| dims.last().copied().flatten());
        if let (Some(bias), Some(columns)) = (inputs.get(BIAS).copied().flatten(), columns)
            && let Some(shape) = bias.shape()?
            && shape.elements() != columns
        {
            let reason = format!("is {bias}, declared to have {columns} elements, the columns");
            return Err(OpError::invalid("what is added to each row", reason));
        }
        Ok(vec![Fact::new(a.dtype, dims)])
    }

    fn absorbs(&self) -> bool {
        self.activation == Activation::Identity
    }

    fn absorb(&self, follow: Follow, inputs: &[Option<Fact>]) -> Option<Absorbed> {
        let a = inputs[0].as_ref()?;
        let last = a.dims.as_ref()?.len().checked_sub(1)?;
        let suits = a.dtype == DType::F32 && follow.is_along(last);
        if !suits || self.activation != Activation::Identity {
            return None;
        }
        let mut operator = self.clone();
        let (mut constants, mut plus) = (Vec::new(), None);
        match follow {
            Follow::Affine {
                factors, summands, ..
            } if !self.plus => constants = self.affine(inputs, factors, summands)?,
            Follow::Plus(_) if !self.plus => {
                operator.plus = true;
                plus = Some(PLUS);
            }
            Follow::Activation(activation) => operator.activation = activation,
            _ => return None,
        }
        Some(Absorbed {
            operator: Arc::new(operator),
            constants,
            plus,
        })
    }

    fn prepare(&self, inputs: &[Option<Fact>], _room: usize) -> Option<Prepared> {
        let (a, b) = (inputs[0].as_ref()?, inputs[1].as_ref()?.value.as_deref()?);
        // A single row reads each element once, wherever it lies; few columns would be filled up with many more.
        let (_, rows) = a.dims.as_ref()?.split_last()?;
        let [inner, columns] = sides(self.trans_b, b.shape())?;
        if rows.iter().all(|size| *size == Some(1)) || columns < LANES / 2 {
            return None;
        }
        let laid =
            dispatch!(b.dtype(), T in [f32, f64, f16, bf16] => self.lay::<T>(b, [inner, columns]));
        let (laid, bytes) = laid.ok()?;
        let mut operator = self.clone();
        operator.laid = Some(laid);
        Some(Prepared {
            operator: Arc::new(operator),
            bytes,
            unread: Some(1),
        })
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        dispatch!(required(inputs, 0).dtype(), T in [f32, f64, f16, bf16] =>
            Dense::run::<T>(self, inputs, outputs))
    }
}
