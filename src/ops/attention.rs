//! Attention: values mixed by how well their keys fit each query.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__Attention.html>
//! Products are f64 for f64 and f32 for the others, exponentials and their sums f64; the results are rounded once,
//! whatever `softmax_precision` says.

mod heads;
mod mask;

use fearless_simd::Level;
use half::{bf16, f16};

use super::convert::Numeric;
use super::{Fact, Inputs, Op, Operator, Outputs, elementwise, fact, required};
use crate::allocate;
use crate::error::OpError;
use crate::gemm::{self, Sum};
use crate::onnx::attributes::Attributes;
use crate::parts;
use crate::simd::Simd;
use crate::stop;
use crate::tensor::{DType, Rounding, Shape, TensorView, dispatch};
use heads::{Heads, Sizes};
use mask::Mask;

pub(super) const ATTENTION: Op = Op {
    domain: "ai.onnx",
    name: "Attention",
    newest: 24,
    read: |attributes| Ok(Box::new(Attention::read(attributes)?)),
    exact: false,
};

/// `Q`, `K` and `V` of heads, `[N, heads, L, size]` or `[N, L, heads * size]`, to `Y` as `Q` with the head size of
/// `V`, to the keys and values with those before them, and to one stage of the products of queries and keys.
#[derive(Debug)]
struct Attention {
    heads: Heads,
    causal: bool,
    /// 1 by the root of the head size if none is given.
    scale: Option<f64>,
    /// Products are bounded by it, smoothly; 0 for no bound.
    softcap: f64,
    stage: Stage,
}

/// What has been done to the products that are an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Product,
    Capped,
    Masked,
    Softmax,
}

const PAST_KEY: usize = 4;
const PAST_VALUE: usize = 5;

impl Attention {
    fn read(attributes: &mut Attributes<'_>) -> Result<Attention, OpError> {
        attributes.ignore("softmax_precision", "exponentials are computed in f64");
        let stage = match attributes.int("qk_matmul_output_mode").unwrap_or(0) {
            0 => Stage::Product,
            1 => Stage::Capped,
            2 => Stage::Masked,
            3 => Stage::Softmax,
            other => {
                return Err(OpError::invalid(
                    "qk_matmul_output_mode",
                    format!("is {other}, must be in 0..=3"),
                ));
            }
        };
        Ok(Attention {
            heads: Heads::read(attributes)?,
            causal: attributes.flag("is_causal")?,
            scale: attributes.float("scale").map(f64::from),
            softcap: attributes.float("softcap").unwrap_or(0.0).into(),
            stage,
        })
    }

    fn run<S: Sum + Numeric>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let facts: Vec<Option<Fact>> = inputs.iter().map(|x| x.as_ref().map(Fact::from)).collect();
        let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        let known = |dims| fact::known(dims);
        let shapes = self.heads.dims(&facts)?.map(known);
        let [y_shape, key_shape, value_shape, scores_shape] = shapes;
        let (y_shape, key_shape, value_shape) = (y_shape?, key_shape?, value_shape?);
        let (q, past) = (required(inputs, 0), |index: usize| {
            inputs.get(index).and_then(Option::as_ref)
        });
        let sizes = self
            .heads
            .sizes(q, &key_shape, &value_shape, past(PAST_KEY))?;
        let mask = Mask::new(inputs, self.causal, sizes, outputs)?;
        let counts = [q.shape(), &key_shape, &value_shape, &y_shape];
        let count = counts
            .iter()
            .fold(0, |sum: usize, shape| sum.saturating_add(shape.elements()));
        let rows = sizes.queries.saturating_mul(sizes.keys);
        outputs.check_scratch(count.saturating_add(rows).saturating_mul(size_of::<S>()))?;

        let scale = self.scale.unwrap_or(1.0 / (sizes.key_size as f64).sqrt());
        let mut queries: Vec<S> = self.heads.gather(q, None, sizes.heads)?;
        elementwise::in_chunks(&mut queries, |_, queries| {
            for query in queries {
                *query = S::from_f64(query.to_f64() * scale, Rounding::default());
            }
        });
        let keys: Vec<S> =
            self.heads
                .gather(required(inputs, 1), past(PAST_KEY), sizes.key_heads)?;
        let values: Vec<S> =
            self.heads
                .gather(required(inputs, 2), past(PAST_VALUE), sizes.key_heads)?;
        put(1, required(inputs, 1).dtype(), &key_shape, &keys, outputs)?;
        put(
            2,
            required(inputs, 2).dtype(),
            &value_shape,
            &values,
            outputs,
        )?;

        let level = Simd::installed();
        let operands = Operands {
            level,
            queries: &queries,
            keys: &keys,
            mask: &mask,
        };
        let mixed_len = sizes.queries * sizes.value_size;
        let mut mixed = parts::filled(S::ZERO, sizes.batch * sizes.heads * mixed_len)?;
        if mixed_len > 0 {
            elementwise::slabs(&mut mixed, mixed_len, rows, |head, mixed| {
                let Ok(mut scores) = parts::filled(S::ZERO, rows) else {
                    return;
                };
                self.scores(&operands, head, Stage::Softmax, sizes, &mut scores);
                let values_len = sizes.keys * sizes.value_size;
                let values = &values[sizes.key_head(head) * values_len..][..values_len];
                product(
                    level,
                    &scores,
                    values,
                    [sizes.queries, sizes.keys, sizes.value_size],
                    false,
                    mixed,
                );
            });
        }
        put(
            0,
            q.dtype(),
            &y_shape,
            &self.heads.scatter(mixed, sizes)?,
            outputs,
        )?;
        if outputs.wanted(3) {
            let scores_shape = scores_shape?;
            outputs.check_scratch(scores_shape.elements().saturating_mul(size_of::<S>()))?;
            let mut all = parts::filled(S::ZERO, scores_shape.elements())?;
            if rows > 0 {
                elementwise::slabs(&mut all, rows, rows, |head, scores| {
                    self.scores(&operands, head, self.stage, sizes, scores);
                });
            }
            put(3, q.dtype(), &scores_shape, &all, outputs)?;
        }
        Ok(())
    }

    /// The products of the queries and keys of one head, up to a stage.
    fn scores<S: Sum + Numeric>(
        &self,
        operands: &Operands<'_, S>,
        head: usize,
        stage: Stage,
        sizes: Sizes,
        scores: &mut [S],
    ) {
        let Operands {
            level,
            queries,
            keys,
            mask,
        } = *operands;
        let (queries_len, keys_len) = (sizes.queries * sizes.key_size, sizes.keys * sizes.key_size);
        let queries = &queries[head * queries_len..][..queries_len];
        let keys = &keys[sizes.key_head(head) * keys_len..][..keys_len];
        product(
            level,
            queries,
            keys,
            [sizes.queries, sizes.key_size, sizes.keys],
            true,
            scores,
        );
        if stage == Stage::Product || sizes.keys == 0 {
            return;
        }
        let mut row = allocate::filled(0.0, sizes.keys);
        for (query, scores) in scores.chunks_mut(sizes.keys).enumerate() {
            if stop::is_set() {
                return;
            }
            let widened = parts::each(&mut row, |first, row| {
                for (at, (wide, score)) in row.iter_mut().zip(&scores[first..]).enumerate() {
                    *wide = score.to_f64();
                    if self.softcap > 0.0 {
                        *wide = self.softcap * (*wide / self.softcap).tanh();
                    }
                    if stage >= Stage::Masked {
                        *wide += mask.at(head, query, first + at);
                    }
                }
            });
            if widened.is_err() {
                return;
            }
            if stage == Stage::Softmax {
                let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers = parts::each(&mut row, |_, row| {
                    for wide in row {
                        *wide = (*wide - max).exp();
                    }
                });
                if powers.is_err() {
                    return;
                }
                let sum: f64 = row.iter().sum();
                for wide in &mut row {
                    *wide /= sum;
                }
            }
            for (score, wide) in scores.iter_mut().zip(&row) {
                *score = S::from_f64(*wide, Rounding::default());
            }
        }
    }
}

/// What the scores of all heads are made of.
struct Operands<'a, S> {
    level: Level,
    queries: &'a [S],
    keys: &'a [S],
    mask: &'a Mask,
}

/// `c = a b`, with `b` transposed or not.
fn product<S: Sum>(
    level: Level,
    a: &[S],
    b: &[S],
    [rows, inner, columns]: [usize; 3],
    transposed: bool,
    c: &mut [S],
) {
    let a = gemm::matrix(a, rows, inner, false);
    let b = gemm::matrix(b, inner, columns, transposed);
    let mut c = gemm::matrix_mut(c, rows, columns);
    gemm::multiply(level, &a, &b, false, &mut c);
}

/// Makes output `index`, if it is wanted.
fn put<S: Numeric>(
    index: usize,
    dtype: DType,
    shape: &Shape,
    values: &[S],
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    if !outputs.wanted(index) {
        return Ok(());
    }
    dispatch!(dtype, T in [f32, f64, f16, bf16] => {
        let output = outputs.make_at::<T>(index, shape)?;
        elementwise::map(values, output, |values, output| {
            for (output, value) in output.iter_mut().zip(values) {
                *output = <T as Numeric>::from_f64(value.to_f64(), Rounding::default());
            }
        });
        Ok(())
    })
}

impl Operator for Attention {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let [y, key, value, scores] = self.heads.dims(inputs)?;
        let dtype = |index| required(inputs, index).dtype;
        Ok(vec![
            Fact::new(dtype(0), y),
            Fact::new(dtype(1), key),
            Fact::new(dtype(2), value),
            Fact::new(dtype(0), scores),
        ])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let is_f64 =
            |x: &Option<TensorView<'_>>| x.as_ref().is_some_and(|x| x.dtype() == DType::F64);
        match inputs[..3].iter().any(is_f64) {
            true => self.run::<f64>(inputs, outputs),
            false => self.run::<f32>(inputs, outputs),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Node, iota, node, tensor};

    /// Keys that all fit alike, so that the mean of the values that count is the result.
    fn attend(node: Node, mask: Option<crate::Tensor>, valid: Option<i64>) -> Vec<f32> {
        let (q, k) = (
            tensor(&[1, 1, 2, 1], vec![0f32; 2]),
            tensor(&[1, 1, 3, 1], vec![1f32; 3]),
        );
        let v = tensor(&[1, 1, 3, 1], vec![3f32, 6.0, 12.0]);
        let valid = valid.map(|valid| tensor(&[1], vec![valid]));
        let inputs = [
            Some(&q),
            Some(&k),
            Some(&v),
            mask.as_ref(),
            None,
            None,
            valid.as_ref(),
        ];
        let y = node.run(&inputs).expect("it runs");
        y[0].as_slice::<f32>().expect("f32").to_vec()
    }

    #[test]
    fn what_does_not_count_is_left_out() {
        let plain = || node("Attention", 24);
        assert_eq!(attend(plain(), None, None), [7.0, 7.0]);
        assert_eq!(attend(plain().int("is_causal", 1), None, None), [3.0, 4.5]);
        assert_eq!(attend(plain(), None, Some(2)), [4.5, 4.5]);
        let late = attend(plain().int("is_causal", 1), None, Some(3));
        assert_eq!(late, [4.5, 7.0]);
        let mask = tensor(&[2, 3], vec![true, false, true, false, true, false]);
        assert_eq!(attend(plain(), Some(mask), None), [7.5, 6.0]);
        let short = tensor(&[1, 2], vec![0f32; 2]);
        assert_eq!(attend(plain(), Some(short), None), [4.5, 4.5]);
    }

    #[test]
    fn shapes_are_checked() {
        let run = |q: &[usize], k: &[usize], v: &[usize]| {
            node("Attention", 23).error(&[Some(&iota(q)), Some(&iota(k)), Some(&iota(v))])
        };
        assert_eq!(
            run(&[1, 2, 6], &[1, 2, 6], &[1, 2, 6]),
            "Q is f32[1,2,6], must be a number of heads wide, which q_num_heads and kv_num_heads give"
        );
        assert_eq!(
            run(&[1, 3, 2, 4], &[1, 2, 2, 4], &[1, 2, 2, 4]),
            "Q is f32[1,3,2,4], must have a multiple of the heads of K, which is f32[1,2,2,4]"
        );
        assert_eq!(
            run(&[1, 2, 2, 4], &[1, 2, 2, 4], &[1, 2, 3, 4]),
            "V is f32[1,2,3,4], must have the batch, heads and length of K, which is f32[1,2,2,4]"
        );
        let empty = node("Attention", 23).run(&[
            Some(&iota(&[1, 2, 0, 4])),
            Some(&iota(&[1, 2, 2, 4])),
            Some(&iota(&[1, 2, 2, 3])),
        ]);
        assert_eq!(empty, Ok(vec![iota(&[1, 2, 0, 3])]));
    }

    #[test]
    fn keys_of_the_past_come_first() {
        let one = |x: f32| tensor(&[1, 1, 1, 1], vec![x]);
        let inputs = [one(0.0), one(1.0), one(4.0), one(2.0), one(8.0)];
        let [q, k, v, past_key, past_value] = inputs.each_ref().map(Some);
        let y = node("Attention", 23)
            .int("is_causal", 1)
            .outputs(4)
            .run(&[q, k, v, None, past_key, past_value]);
        let two = |a: f32, b: f32| tensor(&[1, 1, 2, 1], vec![a, b]);
        let scores = tensor(&[1, 1, 1, 2], vec![0f32, 0.0]);
        assert_eq!(y, Ok(vec![one(6.0), two(2.0, 1.0), two(8.0, 4.0), scores]));
    }
}
