use serde::{Deserialize, Serialize};

use super::Group;

/// Calibration of all images and of those of each group; `None` where there is no such image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Of all images.
    pub all: Reliability,
    /// Of images of many-shot classes.
    pub many: Option<Reliability>,
    /// Of images of medium-shot classes.
    pub medium: Option<Reliability>,
    /// Of images of few-shot classes.
    pub few: Option<Reliability>,
}

impl Calibration {
    /// That of one group.
    pub fn group(&self, group: Group) -> Option<&Reliability> {
        match group {
            Group::Many => self.many.as_ref(),
            Group::Medium => self.medium.as_ref(),
            Group::Few => self.few.as_ref(),
        }
    }
}

/// A reliability diagram and its summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Number of images.
    pub images: usize,
    /// Expected calibration error: mean over images of |accuracy − confidence| of their bin.
    pub ece: f64,
    /// The largest |accuracy − confidence| of a bin.
    pub max_error: f64,
    /// Mean confidence.
    pub confidence: f64,
    /// Share of right images.
    pub accuracy: f64,
    /// 15 bins of equal width, and one of the confidence 1 alone.
    pub bins: Vec<ReliabilityBin>,
}

/// Images whose confidence lies in `[low, high)`; in the last bin it is 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// The lowest confidence.
    pub low: f64,
    /// The first confidence above; 1 in the last bin, where `low` is 1 too.
    pub high: f64,
    /// Number of images.
    pub images: usize,
    /// Their mean confidence; `None` without one.
    pub confidence: Option<f64>,
    /// The share of right ones; `None` without one.
    pub accuracy: Option<f64>,
}
