//! Convolution, batch norm, residual and ReLU of a batch.

use std::ops::Range;

use super::{
    batch::{Affine, Source, each_group, each_image},
    convolution::Convolution,
    element::Element,
    finish::Finish,
    path::Kernels,
    pixelwise::Normalise,
    pool::{Pooled, take},
    residual::Residual,
    scratch::{Scratch, any, values},
    shape::Shape,
};

/// Mean and biased variance per channel.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
}

/// The convolution of `source`, `[images, out height, out width, out]`, and its moments.
pub(crate) fn convolve_batch<K: Kernels, E: Element>(
    source: Source<'_, E>,
    weight: &[f32],
    shape: &Shape,
) -> (Pooled<E>, Moments) {
    let convolution = Convolution::new::<K, E>(weight, shape);
    let mut y = take::<E>(shape.images * shape.output_image());
    let mut sums = vec![0.0; shape.images * 2 * shape.output];
    let begin = |scratch: &mut Scratch| convolution.begin::<E>(shape, scratch);
    let work = |scratch: &mut Scratch, images: Range<usize>, y: &mut [E], sums: &mut [f32]| {
        let parts =
            y.chunks_exact_mut(shape.output_image()).zip(sums.chunks_exact_mut(2 * shape.output));
        let finishes = parts.map(|(kept, sums)| {
            let (sum, square) = sums.split_at_mut(shape.output);
            Finish::Moments { kept, sum, square }
        });
        convolution.run::<K, E>(&source, shape, images, scratch, finishes);
    };
    each_group(shape, convolution.images(), &mut y, &mut sums, begin, work);
    (y, moments(&sums, shape))
}

/// From the sums and squared deviations of every image to those of the batch (Chan et al. 1979).
fn moments(sums: &[f32], shape: &Shape) -> Moments {
    let (pixels, count) = (shape.out_pixels() as f64, shape.count() as f64);
    let images = || sums.chunks_exact(2 * shape.output).map(|image| image.split_at(shape.output));
    let mut mean = vec![0.0; shape.output];
    for (sum, _) in images() {
        mean.iter_mut().zip(sum).for_each(|(mean, sum)| *mean += f64::from(*sum));
    }
    mean.iter_mut().for_each(|mean| *mean /= count);
    let mut variance = vec![0.0; shape.output];
    for (sum, square) in images() {
        for (((variance, mean), sum), square) in variance.iter_mut().zip(&mean).zip(sum).zip(square)
        {
            let apart = f64::from(*sum) / pixels - mean;
            *variance += f64::from(*square) + pixels * apart * apart;
        }
    }
    Moments {
        mean: mean.into_iter().map(|mean| mean as f32).collect(),
        variance: variance.into_iter().map(|variance| (variance / count) as f32).collect(),
    }
}

/// `[relu](y · scale + shift + residual)` of every image.
pub(crate) fn finish<K: Kernels, E: Element>(
    y: &[E],
    affine: &Affine,
    residual: Residual<'_, E>,
    relu: bool,
    shape: &Shape,
) -> Pooled<E> {
    let (size, channels) = (shape.output_image(), shape.output);
    assert_eq!(y.len(), shape.images * size);
    assert!(channels.is_multiple_of(K::LANES));
    assert!(affine.scale.len() == channels && affine.shift.len() == channels);
    let mut out = take::<E>(y.len());
    let mut none = vec![0.0; shape.images];
    each_image(shape, &mut out, &mut none, |scratch, index, out, _| {
        let residual = residual.images(size, index..index + 1, &mut scratch.residual);
        assert!(residual.is_none_or(|residual| residual.len() == size));
        let work = Normalise {
            y: y[index * size..][..size].as_ptr(),
            residual: residual.map_or(std::ptr::null(), <[E]>::as_ptr),
            scale: affine.scale.as_ptr(),
            shift: affine.shift.as_ptr(),
            relu,
            out: out.as_mut_ptr(),
            pixels: shape.out_pixels(),
            channels,
        };
        // SAFETY: `y`, `out` and the residual are one output image each, the coefficients one value per
        // channel, of which there are a multiple of the lanes; the path of `K` is available.
        unsafe { K::normalise(&work) }
    });
    out
}

/// A convolution, normalisation with given coefficients, residual and ReLU in one pass.
struct Layer<'a, E> {
    convolution: Convolution,
    affine: &'a Affine,
    residual: Residual<'a, E>,
    relu: bool,
}

impl<E: Element> Layer<'_, E> {
    /// Of images `at` of the source, for images `images` of the residual.
    fn run<K: Kernels>(
        &self,
        (source, shape, at): (Source<'_, E>, &Shape, Range<usize>),
        images: Range<usize>,
        scratch: &mut Scratch,
        out: &mut [E],
    ) {
        let size = shape.output_image();
        let mut buffer = std::mem::take(&mut scratch.residual);
        let added = self.residual.images(size, images, &mut buffer);
        let finishes = out.chunks_exact_mut(size).enumerate().map(|(index, out)| {
            let residual = added.map(|added| &added[index * size..][..size]);
            Finish::Normalise { out, residual, affine: self.affine, relu: self.relu }
        });
        self.convolution.begin::<E>(shape, scratch);
        self.convolution.run::<K, E>(&source, shape, at, scratch, finishes);
        scratch.residual = buffer;
    }
}

/// Convolution, normalisation with given coefficients, residual and ReLU in one pass.
pub(crate) fn infer<K: Kernels, E: Element>(
    source: Source<'_, E>,
    weight: &[f32],
    affine: &Affine,
    residual: Residual<'_, E>,
    relu: bool,
    shape: &Shape,
) -> Pooled<E> {
    let convolution = Convolution::new::<K, E>(weight, shape);
    let layer = Layer { convolution, affine, residual, relu };
    let mut out = take::<E>(shape.images * shape.output_image());
    let mut none = vec![0.0; shape.images];
    let work = |scratch: &mut Scratch, images: Range<usize>, out: &mut [E], _: &mut [f32]| {
        layer.run::<K>((source, shape, images.clone()), images, scratch, out);
    };
    each_group(shape, layer.convolution.images(), &mut out, &mut none, |_| {}, work);
    out
}

/// A residual block with given coefficients, group by group, so that what is between its convolutions never
/// leaves the cache.
pub(crate) fn infer_block<K: Kernels, E: Element>(
    x: &[E],
    weights: [&[f32]; 2],
    affines: [&Affine; 2],
    shortcut: Residual<'_, E>,
    [first, second]: [&Shape; 2],
) -> Pooled<E> {
    let convolution = Convolution::new::<K, E>(weights[0], first);
    let one = Layer { convolution, affine: affines[0], residual: Residual::None, relu: true };
    let convolution = Convolution::new::<K, E>(weights[1], second);
    let two = Layer { convolution, affine: affines[1], residual: shortcut, relu: true };
    let mut out = take::<E>(second.images * second.output_image());
    let mut none = vec![0.0; second.images];
    let work = |scratch: &mut Scratch, images: Range<usize>, out: &mut [E], _: &mut [f32]| {
        let group = Shape { images: images.len(), ..*second };
        let count = images.len() * first.output_image();
        let mut buffer = std::mem::take(&mut scratch.hidden);
        let hidden = &mut values::<E>(any(&mut buffer, count.div_ceil(E::PER_WORD)))[..count];
        one.run::<K>((Source::Plain(x), first, images.clone()), images.clone(), scratch, hidden);
        two.run::<K>((Source::Plain(hidden), &group, 0..images.len()), images, scratch, out);
        scratch.hidden = buffer;
    };
    let group = one.convolution.images().max(two.convolution.images());
    each_group(second, group, &mut out, &mut none, |_| {}, work);
    out
}
