//! NumPy's legacy random numbers, which the reference code selects the long-tailed subsets with.

const N: usize = 624;
const M: usize = 397;

/// MT19937 as `numpy.random.seed` seeds it (Knuth's recurrence).
///
/// ```
/// use longtail::data::NumpyRng;
///
/// // The first number that the authors of MT19937 print, of their default seed.
/// assert_eq!(NumpyRng::new(5489).next_u32(), 3_499_211_612);
/// ```
#[derive(Debug, Clone)]
pub struct NumpyRng {
    state: [u32; N],
    next: usize,
}

impl NumpyRng {
    /// `numpy.random.seed(seed)`; NumPy takes seeds of 32 bits.
    pub fn new(seed: u32) -> Self {
        let mut state = [0; N];
        state[0] = seed;
        for i in 1..N {
            let previous = state[i - 1] ^ (state[i - 1] >> 30);
            state[i] = previous.wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Self { state, next: N }
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// A number in 0..=`max`, by masked rejection.
    fn up_to(&mut self, max: u32) -> u32 {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = self.next_u32() & mask;
            if drawn <= max {
                return drawn;
            }
        }
    }

    /// `numpy.random.shuffle`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.up_to(i as u32) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `oracles/subset_seed0.json`, which NumPy made.
    #[test]
    fn words_and_shuffles_are_numpys() {
        let mut rng = NumpyRng::new(0);
        let words = [0; 5].map(|_| rng.next_u32());
        assert_eq!(words, [2357136044, 2546248239, 3071714933, 3626093760, 2588848963]);
        let mut positions: Vec<u32> = (0..5000).collect();
        NumpyRng::new(0).shuffle(&mut positions);
        assert_eq!(positions[..8], [398, 3833, 4836, 4572, 636, 2545, 1161, 2230]);
    }

    #[test]
    fn every_bound_is_reached_and_none_passed() {
        let mut rng = NumpyRng::new(7);
        for max in [0, 1, 2, 3, 4, 7, 8] {
            let drawn: Vec<u32> = (0..400).map(|_| rng.up_to(max)).collect();
            assert_eq!(drawn.iter().max(), Some(&max));
            assert_eq!(drawn.iter().min(), Some(&0));
        }
    }
}
