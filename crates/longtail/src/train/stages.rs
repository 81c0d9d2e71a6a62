//! The stages of a run: where it stands in them, and what happens where one begins.

use super::{Observer, TrainError, Trainer, epoch::Measuring, setup};
use crate::{
    batch::{Loader, Position},
    method::{Place, Stage},
    model::weights::State,
    report::counted,
};

impl Trainer {
    /// Steps of all epochs before `epoch`, counted over all stages from 0; `None` where no number holds them.
    pub fn steps_before(&self, epoch: usize) -> Option<u64> {
        let mut before = epoch;
        let mut steps = 0_u64;
        for (index, stage) in self.plan.stages.iter().enumerate() {
            let is_last = index + 1 == self.plan.stages.len();
            let epochs = if is_last { before } else { before.min(stage.epochs) };
            let of_stage = (epochs as u64).checked_mul(self.steps_per_epoch(index) as u64)?;
            steps = steps.checked_add(of_stage)?;
            before -= epochs;
        }
        Some(steps)
    }

    /// Begins the stage of the epoch to come, unless it has begun; tells whether it did.
    pub(super) fn begin_stage(&mut self, observer: &mut dyn Observer) -> Result<bool, TrainError> {
        let place = self.place();
        if place.stage == self.progress.stage {
            return Ok(false);
        }
        let (number, seed) = (place.stage, self.recipe.train.seed);
        self.progress.stage = number;
        self.progress.objective = serde_json::Value::Null;
        // The model of an earlier stage is not what the method makes.
        self.progress.best = None;
        self.best = State::new();
        self.progress.first_loss = None;
        self.learner.begin_stage(&self.plan.stages[number], number, seed);
        let Stage { name, epochs, .. } = self.stage();
        let (stage, stages) = (number + 1, self.plan.stages.len());
        let said = match epochs {
            0 => format!("stage {stage} of {stages}, {name}"),
            _ => format!(
                "stage {stage} of {stages}, {name}: {}",
                counted(*epochs, "epoch", "epochs")
            ),
        };
        let said = [Some(said), self.compute_classifier()?];
        let said = said.into_iter().flatten().collect::<Vec<_>>().join("; ");
        observer.note(&said);
        if self.stage().epochs > 0 {
            self.progress.sums.note = Some(said);
            self.before_epoch(observer)?;
        } else {
            // It has no line in the log.
            self.progress.notes.push(said);
        }
        Ok(true)
    }

    /// Computes the classifier of the stage where it is not trained; what there is to say of it.
    fn compute_classifier(&mut self) -> Result<Option<String>, TrainError> {
        let Some(compute) = &self.stage().computed else { return Ok(None) };
        let network = self.learner.network.clone();
        let (network, said) = compute.compute(network, &mut Measuring { trainer: self })?;
        self.learner.network = network;
        Ok(Some(said))
    }

    /// Where the epoch under way lies.
    pub(super) fn place(&self) -> Place {
        self.plan.place(self.progress.epoch)
    }

    /// The stage that has begun.
    pub(super) fn stage(&self) -> &Stage {
        &self.plan.stages[self.progress.stage]
    }

    /// Steps of an epoch of a stage.
    pub(super) fn steps_per_epoch(&self, stage: usize) -> usize {
        setup::steps_per_epoch(&self.plan.stages[stage], &self.sets)
    }

    pub(super) fn loader(&self) -> Result<Loader, TrainError> {
        let start = Position { epoch: self.progress.epoch, batch: self.progress.batch };
        let first = self.plan.first_epoch(self.progress.stage);
        setup::loader(&self.recipe, self.stage(), first, &self.sets, start)
    }
}
