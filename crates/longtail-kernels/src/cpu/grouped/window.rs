//! Some rows of a padded image, of which a kernel needs few at a time: so many stay in the second cache.

use crate::cpu::{padded::Padded, scratch::zeros, words::Words};

/// Values between two pixels, a line of the cache: a slice of pixels as far apart as powers of two would share few places
/// of it.
const GAP: usize = 16;

/// Rows of a padded image in f32, those before them forgotten.
pub(super) struct Window<'a> {
    words: &'a mut [f32],
    /// With the gaps behind its pixels.
    pub padded: Padded,
    /// First row at hand.
    first: usize,
    /// The row behind the last one at hand.
    end: usize,
}

impl<'a> Window<'a> {
    /// Of nothing yet; `rows` are needed at once.
    pub fn new(buffer: &'a mut Words, padded: Padded, rows: usize) -> Self {
        let padded = Padded { words: padded.words + GAP, ..padded };
        // Twice as many, so that few are moved.
        let rows = (2 * rows).min(padded.height);
        Self { words: zeros(buffer, rows * padded.row()), padded, first: 0, end: 0 }
    }

    /// Forgets all rows, for another image.
    pub fn restart(&mut self) {
        (self.first, self.end) = (0, 0);
    }

    /// Has all rows up to `end` at hand, from `first` on; `fill` writes what is between the borders of one.
    pub fn reach(&mut self, first: usize, end: usize, mut fill: impl FnMut(usize, &mut [f32])) {
        let row = self.padded.row();
        if (end - self.first) * row > self.words.len() {
            if first < self.end {
                let kept = (first - self.first) * row..(self.end - self.first) * row;
                self.words.copy_within(kept, 0);
            }
            (self.first, self.end) = (first, self.end.max(first));
        }
        while self.end < end {
            let at = (self.end - self.first) * row;
            fill(self.end, &mut self.words[at..at + row]);
            self.end += 1;
        }
    }

    /// The row behind the last one at hand.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The values from the pixel at `row`, `column` on, of which so many rows have to be at hand.
    pub fn from(&self, row: usize, column: usize, rows: usize) -> &[f32] {
        assert!(self.first <= row && row + rows <= self.end, "the rows are at hand");
        &self.words[self.padded.at(row - self.first, column)..]
    }
}
