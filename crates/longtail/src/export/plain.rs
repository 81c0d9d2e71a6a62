//! A network as inference computes it.

use crate::model::{
    FeatureForm, Layout, Network, PlainClassifier,
    weights::{self, State, Weights},
};

/// Heads that training alone uses.
const TRAINING_HEADS: [&str; 2] = ["head.", "head_fc."];
/// What is added to the logits where no bias can hold it.
pub const LOGIT_BIAS: &str = "logit_bias";

/// A network as inference computes it: no heads that training alone uses, and classifiers that are one affine map each.
pub struct Plain {
    /// Its weights under PyTorch's names; of classifiers `weight`, `bias`, and `centre` where there is one.
    pub state: State,
    /// How the encoder is laid out; `None` of one from outside the crate.
    pub layout: Option<Layout>,
    /// What the names of every classifier's weights begin with: one, or one of every expert.
    pub classifiers: Vec<String>,
    /// What the classifiers are, as metadata say it.
    pub classifier: &'static str,
    /// Features of an image, those of all branches.
    pub features: usize,
    /// Whether gates say which experts an image is given.
    pub has_gates: bool,
}

impl Plain {
    /// A network, with `shift` added to its logits if there is one.
    pub fn of(network: &Network, shift: Option<&[f32]>) -> Self {
        let mut state = weights::state(network);
        let classifiers = network.plain_classifiers();
        let names: Vec<String> = match state.contains_key("fc.weight") {
            true => vec!["fc".into()],
            false => (0..classifiers.len()).map(|of| format!("branches.{of}.fc")).collect(),
        };
        let is_of = |name: &str, owner: &str| {
            name.strip_prefix(owner).is_some_and(|rest| rest.starts_with('.'))
        };
        state.retain(|name, _| {
            let is_head = TRAINING_HEADS.iter().any(|head| name.starts_with(head));
            !is_head && !names.iter().any(|owner| is_of(name, owner))
        });
        let (has_gates, classes) = (network.has_gates(), network.classes());
        // Gates look at the experts' logits, which have to stay.
        let shift = match shift {
            Some(shift) if has_gates => {
                state.insert(LOGIT_BIAS.into(), array(&[classes], shift.to_vec()));
                None
            }
            shift => shift,
        };
        let classifier = match classifiers.first().map(|first| &first.form) {
            None | Some(FeatureForm::Plain) => "linear",
            Some(FeatureForm::Unit) => "cosine",
            Some(FeatureForm::CentredUnit(_)) => "class-means",
        };
        let mut features = 0;
        for (name, plain) in names.iter().zip(classifiers) {
            features += plain.weight.len() / classes.max(1);
            insert(&mut state, name, plain, classes, shift);
        }
        let layout = network.layout();
        Self { state, layout, classifiers: names, classifier, features, has_gates }
    }
}

fn insert(
    state: &mut State,
    owner: &str,
    plain: PlainClassifier,
    classes: usize,
    shift: Option<&[f32]>,
) {
    let PlainClassifier { form, weight, mut bias } = plain;
    for (bias, by) in bias.iter_mut().zip(shift.unwrap_or_default()) {
        *bias += by;
    }
    let features = weight.len() / classes.max(1);
    state.insert(format!("{owner}.weight"), array(&[classes, features], weight));
    state.insert(format!("{owner}.bias"), array(&[classes], bias));
    if let FeatureForm::CentredUnit(centre) = form {
        state.insert(format!("{owner}.centre"), array(&[features], centre));
    }
}

fn array(shape: &[usize], values: Vec<f32>) -> Weights {
    Weights { shape: shape.to_vec(), values }
}
