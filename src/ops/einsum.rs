//! Einsum: sums of products over axes that an equation names.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Einsum.html>
//! Operands are taken one after the other: each step is a product of matrices, whose rows, columns and
//! summed axes are those of the equation. Axes of size 1 are repeated. Integers wrap; 16-bit floats are
//! summed up as f32.

mod equation;
mod operand;

use half::{bf16, f16};

use super::{Fact, Inputs, Known, Op, Operator, Outputs, elementwise, required};
use crate::error::OpError;
use crate::gemm::Sum;
use crate::onnx::attributes::Attributes;
use crate::parts;
use crate::tensor::{Element, Shape, dispatch};
use equation::{Equation, Label};
use operand::Operand;

pub(super) const EINSUM: Op = Op {
    domain: "ai.onnx",
    name: "Einsum",
    newest: 12,
    read: |attributes| Ok(Box::new(Einsum::read(attributes)?)),
    exact: false,
};

/// `Inputs` to `Output`, by an equation as `ij,jk->ik`.
#[derive(Debug)]
struct Einsum {
    equation: Equation,
}

/// The labels of each operand.
type Labels = Vec<Vec<Label>>;

/// Labels and their sizes.
type Sizes = Vec<(Label, Option<usize>)>;

impl Einsum {
    fn read(attributes: &mut Attributes<'_>) -> Result<Einsum, OpError> {
        let equation = attributes.string("equation")?.unwrap_or_default();
        Ok(Einsum {
            equation: Equation::parse(equation)?,
        })
    }

    /// The labels of the operands and the sizes of all; `None` while a rank is not known.
    fn labels(&self, inputs: &[Option<&Fact>]) -> Result<Option<(Labels, Sizes)>, OpError> {
        if inputs.len() != self.equation.operands() {
            return Err(OpError::invalid(
                "equation",
                format!(
                    "has {} operands, the node has {}",
                    self.equation.operands(),
                    inputs.len()
                ),
            ));
        }
        let mut operands = Vec::with_capacity(inputs.len());
        let mut sizes: Sizes = Vec::new();
        let mut all = true;
        for (index, input) in inputs.iter().enumerate() {
            let Some(input) = input else {
                return Err(OpError::invalid(format!("Inputs[{index}]"), "is left out"));
            };
            let Some(dims) = &input.dims else {
                all = false;
                continue;
            };
            let labels = self.equation.labels(index, dims.len())?;
            for (label, dim) in labels.iter().zip(dims) {
                let Some((_, size)) = sizes.iter_mut().find(|(other, _)| other == label) else {
                    sizes.push((*label, *dim));
                    continue;
                };
                *size = match (*size, *dim) {
                    (Some(1), other) | (other, Some(1)) => other,
                    (None, other) | (other, None) => other,
                    (Some(a), Some(b)) if a == b => Some(a),
                    (Some(a), Some(b)) => {
                        return Err(OpError::invalid(
                            format!("Inputs[{index}]"),
                            format!("is {input}, has size {b} where another has {a}"),
                        ));
                    }
                };
            }
            operands.push(labels);
        }
        Ok(all.then_some((operands, sizes)))
    }

    fn sum<T: Term>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let known = Known::of(inputs, &[]);
        let shape = known.shape(self)?;
        let labels = self.labels(&known.facts())?;
        let (operands, sizes) = labels.expect("the shapes of tensors are known");
        let output = self.equation.output(&operands);
        let size = |label: Label| {
            let found = sizes.iter().find(|(other, _)| *other == label);
            found
                .and_then(|(_, size)| *size)
                .expect("every label has a size")
        };
        outputs.check_output(shape.elements().saturating_mul(size_of::<T>()))?;
        let mut so_far: Option<Operand<T::Sum>> = None;
        for (index, labels) in operands.iter().enumerate() {
            let x = required(inputs, index);
            let later = |label: &Label| {
                output.contains(label)
                    || operands[index + 1..]
                        .iter()
                        .any(|other| other.contains(label))
            };
            let operand = Operand::of::<T>(x, labels)?;
            so_far = Some(match so_far {
                None => {
                    // What only this operand has is summed up at once.
                    let mut kept: Vec<Label> = Vec::new();
                    let mut summed = Vec::new();
                    for &label in labels {
                        if !kept.contains(&label) && !summed.contains(&label) {
                            if later(&label) {
                                &mut kept
                            } else {
                                &mut summed
                            }
                            .push(label);
                        }
                    }
                    let kept_sizes: Vec<usize> = kept.iter().map(|&label| size(label)).collect();
                    let summed_sizes: Vec<usize> =
                        summed.iter().map(|&label| size(label)).collect();
                    let rows = Shape::new(&kept_sizes)?.elements();
                    let columns = Shape::new(&summed_sizes)?.elements();
                    outputs.check_scratch(rows.saturating_mul(size_of::<T::Sum>()))?;
                    let wanted: Vec<(Label, usize)> = kept
                        .iter()
                        .chain(&summed)
                        .map(|&label| (label, size(label)))
                        .collect();
                    let all = operand.arranged(&wanted, outputs)?;
                    let data = match summed.is_empty() {
                        true => all,
                        false => sums(&all, rows, columns)?,
                    };
                    Operand {
                        data,
                        sizes: kept_sizes,
                        labels: kept,
                    }
                }
                Some(left) => left.product(&operand, later, size, outputs)?,
            });
        }
        let result = so_far.expect("there is at least one operand");
        let wanted: Vec<(Label, usize)> =
            output.iter().map(|&label| (label, size(label))).collect();
        let result = result.arranged(&wanted, outputs)?;
        elementwise::map(&result, outputs.make::<T>(&shape)?, |sums, y| {
            for (y, &sum) in y.iter_mut().zip(sums) {
                *y = T::narrow(sum);
            }
        });
        Ok(())
    }
}

/// The sums of rows.
fn sums<S: Sum>(all: &[S], rows: usize, columns: usize) -> Result<Vec<S>, OpError> {
    let mut sums = parts::filled(S::ZERO, rows)?;
    elementwise::slabs(&mut sums, 1, columns, |row, sum| {
        let row = &all[row * columns..][..columns];
        let add = |sum: S, x: &S| sum.plus_product(*x, S::ONE);
        elementwise::each_rows(columns, 1, |range| {
            sum[0] = row[range].iter().fold(sum[0], add);
        });
    });
    Ok(sums)
}

/// An element type of Einsum.
trait Term: Element + Copy {
    /// The type that its products are summed up in.
    type Sum: Sum;

    fn widen(self) -> Self::Sum;
    fn narrow(sum: Self::Sum) -> Self;
}

macro_rules! term {
    ($($type:ty as $sum:ty => $widen:expr, $narrow:expr;)*) => {
        $(impl Term for $type {
            type Sum = $sum;

            #[inline(always)]
            fn widen(self) -> $sum {
                $widen(self)
            }

            #[inline(always)]
            fn narrow(sum: $sum) -> $type {
                $narrow(sum)
            }
        })*
    };
}
// Integers modulo a power of 2 are those of a wider type cut off.
term! {
    f32 as f32 => |x| x, |sum| sum;
    f64 as f64 => |x| x, |sum| sum;
    f16 as f32 => f16::to_f32, f16::from_f32;
    bf16 as f32 => bf16::to_f32, bf16::from_f32;
    i8 as i32 => i32::from, |sum| sum as i8;
    i16 as i32 => i32::from, |sum| sum as i16;
    i32 as i32 => |x| x, |sum| sum;
    i64 as i64 => |x| x, |sum| sum;
    u8 as u32 => u32::from, |sum| sum as u8;
    u16 as u32 => u32::from, |sum| sum as u16;
    u32 as u32 => |x| x, |sum| sum;
    u64 as u64 => |x| x, |sum| sum;
}

impl Operator for Einsum {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let dtype = required(inputs, 0).dtype;
        let Some((operands, sizes)) = self.labels(inputs)? else {
            return Ok(vec![Fact::new(dtype, None)]);
        };
        let size = |label: &Label| {
            let found = sizes.iter().find(|(other, _)| other == label);
            found.and_then(|(_, size)| *size)
        };
        let dims = self.equation.output(&operands).iter().map(size).collect();
        Ok(vec![Fact::new(dtype, Some(dims))])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        dispatch!(
            required(inputs, 0).dtype(),
            T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64]
                => self.sum::<T>(inputs, outputs)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    fn einsum(equation: &str, shapes: &[&[usize]]) -> Result<(Vec<usize>, Vec<f32>), String> {
        let inputs: Vec<_> = shapes.iter().map(|shape| iota(shape)).collect();
        let inputs: Vec<_> = inputs.iter().map(Some).collect();
        node("Einsum", 12)
            .string("equation", equation)
            .run(&inputs)
            .map(|y| {
                (
                    y[0].shape().to_vec(),
                    y[0].as_slice().expect("f32").to_vec(),
                )
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn products_sums_and_diagonals() {
        let y = |equation, shapes: &[&[usize]]| einsum(equation, shapes).expect("it runs");
        assert_eq!(
            y("ij,jk->ik", &[&[1, 2], &[2, 2]]),
            (vec![1, 2], vec![2.0, 3.0])
        );
        assert_eq!(
            y("ij , jk", &[&[1, 2], &[2, 2]]),
            (vec![1, 2], vec![2.0, 3.0])
        );
        assert_eq!(y("ii->i", &[&[2, 2]]), (vec![2], vec![0.0, 3.0]));
        assert_eq!(y("ii", &[&[2, 2]]), (vec![], vec![3.0]));
        assert_eq!(
            y("ij->ji", &[&[2, 2]]),
            (vec![2, 2], vec![0.0, 2.0, 1.0, 3.0])
        );
        assert_eq!(
            y("i,j,k->ki", &[&[2], &[3], &[2]]),
            (vec![2, 2], vec![0.0, 0.0, 0.0, 3.0])
        );
        assert_eq!(y("b...,b...->...", &[&[2, 1, 2], &[2, 2, 1]]).0, [2, 2]);
        assert_eq!(y("i,i->", &[&[0], &[0]]), (vec![], vec![0.0]));
        assert_eq!(y("ij,jk->ik", &[&[0, 2], &[2, 3]]), (vec![0, 3], vec![]));
        assert_eq!(y("i,i->i", &[&[1], &[2]]), (vec![2], vec![0.0, 0.0]));
    }

    #[test]
    fn equations_are_checked() {
        let error = |equation, shapes: &[&[usize]]| einsum(equation, shapes).unwrap_err();
        assert_eq!(
            error("ij->k", &[&[1, 1]]),
            "equation is 'ij->k', has k in the output alone"
        );
        assert_eq!(
            error("ij->ii", &[&[1, 1]]),
            "equation is 'ij->ii', has i twice in the output"
        );
        assert_eq!(
            error("ij", &[&[1]]),
            "Inputs[0] has 1 axes, the equation gives it 2"
        );
        assert_eq!(
            error("i,i", &[&[2], &[3]]),
            "Inputs[1] is f32[3], has size 3 where another has 2"
        );
        assert!(error("i1", &[&[2, 2]]).contains("letters"));
        assert!(error("i", &[&[2], &[2]]).contains("has 1 operands"));
        let bytes = tensor(&[2], vec![200u8, 100]);
        let y = node("Einsum", 12)
            .string("equation", "i->")
            .run(&[Some(&bytes)]);
        assert_eq!(y, Ok(vec![tensor(&[], vec![44u8])]));
    }
}
