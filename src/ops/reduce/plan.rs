//! Which elements a reduction folds into which.

use crate::ops::elementwise;
use crate::ops::number::BLOCK;

/// Elements that are worth a task of their own.
const GRAIN: usize = 1 << 15;

/// The axes of the input, as few as possible, apart by whether they are folded.
#[derive(Debug)]
pub(super) struct Plan {
    kept: Vec<Axis>,
    folded: Vec<Axis>,
    /// How many elements are folded into one.
    pub(super) count: usize,
    /// The elements in a row that are folded into one, or else 1.
    pub(super) run: usize,
    /// The elements in a row that are folded into as many, or else 1.
    pub(super) row: usize,
}

/// A size, and how far apart elements are in the input.
#[derive(Debug)]
struct Axis {
    size: usize,
    stride: usize,
}

impl Plan {
    pub(super) fn new(shape: &[usize], mask: &[bool]) -> Plan {
        let count = |folded: bool| -> usize {
            let axes = shape.iter().zip(mask).filter(|(_, mask)| **mask == folded);
            axes.map(|(size, _)| size).product()
        };
        // Outermost first; neighbours that are alike are one axis.
        let mut axes: Vec<(Axis, bool)> = Vec::new();
        let mut stride = 1;
        for (&size, &folded) in shape.iter().zip(mask).rev().filter(|(size, _)| **size != 1) {
            match axes.last_mut() {
                Some((axis, last)) if *last == folded => axis.size *= size,
                _ => axes.push((Axis { size, stride }, folded)),
            }
            stride *= size;
        }
        let (mut run, mut row) = (1, 1);
        if !axes.is_empty() {
            let (axis, folded) = axes.remove(0);
            *(if folded { &mut run } else { &mut row }) = axis.size;
        }
        let (mut kept, mut folded) = (Vec::new(), Vec::new());
        for (axis, is_folded) in axes {
            if is_folded { &mut folded } else { &mut kept }.push(axis);
        }
        Plan {
            kept,
            folded,
            count: count(true),
            run,
            row,
        }
    }

    /// Where row `index` of the output begins to be read.
    pub(super) fn start(&self, index: usize) -> usize {
        offset(&self.kept, index)
    }

    /// How far behind that the parts begin which are folded together.
    pub(super) fn parts(&self) -> impl Iterator<Item = usize> {
        let parts = if self.count == 0 {
            0
        } else {
            self.count / self.run
        };
        (0..parts).map(|part| offset(&self.folded, part))
    }

    /// Fills `y` in parts: `fold` gets the index of its first element and room for results, which become
    /// elements by `narrow`.
    pub(super) fn run<T: Send, W: Copy + Default>(
        &self,
        y: &mut [T],
        fold: &(dyn Fn(usize, &mut [W]) + Sync),
        narrow: impl Fn(W) -> T + Sync,
    ) {
        let chunk = |first: usize, y: &mut [T]| {
            let mut wide = [W::default(); BLOCK];
            for (block, y) in y.chunks_mut(BLOCK).enumerate() {
                let wide = &mut wide[..y.len()];
                fold(first + block * BLOCK, wide);
                for (y, wide) in y.iter_mut().zip(wide) {
                    *y = narrow(*wide);
                }
            }
        };
        let grain = (GRAIN / self.count.max(1)).max(1);
        elementwise::parts(y, grain, &chunk);
    }
}

fn offset(axes: &[Axis], index: usize) -> usize {
    let (mut rest, mut offset) = (index, 0);
    for axis in axes {
        offset += rest % axis.size * axis.stride;
        rest /= axis.size;
    }
    offset
}
