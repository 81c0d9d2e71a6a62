//! A search over settings: grid, random draws or successive halving, chosen by balanced top-1 on validation images alone.
//!
//! No test image is looked at before the choice is made; then the chosen runs are evaluated as any other.

mod before;
mod candidates;
mod effect;
mod files;
mod found;
mod grids;
mod halving;
mod knob;

use std::path::PathBuf;

pub use candidates::Candidate;
pub use files::{csv, markdown, table};
pub use found::{Found, Test, Tried};
pub use grids::{GRIDS, PaperGrid};
pub use halving::Halving;
pub use knob::{Knob, Values};

use super::{
    Runner, of_seeds,
    queue::{Goal, Job, Outcome, Queue, QueueEnd, QueueObserver, Validation},
};
use crate::{
    Result,
    method::Planner,
    recipe::{Recipe, RecipeFile},
    report::{EpochRecord, LogKind, MetricsLog, compare::Spread, counted},
    train::{self, Limits, RunFolder},
};

/// What is searched, and how.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// What is turned.
    pub knobs: Vec<Knob>,
    /// Draws of the knobs' values; every combination of them if `None`.
    pub samples: Option<usize>,
    /// The seed of the draws.
    pub draw_seed: u64,
    /// Whether most candidates are given up early.
    pub halving: Option<Halving>,
    /// What all candidates share.
    pub layers: Vec<RecipeFile>,
    /// Seeds that every candidate is trained with; 0 where there is none.
    pub seeds: Vec<u64>,
    /// The folder of the search.
    pub root: PathBuf,
    /// What every run stops at.
    pub limits: Limits,
    /// Programs that every run is logged for, as [`Queue::logging`] has it.
    pub logs: Vec<LogKind>,
}

/// How a search ended.
#[derive(Debug, Clone)]
pub enum SearchEnd {
    /// A candidate was chosen.
    Found(Box<Found>),
    /// The observer stopped it; the same search goes on.
    Interrupted,
}

impl Search {
    /// Runs what is missing, chooses, and evaluates the chosen runs on test images.
    ///
    /// # Errors
    /// As [`Search::checked`] and [`Queue::run`]; [`super::RunError::NoCandidate`] if all diverge.
    pub fn run(&self, runner: &Runner, observer: &mut dyn QueueObserver) -> Result<SearchEnd> {
        let candidates = self.checked(&runner.planner)?;
        let whole = self.whole_epochs(runner, &candidates)?;
        let halving = self.halving;
        let rungs = halving.map_or_else(Vec::new, |h| h.rungs(whole, candidates.len()));
        let mut tried: Vec<Tried> = candidates.iter().map(Tried::new).collect();
        let mut left: Vec<usize> = (0..candidates.len()).collect();
        for &(epochs, kept) in &rungs {
            let goes_on = if kept == 1 { "goes on" } else { "go on" };
            observer.note(&format!(
                "{}, {} each; the best {kept} {goes_on}",
                counted(left.len(), "candidate", "candidates"),
                counted(epochs, "epoch", "epochs"),
            ));
            if !self.measure(runner, &candidates, &left, Some(epochs), &mut tried, observer)? {
                return Ok(SearchEnd::Interrupted);
            }
            left = found::best(&tried, &left, kept);
        }
        if !self.measure(runner, &candidates, &left, None, &mut tried, observer)? {
            return Ok(SearchEnd::Interrupted);
        }
        let Some(&chosen) = found::best(&tried, &left, 1).first() else {
            return Err(super::RunError::NoCandidate(self.root.clone()).into());
        };
        let candidate = &candidates[chosen];
        observer.note(&format!("{} is chosen on validation images", candidate.name));
        let jobs = self.jobs(candidate, Goal::Figures);
        let folders: Vec<_> = jobs.iter().map(|job| job.folder.clone()).collect();
        let end = self.queue_of(runner, jobs).run(observer)?;
        if end.is_interrupted {
            return Ok(SearchEnd::Interrupted);
        }
        Ok(SearchEnd::Found(Box::new(Found::new(self, tried, chosen, &folders)?)))
    }

    /// What is tried, where that is worth a search and its folder has no other one.
    ///
    /// # Errors
    /// As [`Search::candidates`]; [`super::RunError::WithoutEffect`] if nothing that is turned reaches the method,
    /// [`super::RunError::OtherSearch`] for the folder of another search.
    pub fn checked(&self, planner: &Planner) -> Result<Vec<Candidate>> {
        let candidates = self.candidates()?;
        self.check_effect(&candidates, planner)?;
        self.check_folder(&candidates)?;
        Ok(candidates)
    }

    /// The queue of all that the search trains at most, for looking at and for estimates: with halving, as if the first
    /// candidates were the best.
    ///
    /// # Errors
    /// As [`Search::checked`].
    pub fn queue(&self, runner: &Runner) -> Result<Queue> {
        let candidates = self.checked(&runner.planner)?;
        let whole = self.whole_epochs(runner, &candidates)?;
        let rungs = self.halving.map_or_else(Vec::new, |h| h.rungs(whole, candidates.len()));
        let jobs = candidates.iter().enumerate().flat_map(|(place, candidate)| {
            let given_up = rungs.iter().find(|(_, kept)| place >= *kept);
            let epochs = given_up.map(|(epochs, _)| *epochs);
            self.jobs(candidate, Goal::Validation { epochs })
        });
        Ok(self.queue_of(runner, jobs.collect()))
    }

    fn queue_of(&self, runner: &Runner, jobs: Vec<Job>) -> Queue {
        Queue::new(runner.clone(), jobs, self.limits).logging(self.logs.clone())
    }

    /// The most epochs of a candidate.
    fn whole_epochs(&self, runner: &Runner, candidates: &[Candidate]) -> Result<usize> {
        let mut most = 0;
        for candidate in candidates {
            let recipe = Recipe::resolve(&self.layers_of(candidate))?.0;
            let epochs = train::epochs(&runner.planner, &recipe, 2).map_err(crate::Error::from)?;
            most = most.max(epochs);
        }
        Ok(most)
    }

    fn layers_of(&self, candidate: &Candidate) -> Vec<RecipeFile> {
        self.layers.iter().chain([&candidate.layer]).cloned().collect()
    }

    fn jobs(&self, candidate: &Candidate, goal: Goal) -> Vec<Job> {
        let seeds = if self.seeds.is_empty() { &[0][..] } else { &self.seeds };
        let root = self.root.join(&candidate.name);
        of_seeds(&self.layers_of(candidate), seeds, &root, &candidate.name, goal)
    }

    /// Trains the candidates in `left` so far, and measures them; whether it was not stopped.
    fn measure(
        &self,
        runner: &Runner,
        candidates: &[Candidate],
        left: &[usize],
        epochs: Option<usize>,
        tried: &mut [Tried],
        observer: &mut dyn QueueObserver,
    ) -> Result<bool> {
        let of = |&place: &usize| {
            let jobs = self.jobs(&candidates[place], Goal::Validation { epochs });
            jobs.into_iter().map(move |job| (place, job))
        };
        let (places, jobs): (Vec<usize>, Vec<Job>) = left.iter().flat_map(of).unzip();
        let queue = self.queue_of(runner, jobs);
        let QueueEnd { outcomes, is_interrupted } = queue.run(observer)?;
        if is_interrupted {
            return Ok(false);
        }
        for &place in left {
            let of_candidate = places.iter().zip(queue.jobs()).zip(&outcomes);
            let own = of_candidate.filter(|((of, _), _)| **of == place);
            let measured = own.map(|((_, job), outcome)| measured(job, outcome, epochs));
            tried[place].add(measured.collect());
        }
        Ok(true)
    }
}

/// What a run came to on validation images after `epochs` epochs, or at its end.
#[derive(Debug, Clone, PartialEq)]
struct Measured {
    epochs: usize,
    balanced: f64,
    harmonic: f64,
    margin: Option<f64>,
    images: usize,
}

/// `None` of a run that diverged.
fn measured(job: &Job, outcome: &Outcome, epochs: Option<usize>) -> Option<Measured> {
    if matches!(outcome, Outcome::Diverged(_)) {
        return None;
    }
    let folder = RunFolder::at(&job.folder);
    let records = MetricsLog::read(folder.metrics()).unwrap_or_default();
    // One within which a limit of steps ended it is counted.
    let begun = |record: &EpochRecord| record.epoch + 1;
    let (done, val) = match epochs {
        // At that epoch, however far the run is by now.
        Some(epochs) => {
            let record = records.get(epochs - 1).or(records.last())?;
            (begun(record), record.val.clone()?)
        }
        None => {
            let Validation { epochs, val, .. } = Validation::of(&folder)?;
            (records.last().map_or(epochs, begun), val)
        }
    };
    Some(Measured {
        epochs: done,
        balanced: val.arithmetic_mean,
        harmonic: val.harmonic_mean,
        margin: val.margin(),
        images: val.count,
    })
}

fn spread(values: impl Iterator<Item = f64>) -> Option<Spread> {
    Spread::of(&values.collect::<Vec<_>>())
}
