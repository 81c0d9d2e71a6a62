use burn::module::Module;

use super::{BestEpoch, Observer, TrainError, Trainer, about};
use crate::{
    atomic,
    data::{Part, Sets, source},
    eval::{self, Analysis, EvalError, EvalOptions, Evaluation, Outputs, Rows},
    loss::ClassCounts,
    model::{Network, weights},
    report::{
        AnalysedSet, Analyses, Best, BestAnalysis, Called, ClassInfo, LeftOut, Outcome,
        ReportError, ScoredImages, Summary, Weights,
    },
};

/// Most images that the picture of the embedding shows.
const EMBEDDED: usize = 2000;

/// What a run has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// Its figures.
    pub summary: Summary,
    /// What its models are like on the test set, or on the validation set where there is no other; `None` without either.
    pub analyses: Option<Analyses>,
    /// What the models call the images of that set.
    pub called: Option<Called>,
    /// Features of the last model with their labels, of some of these images.
    pub features: Option<(Rows, Vec<u32>)>,
    /// All that they say of these images, of the models that it was asked to be kept of.
    pub scored: Vec<(Weights, ScoredImages)>,
}

impl Results {
    /// What one of the models says of each image; `None` where there is none, or where it was not to be kept.
    pub fn scored(&self, weights: Weights) -> Option<&ScoredImages> {
        self.scored.iter().find_map(|(of, scored)| (*of == weights).then_some(scored))
    }
}

/// What one model has come to on the sets of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Figures {
    outcome: Outcome,
    /// Of the test set, or else of validation.
    analysis: Option<(AnalysedSet, Analysis)>,
    /// What the images of that set are called.
    called: Vec<u32>,
    /// Features of some of these images, and their labels.
    features: Option<(Rows, Vec<u32>)>,
    /// Outputs for that set.
    outputs: Option<Outputs>,
}

impl Figures {
    /// What a model has come to whose logits hold the prior `model_prior`, of its outputs.
    pub fn of(
        test: Option<Outputs>,
        val: Option<Outputs>,
        train_counts: &[usize],
        model_prior: &[f64],
        options: &EvalOptions,
    ) -> Result<Self, EvalError> {
        let mut figures = Self::default();
        let sets = [(AnalysedSet::Test, test), (AnalysedSet::Val, val)];
        for (set, outputs) in sets {
            let Some(outputs) = outputs else { continue };
            let (found, analysis) = Analysis::of(&outputs, train_counts, model_prior, options)?;
            match set {
                AnalysedSet::Test => figures.outcome.test = Some(found),
                AnalysedSet::Val => figures.outcome.val = Some(found),
            }
            if figures.analysis.is_none() {
                figures.analysis = Some((set, analysis));
                figures.called = outputs.predictions();
                figures.features = Some(outputs.features_by_class(EMBEDDED));
                figures.outputs = Some(outputs);
            }
        }
        Ok(figures)
    }

    /// The same, with outputs only where they are to be kept.
    pub fn keeping_outputs(self, keeps: bool) -> Self {
        Self { outputs: self.outputs.filter(|_| keeps), ..self }
    }

    /// The results of a run whose last model came to this, and to `best` the one of the epoch that validation chose.
    pub fn results(
        self,
        best: Option<(usize, Self)>,
        split_hash: &str,
        summary: impl FnOnce(Outcome, Option<Best>) -> Summary,
        scored: impl Fn(Outputs) -> Result<ScoredImages, ReportError>,
    ) -> Result<Results, ReportError> {
        let (mut of_best, mut best_called, mut best_outputs) = (None, None, None);
        let best = best.map(|(epoch, best)| {
            best_called = Some(best.called);
            best_outputs = best.outputs;
            of_best = best.analysis.map(|(_, analysis)| BestAnalysis { epoch, analysis });
            Best { epoch, outcome: best.outcome }
        });
        let analyses = self.analysis.map(|(set, last)| Analyses {
            set,
            split_hash: split_hash.to_owned(),
            last,
            best: of_best,
        });
        let called = analyses.is_some().then_some(Called { last: self.called, best: best_called });
        let kept = [(Weights::Last, self.outputs), (Weights::Best, best_outputs)];
        let kept = kept.into_iter().filter_map(|(weights, of)| Some((weights, of?)));
        let scored = kept.map(|(weights, of)| Ok((weights, scored(of)?)));
        let scored = scored.collect::<Result<_, ReportError>>()?;
        let summary = summary(self.outcome, best);
        Ok(Results { summary, analyses, called, features: self.features, scored })
    }
}

impl Trainer {
    /// [`Trainer::results`], of which the figures alone.
    ///
    /// # Errors
    /// As there.
    pub fn summary(&mut self) -> Result<Summary, TrainError> {
        Ok(self.results()?.summary)
    }

    /// The run's figures, computed from its weights: of the last step, and of the best epoch.
    ///
    /// A run that stopped within an epoch has its last step stand for that epoch in the choice of
    /// the best. Validation and test images that cannot be read any more are left out, which the summary says.
    ///
    /// # Errors
    /// [`TrainError`] if a set cannot be evaluated.
    pub fn results(&mut self) -> Result<Results, TrainError> {
        self.of_readable(Self::results_of_all)
    }

    fn results_of_all(&self) -> Result<Results, TrainError> {
        let [keeps_last, keeps_best] = [Weights::Last, Weights::Best].map(|of| self.keeps(of));
        let last = self.figures(&self.network(), self.last_epoch())?;
        let mut last = last.keeping_outputs(keeps_last || keeps_best);
        let best = match self.chosen(&last.outcome) {
            None => None,
            Some(epoch) if epoch == self.last_epoch() => {
                let outputs = last.outputs.take();
                let mut best = last.clone();
                (last.outputs, best.outputs) = match (keeps_last, keeps_best) {
                    (true, true) => (outputs.clone(), outputs),
                    (true, false) => (outputs, None),
                    (false, _) => (None, outputs),
                };
                Some((epoch, best))
            }
            Some(epoch) => {
                last = last.keeping_outputs(keeps_last);
                let network = self.best_network()?.unwrap_or_else(|| self.network());
                Some((epoch, self.figures(&network.valid(), epoch)?))
            }
        };
        let best = best.map(|(epoch, best)| (epoch, best.keeping_outputs(keeps_best)));
        let last = last.keeping_outputs(keeps_last);
        let hash = &self.sets().split_hash;
        let scored = |outputs: Outputs| {
            let Sets { test, val, class_names, .. } = self.sets();
            let part = test.as_ref().or(val.as_ref());
            let (images, indices) =
                part.map_or((&self.sets().train.images, &[][..]), |of| (&of.images, &of.indices));
            ScoredImages::new(images, indices, class_names, outputs)
        };
        let summary = |last, best| {
            let mut summary = self.summary_of(last, best);
            summary.notes.extend(self.cut_short(&summary));
            summary
        };
        Ok(last.results(best, hash, summary, scored)?)
    }

    /// What is to be known of figures of a run that was stopped.
    fn cut_short(&self, summary: &Summary) -> Option<String> {
        let next = self.plan.stages.get(self.progress().stage + 1);
        let never = next.map_or(String::new(), |stage| {
            let name = stage.name;
            format!(
                ", before its stage {name} began, without which it is not what its method makes"
            )
        });
        summary.is_cut().then(|| format!("the run was stopped after {}{never}", summary.length()))
    }

    /// The figures of the model as it stands on validation images that can be read, and on no other; `None` without any.
    ///
    /// # Errors
    /// [`TrainError`] if none of them can be read.
    pub fn validation(&mut self) -> Result<Option<Evaluation>, TrainError> {
        self.of_readable(|trainer| {
            trainer.evaluate(&trainer.network(), trainer.sets().val.as_ref())
        })
    }

    pub(super) fn summary_of(&self, last: Outcome, best: Option<Best>) -> Summary {
        let progress = self.progress();
        let names = &self.sets().class_names;
        let shots = self.eval_options().shot_thresholds;
        let name = |&class: &u32| names[class as usize].clone();
        let chosen = self.stage().objective.chosen_classes();
        let said = self.left_out.as_ref().map(LeftOut::to_sentence);
        Summary {
            epochs: progress.epoch,
            planned_epochs: Some(self.plan.epochs()),
            hardware: progress.hardware.clone(),
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
            commit: self.commit.clone(),
            precision: Some(self.recipe().train.precision.to_string()),
            compression: chosen.map(|classes| classes.iter().map(name).collect()),
            loss: progress.losses.as_ref().map(|losses| losses.total),
            loss_parts: progress.losses.as_ref().map_or_else(Default::default, |l| l.parts.clone()),
            backbone: Some(self.plan.network.encoder.to_string()),
            finished: progress.ended.clone(),
            shot_thresholds: Some(shots),
            warnings: self.final_warning(&last).into_iter().collect(),
            notes: progress.notes.iter().cloned().chain(said).collect(),
            left_out: self.left_out.clone(),
            last,
            best,
        }
    }

    /// Writes the summary, the analysis, the predictions that it counts, the weights under PyTorch's names, the page, and
    /// the logs for other programs where the run has some.
    ///
    /// # Errors
    /// [`TrainError`] if a file cannot be written; files written before stay whole.
    pub fn write_results(
        &self,
        results: &Results,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let Results { summary, analyses, called, .. } = results;
        summary.left_out.iter().for_each(|left_out| observer.note(&left_out.to_sentence()));
        let folder = self.folder();
        self.write_weights("last", &self.network())?;
        if summary.best.is_some() {
            let best = if self.last_is_best(summary) { None } else { self.best_network()? };
            self.write_weights("best", &best.unwrap_or_else(|| self.network()))?;
        }
        analyses.as_ref().map(|analyses| analyses.save(folder.analysis())).transpose()?;
        let part = self.sets().test.as_ref().or(self.sets().val.as_ref());
        if let (Some(called), Some(part)) = (called, part) {
            called.save(&part.images, &part.indices, &folder.predictions())?;
        }
        summary.save(folder.summary())?;
        let records = self.records(observer);
        self.write_page(results, &records)?;
        self.end_logs(results, &records)
    }

    fn write_weights(&self, which: &str, network: &Network) -> Result<(), TrainError> {
        let (sets, encoder) = (self.sets(), self.plan.network.encoder.to_string());
        let size = sets.train.images.height();
        let metadata = about(self.recipe(), &encoder, &sets.class_names, size);
        let bytes = weights::to_safetensors(&weights::state(network), metadata)?;
        Ok(atomic::write(&self.folder().weights(which), &bytes)?)
    }

    /// What `network` gives for the images of a part, in one pass over them.
    ///
    /// # Errors
    /// [`TrainError`] if an image cannot be read.
    pub fn outputs(&self, network: &Network, part: &Part) -> Result<Outputs, TrainError> {
        let device = self.learner.device().clone().inner();
        Ok(eval::outputs(network, &part.images, &part.indices, &self.normalize, &device)?)
    }

    /// Of `network`, the one of `epoch`.
    fn figures(&self, network: &Network, epoch: usize) -> Result<Figures, TrainError> {
        let sets = self.sets();
        let of = |part: Option<&Part>| part.map(|part| self.outputs(network, part)).transpose();
        let (test, val) = (of(sets.test.as_ref())?, of(sets.val.as_ref())?);
        let mut place = self.plan.place(epoch);
        if epoch == self.last_epoch() {
            place.stage = self.progress().stage;
        }
        let counts = ClassCounts::new(sets.train_counts.clone())?;
        let prior = self.plan.stages[place.stage].model_prior(&counts, place.moment);
        Ok(Figures::of(test, val, &sets.train_counts, &prior, &self.eval_options)?)
    }

    /// The epoch of the best model, the last one of which came to `last`.
    fn chosen(&self, last: &Outcome) -> Option<usize> {
        let val = last.val.as_ref()?;
        let chosen = self.progress().best.as_ref();
        let is_last = self.is_within_an_epoch() && is_better(val.arithmetic_mean, chosen);
        if is_last { Some(self.last_epoch()) } else { chosen.map(|best| best.epoch) }
    }

    /// Whether the best epoch is the one that the last step belongs to.
    fn last_is_best(&self, summary: &Summary) -> bool {
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
