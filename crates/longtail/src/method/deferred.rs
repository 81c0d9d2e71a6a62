//! Class weights that begin late in a run ("deferred re-weighting", Cao et al. 2019).

use super::{Knob, Settings};
use crate::{counted::counted, loss::Moment};

pub(super) const BETA: Knob = Knob::number(
    "beta",
    [0.9999, 0.0, 0.999_999_999],
    "β of the effective numbers that weigh classes, 0: none",
    "LDAM's code, and RIDE's",
);
pub(super) const REWEIGHT_AT: Knob = Knob::number(
    "reweight_at",
    [0.8, 0.0, 1.0],
    "share of the epochs after which classes are weighted",
    "epoch 160 of 200 in LDAM's code, and RIDE's",
);

/// When weights begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deferred {
    /// First epoch with weights, from 0.
    start: usize,
}

impl Deferred {
    pub(super) fn of(settings: &Settings<'_>) -> Self {
        let share = REWEIGHT_AT.real(&settings.method.knobs);
        Self { start: share_of(share, settings.train.epochs) }
    }

    pub(super) fn has_begun(self, moment: Moment) -> bool {
        moment.epoch >= self.start
    }

    /// What is said before the first epoch with weights.
    pub(super) fn said_before(self, moment: Moment) -> Option<String> {
        let begins = moment.epoch == self.start && moment.epoch > 0;
        begins.then(|| {
            format!("classes are weighted after {}", counted(self.start, "epoch", "epochs"))
        })
    }
}

/// The epoch after this share of `epochs`.
pub(super) fn share_of(share: f64, epochs: usize) -> usize {
    // A tenth of a billionth of an epoch is rounding: 0.8 · 200 is 160.
    (share * epochs as f64 + 1e-10).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::tests::recipe;

    #[test]
    fn classes_are_weighted_from_four_fifths_on() {
        for method in ["ldam-drw", "ride"] {
            for (epochs, start) in [(200, 160), (20, 16), (7, 5)] {
                let recipe = recipe(method, &format!("[train]\nepochs = {epochs}\n"));
                let deferred = Deferred::of(&recipe.settings());
                let begun = |epoch| deferred.has_begun(Moment { epoch, epochs });
                assert!(!begun(start - 1) && begun(start) && begun(epochs - 1), "{epochs}");
                let said = |epoch| deferred.said_before(Moment { epoch, epochs }).is_some();
                assert!(!said(start - 1) && said(start) && !said(start + 1), "{epochs}");
                // Epochs are shown from 1, in which the first with weights is one more.
                let moment = Moment { epoch: start, epochs };
                let expected = format!("classes are weighted after {start} epochs");
                assert_eq!(deferred.said_before(moment), Some(expected));
            }
        }
    }
}
