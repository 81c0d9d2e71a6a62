use std::path::Path;

use super::{CompressionStart, DecayKind, Recipe, RecipeError};
use crate::{
    data::source,
    loss::{CompressionMode, CompressionPreset},
};

/// A temperature below this makes similarities overflow f32.
const SMALLEST_TEMPERATURE: f64 = 1e-6;

impl Recipe {
    /// Refuses the first value that cannot be run.
    pub(super) fn check(&self) -> Result<(), RecipeError> {
        self.check_data()?;
        self.depth()?;
        self.check_loss()?;
        self.check_compression()?;
        self.check_views()?;
        self.check_training()
    }

    /// Depth of the CIFAR ResNet that `model.backbone` names.
    ///
    /// # Errors
    /// [`RecipeError::Value`] for a name that is none.
    pub fn depth(&self) -> Result<usize, RecipeError> {
        let name = &self.model.backbone;
        let depth = name.strip_prefix("resnet").and_then(|depth| depth.parse::<usize>().ok());
        depth.filter(|depth| *depth >= 8 && depth % 6 == 2).ok_or_else(|| {
            let mend = "the backbones are the CIFAR ResNets of depth 6n+2: resnet8, resnet14, \
                        resnet20, resnet32, resnet44, resnet56 and so on";
            RecipeError::value("model.backbone", name, mend)
        })
    }

    fn check_data(&self) -> Result<(), RecipeError> {
        let factor = self.data.imbalance;
        let usable = factor == 0.0 || factor.is_finite() && factor >= 1.0;
        require(
            usable,
            "data.imbalance",
            factor,
            "the imbalance factor n_max / n_min is a number of at least 1",
        )?;
        let size = self.data.image_size;
        let mend = "the image size lies between 8 and 1024 pixels";
        require((8..=1024).contains(&size), "data.image_size", size, mend)?;
        let has_own_size = source::is_known(&self.data.name);
        let mend = "the images of this data set have 32 pixels; it is for folders and lists";
        require(!has_own_size || size == 32, "data.image_size", size, mend)?;
        let is_empty = |path: &Path| path.as_os_str().is_empty();
        // A list need not be here any more: the images may come from a pack, or not be needed.
        let may_be_list = !has_own_size && !Path::new(&self.data.name).is_dir();
        let has_train = !is_empty(&self.data.train_list) || may_be_list;
        for (key, list) in
            [("data.val_list", &self.data.val_list), ("data.test_list", &self.data.test_list)]
        {
            let mend = "give the training list as well (--train-list)";
            require(has_train || is_empty(list), key, list.display(), mend)?;
        }
        Ok(())
    }

    fn check_loss(&self) -> Result<(), RecipeError> {
        let (loss, contrastive) = (&self.loss, &self.contrastive);
        not_negative("loss.alpha", loss.alpha)?;
        not_negative("loss.beta", loss.beta)?;
        not_negative("loss.tau", loss.tau)?;
        let temperature = contrastive.temperature;
        let usable = temperature.is_finite() && temperature >= SMALLEST_TEMPERATURE;
        let mend = "the temperature is at least 0.000001; the paper's field uses 0.07 to 0.1";
        require(usable, "contrastive.temperature", temperature, mend)?;
        not_negative("contrastive.prior_exponent", contrastive.prior_exponent)?;
        let scale = self.model.cosine_scale;
        require(scale.is_finite() && scale > 0.0, "model.cosine_scale", scale, POSITIVE)?;
        for (key, width) in
            [("model.head_hidden", self.model.head_hidden), ("model.head_out", self.model.head_out)]
        {
            require(width > 0, key, width, "a head has at least one feature")?;
        }
        Ok(())
    }

    fn check_compression(&self) -> Result<(), RecipeError> {
        let section = &self.compression;
        if section.preset == CompressionPreset::Custom {
            for (key, factor) in [
                ("compression.factor_low", section.factor_low),
                ("compression.factor_rest", section.factor_rest),
            ] {
                let tau = factor + f64::from(section.mode == CompressionMode::OnePlus);
                let usable = tau.is_finite() && tau > 0.0;
                require(usable, key, factor, "the multiplier τ it makes is greater than 0")?;
            }
        }
        let threshold = section.threshold;
        let mend = "the threshold is an accuracy in [0, 1]";
        require((0.0..=1.0).contains(&threshold), "compression.threshold", threshold, mend)?;
        match section.start {
            CompressionStart::Epoch(start) if start >= self.train.epochs => {
                Err(RecipeError::value(
                    "compression.start",
                    start,
                    format!("the run has {} epochs, counted from 0", self.train.epochs),
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_views(&self) -> Result<(), RecipeError> {
        let views = &self.views;
        let blur = views.sim_blur_p;
        require(
            (0.0..=1.0).contains(&blur),
            "views.sim_blur_p",
            blur,
            "a probability is in [0, 1]",
        )?;
        for (key, scale) in [
            ("views.crop_scale_min", views.crop_scale_min),
            ("views.sim_scale_min", views.sim_scale_min),
        ] {
            let usable = scale > 0.0 && scale <= 1.0;
            require(usable, key, scale, "a share of the image is in (0, 1]")?;
        }
        let usable = views.std.iter().all(|s| s.is_finite() && *s > 0.0);
        require(usable, "views.std", format!("{:?}", views.std), POSITIVE)?;
        let usable = views.mean.iter().all(|m| m.is_finite());
        require(usable, "views.mean", format!("{:?}", views.mean), "means are numbers")
    }

    fn check_training(&self) -> Result<(), RecipeError> {
        let (optimizer, train) = (&self.optimizer, &self.train);
        require(train.epochs > 0, "train.epochs", train.epochs, "a run has at least one epoch")?;
        let mend = "a batch has at least two images, because batch norm needs a variance";
        require(train.batch_size > 1, "train.batch_size", train.batch_size, mend)?;
        let lr = optimizer.lr;
        require(lr.is_finite() && lr > 0.0, "optimizer.lr", lr, POSITIVE)?;
        not_negative("optimizer.weight_decay", optimizer.weight_decay)?;
        let momentum = optimizer.momentum;
        let mend = "momentum is in [0, 1)";
        require((0.0..1.0).contains(&momentum), "optimizer.momentum", momentum, mend)?;
        let gamma = self.schedule.gamma;
        let usable = self.schedule.decay == DecayKind::Cosine || gamma.is_finite() && gamma > 0.0;
        require(usable, "schedule.gamma", gamma, POSITIVE)?;
        let floor = self.eval.harmonic_floor;
        let mend = "the floor is an accuracy in (0, 1]";
        require(floor > 0.0 && floor <= 1.0, "eval.harmonic_floor", floor, mend)
    }
}

const POSITIVE: &str = "it has to be a number greater than 0";

fn require(
    usable: bool,
    key: &'static str,
    value: impl ToString,
    mend: impl Into<String>,
) -> Result<(), RecipeError> {
    if usable { Ok(()) } else { Err(RecipeError::value(key, value, mend)) }
}

fn not_negative(key: &'static str, value: f64) -> Result<(), RecipeError> {
    require(value.is_finite() && value >= 0.0, key, value, "it has to be a number, 0 or greater")
}

#[cfg(test)]
mod tests {
    use super::super::{Recipe, RecipeFile};

    #[test]
    fn values_that_cannot_be_run_are_named() {
        for (text, key) in [
            ("[data]\nimbalance = 0.5", "data.imbalance"),
            ("[data]\nimbalance = nan", "data.imbalance"),
            ("[data]\nimbalance = inf", "data.imbalance"),
            ("[data]\nimage_size = 0", "data.image_size"),
            ("[model]\nbackbone = \"resnet31\"", "model.backbone"),
            ("[model]\nbackbone = \"vit\"", "model.backbone"),
            ("[model]\nhead_out = 0", "model.head_out"),
            ("[loss]\nalpha = -1.0", "loss.alpha"),
            ("[loss]\ntau = nan", "loss.tau"),
            ("[contrastive]\ntemperature = 0.0", "contrastive.temperature"),
            ("[compression]\npreset = \"custom\"\nfactor_low = 0.0", "compression.factor_low"),
            ("[compression]\nthreshold = 2.0", "compression.threshold"),
            ("[compression]\nstart = 5000", "compression.start"),
            ("[views]\nsim_blur_p = 1.5", "views.sim_blur_p"),
            ("[views]\nsim_scale_min = 0.0", "views.sim_scale_min"),
            ("[views]\ncrop_scale_min = 0.0", "views.crop_scale_min"),
            ("[views]\ncrop_scale_min = 1.5", "views.crop_scale_min"),
            ("[views]\ncrop_scale_min = nan", "views.crop_scale_min"),
            ("[views]\nstd = [0.2, 0.0, 0.2]", "views.std"),
            ("[optimizer]\nlr = 0.0", "optimizer.lr"),
            ("[optimizer]\nmomentum = 1.0", "optimizer.momentum"),
            ("[train]\nepochs = 0", "train.epochs"),
            ("[train]\nbatch_size = 0", "train.batch_size"),
            ("[schedule]\ngamma = 0.0", "schedule.gamma"),
            ("[eval]\nharmonic_floor = 0.0", "eval.harmonic_floor"),
        ] {
            let layer = RecipeFile::parse(text, "t").unwrap();
            let message = Recipe::resolve(&[layer]).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{key} = ")), "{text}: {message}");
        }
    }
}
