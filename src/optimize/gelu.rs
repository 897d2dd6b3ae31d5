//! Gelu, where it is written as the error function and products.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use super::chain::{Chain, Replaced};
use crate::graph::ValueId;
use crate::ops::{self, Fact, Step};

/// `x * (1 + erf(x / sqrt(2))) * 0.5`, in whatever order there are products.
pub(super) fn ending_at(chain: &Chain<'_, '_>, at: usize) -> Option<Replaced> {
    let [a, b] = chain.pair(at, Step::Product)?;
    [[a, b], [b, a]].into_iter().find_map(|[inner, other]| {
        let product = chain.maker(inner)?;
        let [c, d] = chain.pair(product, Step::Product)?;
        let orders = [
            [other, c, d],
            [other, d, c],
            [c, other, d],
            [c, d, other],
            [d, other, c],
            [d, c, other],
        ];
        orders
            .into_iter()
            .find_map(|factors| of_factors(chain, factors, product))
    })
}

/// The three factors in this order: `x`, the sum and 0.5.
fn of_factors(
    chain: &Chain<'_, '_>,
    [x, sum, half]: [ValueId; 3],
    product: usize,
) -> Option<Replaced> {
    let fact = chain.float(x)?;
    chain.is(half, &fact, 0.5)?;
    let sum = chain.maker(sum)?;
    let [a, b] = chain.pair(sum, Step::Sum)?;
    let erf = match (chain.is(a, &fact, 1.0), chain.is(b, &fact, 1.0)) {
        (None, Some(())) => a,
        (Some(()), None) => b,
        _ => return None,
    };
    let erf = chain.maker(erf)?;
    let scaled = chain.maker(chain.first(erf, Step::ErrorFunction)?)?;
    check_scaled(chain, scaled, x, &fact)?;
    Some(Replaced {
        operator: ops::gelu(),
        inputs: vec![x],
        before: vec![scaled, erf, sum, product],
    })
}

/// Checks that node `at` divides `x` by the root of 2.
fn check_scaled(chain: &Chain<'_, '_>, at: usize, x: ValueId, fact: &Fact) -> Option<()> {
    if let Some([a, b]) = chain.pair(at, Step::Quotient) {
        return if a == x {
            chain.is(b, fact, SQRT_2)
        } else {
            None
        };
    }
    match chain.pair(at, Step::Product)? {
        [a, b] if a == x => chain.is(b, fact, FRAC_1_SQRT_2),
        [a, b] if b == x => chain.is(a, fact, FRAC_1_SQRT_2),
        _ => None,
    }
}
