//! Signs that a run does not learn, told while it can still be stopped.

use std::fmt;

use crate::recipe::usual_rate;

/// Steps before a run is judged: fewer say nothing.
const LEAST_STEPS: u64 = 20;
/// A loss that has grown by this factor over the warm-up is not falling.
const GROWN: f64 = 1.5;
/// A share of predictions from which on they count as all one class.
const ALL: f64 = 0.95;
/// Accuracies up to this multiple of chance are chance.
const NEAR_CHANCE: f64 = 1.2;
/// Multiples of the usual learning rate beyond which it is the likely fault.
const FAR_ABOVE: f64 = 8.0;
const FAR_BELOW: f64 = 0.02;
/// An epoch of fewer steps than this trains slowly whatever the learning rate.
const FEW_STEPS: usize = 10;

/// What is known of a run after an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Signs<'a> {
    /// Epochs that are done.
    pub epochs_done: usize,
    /// Epochs of the whole run.
    pub epochs: usize,
    /// Epochs of warm-up.
    pub warmup: usize,
    /// Optimizer steps that are done.
    pub steps: u64,
    /// Number of classes.
    pub classes: usize,
    /// Mean loss of the run's first epoch.
    pub first_loss: f64,
    /// Mean loss of the last epoch.
    pub loss: f64,
    /// Share of training images classified right in the last epoch.
    pub train_accuracy: f64,
    /// What the model said of images that it does not train on.
    pub held_out: Option<HeldOut<'a>>,
}

/// Predictions for images that do not train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldOut<'a> {
    /// What the images are: `validation` or `test`.
    pub set: &'static str,
    /// The class that most images are called.
    pub class: &'a str,
    /// The share of images that are called so.
    pub share: f64,
    /// Mean of the per-class accuracies.
    pub balanced: f64,
    /// Classes that the images show.
    pub classes: usize,
}

/// A sign that a run does not learn.
#[derive(Debug, Clone, PartialEq)]
pub enum Symptom {
    /// All images are called one class.
    OneClass {
        /// Which.
        class: String,
        /// Share of the images that are called so.
        share: f64,
        /// What the images are.
        set: &'static str,
    },
    /// The loss has risen since the first epoch.
    LossRose {
        /// Loss of the first epoch.
        from: f64,
        /// Loss of the last one.
        to: f64,
    },
    /// Accuracy is what guessing reaches.
    AtChance {
        /// It, in [0, 1].
        accuracy: f64,
        /// What it was measured on.
        set: &'static str,
        /// What guessing reaches, in [0, 1].
        chance: f64,
    },
}

impl Signs<'_> {
    /// The first symptom, judged from the end of the warm-up and a tenth of the run on.
    pub fn symptom(&self) -> Option<Symptom> {
        let from = self.epochs.div_ceil(10).max(self.warmup).max(1);
        (self.epochs_done >= from && self.steps >= LEAST_STEPS).then(|| self.judged()).flatten()
    }

    fn judged(&self) -> Option<Symptom> {
        if let Some(one_class) = self.held_out.and_then(|held_out| held_out.one_class()) {
            return Some(one_class);
        }
        if self.loss > GROWN * self.first_loss && self.first_loss > 0.0 {
            return Some(Symptom::LossRose { from: self.first_loss, to: self.loss });
        }
        // A loss that lifts rare classes begins below chance on training images, most of which are of the head.
        if self.held_out.is_some_and(|held_out| !held_out.is_at_chance()) {
            return None;
        }
        let (accuracy, chance) = (self.train_accuracy, 1.0 / self.classes.max(1) as f64);
        (accuracy <= chance).then_some(Symptom::AtChance { accuracy, set: "training", chance })
    }
}

impl HeldOut<'_> {
    /// What the figures at the end of a run of `steps` steps show.
    pub fn symptom(&self, steps: u64) -> Option<Symptom> {
        if steps < LEAST_STEPS {
            return None;
        }
        let (accuracy, set, chance) = (self.balanced, self.set, self.chance());
        let at_chance =
            || self.is_at_chance().then_some(Symptom::AtChance { accuracy, set, chance });
        self.one_class().or_else(at_chance)
    }

    fn one_class(&self) -> Option<Symptom> {
        let Self { set, class, share, .. } = *self;
        let is_one = self.is_at_chance() && share >= ALL;
        is_one.then(|| Symptom::OneClass { class: class.to_owned(), share, set })
    }

    /// Of a set that shows one class alone nothing follows.
    fn is_at_chance(&self) -> bool {
        self.classes > 1 && self.balanced <= NEAR_CHANCE * self.chance()
    }

    fn chance(&self) -> f64 {
        1.0 / self.classes.max(1) as f64
    }
}

/// The likely mend of a run with `steps` steps an epoch, `batch_size` images a step and learning rate `lr`.
pub fn mend(steps: usize, batch_size: usize, images: usize, lr: f64) -> String {
    let usual = usual_rate(batch_size);
    if lr > FAR_ABOVE * usual || lr < FAR_BELOW * usual {
        let side = if lr > usual { "high" } else { "low" };
        return format!(
            "the learning rate {lr} is {side} for steps of {batch_size}: try --lr {usual}"
        );
    }
    if steps < FEW_STEPS {
        let batch = (images / (2 * FEW_STEPS)).clamp(2, batch_size.max(2));
        return format!(
            "an epoch has {steps} step{}: try --batch-size {batch}",
            if steps == 1 { "" } else { "s" }
        );
    }
    format!("try a smaller learning rate, such as --lr {}", rounded(lr / 5.0))
}

/// Two digits that count.
fn rounded(value: f64) -> f64 {
    let scale = 10_f64.powi(1 - value.abs().max(f64::MIN_POSITIVE).log10().floor() as i32);
    (value * scale).round() / scale
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneClass { class, share, set } => {
                write!(f, "{:.0}% of {set} images are called \"{class}\"", 100.0 * share)
            }
            Self::LossRose { from, to } => {
                write!(f, "the loss has risen from {from:.2} in the first epoch to {to:.2}")
            }
            Self::AtChance { accuracy, set, chance } => write!(
                f,
                "accuracy on {set} images is {:.1}%, and guessing reaches {:.1}%",
                100.0 * accuracy,
                100.0 * chance
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLED: HeldOut<'_> =
        HeldOut { set: "validation", class: "lynx", share: 0.4, balanced: 0.5, classes: 8 };

    /// A run of eight classes that learns.
    fn healthy() -> Signs<'static> {
        Signs {
            epochs_done: 20,
            epochs: 200,
            warmup: 5,
            steps: 240,
            classes: 8,
            first_loss: 2.0,
            loss: 1.4,
            train_accuracy: 0.5,
            held_out: Some(CALLED),
        }
    }

    #[test]
    fn a_run_that_learns_is_left_alone() {
        assert_eq!(healthy().symptom(), None);
        let rare = HeldOut { share: 0.97, balanced: 0.3, ..CALLED };
        assert_eq!(Signs { held_out: Some(rare), ..healthy() }.symptom(), None);
        let one_class = HeldOut { share: 1.0, balanced: 1.0, classes: 1, ..CALLED };
        assert_eq!(Signs { held_out: Some(one_class), ..healthy() }.symptom(), None);
        assert_eq!(Signs { loss: 2.9, ..healthy() }.symptom(), None);
    }

    #[test]
    fn each_symptom_is_told() {
        let all = HeldOut { share: 0.99, balanced: 0.125, ..CALLED };
        let said = |signs: Signs| signs.symptom().unwrap().to_string();
        let one_class = said(Signs { held_out: Some(all), ..healthy() });
        assert_eq!(one_class, "99% of validation images are called \"lynx\"");
        let rose = said(Signs { first_loss: 7.6, loss: 57.0, ..healthy() });
        assert_eq!(rose, "the loss has risen from 7.60 in the first epoch to 57.00");
        let spread = HeldOut { balanced: 0.125, ..CALLED };
        for held_out in [None, Some(spread)] {
            let chance = said(Signs { train_accuracy: 0.009, held_out, ..healthy() });
            assert_eq!(chance, "accuracy on training images is 0.9%, and guessing reaches 12.5%");
        }
    }

    /// Logit adjustment on the built-in images, after three of thirty epochs; at the end it reaches 31 %.
    #[test]
    fn validation_above_chance_outweighs_training_below() {
        let held_out = Some(HeldOut { share: 0.64, balanced: 0.0625, classes: 24, ..CALLED });
        let early = Signs { classes: 24, train_accuracy: 0.0257, held_out, ..healthy() };
        assert_eq!(early.symptom(), None);
    }

    #[test]
    fn the_final_figures_are_judged_alone() {
        let said = |held_out: HeldOut| held_out.symptom(1000).map(|symptom| symptom.to_string());
        assert_eq!(said(CALLED), None);
        let chance = HeldOut { balanced: 0.14, ..CALLED };
        let text = "accuracy on validation images is 14.0%, and guessing reaches 12.5%";
        assert_eq!(said(chance).as_deref(), Some(text));
        assert_eq!(chance.symptom(19), None, "a few steps say nothing");
    }

    #[test]
    fn nothing_is_said_too_early() {
        let dead = Signs { train_accuracy: 0.0, held_out: None, ..healthy() };
        for early in [
            Signs { epochs_done: 19, ..dead.clone() },
            Signs { steps: 19, ..dead.clone() },
            Signs { warmup: 30, ..dead.clone() },
        ] {
            assert_eq!(early.symptom(), None);
        }
        assert!(dead.symptom().is_some());
    }

    #[test]
    fn the_mend_fits_the_fault() {
        assert_eq!(mend(1, 256, 384, 0.2), "an epoch has 1 step: try --batch-size 19");
        assert!(mend(40, 256, 10_000, 0.2).ends_with("--lr 0.04"));
        let typed = "the learning rate 3 is high for steps of 8: try --lr 0.0125";
        assert_eq!(mend(5, 8, 40, 3.0), typed);
        let typed = "the learning rate 0.000000001 is low for steps of 32: try --lr 0.05";
        assert_eq!(mend(40, 32, 1280, 1e-9), typed);
    }
}
