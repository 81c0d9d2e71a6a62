use super::Decay;
use crate::section::section;

section! {
    /// `[optimizer]`
    Optimizer, OptimizerTyped {
        /// Learning rate after the warm-up.
        lr: f64,
        /// Momentum.
        momentum: f64,
        /// Nesterov's variant.
        nesterov: bool,
        /// Weight decay.
        weight_decay: f64,
        /// Whether it reaches batch norms.
        weight_decay_on_bn: bool,
    }
}

section! {
    /// `[schedule]`
    ScheduleSection, ScheduleTyped {
        /// Epochs of linear warm-up.
        warmup: usize,
        /// How the learning rate falls.
        decay: Decay,
        /// Where it falls (step).
        milestones: Vec<usize>,
        /// By what (step).
        gamma: f64,
    }
}
