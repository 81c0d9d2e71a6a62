//! What a search came to, for people and for programs.

use super::{Found, Tried};
use crate::{
    counted::counted,
    report::{
        ReportError, Sheet,
        compare::{Spread, figure},
        html::{Answer, response},
        wrapped,
    },
    run::RunError,
};

/// Columns of a terminal.
const WIDTH: usize = 80;
const BALANCED: &str = "arithmetic_mean";

fn shown(spread: Option<Spread>) -> String {
    let figure = figure(BALANCED);
    let text = spread.and_then(|spread| Some(spread.shown(figure?, "±")));
    text.unwrap_or_else(|| "–".into())
}

impl Found {
    /// Whether a candidate was given up before the chosen one's end.
    fn is_early(&self, tried: &Tried) -> bool {
        tried.epochs < self.chosen().epochs
    }

    fn sheet(&self) -> Sheet {
        let mut head = vec![String::new()];
        head.extend(self.knobs.iter().map(|key| short(key).to_owned()));
        head.extend(["epochs", "balanced", "harmonic", ""].map(String::from));
        let chosen = self.chosen().rank;
        let row = |tried: &&Tried| {
            let mut cells = vec![tried.rank.to_string()];
            cells.extend(tried.values.iter().cloned());
            cells.extend([tried.epochs.to_string(), shown(tried.balanced), shown(tried.harmonic)]);
            cells.push(match (tried.rank == chosen, tried.balanced) {
                (true, _) => "chosen".into(),
                (_, None) => "diverged".into(),
                _ if self.is_early(tried) => "given up".into(),
                _ if self.undecided.contains(&tried.name) => "undecided".into(),
                _ => String::new(),
            });
            cells
        };
        Sheet { head, rows: self.ranked().iter().map(row).collect() }
    }

    fn caption(&self) -> String {
        let seeds = match self.seeds.len() {
            1 => "one seed".into(),
            many => format!("{many} seeds"),
        };
        let stopped = self.max_steps.map_or(String::new(), |most| {
            let steps = counted(most as usize, "step", "steps");
            format!(" Runs were stopped after {steps}; what begins later had no part in them.")
        });
        format!(
            "Balanced top-1 and harmonic mean of the last epoch on {} validation images, in percent, {seeds}.{stopped} No test image was looked at.",
            self.images
        )
    }

    fn verdict(&self) -> String {
        let margin = self.margin.map_or(String::new(), |margin| {
            format!(" (95 % interval ± {:.1} points, by the number of images)", margin * 100.0)
        });
        let near = match self.undecided.len() {
            0 => String::new(),
            near => format!(
                " Within that, validation does not tell {near} of the others from it: they are undecided."
            ),
        };
        let test = self.test.as_ref().map_or(String::new(), |test| {
            format!(
                " On test images, which were looked at afterwards: balanced top-1 {}, harmonic mean {}.",
                shown(test.balanced),
                shown(test.harmonic)
            )
        });
        format!("Chosen: {}{margin}.{near}{test}", self.chosen().name)
    }

    /// The answer of balanced top-1 to the knobs, as SVG.
    pub fn picture(&self) -> String {
        let answer = |(place, tried): (usize, &Tried)| Answer {
            values: tried.values.clone(),
            figure: tried.balanced.map(|spread| [spread.mean, spread.min, spread.max]),
            is_early: self.is_early(tried),
            is_chosen: place == self.chosen,
        };
        let answers: Vec<_> = self.candidates.iter().enumerate().map(answer).collect();
        let title = format!("Search over {}, on validation images", self.knobs.join(" and "));
        response(&title, "balanced top-1", &self.knobs, &answers)
    }

    /// All of it as JSON.
    ///
    /// # Errors
    /// [`RunError::Written`] with no memory alone.
    pub fn json(&self) -> Result<String, RunError> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| RunError::Written { reason: error.to_string() })
    }
}

/// The search in lines of at most 80 columns, the best candidate first.
pub fn table(found: &Found) -> String {
    let lines = [wrapped(&found.caption(), WIDTH), found.sheet().terminal(WIDTH)];
    lines.concat() + &wrapped(&found.verdict(), WIDTH)
}

/// The same in Markdown.
pub fn markdown(found: &Found) -> String {
    format!(
        "{}\n\n{}\n{}\n\n![How balanced top-1 answers](response.svg)\n",
        found.caption(),
        found.sheet().markdown(),
        found.verdict()
    )
}

/// A line for every candidate in the order in which they were tried: `name`, every knob under its key, `epochs,rank,
/// balanced,balanced_sd,balanced_min,balanced_max,harmonic,chosen`. Accuracies are in \[0, 1\]; what is not known is empty.
///
/// # Errors
/// [`ReportError::Predictions`] with no memory alone.
pub fn csv(found: &Found) -> Result<String, ReportError> {
    let mut head = vec!["name".to_owned()];
    head.extend(found.knobs.iter().cloned());
    let figures = [
        "epochs",
        "rank",
        "balanced",
        "balanced_sd",
        "balanced_min",
        "balanced_max",
        "harmonic",
        "chosen",
    ];
    head.extend(figures.map(String::from));
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let row = |(place, tried): (usize, &Tried)| {
        let mut cells = vec![tried.name.clone()];
        cells.extend(tried.values.iter().cloned());
        cells.extend([tried.epochs.to_string(), tried.rank.to_string()]);
        let of = tried.balanced;
        let spread =
            [of.map(|s| s.mean), of.and_then(|s| s.sd), of.map(|s| s.min), of.map(|s| s.max)];
        cells.extend(spread.map(number));
        cells.push(number(tried.harmonic.map(|spread| spread.mean)));
        cells.push((place == found.chosen).to_string());
        cells
    };
    Sheet { head, rows: found.candidates.iter().enumerate().map(row).collect() }.csv()
}

fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
