use super::{
    affine::Affine,
    element::Element,
    padded::{Padded, pad},
    path::Kernels,
    scratch::{values, zeros},
    shape::Shape,
    words::Words,
};

/// An image, or `relu(x · scale + shift)` of it.
#[derive(Clone, Copy)]
pub(crate) struct Image<'a, E> {
    pub x: &'a [E],
    pub affine: Option<&'a Affine>,
}

/// What a convolution reads, `[images, height, width, channels]`.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a, E> {
    /// These values.
    Plain(&'a [E]),
    /// `relu(y · scale + shift)`, made while it is read.
    Normalised(&'a [E], &'a Affine),
}

impl<'a, E: Element> Source<'a, E> {
    /// Image `index`.
    pub fn image(&self, shape: &Shape, index: usize) -> Image<'a, E> {
        let (all, affine) = match *self {
            Source::Plain(x) => (x, None),
            Source::Normalised(y, affine) => (y, Some(affine)),
        };
        assert_eq!(all.len(), shape.images * shape.input_image());
        Image { x: &all[index * shape.input_image()..][..shape.input_image()], affine }
    }

    /// Zeros where the padding will stay.
    pub fn begin(&self, shape: &Shape, scratch: &mut Words) {
        if self.in_place(shape, 0).is_none() {
            zeros(scratch, Padded::input::<E>(shape).len());
        }
    }

    /// Image `index` with room around it: where it lies if it needs none, else in the scratch, whose borders are zero.
    pub fn padded<'b, K: Kernels>(
        &self,
        shape: &Shape,
        index: usize,
        scratch: &'b mut [f32],
    ) -> &'b [f32]
    where
        'a: 'b,
    {
        match self.in_place(shape, index) {
            Some(words) => words,
            None => {
                self.fill::<K>(shape, index, scratch);
                scratch
            }
        }
    }

    /// The words of an image that is as a kernel reads it.
    fn in_place(&self, shape: &Shape, index: usize) -> Option<&'a [f32]> {
        let Image { x, affine } = self.image(shape, index);
        let is_ready =
            affine.is_none() && shape.padding == 0 && shape.input.is_multiple_of(E::PER_WORD);
        bytemuck::try_cast_slice(x).ok().filter(|_| is_ready)
    }

    fn fill<K: Kernels>(&self, shape: &Shape, index: usize, scratch: &mut [f32]) {
        let Image { x, affine } = self.image(shape, index);
        let Some(affine) = affine else { return pad(x, shape, scratch) };
        let padded = Padded::input::<E>(shape);
        let row = shape.width * shape.input;
        assert_eq!(affine.scale.len(), shape.input);
        for (index, from) in x.chunks_exact(row).enumerate() {
            let at = padded.at(index + shape.padding, shape.padding);
            let out = values::<E>(&mut scratch[at..at + shape.width * padded.words]);
            assert_eq!(out.len(), row);
            let work = affine.normalise::<K, E, E>(from.as_ptr(), None, true, out);
            // SAFETY: both rows hold `width · input` values; the path of `K` is available.
            unsafe { K::normalise(&work) }
        }
    }
}
