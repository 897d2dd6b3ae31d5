//! An operand of Einsum, and the product of two.

use super::Term;
use super::equation::Label;
use crate::error::OpError;
use crate::gemm::{self, Sum, matrix, matrix_mut};
use crate::ops::layout::{Axis, Layout, Run, strides};
use crate::ops::{Outputs, elements};
use crate::parts::{self, Looks};
use crate::simd::Simd;
use crate::tensor::{Shape, TensorView};

/// A tensor with labelled axes.
pub(super) struct Operand<S> {
    pub(super) data: Vec<S>,
    pub(super) sizes: Vec<usize>,
    pub(super) labels: Vec<Label>,
}

impl<S: Sum> Operand<S> {
    pub(super) fn of<T: Term<Sum = S>>(
        x: &TensorView<'_>,
        labels: &[Label],
    ) -> Result<Operand<S>, OpError> {
        Ok(Operand {
            data: parts::collected(elements::<T>(x).iter().map(|x| x.widen()))?,
            sizes: x.shape().to_vec(),
            labels: labels.to_vec(),
        })
    }

    /// The elements with these axes, in their order: diagonals where a label is there more than once,
    /// repeated where an axis has size 1 or is not there at all.
    pub(super) fn arranged(
        &self,
        wanted: &[(Label, usize)],
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<Vec<S>, OpError> {
        let steps = strides(&self.sizes);
        let axis = |&(label, len): &(Label, usize)| {
            let mine = (0..self.labels.len()).filter(|&axis| self.labels[axis] == label);
            let moving = mine.filter(|&axis| self.sizes[axis] != 1 || len == 1);
            let step: usize = moving.map(|axis| steps[axis]).sum();
            Axis::from_slice(&[Run::new(len, 0, step as isize)])
        };
        let sizes: Vec<usize> = wanted.iter().map(|(_, size)| *size).collect();
        let len = Shape::new(&sizes)?.elements();
        outputs.check_scratch(len.saturating_mul(size_of::<S>()))?;
        let mut arranged = parts::filled(S::ZERO, len)?;
        let layout = Layout {
            axes: wanted.iter().map(axis).collect(),
        };
        layout.copy(&self.data, &S::ZERO, &mut arranged);
        Ok(arranged)
    }

    /// The product with another, summed up over all labels that are not needed `later`.
    pub(super) fn product(
        &self,
        other: &Operand<S>,
        later: impl Fn(&Label) -> bool,
        size: impl Fn(Label) -> usize,
        outputs: &mut Outputs<'_, '_>,
    ) -> Result<Operand<S>, OpError> {
        let mut all = self.labels.clone();
        for label in &other.labels {
            if !all.contains(label) {
                all.push(*label);
            }
        }
        let part = |mine: bool, others: bool, kept: bool| -> Vec<(Label, usize)> {
            let fits = |label: &&Label| {
                self.labels.contains(label) == mine
                    && other.labels.contains(label) == others
                    && later(label) == kept
            };
            all.iter()
                .filter(fits)
                .map(|&label| (label, size(label)))
                .collect()
        };
        let batch = part(true, true, true);
        let (rows, columns) = (part(true, false, true), part(false, true, true));
        let inner = [
            part(true, true, false),
            part(true, false, false),
            part(false, true, false),
        ]
        .concat();
        let count = |labels: &[(Label, usize)]| -> Result<usize, OpError> {
            let sizes: Vec<usize> = labels.iter().map(|(_, size)| *size).collect();
            Ok(Shape::new(&sizes)?.elements())
        };
        let (batches, m, n, k) = (
            count(&batch)?,
            count(&rows)?,
            count(&columns)?,
            count(&inner)?,
        );
        let a = self.arranged(&[&batch[..], &rows, &inner].concat(), outputs)?;
        let b = other.arranged(&[&batch[..], &columns, &inner].concat(), outputs)?;
        let labels = [&batch[..], &rows, &columns].concat();
        let len = count(&labels)?;
        outputs.check_scratch(len.saturating_mul(size_of::<S>()))?;
        let mut data = parts::filled(S::ZERO, len)?;
        // Each is worth as much as some elements.
        let (work, mut looks) = ((m * n).saturating_mul(k).max(64), Looks::default());
        for index in 0..if len == 0 { 0 } else { batches } {
            looks.check(work)?;
            gemm::multiply(
                Simd::installed(),
                &matrix(&a[index * m * k..][..m * k], m, k, false),
                &matrix(&b[index * n * k..][..n * k], k, n, true),
                false,
                &mut matrix_mut(&mut data[index * m * n..][..m * n], m, n),
            );
        }
        Ok(Operand {
            data,
            sizes: labels.iter().map(|(_, size)| *size).collect(),
            labels: labels.iter().map(|(label, _)| *label).collect(),
        })
    }
}
