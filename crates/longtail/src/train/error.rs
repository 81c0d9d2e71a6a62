use std::path::{Path, PathBuf};

use crate::{
    atomic::WriteError,
    batch::{LoaderError, SamplingError},
    data::{ClassCountsError, DataError},
    eval::EvalError,
    loss::LossError,
    method::PlannerError,
    model::{ModelError, weights::PretrainedError},
    recipe::RecipeError,
    report::{ReportError, counted},
};

/// How to go on where the last checkpoint is damaged.
fn damage_mend(previous: Option<&Path>) -> String {
    match previous {
        Some(previous) => format!(
            "to go on from the one before it, put {} in its place (delete both to start the run again from the beginning)",
            previous.display()
        ),
        None => "delete it to start the run again from the beginning".into(),
    }
}

/// Where a run that diverged can be gone on with.
fn kept(run: Option<&Path>) -> String {
    run.map_or_else(String::new, |run| {
        format!("; the last good checkpoint is kept in {}", run.display())
    })
}

/// A run that cannot start, continue or be saved. Every message names the culprit and the mend.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// An image that cannot be read.
    #[error(transparent)]
    Image(#[from] DataError),
    /// A method from outside that the program does not have, or whose plan cannot be followed.
    #[error(transparent)]
    Planner(#[from] PlannerError),
    /// The output folder is taken.
    #[error(
        "{} exists already: choose another --out, or continue the run in it with --resume",
        .0.display()
    )]
    Exists(PathBuf),
    /// Another process writes into the folder.
    #[error(
        "the run in {} is being written by {owner}: wait until it ends, or stop it",
        path.display()
    )]
    Locked {
        /// The run.
        path: PathBuf,
        /// Who, as far as it is known.
        owner: String,
    },
    /// Fewer epochs than are done.
    #[error(
        "--epochs {asked} is less than the {} that the run in {} has done",
        counted(*done, "epoch", "epochs"),
        path.display()
    )]
    FewerEpochs {
        /// The run.
        path: PathBuf,
        /// Epochs asked for.
        asked: usize,
        /// Epochs done.
        done: usize,
    },
    /// Another number of epochs where a stage stands upon the former one.
    #[error(
        "the run in {} has begun its stage {number}, {name}, so that its number of epochs is settled: leave --epochs out, or \
         start another run",
        path.display()
    )]
    StageBegun {
        /// The run.
        path: PathBuf,
        /// The stage, from 1.
        number: usize,
        /// What it is called.
        name: &'static str,
    },
    /// A part of the run's folder lies elsewhere.
    #[error(
        "{} is a link, and a run is not written through links: put what it leads to in its place",
        .0.display()
    )]
    Link(PathBuf),
    /// A run that was interrupted while its folder was made.
    #[error(
        "the run in {} was interrupted before its first step: start it again with the same command",
        .0.display()
    )]
    NotBegun(PathBuf),
    /// There is no run to continue or evaluate.
    #[error("{} holds no run: it has no {missing}", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// The file that is not there.
        missing: &'static str,
    },
    /// Weights are left of a run, and nothing to go on from.
    #[error(
        "the run in {} was trained, but its checkpoint is gone: put {} back, without which it can neither go on nor be \
         scored",
        path.display(), checkpoint.display()
    )]
    CheckpointGone {
        /// The folder.
        path: PathBuf,
        /// The file that is not there.
        checkpoint: PathBuf,
    },
    /// The best epoch's weights are asked for, and no epoch was chosen.
    #[error(
        "the run in {} has no best epoch, for none was chosen on validation images: leave --weights out \
         to take the last, or train with --val",
        .0.display()
    )]
    NoBest(PathBuf),
    /// The recipe of the run to continue says something else.
    #[error(
        "the run in {} was started with other settings ({difference}): leave them out to continue \
         it, or choose another --out",
        path.display()
    )]
    OtherRecipe {
        /// The run.
        path: PathBuf,
        /// The first line that differs.
        difference: String,
    },
    /// The run is further than this command would train it.
    #[error(
        "the run in {} has made {steps} steps, and --max-steps stops at {most}: name another --out for runs that stop \
         earlier, or leave --max-steps out",
        path.display()
    )]
    Further {
        /// The run.
        path: PathBuf,
        /// Its steps.
        steps: u64,
        /// The steps at which runs are to stop.
        most: u64,
    },
    /// A run that is no first stage of another.
    #[error("the run in {} cannot be the first stage: {reason}", path.display())]
    FirstStage {
        /// The run.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A run that another one cannot go on from.
    #[error("nothing can branch from the run in {}: {reason}", path.display())]
    Branch {
        /// The run.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A run that another one cannot learn from.
    #[error("the run in {} cannot be the teacher: {reason}", path.display())]
    Teacher {
        /// The teacher's folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A folder or file of the run cannot be made.
    #[error("cannot create {}: {source}; choose another --out", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// Why.
        r#source: std::io::Error,
    },
    /// A file of the run cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        r#source: std::io::Error,
    },
    /// A batch needs more images than there are.
    #[error(
        "batch size {batch_size} is larger than the training set of {}: choose --batch-size {images} or less",
        counted(*images, "image", "images")
    )]
    BatchSize {
        /// Images per batch.
        batch_size: usize,
        /// Training images.
        images: usize,
    },
    /// A plan of nothing.
    #[error("the method's plan has no stage")]
    NoStage,
    /// A class would not be trained.
    #[error(
        "class \"{class}\" has no training image: lower --imbalance or --val, or leave the class out"
    )]
    EmptyClass {
        /// Its name.
        class: String,
    },
    /// Training diverged.
    #[error(
        "the {what} is not a number at step {step} (epoch {}): training diverged{}; try {mend}",
        epoch + 1,
        kept(kept_in.as_deref())
    )]
    NotFinite {
        /// `loss` or the name of a parameter.
        what: String,
        /// The step, from 1.
        step: u64,
        /// The epoch, from 0.
        epoch: usize,
        /// The run, where it has a checkpoint.
        kept_in: Option<PathBuf>,
        /// What to try.
        mend: &'static str,
    },
    /// A checkpoint is damaged.
    #[error(
        "the checkpoint {} is damaged ({reason}): {}",
        path.display(),
        damage_mend(previous.as_deref())
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// The one before it, if that is whole.
        previous: Option<PathBuf>,
    },
    /// A checkpoint of a later version.
    #[error(
        "the checkpoint {} has format {found}, and this program reads up to {known}: use a newer \
         longtail",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// A checkpoint of another run.
    #[error(
        "the checkpoint {} belongs to another {what}: put back this run's own, undo what was changed in \
         recipe.toml or split.json, or delete it to start again",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// `model`, `recipe or split`.
        what: String,
    },
    /// The recipe cannot be written.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The model cannot be built or filled.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Weights that the network cannot begin with.
    #[error(transparent)]
    Pretrained(#[from] PretrainedError),
    /// Weights beside a run that brings its own.
    #[error("the weights are those of the run in {}: leave --weights out", .0.display())]
    WeightsOfRun(PathBuf),
    /// A class has no image.
    #[error(transparent)]
    ClassCounts(#[from] ClassCountsError),
    /// The images cannot be drawn as the method asks.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// The loss is not defined for the data.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// No figures can be computed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A log or report cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Views stopped coming.
    #[error(transparent)]
    Loader(#[from] LoaderError),
}

impl From<WriteError> for TrainError {
    fn from(error: WriteError) -> Self {
        ReportError::from(error).into()
    }
}
