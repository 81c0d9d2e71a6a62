//! Images with room around them, so that no kernel has to look where an edge is.

use super::{
    element::Element,
    phases::Phase,
    scratch::{any, values, zeros},
    shape::Shape,
    words::Words,
};

/// Rows and columns around an image, in a scratch `[height, width, channels]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Padded {
    pub height: usize,
    pub width: usize,
    /// Words of a pixel; the last may be filled up with zeros.
    pub words: usize,
}

impl Padded {
    /// A convolution's input.
    pub fn input<E: Element>(shape: &Shape) -> Self {
        let around = 2 * shape.padding;
        Self {
            height: shape.height + around,
            width: shape.width + around,
            words: shape.input.div_ceil(E::PER_WORD),
        }
    }

    /// The output's gradient, with what the pixels of the input meet beyond it.
    pub fn gradient<E: Element>(shape: &Shape) -> Self {
        let [height, width] = [0, 1].map(|axis| Phase::around(shape, axis).iter().sum::<usize>());
        Self {
            height: height + shape.out_height(),
            width: width + shape.out_width(),
            words: shape.output.div_ceil(E::PER_WORD),
        }
    }

    /// Words of the scratch.
    pub fn len(&self) -> usize {
        self.height * self.width * self.words
    }

    /// Zeros where the room around an image of so many pixels, which fill their words, will stay, if there is any.
    pub fn begin(&self, pixels: usize, scratch: &mut Words) {
        match self.height * self.width == pixels {
            true => any(scratch, self.len()),
            false => zeros(scratch, self.len()),
        };
    }

    /// Words of a row.
    pub fn row(&self) -> usize {
        self.width * self.words
    }

    /// Word at which the pixel at `row`, `column` begins.
    pub fn at(&self, row: usize, column: usize) -> usize {
        row * self.row() + column * self.words
    }

    /// Word at which the output's gradient begins in [`Padded::gradient`].
    pub fn gradient_offset(&self, shape: &Shape) -> usize {
        self.at(Phase::around(shape, 0)[0], Phase::around(shape, 1)[0])
    }
}

/// Copies `image` (`[height, width, channels]`) into the middle of a scratch.
pub(crate) fn pad<E: Element>(image: &[E], shape: &Shape, scratch: &mut [f32]) {
    let padded = Padded::input::<E>(shape);
    let row = shape.width * shape.input;
    let is_dense = padded.words * E::PER_WORD == shape.input;
    for (index, pixels) in image.chunks_exact(row).enumerate() {
        let at = padded.at(index + shape.padding, shape.padding);
        let out = values::<E>(&mut scratch[at..at + shape.width * padded.words]);
        if is_dense {
            out.copy_from_slice(pixels);
            continue;
        }
        let out = out.chunks_exact_mut(padded.words * E::PER_WORD);
        if let (pixels, []) = pixels.as_chunks::<3>()
            && shape.input == 3
        {
            // Colours: a copy of unknown length is a call for every pixel.
            out.zip(pixels).for_each(|(out, pixel)| out[..3].copy_from_slice(pixel));
            continue;
        }
        for (out, pixel) in out.zip(pixels.chunks_exact(shape.input)) {
            out[..shape.input].copy_from_slice(pixel);
        }
    }
}
