//! What a padded axis reads, in every mode.

use smallvec::smallvec;

use super::{Mode, Pad};
use crate::error::OpError;
use crate::ops::layout::{Axis, Run};
use crate::stop;

impl Pad {
    /// What the output reads along an axis of `size` and `stride`.
    ///
    /// # Errors
    /// The run is to stop.
    pub(super) fn axis(
        &self,
        size: usize,
        stride: usize,
        pads: (i64, i64),
    ) -> Result<Axis, OpError> {
        let step = stride as isize;
        if self.mode == Mode::Constant {
            // A pad behind may reach beyond the beginning, and one before beyond the end.
            let total = (size as i128 + i128::from(pads.0) + i128::from(pads.1)) as usize;
            let before = (pads.0.max(0) as usize).min(total);
            let first = taken(pads.0).min(size);
            let last = (size as i128 + i128::from(pads.1.min(0))).max(first as i128) as usize;
            let kept = (last - first).min(total - before);
            return Ok(smallvec![
                Run::fill(before),
                Run::new(kept, first * stride, step),
                Run::fill(total - before - kept),
            ]);
        }
        let first = taken(pads.0);
        let kept = size - first - taken(pads.1);
        let (before, behind) = (pads.0.max(0) as usize, pads.1.max(0) as usize);
        let total = before + kept + behind;
        let at = |place: usize| (first + place) * stride;
        let mut runs = Axis::new();
        match self.mode {
            _ if kept <= 1 => runs.push(Run::new(total, at(0), 0)),
            Mode::Constant | Mode::Edge => {
                runs.push(Run::new(before, at(0), 0));
                runs.push(Run::new(kept, at(0), step));
                runs.push(Run::new(behind, at(kept - 1), 0));
            }
            Mode::Wrap => {
                let mut phase = (kept - before % kept) % kept;
                let mut left = total;
                while left > 0 {
                    stop::check_step(runs.len())?;
                    let len = (kept - phase).min(left);
                    runs.push(Run::new(len, at(phase), step));
                    (phase, left) = (0, left - len);
                }
            }
            Mode::Reflect => {
                // Up, then down again without the two ends: a period of twice the steps between elements.
                let up = kept - 1;
                let mut phase = (2 * up - before % (2 * up)) % (2 * up);
                let mut left = total;
                while left > 0 {
                    stop::check_step(runs.len())?;
                    let rising = phase < up;
                    let len = (if rising { up } else { 2 * up } - phase).min(left);
                    runs.push(match rising {
                        true => Run::new(len, at(phase), step),
                        false => Run::new(len, at(2 * up - phase), -step),
                    });
                    (phase, left) = ((phase + len) % (2 * up), left - len);
                }
            }
        }
        Ok(runs)
    }

    /// The most runs that [`Pad::axis`] makes of an axis.
    pub(super) fn runs(&self, size: usize, pads: (i64, i64)) -> usize {
        let kept = size
            .saturating_sub(taken(pads.0))
            .saturating_sub(taken(pads.1));
        let around = (pads.0.max(0) as usize).saturating_add(pads.1.max(0) as usize);
        match self.mode {
            Mode::Constant | Mode::Edge => 3,
            Mode::Wrap | Mode::Reflect => {
                4usize.saturating_add(around / kept.saturating_sub(1).max(1))
            }
        }
    }
}

/// How many elements a negative pad takes away.
fn taken(pad: i64) -> usize {
    pad.min(0).unsigned_abs() as usize
}
