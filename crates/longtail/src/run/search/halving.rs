/// Successive halving (Jamieson and Talwalkar 2016): candidates train for a few epochs, the best share of them for more,
/// and so on. Schedules are those of the whole run from the first step, so that what goes on is what would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halving {
    /// One of so many candidates goes on, for so many times the epochs.
    pub eta: usize,
    /// Epochs of the first rung.
    pub min_epochs: usize,
}

impl Halving {
    /// The epochs of every rung before the whole run of `whole` epochs, and how many of `candidates` go on after it.
    pub fn rungs(self, whole: usize, candidates: usize) -> Vec<(usize, usize)> {
        let (mut rungs, mut left) = (Vec::new(), candidates);
        let (eta, mut epochs) = (self.eta.max(2), self.min_epochs.max(1));
        while epochs < whole && left > 1 {
            left = (left / eta).max(1);
            rungs.push((epochs, left));
            epochs = epochs.saturating_mul(eta);
        }
        rungs
    }
}
