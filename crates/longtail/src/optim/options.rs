use super::Decay;
use crate::section::{Limits, section};

section! {
    /// `[optimizer]`
    "optimizer" Optimizer, OptimizerTyped {
        /// Learning rate after the warm-up.
        lr: f64 =>
            "learning rate after the warm-up, above 0", "paper §4.2; Longtail",
            elsewhere "0.05 for steps of 32 images in folders and lists", within Limits::POSITIVE.capped(1e30);
        /// Momentum.
        momentum: f64 =>
            "at least 0, below 1", "BCL's code",
            within Limits::range(0.0, 1.0 - f64::EPSILON, "momentum is in [0, 1)");
        /// Nesterov's variant.
        nesterov: bool =>
            "`true`, `false`", "BCL's code";
        /// Weight decay on every parameter.
        weight_decay: f64 =>
            "at least 0", "BCL on CIFAR", within Limits::FACTOR;
        /// Whether it reaches batch norms.
        weight_decay_on_bn: bool =>
            "`true`, `false`: whether it reaches batch norms", "BCL's code";
    }
}

section! {
    /// `[schedule]`
    "schedule" ScheduleSection, ScheduleTyped {
        /// Epochs of linear warm-up.
        warmup: usize =>
            "epochs of linear warm-up", "BCL on CIFAR; Longtail", within Limits::EPOCHS;
        /// How the learning rate falls.
        decay: Decay =>
            r#"`"step"`, `"cosine"`"#, "BCL on CIFAR";
        /// Where it falls (step).
        milestones: Vec<usize> =>
            "epochs, counted from 0, from which on the rate is multiplied (step)", "BCL on CIFAR; Longtail",
            within Limits::EPOCHS;
        /// By what (step).
        gamma: f64 =>
            "by what it is multiplied, above 0 (step)", "BCL on CIFAR";
    }
}
