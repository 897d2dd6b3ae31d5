//! Heads: where they are in queries, keys and values.

use super::PAST_KEY;
use crate::allocate;
use crate::error::OpError;
use crate::gemm::Sum;
use crate::onnx::attributes::Attributes;
use crate::ops::convert::{self, Numeric};
use crate::ops::fact::Dims;
use crate::ops::{Fact, required};
use crate::parts::{Looks, PART};
use crate::tensor::{Rounding, Shape, TensorView};

/// The numbers of heads, for inputs of three axes.
#[derive(Debug)]
pub(super) struct Heads {
    queries: Option<usize>,
    keys: Option<usize>,
}

/// All sizes of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) heads: usize,
    pub(super) key_heads: usize,
    pub(super) queries: usize,
    /// With those before them.
    pub(super) keys: usize,
    /// Those before them.
    pub(super) past: Option<usize>,
    pub(super) key_size: usize,
    pub(super) value_size: usize,
    heads_last: bool,
}

impl Sizes {
    /// The keys that a head of queries uses, among those of all sequences.
    pub(super) fn key_head(&self, head: usize) -> usize {
        let (batch, head) = (head / self.heads, head % self.heads);
        batch * self.key_heads + head / (self.heads / self.key_heads)
    }
}

/// `[N, heads, L, size]`.
type Four = [Option<usize>; 4];

impl Heads {
    pub(super) fn read(attributes: &mut Attributes<'_>) -> Result<Heads, OpError> {
        let mut count = |name: &str| match attributes.int(name) {
            None | Some(0) => Ok(None),
            Some(count) => usize::try_from(count)
                .map(Some)
                .map_err(|_| OpError::invalid(name, format!("is {count}, must be at least 1"))),
        };
        Ok(Heads {
            queries: count("q_num_heads")?,
            keys: count("kv_num_heads")?,
        })
    }

    fn four(&self, name: &str, x: &Fact, heads: Option<usize>) -> Result<Option<Four>, OpError> {
        match x.dims.as_deref() {
            None => Ok(None),
            Some(&[batch, heads, length, size]) => Ok(Some([batch, heads, length, size])),
            Some(&[batch, length, hidden]) => match (heads, hidden) {
                (Some(heads), Some(hidden)) if hidden % heads == 0 => {
                    Ok(Some([batch, Some(heads), length, Some(hidden / heads)]))
                }
                (Some(heads), None) => Ok(Some([batch, Some(heads), length, None])),
                _ => Err(OpError::invalid(
                    name,
                    format!(
                        "is {x}, must be a number of heads wide, which q_num_heads and kv_num_heads give"
                    ),
                )),
            },
            Some(_) => Err(OpError::invalid(
                name,
                format!("is {x}, must have three or four axes"),
            )),
        }
    }

    /// The dimensions of all four outputs.
    pub(super) fn dims(&self, inputs: &[Option<&Fact>]) -> Result<[Dims; 4], OpError> {
        let names = ["Q", "K", "V"];
        let x = [0, 1, 2].map(|index| *required(inputs, index));
        let heads = [self.queries, self.keys, self.keys];
        let mut four = [None; 3];
        for index in 0..3 {
            four[index] = self.four(names[index], x[index], heads[index])?;
        }
        let [Some(q), Some(mut k), Some(mut v)] = four else {
            return Ok([None, None, None, None]);
        };
        let fits = |a: Option<usize>, b: Option<usize>| a.is_none() || b.is_none() || a == b;
        let wrong = |index: usize, rule: &str| {
            let (name, x) = (names[index], x[index]);
            Err(OpError::invalid(name, format!("is {x}, must {rule}")))
        };
        if x[1].dims.as_ref().map(Vec::len) != x[0].dims.as_ref().map(Vec::len) {
            return wrong(1, &format!("have as many axes as Q, which is {}", x[0]));
        }
        if !fits(q[0], k[0]) || !fits(q[3], k[3]) {
            return wrong(
                1,
                &format!("have the batch and the head size of Q, which is {}", x[0]),
            );
        }
        if !fits(k[0], v[0])
            || !fits(k[1], v[1])
            || !fits(k[2], v[2])
            || x[2].dims.as_ref().map(Vec::len) != x[0].dims.as_ref().map(Vec::len)
        {
            return wrong(
                2,
                &format!("have the batch, heads and length of K, which is {}", x[1]),
            );
        }
        if let (Some(q), Some(k)) = (q[1], k[1])
            && (k == 0 || q % k != 0)
        {
            return wrong(
                0,
                &format!("have a multiple of the heads of K, which is {}", x[1]),
            );
        }
        let pasts = ["past_key", "past_value"];
        for (index, (name, four)) in pasts.into_iter().zip([&mut k, &mut v]).enumerate() {
            let Some(past) = inputs.get(PAST_KEY + index).copied().flatten() else {
                continue;
            };
            match past.dims.as_deref() {
                None => four[2] = None,
                Some(&[batch, heads, length, size])
                    if fits(batch, four[0]) && fits(heads, four[1]) && fits(size, four[3]) =>
                {
                    four[2] = match (length, four[2]) {
                        (Some(past), Some(length)) => past.checked_add(length),
                        _ => None,
                    };
                }
                Some(_) => {
                    return Err(OpError::invalid(
                        name,
                        format!(
                            "is {past}, must have the batch, heads and head size of the keys or values"
                        ),
                    ));
                }
            }
        }
        if !fits(k[2], v[2]) {
            return Err(OpError::invalid(
                "past_value",
                "differs from past_key in length, must have as many places",
            ));
        }
        let heads_last = x[0].dims.as_ref().is_some_and(|dims| dims.len() == 3);
        let y = match heads_last {
            true => {
                let width = match (q[1], v[3]) {
                    (Some(heads), Some(size)) => heads.checked_mul(size),
                    _ => None,
                };
                vec![q[0], q[2], width]
            }
            false => vec![q[0], q[1], q[2], v[3]],
        };
        let scores = vec![q[0], q[1], q[2], k[2]];
        Ok([Some(y), Some(k.to_vec()), Some(v.to_vec()), Some(scores)])
    }

    /// The sizes of a run whose shapes were checked.
    pub(super) fn sizes(
        &self,
        q: &TensorView<'_>,
        keys: &Shape,
        values: &Shape,
        past: Option<&TensorView<'_>>,
    ) -> Result<Sizes, OpError> {
        let (heads, queries, heads_last) = match (self.queries, &q.shape()[..]) {
            (Some(heads), [_, length, _]) => (heads, *length, true),
            (_, [_, heads, length, _]) => (*heads, *length, false),
            _ => unreachable!("the shapes were checked"),
        };
        Ok(Sizes {
            batch: q.shape()[0],
            heads,
            key_heads: keys[1],
            queries,
            keys: keys[2],
            past: past.map(|past| past.shape()[2]),
            key_size: keys[3],
            value_size: values[3],
            heads_last,
        })
    }

    /// The elements of `past` and `x` as `[N, heads, L, size]`.
    pub(super) fn gather<S: Numeric>(
        &self,
        x: &TensorView<'_>,
        past: Option<&TensorView<'_>>,
        heads: usize,
    ) -> Result<Vec<S>, OpError> {
        let (batch, length, size, heads_last) = match x.shape()[..] {
            [batch, length, hidden] => (batch, length, hidden / heads.max(1), true),
            [batch, _, length, size] => (batch, length, size, false),
            _ => unreachable!("the shapes were checked"),
        };
        let before = past.map_or(0, |past| past.shape()[2]);
        let mut gathered = allocate::with_capacity(batch * heads * (before + length) * size);
        let mut part = allocate::filled(0.0, size.min(PART));
        let mut looks = Looks::default();
        let (read, read_past) = (convert::wide(x)?, past.map(convert::wide).transpose()?);
        for head in 0..batch * heads {
            for place in 0..before + length {
                let (read, at) = match (&read_past, place.checked_sub(before)) {
                    (Some(read), None) => (read, head * before + place),
                    (_, place) => {
                        let place = place.unwrap_or_default();
                        let at = match heads_last {
                            true => (head / heads * length + place) * heads + head % heads,
                            false => head * length + place,
                        };
                        (&read, at)
                    }
                };
                for first in (0..size).step_by(PART) {
                    let part = &mut part[..PART.min(size - first)];
                    looks.check(part.len())?;
                    read(at * size + first, part);
                    let row = part.iter();
                    gathered.extend(row.map(|x| S::from_f64(*x, Rounding::default())));
                }
            }
        }
        Ok(gathered)
    }

    /// `[N, heads, L, size]` as the output has it.
    ///
    /// # Errors
    /// The run is to stop.
    pub(super) fn scatter<S: Sum>(&self, mixed: Vec<S>, sizes: Sizes) -> Result<Vec<S>, OpError> {
        if !sizes.heads_last {
            return Ok(mixed);
        }
        let mut looks = Looks::default();
        let mut scattered = allocate::with_capacity(mixed.len());
        for batch in 0..sizes.batch {
            for place in 0..sizes.queries {
                for head in 0..sizes.heads {
                    let row = (batch * sizes.heads + head) * sizes.queries + place;
                    let start = row * sizes.value_size;
                    looks.check(sizes.value_size)?;
                    scattered.extend_from_slice(&mixed[start..start + sizes.value_size]);
                }
            }
        }
        Ok(scattered)
    }
}
