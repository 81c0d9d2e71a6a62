use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
};

use burn::module::Module;

use super::{BestEpoch, Observer, Progress, TrainError, Trainer};
use crate::{
    atomic,
    data::{Part, source},
    device,
    model::{Network, weights},
    report::{
        Best, Called, ClassInfo, EpochRecord, Outcome, Recovered, ReportError, Summary, html,
    },
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
        let (last, called) = self.outcome(&self.network())?;
        let (best, best_called) = self.best(&last, &called)?.unzip();
        *self.called() = Some(Called { last: called, best: best_called });
        let names = &self.sets().class_names;
        let shots = self.eval_options().shot_thresholds;
        let name = |&class: &u32| names[class as usize].clone();
        let chosen = self.stage().objective.chosen_classes();
        Ok(Summary {
            epochs: progress.epoch,
            steps: progress.step,
            seed: self.recipe().train.seed,
            split_hash: self.sets().split_hash.clone(),
            data: source::title(&self.recipe().data),
            method: self.recipe().method.to_string(),
            classes: ClassInfo::list(names, &self.sets().train_counts, &shots),
            seconds: progress.seconds,
            waited: progress.waited,
            images_per_second: progress.images as f64 / progress.seconds.max(f64::MIN_POSITIVE),
            longtail_version: env!("CARGO_PKG_VERSION").into(),
            compression: chosen.map(|classes| classes.iter().map(name).collect()),
            loss: progress.losses.as_ref().map(|losses| losses.total),
            loss_parts: progress.losses.as_ref().map_or_else(Default::default, |l| l.parts.clone()),
            backbone: Some(self.plan.network.encoder.to_string()),
            finished: progress.ended.clone(),
            shot_thresholds: Some(shots),
            warnings: self.final_warning(&last).into_iter().collect(),
            notes: progress.notes.clone(),
            last,
            best,
        })
    }

    /// Writes the summary, the predictions that it counts, the weights under PyTorch's names and the page.
    ///
    /// # Errors
    /// [`TrainError`] if a file cannot be written; files written before stay whole.
    pub fn write_results(
        &self,
        summary: &Summary,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let folder = self.folder();
        self.write_weights("last", &self.network())?;
        if summary.best.is_some() {
            let best = if self.last_is_best(summary) { None } else { self.best_network()? };
            self.write_weights("best", &best.unwrap_or_else(|| self.network()))?;
        }
        summary.save(folder.summary())?;
        self.write_predictions()?;
        let records = self.records(observer);
        let recipe = self.recipe().to_toml()?;
        let hardware = device::hardware(self.learner.device());
        let input =
            html::ReportInput { summary, records: &records, recipe: &recipe, hardware: &hardware };
        Ok(html::save(&input, folder.report())?)
    }

    /// The lines of the log, as far as they can be used.
    fn records(&self, observer: &mut dyn Observer) -> Vec<EpochRecord> {
        let Progress { epoch, log, .. } = self.progress();
        let read = || {
            let recovered = Recovered::read(&self.folder().metrics(), *epoch, *log)?;
            Ok::<_, ReportError>((recovered.records()?, recovered.note))
        };
        let (records, note) = match read() {
            Ok((records, note)) => {
                (records, note.map(|note| format!("the report's curves: {note}")))
            }
            Err(error) => (Vec::new(), Some(format!("the report has no curves: {error}"))),
        };
        note.iter().for_each(|note| observer.note(note));
        records
    }

    fn write_weights(&self, which: &str, network: &Network) -> Result<(), TrainError> {
        let metadata = self.weights_metadata();
        let bytes = weights::to_safetensors(&weights::state(network), metadata)?;
        Ok(atomic::write(&self.folder().weights(which), &bytes)?)
    }

    /// All that another program needs to use the weights, as text: what the images are brought to, and what the
    /// outputs mean.
    fn weights_metadata(&self) -> BTreeMap<String, String> {
        let recipe = self.recipe();
        let json = |value: serde_json::Value| value.to_string();
        let images = &self.sets().train.images;
        [
            ("format", "pt".to_owned()),
            ("longtail_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("class_names", json(self.sets().class_names.clone().into())),
            ("backbone", self.plan.network.encoder.to_string()),
            ("method", recipe.method.to_string()),
            ("image_size", images.height().to_string()),
            ("resize", json(serde_json::json!(recipe.data.resize)).trim_matches('"').to_owned()),
            ("mean", json(recipe.views.mean.to_vec().into())),
            ("std", json(recipe.views.std.to_vec().into())),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// Figures, and what the images that are reported on are called.
    fn outcome(&self, network: &Network) -> Result<(Outcome, Vec<u32>), TrainError> {
        let sets = self.sets();
        let of = |part: Option<&Part>| {
            part.map(|part| self.evaluate_and_call(network, part)).transpose()
        };
        let (test, of_test) = of(sets.test.as_ref())?.unzip();
        let (val, of_val) = of(sets.val.as_ref())?.unzip();
        Ok((Outcome { test, val }, of_test.or(of_val).unwrap_or_default()))
    }

    fn called(&self) -> MutexGuard<'_, Option<Called>> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what the last and the best network call every image of the test set, or of the validation set.
    fn write_predictions(&self) -> Result<(), TrainError> {
        let sets = self.sets();
        let (called, part) = (self.called(), sets.test.as_ref().or(sets.val.as_ref()));
        let (Some(called), Some(part)) = (called.as_ref(), part) else { return Ok(()) };
        Ok(called.save(&part.images, &part.indices, &self.folder().predictions())?)
    }

    fn best(&self, last: &Outcome, called: &[u32]) -> Result<Option<(Best, Vec<u32>)>, TrainError> {
        let Some(val) = &last.val else { return Ok(None) };
        let chosen = self.progress().best.as_ref();
        let is_last = self.is_within_an_epoch() && is_better(val.arithmetic_mean, chosen);
        let epoch = if is_last { Some(self.last_epoch()) } else { chosen.map(|best| best.epoch) };
        let Some(epoch) = epoch else { return Ok(None) };
        if epoch == self.last_epoch() {
            return Ok(Some((Best { epoch, outcome: last.clone() }, called.to_vec())));
        }
        let network = self.best_network()?.unwrap_or_else(|| self.network());
        let (outcome, called) = self.outcome(&network.valid())?;
        Ok(Some((Best { epoch, outcome }, called)))
    }

    /// Whether the best epoch is the one that the last step belongs to.
    pub(crate) fn last_is_best(&self, summary: &Summary) -> bool {
        summary.best.as_ref().is_some_and(|best| best.epoch == self.last_epoch())
    }

    fn is_within_an_epoch(&self) -> bool {
        self.progress().batch > 0 || self.progress().step == 0
    }

    /// The epoch that the last step belongs to, counted from 0.
    fn last_epoch(&self) -> usize {
        self.progress().epoch - usize::from(!self.is_within_an_epoch())
    }
}

fn is_better(mean: f64, so_far: Option<&BestEpoch>) -> bool {
    so_far.is_none_or(|best| mean > best.val.arithmetic_mean)
}
