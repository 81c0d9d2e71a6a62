//! A run's model on images that it was not made with.

use std::{collections::HashSet, path::Path};

use burn::tensor::Device;

use super::{Runner, resume::place, saved, split_of};
use crate::{
    Result,
    augment::Normalize,
    data::{
        DataError, ImageSet, Listed, Listing, Opened, Split, memory::check_images, names::listed,
        source,
    },
    eval::{EvalOptions, Outputs, outputs},
    model::{
        Network,
        weights::{self, State},
    },
    recipe::{Data, DataTyped, Holdout, Recipe, RecipeFile},
    report::{ClassInfo, LossParts, Outcome, ScoredImages, Summary, Weights, counted},
    train::{
        Checkpoint, Figures, Observer, Progress, Results, RunFolder, TrainError, encoder, epochs,
        eval_options, model_prior, network,
    },
};

/// Class names that a note lists.
const NAMED: usize = 8;

/// [`Runner::rescore`] of a method of this crate.
///
/// # Errors
/// As there.
pub fn rescore(
    folder: &Path,
    typed: DataTyped,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    Runner::new(device.clone()).rescore(folder, typed, observer)
}

impl Runner {
    /// The figures of the run in `folder` on the set that `typed` names, whose classes are found by their names. Nothing
    /// of the run changes.
    ///
    /// A set with a test part is scored on that, one with a validation part alone on it, any other on all its images.
    ///
    /// # Errors
    /// [`crate::Error`] if there is no trained run or no such data, or if it has none of the run's classes.
    pub fn rescore(
        &self,
        folder: &Path,
        typed: DataTyped,
        observer: &mut dyn Observer,
    ) -> Result<Summary> {
        Ok(self.rescored(folder, typed, &[], observer)?.summary)
    }

    /// The same with what the run's models are like on that set, and all that those of `keep` say of it.
    pub(super) fn rescored(
        &self,
        folder: &Path,
        typed: DataTyped,
        keep: &[Weights],
        observer: &mut dyn Observer,
    ) -> Result<Results> {
        let Trained { folder, recipe, checkpoint, split } = Trained::open(folder)?;
        let data = other_data(&recipe, typed)?;
        let other = OtherSet::load(&recipe, &split, &data, observer)?;
        let counts = train_counts(&folder, &checkpoint, split.class_names.len());
        let options = eval_options(&recipe)?;
        let scored = Scored {
            images: &other.images,
            classes: &other.classes,
            counts: &counts,
            recipe: &recipe,
            options,
            device: &self.device,
        };
        let (last, best) = self.figures(&scored, &folder, &checkpoint, keep)?;
        let progress = checkpoint.progress;
        let backbone = encoder(&self.planner, &recipe, counts.len())?;
        let planned = epochs(&self.planner, &recipe, counts.len())?;
        let split_hash = other.split_hash;
        let summary = |last, best| Summary {
            last,
            best,
            split_hash: split_hash.clone(),
            data: source::title(&data),
            classes: ClassInfo::list(&split.class_names, &counts, &options.shot_thresholds),
            backbone: Some(backbone),
            planned_epochs: Some(planned),
            shot_thresholds: Some(options.shot_thresholds),
            ..of_training(&recipe, progress)
        };
        let (indices, _) = scored.known();
        let names = &split.class_names;
        let of = |outputs| ScoredImages::new(&other.images, &indices, names, outputs);
        Ok(last.results(best, &split_hash, summary, of)?)
    }
}

/// A run that has a checkpoint.
struct Trained {
    folder: RunFolder,
    recipe: Recipe,
    checkpoint: Checkpoint,
    split: Split,
}

impl Trained {
    fn open(folder: &Path) -> Result<Self> {
        let (folder, file) = saved(folder)?;
        let recipe = Recipe::resolve(&[file])?.0;
        let checkpoint = Checkpoint::load_of(&folder)?;
        let split = split_of(&folder)?;
        checkpoint
            .check_identity(&recipe, &split.hash, &folder.checkpoint())
            .map_err(crate::Error::from)?;
        Ok(Self { folder, recipe, checkpoint, split })
    }
}

impl Runner {
    /// What the last model has come to, and that of the epoch that validation chose.
    fn figures(
        &self,
        scored: &Scored,
        folder: &RunFolder,
        checkpoint: &Checkpoint,
        keep: &[Weights],
    ) -> Result<(Figures, Option<(usize, Figures)>)> {
        let (recipe, counts, progress) = (scored.recipe, scored.counts, &checkpoint.progress);
        let stage = progress.stage;
        let file = folder.checkpoint().display().to_string();
        let of = |weights, state: &State, epoch| {
            let network = self.network_of(recipe, [counts.len(), stage], state.clone(), &file)?;
            let prior = model_prior(&self.planner, recipe, counts, stage, epoch)?;
            let figures = scored.figures(&network, &prior)?;
            Ok::<_, crate::Error>(figures.keeping_outputs(keep.contains(&weights)))
        };
        let last_epoch = progress.epoch.saturating_sub(usize::from(progress.batch == 0));
        let last = of(Weights::Last, &checkpoint.model, last_epoch)?;
        let best = match &progress.best {
            _ if stopped_at_its_best(folder, progress) => {
                Some((last_epoch, of(Weights::Best, &checkpoint.model, last_epoch)?))
            }
            Some(best) if !checkpoint.best.is_empty() => {
                Some((best.epoch, of(Weights::Best, &checkpoint.best, best.epoch)?))
            }
            _ => None,
        };
        Ok((last, best))
    }

    /// The network of a recipe for so many classes at a stage, with the weights `state`, which `file` holds.
    fn network_of(
        &self,
        recipe: &Recipe,
        [classes, stage]: [usize; 2],
        state: State,
        file: &str,
    ) -> Result<Network> {
        let network = network(&self.planner, recipe, classes, stage, &self.device)?;
        Ok(weights::with_state(network, state, file).map_err(TrainError::from)?)
    }
}

/// Whether the run's own figures have its last step as the best, within an epoch: the checkpoint knows whole epochs alone.
fn stopped_at_its_best(folder: &RunFolder, progress: &Progress) -> bool {
    let is_within = progress.batch > 0 || progress.step == 0;
    let is_best = |summary: Summary| {
        let best = summary.best.map(|best| best.epoch);
        summary.steps == progress.step && best == Some(progress.epoch)
    };
    is_within && Summary::load(folder.summary()).is_ok_and(is_best)
}

/// A set that a run was not made with, as far as it is scored.
struct OtherSet {
    images: ImageSet,
    classes: Classes,
    split_hash: String,
}

impl OtherSet {
    /// Of what `data` says, with what is to be told of it.
    fn load(
        recipe: &Recipe,
        trained: &Split,
        data: &Data,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let opened = Opened::to_score(data)?;
        opened.notes.iter().for_each(|note| observer.note(note));
        let classes = Classes::matching(&trained.class_names, &opened.listing, observer)?;
        let part = PartUsed::of(&opened.listing);
        let split = Split::of_part(&opened.listing, part == PartUsed::Pool);
        check_images(opened.bytes(&split, data))?;
        let scored = part.of_set(&opened.listing);
        trained_on(recipe, trained, scored, part).iter().for_each(|note| observer.note(note));
        let (source, notes) = opened.load(&split, data)?;
        notes.iter().for_each(|note| observer.note(note));
        let images = match part {
            PartUsed::Test => source.test,
            PartUsed::Val => source.val,
            PartUsed::Pool => Some(source.pool),
        };
        let images = images.unwrap_or_else(|| ImageSet::empty(1, 1));
        Ok(Self { images, classes, split_hash: split.hash })
    }
}

/// What a run's progress says, without figures.
fn of_training(recipe: &Recipe, progress: Progress) -> Summary {
    Summary {
        last: Outcome::default(),
        best: None,
        epochs: progress.epoch,
        planned_epochs: None,
        hardware: progress.hardware,
        steps: progress.step,
        seed: recipe.train.seed,
        split_hash: String::new(),
        data: String::new(),
        method: recipe.method.to_string(),
        classes: Vec::new(),
        seconds: progress.seconds,
        waited: progress.waited,
        images_per_second: progress.images as f64 / progress.seconds.max(f64::MIN_POSITIVE),
        longtail_version: env!("CARGO_PKG_VERSION").into(),
        commit: None,
        precision: Some(recipe.train.precision.to_string()),
        compression: None,
        loss: None,
        loss_parts: LossParts::default(),
        backbone: None,
        finished: progress.ended,
        shot_thresholds: None,
        warnings: Vec::new(),
        notes: Vec::new(),
        left_out: None,
    }
}

/// Which images of a set are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartUsed {
    Test,
    Val,
    Pool,
}

impl PartUsed {
    /// The images of a set that are scored.
    fn of_set(self, listing: &Listing) -> &Listed {
        let part = match self {
            Self::Test => listing.test.as_ref(),
            Self::Val => listing.val.as_ref(),
            Self::Pool => None,
        };
        part.unwrap_or(&listing.pool)
    }

    fn of(listing: &Listing) -> Self {
        match (&listing.test, &listing.val) {
            (Some(_), _) => Self::Test,
            (None, Some(_)) => Self::Val,
            (None, None) => Self::Pool,
        }
    }
}

/// What is to be said where the images that are `scored` may not be a test, for the run was trained on them.
fn trained_on(recipe: &Recipe, split: &Split, scored: &Listed, part: PartUsed) -> Option<String> {
    let count = || {
        let own = Opened::to_score(&recipe.data).ok()?.listing;
        let is_checked = split.check(&own).ok()?.is_none();
        let of_pool = split.train.iter().chain(&split.val);
        let of_pool = of_pool.filter_map(|&index| own.pool.digests.get(index as usize));
        let of_val = own.val.iter().flat_map(|val| &val.digests);
        let seen: HashSet<_> = of_pool.chain(of_val).collect();
        let can_tell = is_checked && !seen.is_empty() && !scored.digests.is_empty();
        can_tell.then(|| scored.digests.iter().filter(|digest| seen.contains(digest)).count())
    };
    match (count(), part) {
        (Some(0), _) => None,
        (Some(count), _) => Some(format!(
            "{count} of the {} that are scored {} that the run was trained or chosen on: figures on {} no test",
            counted(scored.labels.len(), "image", "images"),
            if count == 1 { "is one" } else { "are ones" },
            if count == 1 { "it are" } else { "them are" }
        )),
        (None, PartUsed::Pool) => Some(
            "all images are scored: figures on those that the run was trained on, if any, are no test".into(),
        ),
        (None, _) => None,
    }
}

/// The section of another set, brought to the size that the run has.
fn other_data(recipe: &Recipe, typed: DataTyped) -> Result<Data> {
    let size = recipe.data.image_size;
    let DataTyped { skip_broken, storage, .. } = typed;
    // Another set stays where it would stay alone.
    let typed = DataTyped { skip_broken, storage, ..place(&recipe.data, typed) };
    let mut file = RecipeFile { data: typed, ..RecipeFile::default() };
    let own_size = file.data.name.as_deref().is_some_and(source::is_known);
    if !own_size {
        file.data.image_size = Some(size);
    }
    let data = Recipe::resolve(&[file])?.0.data.clone();
    let Data { resize, shorter_side, .. } = recipe.data;
    Ok(Data { resize, shorter_side, imbalance: 0.0, val: Holdout::None, ..data })
}

/// n, as the run was trained: old checkpoints do not have it, and a summary may be there.
pub(crate) fn train_counts(
    folder: &RunFolder,
    checkpoint: &Checkpoint,
    classes: usize,
) -> Vec<usize> {
    let of_progress = Some(checkpoint.progress.train_counts.clone());
    let of_summary = || {
        let summary = Summary::load(folder.summary()).ok()?;
        Some(summary.classes.iter().map(|class| class.train_count).collect())
    };
    let fits = |counts: &Vec<usize>| counts.len() == classes;
    of_progress
        .filter(fits)
        .or_else(|| of_summary().filter(fits))
        .unwrap_or_else(|| vec![1; classes])
}

/// The run's class of every class of another set; `None` where the run does not know it.
struct Classes(Vec<Option<u32>>);

impl Classes {
    fn matching(own: &[String], other: &Listing, observer: &mut dyn Observer) -> Result<Self> {
        let of = |name: &String| own.iter().position(|own| own == name).map(|class| class as u32);
        let classes: Vec<Option<u32>> = other.class_names.iter().map(of).collect();
        let pairs = || other.class_names.iter().zip(&classes);
        let unknown: Vec<&str> =
            pairs().filter(|(_, class)| class.is_none()).map(|(name, _)| name.as_str()).collect();
        let missing: Vec<&str> =
            own.iter().filter(|own| !other.class_names.contains(own)).map(String::as_str).collect();
        if unknown.len() == classes.len() {
            let reason = format!(
                "none of its classes ({}) is one of the run's ({}): classes are matched by name",
                listed(&unknown, NAMED),
                listed(own, NAMED)
            );
            return Err(DataError::Folder { path: other.name.clone().into(), reason }.into());
        }
        if !unknown.is_empty() {
            let what = listed(&unknown, NAMED);
            observer.note(&format!("left out, for the run does not know them: classes {what}"));
        }
        if !missing.is_empty() {
            observer.note(&format!(
                "classes of the run without an image here: {}",
                listed(&missing, NAMED)
            ));
        }
        Ok(Self(classes))
    }
}

/// Images with all that figures on them need.
struct Scored<'a> {
    images: &'a ImageSet,
    classes: &'a Classes,
    counts: &'a [usize],
    recipe: &'a Recipe,
    options: EvalOptions,
    device: &'a Device,
}

impl Scored<'_> {
    /// The images of classes that the run knows, and which of its classes these are.
    fn known(&self) -> (Vec<u32>, Vec<u32>) {
        let labels = self.images.labels().iter().zip(0..);
        let known = |(&label, index): (&u32, u32)| Some((index, self.classes.0[label as usize]?));
        labels.filter_map(known).unzip()
    }

    fn figures(&self, network: &Network, model_prior: &[f64]) -> Result<Figures> {
        let (indices, labels) = self.known();
        let views = &self.recipe.views;
        let normalize = Normalize { mean: views.mean, std: views.std };
        let outputs = outputs(network, self.images, &indices, &normalize, self.device)?;
        let outputs = Some(Outputs { labels, ..outputs });
        Ok(Figures::of(outputs, None, self.counts, model_prior, &self.options)?)
    }
}
