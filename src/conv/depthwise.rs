//! Convolution where each input channel has weights of its own: each row of the output is summed up in
//! place, one tap after the other.

use rayon::prelude::*;

use super::Sizes;
use super::columns::Rows;
use crate::gemm::{Factor, Finish, Sum};

/// Multiplications that are worth a task of their own.
const GRAIN: usize = 1 << 17;

pub(super) fn convolve<T: Factor>(
    sizes: &Sizes,
    x: &[T],
    w: &[T::Sum],
    bias: Option<&[T::Sum]>,
    finish: Finish<'_, T::Sum>,
    y: &mut [T],
) {
    let (windows, taps, plane) = (sizes.windows(), sizes.taps(), sizes.plane());
    let rows = Rows::new(&sizes.axes);
    let planes = (GRAIN / windows.saturating_mul(taps).max(1)).max(1);
    let channels = sizes.groups * sizes.outputs;
    y.par_chunks_mut(windows)
        .with_min_len(planes)
        .enumerate()
        .for_each(|(at, y)| {
            let (image, channel) = (at / channels, at % channels);
            let input = image * sizes.groups + channel / sizes.outputs;
            let x = &x[input * plane..][..plane];
            let w = &w[channel * taps..][..taps];
            let start = bias.map_or(T::Sum::ZERO, |bias| bias[channel]);
            let finish = finish.plane(at, windows);
            rows.sum(x, w, start, finish, y);
        });
}

impl Rows<'_> {
    /// The windows of one channel, each tap times its weight.
    fn sum<T: Factor>(
        &self,
        x: &[T],
        w: &[T::Sum],
        start: T::Sum,
        finish: Finish<'_, T::Sum>,
        y: &mut [T],
    ) {
        let last = self.last();
        let mut sums = vec![start; last.output];
        let mut starts = Vec::new();
        for (row, y) in y.chunks_mut(last.output).enumerate() {
            self.starts(row, &mut starts);
            sums.fill(start);
            for (start, w) in starts.iter().zip(w.chunks(last.kernel)) {
                let Some(start) = *start else { continue };
                let x = &x[start..][..last.input];
                for (tap, &w) in w.iter().enumerate() {
                    let range = self.range(tap);
                    if range.is_empty() {
                        continue;
                    }
                    let x = &x[last.place(range.start, tap)..];
                    let sums = &mut sums[range];
                    match last.stride {
                        1 => {
                            for (sum, x) in sums.iter_mut().zip(x) {
                                *sum = sum.plus_product(x.widen(), w);
                            }
                        }
                        stride => {
                            for (sum, x) in sums.iter_mut().zip(x.iter().step_by(stride)) {
                                *sum = sum.plus_product(x.widen(), w);
                            }
                        }
                    }
                }
            }
            finish.apply(0, row * last.output, &mut sums);
            for (y, &sum) in y.iter_mut().zip(&sums) {
                *y = T::narrow(sum);
            }
        }
    }
}
