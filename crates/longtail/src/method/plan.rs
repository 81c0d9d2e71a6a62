use super::ComputeClassifier;
use crate::{
    augment::View,
    batch::{SamplerConfig, Sampling},
    loss::{ClassCounts, Moment, Objective, Teacher},
    model::{ClassifierStart, NetworkConfig, Part},
    optim::{Schedule, SgdConfig},
};

/// A method for one data set: what the network looks like, and what is done to it in which order.
#[derive(Debug)]
pub struct Plan {
    /// The network.
    pub network: NetworkConfig,
    /// What is done to it, at least one stage.
    pub stages: Vec<Stage>,
}

/// A part of a run with settings of its own.
#[derive(Debug)]
pub struct Stage {
    /// What people call it, such as `classifier`; of a single stage nothing is said.
    pub name: &'static str,
    /// What it makes of the classifier that it finds.
    pub start: ClassifierStart,
    /// What the classifier is computed of, where it is not trained.
    pub computed: Option<Box<dyn ComputeClassifier>>,
    /// The parts that are trained; the others are frozen: in evaluation mode, without gradient, decay or velocity.
    pub trains: Vec<Part>,
    /// How long it takes.
    pub epochs: usize,
    /// What draws the images of a step, at least one; streams and seeds are given by the run.
    pub samplers: Vec<SamplerConfig>,
    /// Images that a step works off at a time ([`crate::model::MicroBatches`]); 0: all of it.
    pub micro_batch: usize,
    /// The views of every image, in order.
    pub views: Vec<View>,
    /// What is minimised.
    pub objective: Box<dyn Objective>,
    /// The learning rate over the stage's epochs.
    pub schedule: Schedule,
    /// The optimizer, which begins without velocity.
    pub optimizer: SgdConfig,
}

/// An epoch of a run, and where it lies in its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The stage, from 0.
    pub stage: usize,
    /// Where in it.
    pub moment: Moment,
}

impl Plan {
    /// What keeps a plan for `classes` classes from being followed.
    pub(super) fn fault(&self, classes: usize) -> Option<&'static str> {
        let Some(last) = self.stages.last() else { return Some("it has no stage") };
        let trained = || self.stages.iter().filter(|stage| stage.epochs > 0);
        let stages = self.stages.iter().enumerate();
        let empty =
            |(number, stage): (usize, &Stage)| stage.epochs == 0 && number + 1 < self.stages.len();
        if self.network.classes != classes {
            Some("its network has another number of classes than the data")
        } else if self.epochs() == 0 || stages.clone().any(empty) {
            Some("a stage before the last has no epoch")
        } else if last.epochs == 0 && last.computed.is_none() {
            Some("its last stage has neither an epoch nor a classifier to compute")
        } else if trained().any(|stage| stage.samplers.is_empty() || stage.views.is_empty()) {
            Some("a stage has no sampler or no view")
        } else if trained().any(|stage| stage.samplers.iter().any(|s| s.batch_size == 0)) {
            Some("a sampler draws no image")
        } else if trained().any(|stage| stage.trains.is_empty()) {
            Some("a stage trains no part of the network")
        } else if trained().any(|stage| !stage.schedule.is_usable(stage.epochs)) {
            Some("the learning rate of a stage is not a finite number above 0")
        } else {
            None
        }
    }

    /// Gives the stages a trained network to learn from; tells whether one of them has a use for it.
    pub fn learn_from(&mut self, teacher: &Teacher) -> bool {
        let mut learns = false;
        for stage in &mut self.stages {
            learns |= stage.objective.learn_from(teacher);
        }
        learns
    }

    /// Epochs of all stages.
    pub fn epochs(&self) -> usize {
        self.stages.iter().map(|stage| stage.epochs).sum()
    }

    /// The stage that `epoch` belongs to, counted over all stages from 0; of an epoch behind the last one, the last
    /// stage.
    pub fn place(&self, epoch: usize) -> Place {
        let mut before = 0;
        let of_stage = |(stage, s): (usize, &Stage)| {
            let epoch_of_stage = epoch - before;
            let is_last = stage + 1 == self.stages.len();
            if epoch_of_stage < s.epochs || is_last {
                let moment = Moment { epoch: epoch_of_stage, epochs: s.epochs };
                return Some(Place { stage, moment });
            }
            before += s.epochs;
            None
        };
        let nowhere = Place { stage: 0, moment: Moment { epoch, epochs: 0 } };
        self.stages.iter().enumerate().find_map(of_stage).unwrap_or(nowhere)
    }

    /// The most views of an image that a stage makes.
    pub fn most_views(&self) -> usize {
        self.stages.iter().map(|stage| stage.views.len()).max().unwrap_or_default()
    }

    /// The epoch that a stage begins with, over all stages.
    pub fn first_epoch(&self, stage: usize) -> usize {
        self.stages.iter().take(stage).map(|stage| stage.epochs).sum()
    }

    /// The most images whose way through the encoder a step keeps at a time.
    pub fn largest_micro_batch(&self) -> usize {
        let of = |stage: &Stage| {
            let of_sampler = |sampler: &SamplerConfig| match stage.micro_batch {
                0 => sampler.batch_size,
                images => sampler.batch_size.min(images),
            };
            let kept = stage.samplers.iter().map(of_sampler);
            if stage.micro_batch == 0 { kept.sum() } else { kept.max().unwrap_or_default() }
        };
        self.stages.iter().map(of).max().unwrap_or_default()
    }

    /// The most images of a step.
    pub fn largest_batch(&self) -> usize {
        let of = |stage: &Stage| stage.samplers.iter().map(|sampler| sampler.batch_size).sum();
        self.stages.iter().map(of).max().unwrap_or_default()
    }
}

impl Stage {
    /// The prior that its classifier's logits hold at `moment`, by label and of any scale: what the first sampler draws,
    /// times what the loss makes up for ([`Objective::class_factors`]); uniform of a computed classifier.
    pub fn model_prior(&self, counts: &ClassCounts, moment: Moment) -> Vec<f64> {
        if self.computed.is_some() {
            return vec![1.0; counts.classes()];
        }
        let sampling = self.samplers.first().map_or(Sampling::Instance, |first| first.sampling);
        let drawn = sampling.class_probabilities(counts, moment.epoch, moment.epochs);
        match self.objective.class_factors(moment) {
            Some(factors) => drawn.iter().zip(factors).map(|(p, factor)| p * factor).collect(),
            None => drawn,
        }
    }

    /// Images that the first sampler draws for a step.
    pub fn batch_size(&self) -> usize {
        self.samplers.first().map_or(0, |sampler| sampler.batch_size)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        loss::{ClassCounts, Moment},
        method::{Method, tests::recipe},
    };

    #[test]
    fn logits_hold_what_is_drawn_less_what_the_loss_makes_up_for() {
        let counts = ClassCounts::new(vec![800, 200]).unwrap();
        let of = |method: &str, more: &str, epoch| {
            let plan = Method::plan(&recipe(method, more).settings(), &counts);
            let moment = Moment { epoch, epochs: 200 };
            let prior = plan.stages[plan.stages.len() - 1].model_prior(&counts, moment);
            prior[0] / prior[1]
        };
        let near = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        };
        near(of("ce", "", 0), 4.0);
        near(of("la", "[loss]\ntau = 1.0\n", 0), 1.0);
        near(of("la", "[loss]\ntau = 0.5\n", 0), 2.0);
        for method in ["balanced-softmax", "crt", "lws", "tau-norm", "ncm", "bbn"] {
            near(of(method, "", 0), 1.0);
        }
        let weights = counts.class_balanced_weights(0.9999);
        let weighted = 4.0 * weights[0] / weights[1];
        near(of("cb-focal", "", 0), weighted);
        for method in ["ldam-drw", "ride"] {
            near(of(method, "", 0), 4.0);
            near(of(method, "", 199), weighted);
        }
    }
}
