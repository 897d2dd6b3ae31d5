//! The axes before the last two: along them windows are sums of tiles of several slices.

use super::super::product;
use crate::allocate;
use crate::window::Axis;

/// How the slices of an output are made of those of the input.
pub(super) struct Slices {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Taps along the axes before the last two.
    pub(super) taps: usize,
    pub(super) runs: Vec<Run>,
}

/// Slices of the output that follow each other, with those of the input that a tap of them reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) tap: usize,
    pub(super) output: usize,
    pub(super) input: usize,
    pub(super) count: usize,
}

impl Slices {
    /// The numbers alone.
    pub(super) fn sized(outer: &[Axis]) -> Slices {
        Slices {
            inputs: product(outer, |axis| axis.input),
            outputs: product(outer, |axis| axis.output),
            taps: product(outer, |axis| axis.kernel),
            runs: Vec::new(),
        }
    }

    pub(super) fn new(outer: &[Axis]) -> Slices {
        let mut slices = Slices::sized(outer);
        for tap in 0..slices.taps {
            for output in 0..slices.outputs {
                let Some(input) = input(outer, output, tap) else {
                    continue;
                };
                match slices.runs.last_mut() {
                    Some(run)
                        if run.tap == tap
                            && run.output + run.count == output
                            && run.input + run.count == input =>
                    {
                        run.count += 1;
                    }
                    _ => allocate::push(
                        &mut slices.runs,
                        Run {
                            tap,
                            output,
                            input,
                            count: 1,
                        },
                    ),
                }
            }
        }
        slices
    }

    /// Whether a single run makes all of the output.
    pub(super) fn are_one_run(&self) -> bool {
        matches!(self.runs[..], [run] if run.count == self.outputs)
    }
}

/// The slice that a tap of a slice of the output reads; `None` where it lies on padding.
fn input(outer: &[Axis], output: usize, tap: usize) -> Option<usize> {
    let (mut output, mut tap, mut slice, mut pitch) = (output, tap, 0, 1);
    for axis in outer.iter().rev() {
        let (o, t) = (output % axis.output, tap % axis.kernel);
        (output, tap) = (output / axis.output, tap / axis.kernel);
        if !axis.windows_on(t).contains(&o) {
            return None;
        }
        slice += axis.place(o, t) * pitch;
        pitch *= axis.input;
    }
    Some(slice)
}
