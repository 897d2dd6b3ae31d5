//! The Mersenne Twister MT19937 (M. Matsumoto, T. Nishimura, 1998), as numpy draws doubles from it.

const LENGTH: usize = 624;
const SHIFT: usize = 397;

pub(super) struct Twister {
    state: [u32; LENGTH],
    next: usize,
}

impl Twister {
    pub(super) fn new(seed: u32) -> Twister {
        let mut state = [seed; LENGTH];
        for index in 1..LENGTH {
            let last = state[index - 1];
            state[index] = (last ^ last >> 30)
                .wrapping_mul(1_812_433_253)
                .wrapping_add(index as u32);
        }
        Twister {
            state,
            next: LENGTH,
        }
    }

    fn twist(&mut self) {
        for index in 0..LENGTH {
            let high = self.state[index] & 0x8000_0000;
            let mixed = high | self.state[(index + 1) % LENGTH] & 0x7fff_ffff;
            let odd = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + SHIFT) % LENGTH] ^ mixed >> 1 ^ odd;
        }
        self.next = 0;
    }

    fn bits(&mut self) -> u32 {
        if self.next == LENGTH {
            self.twist();
        }
        let mut bits = self.state[self.next];
        self.next += 1;
        bits ^= bits >> 11;
        bits ^= bits << 7 & 0x9d2c_5680;
        bits ^= bits << 15 & 0xefc6_0000;
        bits ^ bits >> 18
    }

    /// A double of 53 random bits, at least 0 and below 1.
    pub(super) fn unit(&mut self) -> f64 {
        let (high, low) = (self.bits() >> 5, self.bits() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence() {
        // The ten-thousandth number from the generator's usual seed.
        let mut random = Twister::new(5489);
        let last = (0..10_000).map(|_| random.bits()).last();
        assert_eq!(last, Some(4_123_659_995));
    }
}
