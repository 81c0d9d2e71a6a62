//! A tiny run, and what is left of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use super::{
    counts::{Fault, Wrong},
    program::{Ended, longtail, run},
};

/// Fields that a clock decides.
const OF_TIME: [&str; 5] = ["seconds", "waited", "images_per_second", "finished", "hardware"];

/// A folder with `photos/`: 8 and 4 images of two colours.
pub struct Place(TempDir);

/// All of a run that no clock decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Final(Vec<(&'static str, Value)>);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempdir().unwrap());
        for (class, count, base) in [("red", 8, [200, 0, 0]), ("green", 4, [0, 200, 0])] {
            let folder = place.path("photos").join(class);
            fs::create_dir_all(&folder).unwrap();
            for i in 0..count {
                let pixel =
                    |x: u32, y: u32| Rgb(base.map(|v| v + ((x * 7 + y * 3 + i * 5) % 51) as u8));
                let image = RgbImage::from_fn(16, 16, pixel);
                image.save(folder.join(format!("{i}.png"))).unwrap();
            }
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// An empty folder for one case.
    pub fn scratch(&self) -> TempDir {
        TempDir::new_in(self.0.path()).unwrap()
    }

    /// `longtail train` of the tiny run into `out`: two epochs of two steps, with a checkpoint after each.
    pub fn start(&self, out: &Path, threads: usize) -> Command {
        let mut command = longtail(["train", "--data"]);
        command.arg(self.path("photos")).arg("--out").arg(out);
        let words = "--image-size 16 --backbone resnet8 --batch-size 4 --lr 0.05 --val 1 --epochs 2 \
                     --checkpoint-steps 1 --method ce --set train.drop_last=true --device cpu --quiet";
        command.args(words.split_whitespace());
        with_threads(command, threads)
    }

    /// Runs the tiny run to its end, undisturbed.
    pub fn unbroken(&self) -> Final {
        let out = self.path("unbroken");
        let scratch = self.scratch();
        let ended = run(&mut self.start(&out, 1), scratch.path()).unwrap();
        assert!(ended.is_success(), "{}", ended.said);
        Final::of(&out).unwrap()
    }

    /// Whatever was left in `out`, one of the two commands brings the run to the end of the unbroken one.
    pub fn ends_as(&self, unbroken: &Final, out: &Path, threads: usize) -> Result<(), Fault> {
        let scratch = self.scratch();
        let resumed = run(&mut resume(out, threads), scratch.path())?;
        if !resumed.is_success() {
            let again = run(&mut self.start(out, threads), scratch.path())?;
            if !again.is_success() {
                let told = format!("--resume: {}\nanew: {}", resumed.said, again.said);
                return Err((Wrong::DeadEnd, told));
            }
        }
        Final::of(out)?.is(unbroken)
    }
}

/// `longtail train --resume`, which says what there is to say.
pub fn resume(out: &Path, threads: usize) -> Command {
    let mut command = longtail(["train", "--resume", "--device", "cpu", "--out"]);
    command.arg(out);
    with_threads(command, threads)
}

fn with_threads(mut command: Command, threads: usize) -> Command {
    command.args(["--threads", &threads.to_string()]);
    command
}

impl Final {
    /// Of the run in `out`, which has ended.
    pub fn of(out: &Path) -> Result<Self, Fault> {
        let read = |name: &str| {
            fs::read(out.join(name)).map_err(|error| (Wrong::Silent, format!("no {name}: {error}")))
        };
        let text =
            |name: &str| read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let bytes = |name: &'static str| Ok((name, Value::from(read(name)?)));
        let parsed = |text: &str| {
            let mut value: Value = serde_json::from_str(text)
                .map_err(|error| (Wrong::Silent, format!("{error}: {text}")))?;
            if let Some(fields) = value.as_object_mut() {
                OF_TIME.iter().for_each(|field| drop(fields.remove(*field)));
            }
            Ok(value)
        };
        let metrics = text("metrics.jsonl")?;
        let metrics = metrics.lines().map(parsed).collect::<Result<Vec<_>, Fault>>()?;
        Ok(Self(vec![
            bytes("checkpoints/weights-last.safetensors")?,
            bytes("checkpoints/weights-best.safetensors")?,
            bytes("split.json")?,
            bytes("recipe.toml")?,
            ("metrics.jsonl", metrics.into()),
            ("summary.json", parsed(&text("summary.json")?)?),
        ]))
    }

    /// The same without what is told of the run: its recipe and split.
    pub fn results(mut self) -> Self {
        self.0.retain(|(name, _)| !matches!(*name, "recipe.toml" | "split.json"));
        self
    }

    pub fn is(&self, unbroken: &Self) -> Result<(), Fault> {
        let pairs = self.0.iter().zip(&unbroken.0);
        let Some(((name, own), (_, other))) = pairs.into_iter().find(|(own, other)| own != other)
        else {
            return Ok(());
        };
        let told = match (own.as_object(), other.as_object()) {
            (Some(own), Some(other)) => {
                let keys = own.keys().chain(other.keys());
                let key = keys.into_iter().find(|key| own.get(*key) != other.get(*key));
                let key = key.map_or("", String::as_str);
                format!("{name}: {key} is {:?} instead of {:?}", own.get(key), other.get(key))
            }
            _ => format!("{name} differs"),
        };
        Err((Wrong::Silent, told))
    }
}

/// A case's name before what went wrong with it.
pub fn named<T>(name: impl Fn() -> String, outcome: Result<T, Fault>) -> Result<T, Fault> {
    outcome.map_err(|(wrong, text)| (wrong, format!("{}: {text}", name())))
}

/// Copies a folder of files and folders.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// What a command that must have succeeded printed.
pub fn succeeded(ended: Ended) -> String {
    assert!(ended.is_success(), "{}", ended.said);
    ended.printed
}
