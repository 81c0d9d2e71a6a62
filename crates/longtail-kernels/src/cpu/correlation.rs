//! The weights' gradient of a convolution as it is defined: its padded input against its output's gradient.

use super::{
    element::Element,
    microkernel::Correlate,
    padded::Padded,
    path::Kernels,
    scratch::{Scratch, any, values},
    shape::Shape,
    words::Words,
};

/// Bytes of rows of input and gradient that one turn of the weights' gradient works on, where one is no more.
const ROWS: usize = 20 << 10;
/// Bytes of a block of channels of the gradient that one turn of the weights' gradient works on, so that they stay in the
/// first cache from tap to tap.
const TURN: usize = 16 << 10;
/// Bytes of the input that a turn's blocks of channels meet one after the other, so that they stay in the second cache.
const SECOND_CACHE: usize = 128 << 10;
/// Blocks of channels from which on the input is worth laying out for them.
const MANY_BLOCKS: usize = 4;

/// Where the kernels of [`correlate`] find their words, for each turn over some output rows.
struct Operands<'a> {
    x: &'a [f32],
    /// Word of the first tap of output row `row` at kernel row and group of taps.
    x_at: &'a dyn Fn(usize, usize, usize) -> usize,
    x_row: usize,
    x_step: usize,
    dy: &'a [f32],
    dy_first: usize,
    dy_row: usize,
    dy_step: usize,
    /// Pixels, or pairs of them, of an output row.
    columns: usize,
    /// Groups of taps of a kernel row, and taps of a group.
    groups: usize,
    taps: usize,
}

/// Writes one image's share of the weights' gradient, `[height, width · in, out]`, to `dw`, or adds it if the image is not
/// the first: of the padded input and the padded gradient in the scratch.
pub(crate) fn correlate<K: Kernels, E: Element>(
    shape: &Shape,
    input: &[f32],
    scratch: &mut Scratch,
    is_first: bool,
    dw: &mut [f32],
) {
    let (x, dy) = (Padded::input::<E>(shape), Padded::gradient::<E>(shape));
    assert_eq!(input.len(), x.len());
    assert_eq!(scratch.gradient.len(), dy.len());
    assert_eq!(dw.len(), shape.weights());
    assert!(shape.output.is_multiple_of(K::LANES));
    if E::PER_WORD == 1 {
        let operands = Operands {
            x: input,
            x_at: &|row, kernel_row, _| x.at(row * shape.stride + kernel_row, 0),
            x_row: shape.stride * x.row(),
            x_step: shape.stride * x.words,
            dy: &scratch.gradient,
            dy_first: dy.gradient_offset(shape),
            dy_row: dy.row(),
            dy_step: dy.words,
            columns: shape.out_width(),
            groups: 1,
            taps: shape.taps(),
        };
        return turns::<K, E>(
            shape,
            &operands,
            [&mut scratch.panels, &mut scratch.tap_panels],
            is_first,
            dw,
        );
    }
    pair_input::<K, E>(shape, &x, input, &mut scratch.input_pairs);
    pair_gradient::<K, E>(shape, &dy, scratch);
    let pairs = shape.out_width().div_ceil(2);
    let row = pairs * shape.input;
    let operands = Operands {
        x: &scratch.input_pairs,
        x_at: &|out_row, kernel_row, group| {
            (group * x.height + out_row * shape.stride + kernel_row) * row
        },
        x_row: shape.stride * row,
        x_step: shape.input,
        dy: &scratch.gradient_pairs,
        dy_first: 0,
        dy_row: pairs * shape.output,
        dy_step: shape.output,
        columns: pairs,
        groups: shape.kernel[1],
        taps: shape.input,
    };
    turns::<K, E>(shape, &operands, [&mut scratch.panels, &mut scratch.tap_panels], is_first, dw);
}

/// Some output rows after the other, or parts of one, each with every tap.
fn turns<K: Kernels, E: Element>(
    shape: &Shape,
    a: &Operands<'_>,
    [panels, tap_panels]: [&mut Words; 2],
    is_first: bool,
    dw: &mut [f32],
) {
    let block = K::block(shape.output);
    let [rows, columns] = turn(shape, a, block);
    let row_starts = (0..shape.out_height()).step_by(rows);
    let starts = row_starts.flat_map(|row| (0..a.columns).step_by(columns).map(move |c| (row, c)));
    for (row, column) in starts {
        let rows = rows.min(shape.out_height() - row);
        let turn = Turn { row, column, rows, columns: columns.min(a.columns - column), block };
        let panels = any(panels, turn.pixels() * shape.output);
        let first = a.dy_first + row * a.dy_row + column * a.dy_step;
        let gradient = Pixels { words: &a.dy[first..], row: a.dy_row, step: a.dy_step };
        turn.pack(&gradient, [shape.output, block], panels);
        let is_first = is_first && (row, column) == (0, 0);
        turn.correlate::<K, E>(shape, a, (panels, tap_panels), is_first, dw);
    }
}

/// Rows of one turn, and columns or pairs of them: rows that stay in the first cache, or as many pixels as possible
/// whose block of gradients does.
fn turn(shape: &Shape, a: &Operands<'_>, block: usize) -> [usize; 2] {
    let of_row = size_of::<f32>() * (a.x_row * a.groups + a.columns * shape.output);
    if of_row <= ROWS {
        return [(ROWS / of_row).min(shape.out_height()), a.columns];
    }
    let pixels = TURN / (block * size_of::<f32>());
    let rows = (pixels / a.columns).clamp(1, shape.out_height());
    [rows, pixels.clamp(1, a.columns)]
}

/// Pixels, or pairs of them, and how many words lie from one row to the next, and from one to the next.
struct Pixels<'a> {
    words: &'a [f32],
    row: usize,
    step: usize,
}

/// The pixels, or pairs of them, that are summed over at once.
#[derive(Debug, Clone, Copy)]
struct Turn {
    row: usize,
    column: usize,
    rows: usize,
    columns: usize,
    /// Channels of a block.
    block: usize,
}

impl Turn {
    fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// Some words of every pixel in blocks, `[blocks, pixels, words of a block]`, the last of which may be narrower: the pixels
    /// of many channels would all fall into the same set of the first cache, and of the second.
    fn pack(&self, pixels: &Pixels<'_>, [count, of_block]: [usize; 2], out: &mut [f32]) {
        match of_block {
            4 => self.pack_blocks::<4>(pixels, count, out),
            6 => self.pack_blocks::<6>(pixels, count, out),
            8 => self.pack_blocks::<8>(pixels, count, out),
            16 => self.pack_blocks::<16>(pixels, count, out),
            _ => self.pack_blocks::<32>(pixels, count, out),
        }
    }

    fn pack_blocks<const WORDS: usize>(
        &self,
        &Pixels { words, row, step }: &Pixels<'_>,
        count: usize,
        out: &mut [f32],
    ) {
        let rows = (0..self.rows).map(|index| index * row);
        let starts = rows.flat_map(|row| (0..self.columns).map(move |c| row + c * step));
        for (pixel, at) in starts.enumerate() {
            let (blocks, rest) = words[at..at + count].as_chunks::<WORDS>();
            for (index, values) in blocks.iter().enumerate() {
                let to = (index * self.pixels() + pixel) * WORDS;
                out[to..to + WORDS].copy_from_slice(values);
            }
            let to = blocks.len() * WORDS * self.pixels() + pixel * rest.len();
            out[to..to + rest.len()].copy_from_slice(rest);
        }
    }

    /// Every tap with every block of channels.
    fn correlate<K: Kernels, E: Element>(
        &self,
        shape: &Shape,
        a: &Operands<'_>,
        (panels, tap_panels): (&[f32], &mut Words),
        is_first: bool,
        dw: &mut [f32],
    ) {
        let (pixels, at_once) = (self.pixels(), K::taps::<E>(self.block));
        let most = (SECOND_CACHE / size_of::<f32>() / pixels).max(1).next_multiple_of(at_once);
        let most = most.min(a.taps);
        let is_packed = shape.output >= MANY_BLOCKS * self.block;
        let groups = 0..shape.kernel[0] * a.groups;
        for (group, tap) in groups.flat_map(|g| (0..a.taps).step_by(most).map(move |t| (g, t))) {
            let (kernel_row, of_row) = (group / a.groups, group % a.groups);
            let x = (a.x_at)(self.row, kernel_row, of_row) + self.column * a.x_step + tap;
            let taps = most.min(a.taps - tap);
            let packed = any(tap_panels, if is_packed { taps * pixels } else { 0 });
            if is_packed {
                let input = Pixels { words: &a.x[x..], row: a.x_row, step: a.x_step };
                self.pack(&input, [taps, at_once], packed);
            }
            for (index, panel) in panels.chunks_exact(pixels * self.block).enumerate() {
                let to = (group * a.taps + tap) * shape.output + index * self.block;
                let all = Correlate {
                    x: a.x[x..].as_ptr(),
                    x_row: a.x_row,
                    x_step: a.x_step,
                    dy: panel.as_ptr(),
                    dy_row: self.columns * self.block,
                    dy_step: self.block,
                    rows: self.rows,
                    columns: self.columns,
                    taps,
                    dw: dw[to..].as_mut_ptr(),
                    dw_step: shape.output,
                    channels: self.block,
                    accumulate: !is_first,
                };
                // SAFETY: `Shape` guarantees that the last tap of the last output lies in the
                // padded input; a panel holds a block of every output's gradient, and pairs are
                // laid out for every row and group. The path of `K` is available.
                let plain = |work: &Correlate| unsafe { K::correlate::<E>(work) };
                if !is_packed {
                    plain(&all);
                }
                for (part, x) in packed.chunks(at_once * pixels).enumerate() {
                    let (x, taps) = (x.as_ptr(), x.len() / pixels);
                    let dw = dw[to + part * at_once * shape.output..].as_mut_ptr();
                    let (x_step, rows, columns) = (taps, 1, pixels);
                    plain(&Correlate { x, x_step, rows, columns, taps, dw, ..all });
                }
            }
        }
    }
}

/// For every column of the kernel a copy of the padded input in which the values that neighbouring
/// outputs meet there stand side by side: `[kernel width, height, pairs, in]`.
fn pair_input<K: Kernels, E: Element>(
    shape: &Shape,
    padded: &Padded,
    input_words: &[f32],
    pairs_of_input: &mut Words,
) {
    let (pairs, input) = (shape.out_width().div_ceil(2), shape.input);
    let words = shape.kernel[1] * padded.height * pairs * input;
    let out = values::<E>(any(pairs_of_input, words));
    let from: &[E] = bytemuck::cast_slice(input_words);
    let pixel = padded.words * E::PER_WORD;
    for (line, out) in out.chunks_exact_mut(2 * pairs * input).enumerate() {
        let (column, row) = (line / padded.height, line % padded.height);
        let row = &from[row * padded.width * pixel..][..padded.width * pixel];
        for (pair, out) in out.chunks_exact_mut(2 * input).enumerate() {
            let at = |output: usize| (output * shape.stride + column) * pixel;
            let first = &row[at(2 * pair)..][..input];
            // A last pixel without a neighbour is met by a gradient of zeros.
            let has_second = 2 * pair + 1 < shape.out_width();
            let second = if has_second { &row[at(2 * pair + 1)..][..input] } else { first };
            // SAFETY: both hold `input` values and `out` twice as many.
            unsafe { K::interleave(first.as_ptr(), second.as_ptr(), out.as_mut_ptr(), input) }
        }
    }
}

/// The gradient with the values of neighbouring pixels side by side: `[out height, pairs, out]`.
fn pair_gradient<K: Kernels, E: Element>(shape: &Shape, padded: &Padded, scratch: &mut Scratch) {
    let (pairs, output) = (shape.out_width().div_ceil(2), shape.output);
    let words = shape.out_height() * pairs * output;
    let out = values::<E>(any(&mut scratch.gradient_pairs, words));
    let first = padded.gradient_offset(shape) * E::PER_WORD;
    let from = values::<E>(&mut scratch.gradient);
    let (step, row_step) = (output, padded.row() * E::PER_WORD);
    for (row, out) in out.chunks_exact_mut(2 * pairs * output).enumerate() {
        for (pair, out) in out.chunks_exact_mut(2 * output).enumerate() {
            let at = first + row * row_step + 2 * pair * step;
            let one = &from[at..][..output];
            if 2 * pair + 1 < shape.out_width() {
                let other = &from[at + step..][..output];
                // SAFETY: both hold `output` values and `out` twice as many.
                unsafe { K::interleave(one.as_ptr(), other.as_ptr(), out.as_mut_ptr(), output) }
            } else {
                let values = out.chunks_exact_mut(2).zip(one);
                values.for_each(|(pair, value)| pair.copy_from_slice(&[*value, E::round(0.0)]));
            }
        }
    }
}
