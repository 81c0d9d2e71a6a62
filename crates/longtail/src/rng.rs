//! Randomness as a function of its coordinates, never of threads or of arrival order.

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// What a random stream is for. Streams of different purposes never coincide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights.
    Init = 1,
    /// The order of the training images in an epoch.
    Order = 2,
    /// A view of an image.
    View = 3,
    /// Drawing the synthetic set.
    Synthetic = 4,
    /// Holding out images of a folder.
    Split = 5,
    /// Where the points of an embedding begin.
    Embedding = 6,
    /// Drawing the candidates of a search.
    Search = 7,
    /// Resampling test images and seeds.
    Bootstrap = 9,
}

/// The stream at `(seed, purpose, a, b, c)`; a view uses `(epoch, sample, view)`.
///
/// ChaCha8 is used because its output is specified and equal on every platform.
pub fn stream(seed: u64, purpose: Purpose, a: u64, b: u64, c: u64) -> ChaCha8Rng {
    let mut key = [0_u8; 32];
    let tag = (purpose as u64) << 56 | (c & 0x00ff_ffff_ffff_ffff);
    for (chunk, word) in key.chunks_exact_mut(8).zip([seed, a, b, tag]) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_are_reproducible_and_distinct() {
        let first = |p, a, b, c| stream(7, p, a, b, c).next_u64();
        assert_eq!(first(Purpose::View, 1, 2, 3), first(Purpose::View, 1, 2, 3));
        let mut seen = std::collections::HashSet::new();
        for purpose in [Purpose::Init, Purpose::Order, Purpose::View, Purpose::Synthetic] {
            for a in 0..4 {
                for b in 0..4 {
                    for c in 0..4 {
                        assert!(seen.insert(first(purpose, a, b, c)));
                    }
                }
            }
        }
    }
}
