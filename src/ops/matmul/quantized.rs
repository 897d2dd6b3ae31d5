//! MatMulInteger, QLinearMatMul: products of quantized matrices.

use super::bytes::{self, Laid, Numbers};
use super::{Stack, dims};
use crate::error::OpError;
use crate::gemm::Activation;
use crate::gemm::quantized::Output;
use crate::ops::convert::{self, Numeric};
use crate::ops::{
    Fact, Inputs, Op, Operator, Outputs, Prepared, elements, elementwise, on_integers, quantize,
    required,
};
use crate::parts;
use crate::tensor::{
    DType, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, Rounding, TensorView, dispatch,
};

pub(in crate::ops) const MAT_MUL_INTEGER: Op = Op {
    domain: "ai.onnx",
    name: "MatMulInteger",
    newest: 10,
    read: |_| Ok(Box::new(MatMulInteger { laid: None })),
    exact: false,
};

pub(in crate::ops) const QLINEAR_MAT_MUL: Op = Op {
    domain: "ai.onnx",
    name: "QLinearMatMul",
    newest: 21,
    read: |_| Ok(Box::new(QLinearMatMul::new(Activation::Identity))),
    exact: false,
};

/// Integers `A` and `B` less their zero points to their product `Y` in i32, which wraps.
#[derive(Debug)]
struct MatMulInteger {
    /// A constant `B` as products want it.
    laid: Option<Laid>,
}

/// Quantized `a` and `b`, each with scale and zero point, to their product `y`, quantized too.
/// Of 8-bit integers, input 8 may hold what is added to each column.
#[derive(Debug)]
pub(in crate::ops) struct QLinearMatMul {
    /// What is done before the result is quantized; only to 8-bit integers.
    activation: Activation<f64>,
    /// A constant `b` of 8-bit integers as products want it.
    laid: Option<Laid>,
}

impl QLinearMatMul {
    pub(in crate::ops) fn new(activation: Activation<f64>) -> QLinearMatMul {
        QLinearMatMul {
            activation,
            laid: None,
        }
    }
}

/// What scales and zero points go along.
#[derive(Clone, Copy, Debug)]
enum Along {
    Rows,
    Columns,
}

/// Scales or zero points of a stack of matrices: one, one for each row or column of any, or of all matrices.
struct Parameters {
    values: Vec<f64>,
    along: Along,
    rows: usize,
    columns: usize,
}

impl Parameters {
    fn new(
        (name, x): (&str, &TensorView<'_>),
        shape: &[usize],
        along: Along,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<Parameters, OpError> {
        let values = convert::widened(x, outputs)?;
        // A vector is a row on the left and a column on the right.
        let (rows, columns) = match (shape, along) {
            ([.., rows, columns], _) => (*rows, *columns),
            ([size], Along::Rows) => (1, *size),
            ([size], Along::Columns) => (*size, 1),
            ([], _) => (1, 1),
        };
        let size = match along {
            Along::Rows => rows,
            Along::Columns => columns,
        };
        let batch = &shape[..shape.len().saturating_sub(2)];
        let matrices: usize = batch.iter().product();
        match values.len() {
            count if count == 1 || count == size || count == size * matrices => Ok(Parameters {
                values,
                along,
                rows,
                columns,
            }),
            _ => Err(OpError::invalid(
                name,
                format!("is {x}, must have one element, or one for each of {size} rows or columns"),
            )),
        }
    }

    /// All of them; zero where there are none.
    fn numbers(parameters: &Option<Parameters>) -> Numbers<'_> {
        match parameters {
            Some(parameters) => Numbers(&parameters.values),
            None => Numbers::ZERO,
        }
    }

    /// That of element `index`.
    fn at(&self, index: usize) -> f64 {
        let place = match self.along {
            Along::Rows => index / self.columns,
            Along::Columns => {
                index / (self.rows * self.columns) * self.columns + index % self.columns
            }
        };
        self.values[place % self.values.len()]
    }
}

/// An input with scale and zero point.
struct Quantized<'a, 'b> {
    x: &'b TensorView<'a>,
    scale: (&'static str, &'b TensorView<'a>),
    zero: (&'static str, &'b TensorView<'a>),
}

impl Quantized<'_, '_> {
    /// The numbers that the elements stand for.
    fn widened(&self, along: Along, outputs: &mut Outputs<'_, '_>) -> Result<Vec<f64>, OpError> {
        let mut values = convert::widened(self.x, outputs)?;
        let zeros = Parameters::new(self.zero, self.x.shape(), along, outputs)?;
        let scales = Parameters::new(self.scale, self.x.shape(), along, outputs)?;
        elementwise::in_chunks(&mut values, |start, values| {
            for (index, value) in (start..).zip(values) {
                *value = (*value - zeros.at(index)) * scales.at(index);
            }
        });
        Ok(values)
    }
}

/// The product of what both stand for.
fn product(
    stack: &Stack,
    a: &Quantized<'_, '_>,
    b: &Quantized<'_, '_>,
    outputs: &mut Outputs<'_, '_>,
) -> Result<Vec<f64>, OpError> {
    let bytes = stack.shape.elements().saturating_mul(size_of::<f64>());
    outputs.check_scratch(bytes)?;
    let (a, b) = (
        a.widened(Along::Rows, outputs)?,
        b.widened(Along::Columns, outputs)?,
    );
    let mut y = parts::filled(0.0, stack.shape.elements())?;
    stack.multiply::<f64>(&a, None, &b, &mut y);
    Ok(y)
}

impl Operator for MatMulInteger {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        Ok(vec![Fact::new(DType::I32, dims(("A", a), ("B", b))?)])
    }

    fn prepare(&self, inputs: &[Option<Fact>], _room: usize) -> Option<Prepared> {
        let given = |index: usize| inputs.get(index).and_then(Option::as_ref);
        let laid = bytes::prepare(given(1), given(3))?;
        let bytes = size_of_val(&laid[..]);
        Some(Prepared::beside(MatMulInteger { laid: Some(laid) }, bytes))
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        let stack = Stack::new(("A", a), ("B", b))?;
        let mut zeros = |index: usize, name, x: &TensorView<'_>, along| {
            let zero = inputs.get(index).and_then(Option::as_ref);
            let parameters =
                zero.map(|zero| Parameters::new((name, zero), x.shape(), along, outputs));
            parameters.transpose()
        };
        let a_zeros = zeros(2, "a_zero_point", a, Along::Rows)?;
        let b_zeros = zeros(3, "b_zero_point", b, Along::Columns)?;
        let parameters = bytes::Parameters {
            a_zeros: Parameters::numbers(&a_zeros),
            b_zeros: Parameters::numbers(&b_zeros),
            a_scales: Numbers::ONE,
            b_scales: Numbers::ONE,
            y_scales: Numbers::ONE,
            y_zeros: Numbers::ZERO,
            bounds: <i32 as Output>::BOUNDS,
            summands: &[0],
        };
        bytes::run::<i32>(&stack, a, b, self.laid.as_ref(), &parameters, outputs)
    }
}

impl QLinearMatMul {
    /// The product of 8-bit integers.
    fn in_bytes(
        &self,
        stack: &Stack,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 3));
        let mut along = |name, index, shape: &[usize], along| {
            Parameters::new((name, required(inputs, index)), shape, along, outputs)
        };
        let a_scales = along("a_scale", 1, a.shape(), Along::Rows)?;
        let a_zeros = along("a_zero_point", 2, a.shape(), Along::Rows)?;
        let b_scales = along("b_scale", 4, b.shape(), Along::Columns)?;
        let b_zeros = along("b_zero_point", 5, b.shape(), Along::Columns)?;
        let y_scales = along("y_scale", 6, &stack.shape, Along::Rows)?;
        let y_zeros = along("y_zero_point", 7, &stack.shape, Along::Rows)?;
        let bias = inputs.get(8).and_then(Option::as_ref);
        let bias = bias.map_or(&[0][..], |bias| elements::<i32>(bias));
        dispatch!(required(inputs, 7).dtype(), T in [u8, i8] => {
            // Only where there is one scale does anything else come first.
            let one = |parameters: &Parameters| parameters.values.first().copied();
            let scale = one(&y_scales).unwrap_or(1.0);
            let zero = one(&y_zeros).unwrap_or(0.0) as i32;
            let parameters = bytes::Parameters {
                a_zeros: Numbers(&a_zeros.values),
                b_zeros: Numbers(&b_zeros.values),
                a_scales: Numbers(&a_scales.values),
                b_scales: Numbers(&b_scales.values),
                y_scales: Numbers(&y_scales.values),
                y_zeros: Numbers(&y_zeros.values),
                bounds: on_integers::bounds(self.activation, scale, zero, T::BOUNDS),
                summands: bias,
            };
            bytes::run::<T>(stack, a, b, self.laid.as_ref(), &parameters, outputs)
        })
    }
}

impl Operator for QLinearMatMul {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 3));
        let zero = required(inputs, 7);
        Ok(vec![Fact::new(zero.dtype, dims(("a", a), ("b", b))?)])
    }

    fn prepare(&self, inputs: &[Option<Fact>], _room: usize) -> Option<Prepared> {
        let laid = bytes::prepare(inputs[3].as_ref(), inputs[5].as_ref())?;
        let bytes = size_of_val(&laid[..]);
        let prepared = QLinearMatMul {
            laid: Some(laid),
            ..*self
        };
        Some(Prepared::beside(prepared, bytes))
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 3));
        let stack = Stack::new(("a", a), ("b", b))?;
        let y_zero = required(inputs, 7);
        // Those of rows are counted otherwise where vectors are multiplied.
        let plain = b.shape().len() > 1
            || [6, 7]
                .iter()
                .all(|&index| required(inputs, index).shape().elements() == 1);
        if plain && [a, b, y_zero].iter().all(|x| x.dtype().is_byte()) {
            return self.in_bytes(&stack, inputs, outputs);
        }
        let a = Quantized {
            x: a,
            scale: ("a_scale", required(inputs, 1)),
            zero: ("a_zero_point", required(inputs, 2)),
        };
        let b = Quantized {
            x: b,
            scale: ("b_scale", required(inputs, 4)),
            zero: ("b_zero_point", required(inputs, 5)),
        };
        let wide = product(&stack, &a, &b, outputs)?;
        let mut along = |name, index| {
            let x = required(inputs, index);
            Parameters::new((name, x), &stack.shape, Along::Rows, outputs)
        };
        let (scales, zeros) = (along("y_scale", 6)?, along("y_zero_point", 7)?);
        let dtype = y_zero.dtype();
        let range = quantize::range(dtype);
        dispatch!(dtype, T in [u8, i8, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ] => {
            let y = outputs.make::<T>(&stack.shape)?;
            elementwise::in_chunks(y, |start, y| {
                for (index, y) in (start..).zip(y) {
                    let quotient = wide[index] / scales.at(index);
                    let number = quantize::place(quotient, zeros.at(index), range);
                    *y = <T as Numeric>::from_f64(number, Rounding::default());
                }
            });
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn zero_points_of_rows_and_columns() {
        let a = tensor(&[2, 2], vec![1u8, 2, 3, 4]);
        let b = tensor(&[2, 2], vec![1i8, -2, 3, -4]);
        let (a_zero, b_zero) = (tensor(&[2], vec![1u8, 3]), tensor(&[2], vec![1i8, -2]));
        let run =
            |a_zero, b_zero| node("MatMulInteger", 10).run(&[Some(&a), Some(&b), a_zero, b_zero]);
        assert_eq!(
            run(None, None),
            Ok(vec![tensor(&[2, 2], vec![7, -10, 15, -22])])
        );
        assert_eq!(
            run(Some(&a_zero), Some(&b_zero)),
            Ok(vec![tensor(&[2, 2], vec![2, -2, 2, -2])])
        );
        let three = tensor(&[3], vec![0u8; 3]);
        assert_eq!(
            run(Some(&three), None).unwrap_err().to_string(),
            "a_zero_point is u8[3], must have one element, or one for each of 2 rows or columns"
        );
    }
}
