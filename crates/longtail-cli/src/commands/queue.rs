//! What the commands of several runs share: how they are watched, and what they say of themselves.

use std::{path::Path, process::ExitCode, sync::Arc};

use anyhow::bail;
use longtail::{
    data::names::listed,
    recipe::RecipeError,
    report::{EpochRecord, counted},
    run::{
        RunError,
        queue::{Estimate, Look, Phase, Queue, QueueEnd, QueueObserver, Stand},
    },
    train::{Observer, StepReport},
};
use serde::Serialize;

use crate::{
    args::RuntimeArgs,
    interrupt::Interrupt,
    output::{print_json, print_lines},
    progress::Progress,
};

/// Runs of which a failure is told by name.
const NAMED: usize = 4;

/// A queue as a person sees it, who may stop it.
pub struct QueueProgress {
    progress: Progress,
    interrupt: Arc<Interrupt>,
    /// What the program ends with, if it was told to stop.
    status: Option<u8>,
    /// What becomes of a sentence before it is said.
    words: fn(&str) -> String,
}

impl QueueProgress {
    pub fn new(progress: Progress, interrupt: &Arc<Interrupt>) -> Self {
        Self { progress, interrupt: Arc::clone(interrupt), status: None, words: str::to_owned }
    }

    /// The same, which says sentences in other words.
    pub fn in_words(self, words: fn(&str) -> String) -> Self {
        Self { words, ..self }
    }

    /// How the program ends that was told to stop; all that was done is saved.
    pub fn stopped(&mut self) -> ExitCode {
        self.note("saved; the same command goes on where it stopped");
        ExitCode::from(self.status.unwrap_or(130))
    }
}

impl Observer for QueueProgress {
    fn note(&mut self, text: &str) {
        self.progress.note(&(self.words)(text));
    }

    fn step(&mut self, step: &StepReport) {
        self.progress.step(step);
    }

    fn epoch(&mut self, record: &EpochRecord) {
        self.progress.epoch(record);
    }

    fn interrupted(&self) -> bool {
        self.status.is_some() || self.progress.interrupted()
    }
}

impl QueueObserver for QueueProgress {
    fn phase(&mut self, phase: &Phase<'_>) {
        let goes_on = "the same command goes on";
        let status = match phase {
            Phase::Prepares { run } => {
                self.interrupt.ends(format!("stopped before {run} went on; {goes_on}"))
            }
            Phase::Trains => {
                self.interrupt.saves();
                None
            }
            Phase::Evaluates { run } => self.interrupt.ends(format!(
                "stopped before the figures of {run} were written; it is saved, and {goes_on}"
            )),
        };
        self.status = self.status.or(status);
    }
}

/// Refuses seeds that are there twice, and another that was typed beside them.
pub fn check_seeds(seeds: &[u64], typed: Option<u64>) -> anyhow::Result<()> {
    if let (Some(seed), false) = (typed, seeds.is_empty()) {
        let mend = "--seeds names the seeds: leave it out".into();
        let (key, value) = ("train.seed".into(), seed.to_string());
        return Err(RecipeError::Value { key, value, mend }.into());
    }
    let twice = seeds.iter().enumerate().find(|(place, seed)| seeds[..*place].contains(seed));
    match twice {
        Some((_, seed)) => bail!(RunError::Option {
            option: "--seeds",
            value: seeds.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            mend: format!("{seed} is there twice, and a copy is no second sample"),
        }),
        None => Ok(()),
    }
}

/// An error of the runs that diverged, if any did.
pub fn check_diverged(end: &QueueEnd, queue: &Queue) -> anyhow::Result<()> {
    let names: Vec<_> =
        end.diverged().map(|(place, _)| queue.jobs()[place].name.as_str()).collect();
    match names.len() {
        0 => Ok(()),
        count => bail!(
            "{count} of {} runs diverged: {}; try a smaller learning rate",
            queue.jobs().len(),
            listed(&names, NAMED)
        ),
    }
}

/// A run as a dry run lists it.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    run: &'a str,
    folder: &'a Path,
    stands: &'static str,
    epochs: usize,
    epochs_done: usize,
    seconds: f64,
}

/// What would run, what is used again, and how long it might take.
pub fn print_dry_run(
    queue: &Queue,
    progress: &mut QueueProgress,
    missing: &[(String, String)],
    runtime: &RuntimeArgs,
) -> anyhow::Result<ExitCode> {
    let looks = queue.look()?;
    let (each, all) = queue.forecast(&looks, progress)?;
    let rows = queue.jobs().iter().zip(&looks).zip(&each).map(|((job, look), left)| {
        let (stands, epochs_done) = (stands(look), look.done.epochs);
        let (run, folder, epochs) = (job.name.as_str(), job.folder.as_path(), look.epochs);
        Listed { run, folder, stands, epochs, epochs_done, seconds: left.seconds }
    });
    let rows: Vec<_> = rows.collect();
    if runtime.json {
        print_json(&serde_json::json!({ "runs": rows, "seconds": all, "missing": missing }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if runtime.quiet {
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = lines(&rows);
    for (recipe, reason) in missing {
        text += &format!("{recipe}: none, for {reason}\n");
    }
    let cut = queue.limits().max_steps.map_or_else(String::new, |max| {
        format!(" for at most {} of each run", counted(max as usize, "step", "steps"))
    });
    print_lines(format_args!("{text}{all} in all{cut}; dry run: no run was written"))?;
    Ok(ExitCode::SUCCESS)
}

fn lines(rows: &[Listed]) -> String {
    let width = rows.iter().map(|row| row.run.chars().count()).max().unwrap_or(0);
    let line = |row: &Listed| {
        let time = match row.stands {
            "used again" => String::new(),
            _ => format!("  {}", Estimate { seconds: row.seconds }),
        };
        format!(
            "{:width$}  {:>3}/{} epochs  {}{time}\n",
            row.run, row.epochs_done, row.epochs, row.stands
        )
    };
    rows.iter().map(line).collect()
}

fn stands(look: &Look) -> &'static str {
    match look.stand {
        Stand::New => "to train",
        Stand::Begun { .. } => "goes on",
        Stand::Finished => "used again",
    }
}
