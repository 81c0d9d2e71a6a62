//! From runs to rows: those that differ in their seed alone are one.

use std::collections::BTreeSet;

use super::{CompareError, Figure, Member, Row, Run, Setting, Spread, figures::Tested};
use crate::data::names::listed;

/// Keys that name a row whose method others have too, at most.
const KEYS: usize = 2;

/// A run with its figures.
pub(super) type Known<'a> = (&'a Run, Tested<'a>);

/// The runs of one recipe, in the order in which they were named.
pub(super) struct Fold<'a> {
    pub runs: Vec<Known<'a>>,
}

impl<'a> Fold<'a> {
    pub fn first(&self) -> &'a Run {
        self.runs[0].0
    }

    fn holds(&self, run: &Run) -> bool {
        let first = self.first();
        let of = |run: &'_ Run| (run.summary.method.clone(), run.summary.split_hash.clone());
        first.recipe == run.recipe && of(first) == of(run)
    }

    /// The names of the runs.
    pub fn names(&self) -> Vec<&'a str> {
        self.runs.iter().map(|(run, _)| run.name.as_str()).collect()
    }

    /// One figure over the runs that have it.
    pub fn spread(&self, figure: &Figure) -> Option<Spread> {
        let values: Vec<f64> =
            self.runs.iter().filter_map(|(_, tested)| (figure.read)(tested)).collect();
        Spread::of(&values)
    }

    /// The mean accuracy of every class that has images.
    pub fn classes(&self) -> Vec<Option<f64>> {
        let classes = 0..self.first().summary.classes.len();
        let of = |tested: &Tested, label| tested.evaluation.per_class.get(label).copied().flatten();
        let mean = |label| {
            let values = self.runs.iter().map(|(_, tested)| of(tested, label));
            let values: Vec<f64> = values.collect::<Option<_>>()?;
            Spread::of(&values).map(|spread| spread.mean)
        };
        classes.map(mean).collect()
    }
}

/// The rows, in the order in which their first runs were named.
///
/// # Errors
/// [`CompareError::SameSeed`] where two runs of a row have one seed.
pub(super) fn fold<'a>(runs: &[Known<'a>]) -> Result<Vec<Fold<'a>>, CompareError> {
    let mut folds: Vec<Fold> = Vec::new();
    for &(run, tested) in runs {
        let Some(fold) = folds.iter_mut().find(|fold| fold.holds(run)) else {
            folds.push(Fold { runs: vec![(run, tested)] });
            continue;
        };
        if let Some((same, _)) =
            fold.runs.iter().find(|(known, _)| known.summary.seed == run.summary.seed)
        {
            let (first, second) = (same.name.clone(), run.name.clone());
            return Err(CompareError::SameSeed { first, second, seed: run.summary.seed });
        }
        fold.runs.push((run, tested));
    }
    Ok(folds)
}

/// What each row is called: its method; where several rows have that, also what tells them apart.
pub(super) fn names(folds: &[Fold]) -> Vec<String> {
    let method = |fold: &Fold| fold.first().summary.method.clone();
    let name = |fold: &Fold| {
        let same: Vec<_> = folds.iter().filter(|other| method(other) == method(fold)).collect();
        match same.len() {
            1 => method(fold),
            _ => format!("{} ({})", method(fold), apart(fold, &same)),
        }
    };
    let mut names: Vec<_> = folds.iter().map(name).collect();
    for index in 0..names.len() {
        if names.iter().filter(|name| **name == names[index]).count() > 1 {
            names[index] = folds[index].first().name.clone();
        }
    }
    names
}

/// The keys of the runs' recipes, each once.
pub(super) fn keys<'a>(runs: impl IntoIterator<Item = &'a Run>) -> BTreeSet<&'a String> {
    runs.into_iter().flat_map(|run| run.recipe.keys()).collect()
}

/// The settings that the rows do not share, or the row's first run where they are many or none.
fn apart(fold: &Fold, rows: &[&Fold]) -> String {
    let recipe = &fold.first().recipe;
    let differs =
        |key: &&String| rows.iter().any(|row| row.first().recipe.get(*key) != recipe.get(*key));
    let mut keys = keys(rows.iter().map(|row| row.first()));
    keys.retain(|key| differs(key));
    if keys.is_empty() || keys.len() > KEYS {
        return fold.first().name.clone();
    }
    let texts = keys.iter().map(|key| {
        let short = key.split_once('.').map_or(key.as_str(), |(_, short)| short);
        let value = fold.first().value(key);
        format!("{short} {}", value.as_deref().map_or("not set", |value| value.trim_matches('"')))
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// The keys of which a row has another value than the baseline.
pub(super) fn settings(fold: &Fold, baseline: &Fold) -> Vec<Setting> {
    let (own, base) = (&fold.first().recipe, &baseline.first().recipe);
    let keys = keys([fold.first(), baseline.first()]);
    let differs = keys.into_iter().filter(|key| own.get(*key) != base.get(*key));
    let setting = |key: &String| Setting {
        key: key.clone(),
        value: fold.first().value(key),
        baseline: baseline.first().value(key),
    };
    differs.map(setting).collect()
}

/// The place of the row that `name` means: a run's, or the one of a method or of that name.
pub(super) fn baseline(
    name: Option<&str>,
    folds: &[Fold],
    names: &[String],
) -> Result<usize, CompareError> {
    let Some(name) = name else { return Ok(0) };
    let is_run = |fold: &Fold| {
        fold.names().iter().any(|run| run.trim_end_matches('/') == name.trim_end_matches('/'))
    };
    if let Some(place) = folds.iter().position(is_run) {
        return Ok(place);
    }
    if let Some(place) = names.iter().position(|row| row == name) {
        return Ok(place);
    }
    let of_method = |place: &usize| folds[*place].first().summary.method == name;
    match (0..folds.len()).filter(of_method).collect::<Vec<_>>()[..] {
        [place] => Ok(place),
        [] => Err(CompareError::Baseline { name: name.to_owned(), known: listed(names, 8) }),
        ref places => {
            let rows: Vec<_> = places.iter().map(|&place| names[place].as_str()).collect();
            Err(CompareError::Ambiguous { name: name.to_owned(), rows: listed(&rows, 8) })
        }
    }
}

/// Of every run of a row, its name and seed.
pub(super) fn members(fold: &Fold) -> Vec<Member> {
    let member = |(run, _): &Known| Member { run: run.name.clone(), seed: run.summary.seed };
    fold.runs.iter().map(member).collect()
}

impl Row {
    /// The names of its runs.
    pub(super) fn run_names(&self) -> Vec<&str> {
        self.runs.iter().map(|member| member.run.as_str()).collect()
    }
}
