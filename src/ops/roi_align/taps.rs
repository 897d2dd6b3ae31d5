//! The samples of RoiAlign along one axis: which pixels they touch, and with what weights.
//!
//! The samples between two pixels are evenly spaced, so their weights add up in one step, however many
//! they are: work and memory go with the size of the image, not with the number of samples.

use crate::ops::roi::rounded;
use crate::parts::Looks;
use crate::pooling::SumElement;

/// A region along one axis, and the samples of each of its parts, 0 for about one a pixel.
pub(super) struct Span {
    pub(super) start: f64,
    pub(super) len: f64,
    pub(super) samples: u64,
}

/// The pixels that the samples touch along one axis, part after part.
#[derive(Default)]
pub(super) struct Taps {
    taps: Vec<Tap>,
    /// Where the taps of each part end, and whether it has samples outside of the image.
    parts: Vec<(usize, bool)>,
    /// Samples of each part.
    samples: u64,
}

/// A pixel along one axis, and the weights that samples give it.
pub(super) struct Tap {
    pub(super) at: usize,
    pub(super) sum: f64,
    pub(super) most: f64,
    pub(super) least: f64,
}

/// The pixels that the samples of one part touch along one axis.
pub(super) struct Part<'a> {
    pub(super) taps: &'a [Tap],
    pub(super) samples: u64,
    pub(super) leaves_image: bool,
}

/// A pixel takes as long to find as so many elements to sum up.
const COSTLY: usize = 16;

impl Taps {
    /// Bytes that they take at most: each part shares few pixels with the next.
    pub(super) fn bytes(size: usize, parts: usize) -> usize {
        let taps = size.saturating_add(parts.saturating_mul(4));
        taps.saturating_mul(2 * size_of::<Tap>())
    }

    pub(super) fn part(&self, index: usize) -> Part<'_> {
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.parts[before].0);
        let (end, leaves_image) = self.parts[index];
        Part {
            taps: &self.taps[start..end],
            samples: self.samples,
            leaves_image,
        }
    }

    /// Works out the samples of `span`, cut in `parts`, on `size` pixels, at least one.
    pub(super) fn fill<T: SumElement>(&mut self, span: &Span, parts: usize, size: usize) {
        let r = rounded::<T>;
        let step = r(span.len / r(parts as f64));
        let samples = match span.samples {
            0 => step.ceil() as u64,
            samples => samples,
        };
        self.taps.clear();
        self.parts.clear();
        self.samples = samples;
        let mut looks = Looks::default();
        for part in 0..parts {
            if looks.is_set(COSTLY) {
                return;
            }
            let start = r(span.start + r(r(part as f64) * step));
            // Ascending in the index, descending where the length is negative.
            let position = |index: u64| {
                let offset = r(r(r(index as f64) + 0.5) * step);
                r(start + r(offset / r(samples as f64)))
            };
            let enters_later = |x: f64| {
                if step < 0.0 {
                    x > size as f64
                } else {
                    x < -1.0
                }
            };
            let is_inside = |x: f64| (-1.0..=size as f64).contains(&x);

            let from = self.taps.len();
            let first = run_end(0, samples, |index| enters_later(position(index)));
            let mut index = first;
            while index < samples && is_inside(position(index)) {
                // It is looked again by whoever wanted them.
                if looks.is_set(COSTLY) {
                    return;
                }
                let pixel = position(index).floor();
                let end = run_end(index, samples, |next| {
                    is_inside(position(next)) && position(next).floor() == pixel
                });
                self.add(
                    from,
                    size,
                    [position(index), position(end - 1)],
                    end - index,
                );
                index = end;
            }
            self.parts
                .push((self.taps.len(), first > 0 || index < samples));
        }
    }

    /// Adds `count` samples, evenly spaced from `ends[0]` to `ends[1]`, with no pixel between them, to the
    /// part whose taps start at `from`.
    fn add(&mut self, from: usize, size: usize, ends: [f64; 2], count: u64) {
        let low = (ends[0].max(0.0) as usize).min(size - 1);
        // Before the first pixel and from the last one on, a sample is on the pixel.
        let (high, ends) = match low + 1 < size {
            true => (low + 1, ends.map(|x| x.max(0.0) - low as f64)),
            false => (low, [0.0, 0.0]),
        };
        let sum = count as f64 * ((ends[0] + ends[1]) / 2.0);
        self.touch(from, low, count as f64 - sum, ends.map(|x| 1.0 - x));
        self.touch(from, high, sum, ends);
    }

    fn touch(&mut self, from: usize, at: usize, sum: f64, [a, b]: [f64; 2]) {
        // Samples go one way, so a pixel touched before is among the last.
        let known = self.taps[from..].iter_mut().rev().take(3);
        match known.into_iter().find(|tap| tap.at == at) {
            Some(tap) => {
                tap.sum += sum;
                tap.most = tap.most.max(a).max(b);
                tap.least = tap.least.min(a).min(b);
            }
            None => self.taps.push(Tap {
                at,
                sum,
                most: a.max(b),
                least: a.min(b),
            }),
        }
    }
}

/// The end of the run of indices from `start`, below `end`, for which `holds`, found in few steps.
fn run_end(start: u64, end: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut known, mut step) = (start, 1);
    // What holds is below `known`, what does not is at `limit`.
    let mut limit = end;
    while known < end {
        let probe = known.saturating_add(step - 1).min(end - 1);
        if !holds(probe) {
            limit = probe;
            break;
        }
        known = probe + 1;
        step = step.saturating_mul(2);
    }
    while known < limit {
        let middle = known + (limit - known) / 2;
        match holds(middle) {
            true => known = middle + 1,
            false => limit = middle,
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::run_end;

    #[test]
    fn runs_end_where_the_test_fails() {
        for end in 0..70 {
            for limit in 0..=end {
                assert_eq!(run_end(0, end, |index| index < limit), limit);
            }
        }
        assert_eq!(run_end(5, u64::MAX, |_| true), u64::MAX);
    }
}
