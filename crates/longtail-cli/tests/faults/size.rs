//! How much is done: a bounded form by default, as much as the environment says in a campaign.

use std::{env, num::NonZero, thread};

#[derive(Debug, Clone)]
pub struct Size {
    /// Kills beyond one at every call.
    pub kills: usize,
    /// Of the calls, every how manyth a full disk is tried at.
    pub stride: usize,
    /// Bit flips of a checkpoint; every 25th goes through the program as well.
    pub flips: usize,
    /// Bit flips of every other file of a run, through the program.
    pub flips_of_texts: usize,
    /// Mutants of every format.
    pub mutants: usize,
    /// Threads that a run that is killed has at most.
    pub threads: usize,
    /// Where all randomness comes from.
    pub seed: u64,
    /// Programs at a time.
    pub at_once: usize,
}

impl Size {
    pub fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            kills: of("KILLS", 12),
            stride: of("STRIDE", 4).max(1),
            flips: of("FLIPS", 200),
            flips_of_texts: of("FLIPS_OF_TEXTS", 12),
            mutants: of("MUTANTS", 50),
            threads: of("THREADS", 2),
            seed: of("SEED", 1) as u64,
            at_once: of("AT_ONCE", cores.min(8)),
        }
    }
}

fn of(name: &str, otherwise: usize) -> usize {
    let typed = env::var(format!("LONGTAIL_FAULTS_{name}"));
    typed.map_or(otherwise, |typed| typed.parse().expect("a number"))
}
