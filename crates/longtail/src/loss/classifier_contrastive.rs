use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    ClassCounts, Compression, CompressionSwitch, Contrastive, Draw, LossError, Losses, Measure,
    Moment, Objective, balanced_softmax, cross_entropy, logit_adjusted, only,
};
use crate::model::{BatchStatistics, BnGroups, Network, Pass};

/// Which cross entropy the classifier is trained with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClassifierLoss {
    /// [`cross_entropy`].
    CrossEntropy,
    /// [`balanced_softmax`], Eq. 1.
    BalancedSoftmax,
    /// [`logit_adjusted`], Eq. 2.
    LogitAdjusted {
        /// τ.
        tau: f64,
    },
}

/// L = α · L_classifier + β · L_contrastive over the views of one batch (§3.1): the classifier's loss on the first
/// view, the contrastive one on the other two.
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::loss::*;
/// # use longtail::{method::parts, model::Network, recipe::Recipe};
/// # let (recipe, _) = Recipe::resolve(&[])?;
/// # let network = Network::new(&parts::network(&recipe.settings(), 2, Some(true)), 0, &Device::flex())?;
///
/// let objective = ClassifierContrastive {
///     alpha: 2.0,
///     classifier: ClassifierLoss::LogitAdjusted { tau: 1.0 },
///     contrastive: Some(ContrastiveBranch::new(Contrastive::bcl(0.1), 0.5)),
///     class_counts: ClassCounts::new(vec![30, 10])?,
///     bn_groups: longtail::model::BnGroups::Joint,
/// };
/// // Two images in three views.
/// let draw = Draw { images: Tensor::ones([6, 8, 8, 3], &Device::flex()), labels: vec![0, 1] };
/// let losses = objective.losses(&network, &[draw], Moment { epoch: 0, epochs: 200 })?;
/// let of = |part: usize| losses.parts[part].1.clone().into_scalar::<f32>();
/// let expected = 2.0 * of(0) + 0.5 * of(1);
/// assert!((losses.total.into_scalar::<f32>() - expected).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierContrastive {
    /// α.
    pub alpha: f64,
    /// The classifier's loss.
    pub classifier: ClassifierLoss,
    /// The contrastive branch; `None` without, when there is one view.
    pub contrastive: Option<ContrastiveBranch>,
    /// n, training images of every class.
    pub class_counts: ClassCounts,
    /// How views share batch statistics.
    pub bn_groups: BnGroups,
}

/// The contrastive branch of [`ClassifierContrastive`].
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastiveBranch {
    /// β.
    pub beta: f64,
    /// The loss.
    pub loss: Contrastive,
    /// Whether the projection head's batch norm sees the classifier's view too.
    pub head_on_cls_view: bool,
    /// Compression of the low-accuracy classes' embeddings; `None`: none.
    pub compression: Option<CompressionSwitch>,
    /// The low-accuracy classes, which compression scales, once they are chosen.
    pub low_accuracy_classes: Option<LowAccuracyClasses>,
}

/// Low-accuracy classes, whose embeddings are compressed, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct LowAccuracyClasses {
    classes: Vec<u32>,
    compression: Compression,
}

/// What is saved.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    // As earlier checkpoints call them.
    #[serde(alias = "poor_classes")]
    low_accuracy_classes: Vec<u32>,
}

impl Objective for ClassifierContrastive {
    fn before_epoch(
        &mut self,
        moment: Moment,
        measure: &mut dyn Measure,
    ) -> Result<Option<String>, LossError> {
        let classes = self.class_counts.classes();
        match &mut self.contrastive {
            Some(branch) => branch.choose_low_accuracy_classes(moment, classes, measure),
            None => Ok(None),
        }
    }

    fn losses(&self, network: &Network, draws: &[Draw], _: Moment) -> Result<Losses, LossError> {
        let Draw { images, labels } = only(draws)?;
        let mut statistics = BatchStatistics::default();
        let features = self.features(network, images.clone(), &mut statistics);
        let logits = network.logits(features.clone().narrow(0, 0, labels.len()));
        let classifier = self.classifier_part(logits.clone(), labels)?;
        let weighted = classifier.clone().mul_scalar(self.alpha);
        let mut parts = vec![("classifier", classifier)];
        let total = match &self.contrastive {
            Some(branch) => {
                let contrastive =
                    self.contrastive_part(branch, network, features, labels, &mut statistics)?;
                parts.push(("contrastive", contrastive.clone()));
                weighted + contrastive.mul_scalar(branch.beta)
            }
            None => weighted,
        };
        Ok(Losses { total, parts, logits: vec![logits], statistics })
    }

    fn class_factors(&self, _: Moment) -> Option<Vec<f64>> {
        let tau = match self.classifier {
            ClassifierLoss::CrossEntropy => return None,
            ClassifierLoss::BalancedSoftmax => 1.0,
            ClassifierLoss::LogitAdjusted { tau } => tau,
        };
        let counts = self.class_counts.counts().iter();
        Some(counts.map(|&count| (count as f64).powf(-tau)).collect())
    }

    fn chosen_classes(&self) -> Option<&[u32]> {
        Some(&self.contrastive.as_ref()?.low_accuracy_classes.as_ref()?.classes)
    }

    fn state(&self) -> Value {
        self.chosen_classes()
            .map_or(Value::Null, |classes| json!({ "low_accuracy_classes": classes }))
    }

    fn restore(&mut self, state: &Value, classes: usize) -> Result<(), LossError> {
        let saved: Option<State> = serde_json::from_value(state.clone())
            .map_err(|error| LossError::State { reason: error.to_string() })?;
        // Without compression, classes that an earlier recipe chose are without effect.
        let Some(branch) = &mut self.contrastive else { return Ok(()) };
        branch.low_accuracy_classes = match (saved, &branch.compression) {
            (Some(State { low_accuracy_classes }), Some(switch)) => {
                if let Some(class) =
                    low_accuracy_classes.iter().find(|class| **class as usize >= classes)
                {
                    let reason = format!("there is no class {class}");
                    return Err(LossError::State { reason });
                }
                Some(LowAccuracyClasses::new(low_accuracy_classes, switch, classes))
            }
            _ => None,
        };
        Ok(())
    }
}

impl LowAccuracyClasses {
    fn new(classes: Vec<u32>, switch: &CompressionSwitch, of: usize) -> Self {
        Self { compression: switch.compression(&classes, of), classes }
    }
}

impl ContrastiveBranch {
    /// Without compression.
    pub fn new(loss: Contrastive, beta: f64) -> Self {
        Self { beta, loss, head_on_cls_view: true, compression: None, low_accuracy_classes: None }
    }

    fn choose_low_accuracy_classes(
        &mut self,
        moment: Moment,
        classes: usize,
        measure: &mut dyn Measure,
    ) -> Result<Option<String>, LossError> {
        let Some(switch) = &self.compression else { return Ok(None) };
        if !switch.is_due(moment, self.low_accuracy_classes.is_some()) {
            return Ok(None);
        }
        let measured = measure.accuracies(switch.criterion)?;
        let low = switch.low_accuracy_classes(&measured.per_class);
        let name = |&class: &u32| measure.class_names()[class as usize].as_str();
        let names: Vec<&str> = low.iter().map(name).collect();
        let said = switch.describe(&names, measured.images);
        let is_news = self.low_accuracy_classes.as_ref().is_none_or(|before| before.classes != low);
        self.low_accuracy_classes = Some(LowAccuracyClasses::new(low, switch, classes));
        Ok(is_news.then_some(said))
    }
}

impl ClassifierContrastive {
    /// Views of an image that it needs.
    fn views(&self) -> usize {
        if self.contrastive.is_some() { 3 } else { 1 }
    }

    fn features(
        &self,
        network: &Network,
        images: Tensor<4>,
        statistics: &mut BatchStatistics,
    ) -> Tensor<2> {
        match self.bn_groups {
            BnGroups::Joint => network.features(images, &mut Pass::Train(statistics)),
            BnGroups::PerView => self.per_view(statistics, |view, statistics| {
                let batch = images.dims()[0] / self.views();
                let rows = images.clone().narrow(0, view * batch, batch);
                network.features(rows, &mut Pass::Train(statistics))
            }),
        }
    }

    /// Joins what `of_view` gives for every view; only the first view's statistics are kept.
    fn per_view(
        &self,
        statistics: &mut BatchStatistics,
        mut of_view: impl FnMut(usize, &mut BatchStatistics) -> Tensor<2>,
    ) -> Tensor<2> {
        let first = of_view(0, statistics);
        let others = (1..self.views()).map(|view| of_view(view, &mut BatchStatistics::default()));
        Tensor::cat(std::iter::once(first).chain(others).collect(), 0)
    }

    fn classifier_part(&self, logits: Tensor<2>, labels: &[u32]) -> Result<Tensor<1>, LossError> {
        let n = &self.class_counts;
        match self.classifier {
            ClassifierLoss::CrossEntropy => cross_entropy(logits, labels),
            ClassifierLoss::BalancedSoftmax => balanced_softmax(logits, labels, n),
            ClassifierLoss::LogitAdjusted { tau } => logit_adjusted(logits, labels, n, tau),
        }
    }

    fn contrastive_part(
        &self,
        branch: &ContrastiveBranch,
        network: &Network,
        features: Tensor<2>,
        labels: &[u32],
        statistics: &mut BatchStatistics,
    ) -> Result<Tensor<1>, LossError> {
        let z = self
            .projections(branch, network, features, labels.len(), statistics)
            .ok_or(LossError::Head { head: "projection head" })?;
        let prototypes = match branch.loss.prototypes {
            true => network.prototypes(&mut Pass::Train(statistics)),
            false => None,
        };
        let both_views = [labels, labels].concat();
        let compression = branch.low_accuracy_classes.as_ref().map(|low| &low.compression);
        branch.loss.loss(z, &both_views, prototypes, &self.class_counts, compression)
    }

    /// Projections of the two contrastive views.
    fn projections(
        &self,
        branch: &ContrastiveBranch,
        network: &Network,
        features: Tensor<2>,
        batch: usize,
        statistics: &mut BatchStatistics,
    ) -> Option<Tensor<2>> {
        let first = usize::from(!branch.head_on_cls_view) * batch;
        let z = match self.bn_groups {
            BnGroups::Joint => {
                let rows = features.narrow(0, first, 3 * batch - first);
                network.projections(rows, &mut Pass::Train(statistics))?
            }
            BnGroups::PerView => {
                let views = (first / batch.max(1)..3).enumerate().map(|(i, view)| {
                    let rows = features.clone().narrow(0, view * batch, batch);
                    let mut others = BatchStatistics::default();
                    let kept = if i == 0 { &mut *statistics } else { &mut others };
                    network.projections(rows, &mut Pass::Train(kept))
                });
                Tensor::cat(views.collect::<Option<Vec<_>>>()?, 0)
            }
        };
        Some(z.clone().narrow(0, batch - first, 2 * batch))
    }
}
