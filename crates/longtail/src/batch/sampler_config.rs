use super::Sampling;

/// What a [`Sampler`](super::Sampler) draws, and how.
///
/// ```
/// use longtail::batch::SamplerConfig;
///
/// let config = SamplerConfig { batch_size: 4, drop_last: true, ..SamplerConfig::default() };
/// assert_eq!(config.batches(10), 2);
/// let config = SamplerConfig { epoch_images: Some(20), ..config };
/// assert_eq!(config.batches(10), 5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SamplerConfig {
    /// How often each class is drawn.
    pub sampling: Sampling,
    /// Images of a batch, at least 1.
    pub batch_size: usize,
    /// Whether an epoch's last, partial batch is left out.
    pub drop_last: bool,
    /// Seed of the order.
    pub seed: u64,
    /// Which of several samplers of the same seed this is: 0 for the only one; the second batch of a BBN step comes
    /// from another.
    pub stream: u16,
    /// Epochs of the training, for [`Sampling::ProgressivelyBalanced`].
    pub epochs: usize,
    /// The epoch that the training begins with, for the same.
    pub first_epoch: usize,
    /// Images of an epoch; `None` for as many as there are to draw from. `ClassAwareSampler` draws n_max · C.
    pub epoch_images: Option<usize>,
    /// Whether an image may come again before every image of its class has come; `None` for what the reference code
    /// does ([`Sampling::with_replacement`]). Without replacement, class-balanced sampling also goes through all classes
    /// before any comes again, as `ClassAwareSampler` does; otherwise every class is drawn independently.
    pub replacement: Option<bool>,
    /// Images in a row whenever a class is drawn, at least 1: `num_samples_cls` of `ClassAwareSampler`, which is 4 where
    /// Kang et al. retrain the classifier.
    pub images_per_draw: usize,
}

impl Default for SamplerConfig {
    /// What [`Sampler::new`](super::Sampler::new) does, with 128 images a batch and seed 0.
    fn default() -> Self {
        Self {
            sampling: Sampling::Instance,
            batch_size: 128,
            drop_last: false,
            seed: 0,
            stream: 0,
            epochs: 1,
            first_epoch: 0,
            epoch_images: None,
            replacement: None,
            images_per_draw: 1,
        }
    }
}

impl SamplerConfig {
    /// Batches of an epoch, where there are `images` to draw from.
    pub fn batches(&self, images: usize) -> usize {
        let (images, batch_size) = (self.images(images), self.batch_size.max(1));
        if self.drop_last { images / batch_size } else { images.div_ceil(batch_size) }
    }

    /// Images of an epoch, where there are `images` to draw from: of none none can be drawn.
    pub(super) fn images(&self, images: usize) -> usize {
        if images == 0 { 0 } else { self.epoch_images.unwrap_or(images) }
    }

    /// Whether images are drawn with replacement.
    pub(super) fn with_replacement(&self) -> bool {
        self.replacement.unwrap_or(self.sampling.with_replacement())
    }

    /// Whether a class is drawn before an image is.
    pub(super) fn draws_classes(&self) -> bool {
        self.sampling != Sampling::Instance || self.with_replacement() || self.images_per_draw > 1
    }
}
