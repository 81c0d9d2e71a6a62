//! The threads that all work is shared out to.

use std::{
    cell::Cell,
    hint,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rayon::{ThreadPoolBuildError, ThreadPoolBuilder, Yield};

/// Pauses of a thread between two looks for work, a few microseconds.
const PAUSES: usize = 64;

/// Starts the threads, the calling one among them, which so gives its operators to nobody before it takes
/// part in them. `None` is one thread per core.
///
/// # Errors
/// If threads were started before, or the system has none.
pub fn start(threads: Option<usize>) -> Result<(), ThreadPoolBuildError> {
    ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).use_current_thread().build_global()
}

thread_local! {
    /// How many [`Awake`] this thread holds.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// While this lives, threads without work look for some instead of falling asleep: a step has some
/// hundred operators, and waking a thread for each takes longer than most gaps between them.
#[derive(Debug)]
pub struct Awake {
    needed: Arc<AtomicBool>,
    /// It has to end on the thread that began it.
    stays: PhantomData<*const ()>,
}

impl Awake {
    /// Keeps all threads but the calling one awake.
    pub fn new() -> Self {
        let needed = Arc::new(AtomicBool::new(true));
        HELD.set(HELD.get() + 1);
        let still = Arc::clone(&needed);
        rayon::spawn_broadcast(move |_| look_for_work(&still));
        Self { needed, stays: PhantomData }
    }
}

impl Default for Awake {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.needed.store(false, Ordering::Relaxed);
        HELD.set(HELD.get() - 1);
    }
}

fn look_for_work(needed: &AtomicBool) {
    // A thread that has a step of its own to finish must not wait for the end of another's.
    while HELD.get() == 0 && needed.load(Ordering::Relaxed) {
        if rayon::yield_now() != Some(Yield::Executed) {
            (0..PAUSES).for_each(|_| hint::spin_loop());
        }
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn steps_on_all_threads_at_once_come_to_an_end() {
        for threads in 1..5 {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let step = |_| {
                let _awake = Awake::new();
                (0..20_u64)
                    .into_par_iter()
                    .map(|i| (0..i).into_par_iter().sum::<u64>())
                    .sum::<u64>()
            };
            let sum: u64 = pool.install(|| (0..200).into_par_iter().map(step).sum());
            assert_eq!(sum, 200 * 1140);
        }
    }
}
