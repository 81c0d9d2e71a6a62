use serde::{Deserialize, Serialize};

use super::{ApplyTo, CompressionMode, CompressionPreset, Criterion, Reevaluate};
use crate::section::{Limits, section};

section! {
    /// `[loss]`
    "loss" Loss, LossTyped {
        /// Weight α of the classifier's loss.
        alpha: f64 =>
            "α, at least 0", "paper §4.3", elsewhere "1 without a contrastive loss", within Limits::FACTOR;
        /// Weight β of the contrastive loss.
        beta: f64 =>
            "β, at least 0", "paper §4.3", within Limits::FACTOR;
        /// τ of the logit adjustment.
        tau: f64 =>
            "τ of the logit adjustment, at least 0", "paper §4.3", elsewhere "1 in folders and lists",
            within Limits::FACTOR;
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
    "compression" CompressionSection, CompressionTyped {
        /// Reading of the paper's compression, from half time on.
        preset: CompressionPreset =>
            r#"`"off"`, `"paper-3.3.2"`, `"paper-4.3"`, `"fcc-like"`, `"custom"`"#, "Longtail";
        /// Factor of the low-accuracy classes (preset custom).
        factor_low: f64 =>
            "above 0; factor of the low-accuracy classes under the preset custom", "–";
        /// Factor of the other classes (preset custom).
        factor_rest: f64 =>
            "above 0; factor of the other classes under the preset custom", "–";
        /// How a factor becomes τ.
        mode: CompressionMode =>
            r#"`"multiply"`: τ_j is the factor; `"one-plus"`: τ_j is 1 plus the factor (preset custom)"#,
            "paper §3.3.2";
        /// Accuracy under which a class is a low-accuracy one, in [0, 1].
        threshold: f64 =>
            "a class is a low-accuracy one below this, 0 to 1", "paper §3.3.2",
            within Limits::range(0.0, 1.0, "the threshold is an accuracy in [0, 1]");
        /// First epoch that is compressed.
        start: CompressionStart =>
            r#"`"half"`, or an epoch counted from 0, such as `30`"#, "paper §3.3.2";
        /// How often the low-accuracy classes are chosen.
        reevaluate: Reevaluate =>
            r#"`"once"`, `"every-epoch"`: how often low-accuracy classes are chosen"#, "paper §3.3.2";
        /// Where accuracy is measured.
        criterion_set: Criterion =>
            r#"`"val"`, `"train"`, `"test"`: the images that decide"#, "Longtail";
        /// Which side of a similarity is scaled.
        apply_to: ApplyTo =>
            r#"`"anchor"`, `"contrast"`, `"both"`: the side that is scaled"#, "paper Eq. 5";
        /// Whether prototypes are scaled too.
        compress_prototypes: bool =>
            "`true`, `false`", "paper Eq. 5";
    }
}
