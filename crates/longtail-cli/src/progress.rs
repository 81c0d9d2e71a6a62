//! What a person sees while a run trains.

use std::{
    io::{IsTerminal, stderr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use longtail::{
    report::EpochRecord,
    train::{Observer, StepReport},
};

/// Time between two lines where there is no terminal to redraw.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// A bar on a terminal, plain lines elsewhere, nothing if quiet; all on the error stream.
pub struct Progress {
    display: Display,
    interrupted: Arc<AtomicBool>,
}

enum Display {
    Quiet,
    Bar(ProgressBar),
    Lines { last: Instant },
}

impl Progress {
    /// `interrupted` is raised when the run should save and stop.
    pub fn new(quiet: bool, interrupted: Arc<AtomicBool>) -> Self {
        let display = match quiet {
            true => Display::Quiet,
            false if stderr().is_terminal() => Display::Bar(bar()),
            false => Display::Lines { last: Instant::now() },
        };
        Self { display, interrupted }
    }

    /// Prints a line, unless quiet.
    pub fn line(&self, text: &str) {
        match &self.display {
            Display::Quiet => {}
            Display::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Display::Lines { .. } => eprintln!("{text}"),
        }
    }
}

fn bar() -> ProgressBar {
    let template = "{bar:24} {pos}/{len} steps  {msg}  {eta} left";
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▉ ");
    // Nothing is drawn before the first step says how many there are.
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden()).with_style(style)
}

impl Observer for Progress {
    fn note(&mut self, text: &str) {
        self.line(text);
    }

    fn step(&mut self, step: &StepReport) {
        let message = describe(step);
        match &mut self.display {
            Display::Quiet => {}
            Display::Bar(bar) => {
                if bar.length() != Some(step.whole) {
                    bar.set_length(step.whole);
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    // Steps of an earlier session say nothing about this one's speed.
                    bar.reset_eta();
                    bar.set_position(step.done - 1);
                }
                bar.set_message(message);
                bar.set_position(step.done);
            }
            Display::Lines { last } if last.elapsed() >= LINE_EVERY => {
                *last = Instant::now();
                eprintln!("step {}/{}  {message}", step.done, step.whole);
            }
            Display::Lines { .. } => {}
        }
    }

    fn epoch(&mut self, record: &EpochRecord) {
        if let Display::Lines { last } = &mut self.display {
            *last = Instant::now();
        }
        let contrastive = record
            .loss_contrastive
            .map_or(String::new(), |loss| format!(", contrastive {loss:.4}"));
        let val = record
            .val
            .as_ref()
            .map_or(String::new(), |val| format!("  val {:.1}%", 100.0 * val.arithmetic_mean));
        self.line(&format!(
            "epoch {}  loss {:.4} (classifier {:.4}{contrastive}){val}  {:.0} images/s",
            record.epoch + 1,
            record.loss,
            record.loss_ce,
            record.images_per_second,
        ));
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }
}

fn describe(step: &StepReport) -> String {
    let contrastive =
        step.contrastive.map_or(String::new(), |loss| format!(" contrastive {loss:.3}"));
    format!(
        "epoch {}/{} step {}/{}  loss {:.3} classifier {:.3}{contrastive}  {:.0} images/s",
        step.epoch + 1,
        step.epochs,
        step.step,
        step.steps,
        step.loss,
        step.classifier,
        step.images_per_second,
    )
}
