//! Every call to the file system that touches a run's folder, killed at, failing or writing short.

use std::{fs, path::Path};

use super::{
    chance::Chance,
    counts::{Fault, Wrong, tally},
    program::{Ended, run},
    run::{Final, Place, named, resume},
    shim::{Deed, arm},
    size::Size,
};

/// A run that is broken at these calls: the first of its start, the others each of a `--resume` after it.
#[derive(Debug)]
struct Broken {
    deed: Deed,
    at: Vec<usize>,
    threads: usize,
}

/// The place, how an unbroken run ends there, and how many calls it makes.
struct Ground {
    place: Place,
    unbroken: Final,
    calls: usize,
}

impl Ground {
    fn new() -> Self {
        let place = Place::new();
        let unbroken = place.unbroken();
        let scratch = place.scratch();
        let (out, log) = (scratch.path().join("run"), scratch.path().join("log"));
        let mut start = place.start(&out, 1);
        arm(&mut start, &out, 0, Deed::Kill, Some(&log));
        let ended = run(&mut start, scratch.path()).unwrap();
        assert!(ended.is_success(), "{}", ended.said);
        Final::of(&out).unwrap().is(&unbroken).unwrap();
        let log = fs::read_to_string(log).unwrap();
        let calls = log.lines().count();
        for needed in ["mkdir", "open", "write", "fsync", "rename"] {
            assert!(log.contains(&format!(" {needed} ")), "{needed} is not seen: {log}");
        }
        Self { place, unbroken, calls }
    }

    fn armed(&self, out: &Path, broken: &Broken, number: usize) -> Result<Ended, Fault> {
        let threads = broken.threads;
        let mut command = match number {
            0 => self.place.start(out, threads),
            _ => resume(out, threads),
        };
        arm(&mut command, out, broken.at[number], broken.deed, None);
        let scratch = self.place.scratch();
        run(&mut command, scratch.path())
    }

    fn survives(&self, broken: &Broken) -> Result<(), Fault> {
        let scratch = self.place.scratch();
        let out = scratch.path().join("run");
        for number in 0..broken.at.len() {
            let ended = self.armed(&out, broken, number)?;
            if ended.is_success() {
                Final::of(&out)?.is(&self.unbroken)?;
            } else if !ended.is_killed() {
                self.told(broken, &out, number, &ended)?;
            }
        }
        self.place.ends_as(&self.unbroken, &out, broken.threads)
    }

    /// An error is told, and where; that a resume finds no run yet is no error of the disk.
    fn told(&self, broken: &Broken, out: &Path, number: usize, ended: &Ended) -> Result<(), Fault> {
        if broken.deed == Deed::Short {
            return Err((Wrong::Unclear, format!("short writes are no error: {}", ended.said)));
        }
        match number {
            0 => ended.refuses(&out.display().to_string()),
            _ => ended.refuses("longtail: "),
        }
    }

    fn survive_all(&self, what: &str, size: &Size, cases: &[Broken]) {
        tally(what, size, cases, |case| named(|| format!("{case:?}"), self.survives(case)));
    }
}

/// Once at each of the calls.
fn at_every_call(deed: Deed, calls: usize, step: usize) -> impl Iterator<Item = Broken> {
    (1..=calls).step_by(step).map(move |at| Broken { deed, at: vec![at], threads: 1 })
}

#[test]
fn a_run_that_is_killed_at_any_call_ends_as_the_unbroken_one() {
    let size = Size::new();
    let ground = Ground::new();
    let mut cases: Vec<Broken> = at_every_call(Deed::Kill, ground.calls, 1).collect();
    for number in 0..size.kills {
        let mut chance = Chance::new(size.seed, number as u64);
        let deed = chance.one_of(&[Deed::Kill, Deed::Torn, Deed::Torn]);
        let times = 1 + chance.below(3);
        let at = (0..times).map(|_| 1 + chance.below(ground.calls)).collect();
        cases.push(Broken { deed, at, threads: 1 + number % size.threads.max(1) });
    }
    ground.survive_all("kills at file-system calls", &size, &cases);
}

#[test]
fn a_call_that_fails_is_told_and_changes_no_result() {
    let size = Size::new();
    let ground = Ground::new();
    let errors: Vec<Broken> = at_every_call(Deed::Error, ground.calls, 1).collect();
    ground.survive_all("errors of the disk", &size, &errors);
    let full: Vec<Broken> = at_every_call(Deed::Full, ground.calls, size.stride).collect();
    ground.survive_all("a disk that is full", &size, &full);
    let short: Vec<Broken> = at_every_call(Deed::Short, ground.calls, 4 * size.stride).collect();
    ground.survive_all("short writes", &size, &short);
}
