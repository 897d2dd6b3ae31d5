//! A right matrix whose elements are normalized while they are laid out, as convolutions behind a BatchNormalization read them.

use fearless_simd::{Level, Simd, SimdBase, SimdFloat};

use crate::allocate;
use crate::gemm::{Activation, COLUMNS, Finish, Right};
use crate::parts::Looks;
use crate::simd::{LANES, dispatch};

/// What is done to the elements of each channel: times a factor, plus a summand, then a function.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(super) lines: Vec<(f32, f32)>,
    pub(super) bounds: [f32; 2],
}

impl Lines {
    /// Unless a number is too large for their type.
    pub(crate) fn new(
        factors: &[f64],
        summands: &[f64],
        activation: Activation<f64>,
    ) -> Option<Lines> {
        let lines = factors.iter().zip(summands);
        let lines = lines.map(|(factor, summand)| (*factor as f32, *summand as f32));
        let lines: Vec<(f32, f32)> = allocate::collected(lines);
        let finite = |(factor, summand): &(f32, f32)| factor.is_finite() && summand.is_finite();
        lines.iter().all(finite).then(|| Lines {
            lines,
            bounds: activation.map(|x| x as f32).bounds(),
        })
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.len() * size_of::<(f32, f32)>()
    }
}

/// The elements of the channels of a group, `columns` of each.
pub(super) struct Led<'a> {
    pub(super) level: Level,
    pub(super) x: &'a [f32],
    pub(super) columns: usize,
    pub(super) lines: &'a [(f32, f32)],
    pub(super) bounds: &'a [f32; 2],
}

impl Right<f32> for Led<'_> {
    fn lay(&self, first: usize, count: usize, panel: &mut [f32]) {
        dispatch!(self.level, s => lay(s, self, first, count, panel));
    }
}

#[inline(always)]
fn lay<S: Simd>(s: S, led: &Led<'_>, first: usize, count: usize, panel: &mut [f32]) {
    let len = <S::f32s as SimdBase<S>>::LEN;
    let finish = Finish {
        bounds: led.bounds,
        ..Finish::NONE
    };
    let mut part = [0.0; LANES];
    let mut looks = Looks::default();
    for channel in 0..led.lines.len() {
        if looks.is_set(COLUMNS) {
            return;
        }
        let (factor, summand) = led.lines[channel];
        let factor = <S::f32s as SimdBase<S>>::splat(s, factor);
        let summand = <S::f32s as SimdBase<S>>::splat(s, summand);
        let x = &led.x[channel * led.columns + first..][..count];
        let y = &mut panel[channel * COLUMNS..][..COLUMNS];
        let mut i = 0;
        while i < COLUMNS {
            // What is behind the last element may be any number.
            let x = if i + len <= count {
                &x[i..i + len]
            } else {
                for at in i..count {
                    part[at - i] = x[at];
                }
                &part[..len]
            };
            let x = <S::f32s as SimdBase<S>>::from_slice(s, x);
            let mut led = [[x.mul_add(factor, summand)]];
            finish.apply_to(s, 0, &mut led);
            led[0][0].store_slice(&mut y[i..i + len]);
            i += len;
        }
    }
}
