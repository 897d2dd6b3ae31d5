//! RotaryEmbedding: pairs of elements turned by angles that depend on their place in a sequence.
//!
//! Specification: <https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html>

use half::{bf16, f16};

use super::convert::{self, Numeric};
use super::{Fact, Inputs, Op, Operator, Outputs, elements, elementwise, required};
use crate::allocate;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::parts;
use crate::stop;
use crate::tensor::{Rounding, TensorView, dispatch};

pub(super) const ROTARY_EMBEDDING: Op = Op {
    domain: "ai.onnx",
    name: "RotaryEmbedding",
    newest: 23,
    read: |attributes| Ok(Box::new(Rotary::read(attributes)?)),
    exact: false,
};

/// `X: [N, heads, L, size]` or `[N, L, heads * size]` to `Y` of the same shape, by the cosines and sines of
/// places: `[places, turned / 2]` with the places `[N, L]`, or `[N, L, turned / 2]` without.
#[derive(Debug)]
struct Rotary {
    /// Whether pairs are neighbours, or else of two halves.
    interleaved: bool,
    heads: usize,
    /// The elements of a head that are turned; 0 for all of them.
    turned: usize,
}

/// The sizes of X.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    heads: usize,
    length: usize,
    size: usize,
    turned: usize,
    /// Whether the heads come after the places.
    heads_last: bool,
}

impl Rotary {
    fn read(attributes: &mut Attributes<'_>) -> Result<Rotary, OpError> {
        let mut size = |name: &str| {
            let value = attributes.int(name).unwrap_or(0);
            usize::try_from(value)
                .map_err(|_| OpError::invalid(name, format!("is {value}, must be at least 0")))
        };
        Ok(Rotary {
            heads: size("num_heads")?,
            turned: size("rotary_embedding_dim")?,
            interleaved: attributes.flag("interleaved")?,
        })
    }

    fn sizes(&self, x: &TensorView<'_>) -> Result<Sizes, OpError> {
        let (batch, heads, length, size, heads_last) = match x.shape()[..] {
            [batch, heads, length, size] => (batch, heads, length, size, false),
            [batch, length, hidden] if self.heads > 0 && hidden % self.heads == 0 => {
                (batch, self.heads, length, hidden / self.heads, true)
            }
            _ => {
                return Err(OpError::invalid(
                    "X",
                    format!(
                        "is {x}, must have four axes, or three with the last one a multiple of num_heads {}",
                        self.heads
                    ),
                ));
            }
        };
        let turned = if self.turned == 0 { size } else { self.turned };
        if turned > size || turned % 2 != 0 {
            return Err(OpError::invalid(
                "rotary_embedding_dim",
                format!(
                    "is {turned}, must be even and at most the {size} elements of a head of X, which is {x}"
                ),
            ));
        }
        Ok(Sizes {
            batch,
            heads,
            length,
            size,
            turned,
            heads_last,
        })
    }

    /// Where in the caches each place of each sequence begins.
    fn rows(&self, inputs: Inputs<'_, '_>, sizes: Sizes) -> Result<Vec<usize>, OpError> {
        let half = sizes.turned / 2;
        let count = sizes.batch * sizes.length;
        let (cos, sin) = (required(inputs, 1), required(inputs, 2));
        if cos.shape() != sin.shape() {
            return Err(OpError::invalid(
                "sin_cache",
                format!("is {sin}, must have the shape of cos_cache, which is {cos}"),
            ));
        }
        let Some(places) = inputs.get(3).and_then(Option::as_ref) else {
            return match cos.shape()[..] == [sizes.batch, sizes.length, half] {
                true => parts::collected((0..count).map(|row| row * half)),
                false => Err(OpError::invalid(
                    "cos_cache",
                    format!(
                        "is {cos}, must have the shape [{},{},{half}] without position_ids",
                        sizes.batch, sizes.length
                    ),
                )),
            };
        };
        let [most, width] = cos.shape()[..] else {
            return Err(OpError::invalid(
                "cos_cache",
                format!("is {cos}, must have two axes with position_ids"),
            ));
        };
        if width != half || places.shape()[..] != [sizes.batch, sizes.length] {
            return Err(OpError::invalid(
                "position_ids",
                format!(
                    "is {places}, must be i64[{},{}] with caches of {half} columns, which are {cos}",
                    sizes.batch, sizes.length
                ),
            ));
        }
        let row = |(index, place): (usize, &i64)| match usize::try_from(*place) {
            Ok(place) if place < most => stop::check_step(index).map(|()| place * half),
            _ => Err(OpError::run(
                "position_ids",
                format!("is {place} at {index}, must be in 0..{most}"),
            )),
        };
        allocate::collected_or(elements::<i64>(places).iter().enumerate().map(row))
    }

    fn run<T: Numeric>(
        &self,
        inputs: Inputs<'_, '_>,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<(), OpError> {
        let x = required(inputs, 0);
        let sizes = self.sizes(x)?;
        let rows = self.rows(inputs, sizes)?;
        let cos = convert::widened(required(inputs, 1), outputs)?;
        let sin = convert::widened(required(inputs, 2), outputs)?;
        let (x, y) = (elements::<T>(x), outputs.make::<T>(x.shape())?);
        if y.is_empty() {
            return Ok(());
        }
        let half = sizes.turned / 2;
        elementwise::slabs(y, sizes.size, sizes.size, |index, y| {
            let (batch, place) = match sizes.heads_last {
                true => (
                    index / (sizes.length * sizes.heads),
                    index / sizes.heads % sizes.length,
                ),
                false => (index / (sizes.heads * sizes.length), index % sizes.length),
            };
            let row = rows[batch * sizes.length + place];
            let x = &x[index * sizes.size..][..sizes.size];
            if parts::copy(x, y).is_err() {
                return;
            }
            elementwise::each_rows(half, 2, |pairs| {
                for pair in pairs {
                    let (first, second) = match self.interleaved {
                        true => (2 * pair, 2 * pair + 1),
                        false => (pair, pair + half),
                    };
                    let (cos, sin) = (cos[row + pair], sin[row + pair]);
                    let (a, b) = (x[first].to_f64(), x[second].to_f64());
                    y[first] = T::from_f64(cos * a - sin * b, Rounding::default());
                    y[second] = T::from_f64(sin * a + cos * b, Rounding::default());
                }
            });
        });
        Ok(())
    }
}

impl Operator for Rotary {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let x = required(inputs, 0);
        Ok(vec![Fact::new(x.dtype, x.dims.clone())])
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let x = required(inputs, 0);
        dispatch!(x.dtype(), T in [f32, f16, bf16] => self.run::<T>(inputs, outputs))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{iota, node, tensor};

    #[test]
    fn a_quarter_turn_of_halves_and_of_neighbours() {
        let x = tensor(&[1, 1, 1, 5], vec![1f32, 2.0, 3.0, 4.0, 5.0]);
        let (cos, sin) = (
            tensor(&[2, 2], vec![1f32, 1.0, 0.0, 0.0]),
            tensor(&[2, 2], vec![0f32, 0.0, 1.0, 1.0]),
        );
        let run = |interleaved, place: i64| {
            node("RotaryEmbedding", 23)
                .int("rotary_embedding_dim", 4)
                .int("interleaved", interleaved)
                .run(&[
                    Some(&x),
                    Some(&cos),
                    Some(&sin),
                    Some(&tensor(&[1, 1], vec![place])),
                ])
                .map_err(|error| error.to_string())
        };
        let turned = |y: [f32; 5]| Ok(vec![tensor(&[1, 1, 1, 5], y.to_vec())]);
        assert_eq!(run(0, 0), turned([1.0, 2.0, 3.0, 4.0, 5.0]));
        assert_eq!(run(0, 1), turned([-3.0, -4.0, 1.0, 2.0, 5.0]));
        assert_eq!(run(1, 1), turned([-2.0, 1.0, -4.0, 3.0, 5.0]));
        assert_eq!(
            run(0, 2).unwrap_err(),
            "position_ids is 2 at 0, must be in 0..2"
        );
        assert_eq!(
            node("RotaryEmbedding", 23).error(&[Some(&x), Some(&cos), Some(&sin)]),
            "rotary_embedding_dim is 5, must be even and at most the 5 elements of a head of X, which is f32[1,1,1,5]"
        );
        let flat = iota(&[1, 1, 4]);
        assert_eq!(
            node("RotaryEmbedding", 23).error(&[Some(&flat), Some(&cos), Some(&sin)]),
            "X is f32[1,1,4], must have four axes, or three with the last one a multiple of num_heads 0"
        );
    }
}
