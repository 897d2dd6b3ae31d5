//! Attributes and tensors from choices.

use half::{bf16, f16};
use linn::proto::AttributeProto;
use linn::{DType, Element, Tensor};

use crate::choices::Choices;
use crate::model;
use crate::operators::Attribute;

/// The attribute with values for a first input of `rank`.
pub(crate) fn filled(
    choices: &mut Choices<'_>,
    attribute: Attribute,
    rank: usize,
) -> AttributeProto {
    let spatial = rank.saturating_sub(2);
    let values = |choices: &mut Choices<'_>, len: usize, least: i64, most: i64| {
        let mut list = choices.list(len, least, most);
        if len > 0 && choices.one_in(32) {
            let at = choices.below(len);
            list[at] = choices.odd_number();
        }
        list
    };
    match attribute {
        Attribute::Int(name, least, most) => model::int(name, values(choices, 1, least, most)[0]),
        Attribute::Float(name) => {
            let value = choices.one_of(&[1.0, 0.5, 2.0, 0.25, 1e-5, 0.0, -1.0, f32::MAX, f32::NAN]);
            model::float(name, value)
        }
        Attribute::Word(name, words) => model::string(name, choices.one_of(words)),
        Attribute::Spatial(name, least, most) => {
            model::ints(name, &values(choices, spatial, least, most))
        }
        Attribute::Pads(name, least, most) => {
            model::ints(name, &values(choices, 2 * spatial, least, most))
        }
        Attribute::Axes(name) => {
            let len = 1 + choices.below(3);
            model::ints(name, &values(choices, len, -4, 4))
        }
        Attribute::Order(name) => {
            let mut order: Vec<i64> = (0..rank as i64).collect();
            for at in (1..rank).rev() {
                order.swap(at, choices.below(at + 1));
            }
            model::ints(name, &order)
        }
        Attribute::Ints(name, len, least, most) => {
            model::ints(name, &values(choices, len, least, most))
        }
    }
}

/// A tensor of small numbers.
pub(crate) fn numbers(
    dtype: DType,
    dims: &[usize],
    choices: &mut Choices<'_>,
    least: i64,
    most: i64,
) -> Tensor {
    fn new<T: Element>(dims: &[usize], values: &[i64], from: impl Fn(i64) -> T) -> Tensor {
        let data = values.iter().map(|&value| from(value)).collect();
        Tensor::new(dims, data).expect("the values fill the dimensions")
    }
    let len: usize = dims.iter().product();
    // One byte serves for eight elements, so that an input of some hundred bytes is a whole model.
    let bytes: Vec<u8> = (0..len.div_ceil(8)).map(|_| choices.byte()).collect();
    let range = (most - least + 1) as u64;
    let each = (0..len).map(|at| {
        let mixed = (u64::from(bytes[at / 8]) + 1).wrapping_mul(2 * (at as u64 % 8) + 1) * 37;
        least + (mixed / 16 % range) as i64
    });
    let values: Vec<i64> = each.collect();
    match dtype {
        DType::F64 => new(dims, &values, |x| x as f64),
        DType::F16 => new(dims, &values, |x| f16::from_f64(x as f64)),
        DType::BF16 => new(dims, &values, |x| bf16::from_f64(x as f64)),
        DType::U8 => new(dims, &values, |x| (x + 4) as u8),
        DType::I8 => new(dims, &values, |x| x as i8),
        DType::I64 => new(dims, &values, |x| x),
        DType::I32 => new(dims, &values, |x| x as i32),
        DType::Bool => new(dims, &values, |x| x % 2 != 0),
        // What other types nodes make has constants of this one, which they refuse.
        _ => new(dims, &values, |x| x as f32),
    }
}
