//! Defaults that follow from people's own images.

use super::{ClassifierView, Decay, Recipe, Sections};
use crate::{counted::counted, method::Method, model::Backbone};

/// The method of folders and lists. It, the views, the depth and the number of images were chosen by validation images of
/// seven small sets (`docs/small-sets.md`).
pub const METHOD_OF_FILES: Method = Method::La;

/// Images of a step, where there are enough.
const BATCH: usize = 32;
/// Steps of an epoch at least.
const LEAST_STEPS: usize = 10;
/// Images of a step at least: batch norm needs some.
const SMALLEST_BATCH: usize = 8;
/// Learning rate of a step of [`BATCH`] images.
const LR: f64 = 0.05;
/// Images that a short run trains on in all, each counted once an epoch.
const IMAGES: usize = 72_000;
/// Epochs at least and at most.
const EPOCHS: [usize; 2] = [30, 200];
/// Sizes that images are brought to.
const SIZES: [usize; 4] = [32, 64, 96, 128];
/// Depth of the CIFAR ResNet by the number of training images: up to so many.
const DEPTHS: [(usize, usize); 2] = [(2_000, 8), (5_000, 14)];
/// Depth for more.
const DEEPEST: usize = 32;
/// Seconds that one view of 32 × 32 pixels takes one core, forward and backward, for each layer (AVX2, 2.4 GHz).
const LAYER_SECONDS: f64 = 0.000_15;
/// Seconds that a run of one view may take by the estimate before a smaller image size is chosen: so many, and so
/// many for each training image.
const PATIENCE: [f64; 2] = [60.0, 0.12];

/// What a folder or list of images is like, as far as defaults depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// N, images that train.
    pub train_images: usize,
    /// Median of the shorter sides of the images, in pixels.
    pub shorter_side: usize,
    /// Cores of the machine.
    pub cores: usize,
}

impl Profile {
    /// Of images with these sizes, `[height, width]`.
    pub fn new(train_images: usize, sizes: &[[usize; 2]], cores: usize) -> Self {
        let mut shorter: Vec<usize> =
            sizes.iter().map(|[height, width]| *height.min(width)).collect();
        shorter.sort_unstable();
        let shorter_side = shorter.get(shorter.len() / 2).copied().unwrap_or(SIZES[0]);
        Self { train_images, shorter_side, cores }
    }

    /// Epochs: enough steps for a small set, few passes over a large one.
    pub(super) fn epochs(&self) -> usize {
        (IMAGES / self.train_images.max(1)).clamp(EPOCHS[0], EPOCHS[1])
    }

    /// Images of a step: an epoch has ten steps or more, and its last step is about as large as the others.
    pub(super) fn batch_size(&self) -> usize {
        let images = self.train_images.max(1);
        let most = (images / LEAST_STEPS).clamp(SMALLEST_BATCH, BATCH).min(images.max(2));
        images.div_ceil(images.div_ceil(most)).max(2)
    }

    /// Whether the last batch of an epoch is left out: one of less than half the size moves the weights as far as any
    /// other, and batch norm by statistics of few images. Sets so small that more than a twentieth of them would be lost
    /// keep it, unless it is one image, in which batch norm sees nothing.
    pub(super) fn drops_last(&self, batch_size: usize) -> bool {
        let rest = self.train_images % batch_size;
        rest == 1 || rest > 0 && 2 * rest < batch_size && 20 * rest <= self.train_images
    }

    /// What is to be said of images that are left out.
    pub(super) fn left_out(&self, batch_size: usize) -> Option<String> {
        let (images, rest) = (self.train_images, self.train_images % batch_size);
        (rest > 0).then(|| {
            format!(
                "{rest} of {images} training images are left out of an epoch, others in every one: the last batch would be \
                 of {rest} (train.drop_last = false keeps it)"
            )
        })
    }

    /// Layers of the network: few images do not fill a deep one.
    fn depth(&self) -> usize {
        let fits = DEPTHS.iter().find(|(most, _)| self.train_images <= *most);
        fits.map_or(DEEPEST, |(_, depth)| *depth)
    }

    /// The largest usual size that the images have and the machine can train in a while.
    pub(super) fn image_size(&self, views: usize, epochs: usize) -> usize {
        let patience = PATIENCE[0] + PATIENCE[1] * self.train_images as f64;
        let seconds = |size: usize| {
            let area = (size as f64 / SIZES[0] as f64).powi(2);
            let drawn = (self.train_images * epochs * views) as f64;
            drawn * area * LAYER_SECONDS * self.depth() as f64 / self.cores.max(1) as f64
        };
        let fits = |size: &usize| *size <= self.shorter_side && seconds(*size) <= patience;
        SIZES.into_iter().rev().find(fits).unwrap_or(SIZES[0])
    }
}

impl Sections {
    /// Folders and lists are small as a rule, and of any kind: what suits 50,000 images of CIFAR makes one step
    /// an epoch of them.
    pub(super) fn for_files(&mut self, profile: &Profile) {
        let views = if self.method.name.definition().contrastive.is_some() { 3 } else { 1 };
        let batch = profile.batch_size();
        self.model.backbone = Backbone::ResNetCifar { depth: profile.depth() };
        self.train.epochs = profile.epochs();
        self.train.batch_size = batch;
        self.train.drop_last = profile.drops_last(batch);
        self.optimizer.lr = usual_rate(batch);
        self.schedule.warmup = self.train.epochs.div_ceil(20);
        self.schedule.decay = Decay::Cosine;
        self.schedule.milestones = Vec::new();
        self.views.classifier = ClassifierView::ResizedCrop;
        self.loss.tau = 1.0;
        self.data.image_size = profile.image_size(views, self.train.epochs);
    }
}

impl Recipe {
    /// What was decided for people's own images, in a line.
    pub fn in_words(&self) -> String {
        let Sections { data, model, train, optimizer, .. } = &self.0;
        format!(
            "{} with {} on {} × {} pixels: {} in steps of {}, learning rate {}; recipe.toml has it all",
            self.method,
            model.backbone,
            data.image_size,
            data.image_size,
            counted(train.epochs, "epoch", "epochs"),
            train.batch_size,
            optimizer.lr
        )
    }
}

/// The learning rate for steps of `batch` images, to four digits that count.
pub(crate) fn usual_rate(batch: usize) -> f64 {
    let rate = LR * batch as f64 / BATCH as f64;
    let scale = 10_f64.powi(3 - rate.max(f64::MIN_POSITIVE).log10().floor() as i32);
    (rate * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(train_images: usize) -> Profile {
        Profile::new(train_images, &[[480, 640], [64, 64], [300, 200]], 2)
    }

    #[test]
    fn an_epoch_has_ten_steps_and_loses_no_image() {
        for images in 2..5000 {
            let profile = profile(images);
            let batch = profile.batch_size();
            assert!((2..=BATCH).contains(&batch), "{images}: {batch}");
            if images >= LEAST_STEPS * SMALLEST_BATCH {
                assert!(images.div_ceil(batch) >= LEAST_STEPS, "{images}: {batch}");
            }
            let left_out = if profile.drops_last(batch) { images % batch } else { 0 };
            assert!(left_out * 20 <= images, "{images}: {left_out} of an epoch are left out");
            assert!(images % batch != 1 || profile.drops_last(batch));
            assert!(
                left_out == 0 || 2 * left_out < batch.max(3),
                "{images}: {left_out} of {batch}"
            );
        }
    }

    #[test]
    fn a_last_batch_of_few_images_is_left_out_and_one_of_many_is_kept() {
        let drops = |images, batch| profile(images).drops_last(batch);
        assert!(drops(10_499, 128), "three images");
        assert!(drops(64, 7) && drops(3, 2), "one image");
        assert!(!drops(43, 8), "three of 43");
        assert!(!drops(10_496, 128) && !drops(10_496 + 64, 128) && drops(10_496 + 63, 128));
        let said = profile(10_499).left_out(128).unwrap();
        assert!(said.starts_with("3 of 10499 training images are left out"), "{said}");
        assert_eq!(profile(256).left_out(128), None);
    }

    #[test]
    fn small_sets_are_seen_often_and_large_ones_rarely() {
        assert_eq!(profile(100).epochs(), 200);
        assert_eq!(profile(400).epochs(), 180);
        assert_eq!(profile(100_000).epochs(), 30);
    }

    #[test]
    fn few_images_train_a_shallow_network() {
        assert_eq!([1, 2_000, 2_001, 50_000].map(|n| profile(n).depth()), [8, 8, 14, 32]);
    }

    #[test]
    fn the_image_size_is_one_that_images_and_machine_have() {
        assert_eq!(profile(400).shorter_side, 200);
        let size = |images, side, cores| {
            Profile::new(images, &[[side, side]], cores).image_size(1, profile(images).epochs())
        };
        assert_eq!(size(400, 20, 64), 32);
        assert_eq!(size(400, 64, 64), 64);
        assert_eq!(size(400, 100, 64), 96);
        assert_eq!(size(400, 4000, 64), 128);
        assert_eq!(size(100_000, 4000, 1), 32);
    }

    #[test]
    fn a_learning_rate_has_four_digits() {
        assert_eq!([usual_rate(32), usual_rate(7), usual_rate(1)], [0.05, 0.01094, 0.001563]);
    }
}
