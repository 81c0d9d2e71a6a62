//! Several runs in one command: what is missing is trained, what is there is used again, and after a kill the same
//! command goes on.

mod clock;
mod look;
mod watch;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Runner;
use crate::{
    Result, atomic,
    data::DataTyped,
    data::source,
    eval::Evaluation,
    recipe::{MethodTyped, Recipe, RecipeFile, TrainTyped},
    regular,
    report::{LogKind, counted},
    train::{Ending, Limits, Observer, Out, RunFolder, TrainError, Trainer},
};
use clock::Clock;
pub use clock::Estimate;
pub use look::{Done, Look, Seen, Stand};
use watch::Watched;

/// Bytes of the longest file of validation figures that is read.
const LARGEST: u64 = 1 << 24;

/// One run of a queue.
#[derive(Debug, Clone)]
pub struct Job {
    /// What people call it.
    pub name: String,
    /// Its settings.
    pub layers: Vec<RecipeFile>,
    /// Its folder.
    pub folder: PathBuf,
    /// What it is run for.
    pub goal: Goal,
}

/// What a run is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Its final figures, as `longtail train` writes them.
    Figures,
    /// Its figures on validation alone, after so many epochs or all of them: no test image is looked at.
    Validation {
        /// Epochs; all of them if `None`.
        epochs: Option<usize>,
    },
}

/// `validation.json`: what a run comes to on validation images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Epochs done.
    pub epochs: usize,
    /// Optimizer steps done.
    pub steps: u64,
    /// The figures of the model as it stands then.
    pub val: Evaluation,
}

/// What a queue does.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase<'a> {
    /// The data of a run is opened; nothing is to be saved.
    Prepares {
        /// The run's name.
        run: &'a str,
    },
    /// A run trains, and is saved before the queue stops.
    Trains,
    /// The figures of a run are computed; the run is saved.
    Evaluates {
        /// The run's name.
        run: &'a str,
    },
}

/// Who watches a queue, and may stop it; `()` does neither.
pub trait QueueObserver: Observer {
    /// What the queue does from now on.
    fn phase(&mut self, phase: &Phase<'_>) {
        let _ = phase;
    }
}

impl QueueObserver for () {}

/// How a run of a queue ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was finished before.
    Reused,
    /// It was trained, or trained to its end.
    Trained,
    /// It cannot go on, as a loss or a weight is no number any more.
    Diverged(String),
}

/// What a queue came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEnd {
    /// Of every job that was come to, in order.
    pub outcomes: Vec<Outcome>,
    /// Whether the observer stopped it before all were.
    pub is_interrupted: bool,
}

impl QueueEnd {
    /// The jobs that diverged, by their place, and why.
    pub fn diverged(&self) -> impl Iterator<Item = (usize, &str)> {
        self.outcomes.iter().enumerate().filter_map(|(place, outcome)| match outcome {
            Outcome::Diverged(reason) => Some((place, reason.as_str())),
            _ => None,
        })
    }
}

/// Runs that are made one after the other, by one runner.
#[derive(Debug, Clone)]
pub struct Queue {
    runner: Runner,
    jobs: Vec<Job>,
    limits: Limits,
    logs: Vec<LogKind>,
}

impl Queue {
    /// A queue of `jobs`, each of which stops at `limits` at the latest.
    pub fn new(runner: Runner, jobs: Vec<Job>, limits: Limits) -> Self {
        Self { runner, jobs, limits, logs: Vec::new() }
    }

    /// The same queue, whose runs are logged for these programs as well ([`Trainer::logging`]).
    #[must_use]
    pub fn logging(self, logs: Vec<LogKind>) -> Self {
        Self { logs, ..self }
    }

    /// Its jobs.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// How every run stands, without training or writing.
    ///
    /// # Errors
    /// [`TrainError::OtherRecipe`] for a folder with a run of other settings, naming one; and what is wrong with settings
    /// or data.
    pub fn look(&self) -> Result<Vec<Look>> {
        self.jobs.iter().map(|job| self.look_at(job)).collect()
    }

    /// Runs what is missing. A run that diverges does not stop the others.
    ///
    /// # Errors
    /// As [`Queue::look`], before anything is trained; then [`crate::Error`] of the run that cannot be made. What was
    /// finished before stays, and is used again by the next call.
    pub fn run(&self, observer: &mut dyn QueueObserver) -> Result<QueueEnd> {
        let looks = self.look()?;
        let mut clock = Clock::new(&looks, self.limits);
        let mut outcomes = Vec::with_capacity(self.jobs.len());
        for (place, (job, look)) in self.jobs.iter().zip(&looks).enumerate() {
            if look.stand == Stand::Finished {
                outcomes.push(Outcome::Reused);
                continue;
            }
            self.announce(place, &looks, &clock, observer);
            clock.begin(place);
            let ended = self.run_job(job, look, &mut clock, observer);
            match ended {
                Ok(true) => outcomes.push(Outcome::Trained),
                Ok(false) => return Ok(QueueEnd { outcomes, is_interrupted: true }),
                Err(crate::Error::Train(error @ TrainError::NotFinite { .. })) => {
                    let reason = error.to_string();
                    observer.note(&format!("{}: {reason}", job.name));
                    outcomes.push(Outcome::Diverged(reason));
                }
                Err(error) => return Err(error),
            }
            clock.end(place);
        }
        Ok(QueueEnd { outcomes, is_interrupted: false })
    }

    fn announce(
        &self,
        place: usize,
        looks: &[Look],
        clock: &Clock,
        observer: &mut dyn QueueObserver,
    ) {
        let (number, all) = (place + 1, self.jobs.len());
        let goes_on = match looks[place].stand {
            Stand::Begun { epochs } => {
                format!(", which has done {}", counted(epochs, "epoch", "epochs"))
            }
            _ => String::new(),
        };
        let left = clock.left().map_or(String::new(), |left| format!("; {left} left for all"));
        let name = &self.jobs[place].name;
        observer.note(&format!("run {number} of {all}: {name}{goes_on}{left}"));
    }

    /// Whether it ended, and was not stopped.
    fn run_job(
        &self,
        job: &Job,
        look: &Look,
        clock: &mut Clock,
        observer: &mut dyn QueueObserver,
    ) -> Result<bool> {
        observer.phase(&Phase::Prepares { run: &job.name });
        let mut trainer = self.open(job, look, observer)?.logging(&self.logs);
        if let Goal::Validation { .. } = job.goal
            && trainer.sets().val.is_none()
        {
            return Err(super::RunError::NoValidation.into());
        }
        if look.stand != Stand::New {
            // They are of an earlier stop, and this one may not come to its end.
            trainer.folder().remove_results()?;
        }
        observer.phase(&Phase::Trains);
        let limits = self.limits_of(job, &trainer);
        let ending = trainer.run(limits, &mut Watched::new(observer, clock))?;
        observer.phase(&Phase::Evaluates { run: &job.name });
        if ending == Ending::Interrupted || observer.interrupted() {
            return Ok(false);
        }
        match job.goal {
            Goal::Figures => {
                let results = trainer.results()?;
                trainer.write_results(&results, observer)?;
            }
            Goal::Validation { .. } => save_validation(&mut trainer)?,
        }
        Ok(true)
    }

    fn open(&self, job: &Job, look: &Look, observer: &mut dyn Observer) -> Result<Trainer> {
        let places = [places(&look.recipe)];
        match look.stand {
            Stand::New => self.start(job, look, observer),
            // Of a run that has done all there is nothing to be said but its figures.
            Stand::Begun { epochs } if epochs >= look.epochs => {
                self.runner.resume(&job.folder, &places, &mut ())
            }
            _ => self.runner.resume(&job.folder, &places, observer),
        }
    }

    /// A new run; on a finished run of this queue where that is its first stage, which gives the same bits.
    fn start(&self, job: &Job, look: &Look, observer: &mut dyn Observer) -> Result<Trainer> {
        let out = Out::At(job.folder.clone());
        let first = look.recipe.method.name.definition().first_stage;
        for other in self.jobs.iter().filter(|other| {
            first.is_some() && other.goal == Goal::Figures && other.folder != job.folder
        }) {
            let recipe = Recipe::read(&RunFolder::at(&other.folder).recipe());
            let is_first = recipe.is_ok_and(|recipe| {
                Some(recipe.method.name) == first && recipe.train.seed == look.recipe.train.seed
            });
            if !is_first {
                continue;
            }
            match self.runner.start_on(&other.folder, &job.layers, &out, observer) {
                // Then it trains its own.
                Err(crate::Error::Train(TrainError::FirstStage { .. })) => {}
                started => return started,
            }
        }
        self.runner.start(&job.layers, &out, observer)
    }

    fn limits_of(&self, job: &Job, trainer: &Trainer) -> Limits {
        let steps = match job.goal {
            Goal::Validation { epochs: Some(epochs) } => trainer.steps_before(epochs),
            _ => None,
        };
        let max_steps = [self.limits.max_steps, steps].into_iter().flatten().min();
        Limits { max_steps }
    }
}

/// Where the data of a run is now, for going on with it: what it is was compared before.
fn places(recipe: &Recipe) -> RecipeFile {
    let data = recipe.data.clone();
    let is_known = source::is_known(&data.name);
    let path = |path: PathBuf| (!path.as_os_str().is_empty()).then_some(path);
    let data = DataTyped {
        name: (!is_known).then_some(data.name).filter(|_| data.train_list.as_os_str().is_empty()),
        dir: path(data.dir),
        train_list: path(data.train_list),
        val_list: path(data.val_list),
        test_list: path(data.test_list),
        cache: path(data.cache),
        cache_gib: Some(data.cache_gib),
        ..DataTyped::default()
    };
    let method = MethodTyped { teacher: recipe.method.teacher.clone(), ..Default::default() };
    let checkpoint_steps = Some(recipe.train.checkpoint_steps);
    let train = TrainTyped { checkpoint_steps, ..TrainTyped::default() };
    RecipeFile { data, method, train, ..RecipeFile::default() }
}

fn save_validation(trainer: &mut Trainer) -> Result<()> {
    let Some(val) = trainer.validation()? else { return Err(super::RunError::NoValidation.into()) };
    let (epochs, steps) = (trainer.progress().epoch, trainer.progress().step);
    let json = serde_json::to_vec_pretty(&Validation { epochs, steps, val })
        .map_err(|error| super::RunError::Written { reason: error.to_string() })?;
    atomic::write(&trainer.folder().validation(), &json).map_err(TrainError::from)?;
    Ok(())
}

impl Validation {
    /// That of the run in `folder`; `None` where it was not measured, or cannot be read.
    pub fn of(folder: &RunFolder) -> Option<Self> {
        let json = regular::read(&folder.validation(), LARGEST).ok()?;
        serde_json::from_slice(&json).ok()
    }
}
