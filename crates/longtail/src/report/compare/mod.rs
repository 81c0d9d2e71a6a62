//! Runs beside each other: seeds of one recipe folded, each recipe against a baseline, and what that decides.

mod csv;
mod error;
mod figures;
mod fold;
mod latex;
mod markdown;
mod mixed;
mod notes;
mod paired;
mod predictions;
mod table;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::BTreeMap;

use serde::Serialize;

pub use csv::csv;
pub use error::CompareError;
pub(in crate::report) use figures::accuracy;
pub use figures::{Figure, Spread};
pub(crate) use figures::{figure, figure_of, points};
pub use latex::latex;
pub(in crate::report) use markdown::escaped;
pub use markdown::markdown;
pub use mixed::{Difference, Value};
pub use predictions::{Predicted, Predictions};
pub(in crate::report) use table::laid_out;
pub use table::table;
pub use verdict::{Doubt, Verdict};

use super::{ClassInfo, ReportError, Summary, Weights, json_line, text::printable};
use crate::{choice::choice, data::names::listed, eval::Bootstrap};
use figures::{FIGURES, MAIN, Tested};
use fold::{Fold, Known};
use notes::{besides, gaps, notes, single};

/// How many runs and classes a note names.
const NAMED: usize = 5;

choice! {
    /// How a comparison is written.
    Format {
        /// Columns for people, 80 wide.
        Table = "table",
        /// Comma-separated values with a header, a line for every recipe.
        Csv = "csv",
        /// A table for GitHub.
        Markdown = "markdown",
        /// A table for a paper, with the rules of booktabs.
        Latex = "latex",
        /// A page in one file.
        Html = "html",
        /// All of it, in one line.
        Json = "json",
    }
}

/// A run as it is compared.
#[derive(Debug, Clone)]
pub struct Run {
    /// What people call it: the path of its folder.
    pub name: String,
    /// Its figures.
    pub summary: Summary,
    /// All of its recipe that decides about its figures, by `section.key`, but for the seed.
    pub recipe: BTreeMap<String, String>,
    /// What it says of every image; or why that is not known, in words that follow its name.
    pub predictions: Result<Predictions, String>,
    /// What else is to be said of it, in sentences.
    pub notes: Vec<String>,
}

impl Run {
    /// A value of its recipe for people, as TOML writes it: where images are a folder's or a list's, which no name in the
    /// recipe tells apart, what that is called.
    fn value(&self, key: &str) -> Option<String> {
        let value = self.recipe.get(key)?;
        let is_unnamed = key == "data.name" && value == "\"\"";
        Some(match is_unnamed {
            true => toml::Value::from(self.summary.data.as_str()).to_string(),
            false => value.clone(),
        })
    }
}

/// How runs are compared.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// The run, row or method that the others are compared with; the first run's row if `None`.
    pub baseline: Option<String>,
    /// Which figures.
    pub weights: Weights,
    /// Whether runs of other splits, test images, epochs or classes are compared all the same.
    pub across_splits: bool,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
}

impl Default for CompareOptions {
    fn default() -> Self {
        let (baseline, bootstrap) = Default::default();
        Self { baseline, weights: Weights::Last, across_splits: false, bootstrap }
    }
}

/// Runs beside each other. Its JSON is a contract; accuracies are in [0, 1].
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Which figures: of the last or the best epoch.
    pub weights: Weights,
    /// The images that figures are measured on: `test set` or `validation set`, of the baseline.
    pub set: &'static str,
    /// The row that the others are compared with.
    pub baseline: usize,
    /// The columns.
    pub figures: Vec<Figure>,
    /// One row a recipe.
    pub rows: Vec<Row>,
    /// The classes, by label; none where not all runs have the same.
    pub classes: Vec<ClassInfo>,
    /// What the runs do not share though they would have to, where they are compared all the same.
    pub across: Vec<Difference>,
    /// What else is to be known, in sentences.
    pub notes: Vec<String>,
}

/// The runs of one recipe, which differ in their seed.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The method, with what tells it apart from another row of that method.
    pub name: String,
    /// The method.
    pub method: String,
    /// The runs.
    pub runs: Vec<Member>,
    /// Its figures, by the key of the column.
    pub figures: BTreeMap<&'static str, Spread>,
    /// The settings that are other than the baseline's.
    pub settings: Vec<Setting>,
    /// The mean accuracy of every class, by label; `None` for a class without an image. Empty where not all runs
    /// have the same classes.
    pub classes: Vec<Option<f64>>,
    /// How far it is from the baseline; `None` for the baseline itself.
    pub against: Option<Against>,
    /// What that decides.
    pub verdict: Verdict,
    /// Why nothing is decided.
    pub doubts: Vec<Doubt>,
    /// The same in a sentence without the name of the row before it.
    pub sentence: String,
}

/// One run of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its name.
    pub run: String,
    /// Its seed.
    pub seed: u64,
}

/// A setting of which a row has another value than the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The key, as `section.key`.
    pub key: String,
    /// The row's value as TOML writes it; `None` where its recipe has no such key.
    pub value: Option<String>,
    /// The baseline's.
    pub baseline: Option<String>,
}

/// How far a row is from the baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// Its balanced top-1 less the baseline's.
    pub difference: f64,
    /// The 95 % interval of the difference ([`crate::eval::paired_intervals`]); `None` where images cannot be paired.
    pub interval: Option<[f64; 2]>,
    /// The same of every class, without interval; `None` for a class without an image. Empty where not all runs
    /// have the same classes.
    pub classes: Vec<Option<f64>>,
}

impl Comparison {
    /// Compares `runs`, in the order in which they are to be shown.
    ///
    /// # Errors
    /// [`CompareError`] for no run, one without figures, two of one recipe and seed, an unknown baseline, and runs
    /// that were not made on the same terms, unless they are to be compared all the same.
    pub fn of(runs: &[Run], options: &CompareOptions) -> Result<Self, CompareError> {
        let known = with_figures(runs, options.weights)?;
        let across = mixed::differences(&known);
        if !across.is_empty() && !options.across_splits {
            return Err(CompareError::Mixed(across));
        }
        let folds = fold::fold(&known)?;
        let names = fold::names(&folds);
        let baseline = fold::baseline(options.baseline.as_deref(), &folds, &names)?;
        let share_classes = runs.iter().all(|run| mixed::share_classes(run, &runs[0]));
        let has = |figure: &&Figure| folds.iter().any(|fold| fold.spread(figure).is_some());
        let columns = FIGURES.iter().filter(|figure| share_classes || figure.is_balanced);
        let figures: Vec<Figure> = columns.filter(has).copied().collect();
        let first = &folds[baseline].runs[0];
        let mut comparison = Self {
            weights: options.weights,
            set: first.1.set.name(),
            baseline,
            rows: folds.iter().zip(names).map(|(fold, name)| row(fold, name, &figures)).collect(),
            figures,
            classes: Vec::new(),
            across,
            notes: notes(&folds, options.weights),
        };
        if share_classes {
            comparison.add_classes(&folds, &first.0.summary.classes);
        }
        comparison.decide(&folds, options)?;
        Ok(comparison)
    }

    fn add_classes(&mut self, folds: &[Fold], classes: &[ClassInfo]) {
        self.classes = classes.to_vec();
        self.rows.iter_mut().zip(folds).for_each(|(row, fold)| row.classes = fold.classes());
        self.notes.extend(gaps(&self.rows[self.baseline], classes, self.set));
        self.notes.extend(single(&folds[self.baseline].runs[0].1));
    }

    /// Compares every row with the baseline.
    fn decide(&mut self, folds: &[Fold], options: &CompareOptions) -> Result<(), CompareError> {
        let intervals =
            paired::intervals(folds, self.baseline, options.weights, &options.bootstrap)
                .map_err(CompareError::Eval)?;
        let base = self.rows[self.baseline].clone();
        for (place, (row, interval)) in self.rows.iter_mut().zip(intervals).enumerate() {
            if place == self.baseline {
                continue;
            }
            let fold = &folds[place];
            row.settings = fold::settings(fold, &folds[self.baseline]);
            row.decide(&base, interval, &besides(fold, &folds[self.baseline]));
        }
        Ok(())
    }

    /// The comparison as text that ends with a line break.
    ///
    /// # Errors
    /// [`ReportError`] if it cannot be written, which happens with no memory alone.
    pub fn write(&self, format: Format) -> Result<String, ReportError> {
        match format {
            Format::Table => Ok(table(self)),
            Format::Csv => csv(self),
            Format::Markdown => Ok(markdown(self)),
            Format::Latex => Ok(latex(self)),
            Format::Html => Ok(super::html::comparison(self)),
            Format::Json => json_line(self).map_err(|error| ReportError::Predictions(error.into())),
        }
    }

    /// The row that the others are compared with.
    pub(super) fn base(&self) -> &Row {
        &self.rows[self.baseline]
    }

    /// The warning that stands above runs of other terms.
    pub(super) fn warning(&self) -> Option<String> {
        let list = Difference::list(&self.across);
        (!self.across.is_empty()).then(|| {
            format!(
                "These runs were not made on the same terms, and were compared all the same: {list}."
            )
        })
    }

    /// What figures these are, in a sentence.
    pub(super) fn caption(&self) -> String {
        let of = match self.weights {
            Weights::Last => "the last epoch",
            Weights::Best => "the epoch that validation chose",
        };
        let several = self.rows.iter().any(|row| row.runs.len() > 1);
        let seeds = if several { ", mean ± standard deviation over seeds" } else { "" };
        format!("In percent, on the {}, of {of}{seeds}.", self.set)
    }
}

impl Row {
    fn decide(&mut self, base: &Row, interval: Result<[f64; 2], Doubt>, besides: &[String]) {
        let mean = |row: &Row| row.figures.get(MAIN).map_or(f64::NAN, |spread| spread.mean);
        let difference = mean(self) - mean(base);
        let known = interval.as_ref().ok().copied();
        let decided = verdict::decide(difference, interval, [self.runs.len(), base.runs.len()]);
        self.sentence = verdict::sentence(&decided, difference, known, &base.name, besides);
        (self.verdict, self.doubts) = decided;
        let classes = self.classes.iter().zip(&base.classes);
        let classes = classes.map(|(own, base)| Some((*own)? - (*base)?));
        self.against = Some(Against { difference, interval: known, classes: classes.collect() });
    }

    /// The labels of the classes that gained most and lost most, at most `most` of each.
    pub(super) fn extremes(&self, most: usize) -> [Vec<(usize, f64)>; 2] {
        let classes = self.against.iter().flat_map(|against| against.classes.iter().enumerate());
        let mut known: Vec<(usize, f64)> =
            classes.filter_map(|(label, difference)| Some((label, (*difference)?))).collect();
        known.sort_by(|one, other| other.1.total_cmp(&one.1));
        let gained = known.iter().copied().filter(|(_, difference)| *difference > 0.0);
        let lost = known.iter().rev().copied().filter(|(_, difference)| *difference < 0.0);
        [gained.take(most).collect(), lost.take(most).collect()]
    }

    /// The settings beside those that belong to the method; all of them where that is the baseline's.
    pub(super) fn other_settings(&self, base: &Row) -> Vec<&Setting> {
        let of_method = ["method.", "loss.", "contrastive.", "compression."];
        let is_own = |key: &str| of_method.iter().any(|section| key.starts_with(section));
        let all = self.settings.iter();
        all.filter(|setting| self.method == base.method || !is_own(&setting.key)).collect()
    }
}

impl Setting {
    /// For people, such as `optimizer.lr 0.1, not 0.2`.
    pub(super) fn shown(&self) -> String {
        let of = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".into());
        printable(&format!("{} {}, not {}", self.key, of(&self.value), of(&self.baseline)))
    }
}

fn row(fold: &Fold, name: String, figures: &[Figure]) -> Row {
    let spread = |figure: &Figure| Some((figure.key, fold.spread(figure)?));
    Row {
        name,
        method: fold.first().summary.method.clone(),
        runs: fold::members(fold),
        figures: figures.iter().filter_map(spread).collect(),
        settings: Vec::new(),
        classes: Vec::new(),
        against: None,
        verdict: Verdict::Baseline,
        doubts: Vec::new(),
        sentence: "the baseline".into(),
    }
}

/// The runs with the figures that are compared.
fn with_figures(runs: &[Run], weights: Weights) -> Result<Vec<Known<'_>>, CompareError> {
    if runs.is_empty() {
        return Err(CompareError::Nothing);
    }
    let tested = |run| Tested::of(run, weights);
    let lacking: Vec<_> = runs.iter().filter(|run| tested(&run.summary).is_none()).collect();
    if lacking.is_empty() {
        return Ok(runs.iter().filter_map(|run| Some((run, tested(&run.summary)?))).collect());
    }
    let names: Vec<_> = lacking.iter().map(|run| run.name.as_str()).collect();
    let is_unchosen = weights == Weights::Best
        && lacking.iter().any(|run| Tested::of(&run.summary, Weights::Last).is_some());
    let (why, mend) = match is_unchosen {
        true => (", as no epoch was chosen", ", or compare --weights last"),
        false => (", as it was not evaluated on any image", ""),
    };
    Err(CompareError::NoFigures { runs: listed(&names, NAMED), weights, why, mend })
}
