//! What is added before a ReLU, and what goes back through it.

use std::ops::Range;

use super::{
    element::Element,
    scratch::{values, zeros},
    shape::Shape,
    words::Words,
};

/// What is added before the ReLU.
#[derive(Clone, Copy)]
pub(crate) enum Residual<'a, E> {
    /// Nothing.
    None,
    /// Values like the output's.
    Same(&'a [E]),
    /// Every second pixel of the input of a convolution of this shape, zeros on both sides of its
    /// channels.
    Subsampled(&'a [E], Shape),
}

impl<'a, E: Element> Residual<'a, E> {
    /// The images of a range, which may be made in `buffer`, one after the other.
    pub fn images<'b>(
        &self,
        size: usize,
        images: Range<usize>,
        buffer: &'b mut Words,
    ) -> Option<&'b [E]>
    where
        'a: 'b,
    {
        match *self {
            Residual::None => None,
            Residual::Same(all) => Some(&all[images.start * size..images.end * size]),
            Residual::Subsampled(x, first) => {
                let made = room::<E>(buffer, images.len() * size);
                let (channels, before) = (first.input, (first.output - first.input) / 2);
                for (image, made) in images.zip(made.chunks_exact_mut(size)) {
                    let x = &x[image * first.input_image()..][..first.input_image()];
                    for (pixel, out) in made.chunks_exact_mut(first.output).enumerate() {
                        let from = &x[of_pixel(&first, pixel)..][..channels];
                        out[before..before + channels].copy_from_slice(from);
                    }
                }
                Some(made)
            }
        }
    }

    /// Gradients of the images of a range, of which `self` holds the outputs'; for inputs of `size`
    /// values.
    pub fn gradients<'b>(
        &self,
        size: usize,
        images: Range<usize>,
        buffer: &'b mut Words,
    ) -> Option<&'b [E]>
    where
        'a: 'b,
    {
        let Residual::Subsampled(grad, first) = *self else {
            return self.images(size, images, buffer);
        };
        let made = room::<E>(buffer, images.len() * size);
        let before = (first.output - first.input) / 2;
        for (image, made) in images.zip(made.chunks_exact_mut(size)) {
            let grad = &grad[image * first.output_image()..][..first.output_image()];
            for (pixel, grad) in grad.chunks_exact(first.output).enumerate() {
                let to = &mut made[of_pixel(&first, pixel)..][..first.input];
                to.copy_from_slice(&grad[before..before + first.input]);
            }
        }
        Some(made)
    }
}

/// Where the input's pixel for an output's begins.
fn of_pixel(first: &Shape, pixel: usize) -> usize {
    let (row, column) = (pixel / first.out_width(), pixel % first.out_width());
    (2 * row * first.width + 2 * column) * first.input
}

/// Zeros.
fn room<E: Element>(buffer: &mut Words, count: usize) -> &mut [E] {
    &mut values::<E>(zeros(buffer, count.div_ceil(E::PER_WORD)))[..count]
}
