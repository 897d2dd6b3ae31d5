//! Runs: windows of an axis that are folded alike.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use super::lanes::Vectored;
use super::reduce::Reduction;
use crate::allocate;
use crate::window::Axis;

/// Windows that follow each other and have the same number of taps, `count`, and the same share of the divisor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The first window.
    pub(super) window: usize,
    /// How many there are.
    pub(super) windows: usize,
    /// The position of the first window's first tap that lies on the input.
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) share: f64,
}

impl Run {
    /// The part of it that lies in `windows`, if any does.
    fn within(&self, windows: (usize, usize), stride: usize) -> Option<Run> {
        let (from, to) = (
            self.window.max(windows.0),
            (self.window + self.windows).min(windows.1),
        );
        (from < to).then(|| Run {
            window: from,
            windows: to - from,
            first: self.first + (from - self.window) * if self.count == 0 { 0 } else { stride },
            ..*self
        })
    }
}

/// The runs of an axis, in memory that the thread keeps: long pads make many of them.
#[derive(Default)]
pub(super) struct Runs(Vec<Run>);

thread_local! {
    static SPARES: RefCell<Vec<Vec<Run>>> = const { RefCell::new(Vec::new()) };
}

/// How many spare ones a thread keeps.
const MOST_SPARES: usize = 8;

impl Drop for Runs {
    fn drop(&mut self) {
        let mut runs = std::mem::take(&mut self.0);
        runs.clear();
        SPARES.with_borrow_mut(|spares| {
            if runs.capacity() > 0 && spares.len() < MOST_SPARES {
                spares.push(runs);
            }
        });
    }
}

impl Deref for Runs {
    type Target = [Run];

    fn deref(&self) -> &[Run] {
        &self.0
    }
}

impl DerefMut for Runs {
    fn deref_mut(&mut self) -> &mut [Run] {
        &mut self.0
    }
}

impl Runs {
    /// No runs yet.
    fn none() -> Runs {
        Runs(SPARES.with_borrow_mut(Vec::pop).unwrap_or_default())
    }

    /// Those of an axis, whose shares differ if results are divided.
    pub(super) fn of<T: Vectored, R: Reduction<T>>(
        reduction: &R,
        axis: &Axis,
        divides: bool,
    ) -> Runs {
        let mut all = Runs::none();
        let runs = &mut all.0;
        let full = axis.full_windows();
        let mut window = 0;
        while window < axis.output {
            let (first, count) = axis.real_taps(window);
            let share = match divides {
                true => reduction.share(axis, window),
                false => 1.0,
            };
            // All windows between have all taps, so that they differ in nothing.
            let windows = if full.contains(&window) {
                full.end - window
            } else {
                1
            };
            match runs.last_mut() {
                Some(last)
                    if last.count == count
                        && last.share == share
                        && (count == 0 || last.first + last.windows * axis.stride == first) =>
                {
                    last.windows += windows;
                }
                _ => {
                    let run = Run {
                        window,
                        windows,
                        first,
                        count,
                        share,
                    };
                    allocate::push(runs, run);
                }
            }
            window += windows;
        }
        all
    }

    /// Those of `windows` of an axis, counted from the first of them, over rows of which the first `skipped` are not
    /// there.
    pub(super) fn within(&self, windows: (usize, usize), stride: usize, skipped: usize) -> Runs {
        let mut runs = Runs::none();
        for run in &self.0 {
            if let Some(run) = run.within(windows, stride) {
                let run = Run {
                    window: run.window - windows.0,
                    first: run.first - run.first.min(skipped),
                    ..run
                };
                allocate::push(&mut runs.0, run);
            }
        }
        runs
    }
}
