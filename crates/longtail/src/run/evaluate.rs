//! The figures of a run, computed again from its weights, or on other images.

use std::path::Path;

use burn::tensor::Device;

use super::{
    Runner,
    resume::{Purpose, Reopened},
    saved,
};
use crate::{
    Error, Result,
    data::DataError,
    recipe::{DataTyped, RecipeFile},
    report::{Analyses, LogKind, ReportError, Summary, Weights},
    train::{Lock, Observer, Results, TrainError, Trainer},
};

/// What was evaluated.
pub enum Evaluated {
    /// The run on its own images; its summary, analysis and report are written anew.
    Run(Box<Trainer>, Box<Results>),
    /// The run on its own images; its folder cannot be written to, and its files are as they were.
    Unwritten(Box<Results>),
    /// The run's model on another set; nothing of the run changed.
    Other(Box<Results>),
}

impl Evaluated {
    /// The figures.
    pub fn summary(&self) -> &Summary {
        &self.results().summary
    }

    /// What the run's models are like on the images; `None` where there is none to evaluate on.
    pub fn analyses(&self) -> Option<&Analyses> {
        self.results().analyses.as_ref()
    }

    /// All of it.
    pub fn results(&self) -> &Results {
        match self {
            Self::Run(_, results) | Self::Unwritten(results) | Self::Other(results) => results,
        }
    }
}

/// What an evaluation is to give beside the figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvaluateOptions {
    /// The models of which the results hold what they say of each image.
    pub keep: Vec<Weights>,
    /// The programs that the run is logged for, beside those that it was logged for before.
    pub logs: Vec<LogKind>,
}

/// [`Runner::evaluate`] of a method of this crate.
///
/// # Errors
/// As there.
pub fn evaluate(
    at: &Path,
    place: DataTyped,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Evaluated> {
    Runner::new(device.clone()).evaluate(at, place, observer)
}

impl Runner {
    /// The figures of the run in `at`. `place` may say where its images are now, which their content proves, or name
    /// another set ([`Runner::rescore`]). Figures of images that are not proven to be the run's are not written into its folder.
    ///
    /// # Errors
    /// [`crate::Error`] if there is no run, if another process writes to it, or if the images cannot be used.
    pub fn evaluate(
        &self,
        at: &Path,
        place: DataTyped,
        observer: &mut dyn Observer,
    ) -> Result<Evaluated> {
        self.evaluate_with(at, place, &EvaluateOptions::default(), observer)
    }

    /// The same with what `options` ask for.
    ///
    /// # Errors
    /// As there; [`TrainError::NoBest`] where the best model is to be kept and there is
    /// none; [`ReportError::LogsOfOther`] where logs are asked for of images that are not the run's.
    pub fn evaluate_with(
        &self,
        at: &Path,
        place: DataTyped,
        options: &EvaluateOptions,
        observer: &mut dyn Observer,
    ) -> Result<Evaluated> {
        let evaluated = self.evaluated(at, place, options, observer)?;
        let lacks_best = evaluated.results().summary.best.is_none();
        if lacks_best && options.keep.contains(&Weights::Best) {
            return Err(TrainError::NoBest(at.to_owned()).into());
        }
        Ok(evaluated)
    }

    fn evaluated(
        &self,
        at: &Path,
        place: DataTyped,
        options: &EvaluateOptions,
        observer: &mut dyn Observer,
    ) -> Result<Evaluated> {
        // Of its own images a run knows which it left out.
        let own = DataTyped { skip_broken: None, ..place.clone() };
        let layer = RecipeFile { data: own, ..RecipeFile::default() };
        let (folder, saved) = saved(at)?;
        let lock = folder.lock_if_writable()?;
        if lock.is_none() && !options.logs.is_empty() {
            let denied = std::io::ErrorKind::PermissionDenied.into();
            return Err(ReportError::io("write", folder.logs())(denied).into());
        }
        match self.reopen(folder, saved, &self.named(&[layer]), Purpose::Evaluate, observer) {
            Ok(reopened) => of_run(reopened, lock, options, observer),
            Err(Error::Data(DataError::SplitDeviates { what })) if names_data(&place) => {
                observer.note(&format!(
                    "these are not the images of the run ({what} deviate): its model is scored on them as on another set"
                ));
                self.of_other(at, place, options, observer)
            }
            Err(Error::Data(DataError::SplitStorage { .. })) if names_data(&place) => {
                observer.note(
                    "whether these are the images of the run is not known, for one are told by their content and the other \
                     by names and lengths: its model is scored on them as on another set",
                );
                self.of_other(at, place, options, observer)
            }
            // With files among them that cannot be read they are not the run's.
            Err(Error::Data(_)) if names_data(&place) && place.skip_broken == Some(true) => {
                self.of_other(at, place, options, observer)
            }
            Err(error) => Err(error),
        }
    }

    fn of_other(
        &self,
        at: &Path,
        place: DataTyped,
        options: &EvaluateOptions,
        observer: &mut dyn Observer,
    ) -> Result<Evaluated> {
        if !options.logs.is_empty() {
            return Err(ReportError::LogsOfOther.into());
        }
        let results = self.rescored(at, place, &options.keep, observer)?;
        Ok(Evaluated::Other(Box::new(results)))
    }
}

/// A run on images that may be its own; figures of no others are written.
fn of_run(
    Reopened { trainer, is_checked, .. }: Reopened,
    lock: Option<Lock>,
    options: &EvaluateOptions,
    observer: &mut dyn Observer,
) -> Result<Evaluated> {
    if !is_checked && !options.logs.is_empty() {
        return Err(ReportError::LogsOfOther.into());
    }
    // Where images validate, one of the epochs is the best.
    if options.keep.contains(&Weights::Best) && trainer.sets().val.is_none() {
        return Err(TrainError::NoBest(trainer.folder().path().to_owned()).into());
    }
    let keeping = options.keep.iter().copied();
    let mut trainer = keeping.fold(trainer.logging(&options.logs), Trainer::keeping);
    let results = Box::new(trainer.results()?);
    let is_written = is_checked && lock.is_some();
    if let Some(left_out) = results.summary.left_out.as_ref().filter(|_| !is_written) {
        observer.note(&left_out.to_sentence());
    }
    match lock {
        _ if !is_checked => Ok(Evaluated::Other(results)),
        Some(lock) => {
            let trainer = trainer.owning(lock);
            trainer.write_results(&results, observer)?;
            Ok(Evaluated::Run(Box::new(trainer), results))
        }
        None => Ok(Evaluated::Unwritten(results)),
    }
}

/// Whether images were named that may be another set.
fn names_data(place: &DataTyped) -> bool {
    place.name.is_some() || place.train_list.is_some() || place.test_list.is_some()
}
