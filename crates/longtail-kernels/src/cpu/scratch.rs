//! Memory of one thread, kept from call to call.

use std::cell::RefCell;

use super::element::Element;

/// Buffers of one task, in words of 32 bits.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Padded input image.
    pub input: Vec<f32>,
    /// Padded, spaced gradient of one image's convolution.
    pub gradient: Vec<f32>,
    /// One image of f32.
    pub image: Vec<f32>,
    /// One image of anything.
    pub residual: Vec<f32>,
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
