//! Broadcasting: how the axes of several inputs meet.
//!
//! Specification: <https://github.com/onnx/onnx/blob/main/docs/Broadcasting.md>

use super::Fact;
use super::fact::{self, Dims};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::Shape;

/// An input and what it is called.
pub(super) type Named<'a> = (&'a str, &'a Fact);

/// How the axes of two inputs meet.
#[derive(Debug)]
pub(super) enum Broadcast {
    /// The last axes meet; a missing axis or one of size 1 is repeated. From version 7 on.
    Both,
    /// As `Both`, but only the second input is repeated.
    Second,
    /// The shapes are equal.
    Neither,
    /// The second has one element, or the sizes of the first from this axis on; from the last that fit if
    /// there is none.
    Onto(Option<i64>),
}

impl Broadcast {
    /// As versions from 7 on do it, or the attributes of older ones say.
    pub(super) fn read(attributes: &mut Attributes<'_>) -> Result<Broadcast, OpError> {
        if attributes.version() >= 7 {
            return Ok(Broadcast::Both);
        }
        attributes.ignore(
            "consumed_inputs",
            "a hint on buffers, without effect on results",
        );
        if attributes.flag("broadcast")? {
            return Ok(Broadcast::Onto(attributes.int("axis")));
        }
        attributes.ignore("axis", "it says where to broadcast, and nothing is");
        Ok(Broadcast::Neither)
    }

    /// The dimensions of both with axes of size 1 added so that they have one rank and the same axes meet.
    pub(super) fn align(
        &self,
        (a_name, a): Named<'_>,
        (b_name, b): Named<'_>,
    ) -> Result<Option<[Vec<Option<usize>>; 2]>, OpError> {
        let (Some(a_dims), Some(b_dims)) = (&a.dims, &b.dims) else {
            return Ok(None);
        };
        let mismatch = |rule: &str| {
            OpError::invalid(
                b_name,
                format!("is {b}, must {rule} {a_name}, which is {a}"),
            )
        };
        let ones = |count: usize| vec![Some(1); count];
        let agree = |a: &[Option<usize>], b: &[Option<usize>]| {
            a.iter()
                .zip(b)
                .all(|pair| !matches!(pair, (Some(a), Some(b)) if a != b))
        };
        // Beyond the text of version 6: its stored tests repeat an axis of size 1 of B too.
        let covers = |a: &[Option<usize>], b: &[Option<usize>]| {
            let repeats =
                |(a, b): (&Option<usize>, &Option<usize>)| *b == Some(1) || agree(&[*a], &[*b]);
            a.iter().zip(b).all(repeats)
        };
        let (a_rank, b_rank) = (a_dims.len(), b_dims.len());
        let (a_dims, b_dims) = match self {
            Broadcast::Both => (
                [ones(b_rank.saturating_sub(a_rank)), a_dims.clone()].concat(),
                [ones(a_rank.saturating_sub(b_rank)), b_dims.clone()].concat(),
            ),
            Broadcast::Second => match a_rank.checked_sub(b_rank) {
                Some(missing) if covers(&a_dims[missing..], b_dims) => {
                    (a_dims.clone(), [ones(missing), b_dims.clone()].concat())
                }
                _ => return Err(mismatch("broadcast to")),
            },
            Broadcast::Neither => match a_rank == b_rank && agree(a_dims, b_dims) {
                true => (a_dims.clone(), b_dims.clone()),
                false => return Err(mismatch("have the shape of")),
            },
            Broadcast::Onto(axis) => {
                let from_end = axis.unwrap_or(0).min(0) + a_rank as i64;
                let last = a_rank
                    .checked_sub(b_rank)
                    .ok_or_else(|| mismatch("not have more axes than"))?;
                let axis = match *axis {
                    None => last,
                    Some(axis) if axis < 0 && from_end >= 0 => from_end as usize,
                    Some(axis) if axis >= 0 && axis <= a_rank as i64 => axis as usize,
                    Some(axis) => {
                        return Err(OpError::invalid(
                            "axis",
                            format!(
                                "is {axis}, must be in -{a_rank}..={a_rank} for {a_name}, which is {a}"
                            ),
                        ));
                    }
                };
                if b_dims.iter().all(|dim| dim.is_none_or(|dim| dim == 1)) {
                    // One element, or not known yet to be more.
                    let known = b_dims.iter().all(Option::is_some);
                    let repeated = if known { Some(1) } else { None };
                    (a_dims.clone(), vec![repeated; a_rank])
                } else if axis <= last && covers(&a_dims[axis..], b_dims) {
                    let after = ones(last - axis);
                    (a_dims.clone(), [ones(axis), b_dims.clone(), after].concat())
                } else {
                    return Err(mismatch(&format!("have the sizes from axis {axis} on of")));
                }
            }
        };
        Ok(Some([a_dims, b_dims]))
    }

    /// The dimensions of the output.
    pub(super) fn dims(&self, a: Named<'_>, b: Named<'_>) -> Result<Dims, OpError> {
        match self.align(a, b)? {
            Some([a_dims, b_dims]) => Ok(Some(meet(&a_dims, &b_dims, a, b)?)),
            None => Ok(match self {
                Broadcast::Both => None,
                Broadcast::Second | Broadcast::Neither | Broadcast::Onto(_) => a.1.dims.clone(),
            }),
        }
    }

    /// The shape of the output, and those of both inputs with its rank.
    pub(super) fn shapes(&self, a: Named<'_>, b: Named<'_>) -> Result<[Shape; 3], OpError> {
        let output = fact::known(self.dims(a, b)?)?;
        let [a, b] = self
            .align(a, b)?
            .expect("the shapes of tensors are known")
            .map(|dims| fact::known(Some(dims)));
        Ok([output, a?, b?])
    }
}

/// Dimensions that agree or of which one is 1.
fn meet(
    a_dims: &[Option<usize>],
    b_dims: &[Option<usize>],
    a: Named<'_>,
    b: Named<'_>,
) -> Result<Vec<Option<usize>>, OpError> {
    let pair = |(a_dim, b_dim): (&Option<usize>, &Option<usize>)| match (*a_dim, *b_dim) {
        (Some(1), dim) | (dim, Some(1)) => Ok(dim),
        (None, dim) | (dim, None) => Ok(dim),
        (Some(a_dim), Some(b_dim)) if a_dim == b_dim => Ok(Some(a_dim)),
        _ => Err(OpError::invalid(
            b.0,
            format!("is {}, must broadcast with {}, which is {}", b.1, a.0, a.1),
        )),
    };
    a_dims.iter().zip(b_dims).map(pair).collect()
}

/// The dimensions of what any number of inputs broadcast to, the way of `Both`.
pub(super) fn together(inputs: &[Named<'_>]) -> Result<Dims, OpError> {
    let (name, first) = inputs[0];
    let mut whole = first.clone();
    for (index, &input) in inputs.iter().enumerate().skip(1) {
        let name = match index {
            1 => name.to_string(),
            _ => format!("the {index} inputs before together"),
        };
        whole.dims = Broadcast::Both.dims((&name, &whole), input)?;
    }
    Ok(whole.dims)
}

/// A shape with axes of size 1 in front, so that it has `rank` axes.
pub(super) fn padded(shape: &[usize], rank: usize) -> Vec<usize> {
    [vec![1; rank - shape.len()], shape.to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use crate::ops::Fact;
    use crate::ops::testing::{Node, iota, node};
    use crate::tensor::DType;

    fn add(node: Node, a: &[usize], b: &[usize]) -> Result<(Vec<usize>, Vec<f32>), String> {
        let sum = node
            .run(&[Some(&iota(a)), Some(&iota(b))])
            .map_err(|error| error.to_string())?;
        let elements = sum[0].as_slice::<f32>().expect("f32").to_vec();
        Ok((sum[0].shape().to_vec(), elements))
    }

    #[test]
    fn version_7_broadcasts_both_ways() {
        let sum = |a: &[usize], b: &[usize]| add(node("Add", 7), a, b);
        assert_eq!(
            sum(&[2, 2], &[2, 2]),
            Ok((vec![2, 2], vec![0.0, 2.0, 4.0, 6.0]))
        );
        assert_eq!(
            sum(&[2, 1], &[3]),
            Ok((vec![2, 3], vec![0.0, 1.0, 2.0, 1.0, 2.0, 3.0]))
        );
        assert_eq!(sum(&[], &[2]), Ok((vec![2], vec![0.0, 1.0])));
        assert_eq!(sum(&[], &[]), Ok((vec![], vec![0.0])));
        assert_eq!(sum(&[0, 3], &[3]), Ok((vec![0, 3], vec![])));
        assert_eq!(sum(&[1], &[0]), Ok((vec![0], vec![])));
        assert_eq!(
            sum(&[2, 3], &[2]).unwrap_err(),
            "B is f32[2], must broadcast with A, which is f32[2,3]"
        );
        assert!(sum(&[0], &[2]).is_err());
    }

    #[test]
    fn a_broadcast_of_empty_shapes_cannot_overflow() {
        let (a, b) = ([1 << 40, 1, 0], [1, 1 << 40, 0]);
        assert!(
            add(node("Add", 14), &a, &b)
                .unwrap_err()
                .contains("more elements than")
        );
    }

    #[test]
    fn before_version_7_b_is_laid_onto_a() {
        let onto = || node("Add", 6).int("broadcast", 1);
        let at = |axis, a: &[usize], b: &[usize]| add(onto().int("axis", axis), a, b);
        let a = [2, 3, 2];
        let rows = vec![
            0.0, 1.0, 3.0, 4.0, 6.0, 7.0, 6.0, 7.0, 9.0, 10.0, 12.0, 13.0,
        ];
        assert_eq!(at(1, &a, &[3]), Ok((a.to_vec(), rows.clone())));
        assert_eq!(at(-2, &a, &[3]), Ok((a.to_vec(), rows)));
        assert_eq!(
            at(0, &[2, 2], &[2]).map(|sum| sum.1),
            Ok(vec![0.0, 1.0, 3.0, 4.0])
        );
        let last = add(onto(), &[2, 2], &[2]).map(|sum| sum.1);
        assert_eq!(last, Ok(vec![0.0, 2.0, 2.0, 4.0]));
        assert_eq!(at(1, &[2, 2], &[1]).map(|sum| sum.0), Ok(vec![2, 2]));
        assert_eq!(add(onto(), &[2, 2], &[]).map(|sum| sum.0), Ok(vec![2, 2]));
        assert_eq!(
            add(onto(), &[2, 2], &[1, 1]).map(|sum| sum.0),
            Ok(vec![2, 2])
        );
        assert_eq!(
            at(1, &a, &[2]).unwrap_err(),
            "B is f32[2], must have the sizes from axis 1 on of A, which is f32[2,3,2]"
        );
        assert_eq!(
            at(4, &a, &[2]).unwrap_err(),
            "axis is 4, must be in -3..=3 for A, which is f32[2,3,2]"
        );
        assert!(at(i64::MIN, &a, &[2]).unwrap_err().starts_with("axis is"));
        assert!(at(2, &a, &[2, 3]).is_err());
        assert!(add(onto(), &[1, 2], &[2, 2]).is_err(), "A is not broadcast");
        assert_eq!(
            add(onto(), &[2], &[1, 2]).unwrap_err(),
            "B is f32[1,2], must not have more axes than A, which is f32[2]"
        );
        let plain = || {
            node("Add", 1)
                .int("axis", 0)
                .ints("consumed_inputs", &[0, 0])
        };
        assert!(add(plain(), &[2], &[2]).is_ok());
        assert_eq!(
            add(plain(), &[2, 1], &[1]).unwrap_err(),
            "B is f32[1], must have the shape of A, which is f32[2,1]"
        );
    }

    #[test]
    fn unknown_dimensions_are_tolerated() {
        let fact = |dims: &[Option<usize>]| Some(Fact::new(DType::F32, Some(dims.to_vec())));
        let infer = |node: Node, a, b| {
            node.infer(&[a, b])
                .map(|facts| facts[0].to_string())
                .map_err(|error| error.to_string())
        };
        let both = |a, b| infer(node("Add", 13), a, b);
        assert_eq!(
            both(
                fact(&[None, Some(3), None]),
                fact(&[Some(4), None, Some(1)])
            )
            .as_deref(),
            Ok("f32[4,3,?]")
        );
        assert_eq!(
            both(fact(&[None]), Some(Fact::new(DType::F32, None))).as_deref(),
            Ok("f32[...]")
        );
        let onto = |a, b| infer(node("Add", 6).int("broadcast", 1), a, b);
        assert_eq!(
            onto(fact(&[Some(2), Some(3)]), fact(&[None])).as_deref(),
            Ok("f32[2,3]")
        );
        assert_eq!(
            onto(fact(&[None, Some(3)]), fact(&[None, Some(3)])).as_deref(),
            Ok("f32[?,3]")
        );
        assert!(onto(fact(&[None, Some(3)]), fact(&[Some(2)])).is_err());
    }
}
