//! How much memory all images that are being decoded take together.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::LARGEST_IMAGE;

/// Memory of the images that are being decoded.
static USED: Mutex<u64> = Mutex::new(0);
/// Some of it was given back.
static GIVEN_BACK: Condvar = Condvar::new();

/// Memory that one image may take, given back where it is dropped.
#[derive(Debug)]
pub(super) struct Share(u64);

impl Share {
    /// Waits until all images together, with one of these `bytes`, take no more than the largest alone may. Whoever
    /// has a share must not ask for another.
    pub(super) fn take(bytes: u64) -> Self {
        let mut used = lock();
        while *used > 0 && used.saturating_add(bytes) > LARGEST_IMAGE {
            used = GIVEN_BACK.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used = used.saturating_add(bytes);
        Self(bytes)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut used = lock();
        *used = used.saturating_sub(self.0);
        GIVEN_BACK.notify_all();
    }
}

fn lock() -> MutexGuard<'static, u64> {
    USED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering::SeqCst},
        thread,
    };

    use super::*;

    #[test]
    fn no_more_is_taken_at_a_time_than_one_image_may() {
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let part = LARGEST_IMAGE / 5 * 2;
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _share = Share::take(part);
                        most.fetch_max(now.fetch_add(part, SeqCst) + part, SeqCst);
                        thread::yield_now();
                        now.fetch_sub(part, SeqCst);
                    }
                });
            }
        });
        assert!((part..=LARGEST_IMAGE).contains(&most.load(SeqCst)), "{most:?}");
    }
}
