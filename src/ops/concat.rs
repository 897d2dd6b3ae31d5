//! Concat: tensors one after the other along an axis.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Concat.html>

use super::{Fact, Inputs, Known, Op, Operator, Outputs, axes, elements, elementwise, required};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::parts::Looks;
use crate::tensor::{Element, Shape, TensorView, Visitor};

pub(super) const CONCAT: Op = Op {
    domain: "ai.onnx",
    name: "Concat",
    newest: 13,
    read: |attributes| Ok(Box::new(Concat::read(attributes))),
    exact: true,
};

/// `inputs`, alike but for the sizes of one axis, to `concat_result`, where these add up.
#[derive(Debug)]
struct Concat {
    axis: i64,
}

impl Concat {
    fn read(attributes: &mut Attributes<'_>) -> Concat {
        Concat {
            // Version 1 alone has a default.
            axis: attributes.int("axis").unwrap_or(1),
        }
    }
}

impl Operator for Concat {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let first = *required(inputs, 0);
        let mut joined: Option<Vec<Option<usize>>> = None;
        // An input of an unknown rank leaves the sum open.
        let mut all = true;
        for (index, input) in inputs.iter().enumerate() {
            let Some(input) = input else {
                return Err(OpError::invalid(format!("inputs[{index}]"), "is left out"));
            };
            let Some(dims) = &input.dims else {
                all = false;
                continue;
            };
            let axis = axes::axis("axis", self.axis, dims.len())?;
            let Some(so_far) = &mut joined else {
                joined = Some(dims.clone());
                continue;
            };
            let alike = |axis: usize| match (so_far[axis], dims[axis]) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            };
            if so_far.len() != dims.len()
                || !(0..dims.len()).all(|other| other == axis || alike(other))
            {
                return Err(OpError::invalid(
                    format!("inputs[{index}]"),
                    format!(
                        "is {input}, must be as inputs[0], which is {first}, but for axis {axis}"
                    ),
                ));
            }
            for (other, dim) in dims.iter().enumerate() {
                so_far[other] = match other == axis {
                    true => match (so_far[axis], *dim) {
                        (Some(a), Some(b)) => Some(a.checked_add(b).ok_or_else(|| {
                            OpError::invalid("", "the sizes add up to more than can be addressed")
                        })?),
                        _ => None,
                    },
                    false => so_far[other].or(*dim),
                };
            }
        }
        if let Some(joined) = &mut joined
            && !all
        {
            let axis = axes::axis("axis", self.axis, joined.len())?;
            joined[axis] = None;
        }
        Ok(vec![Fact::new(first.dtype, joined)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let shape = Known::of(inputs, &[]).shape(self)?;
        let views = || inputs.iter().flatten();
        outputs.check_output(
            views()
                .map(TensorView::bytes)
                .fold(0, usize::saturating_add),
        )?;
        let axis = axes::axis("axis", self.axis, shape.len())?;
        required(inputs, 0).visit(Joining {
            inputs,
            axis,
            shape,
            outputs,
        })
    }
}

struct Joining<'o, 's, 'a, 'v, 'i> {
    inputs: Inputs<'v, 'i>,
    axis: usize,
    shape: Shape,
    outputs: &'o mut Outputs<'s, 'a>,
}

impl Visitor for Joining<'_, '_, '_, '_, '_> {
    type Output = Result<(), OpError>;

    fn visit<T: Element>(self, _: &[T]) -> Result<(), OpError> {
        let y = self.outputs.make::<T>(&self.shape)?;
        if y.is_empty() {
            return Ok(());
        }
        let block = |shape: &[usize]| shape[self.axis..].iter().product::<usize>();
        let whole = block(&self.shape);
        // Where the part of each input begins in a row of the output, and how long it is.
        let mut inputs = allocate::with_capacity(self.inputs.len());
        let mut at = 0;
        for x in self.inputs.iter().flatten() {
            let block = block(x.shape());
            if block > 0 {
                inputs.push((at, block, elements::<T>(x)));
            }
            at += block;
        }
        elementwise::in_chunks(y, |start, y| {
            let (mut row, column) = (start / whole, start % whole);
            let mut index = inputs.partition_point(|(begin, ..)| *begin <= column) - 1;
            let (mut done, mut skipped) = (0, column - inputs[index].0);
            let mut looks = Looks::default();
            while done < y.len() {
                let (_, block, x) = inputs[index];
                let len = (block - skipped).min(y.len() - done);
                if looks.is_set(len) {
                    return;
                }
                y[done..done + len].clone_from_slice(&x[row * block + skipped..][..len]);
                (done, skipped, index) = (done + len, 0, index + 1);
                if index == inputs.len() {
                    (row, index) = (row + 1, 0);
                }
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::Fact;
    use crate::ops::testing::{iota, node, tensor};
    use crate::tensor::{DType, Tensor};

    #[test]
    fn sizes_add_up_along_the_axis() {
        let (a, b) = (iota(&[2, 1]), iota(&[2, 2]));
        let y = tensor(&[2, 3], vec![0.0f32, 0.0, 1.0, 1.0, 2.0, 3.0]);
        assert_eq!(
            node("Concat", 1).run(&[Some(&a), Some(&b)]),
            Ok(vec![y.clone()])
        );
        let at = |axis| node("Concat", 13).int("axis", axis);
        assert_eq!(at(-1).run(&[Some(&a), Some(&b)]), Ok(vec![y]));
        assert_eq!(
            at(1).run(&[Some(&b), Some(&iota(&[2, 0]))]),
            Ok(vec![b.clone()])
        );
        assert_eq!(
            at(0).error(&[Some(&a), Some(&b)]),
            "inputs[1] is f32[2,2], must be as inputs[0], which is f32[2,1], but for axis 0"
        );
        assert_eq!(
            at(0).error(&[Some(&iota(&[])), Some(&iota(&[]))]),
            "axis is 0, and a scalar has no axis"
        );
        let x = iota(&[2]);
        assert!(
            at(0)
                .error(&[Some(&x), None, Some(&x)])
                .contains("inputs[1] is left out")
        );
    }

    #[test]
    fn large_ones_are_joined_in_parts() {
        let sizes = [0, 1, 0, 2, 5, 0];
        let (rows, inner) = (3, 20_000);
        let mut inputs = Vec::new();
        let mut wanted = vec![Vec::new(); rows];
        for (number, size) in sizes.into_iter().enumerate() {
            let len = rows * size * inner;
            let data: Vec<f32> = (0..len).map(|at| (at * 8 + number) as f32).collect();
            for (row, wanted) in wanted.iter_mut().enumerate() {
                wanted.extend_from_slice(&data[row * size * inner..][..size * inner]);
            }
            inputs.push(tensor(&[rows, size, inner], data));
        }
        let inputs: Vec<Option<&Tensor>> = inputs.iter().map(Some).collect();
        let y = node("Concat", 13).int("axis", 1).run(&inputs);
        let wanted = tensor(&[rows, 8, inner], wanted.concat());
        assert!(y == Ok(vec![wanted]));
    }

    #[test]
    fn inference_adds_what_is_known() {
        let fact = |dims| Some(Fact::new(DType::F32, dims));
        let infer = |facts: &[Option<Fact>]| {
            let node = node("Concat", 13).int("axis", 1);
            node.infer(facts).expect("it fits")[0].to_string()
        };
        let known = || fact(Some(vec![Some(2), Some(3)]));
        let partly = || fact(Some(vec![None, Some(4)]));
        assert_eq!(infer(&[partly(), known()]), "f32[2,7]");
        assert_eq!(infer(&[known(), fact(None)]), "f32[2,?]");
        assert_eq!(infer(&[fact(None), fact(None)]), "f32[...]");
    }
}
