//! MaxUnpool with any indices: the elements where the indices say, or an error before anything is written; and MaxPool
//! undone by it.

use linn::{DType, Model, Tensor};

use crate::choices::Choices;
use crate::limits::{Reached, check_error, check_model, options, within_a_second};
use crate::model::OneNode;

pub(crate) fn run(data: &[u8]) -> Reached {
    let choices = &mut Choices::new(data);
    let rank = 1 + choices.below(3);
    let mut dims = vec![choices.below(3), choices.below(3)];
    dims.extend(choices.list(rank, 0, 4).iter().map(|&size| size as usize));
    let kernel = choices.list(rank, 1, 3);
    let strides = choices.list(rank, 1, 3);
    let pads = match choices.one_in(4) {
        true => choices.list(2 * rank, 0, 3),
        false => vec![0; 2 * rank],
    };
    let wanted = choices.flag().then(|| {
        let mut shape: Vec<i64> = dims.iter().map(|&size| size as i64).collect();
        if choices.one_in(8) {
            shape[0] = choices.odd_number();
        }
        for size in &mut shape[2..] {
            *size = match choices.one_in(16) {
                true => choices.odd_number(),
                false => choices.range(0, 12),
            };
        }
        shape
    });
    let output = match &wanted {
        Some(shape) => shape.iter().map(|&size| i128::from(size)).collect(),
        None => inferred(&dims, &kernel, &strides, &pads),
    };
    let product = |least: i128| {
        let mut sizes = output.iter().map(|&size: &i128| size.max(least));
        sizes.try_fold(1i128, |product, size| product.checked_mul(size))
    };
    let len = product(i128::MIN);
    // Sizes that no memory holds are refused even where another one is 0.
    let reach = product(1);
    let is_large = reach.is_none_or(|reach| reach > 1 << 20);
    // Indices of the output's elements, most of the time.
    let elements: usize = dims.iter().product();
    let most = len.unwrap_or(0).clamp(1, 256) as i64;
    let indices: Vec<i64> = (0..elements)
        .map(|_| match choices.one_in(64) {
            true => choices.odd_number(),
            false => choices.range(0, most - 1),
        })
        .collect();
    let x: Vec<f32> = (0..elements).map(|at| at as f32 + 1.0).collect();

    let node = OneNode::new("MaxUnpool", choices.one_of(&[9, 11, 22]))
        .ints("kernel_shape", &kernel)
        .ints("strides", &strides)
        .ints("pads", &pads);
    let inputs = [
        Tensor::new(&dims, x.clone()).expect("they fill it"),
        Tensor::new(&dims, indices.clone()).expect("they fill it"),
    ];
    let mut node = match choices.flag() {
        true => node.like(&inputs[0]).like(&inputs[1]),
        false => node
            .input_of_any_rank(DType::F32)
            .input_of_any_rank(DType::I64),
    };
    if let Some(shape) = &wanted {
        node = node.constant(&Tensor::new(&[shape.len()], shape.clone()).expect("it fills it"));
    }
    let is_valid = output.iter().all(|&size| size >= 0)
        && (0..2).all(|axis| output[axis] == dims[axis] as i128);
    let is_inside = |index: &i64| *index >= 0 && len.is_some_and(|len| i128::from(*index) < len);
    let model = match Model::from_bytes_with(node.bytes(), &options()) {
        Ok(model) => model,
        Err(error) => {
            check_error(&error);
            assert!(!is_valid || is_large, "{error}");
            return Reached::Refused;
        }
    };
    let result = within_a_second(|| model.run([("x0", &inputs[0]), ("x1", &inputs[1])]));
    check_model(&model);
    match result {
        Err(error) => {
            check_error(&error);
            let is_right = is_valid && indices.iter().all(is_inside) && !is_large;
            assert!(!is_right, "{error}");
            Reached::Loaded
        }
        Ok(outputs) => {
            assert!(
                is_valid && indices.iter().all(is_inside),
                "{output:?} {indices:?}"
            );
            let mut y = vec![0f32; len.expect("it was made") as usize];
            for (&x, &index) in x.iter().zip(&indices) {
                y[index as usize] = x;
            }
            assert_eq!(
                outputs[0].as_slice::<f32>(),
                Some(&y[..]),
                "{output:?} {indices:?}"
            );
            Reached::Compared
        }
    }
}

/// The shape that the window pooled to `dims`.
fn inferred(dims: &[usize], kernel: &[i64], strides: &[i64], pads: &[i64]) -> Vec<i128> {
    let rank = kernel.len();
    let spatial = (0..rank).map(|axis| {
        let whole = (dims[2 + axis] as i128 - 1) * i128::from(strides[axis]);
        whole + i128::from(kernel[axis]) - i128::from(pads[axis]) - i128::from(pads[rank + axis])
    });
    let planes = dims[..2].iter().map(|&size| size as i128);
    planes.chain(spatial).collect()
}
