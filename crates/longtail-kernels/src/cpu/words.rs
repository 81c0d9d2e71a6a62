//! Scratch memory of f32, aligned to the lines of the cache.

use std::ops::{Deref, DerefMut};

use super::block::{Block, Line};

/// Values in one line of the cache.
const PER_LINE: usize = size_of::<Line>() / size_of::<f32>();

/// Values from the start of a line of the cache on: a vector that lies in two lines takes two accesses.
#[derive(Default)]
pub(crate) struct Words {
    block: Block,
    length: usize,
}

impl Words {
    /// So many zeros.
    pub fn zeros(length: usize) -> Self {
        Self { block: Block::new(length.div_ceil(PER_LINE)), length }
    }

    /// Values there is room for.
    pub fn room(&self) -> usize {
        self.block.len() * PER_LINE
    }

    /// Changes the length; what the values then are does not count.
    pub fn resize(&mut self, length: usize) {
        if self.room() < length {
            // Freed first.
            self.block = Block::default();
            self.block = Block::new(length.div_ceil(PER_LINE));
        }
        self.length = length;
    }
}

impl Deref for Words {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice::<Line, f32>(&self.block)[..self.length]
    }
}

impl DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut::<Line, f32>(&mut self.block)[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_a_line_and_have_the_length_asked_for() {
        let mut words = Words::default();
        for length in [0, 1, 16, 17, 1000, 3] {
            words.resize(length);
            assert_eq!((words.len(), words.as_ptr() as usize % 64), (length, 0));
        }
        assert_eq!(words.room(), 1008);
        assert_eq!(Words::zeros(5)[..], [0.0; 5]);
    }
}
