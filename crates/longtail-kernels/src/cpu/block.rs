//! Memory in whole lines of the cache, on large pages where the system has them: what streams through
//! hundreds of megabytes otherwise waits for addresses to be looked up.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ops::{Deref, DerefMut},
    ptr::NonNull,
    slice,
};

/// What memory is handed out in: a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([u8; 64]);

// SAFETY: bytes without padding, of which every pattern is a value.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: as above.
unsafe impl bytemuck::Pod for Line {}

/// A large page of x86-64, and of Arm with small pages of 4 KiB.
const LARGE_PAGE: usize = 2 << 20;

/// Lines of memory that nobody else has.
pub(super) struct Lines {
    start: NonNull<Line>,
    count: usize,
}

// SAFETY: it alone has its memory, as a `Vec` has.
unsafe impl Send for Lines {}
// SAFETY: as above.
unsafe impl Sync for Lines {}

impl Lines {
    /// Where they begin.
    pub fn start(&self) -> NonNull<Line> {
        self.start
    }
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        // SAFETY: so many lines are there and initialised, and nobody else has them.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [Line] {
        // SAFETY: as above.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.count) }
    }
}

/// Memory of its own, zeros at first.
pub(super) struct Block(Lines);

impl Block {
    /// So many lines.
    pub fn new(lines: usize) -> Self {
        let layout = Self::layout(lines);
        if layout.size() == 0 {
            return Self(Lines { start: NonNull::dangling(), count: lines });
        }
        // SAFETY: the layout has a size.
        let memory = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(memory.cast::<Line>()) else { handle_alloc_error(layout) };
        if layout.align() == LARGE_PAGE {
            // SAFETY: it was just allocated, at the start of a page, and holds nothing yet.
            unsafe { ask_for_large_pages(memory, layout.size()) }
        }
        // SAFETY: as many bytes were allocated.
        unsafe { memory.write_bytes(0, layout.size()) }
        Self(Lines { start, count: lines })
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.0.count
    }

    /// So many of its lines from `start` on.
    ///
    /// # Safety
    /// Nobody else may have them, nor the block itself be looked into, as long as they are there, nor may they outlive it.
    pub unsafe fn part(&self, start: usize, count: usize) -> Lines {
        assert!(start + count <= self.len());
        // SAFETY: they are within the block.
        Lines { start: unsafe { self.0.start.add(start) }, count }
    }

    /// Which line is there, if it is one of the block's.
    pub fn index_of(&self, line: NonNull<Line>) -> Option<usize> {
        let bytes = line.addr().get().checked_sub(self.0.start.addr().get())?;
        Some(bytes / size_of::<Line>()).filter(|index| *index < self.len())
    }

    fn layout(lines: usize) -> Layout {
        let array = Layout::array::<Line>(lines).expect("memory that can be addressed");
        match array.size() {
            ..LARGE_PAGE => array,
            _ => array.align_to(LARGE_PAGE).expect("a power of two"),
        }
    }
}

impl Default for Block {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let layout = Self::layout(self.len());
        if layout.size() > 0 {
            // SAFETY: it was allocated with this layout.
            unsafe { dealloc(self.0.start.as_ptr().cast(), layout) }
        }
    }
}

impl Deref for Block {
    type Target = Lines;

    fn deref(&self) -> &Lines {
        &self.0
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut Lines {
        &mut self.0
    }
}

/// # Safety
/// `memory` is allocated for `bytes`, from the start of a page on, and its content does not count.
#[cfg(target_os = "linux")]
unsafe fn ask_for_large_pages(memory: *mut u8, bytes: usize) {
    // Where the system has none, small ones do.
    // SAFETY: the caller's; the advice changes nothing about what the memory holds.
    let _ = unsafe { libc::madvise(memory.cast(), bytes, libc::MADV_HUGEPAGE) };
}

/// # Safety
/// None is needed: it does nothing.
#[cfg(not(target_os = "linux"))]
unsafe fn ask_for_large_pages(_memory: *mut u8, _bytes: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_zeros_and_writable_to_the_last_line() {
        for lines in [0, 1, 3, (LARGE_PAGE / 64) - 1, LARGE_PAGE / 64, LARGE_PAGE / 64 + 1] {
            let mut block = Block::new(lines);
            assert_eq!((block.len(), block.iter().len()), (lines, lines));
            assert!(bytemuck::cast_slice::<Line, u8>(&block).iter().all(|byte| *byte == 0));
            if let Some(last) = block.last_mut() {
                last.0[63] = 7;
                assert_eq!(block[lines - 1].0[63], 7);
            }
        }
    }
}
