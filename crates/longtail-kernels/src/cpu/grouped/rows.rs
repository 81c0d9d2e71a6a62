//! Rows of outputs, of rows at hand.

use super::{kernels::GroupedRow, weights::Packed, window::Window};
use crate::cpu::{affine::Affine, element::Element, path::Kernels, shape::Shape, source::Image};

/// Rows that are made at once: more of them where the weights, which all of them meet, are many.
pub(super) fn band(weights: usize, shape: &Shape) -> usize {
    let of_row = 2 * shape.out_width() * shape.output;
    weights.div_ceil(of_row).clamp(1, shape.out_height())
}

/// Rows of activations in f32.
pub(super) struct Widened(Affine);

impl Widened {
    pub fn new(shape: &Shape) -> Self {
        Self(Affine { scale: vec![1.0; shape.input], shift: vec![0.0; shape.input] })
    }

    /// Fills the middle of row `row` of a padded image, whose pixels are `step` values apart.
    pub fn row<K: Kernels, E: Element>(
        &self,
        image: Image<'_, E>,
        shape: &Shape,
        row: usize,
        to: &mut [f32],
        step: usize,
    ) {
        let (channels, of_row) = (shape.input, shape.width * shape.input);
        let to = &mut to[shape.padding * step..][..shape.width * step];
        let inside = row.checked_sub(shape.padding).filter(|row| *row < shape.height);
        let Some(row) = inside else { return to.fill(0.0) };
        let from = image.x[row * of_row..][..of_row].chunks_exact(channels);
        let affine = image.affine.unwrap_or(&self.0);
        for (to, from) in to.chunks_exact_mut(step).zip(from) {
            let (to, relu) = (&mut to[..channels], image.affine.is_some());
            let work = affine.normalise::<K, E, f32>(from.as_ptr(), None, relu, to);
            // SAFETY: both are one pixel; the path of `K` is available.
            unsafe { K::normalise(&work) }
        }
    }
}

/// Outputs of one row, and where their taps are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// First tap of the first output, row and column in the padded image.
    pub from: [usize; 2],
    /// Pixels from the taps of one output to those of the next.
    pub stride: usize,
    /// First output, in pixels of what is made.
    pub to: usize,
    /// Pixels from one output to the next.
    pub every: usize,
    /// Outputs.
    pub count: usize,
}

impl Line {
    /// Row `first + row` of the outputs, as row `row` of what is made.
    pub fn of_output(shape: &Shape, first: usize, row: usize) -> Self {
        let (stride, count) = (shape.stride, shape.out_width());
        let from = [(first + row) * stride, 0];
        Self { from, stride, to: row * count, every: 1, count }
    }
}

/// Makes rows of outputs.
pub(super) fn convolve<K: Kernels>(
    packed: &Packed,
    window: &Window<'_>,
    lines: &[Line],
    out: &mut [f32],
) {
    let ([rows, columns], padded) = (packed.kernel, window.padded);
    let (slices, block, pixel) = (packed.slices, packed.block, padded.words);
    let of_block = rows * columns * slices.inputs * block;
    let channels = packed.words.len() / of_block * block;
    assert!(channels <= pixel);
    assert!(slices.width.is_multiple_of(block) && channels.is_multiple_of(slices.width));
    for line in lines {
        let last = line.count.checked_sub(1).expect("a line has outputs");
        assert!((line.from[1] + last * line.stride + columns) * pixel <= padded.row());
        assert!((line.to + last * line.every + 1) * channels <= out.len());
    }
    for (index, weights) in packed.words.chunks_exact(of_block).enumerate() {
        let channel = index * block;
        for line in lines {
            let x = window.from(line.from[0], line.from[1], rows);
            let work = GroupedRow {
                x: x[channel / slices.width * slices.width..].as_ptr(),
                row: padded.row(),
                column: pixel,
                step: line.stride * pixel,
                kernel: [rows, columns],
                inputs: slices.inputs,
                weights: weights.as_ptr(),
                out: out[line.to * channels + channel..].as_mut_ptr(),
                out_step: line.every * channels,
                count: line.count,
            };
            // SAFETY: the asserts above and `Window::from` keep the last tap, weight and output in their
            // slices. A quad is summed over the vector that it lies in, which is its slice. The path of
            // `K` is available.
            unsafe { K::grouped_row(&work, block) }
        }
    }
}
