//! Convolution, batch norm, residual and ReLU of a batch.

use std::ops::Range;

use super::{
    affine::Affine,
    batch::{are_few, each_group, share_out},
    convolution::{Convolution, Threads},
    element::Element,
    epilogue::Epilogue,
    path::Kernels,
    pixelwise::Normalise,
    pool::{Pooled, take},
    residual::Residual,
    scratch::{Scratch, any, values},
    shape::Shape,
    source::Source,
    words::Words,
};

/// Bytes from which on a batch is written past the caches, which it would only sweep.
const STREAMED: usize = 32 << 20;

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
    let begin = |scratch: &mut Scratch| convolution.begin::<E>(&source, shape, scratch);
    let work = |scratch: &mut Scratch, images: Range<usize>, y: &mut [E], sums: &mut [f32]| {
        let parts =
            y.chunks_exact_mut(shape.output_image()).zip(sums.chunks_exact_mut(2 * shape.output));
        let epilogues = parts.map(|(kept, sums)| {
            let (sum, square) = sums.split_at_mut(shape.output);
            Epilogue::Moments { kept, sum, square }
        });
        convolution.run::<K, E>(&source, shape, images, scratch, epilogues, Threads::One);
    };
    each_group(shape, convolution.images(shape), &mut y, &mut sums, begin, work);
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
pub(crate) fn normalise_batch<K: Kernels, E: Element>(
    y: &[E],
    affine: &Affine,
    residual: Residual<'_, E>,
    relu: bool,
    shape: &Shape,
) -> Pooled<E> {
    let size = shape.output_image();
    assert_eq!(y.len(), shape.images * size);
    assert_eq!(affine.scale.len(), shape.output);
    let mut out = take::<E>(y.len());
    let stream = size_of_val(&*out) >= STREAMED;
    share_out(shape.images, shape.chunk(), &mut out, |scratch, images, out| {
        let y = &y[images.start * size..images.end * size];
        assert_eq!(out.len(), y.len());
        let residual = residual.images(size, images, &mut scratch.residual);
        let work = affine.normalise::<K, E, E>(y.as_ptr(), residual, relu, out);
        assert!(!stream || work.out.addr().is_multiple_of(K::LANES * size_of::<E>()));
        let work = Normalise { stream, ..work };
        // SAFETY: `y` and `out` are as many output images, and these begin at a whole vector if they are streamed; the path
        // of `K` is available.
        unsafe { K::normalise(&work) }
    });
    out
}

/// A convolution and a normalisation with given coefficients.
struct Layer<'a> {
    convolution: &'a Convolution,
    affine: &'a Affine,
    threads: Threads,
}

impl<'a> Layer<'a> {
    fn new(convolution: &'a Convolution, affine: &'a Affine, shape: &Shape) -> Self {
        let threads = match are_few(shape.images, convolution.images(shape)) {
            true => Threads::All,
            false => Threads::One,
        };
        Self { convolution, affine, threads }
    }

    /// Of images `at` of the source, with images `images` of the residual added, then perhaps the ReLU.
    fn run<K: Kernels, E: Element>(
        &self,
        (source, shape, at): (Source<'_, E>, &Shape, Range<usize>),
        (residual, images): (Residual<'_, E>, Range<usize>),
        relu: bool,
        scratch: &mut Scratch,
        out: &mut [E],
    ) {
        let size = shape.output_image();
        let mut buffer = std::mem::take(&mut scratch.residual);
        let added = residual.images(size, images, &mut buffer);
        let epilogues = out.chunks_exact_mut(size).enumerate().map(|(index, out)| {
            let residual = added.map(|added| &added[index * size..][..size]);
            Epilogue::Normalise { out, residual, affine: self.affine, relu }
        });
        self.convolution.begin::<E>(&source, shape, scratch);
        self.convolution.run::<K, E>(&source, shape, at, scratch, epilogues, self.threads);
        scratch.residual = buffer;
    }
}

/// Convolution, normalisation with given coefficients, residual and ReLU in one pass.
pub(crate) fn infer<K: Kernels, E: Element>(
    source: Source<'_, E>,
    convolution: &Convolution,
    affine: &Affine,
    residual: Residual<'_, E>,
    relu: bool,
    shape: &Shape,
) -> Pooled<E> {
    let layer = Layer::new(convolution, affine, shape);
    let mut out = take::<E>(shape.images * shape.output_image());
    share_out(shape.images, convolution.images(shape), &mut out, |scratch, images, out| {
        let from = (source, shape, images.clone());
        layer.run::<K, E>(from, (residual, images), relu, scratch, out);
    });
    out
}

/// Residual blocks with given coefficients, two layers each, all after the first of one shape: all of them
/// for one group of images after the other, so that what is between them never leaves the cache.
pub(crate) fn infer_blocks<K: Kernels, E: Element>(
    x: &[E],
    layers: &[(&[f32], &Affine)],
    shortcut: Residual<'_, E>,
    [first, second]: [&Shape; 2],
) -> Pooled<E> {
    let shape = |index: usize| if index == 0 { first } else { second };
    let convolution = |(index, (weight, _)): (usize, &(&[f32], _))| {
        Convolution::new::<K, E>(weight, shape(index))
    };
    let convolutions: Vec<Convolution> = layers.iter().enumerate().map(convolution).collect();
    let layers = convolutions.iter().zip(layers).enumerate();
    let layers: Vec<Layer<'_>> =
        layers.map(|(i, (weights, (_, affine)))| Layer::new(weights, affine, shape(i))).collect();
    let mut out = take::<E>(second.images * second.output_image());
    let work = |scratch: &mut Scratch, images: Range<usize>, out: &mut [E]| {
        let (group, all) = (Shape { images: images.len(), ..*second }, 0..images.len());
        let mut buffers = std::mem::take(&mut scratch.between);
        let [hidden, mut input, mut output] =
            buffers.each_mut().map(|buffer| image_buffer::<E>(buffer, out.len()));
        let blocks = layers.chunks_exact(2);
        let last = blocks.len() - 1;
        for (index, block) in blocks.enumerate() {
            let (from, past) = match index {
                0 => ((Source::Plain(x), first, images.clone()), (shortcut, images.clone())),
                _ => {
                    let from = (Source::Plain(&*input), &group, all.clone());
                    (from, (Residual::Same(&*input), all.clone()))
                }
            };
            let none = (Residual::None, 0..0);
            block[0].run::<K, E>(from, none, true, scratch, hidden);
            let from = (Source::Plain(&*hidden), &group, all.clone());
            let to = if index == last { &mut *out } else { &mut *output };
            block[1].run::<K, E>(from, past, true, scratch, to);
            std::mem::swap(&mut input, &mut output);
        }
        scratch.between = buffers;
    };
    let group = (0..).zip(&convolutions).map(|(index, layer)| layer.images(shape(index)));
    let group = group.max().unwrap_or(1);
    share_out(second.images, group, &mut out, work);
    out
}

/// Room for `count` values.
fn image_buffer<E: Element>(buffer: &mut Words, count: usize) -> &mut [E] {
    &mut values::<E>(any(buffer, count.div_ceil(E::PER_WORD)))[..count]
}

#[cfg(test)]
mod tests {
    use burn::tensor::bf16;

    use super::*;
    use crate::cpu::OnPortable;

    /// Values of a batch of so many images of 64 × 64 pixels and 16 channels, some of them negative.
    fn values<E: Element>(images: usize, salt: usize) -> Vec<E> {
        let value = |at: usize| (at * (7 + salt) % 1013) as f32 / 500.0 - 1.0;
        (0..images * 64 * 64 * 16).map(|at| E::round(value(at))).collect()
    }

    /// A batch that is written past the caches is what its images are one by one.
    fn check<K: Kernels, E: Element + PartialEq>() {
        let images = STREAMED / (64 * 64 * 16 * size_of::<E>()) + 1;
        let shape = |images| Shape::of([images, 64, 64, 16], [16, 16, 1, 1], 1, 0).unwrap();
        let (y, residual) = (values::<E>(images, 0), values::<E>(images, 2));
        let affine = Affine { scale: vec![1.5; 16], shift: vec![0.25; 16] };
        let of = |y: &[E], residual: &[E], images| {
            let residual = Residual::Same(residual);
            normalise_batch::<K, E>(y, &affine, residual, true, &shape(images))
        };
        let all = of(&y, &residual, images);
        assert!(size_of_val(&*all) >= STREAMED);
        let size = shape(1).output_image();
        let singles = y.chunks_exact(size).zip(residual.chunks_exact(size));
        for (all, (y, residual)) in all.chunks_exact(size).zip(singles) {
            assert!(all == &*of(y, residual, 1));
        }
    }

    #[test]
    fn large_batches_are_what_their_images_are() {
        check::<OnPortable, f32>();
        check::<OnPortable, bf16>();
        #[cfg(target_arch = "x86_64")]
        {
            use crate::cpu::{OnAvx2, OnAvx512, OnAvx512Bf16, Path};
            if Path::Avx2.is_available() {
                check::<OnAvx2, f32>();
                check::<OnAvx2, bf16>();
            }
            if Path::Avx512.is_available() {
                check::<OnAvx512, f32>();
                check::<OnAvx512, bf16>();
            }
            if Path::Avx512Bf16.is_available() {
                check::<OnAvx512Bf16, bf16>();
            }
        }
    }
}
