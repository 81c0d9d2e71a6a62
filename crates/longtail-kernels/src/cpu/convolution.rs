//! Images through a convolution, forward and backward.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    element::Element,
    epilogue::Epilogue,
    grouped::Grouped,
    microkernel::ConvRow,
    padded::Padded,
    path::Kernels,
    phases::Phase,
    scratch::{Scratch, any, zeros},
    shape::Shape,
    source::Source,
    weights::Packed,
    winograd::{self, Filters, Plan},
};

/// Bytes of weights beyond which a kernel row at a time is used on the whole image, so that it stays
/// in the first cache.
const CACHE: usize = 40 << 10;

/// A convolution with its weights laid out for the way in which it is computed.
pub(crate) enum Convolution {
    /// As it is defined.
    Direct(Packed),
    /// See [`grouped`](super::grouped).
    Grouped(Grouped),
    /// See [`winograd`].
    Winograd(Plan, Filters),
}

/// Which threads work on one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The one that asks for it.
    One,
    /// All: there are fewer images than threads.
    All,
}

impl Convolution {
    /// Of `weight`, `[out, in, height, width]`.
    pub fn new<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        if shape.groups > 1 {
            return Self::Grouped(Grouped::new::<K, E>(weight, shape));
        }
        match Plan::of::<K>(shape) {
            Some(plan) => Self::Winograd(plan, Filters::forward::<K>(weight, shape)),
            None => Self::Direct(Packed::forward::<K, E>(weight, shape)),
        }
    }

    /// Images that [`Convolution::run`] takes at once.
    pub fn images(&self) -> usize {
        match self {
            Self::Direct(_) | Self::Grouped(_) => 1,
            Self::Winograd(plan, _) => plan.images,
        }
    }

    /// Zeros where the padding will stay.
    pub fn begin<E: Element>(&self, shape: &Shape, scratch: &mut Scratch) {
        if let Self::Direct(_) = self {
            zeros(&mut scratch.input, Padded::input::<E>(shape).len());
        }
    }

    /// Convolves some images of the source, each of which `epilogues` says what to do with.
    pub fn run<'a, K: Kernels, E: Element>(
        &self,
        source: &Source<'a, E>,
        shape: &Shape,
        images: Range<usize>,
        scratch: &mut Scratch,
        epilogues: impl Iterator<Item = Epilogue<'a, E>>,
        threads: Threads,
    ) {
        match self {
            Self::Direct(packed) => {
                for (image, epilogue) in images.zip(epilogues) {
                    source.fill::<K>(shape, image, &mut scratch.input);
                    directly::<K, E>(packed, shape, scratch, epilogue, threads);
                }
            }
            Self::Grouped(grouped) => {
                grouped.run::<K, E>(source, shape, images, scratch, epilogues);
            }
            Self::Winograd(plan, filters) => {
                let images = images.map(|image| source.image(shape, image));
                let from = (plan.size, images);
                winograd::convolve::<K, E, E>(filters, plan, from, scratch, epilogues, threads);
            }
        }
    }
}

/// The convolution of the padded image, made where it is kept if that holds f32.
fn directly<K: Kernels, E: Element>(
    packed: &Packed,
    shape: &Shape,
    scratch: &mut Scratch,
    mut epilogue: Epilogue<'_, E>,
    threads: Threads,
) {
    let padded = Padded::input::<E>(shape);
    let Scratch { input, image, .. } = scratch;
    let grid = Grid::outputs(shape);
    let elsewhere = match E::as_f32(epilogue.image()) {
        Some(kept) => {
            grid.share::<K, E>(packed, input, &padded, kept, threads);
            None
        }
        None => {
            let wide = any(image, shape.output_image());
            grid.share::<K, E>(packed, input, &padded, wide, threads);
            Some(wide.as_ptr())
        }
    };
    let epilogue = epilogue.raw::<K>(shape.out_pixels(), shape.output);
    let wide = elsewhere.unwrap_or_else(|| epilogue.image().cast());
    // SAFETY: what was borrowed outlives this call; `wide` is one output image, and is where the image is
    // kept only if that holds f32.
    unsafe { epilogue.run::<K>(wide, 0, shape.out_pixels()) }
}

/// Which pixels of a padded image a convolution reads, and which it writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    /// First tap of the first output, row and column in the scratch.
    pub from: [usize; 2],
    /// Pixels from the taps of one output to those of the next.
    pub stride: usize,
    /// First output, row and column.
    pub to: [usize; 2],
    /// Pixels from one output to the next.
    pub every: usize,
    /// Outputs down and across.
    pub count: [usize; 2],
    /// Pixels of a row of outputs.
    pub width: usize,
}

impl Grid {
    /// The outputs of a convolution.
    pub fn outputs(shape: &Shape) -> Self {
        let count = [shape.out_height(), shape.out_width()];
        let (from, to) = ([0, 0], [0, 0]);
        Self { from, stride: shape.stride, to, every: 1, count, width: shape.out_width() }
    }

    /// The convolution into an image that it fills, a part of its rows, or of a single row, by each thread.
    fn share<K: Kernels, E: Element>(
        &self,
        packed: &Packed,
        scratch: &[f32],
        padded: &Padded,
        out: &mut [f32],
        threads: Threads,
    ) {
        let parts = if threads == Threads::All { rayon::current_num_threads() } else { 1 };
        let [down, across] = self.count;
        let axis = usize::from(down == 1);
        let most = self.count[axis].div_ceil(parts);
        let of_part = most * if axis == 0 { across } else { 1 } * packed.channels;
        let work = |(index, out): (usize, &mut [f32])| {
            let mut part = *self;
            part.from[axis] += index * most * self.stride;
            part.count[axis] = most.min(self.count[axis] - index * most);
            part.width = part.count[1];
            convolve::<K, E>(packed, scratch, padded, &part, out);
        };
        let filled = &mut out[..down * across * packed.channels];
        match parts {
            1 => work((0, filled)),
            _ => filled.par_chunks_mut(of_part).enumerate().for_each(work),
        }
    }

    /// The pixels of an input's gradient that the same taps meet.
    pub fn inputs(shape: &Shape, phases: [Phase; 2]) -> Self {
        let before = [0, 1].map(|axis| Phase::around(shape, axis)[0]);
        let from = [0, 1].map(|axis| (before[axis] as isize + phases[axis].from) as usize);
        let (to, count) = (phases.map(|phase| phase.first), phases.map(|phase| phase.count));
        Self { from, stride: 1, to, every: shape.stride, count, width: shape.width }
    }

    /// That all is where it has to be, of a kernel of so many rows of so many words, into an image of so many channels.
    pub fn check(&self, [rows, taps]: [usize; 2], channels: usize, padded: &Padded, out: usize) {
        let [down, across] = self.count.map(|count| count - 1);
        assert!(
            self.from[0] + down * self.stride + rows <= padded.height
                && (self.from[1] + across * self.stride) * padded.words + taps <= padded.row(),
            "the taps of the last output lie in the scratch"
        );
        assert!(
            self.to[1] + across * self.every < self.width
                && (self.to[0] + down * self.every + 1) * self.width * channels <= out,
            "the last output lies in its image"
        );
    }
}

/// A convolution of one padded image, into an image of `packed.channels`.
pub(crate) fn convolve<K: Kernels, E: Element>(
    packed: &Packed,
    scratch: &[f32],
    padded: &Padded,
    grid: &Grid,
    out: &mut [f32],
) {
    assert_eq!(scratch.len(), padded.len());
    assert_eq!(packed.words.len(), packed.channels * packed.rows * packed.taps);
    grid.check([packed.rows, packed.taps], packed.channels, padded, out.len());
    let of_row = packed.taps * packed.block;
    let split = packed.block * packed.rows * packed.taps * size_of::<f32>() > CACHE;
    let (passes, taps_y) = if split { (packed.rows, 1) } else { (1, packed.rows) };
    for block in (0..packed.channels).step_by(packed.block) {
        let weights = &packed.words[block * packed.rows * packed.taps..];
        for pass in 0..passes {
            for row in 0..grid.count[0] {
                let from = padded.at(grid.from[0] + row * grid.stride + pass, grid.from[1]);
                let to = (grid.to[0] + row * grid.every) * grid.width + grid.to[1];
                let work = ConvRow {
                    x: scratch[from..].as_ptr(),
                    row: padded.row(),
                    step: grid.stride * padded.words,
                    taps_y,
                    taps_x: packed.taps,
                    weights: weights[pass * of_row..].as_ptr(),
                    out: out[to * packed.channels + block..].as_mut_ptr(),
                    out_step: grid.every * packed.channels,
                    count: grid.count[1],
                    accumulate: pass > 0,
                };
                // SAFETY: `check` and the asserts above keep the last tap, weight and output in their
                // slices; the path of `K` is available.
                unsafe { K::conv_row::<E>(&work, packed.block) }
            }
        }
    }
}
