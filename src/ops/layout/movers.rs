//! Outputs that are filled with elements of an input, whatever their type.

use super::{Layout, in_rows};
use crate::error::OpError;
use crate::ops::Outputs;
use crate::parts;
use crate::tensor::{Element, Shape, TensorView, Visitor};

/// A way to fill an output with elements of an input, whatever their type.
pub(in crate::ops) trait Mover {
    fn fill<T: Element>(&self, x: &[T], y: &mut [T]);
}

impl Mover for Layout {
    fn fill<T: Element>(&self, x: &[T], y: &mut [T]) {
        self.copy(x, &T::default(), y);
    }
}

/// Blocks of `block` elements, each from its own place.
pub(in crate::ops) struct Blocks {
    pub(in crate::ops) starts: Vec<usize>,
    pub(in crate::ops) block: usize,
}

impl Mover for Blocks {
    fn fill<T: Element>(&self, x: &[T], y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        in_rows(y, self.block, 1, &|first, y| {
            let starts = &self.starts[first..];
            if self.block == 1 {
                for (y, &start) in y.iter_mut().zip(starts) {
                    y.clone_from(&x[start]);
                }
                return;
            }
            for (y, &start) in y.chunks_mut(self.block).zip(starts) {
                if parts::copy(&x[start..], y).is_err() {
                    return;
                }
            }
        });
    }
}

/// Slices along an axis, in any order.
pub(in crate::ops) struct Slices {
    pub(in crate::ops) places: Vec<usize>,
    /// The size of the axis.
    pub(in crate::ops) size: usize,
    /// The elements of a slice that are neighbours.
    pub(in crate::ops) block: usize,
}

impl Mover for Slices {
    fn fill<T: Element>(&self, x: &[T], y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        let count = self.places.len();
        in_rows(y, self.block, 1, &|first, y| {
            let (mut outer, mut at) = (first / count, first % count);
            for y in y.chunks_mut(self.block) {
                let start = (outer * self.size + self.places[at]) * self.block;
                if parts::copy(&x[start..], y).is_err() {
                    return;
                }
                at += 1;
                if at == count {
                    (outer, at) = (outer + 1, 0);
                }
            }
        });
    }
}

/// Makes output `index` of elements of `x`.
pub(in crate::ops) fn relocate(
    x: &TensorView<'_>,
    mover: &impl Mover,
    index: usize,
    shape: &Shape,
    outputs: &mut Outputs<'_, '_>,
) -> Result<(), OpError> {
    if let Some(strings) = x.as_slice::<String>() {
        // Strings are copied with their text, which may be repeated.
        let bytes = shape.elements().saturating_mul(size_of::<String>());
        outputs.check_output(bytes)?;
        let lengths: Vec<u64> = parts::collected(strings.iter().map(|text| text.len() as u64))?;
        let mut copied = parts::filled(0u64, shape.elements())?;
        mover.fill(&lengths, &mut copied);
        let text = copied
            .iter()
            .fold(0, |sum: u64, &len| sum.saturating_add(len));
        outputs.check_output(bytes.saturating_add(usize::try_from(text).unwrap_or(usize::MAX)))?;
    }
    x.visit(Relocation {
        mover,
        index,
        shape,
        outputs,
    })
}

struct Relocation<'o, 's, 'a, M> {
    mover: &'o M,
    index: usize,
    shape: &'o Shape,
    outputs: &'o mut Outputs<'s, 'a>,
}

impl<M: Mover> Visitor for Relocation<'_, '_, '_, M> {
    type Output = Result<(), OpError>;

    fn visit<T: Element>(self, data: &[T]) -> Result<(), OpError> {
        self.mover
            .fill(data, self.outputs.make_at::<T>(self.index, self.shape)?);
        Ok(())
    }
}
