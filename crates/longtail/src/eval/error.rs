/// Predictions that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// There is no image to evaluate on.
    #[error("the evaluated set holds no image; evaluate on a set with at least one")]
    Empty,
    /// Labels and predictions do not belong together.
    #[error(
        "{labels} labels stand against {predictions} predictions; give one prediction per image"
    )]
    Lengths {
        /// Number of labels.
        labels: usize,
        /// Number of predictions.
        predictions: usize,
    },
    /// Labels and rows of a model's outputs do not belong together.
    #[error("{labels} labels stand against {rows} rows of {what}; give one row per image")]
    Rows {
        /// `logits`, `features` or `projections`.
        what: &'static str,
        /// Number of labels.
        labels: usize,
        /// Number of rows.
        rows: usize,
    },
    /// A row of outputs holds NaN or an infinity.
    #[error(
        "{what} of image {image} are not finite numbers, so that nothing can be computed of them"
    )]
    NotFinite {
        /// `logits`, `features` or `projections`.
        what: &'static str,
        /// Position of the image in the set, from 0.
        image: usize,
    },
    /// Too few rows for an embedding.
    #[error("{rows} rows of features are too few for a t-SNE embedding; give 3 at least")]
    TooFewRows {
        /// Number of rows.
        rows: usize,
    },
    /// An option of t-SNE is out of range.
    #[error("t-SNE: {option} of {value} is out of range; choose {range}")]
    TsneOption {
        /// The field of `TsneOptions`.
        option: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A class prior that is none.
    #[error("the class prior of the model is none: {reason}; give every class one above 0")]
    Prior {
        /// What is wrong with it.
        reason: String,
    },
    /// A label or a prediction names a class that does not exist.
    #[error(
        "image {image} has {what} {class}, but the model knows {classes} classes; evaluate with the class list that it was trained with"
    )]
    Class {
        /// Position of the image in the set, from 0.
        image: usize,
        /// `label` or `prediction`.
        what: &'static str,
        /// The class that was named.
        class: u32,
        /// Number of classes.
        classes: usize,
    },
    /// The floor of the harmonic mean is no accuracy above zero.
    #[error("eval.harmonic_zero: a floor of {0} is out of range; choose one above 0 and at most 1")]
    Floor(f64),
    /// The two shot thresholds overlap.
    #[error(
        "eval.shot_thresholds: few < {few_below} and many > {many_above} overlap; choose few ≤ many + 1"
    )]
    ShotThresholds {
        /// Classes with more training images than this are many-shot.
        many_above: usize,
        /// Classes with fewer training images than this are few-shot.
        few_below: usize,
    },
}

impl EvalError {
    /// Refuses classes beyond the `classes` that there are; `what` they are of, such as `label`.
    pub(crate) fn check_classes(
        what: &'static str,
        list: &[u32],
        classes: usize,
    ) -> Result<(), Self> {
        match list.iter().position(|&class| class as usize >= classes) {
            Some(image) => Err(Self::Class { image, what, class: list[image], classes }),
            None => Ok(()),
        }
    }

    /// Refuses predictions that are not one per label, no image, and classes out of range.
    pub(super) fn check_predictions(
        labels: &[u32],
        predictions: &[u32],
        classes: usize,
    ) -> Result<(), Self> {
        if labels.len() != predictions.len() {
            return Err(Self::Lengths { labels: labels.len(), predictions: predictions.len() });
        }
        if labels.is_empty() {
            return Err(Self::Empty);
        }
        Self::check_classes("label", labels, classes)?;
        Self::check_classes("prediction", predictions, classes)
    }
}
