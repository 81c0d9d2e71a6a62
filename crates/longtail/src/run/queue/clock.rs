//! How long a queue will take, from the epochs that it has seen.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{Look, Queue, Stand};
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

/// Time and work of the epochs of runs of one kind.
#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    seconds: f64,
    work: f64,
}

/// One run as the clock sees it.
#[derive(Debug, Clone)]
struct Part {
    kind: String,
    /// Work of an epoch: images, where their number is known beforehand, in so many views.
    work: f64,
    epochs_left: usize,
}

/// The clock of a queue.
#[derive(Debug)]
pub(super) struct Clock {
    parts: Vec<Part>,
    rates: BTreeMap<String, Rate>,
    current: usize,
    /// Whether the run has told of an epoch yet.
    is_first: bool,
    /// Steps are cut off, so that epochs say nothing.
    is_cut: bool,
}

impl Clock {
    pub fn new(looks: &[Look], limits: Limits) -> Self {
        let mut clock = Self {
            parts: looks.iter().map(Part::of).collect(),
            rates: BTreeMap::new(),
            current: 0,
            is_first: true,
            is_cut: limits.max_steps.is_some(),
        };
        for (place, look) in looks.iter().enumerate() {
            let epochs = look.epochs_done();
            if epochs > 0 && look.seconds > 0.0 {
                clock.add(place, look.seconds, epochs as f64);
            }
        }
        clock
    }

    fn add(&mut self, place: usize, seconds: f64, epochs: f64) {
        let Part { kind, work, .. } = &self.parts[place];
        let rate = self.rates.entry(kind.clone()).or_default();
        rate.seconds += seconds;
        rate.work += epochs * work;
    }

    pub fn begin(&mut self, place: usize) {
        (self.current, self.is_first) = (place, true);
    }

    pub fn end(&mut self, place: usize) {
        self.parts[place].epochs_left = 0;
    }

    /// An epoch of the current run took so long; whether it was the first that is told of.
    pub fn epoch(&mut self, seconds: f64) -> bool {
        self.add(self.current, seconds, 1.0);
        let part = &mut self.parts[self.current];
        part.epochs_left = part.epochs_left.saturating_sub(1);
        std::mem::replace(&mut self.is_first, false)
    }

    /// What is left; `None` before an epoch was seen, and of less than a second.
    pub fn left(&self) -> Option<Estimate> {
        let seen = self.rates.values().any(|rate| rate.work > 0.0);
        let seconds: f64 = self.parts.iter().map(|part| self.seconds(part)).sum();
        (seen && !self.is_cut && seconds >= 1.0).then_some(Estimate { seconds })
    }

    /// By runs of the same kind, or of any where there is none.
    fn seconds(&self, part: &Part) -> f64 {
        let all = || {
            self.rates.values().fold(Rate::default(), |sum, rate| Rate {
                seconds: sum.seconds + rate.seconds,
                work: sum.work + rate.work,
            })
        };
        let Rate { seconds, work } = self.rates.get(&part.kind).copied().unwrap_or_else(all);
        seconds / work.max(f64::MIN_POSITIVE) * part.work * part.epochs_left as f64
    }
}

impl Look {
    pub(super) fn epochs_done(&self) -> usize {
        match self.stand {
            Stand::New => 0,
            Stand::Begun { epochs } => epochs,
            Stand::Finished => self.epochs,
        }
    }
}

impl Part {
    fn of(look: &Look) -> Self {
        let epochs_left = look.epochs.saturating_sub(look.epochs_done());
        let (kind, work) = kind(&look.recipe);
        Self { kind, work, epochs_left }
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
    /// How long each run will take, in the order of the jobs, and all of them together: by epochs of runs that are there,
    /// else by some steps of one run of a kind, which are made and forgotten.
    ///
    /// # Errors
    /// As [`crate::run::Runner::forecast`].
    pub fn forecast(
        &self,
        looks: &[Look],
        observer: &mut dyn Observer,
    ) -> Result<(Vec<Estimate>, Estimate)> {
        let mut clock = Clock::new(looks, Limits::default());
        for (place, look) in looks.iter().enumerate() {
            let kind = &clock.parts[place].kind;
            if look.stand == Stand::Finished || clock.rates.contains_key(kind) {
                continue;
            }
            observer.note(&format!("measuring some steps of {}", self.jobs[place].name));
            let layers = &self.jobs[place].layers;
            let (_, forecast) = self.runner.forecast(layers, self.limits, observer)?;
            clock.add(place, forecast.epoch_seconds, 1.0);
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

    fn look(text: &str, stand: Stand, seconds: f64) -> Look {
        let layer = RecipeFile::parse(text, "t").unwrap();
        let recipe = Recipe::resolve(&[layer]).unwrap().0;
        let epochs = recipe.train.epochs;
        Look { recipe, stand, epochs, seconds }
    }

    #[test]
    fn the_time_left_follows_from_runs_of_the_same_kind() {
        let la = "[method]\nname = \"la\"\n[train]\nepochs = 10\n";
        let bcl = "[method]\nname = \"bcl\"\n[train]\nepochs = 10\n";
        let looks = [
            look(la, Stand::Finished, 20.0),
            look(la, Stand::Begun { epochs: 4 }, 8.0),
            look(bcl, Stand::New, 0.0),
        ];
        let mut clock = Clock::new(&looks, Limits::default());
        // 6 epochs of 2 s, and 10 of three views, none of which was seen.
        assert!((clock.left().unwrap().seconds - (12.0 + 60.0)).abs() < 1e-9);
        clock.begin(2);
        assert!(clock.epoch(5.0), "the first");
        assert!(!clock.epoch(5.0));
        assert!((clock.left().unwrap().seconds - (12.0 + 8.0 * 5.0)).abs() < 1e-9);
        clock.end(2);
        assert!((clock.left().unwrap().seconds - 12.0).abs() < 1e-9);
        let cut = Clock::new(&looks, Limits { max_steps: Some(3) });
        assert_eq!(cut.left(), None);
        assert_eq!(Clock::new(&looks[2..], Limits::default()).left(), None);
    }

    #[test]
    fn times_are_said_in_their_units() {
        let said = [12.4, 61.0, 3_700.0, 90_000.0].map(|seconds| Estimate { seconds }.to_string());
        assert_eq!(said, ["about 12 s", "about 1 min", "about 1 h 1 min", "about 1 d 1 h"]);
    }
}
