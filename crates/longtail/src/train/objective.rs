use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    loss::{
        ClassCounts, Compression, Contrastive, LossError, balanced_softmax, cross_entropy,
        logit_adjusted,
    },
    method::ClassifierLoss,
    model::{BatchStatistics, Network, Pass},
};

/// How the rows of the views share batch statistics (`docs/method.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BnGroups {
    /// All views in one encoder pass.
    Joint,
    /// Each view on its own; running statistics see the classifier's view.
    PerView,
}

/// L = α · L_classifier + β · L_contrastive over the views of one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// α.
    pub alpha: f64,
    /// β.
    pub beta: f64,
    /// The classifier's loss, on the first view.
    pub classifier_loss: ClassifierLoss,
    /// τ of the logit adjustment.
    pub tau: f64,
    /// The contrastive loss, on the other views; `None` without.
    pub contrastive: Option<Contrastive>,
    /// n, training images of every class.
    pub class_counts: ClassCounts,
    /// How views share batch statistics.
    pub bn_groups: BnGroups,
    /// Whether the projection head's batch norm sees the classifier's view too.
    pub head_on_cls_view: bool,
}

/// What one forward pass gives.
#[derive(Debug)]
pub struct Losses {
    /// L, to be differentiated.
    pub total: Tensor<1>,
    /// The classifier's part, unweighted.
    pub classifier: Tensor<1>,
    /// The contrastive part, unweighted.
    pub contrastive: Option<Tensor<1>>,
    /// Logits of the classifier's view, `[batch, classes]`.
    pub logits: Tensor<2>,
    /// Batch statistics of the pass.
    pub statistics: BatchStatistics,
}

impl Objective {
    /// Views a batch needs: the classifier's, and two for the contrastive loss.
    pub fn views(&self) -> usize {
        if self.contrastive.is_some() { 3 } else { 1 }
    }

    /// The losses of one batch.
    ///
    /// `images`: `[views · batch, height, width, 3]`, view by view; `labels`: one per image of the
    /// batch.
    ///
    /// # Errors
    /// [`LossError`] for labels or counts that do not fit.
    pub fn losses(
        &self,
        network: &Network,
        images: Tensor<4>,
        labels: &[u32],
        compression: Option<&Compression>,
    ) -> Result<Losses, LossError> {
        let batch = labels.len();
        let mut statistics = BatchStatistics::default();
        let features = self.features(network, images, &mut statistics);
        let logits = network.logits(features.clone().narrow(0, 0, batch));
        let classifier = self.classifier(logits.clone(), labels)?;
        let contrastive =
            self.contrastive_part(network, features, labels, compression, &mut statistics)?;
        let weighted = classifier.clone().mul_scalar(self.alpha);
        let total = match &contrastive {
            Some(contrastive) => weighted + contrastive.clone().mul_scalar(self.beta),
            None => weighted,
        };
        Ok(Losses { total, classifier, contrastive, logits, statistics })
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

    fn classifier(&self, logits: Tensor<2>, labels: &[u32]) -> Result<Tensor<1>, LossError> {
        let n = &self.class_counts;
        match self.classifier_loss {
            ClassifierLoss::CrossEntropy => cross_entropy(logits, labels),
            ClassifierLoss::BalancedSoftmax => balanced_softmax(logits, labels, n),
            ClassifierLoss::LogitAdjusted => logit_adjusted(logits, labels, n, self.tau),
        }
    }

    fn contrastive_part(
        &self,
        network: &Network,
        features: Tensor<2>,
        labels: &[u32],
        compression: Option<&Compression>,
        statistics: &mut BatchStatistics,
    ) -> Result<Option<Tensor<1>>, LossError> {
        let Some(loss) = &self.contrastive else { return Ok(None) };
        let Some(z) = self.projections(network, features, labels.len(), statistics) else {
            return Ok(None);
        };
        let prototypes = match loss.prototypes {
            true => network.prototypes(&mut Pass::Train(statistics)),
            false => None,
        };
        let both_views = [labels, labels].concat();
        loss.loss(z, &both_views, prototypes, &self.class_counts, compression).map(Some)
    }

    /// Projections of the two contrastive views.
    fn projections(
        &self,
        network: &Network,
        features: Tensor<2>,
        batch: usize,
        statistics: &mut BatchStatistics,
    ) -> Option<Tensor<2>> {
        let first = usize::from(!self.head_on_cls_view) * batch;
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
