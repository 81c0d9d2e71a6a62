use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{LossScale, Losses, Objective, Sgd, setup};
use crate::{
    device,
    eval::argmax,
    loss::{ClassCounts, Compression, LossError},
    model::{ModelError, Network, Precision, weights::values},
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
    /// What the loss is multiplied with; `None` where gradients have the range of f32.
    pub loss_scale: Option<LossScale>,
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

/// The [`StepLosses`] of a step, which on a GPU are not made yet.
#[derive(Debug, Clone)]
pub enum Measured {
    /// Known.
    Here(StepLosses),
    /// Total, classifier's part, contrastive part (NaN: none) and right ones, on the device.
    OnDevice(Box<Tensor<1>>),
}

impl Learner {
    /// A new network of a recipe for classes of `class_counts` training images.
    ///
    /// # Errors
    /// [`ModelError`] for a depth that a checked recipe does not have.
    pub fn new(
        recipe: &Recipe,
        class_counts: &ClassCounts,
        device: Device,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            network: setup::network(recipe, class_counts.classes(), &device)?,
            objective: setup::objective(recipe, class_counts),
            sgd: Sgd::new(setup::sgd(recipe)),
            loss_scale: (recipe.train.precision == Precision::F16).then(|| LossScale::new(&device)),
            device,
        })
    }

    /// The device, with gradients.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One optimizer step at learning rate `lr`. On the CPU a loss that is no finite number changes
    /// nothing; a GPU is not waited for: its weights are then no numbers either, unless the loss is scaled.
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
    ) -> Result<Measured, LossError> {
        let is_cpu = device::is_cpu(&self.device);
        let _awake = is_cpu.then(Awake::new);
        let shape = [labels.len() * self.objective.views(), height, width, 3];
        let input = Tensor::from_data(TensorData::new(pixels, shape), &self.device);
        let losses = self.objective.losses(&self.network, input, labels, compression)?;
        let measured = match is_cpu {
            true => Measured::Here(StepLosses::of(&losses, labels)),
            false => Measured::on_device(&losses, labels),
        };
        if measured.may_be_finite() {
            self.descend(losses, lr);
        }
        Ok(measured)
    }

    fn descend(&mut self, losses: Losses, lr: f64) {
        let network = self.network.clone();
        self.network = losses.statistics.update(match &mut self.loss_scale {
            None => self.sgd.step(lr, network, losses.total.backward()),
            Some(scale) => {
                let gradients = scale.scaled(losses.total).backward();
                let unscale = scale.judge(&network, &gradients);
                self.sgd.step_unscaled(lr, network, gradients, Some(unscale))
            }
        });
    }
}

impl Measured {
    fn on_device(losses: &Losses, labels: &[u32]) -> Self {
        let logits = losses.logits.clone().inner();
        let labels: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
        let labels = Tensor::<1, Int>::from_ints(labels.as_slice(), &logits.device());
        let hits = logits.argmax(1).reshape([labels.dims()[0]]).equal(labels);
        let total = losses.total.clone().inner();
        let contrastive = match &losses.contrastive {
            Some(contrastive) => contrastive.clone().inner(),
            None => total.full_like(f32::NAN),
        };
        let correct = hits.int().sum().float();
        let classifier = losses.classifier.clone().inner();
        let four = Tensor::cat(vec![total, classifier, contrastive, correct], 0);
        Self::OnDevice(Box::new(four))
    }

    fn may_be_finite(&self) -> bool {
        match self {
            Self::Here(losses) => losses.total.is_finite(),
            Self::OnDevice(_) => true,
        }
    }

    /// Whether reading it would wait for a GPU.
    pub fn is_on_device(&self) -> bool {
        matches!(self, Self::OnDevice(_))
    }

    /// What the steps were about, in their order; waits once for the device.
    pub fn read_all(all: &[Self]) -> Vec<StepLosses> {
        let on_device = |measured: &Self| match measured {
            Self::Here(_) => None,
            Self::OnDevice(four) => Some(Tensor::clone(four)),
        };
        let there: Vec<_> = all.iter().filter_map(on_device).collect();
        let there = if there.is_empty() { Vec::new() } else { values(Tensor::cat(there, 0)) };
        let mut there = there.as_chunks::<4>().0.iter();
        let read = |measured: &Self| match measured {
            Self::Here(losses) => Some(*losses),
            Self::OnDevice(_) => there.next().map(|four| StepLosses::from_four(*four)),
        };
        all.iter().filter_map(read).collect()
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

    /// `contrastive` without a contrastive loss and `contrastive` that diverged are both NaN; so is then the
    /// total, which is looked at first.
    fn from_four([total, classifier, contrastive, correct]: [f32; 4]) -> Self {
        Self {
            total: total.into(),
            classifier: classifier.into(),
            contrastive: (!contrastive.is_nan()).then_some(contrastive.into()),
            correct: correct as u64,
        }
    }
}

fn scalar(tensor: &Tensor<1>) -> f64 {
    values(tensor.clone().inner()).first().map_or(f64::NAN, |value| f64::from(*value))
}
