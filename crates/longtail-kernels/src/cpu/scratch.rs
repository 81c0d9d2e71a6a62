//! Memory of one thread, kept from call to call.

use std::cell::RefCell;

/// Buffers of one task.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Padded input image.
    pub input: Vec<f32>,
    /// Padded, spaced gradient of one image's convolution.
    pub gradient: Vec<f32>,
    /// One image of anything.
    pub image: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Lends the thread's buffers, empty; `work` must not call this again.
pub(crate) fn with<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(work)
}

/// `length` zeros in `buffer`.
pub(crate) fn zeros(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.clear();
    buffer.resize(length, 0.0);
    buffer
}
