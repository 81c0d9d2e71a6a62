//! Ctrl-C, SIGTERM and SIGHUP. What has nothing to save ends at once; a run that trains saves first, and ends
//! at once when it is told again.

use std::{
    mem, process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use anyhow::Context;
use indicatif::ProgressBar;

use crate::output::note;

/// How long the last words may take: whoever does not read them must not keep the program.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What a signal does now.
pub struct Interrupt {
    phase: Mutex<Phase>,
    /// Whether validation is under way, which a save waits for.
    validates: AtomicBool,
    /// What is removed before the program ends.
    leftover: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// What is drawn, if anything is.
    bar: Mutex<Option<ProgressBar>>,
}

enum Phase {
    /// It ends the program, which says this.
    Ends(String),
    /// It asks the run to save.
    Saves,
    /// The run was asked to, and then ends with this status.
    Saving(u8),
}

/// Listens from now on. It is called before any other thread is started.
pub fn watch() -> anyhow::Result<Arc<Interrupt>> {
    let interrupt = Arc::new(Interrupt {
        phase: Mutex::new(Phase::Ends("stopped".into())),
        validates: AtomicBool::new(false),
        leftover: Mutex::new(None),
        bar: Mutex::new(None),
    });
    let heard = Arc::clone(&interrupt);
    listen(move |signal| heard.hear(signal)).context("cannot watch for signals")?;
    Ok(interrupt)
}

impl Interrupt {
    /// From now on a signal ends the program, which says `words`. The status to end with if a save was asked for.
    pub fn ends(&self, words: impl Into<String>) -> Option<u8> {
        match mem::replace(&mut *held(&self.phase), Phase::Ends(words.into())) {
            Phase::Saving(status) => Some(status),
            Phase::Ends(_) | Phase::Saves => None,
        }
    }

    /// From now on a signal asks the run to save, and a second one ends the program.
    pub fn saves(&self) {
        let mut phase = held(&self.phase);
        if matches!(*phase, Phase::Ends(_)) {
            *phase = Phase::Saves;
        }
    }

    /// Whether the run should save and end.
    pub fn is_raised(&self) -> bool {
        matches!(*held(&self.phase), Phase::Saving(_))
    }

    /// Whether validation, not a step, is what a save waits for.
    pub fn validates(&self, validates: bool) {
        self.validates.store(validates, Ordering::SeqCst);
    }

    /// What is removed if the program is ended: files that are not whole.
    pub fn removes(&self, leftover: impl FnOnce() + Send + 'static) {
        *held(&self.leftover) = Some(Box::new(leftover));
    }

    /// What is drawn, which words go above.
    pub fn draws(&self, bar: ProgressBar) {
        *held(&self.bar) = Some(bar);
    }

    fn hear(self: &Arc<Self>, signal: u8) {
        let status = 128 + signal;
        // Held to the end, so that no phase begins while the program ends.
        let mut phase = held(&self.phase);
        match &*phase {
            Phase::Ends(words) => self.end(status, words),
            Phase::Saving(_) => self.end(status, "stopped without saving"),
            Phase::Saves => {
                *phase = Phase::Saving(status);
                let after = match self.validates.load(Ordering::SeqCst) {
                    true => "validation",
                    false => "step",
                };
                let how = "press Ctrl-C again to stop without saving";
                self.say(format!("longtail: saving after this {after}; {how}"), |bar, say| {
                    bar.suspend(say)
                });
            }
        }
    }

    fn end(self: &Arc<Self>, status: u8, words: &str) -> ! {
        let said = self.say(format!("longtail: {words}"), |bar, say| {
            bar.finish_and_clear();
            say();
        });
        let _ = said.recv_timeout(LAST_WORDS);
        if let Some(remove) = held(&self.leftover).take() {
            remove();
        }
        process::exit(status.into());
    }

    /// Says a line in a thread of its own, for nobody may be reading; tells once it is said. `beside` says it where
    /// a bar is drawn.
    fn say(
        self: &Arc<Self>,
        line: String,
        beside: fn(&ProgressBar, &mut dyn FnMut()),
    ) -> mpsc::Receiver<()> {
        let (said, receiver) = mpsc::channel();
        let this = Arc::clone(self);
        let speaker = move || {
            match &*held(&this.bar) {
                Some(bar) => beside(bar, &mut || note(&line)),
                None => note(line),
            }
            let _ = said.send(());
        };
        // Without a thread it goes unsaid, and what was asked for is done all the same.
        let _ = thread::Builder::new().name("words".into()).spawn(speaker);
        receiver
    }
}

/// What a thread that panicked left behind is as good as any.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `heard` with the number of every signal, in a thread of its own.
#[cfg(unix)]
fn listen(heard: impl Fn(u8) + Send + 'static) -> anyhow::Result<()> {
    use nix::sys::signal::{SigSet, Signal};

    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    // `nohup` has it ignored, and means it.
    if !is_ignored(Signal::SIGHUP as u8) {
        signals.add(Signal::SIGHUP);
    }
    // Every thread from here on leaves them to the one that waits for them.
    signals.thread_block()?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        while let Ok(signal) = signals.wait() {
            heard(signal as u8);
        }
    })?;
    Ok(())
}

/// Whether the program was started with a signal ignored; where the system does not say so, it was not.
#[cfg(unix)]
fn is_ignored(signal: u8) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Calls `heard` for every Ctrl-C, in a thread of its own.
#[cfg(not(unix))]
fn listen(heard: impl Fn(u8) + Send + 'static) -> anyhow::Result<()> {
    const CTRL_C: u8 = 2;
    Ok(ctrlc::set_handler(move || heard(CTRL_C))?)
}
