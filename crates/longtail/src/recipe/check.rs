use std::path::Path;

use super::{CompressionStart, Data, Decay, MethodSection, Model, RecipeError, Sections};
use crate::{
    counted::counted,
    data::{Resize, Storage, source},
    loss::{ApplyTo, CompressionMode, CompressionPreset, SMALLEST_TEMPERATURE},
    method::{self, Knobs},
    section::{Beyond, Limits},
};

/// Milestones of a schedule.
const MOST_MILESTONES: usize = 1_000;

impl Sections {
    /// All settings of the method.
    pub(super) fn checked_knobs(&self) -> Result<Knobs, RecipeError> {
        method::checked(self.method.name, &self.method.knobs).map_err(|error| {
            RecipeError::value(format!("method.{}", error.key), error.value, error.mend)
        })
    }

    /// Refuses the first value that cannot be run.
    pub(super) fn check(&self) -> Result<(), RecipeError> {
        if let Some(Beyond { key, value, mend }) = self.beyond() {
            return Err(RecipeError::value(key, value, mend));
        }
        self.check_data()?;
        self.check_teacher()?;
        self.check_weights()?;
        self.check_compression()?;
        self.check_micro_batch()?;
        self.check_schedule()
    }

    fn check_micro_batch(&self) -> Result<(), RecipeError> {
        let (images, batch) = (self.train.micro_batch, self.train.batch_size);
        let mend = format!(
            "a micro-batch is a part of the batch of {batch}: choose {batch} or less, or 0"
        );
        require(images <= batch, "train.micro_batch", images, mend)
    }

    /// The first number beyond its key's limits; learning rate and schedule, which follow from epochs and batch size, after
    /// these.
    fn beyond(&self) -> Option<Beyond> {
        let Self { data, model, loss, contrastive, compression, views, .. } = self;
        data.beyond()
            .or_else(|| self.train.beyond())
            .or_else(|| model.beyond())
            .or_else(|| loss.beyond())
            .or_else(|| contrastive.beyond())
            .or_else(|| compression.beyond())
            .or_else(|| views.beyond())
            .or_else(|| self.optimizer.beyond())
            .or_else(|| self.schedule.beyond())
            .or_else(|| self.eval.beyond())
    }

    fn check_fitting(&self, has_own_size: bool) -> Result<(), RecipeError> {
        let Data { image_size, shorter_side, resize, storage, .. } = self.data;
        let mend = "it is for folders and lists";
        require(!has_own_size || shorter_side == 0, "data.shorter_side", shorter_side, mend)?;
        require(!has_own_size || storage == Storage::Auto, "data.storage", storage, mend)?;
        require(!has_own_size || resize != Resize::Full, "data.resize", resize, mend)?;
        let has_cache = !self.data.cache.as_os_str().is_empty();
        let cache = self.data.cache.display();
        let mend =
            "it is for images that stay on disk: leave out one of --cache and --storage memory";
        require(!has_cache || storage != Storage::Memory, "data.cache", &cache, mend)?;
        let mend = "it is for folders and lists";
        require(!has_own_size || !has_cache, "data.cache", &cache, mend)?;
        let mend = "images are squashed to the size of a view: leave it out, or say --resize crop";
        let is_squash = resize == Resize::Squash;
        require(!is_squash || shorter_side == 0, "data.shorter_side", shorter_side, mend)?;
        let mend = "views are cut out of that: it is at least the image size";
        let covers = shorter_side == 0 || shorter_side >= image_size;
        require(covers, "data.shorter_side", shorter_side, mend)
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
        let has_own_size = source::is_known(&self.data.name);
        let mend = "the images of this data set have 32 pixels; it is for folders and lists";
        require(!has_own_size || size == 32, "data.image_size", size, mend)?;
        self.check_fitting(has_own_size)?;
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

    /// Which network it is, is looked at when the run begins.
    fn check_teacher(&self) -> Result<(), RecipeError> {
        let MethodSection { teacher, teacher_digest, .. } = &self.method;
        if let Some(path) = teacher {
            let mend = "name the folder of a finished run, or leave it out";
            require(!path.as_os_str().is_empty(), "method.teacher", path.display(), mend)?;
        }
        let Some(digest) = teacher_digest else { return Ok(()) };
        let mend = "it belongs to a teacher: name that as well (--teacher), or leave it out";
        require(teacher.is_some(), "method.teacher_digest", digest, mend)
    }

    /// Which weights they are, is looked at when the run begins.
    fn check_weights(&self) -> Result<(), RecipeError> {
        let Model { weights, weights_digest, .. } = &self.model;
        let mend = "it belongs to weights: name those as well (--weights), or leave it out";
        let usable = weights_digest.is_empty() || !weights.as_os_str().is_empty();
        require(usable, "model.weights_digest", weights_digest, mend)
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
                at_most(key, factor, Limits::LARGEST_FACTOR)?;
            }
        }
        self.check_compressed_temperature()?;
        match section.start {
            CompressionStart::Epoch(start) if start >= self.train.epochs => {
                Err(RecipeError::value(
                    "compression.start",
                    start,
                    format!(
                        "the run has {}, counted from 0",
                        counted(self.train.epochs, "epoch", "epochs")
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Similarities are divided by T / τ² where both sides are scaled, else by T / τ.
    fn check_compressed_temperature(&self) -> Result<(), RecipeError> {
        let (section, temperature) = (&self.compression, self.contrastive.temperature);
        let factors = match section.preset {
            CompressionPreset::Custom => {
                let one = f64::from(section.mode == CompressionMode::OnePlus);
                Some((section.factor_low + one, section.factor_rest + one))
            }
            preset => preset.factors(),
        };
        let Some((low, rest)) = factors else { return Ok(()) };
        let tau = low.max(rest).max(1.0);
        let scale = if section.apply_to == ApplyTo::Both { tau * tau } else { tau };
        let mend = format!(
            "compression multiplies similarities by up to {scale}, and the temperature divided by that is at least 0.001"
        );
        let usable = temperature / scale >= SMALLEST_TEMPERATURE;
        require(usable, "contrastive.temperature", temperature, mend)
    }

    fn check_schedule(&self) -> Result<(), RecipeError> {
        let schedule = &self.schedule;
        let (count, mend) = (schedule.milestones.len(), "a schedule has at most 1000 of them");
        let said = format!("a list of {count}");
        require(count <= MOST_MILESTONES, "schedule.milestones", said, mend)?;
        let gamma = schedule.gamma;
        let usable = schedule.decay == Decay::Cosine
            || gamma.is_finite() && gamma > 0.0 && gamma <= Limits::LARGEST_FACTOR;
        require(
            usable,
            "schedule.gamma",
            gamma,
            "it has to be a number greater than 0, up to 1000000",
        )
    }
}

fn require(
    usable: bool,
    key: &'static str,
    value: impl ToString,
    mend: impl Into<String>,
) -> Result<(), RecipeError> {
    if usable { Ok(()) } else { Err(RecipeError::value(key, value, mend)) }
}

fn at_most<T: PartialOrd + ToString>(
    key: &'static str,
    value: T,
    most: T,
) -> Result<(), RecipeError> {
    let mend = format!("the largest value that is taken is {}", most.to_string());
    require(value <= most, key, value, mend)
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
            ("[train]\nbatch_size = 16\nmicro_batch = 17", "train.micro_batch"),
            ("[views]\nrandaugment_magnitude = 10.5", "views.randaugment_magnitude"),
            ("[views]\nrandaugment_operations = 101", "views.randaugment_operations"),
            ("[optimizer]\nlr = 1e31", "optimizer.lr"),
            ("[schedule]\ngamma = 1e7", "schedule.gamma"),
            ("[schedule]\ngamma = 0.0", "schedule.gamma"),
            ("[eval]\nharmonic_floor = 0.0", "eval.harmonic_floor"),
        ] {
            let layer = RecipeFile::parse(text, "t").unwrap();
            let message = Recipe::resolve(&[layer]).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{key} = ")), "{text}: {message}");
        }
    }

    #[test]
    fn a_backbone_that_does_not_exist_is_refused_with_its_place_and_those_that_do() {
        for name in ["resnet31", "vit", "resnet6000000002"] {
            let text = format!("[train]\nepochs = 3\n[model]\nbackbone = \"{name}\"\n");
            let said = RecipeFile::parse(&text, "mine.toml").unwrap_err().to_string();
            for part in ["mine.toml", "4", &format!("\"{name}\""), "up to resnet1202"] {
                assert!(said.contains(part), "\"{said}\" does not say {part}");
            }
        }
    }

    /// Down to these the gradients are right to a thousandth (`crates/longtail/tests/fused_contrastive.rs`).
    #[test]
    fn temperatures_below_what_gradients_are_right_for_are_refused() {
        let refused = |text: &str| {
            let layer = RecipeFile::parse(text, "t").unwrap();
            Recipe::resolve(&[layer]).err().map(|error| error.to_string())
        };
        let compressed = |temperature: &str, preset: &str| {
            refused(&format!("[contrastive]\ntemperature = {temperature}\n[compression]\n{preset}"))
        };
        assert_eq!(refused("[contrastive]\ntemperature = 0.001"), None);
        for temperature in ["0.000999", "0.000001", "nan", "-1.0"] {
            let said = refused(&format!("[contrastive]\ntemperature = {temperature}")).unwrap();
            let all =
                said.starts_with("contrastive.temperature = ") && said.contains("at least 0.001");
            assert!(all, "{said}");
        }
        let custom = "preset = \"custom\"\nfactor_low = 10.0\n";
        for (preset, usable, too_small) in [
            ("preset = \"fcc-like\"", "0.0041", "0.0039"),
            ("preset = \"fcc-like\"\napply_to = \"anchor\"", "0.0021", "0.0019"),
            ("preset = \"paper-3.3.2\"", "0.001", "0.0009"),
            (&format!("{custom}mode = \"multiply\""), "0.11", "0.09"),
            (&format!("{custom}mode = \"one-plus\""), "0.13", "0.12"),
        ] {
            assert_eq!(compressed(usable, preset), None, "{preset}");
            let said = compressed(too_small, preset).unwrap();
            assert!(said.starts_with("contrastive.temperature = "), "{said}");
        }
    }

    #[test]
    fn numbers_that_nobody_means_are_refused_with_the_largest_that_is_taken() {
        let huge = 1_u64 << 62;
        for (section, key, most) in [
            ("model", "head_hidden", "16384"),
            ("model", "head_out", "16384"),
            ("train", "epochs", "100000"),
            ("train", "batch_size", "1048576"),
            ("train", "checkpoint_steps", "1000000000"),
            ("schedule", "warmup", "100000"),
            ("schedule", "milestones", "100000"),
            ("eval", "many_above", "1000000000"),
            ("eval", "few_below", "1000000000"),
            ("loss", "alpha", "1000000"),
            ("loss", "beta", "1000000"),
            ("loss", "tau", "1000000"),
            ("model", "cosine_scale", "1000000"),
            ("contrastive", "temperature", "1000000"),
            ("contrastive", "prior_exponent", "1000000"),
            ("optimizer", "weight_decay", "1000000"),
        ] {
            let refused = |value: String| {
                let value = if key == "milestones" { format!("[3, {value}]") } else { value };
                let text = format!("[{section}]\n{key} = {value}");
                let layer = RecipeFile::parse(&text, "t").unwrap();
                Recipe::resolve(&[layer]).err().map(|error| error.to_string())
            };
            let said = refused(huge.to_string()).unwrap();
            let key = format!("{section}.{key} = ");
            assert!(said.starts_with(&key) && said.ends_with(most), "{said}");
            assert_eq!(refused(most.to_owned()), None, "{key}{most}");
        }
        let many = format!("[schedule]\nmilestones = {:?}", vec![1; 1001]);
        let said = Recipe::resolve(&[RecipeFile::parse(&many, "t").unwrap()]).unwrap_err();
        assert!(said.to_string().contains("at most 1000"), "{said}");
    }
}
