//! Memory of activations and their gradients, used again from step to step: fresh pages of the system
//! cost a fault each, a fifth of the step before there was a pool.

use std::{
    collections::BTreeMap,
    marker::PhantomData,
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
};

use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};

use super::{
    block::{Block, Line},
    element::Element,
};

/// How many times as large as needed memory may be: a stage of a network halves its activations.
const TOO_LARGE: usize = 4;

/// Memory that is not in use, by its number of lines.
#[derive(Default)]
struct Pool {
    free: BTreeMap<usize, Vec<Free>>,
    /// How much was given back so far, which is the time of the pool.
    given: u64,
    free_lines: usize,
    used_lines: usize,
    most_used_lines: usize,
}

/// Memory, and when it was given back.
struct Free {
    memory: Block,
    since: u64,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    free: BTreeMap::new(),
    given: 0,
    free_lines: 0,
    used_lines: 0,
    most_used_lines: 0,
});

fn pool() -> MutexGuard<'static, Pool> {
    // A thread that panicked has left counts and lists whole.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// The smallest memory that is large enough, unless it is much too large; `None` where fresh memory of
    /// just this size has to be made.
    fn take(&mut self, lines: usize) -> Option<Block> {
        let mut fitting = self.free.range_mut(lines..=lines.saturating_mul(TOO_LARGE));
        let memory = fitting.find(|(_, kept)| !kept.is_empty());
        let memory = memory.and_then(|(_, kept)| kept.pop()).map(|free| free.memory);
        let held = memory.as_ref().map_or(lines, Block::len);
        self.free_lines -= memory.as_ref().map_or(0, Block::len);
        self.used_lines += held;
        self.most_used_lines = self.most_used_lines.max(self.used_lines);
        memory
    }

    /// Keeps the memory. So that never more is held than was ever in use at once, what has not been in use
    /// for longest comes back for it.
    fn give(&mut self, memory: Block) -> Vec<Block> {
        let lines = memory.len();
        self.given += 1;
        self.used_lines -= lines;
        self.free_lines += lines;
        self.free.entry(lines).or_default().push(Free { memory, since: self.given });
        let mut beyond = Vec::new();
        while self.used_lines + self.free_lines > self.most_used_lines {
            let Some(oldest) = self.oldest() else { break };
            beyond.push(oldest);
        }
        beyond
    }

    /// Takes out what has not been in use for longest.
    fn oldest(&mut self) -> Option<Block> {
        // The last ones given are at the end and the first ones taken.
        let kept = self.free.values_mut().filter(|kept| !kept.is_empty());
        let memory = kept.min_by_key(|kept| kept[0].since)?.remove(0).memory;
        self.free_lines -= memory.len();
        Some(memory)
    }
}

/// Lines that go back to the pool.
struct Memory(Block);

impl Memory {
    fn take(bytes: usize) -> Self {
        let lines = bytes.div_ceil(size_of::<Line>());
        let memory = pool().take(lines);
        Self(memory.unwrap_or_else(|| Block::new(lines)))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // What the pool does not keep is freed after its lock is.
        let _beyond = pool().give(std::mem::replace(&mut self.0, Block::new(0)));
    }
}

/// Values in memory of the pool.
pub(crate) struct Pooled<E> {
    memory: Memory,
    count: usize,
    kind: PhantomData<E>,
}

/// `count` values of whatever was there before.
pub(crate) fn take<E: Element>(count: usize) -> Pooled<E> {
    Pooled { memory: Memory::take(count * size_of::<E>()), count, kind: PhantomData }
}

impl<E: Element> Deref for Pooled<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &bytemuck::cast_slice(&self.memory.0)[..self.count]
    }
}

impl<E: Element> DerefMut for Pooled<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut bytemuck::cast_slice_mut(&mut self.memory.0)[..self.count]
    }
}

impl<E: Element> Pooled<E> {
    /// As the memory of a tensor, which brings it back when it is dropped.
    pub fn into_bytes(self) -> Bytes {
        let bytes = self.count * size_of::<E>();
        // SAFETY: all of the memory is initialised, and it holds at least `bytes`.
        unsafe { Bytes::from_controller(Box::new(self.memory), bytes) }
    }
}

impl AllocationController for Memory {
    fn alloc_align(&self) -> usize {
        align_of::<Line>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(
        &mut self,
        _policy: AccessPolicy,
    ) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.0);
        let (start, count) = (bytes.as_mut_ptr(), bytes.len());
        // SAFETY: the same bytes; the caller promises to write initialised ones only.
        Ok(unsafe { std::slice::from_raw_parts_mut(start.cast(), count) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.0);
        // SAFETY: the same bytes, which are initialised.
        Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_never_more_is_held_than_was_in_use() {
        let mut pool = Pool::default();
        let fresh = Block::new;
        assert!(pool.take(3).is_none() && pool.take(5).is_none());
        let (three, five) = (fresh(3), fresh(5));
        let start = three.as_ptr();
        assert!(pool.give(three).is_empty() && pool.give(five).is_empty());
        assert_eq!((pool.free_lines, pool.used_lines, pool.most_used_lines), (8, 0, 8));
        assert_eq!(pool.take(3).map(|memory| memory.as_ptr()), Some(start));
        // A larger one is not at hand; keeping it as well would exceed what was in use.
        assert!(pool.take(6).is_none());
        assert_eq!(pool.most_used_lines, 9);
        let beyond: Vec<usize> = pool.give(fresh(6)).iter().map(Block::len).collect();
        assert_eq!((beyond, pool.free_lines, pool.used_lines), (vec![5], 6, 3));
    }

    #[test]
    fn memory_serves_smaller_needs_but_not_much_smaller_ones() {
        let mut pool = Pool::default();
        for lines in [16, 8] {
            assert!(pool.take(lines).is_none());
        }
        assert!([16, 8].into_iter().all(|lines| pool.give(Block::new(lines)).is_empty()));
        assert!(pool.take(1).is_none());
        assert_eq!(pool.take(4).map(|memory| memory.len()), Some(8));
        assert_eq!(pool.take(4).map(|memory| memory.len()), Some(16));
        assert_eq!((pool.free_lines, pool.used_lines, pool.most_used_lines), (0, 25, 25));
    }

    #[test]
    fn a_tensors_memory_is_whole_and_writable() {
        let mut values = take::<f32>(37);
        values.fill(1.5);
        let mut bytes = values.into_bytes();
        assert_eq!(bytes.len(), 37 * 4);
        assert!(bytemuck::cast_slice::<u8, f32>(&bytes).iter().all(|v| *v == 1.5));
        bytes[3] = 0;
        assert_eq!(bytes.clone()[3], 0);
    }
}
