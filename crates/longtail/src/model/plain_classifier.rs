use super::{Classifier, NORM_EPSILON, Network, weights::values};

/// What a trained classifier computes, with everything that is fixed by then brought into one affine map:
/// `f = W u + b`, of features u that [`FeatureForm`] says.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainClassifier {
    /// What u is.
    pub form: FeatureForm,
    /// W, `[classes, features]`, row-major.
    pub weight: Vec<f32>,
    /// b, `[classes]`.
    pub bias: Vec<f32>,
}

/// What a classifier makes of features x before its affine map.
#[derive(Debug, Clone, PartialEq)]
pub enum FeatureForm {
    /// u = x.
    Plain,
    /// u = x / ‖x‖.
    Unit,
    /// u = (x − m) / ‖x − m‖ with this m, `[features]`.
    CentredUnit(Vec<f32>),
}

impl Classifier {
    /// What it computes as one affine map of features: a cosine classifier's scale and class vectors' lengths, and scales
    /// per class, are in the weights.
    ///
    /// ```
    /// # use burn::tensor::{Device, Tensor};
    /// use longtail::model::{Classifier, FeatureForm, Initialiser, weights::values};
    ///
    /// let cosine = Classifier::cosine(2, 1, 30.0, &mut Initialiser::new(0, &Device::flex()));
    /// let plain = cosine.plain();
    /// assert_eq!((&plain.form, &plain.bias), (&FeatureForm::Unit, &vec![0.0]));
    /// let logit = values(cosine.forward(Tensor::from_data([[0.0, 7.0]], &Device::flex())))[0];
    /// assert!((logit - plain.weight[1]).abs() < 1e-5);
    /// ```
    pub fn plain(&self) -> PlainClassifier {
        let [classes, features] = self.weight.dims();
        let mut weight = values(self.weight.val());
        let mut bias = self.bias.as_ref().map(|bias| values(bias.val()));
        if let Some(scale) = self.scale {
            for row in weight.chunks_exact_mut(features.max(1)) {
                let squared: f64 = row.iter().map(|w| f64::from(*w).powi(2)).sum();
                let by = scale / squared.sqrt().max(NORM_EPSILON);
                row.iter_mut().for_each(|w| *w = (f64::from(*w) * by) as f32);
            }
            // It adds none.
            bias = None;
        }
        let mut bias = bias.unwrap_or_else(|| vec![0.0; classes]);
        if let Some(scales) = &self.class_scale {
            let rows = weight.chunks_exact_mut(features.max(1)).zip(&mut bias);
            for ((row, bias), scale) in rows.zip(values(scales.val())) {
                row.iter_mut().chain([bias]).for_each(|value| *value *= scale);
            }
        }
        let form = match (&self.centre, self.scale) {
            (Some(centre), _) => FeatureForm::CentredUnit(values(centre.val())),
            (None, Some(_)) => FeatureForm::Unit,
            (None, None) => FeatureForm::Plain,
        };
        PlainClassifier { form, weight, bias }
    }
}

impl Network {
    /// What every expert's classifier computes, or the one classifier, as [`Network::expert_logits`] orders them.
    pub fn plain_classifiers(&self) -> Vec<PlainClassifier> {
        let experts = self.branches.iter().filter_map(|branch| branch.fc.as_ref());
        let classifiers = match &self.fc {
            Some(fc) => vec![fc],
            None => experts.collect(),
        };
        classifiers.into_iter().map(Classifier::plain).collect()
    }

    /// Whether gates say which experts an image is given.
    pub fn has_gates(&self) -> bool {
        self.gates.is_some()
    }
}
