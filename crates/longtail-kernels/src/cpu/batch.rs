//! A whole batch: images in parallel, every sum in a fixed order.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    element::Element,
    padded::{Padded, pad},
    path::Kernels,
    pixelwise::Normalise,
    scratch::{self, Scratch, values},
    shape::Shape,
    winograd::Image,
};

/// Factor and summand per channel.
#[derive(Debug, Clone)]
pub(crate) struct Affine {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl Affine {
    /// What a batch norm with these statistics does.
    pub fn batch_norm(
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        epsilon: f64,
    ) -> Self {
        let inverse = |variance: f32| 1.0 / (f64::from(variance) + epsilon).sqrt();
        let scale: Vec<f32> =
            gamma.iter().zip(variance).map(|(g, v)| (f64::from(*g) * inverse(*v)) as f32).collect();
        let shift = |((b, m), s): ((&f32, &f32), &f32)| b - m * s;
        let shift = beta.iter().zip(mean).zip(&scale).map(shift).collect();
        Self { scale, shift }
    }
}

impl Affine {
    /// `out = [relu](y · scale + shift [+ residual])` for the kernels, its other addresses checked: `y` is to be
    /// as many values as `out`, whole pixels.
    pub fn normalise<K: Kernels, In: Element, Out: Element>(
        &self,
        y: *const In,
        residual: Option<&[Out]>,
        relu: bool,
        out: &mut [Out],
    ) -> Normalise<In, Out> {
        let channels = self.scale.len();
        assert!(self.shift.len() == channels && channels.is_multiple_of(K::LANES));
        assert!(out.len().is_multiple_of(channels));
        assert!(residual.is_none_or(|residual| residual.len() == out.len()));
        Normalise {
            y,
            residual: residual.map_or(std::ptr::null(), <[Out]>::as_ptr),
            scale: self.scale.as_ptr(),
            shift: self.shift.as_ptr(),
            relu,
            out: out.as_mut_ptr(),
            pixels: out.len() / channels,
            channels,
        }
    }
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

    /// Fills the middle of a padded scratch, whose borders are zero, with image `index`.
    pub fn fill<K: Kernels>(&self, shape: &Shape, index: usize, scratch: &mut [f32]) {
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

/// Calls `work` on the parts of `values` and of `sums` of every `group` of images; the groups of a chunk
/// one after the other in one thread, which has called `begin` before.
pub(crate) fn each_group<E: Element>(
    shape: &Shape,
    group: usize,
    values: &mut [E],
    sums: &mut [f32],
    begin: impl Fn(&mut Scratch) + Sync,
    work: impl Fn(&mut Scratch, Range<usize>, &mut [E], &mut [f32]) + Sync,
) {
    let (of_values, of_sums) = (values.len() / shape.images, sums.len() / shape.images);
    let chunk = shape.chunk();
    values
        .par_chunks_mut(chunk * of_values)
        .zip(sums.par_chunks_mut(chunk * of_sums))
        .enumerate()
        .for_each(|(index, (values, sums))| {
            scratch::with(|scratch| {
                begin(scratch);
                let parts = values.chunks_mut(group * of_values);
                let parts = parts.zip(sums.chunks_mut(group * of_sums));
                for (images, (values, sums)) in shape.groups(index, group).zip(parts) {
                    work(scratch, images, values, sums);
                }
            });
        });
}

/// Calls `work` on about `group` images of `values` at a time, where nothing is summed over images and so any
/// cut gives the same: one that keeps all threads equally busy.
pub(crate) fn share_out<E: Element>(
    images: usize,
    group: usize,
    values: &mut [E],
    work: impl Fn(&mut Scratch, Range<usize>, &mut [E]) + Sync,
) {
    let size = values.len() / images;
    // Half a group, so that no share leaves a part of a tile of the kernels over.
    let unit = group.div_ceil(2);
    let units = images.div_ceil(unit);
    let tasks = images.div_ceil(group).next_multiple_of(rayon::current_num_threads()).min(units);
    let mut rest = values;
    let mut shares = Vec::with_capacity(tasks);
    for task in 0..tasks {
        let until = |task: usize| (task * units / tasks * unit).min(images);
        let share = until(task)..until(task + 1);
        let (part, behind) = rest.split_at_mut(share.len() * size);
        shares.push((share, part));
        rest = behind;
    }
    shares.into_par_iter().for_each(|(share, part)| {
        scratch::with(|scratch| work(scratch, share, part));
    });
}
