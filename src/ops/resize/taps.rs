//! Where an element of a resized axis comes from: the places in the input, and their weights.

use super::mode::{Coordinates, Mode, Nearest};
use crate::error::OpError;
use crate::parts::Looks;

/// How one axis is resized.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) input: usize,
    pub(super) output: usize,
    /// By how much, as given; the output size is cut off from that.
    pub(super) scale: f64,
    /// The output size before it was cut off.
    pub(super) length: f64,
    /// The part of the input that is resized, for [`Coordinates::Crop`]: 0 is its first element, 1 its last.
    pub(super) roi: (f64, f64),
}

impl Axis {
    /// The place in the input that output element `x` shows.
    pub(super) fn place(&self, x: usize, coordinates: Coordinates) -> f64 {
        let last = self.input as f64 - 1.0;
        let x = x as f64;
        match coordinates {
            Coordinates::PytorchHalfPixel if self.length <= 1.0 => 0.0,
            Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => (x + 0.5) / self.scale - 0.5,
            Coordinates::HalfPixelSymmetric => {
                // What was cut off from the output is left out on both sides.
                let kept = self.output as f64 / self.length;
                self.input as f64 / 2.0 * (1.0 - kept) + (x + 0.5) / self.scale - 0.5
            }
            Coordinates::AlignCorners if self.length <= 1.0 => 0.0,
            Coordinates::AlignCorners => x * last / (self.length - 1.0),
            Coordinates::Asymmetric => x / self.scale,
            Coordinates::TfHalfPixelForNn => (x + 0.5) / self.scale,
            Coordinates::Crop => {
                let (start, end) = self.roi;
                match self.output {
                    1 => (start + end) / 2.0 * last,
                    _ => start * last + x * (end - start) * last / (self.output as f64 - 1.0),
                }
            }
        }
    }

    /// Whether a place lies outside the input where that counts.
    pub(super) fn is_outside(&self, place: f64, coordinates: Coordinates) -> bool {
        let on = place >= 0.0 && place <= self.input as f64 - 1.0;
        matches!(coordinates, Coordinates::Crop) && !on
    }

    /// The element of the input at `place`, or next to it.
    pub(super) fn nearest(&self, place: f64, mode: Nearest) -> usize {
        let below = place.floor();
        let share = place - below;
        let up = match mode {
            Nearest::RoundPreferFloor => share > 0.5,
            Nearest::RoundPreferCeil => share >= 0.5,
            Nearest::Floor => false,
            Nearest::Ceil => share > 0.0,
            Nearest::Simple => share > 0.0 && self.scale < 1.0,
        };
        self.clamp(below + f64::from(u8::from(up)))
    }

    fn clamp(&self, place: f64) -> usize {
        place.clamp(0.0, self.input as f64 - 1.0) as usize
    }

    /// The weights of the elements around `place`; they add up to 1.
    ///
    /// # Errors
    /// The run is to stop.
    pub(super) fn weights(&self, place: f64, mode: &Mode) -> Result<Vec<(usize, f64)>, OpError> {
        let below = place.floor();
        let share = place - below;
        // Weights of a smaller image reach as far in it, and so farther in this one.
        let scale = if mode.antialias {
            self.scale.min(1.0)
        } else {
            1.0
        };
        let reach = if mode.cubic { 2.0 } else { 1.0 };
        let first = (-reach / scale).floor() as i64 + 1;
        let mut taps: Vec<(usize, f64)> = Vec::new();
        let mut looks = Looks::default();
        for step in first..2 - first {
            looks.check(1)?;
            let place = below + step as f64;
            let on = place >= 0.0 && place < self.input as f64;
            let distance = ((step as f64 - share) * scale).abs();
            let weight = match mode.cubic {
                false => (1.0 - distance).max(0.0),
                true => cubic(distance, mode.cubic_coeff_a),
            };
            if weight == 0.0 || (mode.exclude_outside && !on) {
                continue;
            }
            let place = self.clamp(place);
            match taps.last_mut() {
                Some((last, sum)) if *last == place => *sum += weight,
                _ => taps.push((place, weight)),
            }
        }
        let sum = taps.iter().fold(0.0, |sum, (_, weight)| sum + weight);
        for (_, weight) in &mut taps {
            *weight /= sum;
        }
        Ok(taps)
    }
}

/// The cubic convolution kernel with parameter `a`.
pub(in crate::ops) fn cubic(x: f64, a: f64) -> f64 {
    match x {
        ..=1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
        ..2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
        _ => 0.0,
    }
}
