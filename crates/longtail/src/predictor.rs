//! A trained model that names the classes of images.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::mpsc::Receiver,
};

use burn::tensor::Device;
use rayon::prelude::*;

use crate::{
    Result,
    augment::Normalize,
    data::{DataError, Fitted, ImageSet, Resize, Split, decode::ImageFile, fit, names::text_of},
    device,
    eval::{predict, softmax},
    method::Planner,
    model::{Network, weights},
    recipe::Recipe,
    report::{Answer, Prediction, Summary, Unanswered},
    train::{Checkpoint, RunFolder, TrainError, epochs, network},
};

/// Bytes that the pixels of one batch may take as the network reads them.
const BATCH_BYTES: usize = 32 << 20;
/// Images that pass the network together, at least and at most.
const BATCH_SIZES: [usize; 2] = [8, 256];

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

/// One thing to name the class of: an image file, or why there is none.
pub type Given = std::result::Result<PathBuf, Unanswered>;

/// What there is to say about one batch of images.
#[derive(Debug, Default)]
pub struct Answers {
    /// An answer for everything in the batch, in its order.
    pub answers: Vec<Answer>,
    /// What a person should know about images that were read, such as that one is animated.
    pub notes: Vec<String>,
}

/// A trained model that names the classes of images; it needs nothing but the run's folder.
#[derive(Debug)]
pub struct Predictor {
    network: Network,
    recipe: Recipe,
    class_names: Vec<String>,
    device: Device,
    origin: Origin,
}

impl Predictor {
    /// The model of the run in `folder` with the weights of `choice`, on `device`.
    ///
    /// # Errors
    /// [`crate::Error`] if there is no run, no checkpoint yet, a damaged one, or no best epoch where that
    /// was asked for.
    pub fn open(folder: &Path, choice: WeightsChoice, device: Device) -> Result<Self> {
        Self::open_planned(folder, choice, device, &Planner::default())
    }

    /// The same for a run that `planner` has planned.
    ///
    /// # Errors
    /// As [`Predictor::open`].
    pub fn open_planned(
        folder: &Path,
        choice: WeightsChoice,
        device: Device,
        planner: &Planner,
    ) -> Result<Self> {
        let folder = RunFolder::open(folder)?;
        let recipe = Recipe::read(&folder.recipe())?;
        let split = Split::load(&folder.split())?;
        let path = folder.checkpoint();
        let checkpoint = Checkpoint::load_of(&folder)?;
        checkpoint.check_identity(&recipe, &split.hash, &path)?;
        let class_names = split.class_names;
        let (stage, epochs) =
            (checkpoint.progress.stage, epochs(planner, &recipe, class_names.len())?);
        let (state, origin) = choose(&folder, checkpoint, choice, epochs)?;
        device::check_precision(&device, recipe.train.precision)?;
        let network = network(planner, &recipe, class_names.len(), stage, &device)?;
        let network = weights::with_state(network, state, &path.display().to_string())
            .map_err(TrainError::from)?;
        Ok(Self { network, recipe, class_names, device, origin })
    }

    /// Height and width that images are brought to.
    pub fn image_size(&self) -> usize {
        self.recipe.data.image_size
    }

    /// Class names by label.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Where its weights stand in the run.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Images of a batch for [`stream`](Self::stream), as many as are worth passing the network together.
    pub fn batch_size(&self) -> usize {
        let pixels = self.image_size() * self.image_size() * 3 * size_of::<f32>();
        let [least, most] = BATCH_SIZES;
        let fitting = (BATCH_BYTES / pixels.max(1)).clamp(least, most);
        // A power of two, for a GPU tunes its operators for every other size as well.
        1 << fitting.ilog2()
    }

    /// Logits of all `images`, one row per image.
    ///
    /// # Errors
    /// [`DataError`] if an image cannot be read.
    pub fn logits(&self, images: &ImageSet) -> std::result::Result<Vec<Vec<f32>>, DataError> {
        let indices: Vec<u32> = (0..images.len() as u32).collect();
        let views = &self.recipe.views;
        let normalize = Normalize { mean: views.mean, std: views.std };
        predict(&self.network, images, &indices, &normalize, &self.device)
    }

    /// Answers every batch that comes with the `k` most probable classes of its images, and hands the
    /// answers on as soon as they are ready. The next batch is decoded meanwhile if it is there, so at most
    /// two are held at a time.
    ///
    /// # Errors
    /// What `hand_on` returns, which ends the work.
    pub fn stream<E>(
        &self,
        batches: &Receiver<Vec<Given>>,
        k: usize,
        mut hand_on: impl FnMut(Answers) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let (size, resize) = (self.image_size(), self.recipe.data.resize);
        let mut decoded = None;
        while let Some(batch) =
            decoded.take().or_else(|| Some(decode_all(batches.recv().ok()?, size, resize)))
        {
            // Whoever waits for this batch's answers before giving the next is not waited for here.
            let next = batches.try_recv().ok();
            let mut handed_on = Ok(());
            rayon::in_place_scope(|scope| {
                if let Some(next) = next {
                    scope.spawn(|_| decoded = Some(decode_all(next, size, resize)));
                }
                handed_on = hand_on(self.answer(batch, k));
            });
            handed_on?;
        }
        Ok(())
    }

    fn answer(&self, batch: Vec<Decoded>, k: usize) -> Answers {
        let size = self.image_size();
        let (mut images, mut notes, mut read) = (Vec::new(), Vec::new(), Vec::new());
        for image in batch {
            read.push(image.map(|image| {
                images.push(image.fitted);
                notes.extend(image.notes);
                image.path
            }));
        }
        let labels = vec![0; images.len()];
        let images = ImageSet::of_fitted(size, images, labels, Vec::new());
        // They are decoded, so that nothing of them can fail here.
        let mut logits = self.logits(&images).unwrap_or_default().into_iter();
        let mut name = |path: String| {
            let probabilities = softmax(&logits.next().unwrap_or_default());
            Prediction::of(path.clone(), &probabilities, &self.class_names, k)
                .ok_or(Unanswered { path, reason: "the model has no class".into() })
        };
        Answers { answers: read.into_iter().map(|path| path.and_then(&mut name)).collect(), notes }
    }
}

/// An image as the network takes it.
struct Read {
    path: String,
    fitted: Fitted,
    notes: Vec<String>,
}

type Decoded = std::result::Result<Read, Unanswered>;

fn decode_all(batch: Vec<Given>, size: usize, resize: Resize) -> Vec<Decoded> {
    batch.into_par_iter().map(|given| given.and_then(|path| read(&path, size, resize))).collect()
}

fn read(path: &Path, size: usize, resize: Resize) -> Decoded {
    let name = text_of(path);
    let fitted = || -> std::result::Result<_, String> {
        let file = ImageFile::read(path)?;
        let decoded = file.decode()?;
        let notes = decoded.notes.iter().map(|note| format!("{name} {note}")).collect();
        Ok((fit(&decoded, size, resize)?, notes))
    };
    match fitted() {
        Ok((fitted, notes)) => Ok(Read { path: name, fitted, notes }),
        Err(reason) => Err(Unanswered { path: name, reason }),
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
