//! Memory of one thread, kept from call to call.

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
};

use super::element::Element;

/// Buffers of one task, in words of 32 bits.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Padded input image.
    pub input: Vec<f32>,
    /// Padded gradient of one image's convolution.
    pub gradient: Vec<f32>,
    /// One image of f32.
    pub image: Vec<f32>,
    /// One image of anything.
    pub residual: Vec<f32>,
    /// What is between the convolutions of a block, and between blocks, of some images.
    pub between: [Vec<f32>; 3],
    /// Neighbouring pixels of the padded input side by side.
    pub input_pairs: Vec<f32>,
    /// Neighbouring pixels of the gradient side by side.
    pub gradient_pairs: Vec<f32>,
    /// One row of tiles, transformed downwards.
    pub band: Vec<f32>,
    /// Tiles of inputs at their points.
    pub tiles: Vec<f32>,
    /// Tiles of gradients at their points.
    pub gradient_tiles: Vec<f32>,
    /// Products at their points.
    pub products: Vec<f32>,
    /// The weights' gradient at its points.
    pub weight_points: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Lends the thread's buffers, of any content; `work` must not call this again.
pub(crate) fn with<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(work)
}

/// Values for one call, of any content, in memory that the thread keeps for its next ones.
#[derive(Default)]
pub(crate) struct Borrowed {
    memory: Vec<f32>,
    length: usize,
}

/// Vectors that a thread keeps.
const KEPT: usize = 16;

thread_local! {
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// `length` values of any kind.
pub(crate) fn borrow(length: usize) -> Borrowed {
    let fitting = |spare: &mut Vec<Vec<f32>>| {
        let first = spare.iter().position(|memory| memory.len() >= length);
        first.map(|index| spare.swap_remove(index)).or_else(|| spare.pop())
    };
    let mut memory = SPARE.with_borrow_mut(fitting).unwrap_or_default();
    if memory.len() < length {
        memory = vec![0.0; length];
    }
    Borrowed { memory, length }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
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
        &self.memory[..self.length]
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.length]
    }
}

/// `length` zeros in `buffer`.
pub(crate) fn zeros(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.clear();
    buffer.resize(length, 0.0);
    buffer
}

/// `length` values of any kind in `buffer`.
pub(crate) fn any(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length, 0.0);
    buffer
}

/// Words as the values in them.
pub(crate) fn values<E: Element>(words: &mut [f32]) -> &mut [E] {
    bytemuck::cast_slice_mut(words)
}
