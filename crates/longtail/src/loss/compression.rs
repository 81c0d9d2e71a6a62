use crate::choice::choice;

choice! {
    /// Which similarities the factors reach (`docs/method.md`).
    ApplyTo {
        /// The anchor's side only.
        Anchor = "anchor",
        /// The contrast's side only.
        Contrast = "contrast",
        /// Both sides: the product form z̃_i·z̃_k = τ_{y_i} τ_{y_k} z_i·z_k.
        Both = "both",
    }
}

choice! {
    /// How a recipe's factor becomes the multiplier τ.
    CompressionMode {
        /// τ is the factor.
        Multiply = "multiply",
        /// τ is one plus the factor, as in FCC.
        OnePlus = "one-plus",
    }
}

choice! {
    /// The readings of the paper's contradiction (`docs/method.md`).
    CompressionPreset {
        /// No compression.
        Off = "off",
        /// §3.3.2: .005 for the poor classes, 1 for the rest.
        Paper332 = "paper-3.3.2",
        /// §4.3: 1 for the poor classes, .005 for the rest.
        Paper43 = "paper-4.3",
        /// FCC's 1 + γ: 2 for the poor classes, 1.005 for the rest.
        FccLike = "fcc-like",
        /// The recipe's own two factors.
        Custom = "custom",
    }
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
