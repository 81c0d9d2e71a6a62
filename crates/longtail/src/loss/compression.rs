use serde::{Deserialize, Serialize};

/// Which similarities the factors reach (`docs/method.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApplyTo {
    /// The anchor's side only.
    Anchor,
    /// The contrast's side only.
    Contrast,
    /// Both sides: the product form z̃_i·z̃_k = τ_{y_i} τ_{y_k} z_i·z_k.
    Both,
}

/// How a recipe's factor becomes the multiplier τ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompressionMode {
    /// τ is the factor.
    Multiply,
    /// τ is one plus the factor, as in FCC.
    OnePlus,
}

/// The readings of the paper's contradiction (`docs/method.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompressionPreset {
    /// No compression.
    #[serde(rename = "off")]
    Off,
    /// §3.3.2: .005 for the poor classes, 1 for the rest.
    #[serde(rename = "paper-3.3.2")]
    Paper332,
    /// §4.3: 1 for the poor classes, .005 for the rest.
    #[serde(rename = "paper-4.3")]
    Paper43,
    /// FCC's 1 + γ: 2 for the poor classes, 1.005 for the rest.
    #[serde(rename = "fcc-like")]
    FccLike,
    /// The recipe's own two factors.
    #[serde(rename = "custom")]
    Custom,
}

impl CompressionPreset {
    /// Factors of the poor classes and of the rest; `None` for `off` and `custom`.
    pub fn factors(self) -> Option<(f64, f64)> {
        match self {
            Self::Off | Self::Custom => None,
            Self::Paper332 => Some((0.005, 1.0)),
            Self::Paper43 => Some((1.0, 0.005)),
            Self::FccLike => Some((2.0, 1.005)),
        }
    }
}

/// Per-class factors τ_y on the embeddings (§3.3.2): z̃_i = τ_{y_i} z_i, after normalisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Compression {
    /// τ of every class.
    pub factors: Vec<f64>,
    /// Which side of a similarity is scaled.
    pub apply_to: ApplyTo,
    /// Whether prototypes are scaled too (as contrasts).
    pub prototypes: bool,
}

impl Compression {
    /// τ of an anchor of class `class`.
    pub(super) fn anchor(&self, class: u32) -> f64 {
        match self.apply_to {
            ApplyTo::Anchor | ApplyTo::Both => self.factors[class as usize],
            ApplyTo::Contrast => 1.0,
        }
    }

    /// τ of a contrast of class `class`.
    pub(super) fn contrast(&self, class: u32, is_prototype: bool) -> f64 {
        match self.apply_to {
            _ if is_prototype && !self.prototypes => 1.0,
            ApplyTo::Contrast | ApplyTo::Both => self.factors[class as usize],
            ApplyTo::Anchor => 1.0,
        }
    }
}
