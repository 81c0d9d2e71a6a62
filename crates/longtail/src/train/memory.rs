//! What a run will hold in memory, computed before any of it is made.

use serde::Serialize;

use crate::{
    data::{
        DataError,
        memory::{PROGRAM, check_decoded, gib, usable},
    },
    eval::rows_at_once,
    method::Plan,
    model::{Backbone, Branches, Precision},
    recipe::Recipe,
};

/// Values a pixel of the view that a basic block of every stage keeps for its backward pass. These three are measured,
/// on resnet8 to resnet56 at 32 to 128 pixels (`docs/performance-log.md`), where all outputs of blocks were kept: since
/// large ones are not, they are more than is needed.
const PER_BLOCK: f64 = 78.0;
/// Values a pixel of the view beside those of the blocks.
const PER_VIEW: f64 = 66.0;
/// Values a pixel of the view that evaluation holds at a time.
const EVALUATED: f64 = 51.0;
/// Bytes a pixel of the view in the batches that are made ahead: three of them, as f32.
const DRAWN: f64 = 3.0 * 3.0 * 4.0;

/// Copies of the weights that a step holds: values, velocities, gradients, and the values that it makes of them.
const COPIES: u64 = 4;

/// Bytes of a run by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Decoded images.
    pub images: u64,
    /// Weights, in all the copies that a step holds.
    pub weights: u64,
    /// What the encoder keeps of one image in all its views, forward and backward.
    pub kept: u64,
    /// One image of a batch in all its views, before it is looked at.
    pub drawn: u64,
    /// What evaluation holds at a time.
    pub evaluation: u64,
    /// Images of a batch.
    pub batch_size: usize,
    /// Images that a step works off at a time, where that is not the batch.
    pub micro_batch: Option<usize>,
    /// On the CPU a step takes the same memory as the images do.
    pub step_is_here: bool,
}

/// What fits into the memory of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fits {
    /// Bytes that the run is expected to take.
    pub needed: u64,
    /// Bytes that can be had.
    pub free: u64,
    /// Largest batch, worked off as the recipe says; at most the training images.
    pub largest_batch: usize,
    /// Largest part that the recipe's batch can be worked off in.
    pub largest_micro_batch: usize,
}

impl Need {
    /// Of the run that a recipe makes of `images` bytes of decoded images.
    pub fn of(recipe: &Recipe, plan: &Plan, images: u64, is_cpu: bool) -> Self {
        let area = (recipe.data.image_size * recipe.data.image_size) as f64;
        let branches = plan.network.branches;
        let kept = kept_by_encoder(recipe.model.backbone, branches, recipe.data.image_size);
        let value = if recipe.train.precision == Precision::F32 { 4.0 } else { 2.0 };
        let rows = rows_at_once([recipe.data.image_size; 2]) as f64;
        let views = plan.most_views() as f64;
        // A teacher looks at one view of every image of the batch, as evaluation does.
        let taught = if recipe.method.teacher.is_some() { area * value * EVALUATED } else { 0.0 };
        let (batch_size, parts) = (plan.largest_batch(), plan.largest_micro_batch());
        Self {
            images,
            weights: plan.network.parameters() as u64 * 4 * COPIES,
            kept: (views * value * kept) as u64,
            drawn: (views * area * DRAWN + taught) as u64,
            evaluation: (area * value * EVALUATED * rows) as u64,
            batch_size,
            micro_batch: (parts < batch_size).then_some(parts),
            step_is_here: is_cpu,
        }
    }

    /// All of it.
    pub fn bytes(&self) -> u64 {
        self.fixed().saturating_add(if self.step_is_here { self.step() } else { 0 })
    }

    /// What does not depend on the batch.
    fn fixed(&self) -> u64 {
        let here = if self.step_is_here { self.evaluation + self.weights } else { 0 };
        PROGRAM.saturating_add(self.images).saturating_add(here)
    }

    fn step(&self) -> u64 {
        let kept = self.micro_batch.unwrap_or(self.batch_size) as u64;
        let drawn = self.drawn.saturating_mul(self.batch_size as u64);
        self.kept.saturating_mul(kept).saturating_add(drawn)
    }

    /// What fits into `free` bytes, of at most `images` training images; `None` on a GPU, whose memory does not tell.
    pub fn fits(&self, free: Option<u64>, images: usize) -> Option<Fits> {
        let free = free.map(usable).filter(|_| self.step_is_here)?;
        let largest_batch = self.largest_batch(free).min(images);
        let largest_micro_batch = self.largest_micro_batch(free);
        Some(Fits { needed: self.bytes(), free, largest_batch, largest_micro_batch })
    }

    fn largest_batch(&self, free: u64) -> usize {
        let rest = free.saturating_sub(self.fixed());
        let most = match self.micro_batch {
            None => rest / (self.kept + self.drawn).max(1),
            Some(parts) => {
                rest.saturating_sub(self.kept.saturating_mul(parts as u64)) / self.drawn.max(1)
            }
        };
        most as usize
    }

    fn largest_micro_batch(&self, free: u64) -> usize {
        let drawn = self.drawn.saturating_mul(self.batch_size as u64);
        let rest = free.saturating_sub(self.fixed()).saturating_sub(drawn);
        ((rest / self.kept.max(1)) as usize).min(self.batch_size)
    }

    /// Refuses a run that does not fit into `free` bytes, with what does.
    ///
    /// # Errors
    /// [`DataError::Memory`].
    pub fn check(&self, free: Option<u64>) -> Result<(), DataError> {
        if !self.step_is_here {
            return check_decoded(self.bytes(), self.images, free);
        }
        let Some(free) = free.map(usable).filter(|free| self.bytes() > *free) else {
            return Ok(());
        };
        let parts = self.micro_batch.map_or(String::new(), |parts| format!(" in parts of {parts}"));
        let needed = format!(
            "about {} of memory are needed ({} for the images, {} for evaluation, {} for a step of {}{parts}), and {} can be \
             had",
            gib(self.bytes()),
            gib(self.images),
            gib(self.evaluation),
            gib(self.step()),
            self.batch_size,
            gib(free)
        );
        Err(DataError::Memory(format!("{needed}: choose {}", self.mend(free))))
    }

    fn mend(&self, free: u64) -> String {
        let (batch, parts) = (self.largest_batch(free), self.largest_micro_batch(free));
        let mut ways = Vec::new();
        if batch >= 2 {
            ways.push(format!("--batch-size {batch} or less"));
        }
        if (1..self.batch_size).contains(&parts) {
            ways.push(format!(
                "--micro-batch {parts} or less, which keeps the step and shows batch norm a part at a time"
            ));
        }
        let size = match ways.is_empty() {
            true => {
                "a smaller --image-size, or fewer images, or leave those of folders and lists on disk (--storage disk)"
            }
            false => "or a smaller --image-size",
        };
        ways.push(size.to_owned());
        ways.join(", ")
    }
}

/// Values that the encoder keeps of one view of `size` × `size` for its backward pass.
fn kept_by_encoder(backbone: Backbone, branches: Branches, size: usize) -> f64 {
    match backbone {
        Backbone::ResNetCifar { depth } => {
            let blocks = depth.saturating_sub(2) as f64 / 6.0;
            // The three stages have 16 values a pixel of the view, 8 and 4.
            let blocks = match branches {
                Branches::One => blocks,
                Branches::Experts { count, widths: [second, third] } => {
                    let of_expert = second as f64 / 4.0 + third as f64 / 16.0;
                    blocks * (16.0 + count as f64 * of_expert) / 28.0
                }
                Branches::LastBlocks { count } => blocks + (count - 1) as f64 * 4.0 / 28.0,
            };
            (size * size) as f64 * (PER_BLOCK * blocks + PER_VIEW)
        }
        Backbone::ResNet(kind) => 2.0 * kind.convolved(branches, [size; 2]) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ResNetKind;

    const NEED: Need = Need {
        images: 1 << 30,
        weights: 0,
        kept: 90 << 20,
        drawn: 10 << 20,
        evaluation: 0,
        batch_size: 64,
        micro_batch: None,
        step_is_here: true,
    };

    #[test]
    fn a_run_that_fits_is_let_through_and_another_told_what_does() {
        NEED.check(None).unwrap();
        NEED.check(Some(10 << 30)).unwrap();
        let message = NEED.check(Some(6 << 30)).unwrap_err().to_string();
        assert!(
            message.contains("7.3 GiB")
                && message.contains("--batch-size 44 or less")
                && message.contains("--micro-batch 42 or less"),
            "{message}"
        );
        let fits = Need { batch_size: 44, ..NEED };
        fits.check(Some(6 << 30)).unwrap();
        let parts = |images| Need { micro_batch: Some(images), ..NEED };
        parts(42).check(Some(6 << 30)).unwrap();
        let message = parts(43).check(Some(6 << 30)).unwrap_err().to_string();
        assert!(message.contains("64 in parts of 43") && message.contains("--micro-batch 42 or"));
        let message = NEED.check(Some(1 << 30)).unwrap_err().to_string();
        assert!(message.contains("smaller --image-size, or fewer images"), "{message}");
    }

    #[test]
    fn branches_keep_what_they_make() {
        let experts = |widths| Branches::Experts { count: 4, widths };
        let [small, large] =
            [Backbone::ResNetCifar { depth: 32 }, Backbone::ResNet(ResNetKind::ResNet50)];
        let kept = |backbone, branches| kept_by_encoder(backbone, branches, 32);
        for (backbone, last) in [(small, [32, 64]), (large, [256, 512])] {
            let one = kept(backbone, Branches::One);
            // One expert of the whole width is the network.
            let whole = kept(backbone, Branches::Experts { count: 1, widths: last });
            assert!((whole / one - 1.0).abs() < 1e-12, "{whole} {one}");
            let four = kept(backbone, experts(last.map(|width| width / 4 * 3)));
            assert!((1.5..3.0).contains(&(four / one)), "{four} {one}");
            let two = kept(backbone, Branches::LastBlocks { count: 2 });
            assert!((1.0..1.2).contains(&(two / one)) && two > one, "{two} {one}");
        }
    }

    #[test]
    fn what_fits_is_the_most_that_is_let_through() {
        let free = Some(6 << 30);
        let whole = NEED.fits(free, 10_000).unwrap();
        assert_eq!((whole.largest_batch, whole.largest_micro_batch), (44, 42));
        assert!(Need { batch_size: 45, ..NEED }.check(free).is_err());
        assert!(Need { micro_batch: Some(43), ..NEED }.check(free).is_err());
        let parts = Need { micro_batch: Some(16), ..NEED };
        let most = parts.fits(free, 10_000).unwrap().largest_batch;
        Need { batch_size: most, ..parts }.check(free).unwrap();
        assert!(Need { batch_size: most + 1, ..parts }.check(free).is_err());
        assert_eq!(NEED.fits(free, 20).unwrap().largest_batch, 20);
        assert_eq!(NEED.fits(None, 20), None);
    }

    #[test]
    fn on_a_gpu_the_images_alone_count() {
        let need = Need { step_is_here: false, weights: 5 << 30, ..NEED };
        need.check(Some(2 << 30)).unwrap();
        assert!(need.check(Some(1 << 30)).unwrap_err().to_string().contains("decoded images"));
        assert_eq!(need.fits(Some(8 << 30), 100), None);
    }
}
