//! A shuffle of channels, where it is written as two Reshape nodes around a Transpose.

use super::chain::{Chain, Replaced};
use crate::ops::{self, Step};

/// `[N, groups * C, D..]` as `[N, groups, C, D..]`, with the axes of groups and channels changed, in the first shape again.
pub(super) fn ending_at(chain: &Chain<'_, '_>, at: usize) -> Option<Replaced> {
    let transpose = chain.maker(chain.first(at, Step::Reshape)?)?;
    let split = chain.first(transpose, Step::Swap(1))?;
    let reshape = chain.maker(split)?;
    let x = chain.first(reshape, Step::Reshape)?;
    let shape = chain.shape(x)?;
    let (split, joined) = (chain.shape(split)?, chain.shape(chain.output(at)?)?);
    let [batch, channels, planes @ ..] = &*shape else {
        return None;
    };
    let [split_batch, groups, each, split_planes @ ..] = &*split else {
        return None;
    };
    let fits = groups.checked_mul(*each) == Some(*channels) && *channels > 0;
    (fits && batch == split_batch && planes == split_planes && joined == shape).then(|| Replaced {
        operator: ops::channel_shuffle(shape.clone(), *groups),
        inputs: vec![x],
        before: vec![reshape, transpose],
    })
}
