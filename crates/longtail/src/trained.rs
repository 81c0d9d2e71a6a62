//! A trained network with all that says what its outputs mean, read from the folder of its run.

use std::{collections::BTreeMap, fmt, path::Path};

use burn::tensor::Device;

use crate::{
    Result,
    data::Split,
    method::Planner,
    model::{Network, weights},
    recipe::Recipe,
    report::Summary,
    run::{split_of, train_counts},
    train::{Checkpoint, RunFolder, TrainError, about, encoder, epochs, model_prior, network},
};

/// Which weights of a run predict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WeightsChoice {
    /// Those of the best epoch where validation chose one, else the last.
    #[default]
    BestOrLast,
    /// Those of the epoch that validation chose.
    Best,
    /// The last.
    Last,
}

/// Where the weights that predict stand in their run; its `Display` says so in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The epoch, from 0.
    pub epoch: usize,
    /// Epochs of the whole run.
    pub epochs: usize,
    /// The step at which the run stopped within that epoch, if it did and these are its last weights.
    pub stopped_at: Option<u64>,
    /// Why it is these.
    pub reason: Reason,
}

/// Why it is these weights that predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Validation chose the epoch.
    Chosen,
    /// They are the last, and were asked for.
    Last,
    /// They are the last, and validation chose none.
    NoneChosen,
}
/// A trained network, and what its run says of it.
#[derive(Debug)]
pub struct Trained {
    /// The network, in the encoder's type and with the classifier of its stage.
    pub network: Network,
    /// What the run was asked to do.
    pub recipe: Recipe,
    /// Class names by label.
    pub class_names: Vec<String>,
    /// Hash of the run's split.
    pub split_hash: String,
    /// What the encoder is called.
    pub encoder: String,
    /// Where its weights stand in the run.
    pub origin: Origin,
    /// The prior that its logits hold, by label and of any scale: uniform where the method makes up for how frequent
    /// classes are.
    pub prior: Vec<f64>,
}

impl Trained {
    /// The model of the run in `folder`, planned by `planner`, with the weights of `choice`, on `device`.
    ///
    /// # Errors
    /// [`crate::Error`] if there is no run, no checkpoint yet, a damaged one, or no best epoch where that was asked for.
    pub fn open(
        folder: &Path,
        choice: WeightsChoice,
        device: &Device,
        planner: &Planner,
    ) -> Result<Self> {
        let folder = RunFolder::open(folder)?;
        let recipe = Recipe::read(&folder.recipe())?;
        let Split { hash: split_hash, class_names, .. } = split_of(&folder)?;
        let (path, classes) = (folder.checkpoint(), class_names.len());
        let checkpoint = Checkpoint::load_of(&folder)?;
        checkpoint.check_identity(&recipe, &split_hash, &path)?;
        let (stage, epochs) = (checkpoint.progress.stage, epochs(planner, &recipe, classes)?);
        let counts = train_counts(&folder, &checkpoint, classes);
        let (state, origin) = choose(&folder, checkpoint, choice, epochs)?;
        let prior = model_prior(planner, &recipe, &counts, stage, origin.epoch)?;
        let network = network(planner, &recipe, classes, stage, device)?;
        let network = weights::with_state(network, state, &path.display().to_string())
            .map_err(TrainError::from)?;
        let encoder = encoder(planner, &recipe, classes)?;
        Ok(Self { network, recipe, class_names, split_hash, encoder, origin, prior })
    }

    /// All that another program needs to use the weights, as text: what images are brought to, and what outputs mean.
    pub fn about(&self) -> BTreeMap<String, String> {
        about(&self.recipe, &self.encoder, &self.class_names, self.recipe.data.image_size)
    }
}

/// The weights of `choice` among those of a checkpoint.
fn choose(
    folder: &RunFolder,
    checkpoint: Checkpoint,
    choice: WeightsChoice,
    epochs: usize,
) -> Result<(weights::State, Origin)> {
    let progress = &checkpoint.progress;
    let stopped_at = (progress.batch > 0 || progress.step == 0).then_some(progress.step);
    let last = Origin {
        epoch: if stopped_at.is_some() { progress.epoch } else { progress.epoch.saturating_sub(1) },
        epochs,
        stopped_at,
        reason: Reason::Last,
    };
    // A run that stopped within an epoch may have had that chosen, which only its summary tells.
    let best = match best_of_summary(folder, &checkpoint)? {
        Some(epoch) => Some(epoch),
        None => progress.best.as_ref().map(|best| best.epoch),
    };
    Ok(match (choice, best) {
        (WeightsChoice::Last, _) => (checkpoint.model, last),
        (WeightsChoice::BestOrLast, None) => {
            (checkpoint.model, Origin { reason: Reason::NoneChosen, ..last })
        }
        (WeightsChoice::Best, None) => {
            return Err(TrainError::NoBest(folder.path().to_owned()).into());
        }
        (_, Some(epoch)) if stopped_at.is_some() && epoch == last.epoch => {
            (checkpoint.model, Origin { reason: Reason::Chosen, ..last })
        }
        (_, Some(epoch)) => {
            let origin = Origin { epoch, epochs, stopped_at: None, reason: Reason::Chosen };
            (checkpoint.best, origin)
        }
    })
}

/// The best epoch by the summary, where it was made of this very checkpoint, in which an epoch is under way.
fn best_of_summary(folder: &RunFolder, checkpoint: &Checkpoint) -> Result<Option<usize>> {
    let progress = &checkpoint.progress;
    let path = folder.summary();
    if (progress.batch == 0 && progress.step > 0) || !path.is_file() {
        return Ok(None);
    }
    let summary = Summary::load(path).map_err(TrainError::from)?;
    Ok(summary.best.filter(|_| summary.steps == progress.step).map(|best| best.epoch))
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (epoch, epochs) = (self.epoch + 1, self.epochs);
        match self.stopped_at {
            Some(step) => write!(f, "weights of step {step}, within epoch {epoch} of {epochs}, ")?,
            None => write!(f, "weights of epoch {epoch} of {epochs}, ")?,
        }
        f.write_str(match self.reason {
            Reason::Chosen => "chosen on validation images",
            Reason::Last => "the last",
            Reason::NoneChosen => "the last, for none was chosen on validation images",
        })
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        eval::Evaluation,
        model::weights::{State, Weights},
        report::{Best, Outcome},
        train::{BestEpoch, Progress},
    };

    fn state(value: f32) -> State {
        State::from([("w".to_owned(), Weights { shape: vec![1], values: vec![value] })])
    }

    fn evaluation() -> Evaluation {
        Evaluation::of(&[0, 1], &[0, 1], &[1, 1], &crate::eval::EvalOptions::default()).unwrap()
    }

    /// After `step` steps in all, of which `batch` in `epoch`, with the best so far.
    fn checkpoint(epoch: usize, batch: usize, step: u64, best: Option<usize>) -> Checkpoint {
        let mut progress = Progress::new("run".into(), "portable".into());
        (progress.epoch, progress.batch, progress.step) = (epoch, batch, step);
        progress.best = best.map(|epoch| BestEpoch { epoch, val: evaluation() });
        let best = if best.is_some() { state(2.0) } else { State::new() };
        Checkpoint { progress, model: state(1.0), velocity: State::new(), best }
    }

    /// A summary of a run that stopped after `steps`, with that epoch as the best.
    fn summary(steps: u64, best: Option<usize>) -> Summary {
        let json = serde_json::json!({
            "epochs": 0, "steps": steps, "seed": 0, "split_hash": "", "data": "", "method": "",
            "classes": [], "seconds": 0.0, "images_per_second": 0.0, "longtail_version": "",
            "compression": null, "last": { "test": null, "val": null }, "best": null,
        });
        let mut summary: Summary = serde_json::from_value(json).unwrap();
        summary.best = best.map(|epoch| Best { epoch, outcome: Outcome::default() });
        summary
    }

    /// Which weights are taken, and what is said of them.
    fn chosen(
        checkpoint: Checkpoint,
        summary: Option<Summary>,
        choice: WeightsChoice,
    ) -> Result<(f32, String)> {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(place.path());
        summary.iter().for_each(|summary| summary.save(folder.summary()).unwrap());
        let (state, origin) = choose(&folder, checkpoint, choice, 9)?;
        Ok((state["w"].values[0], origin.to_string()))
    }

    #[test]
    fn the_best_weights_are_taken_where_there_are_some() {
        use WeightsChoice::{Best, BestOrLast, Last};
        let whole = || checkpoint(9, 0, 90, Some(3));
        for choice in [BestOrLast, Best] {
            let said = "weights of epoch 4 of 9, chosen on validation images";
            assert_eq!(chosen(whole(), None, choice).unwrap(), (2.0, said.into()));
        }
        let said = "weights of epoch 9 of 9, the last";
        assert_eq!(chosen(whole(), None, Last).unwrap(), (1.0, said.into()));
        let none = || checkpoint(9, 0, 90, None);
        let said = "weights of epoch 9 of 9, the last, for none was chosen on validation images";
        assert_eq!(chosen(none(), None, BestOrLast).unwrap(), (1.0, said.into()));
        let error = chosen(none(), None, Best).unwrap_err().to_string();
        assert!(error.contains("has no best epoch") && error.contains("--weights"), "{error}");
    }

    #[test]
    fn an_epoch_in_which_a_run_stopped_is_the_best_where_its_summary_says_so() {
        use WeightsChoice::{Best, BestOrLast, Last};
        let stopped = || checkpoint(4, 5, 45, Some(2));
        let of_epoch = "weights of epoch 3 of 9, chosen on validation images";
        let of_step = "weights of step 45, within epoch 5 of 9, chosen on validation images";
        for choice in [BestOrLast, Best] {
            let pick = |summary| chosen(stopped(), summary, choice).unwrap();
            assert_eq!(pick(Some(summary(45, Some(4)))), (1.0, of_step.into()));
            assert_eq!(pick(Some(summary(45, Some(2)))), (2.0, of_epoch.into()));
            assert_eq!(pick(None), (2.0, of_epoch.into()), "interrupted");
            assert_eq!(
                pick(Some(summary(44, Some(4)))),
                (2.0, of_epoch.into()),
                "of an earlier stop"
            );
        }
        let said = "weights of step 45, within epoch 5 of 9, the last";
        let last = chosen(stopped(), Some(summary(45, Some(4))), Last).unwrap();
        assert_eq!(last, (1.0, said.into()));
        let first = checkpoint(0, 3, 3, None);
        let said = "weights of step 3, within epoch 1 of 9, the last, for none was chosen on validation images";
        assert_eq!(chosen(first, None, BestOrLast).unwrap(), (1.0, said.into()));
    }
}
