//! What a run will hold in memory, computed before any of it is made.

use crate::{
    data::{
        DataError,
        memory::{PROGRAM, check_decoded, gib, usable},
    },
    eval::rows_at_once,
    method::Plan,
    model::{Backbone, Precision},
    recipe::Recipe,
};

/// Values a pixel of the view that a basic block of every stage keeps for its backward pass. These three are measured,
/// on resnet8 to resnet56 at 32 to 128 pixels (`docs/performance-log.md`).
const PER_BLOCK: f64 = 78.0;
/// Values a pixel of the view beside those of the blocks.
const PER_VIEW: f64 = 66.0;
/// Values a pixel of the view that evaluation holds at a time.
const EVALUATED: f64 = 51.0;
/// Bytes a pixel of the view in the batches that are made ahead: three of them, as f32.
const DRAWN: f64 = 3.0 * 3.0 * 4.0;

/// Bytes of a run by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Decoded images.
    pub images: u64,
    /// One image of a batch in all its views, forward and backward.
    pub per_row: u64,
    /// What evaluation holds at a time.
    pub evaluation: u64,
    /// Images of a batch.
    pub batch_size: usize,
    /// On the CPU a step takes the same memory as the images do.
    pub step_is_here: bool,
}

impl Need {
    /// Of the run that a recipe makes of `images` bytes of decoded images.
    pub fn of(recipe: &Recipe, plan: &Plan, images: u64, is_cpu: bool) -> Self {
        let area = (recipe.data.image_size * recipe.data.image_size) as f64;
        let kept = kept_by_encoder(recipe.model.backbone, recipe.data.image_size);
        let value = if recipe.train.precision == Precision::F32 { 4.0 } else { 2.0 };
        let rows = rows_at_once([recipe.data.image_size; 2]) as f64;
        let per_view = value * kept + area * DRAWN;
        // A teacher looks at one view of every image of the batch, as evaluation does.
        let taught = if recipe.method.teacher.is_some() { area * value * EVALUATED } else { 0.0 };
        Self {
            images,
            per_row: (plan.most_views() as f64 * per_view + taught) as u64,
            evaluation: (area * value * EVALUATED * rows) as u64,
            batch_size: plan.largest_batch(),
            step_is_here: is_cpu,
        }
    }

    /// All of it.
    pub fn bytes(&self) -> u64 {
        self.fixed().saturating_add(if self.step_is_here { self.step() } else { 0 })
    }

    /// What does not depend on the batch.
    fn fixed(&self) -> u64 {
        let evaluation = if self.step_is_here { self.evaluation } else { 0 };
        PROGRAM.saturating_add(self.images).saturating_add(evaluation)
    }

    fn step(&self) -> u64 {
        self.per_row.saturating_mul(self.batch_size as u64)
    }

    /// Refuses a run that does not fit into `free` bytes, with the largest batch that does.
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
        let needed = format!(
            "about {} of memory are needed ({} for the images, {} for evaluation, {} for a step of {}), and {} can be had",
            gib(self.bytes()),
            gib(self.images),
            gib(self.evaluation),
            gib(self.step()),
            self.batch_size,
            gib(free)
        );
        Err(DataError::Memory(match free.saturating_sub(self.fixed()) / self.per_row.max(1) {
            most @ 2.. => {
                format!("{needed}: choose --batch-size {most} or less, or a smaller --image-size")
            }
            _ => format!(
                "{needed}: choose a smaller --image-size, or fewer images, or leave those of folders and lists on disk \
                 (--storage disk)"
            ),
        }))
    }
}

/// Values that the encoder keeps of one view of `size` × `size` for its backward pass.
fn kept_by_encoder(backbone: Backbone, size: usize) -> f64 {
    match backbone {
        Backbone::ResNetCifar { depth } => {
            let blocks = depth.saturating_sub(2) as f64 / 6.0;
            (size * size) as f64 * (PER_BLOCK * blocks + PER_VIEW)
        }
        Backbone::ResNet(kind) => 2.0 * kind.convolved([size; 2]) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: Need = Need {
        images: 1 << 30,
        per_row: 100 << 20,
        evaluation: 0,
        batch_size: 64,
        step_is_here: true,
    };

    #[test]
    fn a_run_that_fits_is_let_through_and_another_told_the_batch_that_does() {
        NEED.check(None).unwrap();
        NEED.check(Some(10 << 30)).unwrap();
        let message = NEED.check(Some(6 << 30)).unwrap_err().to_string();
        assert!(
            message.contains("7.3 GiB") && message.contains("--batch-size 44 or less"),
            "{message}"
        );
        let fits = Need { batch_size: 44, ..NEED };
        fits.check(Some(6 << 30)).unwrap();
        let message = NEED.check(Some(1 << 30)).unwrap_err().to_string();
        assert!(message.contains("smaller --image-size, or fewer images"), "{message}");
    }

    #[test]
    fn on_a_gpu_the_images_alone_count() {
        let need = Need { step_is_here: false, ..NEED };
        need.check(Some(2 << 30)).unwrap();
        assert!(need.check(Some(1 << 30)).unwrap_err().to_string().contains("decoded images"));
    }
}
