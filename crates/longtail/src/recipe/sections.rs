//! The sections of a recipe; `docs/method.md` says where each default comes from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::section::section;
use crate::{
    data::Resize,
    loss::{
        ApplyTo, ClassAverage, CompressionMode, CompressionPreset, Criterion, Normaliser,
        Reevaluate,
    },
    method::{Knobs, Method},
    model::{Backbone, BnGroups, ClassifierKind, InitHeads, Precision},
};

/// How many images of each class are held out for validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "HoldoutText", into = "HoldoutText")]
pub enum Val {
    /// None: everything trains, and only the last epoch is reported.
    None,
    /// What suits the data set: 50 per class on CIFAR-10, 20 on CIFAR-100, a tenth in folders.
    Auto,
    /// This many per class.
    PerClass(usize),
    /// This share of every class, in (0, 1).
    Share(f64),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum HoldoutText {
    Count(usize),
    Share(f64),
    Word(String),
}

impl TryFrom<HoldoutText> for Val {
    type Error = String;

    fn try_from(text: HoldoutText) -> Result<Self, String> {
        match text {
            HoldoutText::Count(0) => Ok(Self::None),
            HoldoutText::Count(count) => Ok(Self::PerClass(count)),
            HoldoutText::Share(share) => Self::share(share, &share.to_string()),
            HoldoutText::Word(word) => word.parse(),
        }
    }
}

impl From<Val> for HoldoutText {
    fn from(val: Val) -> Self {
        match val {
            Val::None => Self::Word("none".into()),
            Val::Auto => Self::Word("auto".into()),
            Val::PerClass(count) => Self::Count(count),
            Val::Share(share) => Self::Share(share),
        }
    }
}

impl Val {
    fn share(share: f64, typed: &str) -> Result<Self, String> {
        match share > 0.0 && share < 1.0 {
            true => Ok(Self::Share(share)),
            false => Err(format!(
                "\"{typed}\" is no share of a class: a share lies between 0 and 1, or 0% and 100%"
            )),
        }
    }
}

impl std::str::FromStr for Val {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" | "0" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            _ => {
                if let Ok(count) = text.parse() {
                    return Ok(Self::PerClass(count));
                }
                let percent =
                    text.strip_suffix('%').and_then(|percent| percent.trim().parse::<f64>().ok());
                match percent.map(|percent| percent / 100.0).or_else(|| text.parse().ok()) {
                    Some(share) => Self::share(share, text),
                    None => Err(format!(
                        "\"{text}\" is neither a number of images per class, nor a share such as 10% or 0.1, nor auto \
                         or none"
                    )),
                }
            }
        }
    }
}

/// The classifier's view (`docs/method.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassifierView {
    /// Crop, flip, AutoAugment, Cutout.
    AutoaugmentCutout,
    /// Crop and flip.
    Plain,
    /// Random resized crop and flip.
    ResizedCrop,
}

/// Whether n_j rebalances the contrastive denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// No.
    Off,
    /// By n_j to the power `prior_exponent`.
    Counts,
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

/// How the learning rate falls after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecayKind {
    /// Times gamma at every milestone.
    Step,
    /// Half a cosine to 0.
    Cosine,
}

/// What a class of accuracy 0 does to the harmonic mean (`docs/method.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HarmonicZero {
    /// The mean is 0.
    Strict,
    /// Accuracies are raised to `harmonic_floor`.
    Floor,
    /// Such classes are left out.
    Drop,
}

section! {
    /// `[data]`
    Data, DataTyped {
        /// `synthetic`, `cifar10-lt`, `cifar10`, `cifar100-lt`, `cifar100`, or the path of an image folder or list.
        name: String,
        /// Where the data set's files are; empty: where `data fetch` puts them.
        dir: PathBuf,
        /// Training list; empty: none.
        train_list: PathBuf,
        /// Validation list; empty: none.
        val_list: PathBuf,
        /// Test list; empty: none.
        test_list: PathBuf,
        /// Height and width of the views of folders and lists, in pixels.
        image_size: usize,
        /// How images of folders and lists that are no squares become squares.
        resize: Resize,
        /// Imbalance factor n_max / n_min; 0: as the data comes.
        imbalance: f64,
        /// Seed of the subset.
        split_seed: u64,
        /// Images per class held out for validation.
        val: Val,
        /// A split.json to use again; empty: none.
        split: PathBuf,
        /// Whether a data set that deviates from the official content is taken.
        any_content: bool,
        /// Whether files that cannot be read are left out instead of refused.
        skip_broken: bool,
    }
}

/// `[method]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodSection {
    /// Which method.
    pub name: Method,
    /// The method from outside the crate that trains in its place ([`crate::method::OwnMethod`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
    /// Its own settings, all of them.
    #[serde(flatten)]
    pub knobs: Knobs,
}

/// [`MethodSection`] as typed: what is absent keeps its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MethodTyped {
    /// Which method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Method>,
    /// The method from outside the crate that trains in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
    /// Settings of its own; which there are is looked at when the method is known.
    #[serde(flatten)]
    pub knobs: Knobs,
}

impl MethodSection {
    /// Takes over every value that was typed.
    pub(super) fn overlay(&mut self, typed: &MethodTyped) {
        if typed.name.is_some() || typed.own.is_some() {
            self.own.clone_from(&typed.own);
        }
        self.name = typed.name.unwrap_or(self.name);
        self.knobs.extend(typed.knobs.clone());
    }
}

impl std::fmt::Display for MethodSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.own {
            Some(own) => f.write_str(own),
            None => self.name.fmt(f),
        }
    }
}

impl MethodTyped {
    /// Takes over every value that `other` gives; settings of a former method go with it.
    pub(super) fn merge(&mut self, other: Self) {
        if other.name.is_some_and(|name| self.name.is_some_and(|before| before != name)) {
            self.knobs.clear();
        }
        if other.name.is_some() || other.own.is_some() {
            self.own = other.own;
        }
        self.name = other.name.or(self.name);
        self.knobs.extend(other.knobs);
    }
}

impl From<MethodSection> for MethodTyped {
    /// With every value.
    fn from(section: MethodSection) -> Self {
        Self { name: Some(section.name), own: section.own, knobs: section.knobs }
    }
}

section! {
    /// `[model]`
    Model, ModelTyped {
        /// `resnet32` or another depth 6n+2.
        backbone: Backbone,
        /// Classification layer.
        classifier: ClassifierKind,
        /// Scale of the cosine classifier.
        cosine_scale: f64,
        /// Hidden width of both heads.
        head_hidden: usize,
        /// Output width of both heads.
        head_out: usize,
        /// How heads and classifier start.
        init_heads: InitHeads,
        /// How views share batch statistics.
        bn_groups: BnGroups,
        /// Whether the head's batch norm sees the classifier's view.
        head_on_cls_view: bool,
    }
}

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

section! {
    /// `[contrastive]`
    ContrastiveSection, ContrastiveTyped {
        /// T.
        temperature: f64,
        /// Whether an anchor's similarity to itself stays in the denominator.
        include_self: bool,
        /// What the sum over positives is divided by.
        normaliser: Normaliser,
        /// How similarities of a class are averaged.
        class_average: ClassAverage,
        /// Whether prototypes join the columns.
        prototypes: bool,
        /// Whether n_j rebalances.
        prior: Prior,
        /// ρ of n_j^ρ.
        prior_exponent: f64,
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

section! {
    /// `[views]`
    Views, ViewsTyped {
        /// The classifier's view.
        classifier: ClassifierView,
        /// Smallest area of the classifier's random resized crop, as a share of the image.
        crop_scale_min: f64,
        /// Probability of blur in the contrastive views.
        sim_blur_p: f64,
        /// Smallest area of the contrastive views' crop, as a share of the image.
        sim_scale_min: f64,
        /// Means of the colour channels.
        mean: [f32; 3],
        /// Standard deviations of the colour channels.
        std: [f32; 3],
    }
}

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
        decay: DecayKind,
        /// Where it falls (step).
        milestones: Vec<usize>,
        /// By what (step).
        gamma: f64,
    }
}

section! {
    /// `[train]`
    Train, TrainTyped {
        /// Epochs.
        epochs: usize,
        /// Images per step.
        batch_size: usize,
        /// Seed of everything but the subset.
        seed: u64,
        /// Whether the last, partial batch of an epoch is left out.
        drop_last: bool,
        /// Type of the encoder's activations and products.
        precision: Precision,
        /// Steps between checkpoints; 0: only after every epoch.
        checkpoint_steps: usize,
    }
}

section! {
    /// `[eval]`
    Eval, EvalTyped {
        /// What a class of accuracy 0 does to the harmonic mean.
        harmonic_zero: HarmonicZero,
        /// The floor of `harmonic_zero = "floor"`.
        harmonic_floor: f64,
        /// More training images than this: many-shot.
        many_above: usize,
        /// Fewer training images than this: few-shot.
        few_below: usize,
    }
}
