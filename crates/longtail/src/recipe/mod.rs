//! What was typed ([`RecipeFile`]) and what it means ([`Recipe`]): defaults, the file and the
//! options laid over each other, then checked once, before any work.

mod branch;
mod check;
mod defaults;
mod error;
mod file;
mod identity;
mod keys;
mod newer;
mod packed;
mod profile;
mod sections;

use std::path::Path;

use serde::Serialize;

pub use branch::Branch;
pub use error::RecipeError;
pub use file::RecipeFile;
pub use keys::keys;
pub(crate) use newer::newer_version;
pub(crate) use profile::usual_rate;
pub use profile::{METHOD_OF_FILES, Profile};
pub use sections::Sections;

pub use crate::{
    augment::{ClassifierView, ContrastiveViews, Views, ViewsTyped},
    data::{Data, DataTyped, Holdout},
    eval::{Eval, EvalTyped, HarmonicZero},
    loss::{
        CompressionSection, CompressionStart, CompressionTyped, ContrastiveTyped, Loss, LossTyped,
        Prior,
    },
    method::{MethodSection, MethodTyped, Train, TrainTyped},
    model::{Model, ModelTyped},
    optim::{Decay, Optimizer, OptimizerTyped, ScheduleSection, ScheduleTyped},
    section::Key,
};

use crate::{
    choice::choice,
    data::Cifar,
    method::{Method, Settings},
};

choice! {
    /// A named bundle of settings for a kind of machine.
    Protocol {
        /// The recipe as it stands: 200 epochs on CIFAR.
        Paper = "paper",
        /// 20 epochs, batch 128, subset seed 0: what machines without a GPU can afford.
        Short = "short",
        /// 60 epochs, batch and learning rate as in the recipe, subset seed 0.
        Medium = "medium",
    }
}

/// A complete recipe: every value decided and checked. What a recipe is made of can be read through it; it comes from
/// [`Recipe::resolve`] alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Recipe(Sections);

impl std::ops::Deref for Recipe {
    type Target = Sections;

    fn deref(&self) -> &Sections {
        &self.0
    }
}

impl Recipe {
    /// The defaults of the data set and method that `layers` name, with the layers laid over them
    /// in order, checked; and a note for the person on every value that followed another.
    ///
    /// # Errors
    /// [`RecipeError::Value`] for the first value that cannot be used.
    pub fn resolve(layers: &[RecipeFile]) -> Result<(Self, Vec<String>), RecipeError> {
        Self::resolved(layers, None)
    }

    /// [`Recipe::resolve`] for a folder or list of images like these.
    ///
    /// # Errors
    /// As [`Recipe::resolve`].
    pub fn resolve_for(
        layers: &[RecipeFile],
        profile: &Profile,
    ) -> Result<(Self, Vec<String>), RecipeError> {
        Self::resolved(layers, Some(profile))
    }

    fn resolved(
        layers: &[RecipeFile],
        profile: Option<&Profile>,
    ) -> Result<(Self, Vec<String>), RecipeError> {
        let mut notes = Vec::new();
        let layers: Result<Vec<_>, _> = layers.iter().map(packed::unpacked).collect();
        let layers = of_one_source(&layers?, &mut notes);
        let name = layers.iter().rev().find_map(|layer| layer.data.name.as_deref());
        let method = layers.iter().rev().find_map(|layer| layer.method.name);
        let has_lists = layers.iter().any(RecipeFile::has_lists);
        let name = name.unwrap_or(if has_lists { "list" } else { "synthetic" });
        let usual = if profile.is_some() { METHOD_OF_FILES } else { Method::BclRcl };
        let mut recipe = Sections::defaults(name, method.unwrap_or(usual));
        if let Some(profile) = profile {
            recipe.for_files(profile);
        }
        for (place, layer) in layers.iter().enumerate() {
            if let Some(method) = layer.method.name {
                // What no layer has named before is a default, of which there is nothing to say.
                let was_named = layers[..place].iter().any(|layer| layer.method.name.is_some());
                notes.extend(recipe.switch_method(method).filter(|_| was_named));
            }
            recipe.apply(layer, &mut notes);
        }
        if let Some(profile) = profile
            && layers.iter().all(|layer| layer.train.drop_last.is_none())
        {
            let batch_size = recipe.train.batch_size;
            recipe.train.drop_last = profile.drops_last(batch_size);
            notes.extend(profile.left_out(batch_size).filter(|_| recipe.train.drop_last));
        }
        recipe.method.knobs = recipe.checked_knobs()?;
        recipe.check()?;
        Ok((Self(recipe), notes))
    }

    /// Its sections, which are no recipe any more.
    pub fn into_sections(self) -> Sections {
        self.0
    }

    /// What it says of training.
    pub fn settings(&self) -> Settings<'_> {
        let all = &self.0;
        Settings {
            method: &all.method,
            model: &all.model,
            loss: &all.loss,
            contrastive: &all.contrastive,
            compression: &all.compression,
            views: &all.views,
            optimizer: &all.optimizer,
            schedule: &all.schedule,
            train: &all.train,
        }
    }

    /// The recipe with other values, which are checked.
    ///
    /// # Errors
    /// As [`Recipe::resolve`].
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Sections)) -> Result<Self, RecipeError> {
        change(&mut self.0);
        self.0.check()?;
        Ok(self)
    }

    /// A recipe file's complete text.
    ///
    /// # Errors
    /// [`RecipeError::Parse`] if it cannot be written as TOML, which a checked recipe can.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        toml::to_string(self).map_err(|error| RecipeError::Parse {
            file: "the recipe".into(),
            line: 0,
            reason: error.to_string(),
        })
    }

    /// Reads the complete recipe of a run.
    ///
    /// # Errors
    /// [`RecipeError`] if the file is missing, incomplete or damaged, or of a later version that this one cannot read.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let file = RecipeFile::read_of_run(path)?;
        Ok(Self::resolve(&[file]).map_err(|error| error.of_run(path))?.0)
    }
}

/// The layers without what `[data]` says of another set where a later layer takes other images: how a subset of CIFAR is
/// drawn, and which lists a set has, say nothing about them.
fn of_one_source(layers: &[RecipeFile], notes: &mut Vec<String>) -> Vec<RecipeFile> {
    without_lists(without_cifar(layers.to_vec(), notes), notes)
}

fn without_cifar(mut layers: Vec<RecipeFile>, notes: &mut Vec<String>) -> Vec<RecipeFile> {
    let is_cifar = |name: &str| Cifar::of_name(name).is_some();
    let takes_others = |layer: &RecipeFile| {
        layer.has_lists() || layer.data.name.as_deref().is_some_and(|name| !is_cifar(name))
    };
    let Some(other) = layers.iter().rposition(takes_others) else { return layers };
    let names_cifar = |layer: &RecipeFile| layer.data.name.as_deref().is_some_and(is_cifar);
    let Some(cifar) = layers[..other].iter().rposition(names_cifar) else { return layers };
    if layers[cifar].has_lists() {
        return layers;
    }
    let name = layers[cifar].data.name.clone().unwrap_or_default();
    notes.push(not_about(&name));
    layers[..=cifar].iter_mut().for_each(|layer| layer.data = DataTyped::default());
    layers
}

/// A name without lists is a folder, or a set that has none; the size of images belongs to the network.
fn without_lists(mut layers: Vec<RecipeFile>, notes: &mut Vec<String>) -> Vec<RecipeFile> {
    let names_other = |layer: &RecipeFile| layer.data.name.is_some() && !layer.has_lists();
    let Some(other) = layers.iter().rposition(names_other) else { return layers };
    let Some(lists) = layers[..other].iter().rposition(RecipeFile::has_lists) else {
        return layers;
    };
    let before = layers[lists].data.name.clone();
    if before.is_none() || before == layers[other].data.name {
        return layers;
    }
    notes.push(not_about(&before.unwrap_or_default()));
    for layer in &mut layers[..=lists] {
        let DataTyped { image_size, resize, .. } = layer.data;
        layer.data = DataTyped { image_size, resize, ..DataTyped::default() };
    }
    layers
}

fn not_about(name: &str) -> String {
    format!("the recipe's [data] is about {name} and does not count for other images")
}

impl Protocol {
    /// The protocol as a layer, to stand between a recipe file and the options.
    pub fn layer(self) -> RecipeFile {
        let mut layer = RecipeFile::default();
        let epochs = match self {
            Self::Paper => return layer,
            Self::Short => 20,
            Self::Medium => 60,
        };
        layer.train.epochs = Some(epochs);
        layer.train.batch_size = (self == Self::Short).then_some(128);
        layer.data.split_seed = Some(0);
        layer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(texts: &[&str]) -> (Recipe, Vec<String>) {
        let layers: Vec<_> = texts.iter().map(|t| RecipeFile::parse(t, "t").unwrap()).collect();
        Recipe::resolve(&layers).unwrap()
    }

    const CIFAR: &str = "[data]\nname = \"cifar10-lt\"\n";

    #[test]
    fn the_paper_is_the_default_on_cifar() {
        let (recipe, notes) = resolve(&[CIFAR]);
        assert!(notes.is_empty());
        assert_eq!(recipe.method.name, Method::BclRcl);
        assert_eq!((recipe.loss.alpha, recipe.loss.beta, recipe.loss.tau), (2.0, 1.0, 1.3));
        assert_eq!((recipe.optimizer.lr, recipe.train.batch_size), (0.2, 256));
        assert_eq!(recipe.schedule.milestones, [160, 180]);
    }

    #[test]
    fn how_cifar_is_drawn_says_nothing_about_other_images() {
        let recipe = format!("{CIFAR}imbalance = 50\n[loss]\ntau = 1.1\n");
        let lists = "[data]\ntrain_list = \"train.txt\"\ntest_list = \"test.txt\"\n";
        for (source, name) in [(lists, "list"), ("[data]\nname = \"photos\"\n", "photos")] {
            let layers = [&recipe, source].map(|text| RecipeFile::parse(text, "t").unwrap());
            let mut notes = Vec::new();
            let layers = of_one_source(&layers, &mut notes);
            assert_eq!((layers[0].data.imbalance, notes.len()), (None, 1), "{name}");
            assert_eq!(layers[0].loss.tau, Some(1.1));
        }
        let (kept, notes) = resolve(&[&recipe, "[data]\nname = \"cifar100-lt\"\n"]);
        assert_eq!((kept.data.imbalance, notes.len()), (50.0, 0));
        let (typed, _) = resolve(&[CIFAR, &format!("{lists}imbalance = 20\n")]);
        assert_eq!((typed.data.name.as_str(), typed.data.imbalance), ("list", 20.0));
    }

    #[test]
    fn a_folder_takes_the_place_of_a_recipes_lists() {
        let recipe = "[data]\nname = \"imagenet-lt\"\ntrain_list = \"a.txt\"\nval_list = \"b.txt\"\nimage_size = 224\n";
        let (photos, notes) = resolve(&[recipe, "[data]\nname = \"photos\"\n"]);
        assert!(notes.iter().any(|note| note.contains("imagenet-lt")), "{notes:?}");
        assert_eq!((photos.data.image_size, photos.data.val_list.to_str()), (224, Some("")));
        assert_eq!(photos.data.train_list.to_str(), Some(""));
        // Lists that lie elsewhere, and a name for them.
        let (moved, notes) = resolve(&[recipe, "[data]\nval_list = \"c.txt\"\n"]);
        assert_eq!((moved.data.train_list.to_str(), notes.len()), (Some("a.txt"), 0));
        let mine = "[data]\nname = \"mine\"\ntrain_list = \"c.txt\"\n";
        assert_eq!(resolve(&[recipe, mine]).0.data.train_list.to_str(), Some("c.txt"));
    }

    #[test]
    fn a_shorter_run_scales_its_schedule_and_a_smaller_batch_its_learning_rate() {
        let layer = toml::to_string(&Protocol::Short.layer()).unwrap();
        let (recipe, notes) = resolve(&[CIFAR, &layer]);
        assert_eq!(recipe.train.epochs, 20);
        assert_eq!(
            (recipe.schedule.warmup, recipe.schedule.milestones.as_slice()),
            (1, &[16, 18][..])
        );
        assert_eq!(recipe.optimizer.lr, 0.1);
        assert_eq!(notes.len(), 1, "{notes:?}");
        let (recipe, _) = resolve(&[CIFAR, "[train]\nbatch_size = 128\n[optimizer]\nlr = 0.15\n"]);
        assert_eq!(recipe.optimizer.lr, 0.15);
    }

    #[test]
    fn another_method_brings_its_own_loss_over_a_complete_recipe() {
        let (rcl, _) = resolve(&[&format!("{CIFAR}[method]\nname = \"rcl\"\n")]);
        let text = rcl.to_toml().unwrap();
        let (scl, notes) = resolve(&[&text, "[method]\nname = \"scl\"\n"]);
        let (fresh, _) = resolve(&[&format!("{CIFAR}[method]\nname = \"scl\"\n")]);
        assert_eq!(scl, fresh);
        assert!(notes.iter().any(|note| note.contains("scl")), "{notes:?}");
        let exponent = "[method]\nname = \"bcl+rcl\"\n[contrastive]\nprior_exponent = 0.5\n";
        assert_eq!(resolve(&[&text, exponent]).0.contrastive.prior_exponent, 0.5);
    }

    #[test]
    fn another_method_resets_all_that_the_former_one_owned_and_says_so() {
        let rcl = format!(
            "{CIFAR}[method]\nname = \"rcl\"\n[loss]\nalpha = 2.5\nbeta = 0.4\n[compression]\npreset = \"fcc-like\"\n"
        );
        let (ce, notes) = resolve(&[&rcl, "[method]\nname = \"ce\"\n"]);
        let (fresh, _) = resolve(&[&format!("{CIFAR}[method]\nname = \"ce\"\n")]);
        assert_eq!(ce, fresh);
        let [note] = &notes[..] else { panic!("{notes:?}") };
        for said in ["of ce, not of rcl", "loss.alpha = 1.0", "compression.preset = \"off\""] {
            assert!(note.contains(said), "{note}");
        }
        // What the later layer says itself stays.
        let (typed, _) = resolve(&[&rcl, "[method]\nname = \"ce\"\n[loss]\nalpha = 3.0\n"]);
        assert_eq!(typed.loss.alpha, 3.0);
        let ride = format!("{CIFAR}[method]\nname = \"ride\"\nbeta = 0.9\nexperts = 4\n");
        let (ldam, _) = resolve(&[&ride, "[method]\nname = \"ldam-drw\"\n"]);
        let (fresh, _) = resolve(&[&format!("{CIFAR}[method]\nname = \"ldam-drw\"\n")]);
        assert_eq!(ldam, fresh, "a key that both have is the former one's");
    }

    /// RIDE had no routing once: runs of then are those without it now.
    #[test]
    fn a_later_setting_of_a_method_counts_where_it_makes_a_difference() {
        let identity = |more: &str| {
            let ride = format!("{CIFAR}[method]\nname = \"ride\"\n{more}");
            resolve(&[&ride]).0.identity().unwrap()
        };
        let plain = identity("");
        assert!(plain.contains("reweight_at") && !plain.contains("routing"), "{plain}");
        assert_eq!(identity("routing = false\n"), plain);
        assert!(identity("routing = true\n").contains("routing = true"));
    }

    #[test]
    fn the_medium_protocol_is_three_tenths_of_the_papers_schedule() {
        let layer = toml::to_string(&Protocol::Medium.layer()).unwrap();
        let (recipe, _) =
            resolve(&[CIFAR, "[compression]\npreset = \"fcc-like\"\nstart = 100\n", &layer]);
        assert_eq!(
            (recipe.train.epochs, recipe.train.batch_size, recipe.optimizer.lr),
            (60, 256, 0.2)
        );
        assert_eq!((recipe.schedule.warmup, &recipe.schedule.milestones[..]), (2, &[48, 54][..]));
        assert_eq!(recipe.compression.start, CompressionStart::Epoch(30));
        assert_eq!(recipe.data.split_seed, 0);
    }

    #[test]
    fn a_written_recipe_reads_back_the_same() {
        for method in Method::ALL {
            let (recipe, _) = resolve(&[&format!("{CIFAR}[method]\nname = \"{method}\"\n")]);
            let text = recipe.to_toml().unwrap();
            assert_eq!(resolve(&[&text]).0, recipe, "{text}");
        }
    }
}
