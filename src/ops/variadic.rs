//! Max, Min, Sum and Mean of any number of tensors, with broadcasting.
//!
//! Specification: the page of each, as <https://onnx.ai/onnx/operators/onnx__Max.html>
//! NaN in any input gives NaN. Sums and means add in f64 and round once.

use half::{bf16, f16};
use smallvec::SmallVec;

use super::broadcast::{self, Broadcast};
use super::elementwise::{self, Place, Run};
use super::fact::{self, Dims};
use super::number::{BLOCK, Float, Number};
use super::{Fact, Follow, Inputs, Op, Operator, Outputs, elements};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::{TensorView, dispatch};

pub(super) const MAX: Op = op("Max", 13, |attributes| {
    Variadic::read(attributes, Function::Max)
});
pub(super) const MEAN: Op = op("Mean", 13, |attributes| {
    Variadic::read(attributes, Function::Mean)
});
pub(super) const MIN: Op = op("Min", 13, |attributes| {
    Variadic::read(attributes, Function::Min)
});
pub(super) const SUM: Op = op("Sum", 13, |attributes| {
    Variadic::read(attributes, Function::Sum)
});

const fn op(
    name: &'static str,
    newest: i64,
    read: fn(&mut Attributes<'_>) -> Result<Box<dyn Operator>, OpError>,
) -> Op {
    Op {
        domain: "ai.onnx",
        name,
        newest,
        read,
        exact: false,
    }
}

/// `data_0` and so on to one tensor of the shape that all of them broadcast to.
#[derive(Debug)]
struct Variadic {
    function: Function,
    /// Before version 8 all shapes are equal.
    broadcast: Broadcast,
}

#[derive(Clone, Copy, Debug)]
enum Function {
    Max,
    Mean,
    Min,
    Sum,
}

/// Fills a row of the output from what it reads of each input.
type Row<'f, T> = dyn Fn(&[Run<'_, T>], &mut [T]) + Sync + 'f;

impl Variadic {
    fn read(
        attributes: &mut Attributes<'_>,
        function: Function,
    ) -> Result<Box<dyn Operator>, OpError> {
        attributes.ignore(
            "consumed_inputs",
            "a hint on buffers, without effect on results",
        );
        Ok(Box::new(Variadic {
            function,
            broadcast: match attributes.version() {
                ..8 => Broadcast::Neither,
                _ => Broadcast::Both,
            },
        }))
    }

    fn dims(&self, inputs: &[&Fact]) -> Result<Dims, OpError> {
        let names: Vec<String> = (0..inputs.len()).map(|i| format!("data_{i}")).collect();
        let named: Vec<_> = names
            .iter()
            .map(String::as_str)
            .zip(inputs.iter().copied())
            .collect();
        if let Broadcast::Neither = self.broadcast {
            for other in &named[1..] {
                self.broadcast.dims(named[0], *other)?;
            }
        }
        broadcast::together(&named)
    }

    /// Maxima and minima: each input after the first is taken in where it wins.
    fn extreme<T: Number>(
        &self,
        inputs: &[TensorView<'_>],
        outputs: &mut Outputs<'_, '_>,
        wins: fn(&T, &T) -> bool,
    ) -> Result<(), OpError> {
        self.walk::<T>(inputs, outputs, &|runs, y| {
            fill(runs[0], y);
            for run in &runs[1..] {
                fold(*run, y, |x, best| {
                    if wins(x, best) || is_nan(x) {
                        *best = *x;
                    }
                });
            }
        })
    }

    fn sum<T: Float>(
        &self,
        inputs: &[TensorView<'_>],
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let count = match self.function {
            Function::Mean => inputs.len() as f64,
            _ => 1.0,
        };
        self.walk::<T>(inputs, outputs, &|runs, y| {
            let mut sums = [0.0; BLOCK];
            for (block, y) in y.chunks_mut(BLOCK).enumerate() {
                let sums = &mut sums[..y.len()];
                sums.fill(0.0);
                for run in runs {
                    let run = match *run {
                        Run::Each(x) => Run::Each(&x[block * BLOCK..]),
                        one => one,
                    };
                    fold(run, sums, |x, sum| *sum += x.to_f64());
                }
                for (y, sum) in y.iter_mut().zip(sums) {
                    *y = T::from_f64(*sum / count);
                }
            }
        })
    }

    /// Calls `row` with what each row of the output reads.
    fn walk<T: Number>(
        &self,
        inputs: &[TensorView<'_>],
        outputs: &mut Outputs<'_, '_>,
        row: &Row<'_, T>,
    ) -> Result<(), OpError> {
        let facts: Vec<Fact> = inputs.iter().map(Fact::from).collect();
        let shape = fact::known(self.dims(&facts.iter().collect::<Vec<_>>())?)?;
        let shapes: Vec<Vec<usize>> = inputs
            .iter()
            .map(|input| broadcast::padded(input.shape(), shape.len()))
            .collect();
        let data: Vec<&[T]> = inputs.iter().map(elements).collect();
        let y = outputs.make(&shape)?;
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        elementwise::walk(&shapes, y, &|places: &[Place], y| {
            let runs = data.iter().zip(places);
            let runs: SmallVec<[Run<'_, T>; 4]> = runs
                .map(|(data, place)| Run::new(data, *place, y.len()))
                .collect();
            row(&runs, y);
        });
        Ok(())
    }
}

#[expect(
    clippy::eq_op,
    reason = "NaN is what differs from itself, in every type"
)]
fn is_nan<T: Number>(x: &T) -> bool {
    x != x
}

fn fill<T: Copy>(run: Run<'_, T>, y: &mut [T]) {
    match run {
        Run::One(x) => y.fill(*x),
        Run::Each(x) => y.copy_from_slice(&x[..y.len()]),
    }
}

#[inline(always)]
fn fold<T, A>(run: Run<'_, T>, y: &mut [A], f: impl Fn(&T, &mut A)) {
    match run {
        Run::One(x) => y.iter_mut().for_each(|y| f(x, y)),
        Run::Each(x) => y.iter_mut().zip(x).for_each(|(y, x)| f(x, y)),
    }
}

impl Operator for Variadic {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let inputs: Vec<&Fact> = inputs.iter().copied().flatten().collect();
        Ok(vec![Fact::new(inputs[0].dtype, self.dims(&inputs)?)])
    }

    fn follow(&self, index: usize, inputs: &[Option<Fact>]) -> Option<Follow> {
        matches!(self.function, Function::Sum)
            .then(|| Follow::sum(index, inputs))
            .flatten()
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let inputs: Vec<_> = inputs.iter().flatten().map(TensorView::reborrow).collect();
        let dtype = inputs[0].dtype();
        match self.function {
            Function::Max => dispatch!(
                dtype, T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64] =>
                self.extreme::<T>(&inputs, outputs, |x, best| x > best)
            ),
            Function::Min => dispatch!(
                dtype, T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64] =>
                self.extreme::<T>(&inputs, outputs, |x, best| x < best)
            ),
            Function::Sum | Function::Mean => dispatch!(
                dtype, T in [f32, f64, f16, bf16] => self.sum::<T>(&inputs, outputs)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{node, tensor};

    #[test]
    fn nan_in_any_place_stays() {
        let a = tensor(&[3], vec![f32::NAN, 1.0, 5.0]);
        let b = tensor(&[3], vec![1.0, f32::NAN, 2.0]);
        for name in ["Max", "Min", "Sum", "Mean"] {
            let y = node(name, 13).run(&[Some(&a), Some(&b)]).expect("it runs");
            let y = y[0].as_slice::<f32>().expect("f32");
            assert!(y[0].is_nan() && y[1].is_nan() && !y[2].is_nan(), "{name}");
        }
    }

    #[test]
    fn three_shapes_meet() {
        let a = tensor(&[2, 1], vec![1i32, 10]);
        let b = tensor(&[3], vec![2i32, 5, 20]);
        let c = tensor(&[], vec![3i32]);
        assert_eq!(
            node("Max", 12).run(&[Some(&a), Some(&b), Some(&c)]),
            Ok(vec![tensor(&[2, 3], vec![3, 5, 20, 10, 10, 20])])
        );
        let d = tensor(&[4], vec![0i32; 4]);
        assert_eq!(
            node("Min", 13).error(&[Some(&a), Some(&b), Some(&d)]),
            "data_2 is i32[4], must broadcast with the 2 inputs before together, which is i32[2,3]"
        );
        let wide: Vec<f32> = (0..2000).map(|i| i as f32).collect();
        let twice = wide.iter().map(|x| x + 1.0).collect();
        assert_eq!(
            node("Sum", 8).run(&[
                Some(&tensor(&[2000], wide)),
                Some(&tensor(&[1], vec![1f32]))
            ]),
            Ok(vec![tensor(&[2000], twice)])
        );
    }

    #[test]
    fn before_version_8_shapes_are_equal() {
        let (a, b) = (tensor(&[2], vec![1f32, 2.0]), tensor(&[1], vec![1f32]));
        assert_eq!(
            node("Sum", 6).error(&[Some(&a), Some(&b)]),
            "data_1 is f32[1], must have the shape of data_0, which is f32[2]"
        );
    }
}
