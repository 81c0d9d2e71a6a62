//! How long a queue will take, from the epochs that it has seen.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    Look, Queue, Stand,
    look::{Done, Seen},
};
use crate::{
    Result,
    data::{Cifar, CifarName, class_counts},
    duration::rough_duration,
    loss::ClassCounts,
    method::Method,
    recipe::Recipe,
    train::{Limits, Observer},
};

/// A time to come; it is an estimate, and said so.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Estimate {
    /// Seconds.
    pub seconds: f64,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {}", rough_duration(self.seconds))
    }
}

/// Time and work of whole epochs of runs of one kind.
#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    seconds: f64,
    work: f64,
    steps: f64,
}

/// One run as the clock sees it.
#[derive(Debug, Clone)]
struct Part {
    kind: String,
    /// Work of an epoch: images, where their number is known beforehand, in so many views.
    work: f64,
    epochs: usize,
    done: Done,
    is_finished: bool,
}

/// The clock of a queue.
#[derive(Debug)]
pub(super) struct Clock {
    parts: Vec<Part>,
    rates: BTreeMap<String, Rate>,
    limits: Limits,
    current: usize,
    /// Whether the run has told of an epoch yet.
    is_first: bool,
}

impl Clock {
    pub fn new(looks: &[Look], limits: Limits) -> Self {
        let mut clock = Self {
            parts: looks.iter().map(Part::of).collect(),
            rates: BTreeMap::new(),
            limits,
            current: 0,
            is_first: true,
        };
        for (place, Look { seen, .. }) in looks.iter().enumerate() {
            if seen.epochs > 0 && seen.seconds > 0.0 {
                clock.add(place, *seen);
            }
        }
        clock
    }

    fn add(&mut self, place: usize, seen: Seen) {
        let Part { kind, work, .. } = &self.parts[place];
        let rate = self.rates.entry(kind.clone()).or_default();
        rate.seconds += seen.seconds;
        rate.work += seen.epochs as f64 * work;
        rate.steps += seen.steps as f64;
    }

    pub fn begin(&mut self, place: usize) {
        (self.current, self.is_first) = (place, true);
    }

    pub fn end(&mut self, place: usize) {
        self.parts[place].is_finished = true;
    }

    /// A whole epoch of the current run took so long for so many steps; whether it was the first that is told of.
    pub fn epoch(&mut self, seconds: f64, steps: u64) -> bool {
        self.add(self.current, Seen { epochs: 1, steps, seconds });
        let Done { epochs, steps: all } = &mut self.parts[self.current].done;
        (*epochs, *all) = (*epochs + 1, *all + steps);
        std::mem::replace(&mut self.is_first, false)
    }

    /// What is left; `None` before a whole epoch was seen, and of less than a second.
    pub fn left(&self) -> Option<Estimate> {
        let seen = self.rates.values().any(|rate| rate.work > 0.0);
        let seconds: f64 = self.parts.iter().map(|part| self.seconds(part)).sum();
        (seen && seconds >= 1.0).then_some(Estimate { seconds })
    }

    /// By runs of the same kind, or of any where there is none.
    fn seconds(&self, part: &Part) -> f64 {
        let all = || {
            self.rates.values().fold(Rate::default(), |sum, rate| Rate {
                seconds: sum.seconds + rate.seconds,
                work: sum.work + rate.work,
                steps: sum.steps + rate.steps,
            })
        };
        let rate = self.rates.get(&part.kind).copied().unwrap_or_else(all);
        let work = rate.work.max(f64::MIN_POSITIVE);
        rate.seconds / work * part.work * part.epochs_left(rate.steps / work, self.limits)
    }
}

impl Part {
    fn of(look: &Look) -> Self {
        let (kind, work) = kind(&look.recipe);
        let is_finished = look.stand == Stand::Finished;
        Self { kind, work, epochs: look.epochs, done: look.done, is_finished }
    }

    /// Epochs, and the part of one that a limit of steps leaves, of runs that take so many steps for their work.
    fn epochs_left(&self, steps_per_work: f64, limits: Limits) -> f64 {
        if self.is_finished {
            return 0.0;
        }
        let whole = self.epochs.saturating_sub(self.done.epochs) as f64;
        let Some(max) = limits.max_steps else { return whole };
        let steps = max.saturating_sub(self.done.steps) as f64;
        whole.min(steps / (steps_per_work * self.work).max(f64::MIN_POSITIVE))
    }
}

/// What runs of about the same time per image share, and the work of an epoch.
fn kind(recipe: &Recipe) -> (String, f64) {
    let plan = ClassCounts::new(vec![1; 2]).map(|counts| Method::plan(&recipe.settings(), &counts));
    let (views, branches) = plan.map_or((1, String::new()), |plan| {
        let views = plan.stages.first().map_or(1, |stage| stage.views.len());
        (views, format!("{:?}", plan.network.branches))
    });
    let (data, model, train) = (&recipe.data, &recipe.model, &recipe.train);
    let kind = format!(
        "{} {} {} {views} {branches} {} {}",
        data.name, data.image_size, model.backbone, train.batch_size, train.precision
    );
    (kind, images(recipe).unwrap_or(1.0) * views as f64)
}

/// Training images of a set whose classes are known beforehand.
fn images(recipe: &Recipe) -> Option<f64> {
    let CifarName { cifar, long_tailed } = Cifar::of_name(&recipe.data.name)?;
    let (classes, most) = match cifar {
        Cifar::Ten => (10, 5000),
        Cifar::Hundred => (100, 500),
    };
    let factor = if long_tailed { recipe.data.imbalance.max(1.0) } else { 1.0 };
    let counts = class_counts(most, &vec![("", most); classes], factor).ok()?;
    Some(counts.iter().sum::<usize>() as f64)
}

impl Queue {
    /// How long each run will take to its end or to the limit of its steps, in the order of the jobs, and all of them
    /// together: by whole epochs of runs that are there, else by some steps of one run of a kind, which are made and
    /// forgotten. The evaluation at the end of a run is not in it.
    ///
    /// # Errors
    /// As [`crate::run::Runner::forecast`].
    pub fn forecast(
        &self,
        looks: &[Look],
        observer: &mut dyn Observer,
    ) -> Result<(Vec<Estimate>, Estimate)> {
        let mut clock = Clock::new(looks, self.limits);
        for (place, look) in looks.iter().enumerate() {
            let kind = &clock.parts[place].kind;
            if look.stand == Stand::Finished || clock.rates.contains_key(kind) {
                continue;
            }
            observer.note(&format!("measuring some steps of {}", self.jobs[place].name));
            let layers = &self.jobs[place].layers;
            let (_, forecast) = self.runner.forecast(layers, self.limits, observer)?;
            let (steps, seconds) = (forecast.steps_per_epoch as u64, forecast.epoch_seconds);
            clock.add(place, Seen { epochs: 1, steps, seconds });
        }
        let each = clock.parts.iter().map(|part| Estimate { seconds: clock.seconds(part) });
        let each: Vec<_> = each.collect();
        let seconds = each.iter().map(|part| part.seconds).sum();
        Ok((each, Estimate { seconds }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::RecipeFile;

    /// Of runs of 100 steps an epoch.
    fn look(text: &str, stand: Stand, seconds: f64) -> Look {
        let layer = RecipeFile::parse(text, "t").unwrap();
        let recipe = Recipe::resolve(&[layer]).unwrap().0;
        let epochs = recipe.train.epochs;
        let seen = match stand {
            Stand::New => 0,
            Stand::Begun { epochs } => epochs,
            Stand::Finished => epochs,
        };
        let steps = 100 * seen as u64;
        let done = Done { epochs: seen, steps };
        Look { recipe, stand, epochs, done, seen: Seen { epochs: seen, steps, seconds } }
    }

    const LA: &str = "[method]\nname = \"la\"\n[train]\nepochs = 10\n";
    const BCL: &str = "[method]\nname = \"bcl\"\n[train]\nepochs = 10\n";

    #[track_caller]
    fn assert_left(clock: &Clock, seconds: f64) {
        let left = clock.left().unwrap().seconds;
        assert!((left - seconds).abs() < 1e-9, "{left}, not {seconds}");
    }

    #[test]
    fn the_time_left_follows_from_runs_of_the_same_kind() {
        let looks = [
            look(LA, Stand::Finished, 20.0),
            look(LA, Stand::Begun { epochs: 4 }, 8.0),
            look(BCL, Stand::New, 0.0),
        ];
        let mut clock = Clock::new(&looks, Limits::default());
        // 6 epochs of 2 s, and 10 of three views, none of which was seen.
        assert_left(&clock, 12.0 + 60.0);
        clock.begin(2);
        assert!(clock.epoch(5.0, 100), "the first");
        assert!(!clock.epoch(5.0, 100));
        assert_left(&clock, 12.0 + 8.0 * 5.0);
        clock.end(2);
        assert_left(&clock, 12.0);
        assert_eq!(Clock::new(&looks[2..], Limits::default()).left(), None);
    }

    #[test]
    fn of_a_limit_of_steps_as_many_are_counted_as_will_run() {
        let looks = [
            look(LA, Stand::Finished, 20.0),
            look(LA, Stand::Begun { epochs: 4 }, 8.0),
            look(LA, Stand::New, 0.0),
        ];
        // Of 100 steps in 2 s.
        let cut = |max| Clock::new(&looks, Limits { max_steps: Some(max) });
        assert_left(&cut(450), 0.02 * (50.0 + 450.0));
        assert_left(&cut(400), 0.02 * 400.0);
        assert_left(&cut(9_000), 0.02 * (600.0 + 1000.0));
        let mut clock = cut(450);
        clock.begin(2);
        clock.epoch(2.0, 100);
        assert_left(&clock, 0.02 * (50.0 + 350.0));
    }

    #[test]
    fn a_run_that_was_cut_within_its_first_epoch_says_nothing() {
        let mut looks = [look(LA, Stand::Finished, 0.0), look(LA, Stand::New, 0.0)];
        looks[0].seen = Seen::default();
        looks[0].done = Done { epochs: 0, steps: 3 };
        for max_steps in [None, Some(3)] {
            assert_eq!(Clock::new(&looks, Limits { max_steps }).left(), None);
        }
    }

    #[test]
    fn times_are_said_in_their_units() {
        let said = [12.4, 61.0, 3_700.0, 90_000.0].map(|seconds| Estimate { seconds }.to_string());
        assert_eq!(said, ["about 12 s", "about 1 min", "about 1 h 1 min", "about 1 d 1 h"]);
    }
}
