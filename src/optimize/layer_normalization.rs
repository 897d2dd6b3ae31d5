//! LayerNormalization, where it is written as means, differences and a quotient.

use super::chain::{Chain, Replaced};
use crate::graph::ValueId;
use crate::ops::{self, Fact, Step};

/// `d / sqrt(mean(d^2) + epsilon) * scale + bias` with `d = x - mean(x)`.
pub(super) fn ending_at(chain: &Chain<'_, '_>, at: usize) -> Option<Replaced> {
    let sums = chain.pair(at, Step::Sum)?;
    orders(sums).into_iter().find_map(|[scaled, bias]| {
        let product = chain.maker(scaled)?;
        let factors = chain.pair(product, Step::Product)?;
        orders(factors).into_iter().find_map(|[normal, scale]| {
            let mut found = normalized(chain, normal, [scale, bias])?;
            found.before.push(product);
            Some(found)
        })
    })
}

fn orders([a, b]: [ValueId; 2]) -> [[ValueId; 2]; 2] {
    [[a, b], [b, a]]
}

/// What leads to `normal`, with the scale and the bias behind it.
fn normalized(
    chain: &Chain<'_, '_>,
    normal: ValueId,
    [scale, bias]: [ValueId; 2],
) -> Option<Replaced> {
    let quotient = chain.maker(normal)?;
    let [difference, deviation] = chain.pair(quotient, Step::Quotient)?;
    let less = chain.maker(difference)?;
    let [x, mean] = chain.pair(less, Step::Difference)?;
    let mean = chain.maker(mean)?;
    let (of, axis) = chain.mean(mean)?;
    let fact = chain.float(x)?;
    let repeats = |id| repeats(&chain.float(id)?, &fact);
    if of != x || !(repeats(scale)? && repeats(bias)?) {
        return None;
    }
    let root = chain.maker(deviation)?;
    let sum = chain.maker(chain.first(root, Step::Root)?)?;
    let (variance, epsilon) = orders(chain.pair(sum, Step::Sum)?)
        .into_iter()
        .find_map(|[variance, epsilon]| Some((variance, chain.number(epsilon, &fact)?)))?;
    let variance = chain.maker(variance)?;
    let (square, same_axis) = chain.mean(variance)?;
    let square = chain.maker(square)?;
    if same_axis != axis || base(chain, square, &fact)? != difference {
        return None;
    }
    Some(Replaced {
        operator: ops::layer_normalization(axis, epsilon),
        inputs: vec![x, scale, bias],
        before: vec![mean, less, square, variance, sum, root, quotient],
    })
}

/// What node `at` is the square of.
fn base(chain: &Chain<'_, '_>, at: usize, x: &Fact) -> Option<ValueId> {
    if let Some([base, exponent]) = chain.pair(at, Step::Power) {
        return (chain.number(exponent, x)? == 2.0).then_some(base);
    }
    let [a, b] = chain.pair(at, Step::Product)?;
    (a == b).then_some(a)
}

/// Whether a value is repeated along `x`, and not the other way round.
fn repeats(value: &Fact, x: &Fact) -> Option<bool> {
    let (own, dims) = (value.dims.as_ref()?, x.dims.as_ref()?);
    let fits = |(own, dim): (&Option<usize>, &Option<usize>)| {
        *own == Some(1) || own.is_some() && own == dim
    };
    let met = dims.get(dims.len().checked_sub(own.len())?..)?;
    Some(own.iter().zip(met).all(fits))
}
