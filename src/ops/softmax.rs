//! Softmax, LogSoftmax, Hardmax: exponentials along an axis that add up to 1, their logarithms, or 1 for the
//! largest element and 0 for the others.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Softmax.html>,
//! <https://onnx.ai/onnx/operators/onnx__LogSoftmax.html>, <https://onnx.ai/onnx/operators/onnx__Hardmax.html>
//! 16-bit floats are computed in f32 and rounded once; sums are f64.

mod row;

use fearless_simd::Level;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::around::Around;
use super::axes;
use super::functions::{self, Exp};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::parts;
use crate::simd::Simd;
use crate::tensor::{DType, Element, TensorView};

pub(super) const HARDMAX: Op = op("Hardmax", |attributes| {
    Softmax::read(attributes, Kind::Hardmax)
});
pub(super) const LOG_SOFTMAX: Op = op("LogSoftmax", |attributes| {
    Softmax::read(attributes, Kind::LogSoftmax)
});
pub(super) const SOFTMAX: Op = op("Softmax", |attributes| {
    Softmax::read(attributes, Kind::Softmax)
});

const fn op(
    name: &'static str,
    read: fn(&mut Attributes<'_>) -> Result<Box<dyn Operator>, OpError>,
) -> Op {
    Op {
        domain: "ai.onnx",
        name,
        newest: 13,
        read,
        exact: false,
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Hardmax,
    LogSoftmax,
    Softmax,
}

/// `input` to `output` of the same shape.
#[derive(Debug)]
struct Softmax {
    kind: Kind,
    axis: i64,
    /// Whether the axes from `axis` on count as one, as before version 13.
    flatten: bool,
}

impl Softmax {
    fn read(attributes: &mut Attributes<'_>, kind: Kind) -> Result<Box<dyn Operator>, OpError> {
        let flatten = attributes.version() < 13;
        let default = if flatten { 1 } else { -1 };
        Ok(Box::new(Softmax {
            kind,
            axis: attributes.int("axis").unwrap_or(default),
            flatten,
        }))
    }

    fn around(&self, shape: &[usize]) -> Result<Around, OpError> {
        let rank = shape.len();
        if self.flatten {
            // As for Flatten, the end is a place to cut too.
            let axis = match self.axis {
                axis if axis == rank as i64 => rank,
                axis => axes::axis("axis", axis, rank)?,
            };
            return Ok(Around {
                size: shape[axis..].iter().product(),
                inner: 1,
            });
        }
        match (rank, self.axis) {
            (0, -1 | 0) => Ok(Around::new(&[1], 0)),
            _ => Ok(Around::new(shape, axes::axis("axis", self.axis, rank)?)),
        }
    }
}

macro_rules! slab {
    ($($name:ident $type:ident $exp:ident)*) => {
        $(
            /// One slab of rows of `inner` columns; the columns are apart from each other.
            fn $name(level: Level, kind: Kind, x: &[$type], y: &mut [$type], inner: usize) {
                let rows = x.len() / inner;
                elementwise::columns(inner, |columns| {
                    let (first, width) = (columns.start, columns.len());
                    let mut max = allocate::filled($type::NEG_INFINITY, width);
                    let found = elementwise::each_rows(rows, width, |rows| {
                        for row in rows {
                            for (max, x) in max.iter_mut().zip(&x[row * inner + first..]) {
                                *max = if *x > *max || x.is_nan() { *x } else { *max };
                            }
                        }
                    });
                    if let Kind::Hardmax = kind {
                        let mut seen = allocate::filled(false, width);
                        return found && elementwise::each_rows(rows, width, |rows| {
                            for row in rows {
                                let row = row * inner + first;
                                let (x, y) = (&x[row..][..width], &mut y[row..][..width]);
                                for (column, y) in y.iter_mut().enumerate() {
                                    let is_max = x[column] == max[column] || x[column].is_nan();
                                    *y = if is_max && !seen[column] { 1.0 } else { 0.0 };
                                    seen[column] |= is_max;
                                }
                            }
                        });
                    }
                    let mut sum = allocate::filled(0f64, width);
                    let mut other = allocate::filled(0.0, width);
                    let summed = found && elementwise::each_rows(rows, width, |rows| {
                        for row in rows {
                            let row = row * inner + first;
                            let (x, y) = (&x[row..][..width], &mut y[row..][..width]);
                            let (below, power) = match kind {
                                Kind::LogSoftmax => (y, &mut other[..]),
                                _ => (&mut other[..], y),
                            };
                            for (below, (x, max)) in below.iter_mut().zip(x.iter().zip(&max)) {
                                *below = x - max;
                            }
                            $exp(level, below, power);
                            for (sum, power) in sum.iter_mut().zip(power) {
                                *sum += f64::from(*power);
                            }
                        }
                    });
                    summed && elementwise::each_rows(rows, width, |rows| {
                        for row in rows {
                            for (y, sum) in y[row * inner + first..].iter_mut().zip(&sum) {
                                *y = match kind {
                                    Kind::LogSoftmax => (f64::from(*y) - sum.ln()) as $type,
                                    _ => (f64::from(*y) / sum) as $type,
                                };
                            }
                        }
                    })
                });
            }
        )*
    };
}
slab! { f32_columns f32 f32_exp f64_slab f64 f64_exp }

/// `y = e^x`
fn f32_exp(level: Level, x: &[f32], y: &mut [f32]) {
    functions::map::<Exp>(level, x, y, [0.0; 2]);
}

/// As [`f32_exp`].
fn f64_exp(_: Level, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = x.exp();
    }
}

fn f32_slab(level: Level, kind: Kind, x: &[f32], y: &mut [f32], inner: usize) {
    match (inner, kind) {
        (1, Kind::Softmax) => row::softmax(level, false, x, y),
        (1, Kind::LogSoftmax) => row::softmax(level, true, x, y),
        _ => f32_columns(level, kind, x, y, inner),
    }
}

macro_rules! half_slab {
    ($($name:ident $type:ident)*) => {
        $(fn $name(level: Level, kind: Kind, x: &[$type], y: &mut [$type], inner: usize) {
            let wide = || parts::filled(0.0, x.len());
            let (Ok(mut wide_x), Ok(mut wide_y)) = (wide(), wide()) else {
                return;
            };
            let widened = parts::each(&mut wide_x, |start, wide| {
                x[start..start + wide.len()].convert_to_f32_slice(wide);
            });
            if widened.is_err() {
                return;
            }
            f32_slab(level, kind, &wide_x, &mut wide_y, inner);
            // What is stopped need not be whole.
            let _ = parts::each(y, |start, y| {
                y.convert_from_f32_slice(&wide_y[start..start + y.len()]);
            });
        })*
    };
}
half_slab! { f16_slab f16 bf16_slab bf16 }

type Slab<T> = fn(Level, Kind, &[T], &mut [T], usize);

impl Softmax {
    fn slabs<T: Element>(
        &self,
        input: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
        slab: Slab<T>,
    ) -> Result<(), OpError> {
        let Around { size, inner, .. } = self.around(input.shape())?;
        let len = size * inner;
        let (x, y) = (elements::<T>(input), outputs.make::<T>(input.shape())?);
        if y.is_empty() {
            return Ok(());
        }
        let level = Simd::installed();
        elementwise::slabs(y, len, len, |index, y| {
            slab(
                level,
                self.kind,
                &x[index * len..(index + 1) * len],
                y,
                inner,
            );
        });
        Ok(())
    }
}

impl Operator for Softmax {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let input = required(inputs, 0);
        if let Some(dims) = &input.dims {
            self.around(&vec![1; dims.len()])?;
        }
        Ok(vec![Fact::new(input.dtype, input.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let input = required(inputs, 0);
        let scratch = input
            .shape()
            .elements()
            .saturating_mul(2 * size_of::<f32>());
        match input.dtype() {
            DType::F32 => self.slabs(input, outputs, f32_slab),
            DType::F64 => self.slabs(input, outputs, f64_slab),
            DType::F16 => {
                outputs.check_scratch(scratch)?;
                self.slabs(input, outputs, f16_slab)
            }
            DType::BF16 => {
                outputs.check_scratch(scratch)?;
                self.slabs(input, outputs, bf16_slab)
            }
            dtype => Err(OpError::unsupported(format!("element type {dtype}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use crate::ops::testing::{Node, iota, node, tensor};

    fn run(node: Node, dims: &[usize]) -> Vec<f32> {
        let y = node.run(&[Some(&iota(dims))]).expect("it runs");
        y[0].as_slice::<f32>().expect("f32").to_vec()
    }

    #[test]
    fn before_version_13_axes_are_flattened() {
        let sum = |opset, axis| -> f32 {
            let softmax = node("Softmax", opset).int("axis", axis);
            run(softmax, &[2, 2, 3]).iter().sum()
        };
        assert!((sum(11, 1) - 2.0).abs() < 1e-5);
        assert!((sum(1, 0) - 1.0).abs() < 1e-5);
        assert!((sum(13, 1) - 6.0).abs() < 1e-5);
        assert_eq!(run(node("Softmax", 11).int("axis", 1), &[2]), [1.0, 1.0]);
    }

    #[test]
    fn large_elements_do_not_overflow() {
        let x = tensor(&[2], vec![1000f32, -1000.0]);
        let run = |name| node(name, 13).run(&[Some(&x)]).expect("it runs").remove(0);
        assert_eq!(run("Softmax"), tensor(&[2], vec![1f32, 0.0]));
        assert_eq!(run("LogSoftmax"), tensor(&[2], vec![0f32, -2000.0]));
        assert_eq!(run("Hardmax"), tensor(&[2], vec![1f32, 0.0]));
        let x = tensor(&[2], vec![f16::ZERO; 2]);
        assert_eq!(
            node("Softmax", 13).run(&[Some(&x)]),
            Ok(vec![tensor(&[2], vec![f16::from_f32(0.5); 2])])
        );
    }

    #[test]
    fn scalars_empty_tensors_and_axes_out_of_range() {
        assert_eq!(run(node("Softmax", 13), &[]), [1.0]);
        assert!(run(node("LogSoftmax", 13), &[2, 0]).is_empty());
        assert_eq!(
            node("Softmax", 13)
                .int("axis", 2)
                .error(&[Some(&iota(&[2, 2]))]),
            "axis is 2, must be in -2..=1"
        );
    }
}
