use serde::{Deserialize, Serialize};

use super::{ApplyTo, CompressionMode, CompressionPreset, Criterion, Reevaluate};
use crate::section::section;

section! {
    /// `[loss]`
    Loss, LossTyped {
        /// Weight of the classifier's loss.
        alpha: f64,
        /// Weight of the contrastive loss.
        beta: f64,
        /// τ of the logit adjustment.
        tau: f64,
    }
}

/// When compression starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StartText", into = "StartText")]
pub enum CompressionStart {
    /// At ⌊epochs / 2⌋.
    Half,
    /// At this 0-based epoch.
    Epoch(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StartText {
    Epoch(usize),
    Word(String),
}

impl TryFrom<StartText> for CompressionStart {
    type Error = String;

    fn try_from(text: StartText) -> Result<Self, String> {
        match text {
            StartText::Epoch(epoch) => Ok(Self::Epoch(epoch)),
            StartText::Word(word) if word == "half" => Ok(Self::Half),
            StartText::Word(word) => Err(format!("\"{word}\" is neither an epoch nor \"half\"")),
        }
    }
}

impl From<CompressionStart> for StartText {
    fn from(start: CompressionStart) -> Self {
        match start {
            CompressionStart::Half => Self::Word("half".into()),
            CompressionStart::Epoch(epoch) => Self::Epoch(epoch),
        }
    }
}

section! {
    /// `[compression]`
    CompressionSection, CompressionTyped {
        /// Which reading of the paper.
        preset: CompressionPreset,
        /// Factor of the low-accuracy classes (preset custom).
        factor_low: f64,
        /// Factor of the other classes (preset custom).
        factor_rest: f64,
        /// How a factor becomes τ.
        mode: CompressionMode,
        /// Accuracy under which a class is a low-accuracy one, in [0, 1].
        threshold: f64,
        /// First epoch that is compressed.
        start: CompressionStart,
        /// How often the low-accuracy classes are chosen.
        reevaluate: Reevaluate,
        /// Where accuracy is measured.
        criterion_set: Criterion,
        /// Which side of a similarity is scaled.
        apply_to: ApplyTo,
        /// Whether prototypes are scaled too.
        compress_prototypes: bool,
    }
}
