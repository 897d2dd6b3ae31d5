//! Whether numbers are small enough for tiles.

use fearless_simd::Simd as Vectors;
use rayon::prelude::*;

use crate::installed::Installed;
use crate::simd::{Simd, dispatch};

/// The largest number with which no product of tiles overflows where the sums do not.
const LARGEST: f32 = 1e15;

/// Numbers that are seen between looks at whether the run is to stop.
const SEEN: usize = 1 << 18;

/// Whether tiles may be used for these numbers: a transform mixes those of a whole tile, so that an infinity or NaN, or what
/// overflows beside it, would reach windows that do not read it.
pub(crate) fn suits(x: &[f32]) -> bool {
    let level = Simd::installed();
    let installed = Installed::hand_over();
    x.par_chunks(SEEN).all(|x| {
        // What is stopped may be done in any way.
        installed.enter().is_some()
            && dispatch!(level, s => largest(s, x)) <= LARGEST.to_bits() as i32
    })
}

/// The largest absolute value as bits, which have the order of the numbers, with infinity and NaN above them.
#[inline(always)]
fn largest<S: Vectors>(_: S, x: &[f32]) -> i32 {
    const LANES: usize = 64;
    let mut largest = [0i32; LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            let bits = (block[lane].to_bits() & 0x7fff_ffff) as i32;
            largest[lane] = largest[lane].max(bits);
        }
    }
    let mut result = 0;
    for lane in 0..LANES {
        result = largest[lane].max(result);
    }
    for x in rest {
        result = ((x.to_bits() & 0x7fff_ffff) as i32).max(result);
    }
    result
}
