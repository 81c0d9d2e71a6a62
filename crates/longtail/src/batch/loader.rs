use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use rayon::{Yield, prelude::*};

use super::{Position, Sampler};
use crate::{
    augment::{Normalize, Scratch, View},
    data::{DataError, ImageSet},
    rng::{Purpose, stream},
};

/// Batches made ahead of the one in use.
const AHEAD: usize = 2;

/// How long to wait before looking for work again.
const NOTHING_TO_HELP_WITH: Duration = Duration::from_micros(50);

/// What a [`Loader`] makes.
#[derive(Debug, Clone)]
pub struct LoaderConfig {
    /// Which images make which batch: a step sees a batch of each. The first one says how many an epoch has.
    pub samplers: Vec<Sampler>,
    /// The views of every image, in order.
    pub views: Vec<View>,
    /// Means and standard deviations of the colour channels.
    pub normalize: Normalize,
    /// Seed of the views.
    pub seed: u64,
}

/// The views of one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Where in training it stands.
    pub position: Position,
    /// What each sampler has drawn.
    pub draws: Vec<DrawnPixels>,
}

/// The images that one sampler has drawn for a step.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnPixels {
    /// Pixels, `[views · images, height, width, 3]`, view by view.
    pub pixels: Vec<f32>,
    /// One label per image.
    pub labels: Vec<u32>,
}

impl Batch {
    /// Images of the first draw.
    pub fn first_draw(&self) -> usize {
        self.draws.first().map_or(0, |draw| draw.labels.len())
    }

    /// Images of all draws, each counted once.
    pub fn images(&self) -> usize {
        self.draws.iter().map(|draw| draw.labels.len()).sum()
    }
}

/// What comes of a batch.
type Made = Result<Batch, DataError>;

/// A batch that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// The thread that makes batches is gone.
    #[error("the loader stopped before the training did: a view could not be made (see above)")]
    Ended,
    /// An image of it could not be read.
    #[error(transparent)]
    Image(#[from] DataError),
}

/// Makes batches in a thread of its own, a few ahead of the step, their views in parallel.
///
/// Views are made by the threads of the global pool.
///
/// The stream of a view is a function of (seed, epoch, sample, view), and every view has its slot,
/// so that a batch does not depend on the number of threads.
///
/// ```
/// use longtail::{augment::{Normalize, View}, batch::*, data::ImageSet};
///
/// // A black image of class 0 and a white one of class 1.
/// let images = ImageSet::new(1, 1, vec![0, 0, 0, 255, 255, 255], vec![0, 1], Vec::new());
/// let samplers = vec![Sampler::new(vec![0, 1], 2, false, 0)];
/// let normalize = Normalize { mean: [0.0; 3], std: [1.0; 3] };
/// let config = LoaderConfig { samplers, views: vec![View::Test], normalize, seed: 0 };
/// let loader = Loader::start(images.into(), config, Position { epoch: 0, batch: 0 });
/// let drawn = &loader.next_batch()?.draws[0];
/// for (pixel, &label) in drawn.pixels.chunks(3).zip(&drawn.labels) {
///     assert_eq!(pixel, [label as f32; 3]);
/// }
/// # Ok::<(), LoaderError>(())
/// ```
#[derive(Debug)]
pub struct Loader {
    batches: Receiver<Made>,
}

impl Loader {
    /// Starts making the batches of `images` from `start` on, epoch after epoch without end.
    pub fn start(images: Arc<ImageSet>, config: LoaderConfig, start: Position) -> Self {
        let (sender, batches) = sync_channel(AHEAD);
        thread::spawn(move || produce(&images, &config, start, &sender));
        Self { batches }
    }

    /// The next batch in order; if it is not made yet, waits for it or, on a thread of the pool, helps
    /// with it.
    ///
    /// # Errors
    /// [`LoaderError`] if an image cannot be read, or if the making thread panicked.
    pub fn next_batch(&self) -> Result<Batch, LoaderError> {
        // Batches are made by the threads of the pool: one that only waited could wait for itself.
        let mut patience = Duration::ZERO;
        while rayon::current_thread_index().is_some() {
            match self.batches.recv_timeout(patience) {
                Ok(made) => return Ok(made?),
                Err(RecvTimeoutError::Disconnected) => return Err(LoaderError::Ended),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let helped = rayon::yield_now() == Some(Yield::Executed);
            patience = if helped { Duration::ZERO } else { NOTHING_TO_HELP_WITH };
        }
        Ok(self.batches.recv().map_err(|_| LoaderError::Ended)??)
    }
}

fn produce(images: &ImageSet, config: &LoaderConfig, start: Position, sender: &SyncSender<Made>) {
    let batches = config.samplers.first().map_or(0, Sampler::batches);
    if batches == 0 {
        return;
    }
    for epoch in start.epoch.. {
        let orders: Vec<_> = config.samplers.iter().map(|sampler| sampler.order(epoch)).collect();
        let times: Vec<_> = orders.iter().map(|order| times_before(order)).collect();
        let first = if epoch == start.epoch { start.batch } else { 0 };
        for batch in first..batches {
            let position = Position { epoch, batch };
            let drawn = config.samplers.iter().zip(orders.iter().zip(&times));
            let drawn = drawn.map(|(sampler, (order, times))| {
                let [indices, times] = [order, times].map(|epoch| sampler.batch(epoch, batch));
                draw(images, config, position, sampler.stream(), (indices, times))
            });
            let made = drawn.collect::<Result<_, _>>().map(|draws| Batch { position, draws });
            let is_last = made.is_err();
            // The receiver is gone when training has ended.
            if sender.send(made).is_err() || is_last {
                return;
            }
        }
    }
}

/// How often each image of an epoch's order has come before.
fn times_before(order: &[u32]) -> Vec<u32> {
    let mut times = vec![0; order.iter().max().map_or(0, |&last| last as usize + 1)];
    let next = |&image: &u32| {
        let times: &mut u32 = &mut times[image as usize];
        *times += 1;
        *times - 1
    };
    order.iter().map(next).collect()
}

/// The views of the images `indices`, which have come so many `times` before in the epoch: an image that is drawn again
/// gets views of its own, by the same sampler or another one.
fn draw(
    images: &ImageSet,
    config: &LoaderConfig,
    position: Position,
    sampler: u16,
    (indices, times): (&[u32], &[u32]),
) -> Result<DrawnPixels, DataError> {
    let size = [images.height(), images.width()];
    let bytes = size[0] * size[1] * 3;
    let mut pixels = vec![0.0; config.views.len() * indices.len() * bytes];
    let make = |(scratch, buffer): &mut (Scratch, Vec<u8>),
                (at, slots): (usize, Vec<&mut [f32]>)|
     -> Result<(), DataError> {
        let (epoch, sample) = (position.epoch as u64, u64::from(indices[at]));
        let draw = u64::from(sampler) << 40 | u64::from(times[at]) << 8;
        let index = sample as usize;
        let image = images.open(index, slots.len(), buffer)?;
        for (view, out) in slots.into_iter().enumerate() {
            let mut rng = stream(config.seed, Purpose::View, epoch, sample, draw | view as u64);
            config.views[view]
                .draw(&*image, size, &config.normalize, &mut rng, scratch, out)
                .map_err(|reason| images.unreadable(index, reason))?;
        }
        Ok(())
    };
    let slots = by_image(&mut pixels, bytes, indices.len());
    slots.into_par_iter().enumerate().try_for_each_init(Default::default, make)?;
    let labels = indices.iter().map(|&i| images.labels()[i as usize]).collect();
    Ok(DrawnPixels { pixels, labels })
}

/// Room for the views of every image, which stand view by view in `pixels`.
fn by_image(pixels: &mut [f32], values: usize, images: usize) -> Vec<Vec<&mut [f32]>> {
    let mut slots: Vec<Vec<&mut [f32]>> = (0..images).map(|_| Vec::new()).collect();
    for (slot, room) in pixels.chunks_exact_mut(values).enumerate() {
        slots[slot % images].push(room);
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::{ClassifierConfig, SimConfig};

    fn images() -> Arc<ImageSet> {
        let pixels = (0..20 * 12 * 10 * 3).map(|i| (i * 7 % 251) as u8).collect();
        Arc::new(ImageSet::new(12, 10, pixels, (0..20).map(|i| i % 4).collect(), Vec::new()))
    }

    /// Images of several sizes for views of the same.
    fn varied() -> Arc<ImageSet> {
        let sizes: Vec<_> = (0..20).map(|i| [12 + i % 5, 10 + i % 3 * 7]).collect();
        let bytes: usize = sizes.iter().map(|[height, width]| height * width * 3).sum();
        let pixels = (0..bytes).map(|i| (i * 7 % 251) as u8).collect();
        let labels = (0..20).map(|i| i % 4).collect();
        Arc::new(ImageSet::varied([12, 10], &sizes, pixels, labels, Vec::new()))
    }

    fn config() -> LoaderConfig {
        let sim = View::Sim(SimConfig::default());
        LoaderConfig {
            samplers: vec![Sampler::new((0..20).collect(), 6, true, 3)],
            views: vec![View::Classifier(ClassifierConfig::default()), sim.clone(), sim],
            normalize: Normalize::CIFAR,
            seed: 3,
        }
    }

    fn batches(images: &Arc<ImageSet>, count: usize, start: Position) -> Vec<Batch> {
        let loader = Loader::start(Arc::clone(images), config(), start);
        (0..count).map(|_| loader.next_batch().unwrap()).collect()
    }

    #[test]
    fn batches_do_not_depend_on_threads_or_on_where_the_loader_started() {
        let start = Position { epoch: 0, batch: 0 };
        for images in [images(), varied()] {
            let all = batches(&images, 7, start);
            let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let made = one_thread.install(|| {
                let sampler = &config().samplers[0];
                let order = sampler.order(1);
                let position = Position { epoch: 1, batch: 2 };
                let indices = sampler.batch(&order, 2);
                draw(&images, &config(), position, 0, (indices, &[0; 6]))
            });
            assert_eq!(made.unwrap(), all[5].draws[0]);
            assert_eq!(batches(&images, 3, Position { epoch: 1, batch: 1 }), all[4..]);
        }
    }

    #[test]
    fn views_of_an_image_differ_from_each_other_and_from_epoch_to_epoch() {
        let all = batches(&images(), 6, Position { epoch: 0, batch: 0 });
        let size = 12 * 10 * 3;
        let view = |batch: &Batch, v: usize| batch.draws[0].pixels[v * 6 * size..][..size].to_vec();
        assert_eq!(all[0].draws[0].pixels.len(), 3 * 6 * size);
        assert_ne!(view(&all[0], 1), view(&all[0], 2));
        assert_ne!(view(&all[0], 0), view(&all[3], 0));
    }

    #[test]
    fn an_image_that_is_drawn_again_gets_views_of_its_own() {
        let images = images();
        let of = |sampler: u16, times: u32| {
            let position = Position { epoch: 0, batch: 0 };
            draw(&images, &config(), position, sampler, (&[3], &[times])).unwrap().pixels
        };
        assert_eq!(of(0, 0), of(0, 0));
        let all = [of(0, 0), of(0, 1), of(1, 0), of(1, 1)];
        for (i, first) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| other != first), "{i}");
        }
        assert_eq!(times_before(&[4, 2, 4, 4, 2]), [0, 0, 1, 2, 1]);
    }
}
