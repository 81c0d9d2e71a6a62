//! A trained model that names the classes of images.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::Receiver,
};

use burn::tensor::Device;
use rayon::prelude::*;

use crate::trained::Trained;
pub use crate::trained::{Origin, Reason, WeightsChoice};
use crate::{
    Result,
    augment::Normalize,
    data::{DataError, Fitted, Fitting, ImageSet, decode::ImageFile, names::text_of},
    device,
    eval::{predict, softmax},
    method::Planner,
    model::Network,
    recipe::Recipe,
    report::{Answer, Prediction, Unanswered},
};

/// Bytes that the pixels of one batch may take as the network reads them.
const BATCH_BYTES: usize = 32 << 20;
/// Images that pass the network together, at least and at most.
const BATCH_SIZES: [usize; 2] = [8, 256];

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
        let trained = Trained::open(folder, choice, &device, planner)?;
        device::check_precision(&device, trained.recipe.train.precision)?;
        let Trained { network, recipe, class_names, origin, .. } = trained;
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
        let fitting = Fitting::of(&self.recipe.data).to_test();
        let mut decoded = None;
        while let Some(batch) =
            decoded.take().or_else(|| Some(decode_all(batches.recv().ok()?, fitting)))
        {
            // Whoever waits for this batch's answers before giving the next is not waited for here.
            let next = batches.try_recv().ok();
            let mut handed_on = Ok(());
            rayon::in_place_scope(|scope| {
                if let Some(next) = next {
                    scope.spawn(|_| decoded = Some(decode_all(next, fitting)));
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

fn decode_all(batch: Vec<Given>, fitting: Fitting) -> Vec<Decoded> {
    batch.into_par_iter().map(|given| given.and_then(|path| read(&path, fitting))).collect()
}

fn read(path: &Path, fitting: Fitting) -> Decoded {
    let name = text_of(path);
    let fitted = || -> std::result::Result<_, String> {
        let file = ImageFile::read(path)?;
        let decoded = file.decode()?;
        let notes = decoded.notes.iter().map(|note| format!("{name} {note}")).collect();
        Ok((fitting.fit(&decoded)?, notes))
    };
    match fitted() {
        Ok((fitted, notes)) => Ok(Read { path: name, fitted, notes }),
        Err(reason) => Err(Unanswered { path: name, reason }),
    }
}
