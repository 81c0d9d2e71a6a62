//! Convolutions of channels in groups, as many out of a group as into it, in f32 whatever the activations are: few
//! products meet every value, so that a kernel is bound by what it reads, and pairs of bf16 would not pay.
//!
//! Channels are made in slices that fill vectors: a group that does, or several with zeros between them. A few rows at a
//! time are made and used while they are in the caches.

mod backward;
mod kernels;
mod rows;
mod weights;
mod window;

use std::ops::Range;

pub(crate) use self::kernels::{CorrelateQuads, GroupedRow, QUAD};
pub(super) use self::kernels::{correlate_quads as quads, grouped_row as row};
use self::{
    rows::{Line, Widened, band, convolve},
    weights::Packed,
    window::Window,
};
use super::{
    element::Element,
    epilogue::Epilogue,
    padded::Padded,
    path::Kernels,
    scratch::{Scratch, any},
    shape::Shape,
    source::Source,
};

/// Most that slices may be wider than their groups, or than a vector: as many times the products are made.
const MOST_IN_VAIN: usize = 4;

/// Whether the kernels with vectors of so many values take a convolution.
pub(crate) fn fits(shape: &Shape, lanes: usize) -> bool {
    let group = shape.input / shape.groups;
    let width = whole(group, lanes);
    shape.groups > 1
        && shape.input == shape.output
        && shape.input.is_multiple_of(width)
        && width <= MOST_IN_VAIN * group.max(lanes)
}

/// The fewest channels that are whole groups and whole vectors, of a power of two of values.
fn whole(group: usize, lanes: usize) -> usize {
    let shared = lanes.min(1 << group.trailing_zeros());
    group / shared * lanes
}

/// How the channels are cut.
#[derive(Debug, Clone, Copy)]
struct Slices {
    /// Channels of a group.
    group: usize,
    /// Channels of a slice.
    width: usize,
    /// Channels that one of a slice is summed over: all of its slice, or of its quad.
    inputs: usize,
}

impl Slices {
    fn of<K: Kernels>(shape: &Shape) -> Self {
        let group = shape.input / shape.groups;
        let width = whole(group, K::LANES);
        Self { group, width, inputs: if QUAD.is_multiple_of(group) { QUAD } else { width } }
    }
}

/// A convolution with its weights laid out.
pub(crate) struct Grouped(Packed);

impl Grouped {
    /// Of `weight`, `[out, in / groups, height, width]`.
    pub fn new<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        Self(Packed::forward::<K, E>(weight, shape))
    }

    /// See [`Borrowed::keep`](super::scratch::Borrowed::keep).
    pub fn keep(&mut self) {
        self.0.words.keep();
    }

    /// Convolves some images of the source, each of which `epilogues` says what to do with.
    pub fn run<'a, K: Kernels, E: Element>(
        &self,
        source: &Source<'a, E>,
        shape: &Shape,
        images: Range<usize>,
        scratch: &mut Scratch,
        epilogues: impl Iterator<Item = Epilogue<'a, E>>,
    ) {
        let (rows, of_row) = (band(self.0.words.len(), shape), shape.out_width() * shape.output);
        let needed = |rows: usize| (rows - 1) * shape.stride + shape.kernel[0];
        let Scratch { input, image: wide, .. } = scratch;
        let mut window = Window::new(input, Padded::input::<f32>(shape), needed(rows));
        let widened = Widened::new(shape);
        for (image, epilogue) in images.zip(epilogues) {
            let x = source.image(shape, image);
            let epilogue = epilogue.raw::<K>(shape.out_pixels(), shape.output);
            window.restart();
            for first in (0..shape.out_height()).step_by(rows) {
                let rows = rows.min(shape.out_height() - first);
                let from = first * shape.stride;
                let step = window.padded.words;
                window.reach(from, from + needed(rows), |row, to| {
                    widened.row::<K, E>(x, shape, row, to, step);
                });
                let lines: Vec<Line> =
                    (0..rows).map(|row| Line::of_output(shape, first, row)).collect();
                let wide = any(wide, rows * of_row);
                convolve::<K>(&self.0, &window, &lines, wide);
                let pixels = rows * shape.out_width();
                // SAFETY: what was borrowed outlives this call; `wide` holds these pixels, and is not where
                // they are kept.
                unsafe {
                    epilogue.run::<K>(wide.as_ptr(), first * shape.out_width(), pixels);
                }
            }
        }
    }
}
