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
        /// §3.3.2: .005 for the low-accuracy classes, 1 for the rest.
        Paper332 = "paper-3.3.2",
        /// §4.3: 1 for the low-accuracy classes, .005 for the rest.
        Paper43 = "paper-4.3",
        /// FCC's 1 + γ: 2 for the low-accuracy classes, 1.005 for the rest.
        FccLike = "fcc-like",
        /// The recipe's own two factors.
        Custom = "custom",
    }
}

impl CompressionPreset {
    /// Factors of the low-accuracy classes and of the rest; `None` for `off` and `custom`.
    ///
    /// ```
    /// use longtail::loss::CompressionPreset;
    ///
    /// assert_eq!(CompressionPreset::Paper332.factors(), Some((0.005, 1.0)));
    /// assert_eq!(CompressionPreset::Off.factors(), None);
    /// ```
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
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::{ApplyTo, ClassCounts, Compression, Contrastive};
///
/// let z = Tensor::<2>::from_data([[1.0], [1.0], [-1.0]], &Device::flex());
/// let counts = ClassCounts::new(vec![20, 10])?;
/// let (factors, apply_to) = (vec![3.0, 1.0], ApplyTo::Anchor);
/// let compression = Compression { factors, apply_to, prototypes: false };
/// let loss = Contrastive::scl(1.0).loss(z, &[0, 0, 1], None, &counts, Some(&compression))?;
/// // Anchors of class 0 have similarities of 3 and −3 in place of 1 and −1.
/// assert!((loss.into_scalar::<f32>() - 2.0 / 3.0 * (1.0 + (-6_f32).exp()).ln()).abs() < 1e-5);
/// # Ok::<(), longtail::loss::LossError>(())
/// ```
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
