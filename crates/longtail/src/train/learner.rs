use burn::tensor::{Device, Tensor, TensorData};

use super::{Losses, Objective, Sgd, setup};
use crate::{
    eval::argmax,
    loss::{Compression, LossError},
    model::{ModelError, Network, weights::values},
    recipe::Recipe,
    threads::Awake,
};

/// A network with all that an optimizer step needs and changes.
#[derive(Debug)]
pub struct Learner {
    /// What is trained, on a device with gradients.
    pub network: Network,
    /// What it is trained for.
    pub objective: Objective,
    /// What changes it.
    pub sgd: Sgd,
    device: Device,
}

/// What one step was about, before it changed the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepLosses {
    /// L.
    pub total: f64,
    /// The classifier's part, unweighted.
    pub classifier: f64,
    /// The contrastive part, unweighted.
    pub contrastive: Option<f64>,
    /// Images whose classifier view was classified right.
    pub correct: u64,
}

impl Learner {
    /// A new network of a recipe for classes of `class_counts` training images.
    ///
    /// # Errors
    /// [`ModelError`] for a depth that a checked recipe does not have.
    pub fn new(
        recipe: &Recipe,
        class_counts: &[usize],
        device: Device,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            network: setup::network(recipe, class_counts.len(), &device)?,
            objective: setup::objective(recipe, class_counts),
            sgd: Sgd::new(setup::sgd(recipe)),
            device,
        })
    }

    /// The device, with gradients.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One optimizer step at learning rate `lr`. A loss that is no finite number changes nothing.
    ///
    /// `pixels`: `[views · labels.len(), height, width, 3]`, view by view, normalised.
    ///
    /// # Errors
    /// [`LossError`] for labels or counts that do not fit.
    pub fn step(
        &mut self,
        pixels: Vec<f32>,
        [height, width]: [usize; 2],
        labels: &[u32],
        lr: f64,
        compression: Option<&Compression>,
    ) -> Result<StepLosses, LossError> {
        let _awake = Awake::new();
        let shape = [labels.len() * self.objective.views(), height, width, 3];
        let input = Tensor::from_data(TensorData::new(pixels, shape), &self.device);
        let losses = self.objective.losses(&self.network, input, labels, compression)?;
        let step = StepLosses::of(&losses, labels);
        if step.total.is_finite() {
            let gradients = losses.total.backward();
            let network = self.sgd.step(lr, self.network.clone(), gradients);
            self.network = losses.statistics.update(network);
        }
        Ok(step)
    }
}

impl StepLosses {
    fn of(losses: &Losses, labels: &[u32]) -> Self {
        let classes = losses.logits.dims()[1];
        let logits = values(losses.logits.clone().inner());
        let rows = logits.chunks_exact(classes).zip(labels);
        Self {
            total: scalar(&losses.total),
            classifier: scalar(&losses.classifier),
            contrastive: losses.contrastive.as_ref().map(scalar),
            correct: rows.filter(|(row, label)| argmax(row) == **label).count() as u64,
        }
    }
}

fn scalar(tensor: &Tensor<1>) -> f64 {
    values(tensor.clone().inner()).first().map_or(f64::NAN, |value| f64::from(*value))
}
