//! The page of a run, when it is done and on the way there.

use super::{Observer, Progress, Results, TrainError, Trainer};
use crate::{
    atomic, device,
    eval::{Evaluation, Rows, TsneOptions, tsne},
    report::{
        Best, EmbeddingPicture, EpochRecord, Gallery, Outcome, Recovered, ReportError, Summary,
        html::{self, Details, ReportInput, Underway},
    },
};

/// Side of the picture of the embedding as a PNG.
const PIXELS: u32 = 1200;

impl Trainer {
    /// Writes the page of a run that has come to `results`.
    pub(super) fn write_page(
        &self,
        Results { summary, analyses, called, features, .. }: &Results,
        records: &[EpochRecord],
    ) -> Result<(), TrainError> {
        let embedding = features.as_ref().and_then(|features| self.embedding(summary, features));
        let embedding = embedding.as_ref();
        embedding.map(|picture| self.write_embedding(picture)).transpose()?;
        let embedding = embedding.map(EmbeddingPicture::inline_svg);
        let embedding = embedding.as_deref().zip(features.as_ref().map(|(rows, _)| rows.len()));
        let gallery = Gallery::of(self.sets(), summary, analyses.as_ref(), called.as_ref());
        let stages = self.later_stages();
        let details = Details {
            analyses: analyses.as_ref(),
            gallery: Some(&gallery),
            embedding,
            stages: &stages,
            published: self.published.as_ref(),
            ..Details::default()
        };
        self.save_page(summary, records, details)
    }

    /// Writes the page of a run that goes on, or was stopped, with what is known without looking at a test image. That it
    /// cannot be written is said, and stops nothing. Before the first epoch is done there is nothing to show.
    pub(super) fn write_page_underway(&self, is_stopped: bool, observer: &mut dyn Observer) {
        let records = &self.records;
        let Some(last) = records.last() else { return };
        let of_val = |val: &Evaluation| Outcome { test: None, val: Some(val.clone()) };
        let best = self.progress().best.as_ref();
        let best = best.map(|best| Best { epoch: best.epoch, outcome: of_val(&best.val) });
        let last = last.val.as_ref().map(of_val).unwrap_or_default();
        let summary = self.summary_of(last, best);
        let stages = self.later_stages();
        let details = Details {
            stages: &stages,
            published: self.published.as_ref(),
            underway: Some(self.underway(is_stopped)),
            ..Details::default()
        };
        if let Err(error) = self.save_page(&summary, records, details) {
            observer.note(&format!("the page was not brought up to date: {error}"));
        }
    }

    /// Some images in the plane; `None` where they are too few, or a feature is no number.
    fn embedding(
        &self,
        summary: &Summary,
        (rows, labels): &(Rows, Vec<u32>),
    ) -> Option<EmbeddingPicture> {
        let options = TsneOptions { seed: summary.seed, ..TsneOptions::default() };
        let embedding = tsne(rows, &options).ok()?;
        EmbeddingPicture::new(&embedding, labels, &summary.classes, "Embedding of the images").ok()
    }

    fn write_embedding(&self, picture: &EmbeddingPicture) -> Result<(), TrainError> {
        let [svg, png] = self.folder().embedding();
        atomic::write(&svg, picture.svg().as_bytes())?;
        Ok(atomic::write(&png, &picture.png(PIXELS)?)?)
    }

    fn save_page(
        &self,
        summary: &Summary,
        records: &[EpochRecord],
        details: Details,
    ) -> Result<(), TrainError> {
        let recipe = self.recipe().to_toml()?;
        // Who looks at the figures may do so elsewhere.
        let hardware = summary.hardware.clone();
        let hardware = hardware.unwrap_or_else(|| device::hardware(self.learner.device()));
        let input = ReportInput { summary, records, recipe: &recipe, hardware: &hardware, details };
        Ok(html::save(&input, self.folder().report())?)
    }

    fn underway(&self, is_stopped: bool) -> Underway {
        let records = &self.records;
        let (done, epochs) = (self.progress().epoch, self.plan.epochs());
        let seconds: f64 = records.iter().map(|record| record.seconds).sum();
        let of_one = seconds / records.len().max(1) as f64;
        let seconds_left =
            (!records.is_empty()).then(|| of_one * epochs.saturating_sub(done) as f64);
        Underway { done, epochs, seconds_left, is_stopped }
    }

    /// Stages behind the first one, by the epoch that each begins with.
    fn later_stages(&self) -> Vec<(usize, &'static str)> {
        let stages = self.plan.stages.iter().enumerate().skip(1);
        stages.map(|(place, stage)| (self.plan.first_epoch(place), stage.name)).collect()
    }

    /// The lines of the log, as far as they can be used.
    pub(super) fn records(&self, observer: &mut dyn Observer) -> Vec<EpochRecord> {
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
}
