//! One bit anywhere in a file of a run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use longtail::train::Checkpoint;
use tempfile::TempDir;

use super::{
    chance::{Chance, flip},
    counts::{Fault, Wrong, tally},
    program::{Ended, longtail, run},
    run::{Final, Place, copy, named, resume, succeeded},
    size::Size,
};

const CHECKPOINT: &str = "checkpoints/last.safetensors";
const LOG: &str = "metrics.jsonl";
/// Of the flips of a checkpoint, every how manyth goes through the program as well.
const THROUGH_PROGRAM: usize = 25;

/// A run that was stopped within its second epoch.
struct Stopped {
    place: Place,
    unbroken: Final,
    run: PathBuf,
    /// What it predicts.
    answers: String,
}

impl Stopped {
    fn new() -> Self {
        let place = Place::new();
        let unbroken = place.unbroken().results();
        let out = place.path("stopped");
        let scratch = place.scratch();
        let mut start = place.start(&out, 1);
        succeeded(run(start.args(["--max-steps", "3"]), scratch.path()).unwrap());
        let mut stopped = Self { place, unbroken, run: out, answers: String::new() };
        stopped.answers = succeeded(stopped.predict(&stopped.run).unwrap());
        stopped
    }

    /// A copy of the run with one bit of `file` flipped.
    fn flipped(&self, file: &str, chance: &mut Chance) -> (TempDir, PathBuf) {
        let scratch = self.place.scratch();
        let out = scratch.path().join("run");
        copy(&self.run, &out);
        let path = out.join(file);
        let mut bytes = fs::read(&path).unwrap();
        flip(&mut bytes, chance);
        fs::write(path, bytes).unwrap();
        (scratch, out)
    }

    fn run(&self, command: &mut Command) -> Result<Ended, Fault> {
        run(command, self.place.scratch().path())
    }

    fn evaluate(&self, out: &Path) -> Result<Ended, Fault> {
        self.run(longtail(["evaluate", "--device", "cpu", "--quiet"]).arg(out))
    }

    fn predict(&self, out: &Path) -> Result<Ended, Fault> {
        let images = self.place.path("photos");
        let mut command = longtail(["predict", "--device", "cpu", "--format", "jsonl"]);
        self.run(command.arg(out).arg(images))
    }

    /// A damaged checkpoint is refused by its name, whatever it is read for.
    fn refuses_checkpoint(&self, number: usize, chance: &mut Chance) -> Result<(), Fault> {
        let (_scratch, out) = self.flipped(CHECKPOINT, chance);
        match Checkpoint::load(&out.join(CHECKPOINT)) {
            Ok(_) => return Err((Wrong::Silent, "it is read".into())),
            Err(error) if !error.to_string().contains("last.safetensors") => {
                return Err((Wrong::Unclear, error.to_string()));
            }
            Err(_) => {}
        }
        if number.is_multiple_of(THROUGH_PROGRAM) {
            self.run(&mut resume(&out, 1))?.refuses("last.safetensors")?;
            self.evaluate(&out)?.refuses("last.safetensors")?;
            self.predict(&out)?.refuses("last.safetensors")?;
        }
        Ok(())
    }

    /// A changed file is refused by its name or spoken of, or it changes no result.
    fn is_never_silent(
        &self,
        file: &'static str,
        number: usize,
        chance: &mut Chance,
    ) -> Result<(), Fault> {
        let (_scratch, out) = self.flipped(file, chance);
        // Prediction does not read the log.
        if file == LOG || number.is_multiple_of(2) {
            let ended = self.run(&mut resume(&out, 1))?;
            return speaks(&ended, file, || Final::of(&out)?.results().is(&self.unbroken));
        }
        let ended = self.predict(&out)?;
        speaks(&ended, file, || match ended.printed == self.answers {
            true => Ok(()),
            false => Err((Wrong::Silent, ended.printed.clone())),
        })
    }
}

fn speaks(ended: &Ended, file: &str, same: impl Fn() -> Result<(), Fault>) -> Result<(), Fault> {
    match ended.is_success() {
        true if ended.said.contains(file) => Ok(()),
        true => same(),
        false if ended.said.contains(file) => ended.refuses(file),
        // It may say what does not fit without knowing which file is to blame.
        false => ended.refuses("longtail: "),
    }
}

#[test]
fn a_flipped_bit_of_a_checkpoint_is_refused() {
    let size = Size::new();
    let stopped = Stopped::new();
    let cases: Vec<usize> = (0..size.flips).collect();
    tally("flips of a checkpoint", &size, &cases, |&number| {
        let mut chance = Chance::new(size.seed, number as u64);
        named(|| format!("flip {number}"), stopped.refuses_checkpoint(number, &mut chance))
    });
}

#[test]
fn a_flipped_bit_of_a_text_is_refused_said_or_of_no_effect() {
    let size = Size::new();
    let stopped = Stopped::new();
    let files = ["recipe.toml", "split.json", LOG];
    let cases: Vec<(usize, &str)> = files
        .into_iter()
        .flat_map(|file| (0..size.flips_of_texts).map(move |n| (n, file)))
        .collect();
    tally("flips of recipe, split and log", &size, &cases, |&(number, file)| {
        let mut chance = Chance::new(size.seed, number as u64);
        let outcome = stopped.is_never_silent(file, number, &mut chance);
        named(|| format!("flip {number} of {file}"), outcome)
    });
}
