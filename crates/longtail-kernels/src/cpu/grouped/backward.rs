//! The way back: gradients of the weights and of the input.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    QUAD, Slices,
    kernels::CorrelateQuads,
    rows::{Line, Widened, band, convolve},
    weights::{Packed, gradient_values, unpack_gradient},
    window::Window,
};
use crate::cpu::{
    backward::ConvBackward,
    element::Element,
    epilogue::{Epilogue, RawEpilogue},
    microkernel::Correlate,
    padded::Padded,
    path::Kernels,
    phases::Phase,
    pool::{Pooled, take},
    scratch::{self, Scratch, any, borrow},
    shape::Shape,
    words::Words,
};

/// Values of the weights' gradients that all tasks hold together, unless they are fewer than [`LEAST_TASKS`].
const MOST_GRADIENTS: usize = 2 << 20;
const LEAST_TASKS: usize = 8;
/// Tasks at most.
const MOST_TASKS: usize = 32;

impl<E: Element> ConvBackward<'_, E> {
    /// The gradients of the weights of a grouped convolution, and of its input if it is wanted.
    pub fn grouped<K: Kernels>(&self, wants_input: bool) -> (Pooled<f32>, Option<Pooled<E>>) {
        let (shape, size) = (self.layer.shape, gradient_values::<K>(self.layer.shape));
        let tasks = (MOST_GRADIENTS / size).clamp(LEAST_TASKS, MOST_TASKS);
        let of_task = shape.images.div_ceil(tasks);
        let mut of_weights = borrow(shape.images.div_ceil(of_task) * size);
        let back = InputGradient::new::<K, E>(self.weight, shape);
        let chunks = of_weights.par_chunks_exact_mut(size).enumerate();
        let images = |task: usize| shape.images_of(of_task, task);
        let input = if wants_input {
            let mut input = take::<E>(shape.images * shape.input_image());
            let parts = input.par_chunks_mut(of_task * shape.input_image());
            chunks.zip(parts).for_each(|((task, dw), dx)| {
                self.task::<K>(images(task), &back, dw, Some(dx));
            });
            Some(input)
        } else {
            chunks.for_each(|(task, dw)| self.task::<K>(images(task), &back, dw, None));
            None
        };
        (unpack_gradient::<K>(&of_weights, shape), input)
    }

    /// Writes the share of some images to `dw`, and their inputs' gradients to `dx`.
    fn task<K: Kernels>(
        &self,
        images: Range<usize>,
        back: &InputGradient,
        dw: &mut [f32],
        mut dx: Option<&mut [E]>,
    ) {
        let (shape, size) = (self.layer.shape, self.layer.shape.input_image());
        let (rows, kernel) = (back.rows, shape.kernel[0]);
        let needed = |rows: usize| (rows - 1) * shape.stride + kernel;
        dw.fill(0.0);
        scratch::with(|scratch| {
            let Scratch { input, gradient, image: wide, .. } = scratch;
            let mut x = Window::new(input, Padded::input::<f32>(shape), needed(rows));
            // Behind the last outputs whose gradients are made, inputs wait for as many again as they meet.
            let waiting = rows + 2 * kernel + shape.stride;
            let mut dy = Window::new(gradient, Padded::gradient::<f32>(shape), waiting);
            let widened = Widened::new(shape);
            for (index, image) in images.enumerate() {
                let source = self.source.image(shape, image);
                let mut of_input = dx.as_mut().map(|dx| {
                    let kept = &mut dx[index * size..(index + 1) * size];
                    let kept = Epilogue::Sum { kept, other: None };
                    Inputs { kept: kept.raw::<K>(shape.height * shape.width, shape.input), next: 0 }
                });
                x.restart();
                dy.restart();
                for first in (0..shape.out_height()).step_by(rows) {
                    let outputs = first..(first + rows).min(shape.out_height());
                    let from = first * shape.stride;
                    let step = x.padded.words;
                    x.reach(from, from + needed(outputs.len()), |row, to| {
                        widened.row::<K, E>(source, shape, row, to, step);
                    });
                    let waits = of_input.as_ref().map_or(usize::MAX, |inputs| back.waits(inputs));
                    self.reach::<K>(image, &outputs, waits, &mut dy);
                    correlate::<K>(shape, &x, &dy, outputs, dw);
                    if let Some(inputs) = &mut of_input {
                        back.run::<K, E>(shape, &dy, inputs, wide);
                    }
                }
            }
        });
    }

    /// Has the gradients of these rows of outputs at hand, and behind the last ones the zeros that inputs meet there; those
    /// from row `waits` of the padded gradient on are kept.
    fn reach<K: Kernels>(
        &self,
        image: usize,
        outputs: &Range<usize>,
        waits: usize,
        dy: &mut Window<'_>,
    ) {
        let (shape, pixel) = (self.layer.shape, dy.padded.words);
        let [above, before] = [0, 1].map(|axis| Phase::around(shape, axis)[0]);
        let is_last = outputs.end == shape.out_height();
        let end = if is_last { dy.padded.height } else { above + outputs.end };
        dy.reach(waits.min(above + outputs.start), end, |row, to| {
            let to = &mut to[before * pixel..][..shape.out_width() * pixel];
            match row.checked_sub(above).filter(|row| *row < shape.out_height()) {
                Some(row) => {
                    self.rows_backward::<K, f32>(image, row..row + 1, to, 0, pixel);
                }
                None => to.fill(0.0),
            }
        });
    }
}

/// Adds the share of some rows of outputs to the weights' gradient.
fn correlate<K: Kernels>(
    shape: &Shape,
    x: &Window<'_>,
    dy: &Window<'_>,
    outputs: Range<usize>,
    dw: &mut [f32],
) {
    let Slices { width, inputs, .. } = Slices::of::<K>(shape);
    let ([rows, columns], [x_pixel, dy_pixel]) = (shape.kernel, [x, dy].map(|w| w.padded.words));
    let [above, before] = [0, 1].map(|axis| Phase::around(shape, axis)[0]);
    let dy_at = dy.from(above + outputs.start, before, outputs.len());
    let needed = (outputs.len() - 1) * shape.stride + rows;
    let x_at = x.from(outputs.start * shape.stride, 0, needed);
    let across = (shape.out_width() - 1) * shape.stride + columns;
    assert!(across * x_pixel <= x.padded.row() && dw.len() == gradient_values::<K>(shape));
    assert!((before + shape.out_width()) * dy_pixel <= dy.padded.row());
    let of_row = columns * inputs * width;
    for (index, dw) in dw.chunks_exact_mut(of_row).enumerate() {
        let (slice, row) = (index / rows, index % rows);
        let x_at = &x_at[row * x.padded.row() + slice * width..];
        let dy_at = &dy_at[slice * width..];
        if inputs == QUAD && width == K::LANES {
            let work = CorrelateQuads {
                x: x_at.as_ptr(),
                x_row: shape.stride * x.padded.row(),
                x_column: x_pixel,
                x_step: shape.stride * x_pixel,
                dy: dy_at.as_ptr(),
                dy_row: dy.padded.row(),
                dy_step: dy_pixel,
                outputs: [outputs.len(), shape.out_width()],
                columns,
                dw: dw.as_mut_ptr(),
            };
            // SAFETY: `Window::from` and the asserts above keep the last tap of the last output and that
            // in their windows; the path of `K` is available.
            unsafe { K::correlate_quads(&work) }
            continue;
        }
        for (column, dw) in dw.chunks_exact_mut(inputs * width).enumerate() {
            let work = Correlate {
                x: x_at[column * x_pixel..].as_ptr(),
                x_row: shape.stride * x.padded.row(),
                x_step: shape.stride * x_pixel,
                dy: dy_at.as_ptr(),
                dy_row: dy.padded.row(),
                dy_step: dy_pixel,
                rows: outputs.len(),
                columns: shape.out_width(),
                taps: inputs,
                dw: dw.as_mut_ptr(),
                dw_step: width,
                channels: width,
                accumulate: true,
            };
            // SAFETY: as above.
            unsafe { K::correlate::<f32>(&work) }
        }
    }
}

/// The gradient of one image's input, made row by row.
struct Inputs<E> {
    kept: RawEpilogue<E>,
    /// The row that is made next.
    next: usize,
}

/// The convolutions that make the input's gradient of the output's, one for the pixels that the same taps meet.
struct InputGradient {
    /// By the phases down and across.
    packed: Vec<Vec<Packed>>,
    down: Vec<Phase>,
    across: Vec<Phase>,
    /// Gradients that are met before the first ones, down and across.
    before: [usize; 2],
    /// Pixels down from the inputs that certain taps meet to the next.
    stride: usize,
    /// Rows of outputs that are met at once.
    rows: usize,
}

impl InputGradient {
    fn new<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        let [down, across] = [0, 1].map(|axis| Phase::along(shape, axis).collect::<Vec<_>>());
        let packed = |down: &Phase| {
            let packed = |across: &Phase| Packed::backward::<K, E>(weight, shape, [*down, *across]);
            across.iter().map(packed).collect()
        };
        Self {
            packed: down.iter().map(packed).collect(),
            before: [0, 1].map(|axis| Phase::around(shape, axis)[0]),
            stride: shape.stride,
            rows: band(gradient_values::<K>(shape), shape),
            down,
            across,
        }
    }

    /// The phase of a row of the input, and the rows of the padded gradient that it meets.
    fn met(&self, row: usize) -> Option<(usize, Range<usize>)> {
        let index = self.down.iter().position(|phase| phase.first == row % self.stride)?;
        let phase = &self.down[index];
        let first = (self.before[0] as isize + phase.from) as usize + row / self.stride;
        Some((index, first..first + phase.taps))
    }

    /// The first row of the padded gradient that is still to be met.
    fn waits<E>(&self, inputs: &Inputs<E>) -> usize {
        let next = inputs.next..inputs.next + self.stride;
        next.filter_map(|row| self.met(row)).map(|(_, rows)| rows.start).min().unwrap_or(usize::MAX)
    }

    /// Makes the gradients of the inputs that meet no gradient which is not at hand.
    fn run<K: Kernels, E: Element>(
        &self,
        shape: &Shape,
        dy: &Window<'_>,
        inputs: &mut Inputs<E>,
        wide: &mut Words,
    ) {
        let is_made = |row: &usize| self.met(*row).is_none_or(|(_, rows)| rows.end <= dy.end());
        let first = inputs.next;
        let count = (first..shape.height).take_while(is_made).count();
        if count == 0 {
            return;
        }
        let wide = any(wide, count * shape.width * shape.input);
        if self.down.len().min(self.across.len()) < shape.stride {
            wide.fill(0.0);
        }
        for (index, packed) in self.packed.iter().enumerate() {
            for (phase, packed) in self.across.iter().zip(packed) {
                let lines = (0..count).filter_map(|row| {
                    let (_, rows) = self.met(first + row).filter(|(met, _)| *met == index)?;
                    let column = (self.before[1] as isize + phase.from) as usize;
                    let to = row * shape.width + phase.first;
                    let (every, count) = (self.stride, phase.count);
                    Some(Line { from: [rows.start, column], stride: 1, to, every, count })
                });
                convolve::<K>(packed, dy, &lines.collect::<Vec<_>>(), wide);
            }
        }
        // SAFETY: what was borrowed outlives this call; `wide` holds these rows.
        unsafe {
            let pixels = count * shape.width;
            inputs.kept.run::<K>(wide.as_ptr(), first * shape.width, pixels);
        }
        inputs.next += count;
    }
}
