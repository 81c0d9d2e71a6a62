//! One image through a convolution, forward and backward.

use super::{
    micro::{ConvRow, Correlate},
    path::Kernels,
    shape::Shape,
    weights::Packed,
};

/// Bytes of weights beyond which a kernel row at a time is used on the whole image, so that it stays
/// in the first cache.
const CACHE: usize = 40 << 10;

/// Rows and columns around a convolution's input, in a scratch `[height, width, channels]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Padded {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Padded {
    /// Of the input.
    pub fn input(shape: &Shape) -> Self {
        let around = 2 * shape.padding;
        Self { height: shape.height + around, width: shape.width + around, channels: shape.input }
    }

    /// Of the output's gradient, its pixels `stride` apart, such that a convolution of stride 1
    /// makes the input's gradient of it.
    pub fn gradient(shape: &Shape) -> Self {
        let [rows, columns] = shape.kernel;
        Self {
            height: shape.height + rows - 1,
            width: shape.width + columns - 1,
            channels: shape.output,
        }
    }

    /// Values of the scratch.
    pub fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Values of a row.
    pub fn row(&self) -> usize {
        self.width * self.channels
    }

    /// Position of the pixel at `row`, `column`.
    pub fn at(&self, row: usize, column: usize) -> usize {
        row * self.row() + column * self.channels
    }
}

/// Where the output's gradient begins in its scratch.
pub(crate) fn gradient_offset(shape: &Shape, padded: &Padded) -> usize {
    padded.at(shape.kernel[0] - 1 - shape.padding, shape.kernel[1] - 1 - shape.padding)
}

/// Copies rows of `image` (`[height, width, channels]`) into the middle of a scratch.
pub(crate) fn pad(image: &[f32], shape: &Shape, scratch: &mut [f32]) {
    let padded = Padded::input(shape);
    let row = shape.width * shape.input;
    for (index, values) in image.chunks_exact(row).enumerate() {
        let at = padded.at(index + shape.padding, shape.padding);
        scratch[at..at + row].copy_from_slice(values);
    }
}

/// A convolution of one padded image: `out` is `[rows, columns, packed.channels]`.
pub(crate) fn convolve(
    kernels: &Kernels,
    packed: &Packed,
    scratch: &[f32],
    padded: &Padded,
    stride: usize,
    [rows, columns]: [usize; 2],
    out: &mut [f32],
) {
    assert_eq!(out.len(), rows * columns * packed.channels);
    assert_eq!(scratch.len(), padded.len());
    assert_eq!(packed.values.len(), packed.channels * packed.rows * packed.taps);
    assert!(
        (rows - 1) * stride + packed.rows <= padded.height
            && (columns - 1) * stride * padded.channels + packed.taps <= padded.row(),
        "the taps of the last output lie in the scratch"
    );
    let of_row = packed.taps * packed.block;
    let split = packed.values.len() * size_of::<f32>() > CACHE;
    let (passes, taps_y) = if split { (packed.rows, 1) } else { (1, packed.rows) };
    for block in (0..packed.channels).step_by(packed.block) {
        let weights = &packed.values[block * packed.rows * packed.taps..];
        for pass in 0..passes {
            for row in 0..rows {
                let (from, to) =
                    (padded.at(row * stride + pass, 0), row * columns * packed.channels + block);
                let work = ConvRow {
                    x: scratch[from..].as_ptr(),
                    row: padded.row(),
                    step: stride * padded.channels,
                    taps_y,
                    taps_x: packed.taps,
                    weights: weights[pass * of_row..].as_ptr(),
                    out: out[to..].as_mut_ptr(),
                    out_step: packed.channels,
                    count: columns,
                    accumulate: pass > 0,
                };
                // SAFETY: the asserts above keep the last tap, weight and output in their slices;
                // the path of `kernels` is available.
                unsafe { (kernels.conv_row)(&work, packed.block) }
            }
        }
    }
}

/// Adds one image's share of the weights' gradient, `[height, width · in, out]`, to `dw`.
pub(crate) fn correlate(
    kernels: &Kernels,
    shape: &Shape,
    input: &[f32],
    gradient: &[f32],
    dw: &mut [f32],
) {
    let (x, dy) = (Padded::input(shape), Padded::gradient(shape));
    assert_eq!(input.len(), x.len());
    assert_eq!(gradient.len(), dy.len());
    assert_eq!(dw.len(), shape.weights());
    assert!(shape.output.is_multiple_of(kernels.lanes));
    for row in 0..shape.kernel[0] {
        let work = Correlate {
            x: input[x.at(row, 0)..].as_ptr(),
            x_row: shape.stride * x.row(),
            x_step: shape.stride * x.channels,
            dy: gradient[gradient_offset(shape, &dy)..].as_ptr(),
            dy_row: shape.stride * dy.row(),
            dy_step: shape.stride * dy.channels,
            rows: shape.out_height(),
            columns: shape.out_width(),
            taps: shape.taps(),
            dw: dw[row * shape.taps() * shape.output..].as_mut_ptr(),
            channels: shape.output,
        };
        // SAFETY: `Shape` guarantees that the last tap of the last output lies in the padded input,
        // and that the last output lies in the padded gradient; the path of `kernels` is available.
        unsafe { (kernels.correlate)(&work) }
    }
}
