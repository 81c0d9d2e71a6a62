//! Memory of one thread, kept from call to call.

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
};

use super::{element::Element, words::Words};

/// Buffers of one task, in words of 32 bits.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Padded input image.
    pub input: Words,
    /// Padded gradient of one image's convolution.
    pub gradient: Words,
    /// One image of f32.
    pub image: Words,
    /// One image of anything.
    pub residual: Words,
    /// What is between the convolutions of a block, and between blocks, of some images.
    pub between: [Words; 3],
    /// Neighbouring pixels of the padded input side by side.
    pub input_pairs: Words,
    /// Neighbouring pixels of the gradient side by side.
    pub gradient_pairs: Words,
    /// The gradient in blocks of channels.
    pub panels: Words,
    /// The padded input in blocks of taps.
    pub tap_panels: Words,
    /// One row of tiles, transformed downwards.
    pub band: Words,
    /// Tiles of inputs at their points.
    pub tiles: Words,
    /// Tiles of gradients at their points.
    pub gradient_tiles: Words,
    /// Products at their points.
    pub products: Words,
    /// The weights' gradient at its points.
    pub weight_points: Words,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Lends the thread's buffers, of any content. What calls this again while `work` waits for other threads has new ones.
pub(crate) fn with<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take();
    let result = work(&mut scratch);
    SCRATCH.set(scratch);
    result
}

/// Values for one call, of any content, in memory that the thread keeps for its next ones.
pub(crate) struct Borrowed {
    memory: Words,
    goes_back: bool,
}

/// Vectors that a thread keeps.
const KEPT: usize = 16;

thread_local! {
    static SPARE: RefCell<Vec<Words>> = const { RefCell::new(Vec::new()) };
}

/// `length` values of any kind.
pub(crate) fn borrow(length: usize) -> Borrowed {
    let fitting = |spare: &mut Vec<Words>| {
        let first = spare.iter().position(|memory| memory.room() >= length);
        first.map(|index| spare.swap_remove(index)).or_else(|| spare.pop())
    };
    let mut memory = SPARE.with_borrow_mut(fitting).unwrap_or_default();
    memory.resize(length);
    Borrowed { memory, goes_back: true }
}

impl Borrowed {
    /// From now on it is no thread's: what outlives its call is freed at its end.
    pub fn keep(&mut self) {
        self.goes_back = false;
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if !self.goes_back {
            return;
        }
        let memory = std::mem::take(&mut self.memory);
        // A thread that ends has nothing to keep.
        let _ended = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT {
                spare.push(memory);
            }
        });
    }
}

impl Deref for Borrowed {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory
    }
}

/// `length` zeros in `buffer`.
pub(crate) fn zeros(buffer: &mut Words, length: usize) -> &mut [f32] {
    buffer.resize(length);
    buffer.fill(0.0);
    buffer
}

/// `length` values of any kind in `buffer`.
pub(crate) fn any(buffer: &mut Words, length: usize) -> &mut [f32] {
    buffer.resize(length);
    buffer
}

/// Words as the values in them.
pub(crate) fn values<E: Element>(words: &mut [f32]) -> &mut [E] {
    bytemuck::cast_slice_mut(words)
}
