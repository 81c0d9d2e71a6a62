use std::fmt;

use burn::tensor::Tensor;

use super::{LossError, Teacher};
use crate::{
    choice::choice,
    model::{BatchStatistics, Network},
};

/// What a stage of training minimises.
///
/// Everything that it depends on is its own fields, the batch and the [`Moment`]; what it has chosen on the way is its
/// [`state`](Objective::state), which checkpoints save.
///
/// ```
/// # use longtail::{device, loss::*, method::parts, model::Network, recipe::Recipe};
/// # use burn::tensor::Tensor;
/// #[derive(Debug)]
/// struct Halved;
///
/// impl Objective for Halved {
///     fn losses(&self, network: &Network, draws: &[Draw], _: Moment) -> Result<Losses, LossError> {
///         let losses = classifier_alone(network, draws, "cross entropy", cross_entropy)?;
///         Ok(Losses { total: losses.total.mul_scalar(0.5), ..losses })
///     }
/// }
/// # let (recipe, _) = Recipe::resolve(&[])?;
/// # let network = Network::new(&parts::network(&recipe.settings(), 2, None), 0, &device::cpu())?;
/// # let draw = Draw { images: Tensor::ones([2, 8, 8, 3], &device::cpu()), labels: vec![0, 1] };
/// # let Losses { total, mut parts, .. } = Halved.losses(&network, &[draw], Moment { epoch: 0, epochs: 1 })?;
/// # let (name, part) = parts.remove(0);
/// # assert_eq!((name, total.into_scalar::<f32>()), ("cross entropy", 0.5 * part.into_scalar::<f32>()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Objective: fmt::Debug + Send {
    /// Called before the first step of every epoch of the stage, once, and not again when a run is resumed in
    /// the middle of an epoch. Gives a sentence for people where something changes with this epoch.
    ///
    /// # Errors
    /// [`LossError`], most often of the measurement.
    fn before_epoch(
        &mut self,
        moment: Moment,
        measure: &mut dyn Measure,
    ) -> Result<Option<String>, LossError> {
        let _ = (moment, measure);
        Ok(None)
    }

    /// The losses of one batch.
    ///
    /// `draws`: what each sampler of the stage has drawn, at least one.
    ///
    /// # Errors
    /// [`LossError`] for labels, counts or heads that do not fit.
    fn losses(
        &self,
        network: &Network,
        draws: &[Draw],
        moment: Moment,
    ) -> Result<Losses, LossError>;

    /// Takes a trained network to learn from; tells whether it has a use for one. Which one it is, is no part of its
    /// state: the run sees to it that it stays the same ([`crate::loss::Distillation`]).
    fn learn_from(&mut self, teacher: &Teacher) -> bool {
        let _ = teacher;
        false
    }

    /// The classes that it has set apart, where it does so, for reports.
    fn chosen_classes(&self) -> Option<&[u32]> {
        None
    }

    /// What the loss multiplies the frequency of every class with, by label and of any scale, at `moment`: the logits then
    /// hold the prior p(y) ∝ share of draws of y · factor of y (`docs/evaluation.md`). `None` where classes count as they
    /// come. Reports correct logits with it; training does not ask.
    fn class_factors(&self, moment: Moment) -> Option<Vec<f64>> {
        let _ = moment;
        None
    }

    /// What it has chosen, to be saved.
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Goes on from a [`state`](Objective::state), for `classes` classes.
    ///
    /// # Errors
    /// [`LossError::State`] if it is none of its own.
    fn restore(&mut self, state: &serde_json::Value, classes: usize) -> Result<(), LossError> {
        let _ = classes;
        match state {
            serde_json::Value::Null => Ok(()),
            other => Err(LossError::State { reason: format!("{other} is not expected") }),
        }
    }
}

/// Where in its stage training stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Epoch of the stage, from 0.
    pub epoch: usize,
    /// Epochs of the stage.
    pub epochs: usize,
}

/// Images that one sampler has drawn, in all views.
#[derive(Debug, Clone)]
pub struct Draw {
    /// `[views · labels, height, width, 3]`, view by view, normalised.
    pub images: Tensor<4>,
    /// One per image.
    pub labels: Vec<u32>,
}

/// What one forward pass gives.
#[derive(Debug)]
pub struct Losses {
    /// L, to be differentiated.
    pub total: Tensor<1>,
    /// The parts of L by name, unweighted, in the order in which people should read them.
    pub parts: Vec<(&'static str, Tensor<1>)>,
    /// Logits of the first draw's first view, `[batch, classes]`: one of a network, one of each of its experts.
    pub logits: Vec<Tensor<2>>,
    /// Batch statistics of the pass.
    pub statistics: BatchStatistics,
}

choice! {
    /// Images that accuracies are measured on.
    Criterion {
        /// Validation images; training images where there are none.
        Val = "val",
        /// Training images.
        Train = "train",
        /// The test set, as in the literature; training images where there is none.
        Test = "test",
    }
}

/// Accuracies under the test transform.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Of every class, in [0, 1]; `None` for a class without an image.
    pub per_class: Vec<Option<f64>>,
    /// What was measured on, for people: "validation images".
    pub images: &'static str,
}

/// Measures the network as it stands, on demand.
pub trait Measure {
    /// Accuracies on the images of `criterion`.
    ///
    /// # Errors
    /// [`LossError::Measure`].
    fn accuracies(&mut self, criterion: Criterion) -> Result<Measured, LossError>;

    /// Class names by label.
    fn class_names(&self) -> &[String];
}
