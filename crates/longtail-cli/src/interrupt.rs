//! Ctrl-C and SIGTERM ask a run to save and stop; a second one ends the program at once.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;

use crate::output::note;

/// Exit code of a program that was interrupted.
pub const INTERRUPTED: u8 = 130;

/// Raised once the person wants the run to stop.
pub fn watch() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let handler = move || {
        if raised.swap(true, Ordering::SeqCst) {
            process::exit(INTERRUPTED.into());
        }
        note("longtail: saving after this step; press Ctrl-C again to stop without saving");
    };
    ctrlc::set_handler(handler).context("cannot watch for Ctrl-C")?;
    Ok(flag)
}
