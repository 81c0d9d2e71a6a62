//! Figure 3: the embeddings of BCL and of BCL+RCL beside each other.

use std::path::Path;

use super::plan::{Reproduction, Target};
use crate::{
    Result,
    eval::{Outputs, ShotThresholds, TsneOptions, tsne},
    report::{ClassInfo, EmbeddingPicture, Summary},
    run::{
        RunError, Runner,
        queue::Job,
        resume::{Purpose, Reopened},
        saved,
    },
};

/// Most images of a picture.
const DRAWN: usize = 5000;

/// What a finished run gives for its test images.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The run's name.
    pub name: String,
    /// The classes with their training images, by label.
    pub classes: Vec<(String, usize)>,
    /// Logits, features and projections with the classes of the images.
    pub outputs: Outputs,
}

/// The figure before it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure3 {
    /// The runs in pairs: BCL, then BCL+RCL, of one data set after the other.
    pub embeddings: Vec<Embedding>,
}

impl Embedding {
    /// That of the last model of the run in `folder`; of validation images where it has no test images.
    ///
    /// # Errors
    /// [`crate::Error`] if it cannot be opened again, or has no images to look at.
    pub fn of(runner: &Runner, folder: &Path, name: &str) -> Result<Self> {
        let (folder, saved) = saved(folder)?;
        let Reopened { mut trainer, .. } =
            runner.reopen(folder, saved, &[], Purpose::Evaluate, &mut ())?;
        let sets = trainer.sets();
        let reason = || format!("{name} has no test and no validation image");
        let none = || RunError::Nothing { reason: reason() };
        sets.test.as_ref().or(sets.val.as_ref()).ok_or_else(none)?;
        let counts = sets.train_counts.iter().copied();
        let classes = sets.class_names.iter().cloned().zip(counts).collect();
        let outputs = trainer.of_readable(|trainer| {
            let sets = trainer.sets();
            let part = sets.test.as_ref().or(sets.val.as_ref());
            part.map(|part| trainer.outputs(&trainer.network(), part)).transpose()
        })?;
        let outputs = outputs.unwrap_or_default();
        Ok(Self { name: name.to_owned(), classes, outputs })
    }

    /// The first two numbers of every projection, else of every feature.
    pub(super) fn points(&self) -> Vec<[f64; 2]> {
        let rows = self.outputs.projections.as_ref().unwrap_or(&self.outputs.features);
        let at = |row: &[f32], place: usize| row.get(place).copied().map_or(0.0, f64::from);
        rows.iter().map(|row| [at(row, 0), at(row, 1)]).collect()
    }
}

impl Reproduction<'_> {
    /// The embeddings of the runs of figure 3 that are finished, of the first seed.
    ///
    /// # Errors
    /// [`crate::Error`] for a run that cannot be opened again.
    pub fn figure3(&self, runner: &Runner) -> Result<Figure3> {
        let sources =
            Target::Figure3.recipes().into_iter().filter_map(|recipe| self.source(&recipe).ok());
        let first = sources.filter_map(|source| source.jobs.into_iter().next());
        let is_finished = |job: &Job| {
            let summary = crate::train::RunFolder::at(&job.folder).summary();
            Summary::load(summary).is_ok()
        };
        let embeddings = first
            .filter(is_finished)
            .map(|job| Embedding::of(runner, &job.folder, &job.name))
            .collect::<Result<Vec<_>>>()?;
        Ok(Figure3 { embeddings })
    }
}

impl Embedding {
    /// The features in the plane, coloured by class; of at most 5,000 images, as many of each class.
    ///
    /// # Errors
    /// [`crate::Error`] if there are fewer than 3 images, or if a feature is no number.
    pub fn picture(&self, thresholds: &ShotThresholds) -> Result<EmbeddingPicture> {
        let (rows, labels) = self.outputs.features_by_class(DRAWN);
        let embedding = tsne(&rows, &TsneOptions::default())?;
        let (names, counts): (Vec<_>, Vec<_>) = self.classes.iter().cloned().unzip();
        let classes = ClassInfo::list(&names, &counts, thresholds);
        Ok(EmbeddingPicture::new(&embedding, &labels, &classes, &self.name)?)
    }

    /// The label and the features of every image as CSV: `label,0,1,…`.
    pub fn csv(&self) -> String {
        let width = self.outputs.features.width();
        let head: String = (0..width).map(|place| format!(",{place}")).collect();
        let mut text = format!("label{head}\n");
        for (label, row) in self.outputs.labels.iter().zip(self.outputs.features.iter()) {
            text += &label.to_string();
            row.iter().for_each(|value| text += &format!(",{value}"));
            text.push('\n');
        }
        text
    }
}
