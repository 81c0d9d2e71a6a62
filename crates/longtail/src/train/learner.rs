use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{
    batch::DrawnPixels,
    device,
    eval::argmax,
    loss::{Draw, LossError, Losses, Moment},
    method::{Plan, Stage},
    model::{MicroBatches, ModelError, Network, Precision, weights::values},
    optim::{LossScale, Sgd},
    threads::Awake,
};

/// A network with all that an optimizer step needs and changes.
#[derive(Debug)]
pub struct Learner {
    /// What is trained, on a device with gradients.
    pub network: Network,
    /// What changes it.
    pub sgd: Sgd,
    /// What the loss is multiplied with; `None` where gradients have the range of f32.
    pub loss_scale: Option<LossScale>,
    device: Device,
}

/// What one step was about, before it changed the network.
#[derive(Debug, Clone, PartialEq)]
pub struct StepLosses {
    /// L.
    pub total: f64,
    /// Its parts by name, unweighted.
    pub parts: Vec<(&'static str, f64)>,
    /// Images of the first draw whose first view was classified right.
    pub correct: u64,
}

/// The [`StepLosses`] of a step, which on a GPU are not made yet.
#[derive(Debug, Clone)]
pub enum Measured {
    /// Known.
    Here(StepLosses),
    /// On the device.
    OnDevice {
        /// Names of the parts.
        parts: Vec<&'static str>,
        /// Total, parts and right ones.
        values: Box<Tensor<1>>,
    },
}

impl Learner {
    /// A new network for a plan, at the beginning of its first stage.
    ///
    /// # Errors
    /// [`ModelError`] for a network that cannot be built, which that of a checked recipe can.
    pub fn new(plan: &Plan, seed: u64, device: Device) -> Result<Self, ModelError> {
        let scaled = plan.network.precision == Precision::F16;
        let optimizer = plan.stages.first().map(|stage| stage.optimizer).unwrap_or_default();
        let network = Network::new(&plan.network, seed, &device)?;
        Ok(Self {
            sgd: Sgd::new(optimizer, Arc::clone(network.roles())),
            network,
            loss_scale: scaled.then(|| LossScale::new(&device)),
            device,
        })
    }

    /// Begins `stage`, the one of this number from 0, with what the one before it has made.
    pub fn begin_stage(&mut self, stage: &Stage, number: usize, seed: u64) {
        let network = self.network.clone().with_classifier(stage.start, seed, number);
        self.network = network.training(&stage.trains);
        self.sgd = Sgd::new(stage.optimizer, Arc::clone(self.network.roles()));
    }

    /// Begins one stage after the other up to the one of this number from 0, so that weights of it fit.
    pub fn begin_all_stages(&mut self, plan: &Plan, last: usize, seed: u64) {
        for (number, stage) in plan.stages.iter().enumerate().take(last + 1) {
            self.begin_stage(stage, number, seed);
        }
    }

    /// The device, with gradients.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One optimizer step of a stage at `moment`. On the CPU a loss that is no finite number changes nothing; a GPU
    /// is not waited for: its weights are then no numbers either, unless the loss is scaled.
    ///
    /// `draws`: views of `height` × `width`, normalised.
    ///
    /// # Errors
    /// [`LossError`] for labels or counts that do not fit.
    pub fn step(
        &mut self,
        stage: &Stage,
        moment: Moment,
        draws: Vec<DrawnPixels>,
        size: [usize; 2],
    ) -> Result<Measured, LossError> {
        let is_cpu = device::is_cpu(&self.device);
        let _awake = is_cpu.then(Awake::new);
        let draws: Vec<Draw> =
            draws.into_iter().map(|draw| self.upload(draw, stage.views.len(), size)).collect();
        let labels = draws.first().map_or(&[][..], |draw| &draw.labels);
        let parts = MicroBatches::of(stage.micro_batch, labels.len());
        let losses = match &parts {
            None => stage.objective.losses(&self.network, &draws, moment)?,
            Some(parts) => {
                stage.objective.losses(&self.network.in_micro_batches(parts), &draws, moment)?
            }
        };
        let measured = match is_cpu {
            true => Measured::Here(StepLosses::of(&losses, labels)),
            false => Measured::on_device(&losses, labels),
        };
        if measured.may_be_finite() {
            self.update(losses, stage.schedule.lr(moment.epoch), parts.as_ref());
        }
        Ok(measured)
    }

    fn upload(&self, draw: DrawnPixels, views: usize, [height, width]: [usize; 2]) -> Draw {
        let DrawnPixels { pixels, labels } = draw;
        let shape = [labels.len() * views, height, width, 3];
        let images = Tensor::from_data(TensorData::new(pixels, shape), &self.device);
        Draw { images, labels }
    }

    fn update(&mut self, losses: Losses, lr: f64, parts: Option<&MicroBatches>) {
        let network = self.network.clone();
        let differentiate = |loss: Tensor<1>| {
            let mut gradients = loss.backward();
            if let Some(parts) = parts {
                parts.backward(&network, &mut gradients);
            }
            gradients
        };
        self.network = losses.statistics.update(match &mut self.loss_scale {
            None => {
                let gradients = differentiate(losses.total);
                self.sgd.step(lr, network, gradients)
            }
            Some(scale) => {
                let gradients = differentiate(scale.scaled(losses.total));
                let unscale = scale.unscale(&network, &gradients);
                self.sgd.step_unscaled(lr, network, gradients, Some(unscale))
            }
        });
    }
}

impl Measured {
    fn on_device(losses: &Losses, labels: &[u32]) -> Self {
        let logits = prediction(losses);
        let labels: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
        let labels = Tensor::<1, Int>::from_ints(labels.as_slice(), &logits.device());
        let hits = logits.argmax(1).reshape([labels.dims()[0]]).equal(labels);
        let parts = losses.parts.iter().map(|(_, value)| value.clone().inner());
        let correct = hits.int().sum().float();
        let values: Vec<_> =
            std::iter::once(losses.total.clone().inner()).chain(parts).chain([correct]).collect();
        let parts = losses.parts.iter().map(|(name, _)| *name).collect();
        Self::OnDevice { parts, values: Box::new(Tensor::cat(values, 0)) }
    }

    fn may_be_finite(&self) -> bool {
        match self {
            Self::Here(losses) => losses.total.is_finite(),
            Self::OnDevice { .. } => true,
        }
    }

    /// Whether reading it would wait for a GPU.
    pub fn is_on_device(&self) -> bool {
        matches!(self, Self::OnDevice { .. })
    }

    /// What the steps were about, in their order; waits once for the device.
    pub fn read_all(all: &[Self]) -> Vec<StepLosses> {
        let on_device = |measured: &Self| match measured {
            Self::Here(_) => None,
            Self::OnDevice { values, .. } => Some(Tensor::clone(values)),
        };
        let there: Vec<_> = all.iter().filter_map(on_device).collect();
        let there = if there.is_empty() { Vec::new() } else { values(Tensor::cat(there, 0)) };
        let mut there = there.into_iter();
        let read = |measured: &Self| match measured {
            Self::Here(losses) => losses.clone(),
            Self::OnDevice { parts, .. } => StepLosses::from_values(parts, &mut there),
        };
        all.iter().map(read).collect()
    }
}

/// Logits of the network, or the mean of its experts'.
fn prediction(losses: &Losses) -> Tensor<2> {
    let mut logits = losses.logits.iter().map(|logits| logits.clone().inner());
    let first =
        logits.next().unwrap_or_else(|| Tensor::zeros([0, 1], &losses.total.device().inner()));
    match losses.logits.len() {
        0 | 1 => first,
        experts => logits.fold(first, |sum, logits| sum + logits).div_scalar(experts as f64),
    }
}

impl StepLosses {
    fn of(losses: &Losses, labels: &[u32]) -> Self {
        let logits = prediction(losses);
        let classes = logits.dims()[1];
        let logits = values(logits);
        let rows = logits.chunks_exact(classes).zip(labels);
        Self {
            total: scalar(&losses.total),
            parts: losses.parts.iter().map(|(name, value)| (*name, scalar(value))).collect(),
            correct: rows.filter(|(row, label)| argmax(row) == **label).count() as u64,
        }
    }

    fn from_values(parts: &[&'static str], values: &mut impl Iterator<Item = f32>) -> Self {
        let mut next = || values.next().map_or(f64::NAN, f64::from);
        let total = next();
        let parts = parts.iter().map(|name| (*name, next())).collect();
        Self { total, parts, correct: next() as u64 }
    }
}

fn scalar(tensor: &Tensor<1>) -> f64 {
    values(tensor.clone().inner()).first().map_or(f64::NAN, |value| f64::from(*value))
}
