use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Knobs, Method};
use crate::{
    augment::Views,
    device::Precision,
    loss::{CompressionSection, Contrastive, Loss},
    model::Model,
    optim::{Optimizer, ScheduleSection},
    section::{Limits, section},
};

/// `[method]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodSection {
    /// Which method.
    pub name: Method,
    /// The method from outside the crate that trains in its place ([`crate::method::OwnMethod`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
    /// The folder of the finished run that it learns from, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<PathBuf>,
    /// What tells that run's network from others ([`crate::loss::Teacher::digest`]); written down when the run begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher_digest: Option<String>,
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
    /// The folder of the finished run that it learns from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<PathBuf>,
    /// What tells that run's network from others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher_digest: Option<String>,
    /// Settings of its own; which there are is looked at when the method is known.
    #[serde(flatten)]
    pub knobs: Knobs,
}

impl MethodSection {
    /// With nothing but a name.
    pub(crate) fn of(name: Method) -> Self {
        Self { name, own: None, teacher: None, teacher_digest: None, knobs: Knobs::new() }
    }

    /// Takes over every value that was typed.
    pub(crate) fn overlay(&mut self, typed: &MethodTyped) {
        if typed.name.is_some() || typed.own.is_some() {
            self.own.clone_from(&typed.own);
        }
        self.name = typed.name.unwrap_or(self.name);
        if typed.teacher.is_some() || typed.teacher_digest.is_some() {
            // The digest is that of the teacher beside it.
            self.teacher_digest.clone_from(&typed.teacher_digest);
        }
        self.teacher = typed.teacher.clone().or(self.teacher.take());
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
    pub(crate) fn merge(&mut self, other: Self) {
        if other.name.is_some_and(|name| self.name.is_some_and(|before| before != name)) {
            self.knobs.clear();
            (self.teacher, self.teacher_digest) = (None, None);
        }
        if other.name.is_some() || other.own.is_some() {
            self.own = other.own;
        }
        self.name = other.name.or(self.name);
        if other.teacher.is_some() || other.teacher_digest.is_some() {
            self.teacher_digest = other.teacher_digest;
        }
        self.teacher = other.teacher.or(self.teacher.take());
        self.knobs.extend(other.knobs);
    }
}

impl From<MethodSection> for MethodTyped {
    /// With every value.
    fn from(section: MethodSection) -> Self {
        let MethodSection { name, own, teacher, teacher_digest, knobs } = section;
        Self { name: Some(name), own, teacher, teacher_digest, knobs }
    }
}

section! {
    /// `[train]`
    "train" Train, TrainTyped {
        /// Epochs; warm-up and milestones scale with them.
        epochs: usize =>
            "at least 1", "paper Table 3; Longtail",
            elsewhere "30 to 200 by the number of images in folders and lists",
            within Limits::from(1.0, "a run has at least one epoch").capped(100_000.0);
        /// Images per step; the learning rate scales with it unless it is given too.
        batch_size: usize =>
            "images of a step, at least 2", "paper §4.2; Longtail", elsewhere "up to 32 in folders and lists",
            within Limits::from(2.0, "a batch has at least two images, because batch norm needs a variance").capped(1_048_576.0);
        /// Images that a step works off at a time: its loss sees the features of all of its images, and memory holds what
        /// the encoder keeps of so many; 0: all.
        micro_batch: usize =>
            "images that a step works off at a time; `0`: all. The loss sees the features of the whole batch; the encoder's batch norm sees a micro-batch, and a step takes one forward pass more",
            "Longtail", within Limits::from(0.0, "it has to be a whole number").capped(1_048_576.0);
        /// Seed of everything but the subset.
        seed: u64 =>
            "seed of everything but the subset", "–";
        /// Whether the last, partial batch of an epoch is left out.
        drop_last: bool =>
            "`true`, `false`: whether the last, smaller batch of an epoch is left out", "ProCo's code";
        /// Type of the encoder's activations and products.
        precision: Precision =>
            r#"`"f32"`, `"bf16"`, `"f16"`: the type of the encoder's activations, and of what convolutions multiply; on the CPU 3×3 at stride 1 multiply in f32 (Winograd), and f16 runs on Burn's own operators, slowly. Sums, batch statistics, weights, heads, losses and optimizer are f32; f16 scales the loss (from 65,536, halved where a gradient is not finite, doubled after 2,000 good steps)"#,
            "Longtail";
        /// Steps between checkpoints, beside the one after every epoch.
        checkpoint_steps: usize =>
            "steps between checkpoints; `0`: after every epoch alone", "Longtail", within Limits::COUNT;
    }
}

/// All that a recipe says of training; what it trains on is another matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings<'a> {
    /// `[method]`
    pub method: &'a MethodSection,
    /// `[model]`
    pub model: &'a Model,
    /// `[loss]`
    pub loss: &'a Loss,
    /// `[contrastive]`
    pub contrastive: &'a Contrastive,
    /// `[compression]`
    pub compression: &'a CompressionSection,
    /// `[views]`
    pub views: &'a Views,
    /// `[optimizer]`
    pub optimizer: &'a Optimizer,
    /// `[schedule]`
    pub schedule: &'a ScheduleSection,
    /// `[train]`
    pub train: &'a Train,
}
