//! The signs of numbers, and which of them are zero, in two bits each.

use crate::error::OpError;
use crate::parts;

/// Numbers of which a byte has the signs.
const TOGETHER: usize = 4;

/// Signs of a list of numbers.
#[derive(Debug)]
pub(super) struct Signs {
    /// 0 for zero, 1 above it, 2 below; the first in the lowest bits.
    pairs: Vec<u8>,
    len: usize,
}

impl Signs {
    /// Those of `x`, of which none is NaN.
    ///
    /// # Errors
    /// The work is to stop.
    pub(super) fn of(x: &[f32]) -> Result<Signs, OpError> {
        let pair = |x: &f32| u8::from(*x > 0.0) | u8::from(*x < 0.0) << 1;
        let byte = |x: &[f32]| x.iter().rev().fold(0, |byte, x| byte << 2 | pair(x));
        Ok(Signs {
            pairs: parts::collected(x.chunks(TOGETHER).map(byte))?,
            len: x.len(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that those of so many numbers take.
    pub(super) fn bytes(len: usize) -> usize {
        len.div_ceil(TOGETHER)
    }

    /// What is nearest to `x` of the numbers with sign number `at`.
    pub(super) fn give(&self, at: usize, x: f32) -> f32 {
        match self.pairs[at / TOGETHER] >> (at % TOGETHER * 2) & 3 {
            0 => 0.0,
            1 => x.max(f32::MIN_POSITIVE),
            _ => x.min(-f32::MIN_POSITIVE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_given_the_signs_that_others_had() {
        let x = [1.0, -2.0, 0.0, -0.0, 1e-40, -3.0];
        let signs = Signs::of(&x).expect("nobody stops it");
        assert_eq!((signs.len(), signs.pairs.len()), (6, Signs::bytes(6)));
        let given = |near: f32| (0..6).map(|at| signs.give(at, near)).collect::<Vec<_>>();
        let least = f32::MIN_POSITIVE;
        assert_eq!(given(5.0), [5.0, -least, 0.0, 0.0, 5.0, -least]);
        assert_eq!(given(-5.0), [least, -5.0, 0.0, 0.0, least, -5.0]);
    }
}
