//! Convolution, batch norm, residual and ReLU of a batch.

use std::ops::Range;

use super::{
    batch::{Affine, Source, each_group, each_image},
    convolution::Convolution,
    element::Element,
    path::Kernels,
    pixelwise::{self, Normalise},
    pool::{Pooled, take},
    scratch::{Scratch, any, values, zeros},
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
    each_group(
        shape,
        convolution.images(),
        &mut y,
        &mut sums,
        begin,
        |scratch, images, y, sums| {
            let wide = convolve_group::<K, E>(&convolution, &source, shape, images, scratch, y);
            let kept = y.as_mut_ptr();
            for (index, sums) in sums.chunks_exact_mut(2 * shape.output).enumerate() {
                let (sum, square) = sums.split_at_mut(shape.output);
                let at = index * shape.output_image();
                // SAFETY: `wide` and `kept` hold an output image for every one of `sums`, the same one
                // where both hold f32; `sum` and `square` hold one value per channel; the path of `K` is
                // available.
                unsafe {
                    K::keep(&pixelwise::Moments {
                        y: wide.add(at),
                        kept: kept.add(at),
                        sum: sum.as_mut_ptr(),
                        square: square.as_mut_ptr(),
                        pixels: shape.out_pixels(),
                        channels: shape.output,
                    });
                }
            }
        },
    );
    (y, moments(&sums, shape))
}

/// The convolution of some images in f32: in `y` where that holds f32, else in the scratch. Gives its
/// address.
fn convolve_group<K: Kernels, E: Element>(
    convolution: &Convolution,
    source: &Source<'_, E>,
    shape: &Shape,
    images: Range<usize>,
    scratch: &mut Scratch,
    y: &mut [E],
) -> *const f32 {
    let count = y.len();
    if let Some(wide) = E::as_f32(y) {
        convolution.run::<K, E>(source, shape, images, scratch, wide);
        return wide.as_ptr();
    }
    let mut image = std::mem::take(&mut scratch.image);
    let wide = any(&mut image, count);
    convolution.run::<K, E>(source, shape, images, scratch, wide);
    scratch.image = image;
    scratch.image.as_ptr()
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

/// What is added before the ReLU.
#[derive(Clone, Copy)]
pub(crate) enum Residual<'a, E> {
    /// Nothing.
    None,
    /// Values like the output's.
    Same(&'a [E]),
    /// Every second pixel of twice as high and wide an input of fewer channels, zeros on both sides
    /// of its channels; with the input's height, width and channels.
    Subsampled(&'a [E], [usize; 3]),
}

impl<E: Element> Residual<'_, E> {
    /// The address of image `index`, which may be made in `buffer`; null for nothing.
    fn image(&self, shape: &Shape, index: usize, buffer: &mut Vec<f32>) -> *const E {
        match *self {
            Residual::None => std::ptr::null(),
            Residual::Same(values) => {
                assert_eq!(values.len(), shape.images * shape.output_image());
                values[index * shape.output_image()..].as_ptr()
            }
            Residual::Subsampled(x, [height, width, channels]) => {
                let image = &x[index * height * width * channels..][..height * width * channels];
                let words = shape.output_image().div_ceil(E::PER_WORD);
                let made = &mut values::<E>(zeros(buffer, words))[..shape.output_image()];
                let before = (shape.output - channels) / 2;
                for (pixel, out) in made.chunks_exact_mut(shape.output).enumerate() {
                    let (row, column) = (pixel / shape.out_width(), pixel % shape.out_width());
                    let from = (2 * row * width + 2 * column) * channels;
                    out[before..before + channels].copy_from_slice(&image[from..from + channels]);
                }
                made.as_ptr()
            }
        }
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
    let size = shape.output_image();
    assert_eq!(y.len(), shape.images * size);
    let mut out = take::<E>(y.len());
    let mut none = vec![0.0; shape.images];
    each_image(shape, &mut out, &mut none, |scratch, index, out, _| {
        let residual = residual.image(shape, index, &mut scratch.residual);
        let (y, out) = (y[index * size..][..size].as_ptr(), out.as_mut_ptr());
        // SAFETY: `y`, `out` and the residual are one output image each.
        unsafe { normalise::<K, E, E>(y, residual, affine, relu, out, shape) }
    });
    out
}

/// # Safety
/// `y`, `out` and a `residual` that is not null point to one output image; `y` may be `out`.
unsafe fn normalise<K: Kernels, In: Element, E: Element>(
    y: *const In,
    residual: *const E,
    affine: &Affine,
    relu: bool,
    out: *mut E,
    shape: &Shape,
) {
    let channels = shape.output;
    assert!(channels.is_multiple_of(K::LANES));
    assert!(affine.scale.len() == channels && affine.shift.len() == channels);
    let work = Normalise {
        y,
        residual,
        scale: affine.scale.as_ptr(),
        shift: affine.shift.as_ptr(),
        relu,
        out,
        pixels: shape.out_pixels(),
        channels,
    };
    // SAFETY: checked above, or the caller's; the path of `K` is available.
    unsafe { K::normalise(&work) }
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
    let size = shape.output_image();
    let mut out = take::<E>(shape.images * size);
    let mut none = vec![0.0; shape.images];
    let begin = |scratch: &mut Scratch| convolution.begin::<E>(shape, scratch);
    each_group(
        shape,
        convolution.images(),
        &mut out,
        &mut none,
        begin,
        |scratch, images, out, _| {
            let first = images.start;
            let wide = convolve_group::<K, E>(&convolution, &source, shape, images, scratch, out);
            let out_at = out.as_mut_ptr();
            for index in 0..out.len() / size {
                let residual = residual.image(shape, first + index, &mut scratch.residual);
                // SAFETY: `wide` and `out` hold an output image for every index, the residual is one.
                unsafe {
                    let (y, out) = (wide.add(index * size), out_at.add(index * size));
                    normalise::<K, f32, E>(y, residual, affine, relu, out, shape);
                }
            }
        },
    );
    out
}
