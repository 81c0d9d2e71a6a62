use rand::seq::SliceRandom;

use crate::rng::{Purpose, stream};

/// Where in training a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Batch of the epoch, from 0.
    pub batch: usize,
}

/// Which images make which batch: every image once an epoch, in an order that is a function of the
/// seed and the epoch alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    indices: Vec<u32>,
    batch_size: usize,
    drop_last: bool,
    seed: u64,
}

impl Sampler {
    /// Draws from `indices`, `batch_size` (≥ 1) at a time; an epoch's last, partial batch is left
    /// out if `drop_last`.
    pub fn new(indices: Vec<u32>, batch_size: usize, drop_last: bool, seed: u64) -> Self {
        Self { indices, batch_size: batch_size.max(1), drop_last, seed }
    }

    /// Batches of an epoch.
    pub fn batches(&self) -> usize {
        match self.drop_last {
            true => self.indices.len() / self.batch_size,
            false => self.indices.len().div_ceil(self.batch_size),
        }
    }

    /// The images of an epoch in its order.
    pub fn order(&self, epoch: usize) -> Vec<u32> {
        let mut order = self.indices.clone();
        order.shuffle(&mut stream(self.seed, Purpose::Order, epoch as u64, 0, 0));
        order
    }

    /// The images of batch `batch` of an epoch's `order`.
    pub fn batch<'a>(&self, order: &'a [u32], batch: usize) -> &'a [u32] {
        let start = (batch * self.batch_size).min(order.len());
        &order[start..(start + self.batch_size).min(order.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_comes_once_an_epoch() {
        let sampler = Sampler::new((0..103).map(|i| i * 3).collect(), 10, false, 5);
        assert_eq!(sampler.batches(), 11);
        let mut orders = Vec::new();
        for epoch in 0..3 {
            let order = sampler.order(epoch);
            let mut seen: Vec<u32> =
                (0..11).flat_map(|b| sampler.batch(&order, b)).copied().collect();
            assert_eq!(sampler.batch(&order, 10).len(), 3);
            seen.sort_unstable();
            assert_eq!(seen, (0..103).map(|i| i * 3).collect::<Vec<_>>());
            orders.push(order);
        }
        assert_ne!(orders[0], orders[1]);
        assert_eq!(orders[1], sampler.order(1));
        let other = Sampler { seed: 6, ..sampler.clone() };
        assert_ne!(orders[0], other.order(0));
        assert_eq!(Sampler { drop_last: true, ..sampler }.batches(), 10);
    }
}
