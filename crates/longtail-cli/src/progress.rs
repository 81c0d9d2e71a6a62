//! What a person sees while a run trains.

use std::{
    io::{IsTerminal, stderr},
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use longtail::{
    report::EpochRecord,
    train::{Observer, StepReport},
};

use crate::{interrupt::Interrupt, output::note};

/// Time between two lines where there is no terminal to redraw.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// A bar on a terminal, plain lines elsewhere, nothing if quiet; all on the error stream.
pub struct Progress {
    display: Display,
    interrupt: Arc<Interrupt>,
}

enum Display {
    Quiet,
    Bar(ProgressBar),
    Lines { last: Instant },
}

impl Progress {
    /// `interrupt` tells when the run should save and stop, and is told what a save waits for.
    pub fn new(quiet: bool, interrupt: Arc<Interrupt>) -> Self {
        let display = match quiet {
            true => Display::Quiet,
            false if stderr().is_terminal() => Display::Bar(bar()),
            false => Display::Lines { last: Instant::now() },
        };
        if let Display::Bar(bar) = &display {
            interrupt.draws(bar.clone());
        }
        Self { display, interrupt }
    }

    /// Prints a line, unless quiet.
    pub fn line(&self, text: &str) {
        match &self.display {
            Display::Quiet => {}
            Display::Bar(bar) => bar.suspend(|| note(text)),
            Display::Lines { .. } => note(text),
        }
    }
}

/// Of 79 columns, whatever the figures: a line that a terminal wraps, as some do at 80 already, would
/// leave its pieces behind.
const TEMPLATE: &str = "{bar:8}  {msg:58!}  {eta:>4!} left";

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE)
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
        self.interrupt.validates(step.step == step.steps);
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
                bar.set_message(describe_shortly(step));
                bar.set_position(step.done);
            }
            Display::Lines { last } if last.elapsed() >= LINE_EVERY => {
                *last = Instant::now();
                note(format_args!("step {}/{}  {}", step.done, step.whole, describe(step)));
            }
            Display::Lines { .. } => {}
        }
    }

    fn epoch(&mut self, record: &EpochRecord) {
        self.interrupt.validates(false);
        if let Display::Lines { last } = &mut self.display {
            *last = Instant::now();
        }
        let parts: Vec<String> =
            record.loss_parts.iter().map(|(name, loss)| format!("{name} {loss:.4}")).collect();
        let val = record
            .val
            .as_ref()
            .map_or(String::new(), |val| format!("  val {:.1}%", 100.0 * val.arithmetic_mean));
        self.line(&format!(
            "epoch {}  loss {:.4} ({}){val}  {:.0} images/s",
            record.epoch + 1,
            record.loss,
            parts.join(", "),
            record.images_per_second,
        ));
    }

    fn interrupted(&self) -> bool {
        self.interrupt.is_raised()
    }
}

/// What fits beside a bar.
fn describe_shortly(step: &StepReport) -> String {
    format!(
        "epoch {}/{}  step {}/{}  loss {}  {} images/s",
        step.epoch + 1,
        step.epochs,
        step.step,
        step.steps,
        short(step.loss),
        short(step.images_per_second),
    )
}

/// A positive figure in five characters or six.
fn short(figure: f64) -> String {
    match figure {
        0.0..10.0 => format!("{figure:.3}"),
        10.0..100.0 => format!("{figure:.1}"),
        100.0..1e5 => format!("{figure:.0}"),
        _ => format!("{figure:.0e}"),
    }
}

fn describe(step: &StepReport) -> String {
    let parts: String =
        step.parts.iter().map(|(name, loss)| format!(" {name} {loss:.3}")).collect();
    format!(
        "epoch {}/{} step {}/{}  loss {:.3}{parts}  {:.0} images/s",
        step.epoch + 1,
        step.epochs,
        step.step,
        step.steps,
        step.loss,
        step.images_per_second,
    )
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Mutex};

    use indicatif::TermLike;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    /// A terminal that is wide enough for anything and keeps what is written.
    #[derive(Debug, Clone, Default)]
    struct Wide(Arc<Mutex<String>>);

    impl TermLike for Wide {
        fn width(&self) -> u16 {
            400
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            self.write_str("\n")
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            self.write_str("\n")
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text).and_then(|()| self.write_str("\n"))
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.write_str("\n")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The line that a bar draws of a step soon after its beginning.
    fn drawn(step: &StepReport) -> String {
        let terminal = Wide::default();
        let bar = bar();
        bar.set_length(step.whole);
        bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
        bar.set_message(describe_shortly(step));
        bar.set_position(step.done);
        bar.tick();
        let text = terminal.0.lock().unwrap();
        let lines = text.lines().map(str::trim_end);
        lines.max_by_key(|line| line.width()).unwrap().to_owned()
    }

    fn step(epochs: usize, steps: usize, loss: f64, images_per_second: f64) -> StepReport {
        let whole = (epochs * steps) as u64;
        StepReport {
            epoch: epochs - 1,
            epochs,
            step: steps,
            steps,
            done: 1,
            whole,
            loss,
            parts: vec![("classifier", loss), ("contrastive", loss)],
            images_per_second,
        }
    }

    #[test]
    fn the_bar_fits_80_columns_and_tells_what_matters() {
        for step in [
            step(30, 12, 7.6, 123.4),
            step(200, 12_345, 57.123, 12_345.6),
            step(10_000, 99_999, 1.234e20, 1.2e6),
            step(1, 1, f64::NAN, 0.01),
            // At some microseconds a step, it will take years.
            step(1 << 20, 1 << 30, f64::INFINITY, 1e300),
        ] {
            let line = drawn(&step);
            assert!(line.width() < 80, "{}: {line}", line.width());
            assert!(line.contains(&format!("epoch {0}/{0}", step.epochs)), "{line}");
            assert!(line.ends_with(" left"), "{line}");
        }
        let line = drawn(&step(200, 12_345, 57.123, 12_345.6));
        assert!(line.contains("step 12345/12345  loss 57.1  12346 images/s "), "{line}");
    }
}
