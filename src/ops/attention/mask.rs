//! What is added to the products of queries and keys: 0, or minus infinity where a key does not count.

use super::heads::Sizes;
use crate::allocate;
use crate::error::OpError;
use crate::ops::{Inputs, Outputs, convert, elements, elementwise};
use crate::tensor::TensorView;

pub(super) struct Mask {
    /// The values that are given, and how far they go with a step along `[N, heads, L, keys]`.
    given: Option<(Vec<f64>, [usize; 4])>,
    /// The keys that the given values reach to; those after them do not count.
    reach: usize,
    /// How many keys each sequence has.
    valid: Option<Vec<i64>>,
    /// How many keys more than its own place each query of a sequence may look at.
    ahead: Option<Vec<i64>>,
    heads: usize,
}

impl Mask {
    pub(super) fn new(
        inputs: Inputs<'_, '_>,
        causal: bool,
        sizes: Sizes,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<Mask, OpError> {
        let input = |index: usize| inputs.get(index).and_then(Option::as_ref);
        let valid = match input(6) {
            None => None,
            Some(valid) if valid.shape().elements() == sizes.batch => {
                Some(allocate::copied(elements::<i64>(valid)))
            }
            Some(valid) => {
                return Err(OpError::invalid(
                    "nonpad_kv_seqlen",
                    format!(
                        "is {valid}, must have one element for each of {} sequences",
                        sizes.batch
                    ),
                ));
            }
        };
        let ahead = causal.then(|| match (sizes.past, &valid) {
            (None, Some(valid)) => {
                let ahead = |valid: &i64| valid.saturating_sub(sizes.queries as i64);
                valid.iter().map(ahead).collect()
            }
            (past, _) => allocate::filled(past.unwrap_or(0) as i64, sizes.batch),
        });
        let mut mask = Mask {
            given: None,
            reach: sizes.keys,
            valid,
            ahead,
            heads: sizes.heads,
        };
        if let Some(given) = input(3) {
            let steps = steps(given, sizes)?;
            let mut values = convert::widened(given, outputs)?;
            if given.as_slice::<bool>().is_some() {
                elementwise::in_chunks(&mut values, |_, values| {
                    for value in values {
                        *value = if *value == 0.0 {
                            f64::NEG_INFINITY
                        } else {
                            0.0
                        };
                    }
                });
            }
            if steps[3] > 0 {
                mask.reach = given.shape().last().copied().unwrap_or(0);
            }
            mask.given = Some((values, steps));
        }
        Ok(mask)
    }

    /// What is added to the product of a query and a key of a head, counted over all sequences.
    pub(super) fn at(&self, head: usize, query: usize, key: usize) -> f64 {
        let (batch, head) = (head / self.heads, head % self.heads);
        let is_after = |ahead: &Vec<i64>| key as i64 > ahead[batch].saturating_add(query as i64);
        let is_padding = |valid: &Vec<i64>| key as i64 >= valid[batch];
        if key >= self.reach
            || self.ahead.as_ref().is_some_and(is_after)
            || self.valid.as_ref().is_some_and(is_padding)
        {
            return f64::NEG_INFINITY;
        }
        match &self.given {
            None => 0.0,
            Some((values, steps)) => {
                let place = [batch, head, query, key];
                values[place
                    .iter()
                    .zip(steps)
                    .map(|(at, step)| at * step)
                    .sum::<usize>()]
            }
        }
    }
}

/// How far `given`, which broadcasts to `[N, heads, L, keys]`, goes with a step along each axis.
fn steps(given: &TensorView<'_>, sizes: Sizes) -> Result<[usize; 4], OpError> {
    let whole = [sizes.batch, sizes.heads, sizes.queries, sizes.keys];
    let shape = given.shape();
    let (mut steps, mut step) = ([0; 4], 1);
    let fits = shape.len() <= 4
        && shape.iter().rev().enumerate().all(|(from_end, &size)| {
            let axis = 3 - from_end;
            // Keys after the last one given do not count.
            let fits = size == whole[axis] || size == 1 || (axis == 3 && size < whole[3]);
            if size != 1 || (axis == 3 && whole[3] > 1) {
                steps[axis] = step;
            }
            step *= size;
            fits
        });
    match fits {
        true => Ok(steps),
        false => Err(OpError::invalid(
            "attn_mask",
            format!("is {given}, must broadcast to {whole:?}"),
        )),
    }
}
