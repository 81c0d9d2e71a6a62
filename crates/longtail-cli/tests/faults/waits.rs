//! A save that never ends, as on a network disk that does not answer.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    program::run,
    run::{Place, succeeded},
    shim::{Deed, arm},
};

/// Nothing here takes as long, even on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// The first call of a start that writes a checkpoint.
fn first_save(place: &Place) -> usize {
    let scratch = place.scratch();
    let (out, log) = (scratch.path().join("run"), scratch.path().join("log"));
    let mut start = place.start(&out, 1);
    arm(&mut start, &out, 0, Deed::Kill, Some(&log));
    succeeded(run(&mut start, scratch.path()).unwrap());
    let log = fs::read_to_string(log).unwrap();
    let saves = |line: &str| line.contains(" open ") && line.ends_with(".last.safetensors.part");
    log.lines().position(saves).unwrap() + 1
}

fn calls(log: &Path) -> usize {
    fs::read_to_string(log).unwrap_or_default().lines().count()
}

#[test]
fn a_second_signal_does_not_wait_for_the_save() {
    let place = Place::new();
    let at = first_save(&place);
    let scratch = place.scratch();
    let (out, log) = (scratch.path().join("run"), scratch.path().join("log"));
    let mut start = place.start(&out, 1);
    arm(&mut start, &out, at, Deed::Wait, Some(&log));
    let mut child = start.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let signal = |name: &str| {
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    let began = Instant::now();
    while calls(&log) < at {
        assert!(began.elapsed() < PATIENCE, "it never saves");
        thread::yield_now();
    }
    signal("-INT");
    let first = said.next().unwrap();
    assert!(first.contains("saving after this "), "{first}");
    signal("-TERM");
    let second = said.next().unwrap();
    assert!(second.contains("stopped without saving"), "{second}");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}
