//! What makes two recipes the same.

use std::path::PathBuf;

use super::{ClassifierView, ContrastiveViews, Recipe, RecipeError};
use crate::{
    data::{Resize, Storage, source},
    method,
};

impl Recipe {
    /// The text of all that decides about the figures: where files lie, what a folder is called and how often
    /// checkpoints are written does not.
    ///
    /// # Errors
    /// As [`Recipe::to_toml`].
    pub fn identity(&self) -> Result<String, RecipeError> {
        let mut same = self.0.clone();
        if !source::is_known(&same.data.name) {
            same.data.name = String::new();
        }
        for list in [&mut same.data.train_list, &mut same.data.val_list, &mut same.data.test_list] {
            *list = PathBuf::new();
        }
        Self(same).old_identity()
    }

    /// The same as versions that counted the paths of data sets, and did not have some keys.
    ///
    /// # Errors
    /// As [`Recipe::to_toml`].
    pub fn old_identity(&self) -> Result<String, RecipeError> {
        let mut same = self.0.clone();
        same.data.dir = PathBuf::new();
        same.data.split = PathBuf::new();
        same.data.storage = Storage::Auto;
        same.data.cache = PathBuf::new();
        same.data.cache_gib = 0.0;
        same.method.teacher = None;
        same.model.weights = PathBuf::new();
        if let Some(branch) = &mut same.branch {
            branch.from = PathBuf::new();
        }
        same.train.checkpoint_steps = 0;
        same.method.knobs = method::identifying(same.method.name, &same.method.knobs);
        let is_own_size = source::is_known(&same.data.name);
        let is_squash = same.data.resize == Resize::Squash;
        let same = Self(same);
        let mut text = same.to_toml()?;
        let mut forget = |key: &str, value: String| {
            text = text.replacen(&format!("{key} = {value}\n"), "", 1);
        };
        // Keys of later versions count where they make a difference.
        if is_own_size || is_squash {
            let resize = if is_squash { "squash" } else { "crop" };
            forget("resize", format!("\"{resize}\""));
        }
        forget("shorter_side", "0".into());
        forget("storage", "\"auto\"".into());
        forget("cache", "\"\"".into());
        forget("cache_gib", "0.0".into());
        forget("weights", "\"\"".into());
        if same.model.weights_digest.is_empty() {
            forget("weights_digest", "\"\"".into());
        }
        if !same.data.skip_broken {
            forget("skip_broken", "false".into());
        }
        let views = &same.views;
        // Images of one size are cropped by it in no other view.
        let is_cropped =
            matches!(views.classifier, ClassifierView::ResizedCrop | ClassifierView::RandAugment);
        if (is_own_size || is_squash) && !is_cropped {
            forget("crop_scale_min", format!("{:?}", views.crop_scale_min));
        }
        if same.train.micro_batch == 0 {
            forget("micro_batch", "0".into());
        }
        if views.contrastive == ContrastiveViews::SimSim {
            forget("contrastive", "\"sim-sim\"".into());
        }
        if !views.have_randaugment() {
            forget("randaugment_operations", views.randaugment_operations.to_string());
            forget("randaugment_magnitude", format!("{:?}", views.randaugment_magnitude));
        }
        Ok(text)
    }
}
