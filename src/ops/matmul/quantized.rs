//! MatMulInteger, QLinearMatMul: products of quantized matrices.

use super::{Stack, dims};
use crate::error::OpError;
use crate::ops::convert::{self, Numeric};
use crate::ops::{Fact, Inputs, Op, Operator, Outputs, elementwise, quantize, required};
use crate::parts;
use crate::tensor::{
    DType, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, Rounding, TensorView, dispatch,
};

pub(in crate::ops) const MAT_MUL_INTEGER: Op = Op {
    domain: "ai.onnx",
    name: "MatMulInteger",
    newest: 10,
    read: |_| Ok(Box::new(MatMulInteger)),
    exact: false,
};

pub(in crate::ops) const QLINEAR_MAT_MUL: Op = Op {
    domain: "ai.onnx",
    name: "QLinearMatMul",
    newest: 21,
    read: |_| Ok(Box::new(QLinearMatMul)),
    exact: false,
};

/// Integers `A` and `B` less their zero points to their product `Y` in i32, which wraps.
#[derive(Debug)]
struct MatMulInteger;

/// Quantized `a` and `b`, each with scale and zero point, to their product `y`, quantized too.
#[derive(Debug)]
struct QLinearMatMul;

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

/// An input with scale and zero point, as far as it has them.
struct Quantized<'a, 'b> {
    x: &'b TensorView<'a>,
    scale: Option<(&'static str, &'b TensorView<'a>)>,
    zero: Option<(&'static str, &'b TensorView<'a>)>,
}

impl Quantized<'_, '_> {
    /// The numbers that the elements stand for.
    fn widened(&self, along: Along, outputs: &mut Outputs<'_, '_>) -> Result<Vec<f64>, OpError> {
        let mut values = convert::widened(self.x, outputs)?;
        if let Some(zero) = self.zero {
            let zeros = Parameters::new(zero, self.x.shape(), along, outputs)?;
            elementwise::in_chunks(&mut values, |start, values| {
                for (index, value) in (start..).zip(values) {
                    *value -= zeros.at(index);
                }
            });
        }
        if let Some(scale) = self.scale {
            let scales = Parameters::new(scale, self.x.shape(), along, outputs)?;
            elementwise::in_chunks(&mut values, |start, values| {
                for (index, value) in (start..).zip(values) {
                    *value *= scales.at(index);
                }
            });
        }
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
    stack.multiply::<f64>(&a, &b, &mut y);
    Ok(y)
}

impl Operator for MatMulInteger {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        Ok(vec![Fact::new(DType::I32, dims(("A", a), ("B", b))?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let zero = |index: usize, name| {
            let zero = inputs.get(index).and_then(Option::as_ref);
            zero.map(|zero| (name, zero))
        };
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        let stack = Stack::new(("A", a), ("B", b))?;
        let a = Quantized {
            x: a,
            scale: None,
            zero: zero(2, "a_zero_point"),
        };
        let b = Quantized {
            x: b,
            scale: None,
            zero: zero(3, "b_zero_point"),
        };
        let wide = product(&stack, &a, &b, outputs)?;
        elementwise::map(&wide, outputs.make::<i32>(&stack.shape)?, |wide, y| {
            for (y, wide) in y.iter_mut().zip(wide) {
                *y = *wide as i64 as i32;
            }
        });
        Ok(())
    }
}

impl Operator for QLinearMatMul {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 3));
        let zero = required(inputs, 7);
        Ok(vec![Fact::new(zero.dtype, dims(("a", a), ("b", b))?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 3));
        let stack = Stack::new(("a", a), ("b", b))?;
        let a = Quantized {
            x: a,
            scale: Some(("a_scale", required(inputs, 1))),
            zero: Some(("a_zero_point", required(inputs, 2))),
        };
        let b = Quantized {
            x: b,
            scale: Some(("b_scale", required(inputs, 4))),
            zero: Some(("b_zero_point", required(inputs, 5))),
        };
        let wide = product(&stack, &a, &b, outputs)?;
        let mut along = |name, index| {
            let x = required(inputs, index);
            Parameters::new((name, x), &stack.shape, Along::Rows, outputs)
        };
        let (scales, zeros) = (along("y_scale", 6)?, along("y_zero_point", 7)?);
        let dtype = required(inputs, 7).dtype();
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
