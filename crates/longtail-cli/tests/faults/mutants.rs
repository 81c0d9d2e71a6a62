//! Damaged files of every format that the program reads.

use std::{
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    child::all_of,
    counts::{Fault, count, none},
    formats::FORMATS,
    samples,
    size::Size,
};

#[test]
fn no_damaged_file_panics_hangs_or_aborts() {
    let size = Size::new();
    let temporary = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("LONGTAIL_FAULTS_SAMPLES").map(PathBuf::from);
    let folder = kept.unwrap_or_else(|| temporary.path().to_owned());
    samples::make(&folder);
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Vec<Fault>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..size.at_once.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(format) = FORMATS.get(number) else { return };
                    let faults = all_of(format, size.mutants as u64, size.seed, &folder);
                    found.lock().unwrap().push((number, faults));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort_by_key(|(number, _)| *number);
    for (number, faults) in &found {
        count(&format!("mutants of {}", FORMATS[*number].name), &size, size.mutants, faults);
    }
    let all: Vec<Fault> = found.into_iter().flat_map(|(_, faults)| faults).collect();
    none("mutants", &size, FORMATS.len() * size.mutants, &all);
}
