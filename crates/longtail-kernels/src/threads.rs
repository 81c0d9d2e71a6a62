//! The threads that all work is shared out to.

use std::{
    cell::Cell,
    hint,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rayon::{ThreadPoolBuildError, ThreadPoolBuilder, Yield};

/// Pauses of a thread between two looks for work, a few microseconds.
const PAUSES: usize = 64;
/// How long a thread looks in vain before it falls asleep after all. It may look in the middle of a piece of
/// work whose other half is elsewhere: the step cannot end before it goes back to it.
const PATIENCE: Duration = Duration::from_millis(1);

/// Starts the threads, the calling one among them, which so gives its operators to nobody before it takes
/// part in them. `None` is one thread per core.
///
/// From now on what other threads share out waits for this one where it is the only one: it must not
/// wait for them in turn, but help, as the loader of batches does.
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
/// hundred operators, and waking a thread for each takes longer than most gaps between them. Of a thread
/// outside the pool, and where there is only one, it does nothing.
#[derive(Debug)]
pub struct Awake {
    needed: Option<Arc<AtomicBool>>,
    /// It has to end on the thread that began it.
    stays: PhantomData<*const ()>,
}

impl Awake {
    /// Keeps all threads but the calling one awake.
    pub fn new() -> Self {
        let alone = rayon::current_thread_index().is_none() || rayon::current_num_threads() < 2;
        let needed = (!alone).then(|| Arc::new(AtomicBool::new(true)));
        if let Some(needed) = needed.clone() {
            HELD.set(HELD.get() + 1);
            rayon::spawn_broadcast(move |_| look_for_work(&needed));
        }
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
        if let Some(needed) = &self.needed {
            needed.store(false, Ordering::Relaxed);
            HELD.set(HELD.get() - 1);
        }
    }
}

fn look_for_work(needed: &AtomicBool) {
    let mut since = Instant::now();
    // A thread that has a step of its own to finish goes back to it at once.
    while HELD.get() == 0 && needed.load(Ordering::Relaxed) && since.elapsed() < PATIENCE {
        if rayon::yield_now() == Some(Yield::Executed) {
            since = Instant::now();
        } else {
            (0..PAUSES).for_each(|_| hint::spin_loop());
            thread::yield_now();
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

    #[test]
    fn a_thread_stops_looking_where_nothing_can_end_the_step_but_itself() {
        let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        pool.install(|| look_for_work(&AtomicBool::new(true)));
    }

    #[test]
    fn nobody_is_kept_awake_for_a_thread_outside_the_pool_or_alone_in_it() {
        assert!(Awake::new().needed.is_none());
        let of = |threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(of(1).install(|| Awake::new().needed.is_none()));
        assert!(of(2).install(|| Awake::new().needed.is_some()));
    }
}
