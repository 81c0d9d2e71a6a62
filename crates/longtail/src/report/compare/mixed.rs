//! What runs have to share before their figures say which method is better.

use std::fmt;

use serde::Serialize;

use super::{Run, figures::Tested, fold::keys};
use crate::{counted::counted, data::names::listed, report::text::printable};

/// How many runs and classes are named.
const NAMED: usize = 3;
/// Digits of a hash that tell splits apart for people.
const DIGITS: usize = 12;
/// Keys of a recipe that decide what a figure means or how long a run is.
const TERMS: [&str; 5] = [
    "train.epochs",
    "eval.harmonic_zero",
    "eval.harmonic_floor",
    "eval.many_above",
    "eval.few_below",
];

/// Something that runs do not share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What: a key of the recipe, or what it is in words.
    pub what: String,
    /// Its values, and of which runs each is.
    pub values: Vec<Value>,
}

/// A value of some runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Value {
    /// The value, for people.
    pub value: String,
    /// The runs.
    pub runs: Vec<String>,
}

impl Difference {
    /// By `value` of each run; `None` if all have the same.
    fn of(what: &str, runs: &[&Run], value: impl Fn(&Run) -> String) -> Option<Self> {
        let mut values: Vec<Value> = Vec::new();
        for run in runs {
            let value = value(run);
            match values.iter_mut().find(|known| known.value == value) {
                Some(known) => known.runs.push(run.name.clone()),
                None => values.push(Value { value, runs: vec![run.name.clone()] }),
            }
        }
        (values.len() > 1).then(|| Self { what: what.to_owned(), values })
    }

    /// Several of them in one sentence.
    pub(super) fn list(all: &[Self]) -> String {
        all.iter().map(Self::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |value: &Value| format!("{} ({})", value.value, listed(&value.runs, NAMED));
        let values: Vec<_> = self.values.iter().map(of).collect();
        f.write_str(&printable(&format!("{} is {}", self.what, values.join(" and "))))
    }
}

/// All that runs do not share though they would have to.
pub(super) fn differences(runs: &[(&Run, Tested)]) -> Vec<Difference> {
    let all: Vec<&Run> = runs.iter().map(|(run, _)| *run).collect();
    let key = |key: &str| {
        let first = all.first()?.recipe.get(key);
        let differs = all.iter().any(|run| run.recipe.get(key) != first);
        let value = |run: &Run| run.value(key).unwrap_or_else(|| "not there".into());
        Difference::of(key, &all, value).filter(|_| differs)
    };
    let mut differences = Vec::new();
    differences.extend(Difference::of("the split", &all, |run| {
        run.summary.split_hash.chars().take(DIGITS).collect()
    }));
    if !differences.is_empty() {
        // What it was made with says why.
        differences.extend(Difference::of("the data", &all, |run| run.summary.data.clone()));
        let names = keys(all.iter().copied()).into_iter();
        differences
            .extend(names.filter(|name| name.starts_with("data.")).filter_map(|name| key(name)));
    }
    differences.extend(classes(&all));
    differences.extend(images(runs, &all));
    differences.extend(TERMS.iter().filter_map(|name| key(name)));
    differences.extend(stopped(&all));
    differences
}

/// Whether two runs have the same classes with the same labels.
pub(super) fn share_classes(one: &Run, other: &Run) -> bool {
    let names =
        |run: &Run| run.summary.classes.iter().map(|class| class.name.clone()).collect::<Vec<_>>();
    names(one) == names(other)
}

fn classes(runs: &[&Run]) -> Option<Difference> {
    let first = runs.first()?;
    let known: Vec<_> = first.summary.classes.iter().map(|class| class.name.as_str()).collect();
    Difference::of("the list of classes", runs, |run| {
        let classes = &run.summary.classes;
        let names: Vec<_> = classes.iter().map(|class| class.name.as_str()).collect();
        let missing: Vec<_> = known.iter().filter(|name| !names.contains(name)).copied().collect();
        let added: Vec<_> = names.iter().filter(|name| !known.contains(name)).copied().collect();
        let mut text = format!("{} classes", names.len());
        for (how, which) in [("without", missing), ("with", added)] {
            if !which.is_empty() {
                text += &format!(" {how} {}", listed(&which, NAMED));
            }
        }
        let is_shuffled = names != known && text == format!("{} classes", names.len());
        if is_shuffled { text + " in another order" } else { text }
    })
}

/// The images that figures are measured on: their set, their number, and how many are of each class.
fn images(runs: &[(&Run, Tested)], all: &[&Run]) -> Option<Difference> {
    let tested = |run: &Run| {
        runs.iter().find(|(known, _)| std::ptr::eq(*known, run)).map(|(_, tested)| *tested)
    };
    let number = |run: &Run| {
        let shown = |t: Tested| format!("{} images of the {}", t.evaluation.count, t.set.name());
        tested(run).map_or_else(String::new, shown)
    };
    let of_class = |run: &Run, label: usize| {
        tested(run).and_then(|t| t.evaluation.per_class_images.get(label).copied())
    };
    let differs = |label: &usize| {
        let mut counts = all.iter().filter_map(|run| of_class(run, *label));
        counts.next().is_some_and(|first| counts.any(|count| count != first))
    };
    Difference::of("what figures are measured on", all, number).or_else(|| {
        let classes = &all.first()?.summary.classes;
        let label = (0..classes.len()).find(differs)?;
        let what = format!("the number of images of {}", classes[label].name);
        Difference::of(&what, all, |run| {
            of_class(run, label).map_or_else(|| "not counted".into(), |count| count.to_string())
        })
    })
}

/// Runs that were stopped before their end.
fn stopped(runs: &[&Run]) -> Option<Difference> {
    // Of earlier versions it is known how many the first stage has.
    let of_recipe =
        |run: &Run| run.recipe.get("train.epochs").and_then(|text| text.parse::<usize>().ok());
    let planned = |run: &Run| run.summary.planned_epochs.or_else(|| of_recipe(run));
    let is_stopped = |run: &Run| planned(run).is_some_and(|planned| run.summary.epochs < planned);
    let value = |run: &Run| match is_stopped(run) {
        true => {
            let steps = counted(run.summary.steps as usize, "step", "steps");
            format!("{} ({steps}), where the run was stopped", run.summary.epochs)
        }
        false => "all of them".into(),
    };
    Difference::of("the number of epochs trained", runs, value)
}
