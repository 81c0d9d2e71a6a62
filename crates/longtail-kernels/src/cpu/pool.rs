//! Memory of activations and their gradients, used again from step to step: fresh pages of the system
//! cost a fault each, a fifth of the step before there was a pool.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    marker::PhantomData,
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
    ptr::NonNull,
    slice,
    sync::{Mutex, MutexGuard, PoisonError},
};

use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};

use super::{
    block::{Block, Line, Lines},
    element::Element,
};

/// How many times as large as what is asked for a block may be that it is cut from: a stage of a network halves its
/// activations, and what is small and stays must not keep what is large from being whole.
const TOO_LARGE: usize = 8;

/// Blocks, and what of them is not in use.
struct Pool {
    blocks: Vec<Cut>,
    /// How much was given back so far, which is the time of the pool.
    given: u64,
    free_lines: usize,
    used_lines: usize,
    most_used_lines: usize,
}

/// A block of which parts are in use.
struct Cut {
    block: Block,
    /// What is not, by where it begins.
    gaps: BTreeMap<usize, Gap>,
}

/// Lines that are not in use, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gap {
    lines: usize,
    since: u64,
}

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

fn pool() -> MutexGuard<'static, Pool> {
    // A thread that panicked has left counts and lists whole.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    const fn new() -> Self {
        Self { blocks: Vec::new(), given: 0, free_lines: 0, used_lines: 0, most_used_lines: 0 }
    }

    /// So many lines of the smallest gap that holds them; or, where fresh memory is needed, what is to be freed before, so
    /// that no more is held than was ever in use at once.
    fn take(&mut self, lines: usize) -> Result<Memory, Vec<Block>> {
        self.used_lines += lines;
        self.most_used_lines = self.most_used_lines.max(self.used_lines);
        let Some((block, start)) = self.smallest_gap(lines) else {
            return Err(self.make_room());
        };
        self.free_lines -= lines;
        let cut = &mut self.blocks[block];
        if let Some(gap) = cut.gaps.remove(&start)
            && gap.lines > lines
        {
            let rest = Gap { lines: gap.lines - lines, ..gap };
            cut.gaps.insert(start + lines, rest);
        }
        // SAFETY: they were a gap; the pool looks into no block, and drops only such as are one gap.
        Ok(Memory(unsafe { cut.block.part(start, lines) }))
    }

    fn smallest_gap(&self, lines: usize) -> Option<(usize, usize)> {
        let most = lines.saturating_mul(TOO_LARGE);
        let blocks = self.blocks.iter().enumerate().filter(|(_, cut)| cut.block.len() <= most);
        let gaps = blocks.flat_map(|(block, cut)| {
            cut.gaps.iter().map(move |(&start, &gap)| (block, start, gap))
        });
        // Of gaps of one size the last given is warm.
        gaps.filter(|(.., gap)| gap.lines >= lines)
            .min_by_key(|(.., gap)| (gap.lines, Reverse(gap.since)))
            .map(|(block, start, _)| (block, start))
    }

    /// Takes out blocks that are not in use, the longest not used first, until what is held and what counts as used already
    /// are no more than ever was.
    fn make_room(&mut self) -> Vec<Block> {
        let mut out = Vec::new();
        while self.used_lines + self.free_lines > self.most_used_lines {
            let unused = self.blocks.iter().enumerate().filter_map(|(at, cut)| {
                let (&start, gap) = cut.gaps.first_key_value()?;
                (start == 0 && gap.lines == cut.block.len()).then_some((gap.since, at))
            });
            let Some((_, at)) = unused.min() else { break };
            let Cut { block, .. } = self.blocks.swap_remove(at);
            self.free_lines -= block.len();
            out.push(block);
        }
        out
    }

    /// A fresh block, all of which is in use, as [`Pool::take`] has counted.
    fn add(&mut self, block: Block) -> Memory {
        // SAFETY: as in `take`; it is fresh.
        let memory = Memory(unsafe { block.part(0, block.len()) });
        self.blocks.push(Cut { block, gaps: BTreeMap::new() });
        memory
    }

    fn give(&mut self, start: NonNull<Line>, lines: usize) {
        self.given += 1;
        let Some((cut, start)) = self.blocks.iter_mut().find_map(|cut| {
            let at = cut.block.index_of(start)?;
            Some((cut, at))
        }) else {
            // No other memory is given.
            return;
        };
        let mut gap = Gap { lines, since: self.given };
        if let Some(behind) = cut.gaps.remove(&(start + lines)) {
            gap.lines += behind.lines;
        }
        let before = cut.gaps.range_mut(..start).next_back();
        match before.filter(|(at, before)| *at + before.lines == start) {
            Some((_, before)) => *before = Gap { lines: before.lines + gap.lines, ..gap },
            None => drop(cut.gaps.insert(start, gap)),
        }
        self.used_lines -= lines;
        self.free_lines += lines;
    }
}

/// Lines of a block of the pool, which they go back to.
struct Memory(Lines);

impl Memory {
    fn take(bytes: usize) -> Self {
        let lines = bytes.div_ceil(size_of::<Line>()).max(1);
        let taken = pool().take(lines);
        taken.unwrap_or_else(|beyond| {
            // The lock is not held while memory is freed and made.
            drop(beyond);
            let block = Block::new(lines);
            pool().add(block)
        })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        pool().give(self.0.start(), self.0.len());
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
        Ok(unsafe { slice::from_raw_parts_mut(start.cast(), count) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.0);
        // SAFETY: the same bytes, which are initialised.
        Ok(unsafe { slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As [`Memory::take`], of a pool of its own; gives the lines it freed as well.
    fn take_of(pool: &mut Pool, lines: usize) -> (NonNull<Line>, Vec<usize>) {
        let (memory, freed) = match pool.take(lines) {
            Ok(memory) => (memory, Vec::new()),
            Err(beyond) => (pool.add(Block::new(lines)), beyond.iter().map(Block::len).collect()),
        };
        // Not into the process's pool.
        let start = std::mem::ManuallyDrop::new(memory).0.start();
        (start, freed)
    }

    fn counts(pool: &Pool) -> (usize, usize, usize) {
        (pool.free_lines, pool.used_lines, pool.most_used_lines)
    }

    #[test]
    fn memory_is_used_again_and_never_more_is_held_than_was_in_use() {
        let mut pool = Pool::new();
        let [(three, _), (five, _)] = [3, 5].map(|lines| take_of(&mut pool, lines));
        pool.give(three, 3);
        pool.give(five, 5);
        assert_eq!(counts(&pool), (8, 0, 8));
        assert_eq!(take_of(&mut pool, 3), (three, vec![]));
        // Nothing at hand is as large; keeping it beside would exceed what was in use.
        let (six, freed) = take_of(&mut pool, 6);
        assert_eq!((freed, counts(&pool)), (vec![5], (0, 9, 9)));
        pool.give(three, 3);
        pool.give(six, 6);
        assert_eq!((counts(&pool), pool.blocks.len()), ((9, 0, 9), 2));
    }

    #[test]
    fn blocks_are_cut_and_whole_again() {
        let mut pool = Pool::new();
        let (whole, _) = take_of(&mut pool, 16);
        pool.give(whole, 16);
        let parts = [4, 4, 8].map(|lines| (take_of(&mut pool, lines).0, lines));
        // SAFETY: at most at the end of the block.
        let at = |lines: usize| unsafe { whole.add(lines) };
        assert_eq!(parts.map(|(start, _)| start), [whole, at(4), at(8)]);
        assert_eq!((counts(&pool), pool.blocks.len()), ((0, 16, 16), 1));
        // In any order: behind a gap, before one, and between two.
        for order in [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]] {
            for part in order {
                pool.give(parts[part].0, parts[part].1);
            }
            assert_eq!(pool.blocks[0].gaps.len(), 1, "{order:?}");
            assert_eq!(take_of(&mut pool, 16), (whole, vec![]));
            pool.give(whole, 16);
            for (start, lines) in parts {
                assert_eq!(take_of(&mut pool, lines), (start, vec![]));
            }
        }
        // What is in use in part is not freed.
        pool.give(parts[2].0, 8);
        let (_, freed) = take_of(&mut pool, 9);
        assert_eq!((freed, counts(&pool)), (vec![], (8, 17, 17)));
    }

    #[test]
    fn little_does_not_cut_what_is_large() {
        let mut pool = Pool::new();
        let [large, small] = [16, 2].map(|lines| take_of(&mut pool, lines).0);
        pool.give(large, 16);
        pool.give(small, 2);
        assert_eq!(take_of(&mut pool, 1).0, small);
        assert_eq!(take_of(&mut pool, 2).0, large);
        let (fresh, _) = take_of(&mut pool, 1);
        assert_eq!(pool.blocks.len(), 2);
        // SAFETY: the second of its two lines.
        assert_eq!(fresh, unsafe { small.add(1) });
        assert_eq!((take_of(&mut pool, 1).1, pool.blocks.len()), (vec![], 3));
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
