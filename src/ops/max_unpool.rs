//! MaxUnpool: a MaxPool undone, each element put where its index says and 0 elsewhere.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__MaxUnpool.html>
//! Differs: with `output_shape`, indices are places in the output of that shape, as in later releases of
//! ONNX; that shape may be smaller than the inferred one, as the inverse of a `ceil_mode` pool needs.

use half::{bf16, f16};

use super::fact::{self, Dims};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required, window};
use crate::error::OpError;
use crate::parts::PART;
use crate::pooling::check_rank;
use crate::stop;
use crate::tensor::{Element, dispatch};
use crate::window::Window;

pub(super) const MAX_UNPOOL: Op = Op {
    domain: "ai.onnx",
    name: "MaxUnpool",
    newest: 22,
    read: |attributes| {
        Ok(Box::new(MaxUnpool {
            window: window::read(attributes)?,
        }))
    },
    exact: true,
};

/// `X: [N, C, D1..Dk]` and `I`, of the same shape, to `output: [N, C, O1..Ok]`, which `I` indexes flat. Its
/// sizes are those of `output_shape: [2 + k]`, or those that the window pooled to X.
#[derive(Debug)]
struct MaxUnpool {
    window: Window,
}

impl MaxUnpool {
    /// The dimensions of the output; `wanted` is the input `output_shape` with its elements, if known.
    fn dims(
        &self,
        x: &Fact,
        indices: &Fact,
        wanted: Option<(&Fact, Option<&[i64]>)>,
    ) -> Result<Dims, OpError> {
        if let Some(dims) = &x.dims {
            check_rank(dims.len(), 3)?;
            self.window.validate_rank(dims.len() - 2)?;
        }
        check_alike(x, indices)?;
        let Some((shape, values)) = wanted else {
            return match &x.dims {
                None => Ok(None),
                Some(dims) => {
                    let spatial = self.window.unpooled_sizes(&dims[2..])?;
                    Ok(Some([&dims[..2], &spatial].concat()))
                }
            };
        };
        let rank = 2 + self.window.rank();
        match shape.dims.as_deref() {
            None | Some([None]) => {}
            Some([Some(len)]) if *len == rank => {}
            Some(_) => {
                return Err(OpError::invalid(
                    "output_shape",
                    format!("is {shape}, must be i64[{rank}]"),
                ));
            }
        }
        // N and C are those of X.
        let mut dims = vec![None; rank];
        if let Some(x_dims) = &x.dims {
            dims[..2].copy_from_slice(&x_dims[..2]);
        }
        for (axis, (&value, dim)) in values.unwrap_or_default().iter().zip(&mut dims).enumerate() {
            let invalid = |rule: String| {
                OpError::invalid(
                    format!("output_shape[{axis}]"),
                    format!("is {value}, must be {rule}"),
                )
            };
            let size = usize::try_from(value).map_err(|_| invalid("at least 0".to_string()))?;
            match *dim {
                Some(dim) if dim != size => {
                    return Err(invalid(format!("{dim} as in X, which is {x}")));
                }
                _ => *dim = Some(size),
            }
        }
        Ok(Some(dims))
    }

    fn unpool<T: Element + Copy>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let (x, indices) = (required(inputs, 0), required(inputs, 1));
        let wanted = inputs.get(2).and_then(Option::as_ref);
        let wanted_fact = wanted.map(Fact::from);
        let wanted = wanted_fact.as_ref().zip(wanted.map(elements::<i64>));
        let wanted = wanted.map(|(fact, values)| (fact, Some(values)));
        let shape = fact::known(self.dims(&x.into(), &indices.into(), wanted)?)?;

        let indices = elements::<i64>(indices);
        let len = shape.elements();
        let inside = |index: i64| usize::try_from(index).is_ok_and(|index| index < len);
        let mut wrong = None;
        for (number, part) in indices.chunks(PART).enumerate() {
            stop::check()?;
            wrong = part.iter().position(|&index| !inside(index));
            wrong = wrong.map(|at| number * PART + at);
            if wrong.is_some() {
                break;
            }
        }
        if let Some(at) = wrong {
            return Err(OpError::run(
                format!("the index I[{at}]"),
                format!(
                    "is {}, must be in 0..{len} to lie in the output {shape}",
                    indices[at]
                ),
            ));
        }
        let y = outputs.make(&shape)?;
        elementwise::fill(y, &T::default());
        for (at, (&x, &index)) in elements::<T>(x).iter().zip(indices).enumerate() {
            stop::check_step(at)?;
            y[index as usize] = x;
        }
        Ok(())
    }
}

/// Checks that there is an index for each element.
fn check_alike(x: &Fact, indices: &Fact) -> Result<(), OpError> {
    let (Some(x_dims), Some(dims)) = (&x.dims, &indices.dims) else {
        return Ok(());
    };
    let agree = |(a, b): (&Option<usize>, &Option<usize>)| a.is_none() || b.is_none() || a == b;
    match x_dims.len() == dims.len() && x_dims.iter().zip(dims).all(agree) {
        true => Ok(()),
        false => Err(OpError::invalid(
            "I",
            format!("is {indices}, must have the shape of X, which is {x}"),
        )),
    }
}

impl Operator for MaxUnpool {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (x, indices) = (required(inputs, 0), required(inputs, 1));
        let wanted = inputs.get(2).copied().flatten();
        let wanted = wanted.map(|shape| (shape, shape.ints()));
        Ok(vec![Fact::new(x.dtype, self.dims(x, indices, wanted)?)])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let dtype = required(inputs, 0).dtype();
        dispatch!(dtype, T in [f32, f64, f16, bf16] => self.unpool::<T>(inputs, outputs))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::error::Class;
    use crate::ops::Fact;
    use crate::ops::testing::{Node, iota, node, stored, tensor};
    use crate::tensor::{DType, Tensor};

    fn unpool(kernel: &[i64]) -> Node {
        node("MaxUnpool", 22)
            .ints("kernel_shape", kernel)
            .ints("strides", kernel)
    }

    fn ints(dims: &[usize], data: &[i64]) -> Tensor {
        tensor(dims, data.to_vec())
    }

    /// Cases 36 and 36b of the specification.
    #[test]
    fn indices_address_the_explicit_output() {
        let x = tensor(&[1, 1, 2, 2], vec![5f32, 6.0, 7.0, 8.0]);
        let indices = ints(&[1, 1, 2, 2], &[0, 4, 20, 24]);
        let shape = ints(&[4], &[1, 1, 5, 5]);
        let y = unpool(&[2, 2])
            .run(&[Some(&x), Some(&indices), Some(&shape)])
            .expect("it runs");
        let mut wanted = vec![0f32; 25];
        (wanted[0], wanted[4], wanted[20], wanted[24]) = (5.0, 6.0, 7.0, 8.0);
        assert_eq!(y, [tensor(&[1, 1, 5, 5], wanted)]);

        let x = tensor(&[1, 1, 3], vec![2f32, 4.0, 5.0]);
        let indices = ints(&[1, 1, 3], &[1, 3, 4]);
        let shape = ints(&[3], &[1, 1, 5]);
        let y = unpool(&[2]).run(&[Some(&x), Some(&indices), Some(&shape)]);
        assert_eq!(
            y,
            Ok(vec![tensor(&[1, 1, 5], vec![0f32, 2.0, 0.0, 4.0, 5.0])])
        );
    }

    #[test]
    fn the_inferred_shape_undoes_the_window() {
        let infer = |node: Node, dims: &[usize]| {
            let indices = ints(dims, &vec![0; dims.iter().product()]);
            node.run(&[Some(&iota(dims)), Some(&indices)])
                .map(|y| y[0].shape().to_vec())
        };
        let node = unpool(&[3, 2]).ints("pads", &[1, 0, 0, 1]);
        assert_eq!(infer(node, &[2, 3, 4, 5]), Ok(vec![2, 3, 11, 9]));
        assert_eq!(infer(unpool(&[2]), &[0, 1, 3]), Ok(vec![0, 1, 6]));
        let error = |node: Node, dims: &[usize]| infer(node, dims).unwrap_err().to_string();
        assert_eq!(
            error(unpool(&[2]).ints("pads", &[2, 1]), &[1, 1, 1]),
            "the output size of spatial axis 0 would be -1, must be at least 0"
        );
        let wide = super::super::testing::node("MaxUnpool", 9)
            .ints("kernel_shape", &[2])
            .ints("strides", &[i64::MAX]);
        assert_eq!(
            error(wide, &[1, 1, 3]),
            "the output size of spatial axis 0 is too large to compute with"
        );
        assert_eq!(
            error(unpool(&[2]), &[1, 1]),
            "the input has rank 2, must have at least 3"
        );
        assert!(error(unpool(&[2]), &[1, 1, 2, 2]).contains("kernel_shape has 1 value"));
    }

    #[test]
    fn the_last_of_equal_indices_wins_and_nan_is_kept() {
        let x = tensor(&[1, 2, 1], vec![1f64, f64::NAN]);
        let y = unpool(&[2])
            .run(&[Some(&x), Some(&ints(&[1, 2, 1], &[3, 3]))])
            .expect("it runs");
        let y = y[0].as_slice::<f64>().expect("f64");
        assert!(y[..3] == [0.0; 3] && y[3].is_nan());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let x = iota(&[1, 1, 2]);
        let run = |indices: &Tensor, shape: Option<&Tensor>| {
            unpool(&[2])
                .run(&[Some(&x), Some(indices), shape])
                .unwrap_err()
        };
        let good = ints(&[1, 1, 2], &[0, 1]);
        let high = run(&ints(&[1, 1, 2], &[0, 4]), None);
        assert_eq!(
            (high.class, high.to_string().as_str()),
            (
                Class::Run,
                "the index I[1] is 4, must be in 0..4 to lie in the output [1,1,4]"
            )
        );
        let low = run(&ints(&[1, 1, 2], &[-1, 0]), None);
        assert!(
            low.to_string()
                .starts_with("the index I[0] is -1, must be in 0..4")
        );
        assert_eq!(
            run(&ints(&[1, 2, 1], &[0, 1]), None).to_string(),
            "I is i64[1,2,1], must have the shape of X, which is f32[1,1,2]"
        );
        assert_eq!(
            run(&good, Some(&ints(&[2], &[1, 1]))).to_string(),
            "output_shape is i64[2], must be i64[3]"
        );
        assert_eq!(
            run(&good, Some(&ints(&[3], &[1, 2, 4]))).to_string(),
            "output_shape[1] is 2, must be 1 as in X, which is f32[1,1,2]"
        );
        assert_eq!(
            run(&good, Some(&ints(&[3], &[1, 1, -4]))).to_string(),
            "output_shape[2] is -4, must be at least 0"
        );
        assert!(run(&good, Some(&ints(&[3], &[1, 1, i64::MAX]))).class == Class::Limit);
    }

    #[test]
    fn a_constant_output_shape_is_inferred() {
        let float = |dims| Some(Fact::new(DType::F32, dims));
        let indices = || Some(Fact::new(DType::I64, None));
        let infer = |x, shape| {
            unpool(&[2])
                .infer(&[x, indices(), Some(shape)])
                .map(|facts| facts[0].to_string())
        };
        let constant = Fact::constant(Arc::new(ints(&[3], &[2, 3, 9])));
        assert_eq!(
            infer(float(None), constant.clone()).as_deref(),
            Ok("f32[2,3,9]")
        );
        let batch = vec![None, Some(3), Some(4)];
        assert_eq!(
            infer(float(Some(batch.clone())), constant).as_deref(),
            Ok("f32[2,3,9]")
        );
        let unknown = Fact::new(DType::I64, None);
        assert_eq!(
            infer(float(Some(batch)), unknown).as_deref(),
            Ok("f32[?,3,?]")
        );
    }

    #[test]
    fn the_stored_cases_agree() {
        let (inputs, wanted) = stored("test_maxunpool_export_without_output_shape", 2);
        let y = unpool(&[2, 2]).run(&[Some(&inputs[0]), Some(&inputs[1])]);
        assert_eq!(y, Ok(vec![wanted]));

        // This one reads the indices as places in the inferred shape [1,1,4,4].
        let (inputs, superseded) = stored("test_maxunpool_export_with_output_shape", 3);
        let y = unpool(&[2, 2])
            .run(&inputs.iter().map(Some).collect::<Vec<_>>())
            .expect("it runs");
        assert_eq!(y[0].shape(), superseded.shape());
        assert_ne!(y[0], superseded);
        let y = y[0].as_slice::<f32>().expect("f32");
        let indices = inputs[1].as_slice::<i64>().expect("i64");
        let x = inputs[0].as_slice::<f32>().expect("f32");
        assert!(
            indices
                .iter()
                .zip(x)
                .all(|(&index, x)| y[index as usize] == *x)
        );
    }
}
