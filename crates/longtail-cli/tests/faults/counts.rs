//! What came of a campaign's cases.

use std::{
    env,
    fs::OpenOptions,
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::size::Size;

/// How a case went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Panic,
    Hang,
    Abort,
    /// A result that differs, or a changed file that was taken without a word.
    Silent,
    /// A run that neither begins nor goes on.
    DeadEnd,
    /// A refusal that does not say what is wrong where.
    Unclear,
}

const KINDS: [Wrong; 6] =
    [Wrong::Panic, Wrong::Hang, Wrong::Abort, Wrong::Silent, Wrong::DeadEnd, Wrong::Unclear];

/// What is wrong, and of which case.
pub type Fault = (Wrong, String);

/// Tries all cases, some at a time; prints their counts, and panics if one went wrong.
pub fn tally<C: Sync>(
    what: &str,
    size: &Size,
    cases: &[C],
    try_one: impl Fn(&C) -> Result<(), Fault> + Sync,
) {
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..size.at_once.max(1) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(fault) = try_one(case) {
                        faults.lock().unwrap().push(fault);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    count(what, size, cases.len(), &faults);
    none(what, size, cases.len(), &faults);
}

/// Prints the counts of `cases` cases.
pub fn count(what: &str, size: &Size, cases: usize, faults: &[Fault]) {
    let count = |kind| faults.iter().filter(|(wrong, _)| *wrong == kind).count();
    let counts = KINDS.map(|kind| format!("{:>6}", count(kind))).join(" ");
    let line = format!("{what:<34} {cases:>7} {counts}");
    println!("seed {}: {line}", size.seed);
    if let Ok(table) = env::var("LONGTAIL_FAULTS_TABLE") {
        let file = OpenOptions::new().create(true).append(true).open(table);
        writeln!(file.unwrap(), "{line}").unwrap();
    }
}

/// Panics if a case went wrong.
pub fn none(what: &str, size: &Size, cases: usize, faults: &[Fault]) {
    let told: Vec<String> =
        faults.iter().take(12).map(|(wrong, text)| format!("{wrong:?}: {text}")).collect();
    let all = faults.len();
    assert!(
        all == 0,
        "{what}, seed {}: {all} of {cases} went wrong\n{}",
        size.seed,
        told.join("\n")
    );
}
