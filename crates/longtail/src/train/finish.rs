use burn::module::Module;

use super::{BestEpoch, TrainError, Trainer};
use crate::{
    device,
    model::{Network, weights},
    report::{Best, ClassInfo, MetricsLog, Outcome, Summary, atomic, html},
};

impl Trainer {
    /// The run's figures, computed from its weights: of the last step, and of the best epoch.
    ///
    /// A run that stopped within an epoch has its last step stand for that epoch in the choice of
    /// the best.
    ///
    /// # Errors
    /// [`TrainError`] if a set cannot be evaluated.
    pub fn summary(&self) -> Result<Summary, TrainError> {
        let progress = self.progress();
        let last = self.outcome(&self.network())?;
        let best = self.best(&last)?;
        let names = &self.sets().class_names;
        let shots = self.eval_options().shot_thresholds;
        let name = |&class: &u32| names[class as usize].clone();
        Ok(Summary {
            epochs: progress.epoch,
            steps: progress.step,
            seed: self.recipe().train.seed,
            split_hash: self.sets().split_hash.clone(),
            data: self.recipe().data.name.clone(),
            method: self.recipe().method.name.to_string(),
            classes: ClassInfo::list(names, &self.sets().train_counts, &shots),
            seconds: progress.seconds,
            waited: progress.waited,
            images_per_second: progress.images as f64 / progress.seconds.max(f64::MIN_POSITIVE),
            longtail_version: env!("CARGO_PKG_VERSION").into(),
            compression: progress.poor_classes.as_ref().map(|poor| poor.iter().map(name).collect()),
            last,
            best,
        })
    }

    /// Writes the summary, the weights under PyTorch's names and the page.
    ///
    /// # Errors
    /// [`TrainError`] if a file cannot be written; files written before stay whole.
    pub fn write_results(&self, summary: &Summary) -> Result<(), TrainError> {
        let folder = self.folder();
        self.write_weights("last", &self.network())?;
        if summary.best.is_some() {
            let best = if self.last_is_best(summary) { None } else { self.best_network()? };
            self.write_weights("best", &best.unwrap_or_else(|| self.network()))?;
        }
        summary.save(folder.summary())?;
        let records = MetricsLog::read(folder.metrics()).unwrap_or_default();
        let recipe = self.recipe().to_toml()?;
        let hardware = device::hardware(self.learner.device());
        let input =
            html::ReportInput { summary, records: &records, recipe: &recipe, hardware: &hardware };
        Ok(html::save(&input, folder.report())?)
    }

    fn write_weights(&self, which: &str, network: &Network) -> Result<(), TrainError> {
        let metadata = [("format".to_owned(), "pt".to_owned())].into();
        let bytes = weights::to_safetensors(&weights::state(network), metadata)?;
        Ok(atomic::write(&self.folder().weights(which), &bytes)?)
    }

    fn outcome(&self, network: &Network) -> Result<Outcome, TrainError> {
        let sets = self.sets();
        Ok(Outcome {
            test: self.evaluate(network, sets.test.as_ref())?,
            val: self.evaluate(network, sets.val.as_ref())?,
        })
    }

    fn best(&self, last: &Outcome) -> Result<Option<Best>, TrainError> {
        let progress = self.progress();
        let partial = progress.batch > 0 || progress.step == 0;
        let chosen = progress.best.as_ref();
        match (chosen, last.val.as_ref()) {
            (_, None) => Ok(None),
            (chosen, Some(val)) if partial && is_better(val.arithmetic_mean, chosen) => {
                Ok(Some(Best { epoch: progress.epoch, outcome: last.clone() }))
            }
            (None, Some(_)) => Ok(None),
            (Some(chosen), Some(_)) => {
                let network = self.best_network()?.unwrap_or_else(|| self.network());
                Ok(Some(Best { epoch: chosen.epoch, outcome: self.outcome(&network.valid())? }))
            }
        }
    }

    /// Whether the best epoch is the one that was under way when the run stopped.
    fn last_is_best(&self, summary: &Summary) -> bool {
        summary.best.as_ref().is_some_and(|best| best.epoch == self.progress().epoch)
    }
}

fn is_better(mean: f64, so_far: Option<&BestEpoch>) -> bool {
    so_far.is_none_or(|best| mean > best.val.arithmetic_mean)
}
