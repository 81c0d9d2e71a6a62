//! What a search came to.

use std::path::PathBuf;

use serde::Serialize;

use super::{Candidate, Measured, Search, spread};
use crate::{
    Result,
    report::{
        Summary, Weights,
        compare::{Spread, figure_of},
    },
    train::RunFolder,
};

/// A candidate, and what it came to on validation images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// Its name, and its folder in that of the search.
    pub name: String,
    /// Its values, in the order of the knobs.
    pub values: Vec<String>,
    /// Epochs behind its figures.
    pub epochs: usize,
    /// Balanced top-1 on validation images, over its seeds; `None` where one of them diverged.
    pub balanced: Option<Spread>,
    /// Harmonic mean over classes on them.
    pub harmonic: Option<Spread>,
    /// Its place: of those that were trained longest the best is 1.
    pub rank: usize,
    /// Half the 95 % interval that the number of validation images leaves, of its first seed.
    #[serde(skip)]
    pub(super) margin: Option<f64>,
    #[serde(skip)]
    pub(super) images: usize,
}

/// The chosen candidate on test images, which were looked at after the choice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Test {
    /// Balanced top-1 over its seeds.
    pub balanced: Option<Spread>,
    /// Harmonic mean over its seeds.
    pub harmonic: Option<Spread>,
}

/// What a search came to. Its JSON is a contract; accuracies are in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The keys that were turned, as `section.key`.
    pub knobs: Vec<String>,
    /// Seeds of every candidate.
    pub seeds: Vec<u64>,
    /// All candidates, in the order in which they were tried.
    pub candidates: Vec<Tried>,
    /// The place of the one that validation chose.
    pub chosen: usize,
    /// The names of those that validation does not tell from it: within half its 95 % interval.
    pub undecided: Vec<String>,
    /// The steps at which every run was stopped, if it was not at its end before; `None` where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// Validation images.
    pub images: usize,
    /// Half the 95 % interval of the chosen one's balanced top-1 on them.
    pub margin: Option<f64>,
    /// It on test images; `None` where there are none.
    pub test: Option<Test>,
    /// Its runs.
    pub runs: Vec<PathBuf>,
}

impl Tried {
    pub(super) fn new(candidate: &Candidate) -> Self {
        let Candidate { name, values, .. } = candidate.clone();
        let (balanced, harmonic, margin) = (None, None, None);
        Self { name, values, epochs: 0, balanced, harmonic, rank: 0, margin, images: 0 }
    }

    /// Takes what its seeds came to, `None` of one that diverged.
    pub(super) fn add(&mut self, seeds: Vec<Option<Measured>>) {
        if let Some(first) = seeds.iter().flatten().next() {
            (self.epochs, self.images, self.margin) = (first.epochs, first.images, first.margin);
        }
        let all: Vec<Measured> = seeds.into_iter().collect::<Option<_>>().unwrap_or_default();
        self.balanced = spread(all.iter().map(|one| one.balanced));
        self.harmonic = spread(all.iter().map(|one| one.harmonic));
    }

    fn score(&self) -> f64 {
        self.balanced.map_or(f64::NEG_INFINITY, |spread| spread.mean)
    }
}

/// The best `kept` of the candidates at `places`, in their order; of equal ones the first. Those that diverged are none of
/// them.
pub(super) fn best(tried: &[Tried], places: &[usize], kept: usize) -> Vec<usize> {
    let known = places.iter().copied().filter(|&place| tried[place].balanced.is_some());
    let mut best: Vec<usize> = known.collect();
    best.sort_by(|&one, &other| tried[other].score().total_cmp(&tried[one].score()));
    best.truncate(kept);
    best.sort_unstable();
    best
}

impl Found {
    pub(super) fn new(
        search: &Search,
        mut tried: Vec<Tried>,
        chosen: usize,
        runs: &[PathBuf],
    ) -> Result<Self> {
        rank(&mut tried);
        let Tried { margin, images, epochs, .. } = tried[chosen];
        let score = tried[chosen].score();
        let is_near = |(place, other): &(usize, &Tried)| {
            *place != chosen
                && other.epochs == epochs
                && margin.is_some_and(|margin| score - other.score() <= margin)
        };
        let near = tried.iter().enumerate().filter(is_near);
        let undecided = near.map(|(_, other)| other.name.clone()).collect();
        let summaries = runs.iter().map(|run| Summary::load(RunFolder::at(run).summary()));
        let summaries = summaries.collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(Self {
            knobs: search.knobs.iter().map(|knob| knob.key.clone()).collect(),
            seeds: if search.seeds.is_empty() { vec![0] } else { search.seeds.clone() },
            candidates: tried,
            chosen,
            undecided,
            max_steps: search.limits.max_steps,
            images,
            margin,
            test: test(&summaries),
            runs: runs.to_vec(),
        })
    }

    /// The candidate that validation chose.
    pub fn chosen(&self) -> &Tried {
        &self.candidates[self.chosen]
    }

    /// The candidates, the best first.
    pub fn ranked(&self) -> Vec<&Tried> {
        let mut ranked: Vec<&Tried> = self.candidates.iter().collect();
        ranked.sort_by_key(|tried| tried.rank);
        ranked
    }
}

fn test(summaries: &[Summary]) -> Option<Test> {
    if summaries.iter().any(|summary| summary.last.test.is_none()) {
        return None;
    }
    let of = |key| spread(summaries.iter().filter_map(|s| figure_of(s, Weights::Last, key)));
    Some(Test { balanced: of("arithmetic_mean"), harmonic: of("harmonic_mean") })
}

/// Longer trained ones first, then the better, then the earlier.
fn rank(tried: &mut [Tried]) {
    let mut order: Vec<usize> = (0..tried.len()).collect();
    let key = |place: usize| (tried[place].balanced.is_some(), tried[place].epochs);
    order.sort_by(|&one, &other| {
        let by_score = tried[other].score().total_cmp(&tried[one].score());
        key(other).cmp(&key(one)).then(by_score)
    });
    for (rank, place) in order.into_iter().enumerate() {
        tried[place].rank = rank + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(name: &str, epochs: usize, score: Option<f64>) -> Tried {
        let balanced = score.and_then(|score| Spread::of(&[score]));
        let (values, harmonic, margin) = (Vec::new(), None, None);
        let name = name.into();
        Tried { name, values, epochs, balanced, harmonic, rank: 0, margin, images: 9 }
    }

    #[test]
    fn the_best_go_on_and_what_diverged_does_not() {
        let all = [Some(0.4), None, Some(0.6), Some(0.5), Some(0.6)].map(|s| tried("a", 3, s));
        assert_eq!(best(&all, &[0, 1, 2, 3, 4], 3), [2, 3, 4]);
        assert_eq!(best(&all, &[0, 1, 2, 3, 4], 1), [2], "of equal ones the first");
        assert!(best(&all, &[1], 1).is_empty());
        assert_eq!(best(&all, &[0, 1], 2), [0]);
    }

    #[test]
    fn what_was_trained_longer_stands_above_what_was_given_up() {
        let mut all = [
            tried("early", 2, Some(0.9)),
            tried("second", 8, Some(0.5)),
            tried("gone", 8, None),
            tried("first", 8, Some(0.7)),
        ];
        rank(&mut all);
        assert_eq!(all.map(|tried| tried.rank), [3, 2, 4, 1]);
    }
}
