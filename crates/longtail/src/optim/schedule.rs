use std::f64::consts::PI;

use crate::choice::choice;

/// The learning rate of every epoch (as BCL's code).
///
/// ```
/// use longtail::optim::{Decay, Schedule};
///
/// let (decay, milestones, gamma) = (Decay::Step, vec![160, 180], 0.5);
/// let schedule = Schedule { lr: 0.2, warmup: 4, epochs: 200, decay, milestones, gamma };
/// let lr = [0, 3, 159, 160, 199].map(|epoch| schedule.lr(epoch));
/// assert_eq!(lr, [0.05, 0.2, 0.2, 0.1, 0.05]);
///
/// assert!((Schedule::cosine(1.0, 3).lr(1) - 0.5).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Learning rate after the warm-up.
    pub lr: f64,
    /// Epochs of linear warm-up.
    pub warmup: usize,
    /// Epochs E of the whole run.
    pub epochs: usize,
    /// What follows the warm-up.
    pub decay: Decay,
    /// 0-based epochs from which it is multiplied with γ once more ([`Decay::Step`]).
    pub milestones: Vec<usize>,
    /// γ ([`Decay::Step`]).
    pub gamma: f64,
}

choice! {
    /// How the learning rate falls after the warm-up.
    Decay {
        /// Times gamma at every milestone.
        Step = "step",
        /// Half a cosine to 0.
        Cosine = "cosine",
    }
}

impl Schedule {
    /// Half a cosine from `lr` to 0, without a warm-up.
    pub fn cosine(lr: f64, epochs: usize) -> Self {
        Self { lr, warmup: 0, epochs, decay: Decay::Cosine, milestones: Vec::new(), gamma: 1.0 }
    }

    /// Whether the learning rate of each of so many epochs is a finite number above 0.
    ///
    /// ```
    /// use longtail::optim::Schedule;
    ///
    /// assert!(Schedule::cosine(0.1, 9).is_usable(9));
    /// assert!(!Schedule::cosine(f64::NAN, 9).is_usable(9));
    /// ```
    pub fn is_usable(&self, epochs: usize) -> bool {
        let is_usable = |lr: f64| lr.is_finite() && lr > 0.0;
        is_usable(self.lr) && (0..epochs).all(|epoch| is_usable(self.lr(epoch)))
    }

    /// Learning rate of the 0-based `epoch`.
    pub fn lr(&self, epoch: usize) -> f64 {
        if epoch < self.warmup {
            return self.lr * (epoch + 1) as f64 / self.warmup as f64;
        }
        match self.decay {
            Decay::Step => {
                let passed = self.milestones.iter().filter(|&&m| epoch >= m).count();
                (0..passed).fold(self.lr, |lr, _| lr * self.gamma)
            }
            Decay::Cosine => {
                let done = (epoch - self.warmup + 1) as f64;
                let whole = (self.epochs.max(epoch + 1) - self.warmup + 1) as f64;
                0.5 * self.lr * (1.0 + (PI * done / whole).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(lr: f64, gamma: f64) -> Schedule {
        let (decay, milestones) = (Decay::Step, vec![160, 180]);
        Schedule { lr, warmup: 5, epochs: 200, decay, milestones, gamma }
    }

    #[track_caller]
    fn check(schedule: &Schedule, expected: &[(usize, f64)]) {
        for &(epoch, lr) in expected {
            let actual = schedule.lr(epoch);
            assert!((actual - lr).abs() <= 1e-15, "epoch {epoch}: {actual} is not {lr}");
        }
    }

    /// Values of `oracles/metrics_schedules.json`.
    #[test]
    fn schedules_are_the_references() {
        let bcl = [
            (0, 0.04),
            (1, 0.08),
            (4, 0.2),
            (5, 0.2),
            (159, 0.2),
            (160, 0.020000000000000004),
            (179, 0.020000000000000004),
            (180, 0.0020000000000000005),
            (199, 0.0020000000000000005),
        ];
        check(&step(0.2, 0.1), &bcl);
        let ldam =
            [(0, 0.02), (4, 0.1), (5, 0.1), (159, 0.1), (160, 0.001), (179, 0.001), (180, 1e-5)];
        check(&step(0.1, 0.01), &ldam);
        let cosine = [
            (0, 0.09997020702755353),
            (1, 0.09988086361506239),
            (44, 0.05086303204526943),
            (88, 0.00011913638493761814),
            (89, 2.9792972446479606e-05),
        ];
        check(&Schedule::cosine(0.1, 90), &cosine);
    }
}
