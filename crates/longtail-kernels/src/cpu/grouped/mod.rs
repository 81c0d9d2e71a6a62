//! Convolutions of channels in groups, as many out of a group as into it, in f32 whatever the activations are: few
//! products meet every value, so that a kernel is bound by what it reads, and pairs of bf16 would not pay.
//!
//! Channels are made in slices that fill vectors: a group that is as wide, or several narrow ones with zeros between
//! them.

mod backward;
mod weights;

use self::weights::Packed;
use super::{
    affine::Affine,
    convolution::Grid,
    element::Element,
    epilogue::Epilogue,
    microkernel::ConvRow,
    padded::{Padded, pad},
    path::Kernels,
    scratch::{Scratch, any},
    shape::Shape,
    source::{Image, Source},
};

/// Whether the kernels with vectors of so many values take a convolution.
pub(crate) fn fits(shape: &Shape, lanes: usize) -> bool {
    let width = shape.input / shape.groups;
    shape.groups > 1
        && shape.input == shape.output
        && shape.input.is_multiple_of(lanes)
        && (width.is_multiple_of(lanes) || lanes.is_multiple_of(width))
}

/// Channels of a slice.
fn slice<K: Kernels>(shape: &Shape) -> usize {
    (shape.input / shape.groups).max(K::LANES)
}

/// A convolution with its weights laid out.
pub(crate) struct Grouped(Packed);

impl Grouped {
    /// Of `weight`, `[out, in / groups, height, width]`.
    pub fn new<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        Self(Packed::forward::<K, E>(weight, shape))
    }

    /// Convolves one image of the source.
    pub fn run<K: Kernels, E: Element>(
        &self,
        source: &Source<'_, E>,
        (shape, index): (&Shape, usize),
        scratch: &mut Scratch,
        mut epilogue: Epilogue<'_, E>,
    ) {
        fill::<K, E>(source.image(shape, index), shape, &mut scratch.input);
        let (padded, grid) = (Padded::input::<f32>(shape), Grid::outputs(shape));
        let Scratch { input, image, .. } = scratch;
        let elsewhere = match E::as_f32(epilogue.image()) {
            Some(kept) => {
                convolve::<K>(&self.0, input, &padded, &grid, kept);
                None
            }
            None => {
                let wide = any(image, shape.output_image());
                convolve::<K>(&self.0, input, &padded, &grid, wide);
                Some(wide.as_ptr())
            }
        };
        let epilogue = epilogue.raw::<K>(shape.out_pixels(), shape.output);
        let wide = elsewhere.unwrap_or_else(|| epilogue.image().cast());
        // SAFETY: what was borrowed outlives this call; `wide` is one output image, and is where the image is
        // kept only if that holds f32.
        unsafe { epilogue.run::<K>(wide, 0, shape.out_pixels()) }
    }
}

/// Fills the middle of a padded scratch of f32, whose borders are zero.
fn fill<K: Kernels, E: Element>(image: Image<'_, E>, shape: &Shape, scratch: &mut [f32]) {
    if E::PER_WORD == 1 && image.affine.is_none() {
        return pad(image.x, shape, scratch);
    }
    let padded = Padded::input::<f32>(shape);
    let unchanged = || Affine { scale: vec![1.0; shape.input], shift: vec![0.0; shape.input] };
    let own;
    let affine = match image.affine {
        Some(affine) => affine,
        None => {
            own = unchanged();
            &own
        }
    };
    let row = shape.width * shape.input;
    for (index, from) in image.x.chunks_exact(row).enumerate() {
        let at = padded.at(index + shape.padding, shape.padding);
        let out = &mut scratch[at..at + row];
        let relu = image.affine.is_some();
        let work = affine.normalise::<K, E, f32>(from.as_ptr(), None, relu, out);
        // SAFETY: both rows hold `width · input` values; the path of `K` is available.
        unsafe { K::normalise(&work) }
    }
}

/// A convolution of one padded image.
fn convolve<K: Kernels>(
    packed: &Packed,
    scratch: &[f32],
    padded: &Padded,
    grid: &Grid,
    out: &mut [f32],
) {
    let [rows, columns] = packed.kernel;
    let (slice, block, channels) = (packed.slice, packed.block, padded.words);
    assert_eq!(scratch.len(), padded.len());
    assert_eq!(packed.words.len(), channels * rows * columns * slice);
    assert!(slice.is_multiple_of(block) && channels.is_multiple_of(slice));
    grid.check([rows, columns * channels], channels, padded, out.len());
    for (index, weights) in packed.words.chunks_exact(rows * columns * slice * block).enumerate() {
        let channel = index * block;
        for row in 0..grid.count[0] {
            let to = (grid.to[0] + row * grid.every) * grid.width + grid.to[1];
            let out = &mut out[to * channels + channel..];
            for kernel_row in 0..rows {
                let from = padded.at(grid.from[0] + row * grid.stride + kernel_row, grid.from[1]);
                let work = ConvRow {
                    x: scratch[from + channel / slice * slice..].as_ptr(),
                    row: channels,
                    step: grid.stride * channels,
                    taps_y: columns,
                    taps_x: slice,
                    weights: weights[kernel_row * columns * slice * block..].as_ptr(),
                    out: out.as_mut_ptr(),
                    out_step: grid.every * channels,
                    count: grid.count[1],
                    accumulate: kernel_row > 0,
                };
                // SAFETY: `check` and the asserts above keep the last tap, weight and output in their
                // slices; the path of `K` is available.
                unsafe { K::conv_row::<f32>(&work, block) }
            }
        }
    }
}
