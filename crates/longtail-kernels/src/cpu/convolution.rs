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
    scratch::{self, Scratch, any},
    shape::Shape,
    source::Source,
    weights::Packed,
    winograd::{self, Filters, Plan},
    words::Words,
};

/// Bytes of weights beyond which a kernel row at a time is used on the whole image, so that it stays
/// in the first cache.
const CACHE: usize = 40 << 10;

/// Bytes of input that stay in the second cache beside weights and outputs.
const INPUT: usize = 192 << 10;
/// Bytes of weights that are worth reading again for every such part of the input, instead of the other way round.
const WEIGHTS: usize = 512 << 10;
/// Pixels that the kernels' tiles of any size make up.
const TILE: usize = 48;

/// A convolution with its weights laid out for the way in which it is computed.
pub(crate) enum Convolution {
    /// As it is defined.
    Direct(Packed),
    /// See [`grouped`](super::grouped).
    Grouped(Grouped),
    /// See [`winograd`].
    Winograd(Filters),
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
            Some(_) => Self::Winograd(Filters::forward::<K>(weight, shape)),
            None => Self::Direct(Packed::forward::<K, E>(weight, shape)),
        }
    }

    /// Images that [`Convolution::run`] takes at once.
    pub fn images(&self, shape: &Shape) -> usize {
        match self {
            Self::Direct(_) | Self::Grouped(_) => 1,
            Self::Winograd(_) => Plan::cut(shape).images,
        }
    }

    /// Takes its memory away from the thread that laid it out, which would lend it to its next calls.
    pub fn kept(mut self) -> Self {
        match &mut self {
            Self::Direct(packed) => packed.words.keep(),
            Self::Grouped(grouped) => grouped.keep(),
            Self::Winograd(filters) => filters.keep(),
        }
        self
    }

    /// Zeros where the padding will stay.
    pub fn begin<E: Element>(&self, source: &Source<'_, E>, shape: &Shape, scratch: &mut Scratch) {
        if let Self::Direct(_) = self {
            source.begin(shape, &mut scratch.input);
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
                    let Scratch { input, image: wide, .. } = scratch;
                    let x = source.padded::<K>(shape, image, input);
                    directly::<K, E>(packed, shape, x, wide, epilogue, threads);
                }
            }
            Self::Grouped(grouped) => {
                grouped.run::<K, E>(source, shape, images, scratch, epilogues);
            }
            Self::Winograd(filters) => {
                let plan = Plan::cut(shape);
                let images = images.map(|image| source.image(shape, image));
                let from = (plan.size, images);
                winograd::convolve::<K, E, E>(filters, &plan, from, scratch, epilogues, threads);
            }
        }
    }
}

/// The convolution of a padded image, a part of it by each thread: some channels, so that weights are read once, where
/// these are more than the image, and some rows otherwise.
fn directly<K: Kernels, E: Element>(
    packed: &Packed,
    shape: &Shape,
    x: &[f32],
    wide: &mut Words,
    epilogue: Epilogue<'_, E>,
    threads: Threads,
) {
    let (grid, padded) = (Grid::outputs(shape), Padded::input::<E>(shape));
    match threads {
        Threads::One => made::<K, E>(packed, (x, &padded), &grid, wide, epilogue),
        Threads::All if packed.words.len() > x.len() => {
            by_channels::<K, E>(packed, (x, &padded), &grid, (wide, epilogue));
        }
        Threads::All => {
            let grids = grid.parts(rayon::current_num_threads());
            let of_part = grids[0].pixels() * shape.output;
            let parts = grids.into_par_iter().zip(epilogue.parts(of_part));
            parts.for_each(|(grid, epilogue)| {
                scratch::with(|scratch| {
                    made::<K, E>(packed, (x, &padded), &grid, &mut scratch.image, epilogue);
                });
            });
        }
    }
}

/// All outputs, some channels of them by each thread, and then what becomes of some pixels.
fn by_channels<K: Kernels, E: Element>(
    packed: &Packed,
    (x, padded): (&[f32], &Padded),
    grid: &Grid,
    (wide, mut epilogue): (&mut Words, Epilogue<'_, E>),
) {
    let (channels, pixels) = (packed.channels, grid.pixels());
    let is_here = E::as_f32(epilogue.image()).is_some();
    let made = match E::as_f32(epilogue.image()) {
        Some(image) => image,
        None => any(wide, pixels * channels),
    };
    convolve::<K, E>(packed, x, padded, grid, made, Threads::All);
    let of_part = pixels.div_ceil(rayon::current_num_threads()) * channels;
    epilogue.parts(of_part).into_par_iter().enumerate().for_each(|(part, mut epilogue)| {
        let pixels = epilogue.image().len() / channels;
        let epilogue = epilogue.raw::<K>(pixels, channels);
        let made = match is_here {
            true => epilogue.image().cast::<f32>(),
            false => wide[part * of_part..][..pixels * channels].as_ptr(),
        };
        // SAFETY: what was borrowed outlives this call; these pixels are made, and where they are kept only if that
        // holds f32.
        unsafe { epilogue.run::<K>(made, 0, pixels) }
    });
}

/// Where outputs begin of which threads make some channels each.
#[derive(Clone, Copy)]
struct Columns(*mut f32);

// SAFETY: nobody reads or writes what another thread writes.
unsafe impl Send for Columns {}
// SAFETY: as above.
unsafe impl Sync for Columns {}

impl Columns {
    fn start(&self) -> *mut f32 {
        self.0
    }
}

/// Some of the outputs, made where they are kept if that holds f32.
pub(crate) fn made<K: Kernels, E: Element>(
    packed: &Packed,
    (x, padded): (&[f32], &Padded),
    grid: &Grid,
    wide: &mut Words,
    mut epilogue: Epilogue<'_, E>,
) {
    let (channels, pixels) = (packed.channels, grid.pixels());
    let is_here = E::as_f32(epilogue.image()).is_some();
    let epilogue = epilogue.raw::<K>(pixels, channels);
    let mut first = 0;
    for part in grid.in_cache(packed, padded) {
        let pixels = part.pixels();
        let out = match is_here {
            // SAFETY: the image holds f32, and these pixels are within it; nobody else has it until the epilogue
            // runs.
            true => unsafe {
                let start = epilogue.image().cast::<f32>().cast_mut().add(first * channels);
                std::slice::from_raw_parts_mut(start, pixels * channels)
            },
            false => any(wide, pixels * channels),
        };
        convolve::<K, E>(packed, x, padded, &part, out, Threads::One);
        let out = out.as_ptr();
        // SAFETY: what was borrowed outlives this call; `out` is as many pixels, and is where they are kept only
        // if that holds f32.
        unsafe { epilogue.run::<K>(out, first, pixels) }
        first += pixels;
    }
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

    fn pixels(&self) -> usize {
        self.count.iter().product()
    }

    /// Whether it is all pixels of an image of so many.
    pub fn fills(&self, pixels: usize) -> bool {
        (self.to, self.every, self.pixels()) == ([0, 0], 1, pixels)
    }

    /// The axis along which an image is cut: its rows, or the pixels of a single one.
    fn axis(&self) -> usize {
        usize::from(self.count[0] == 1)
    }

    /// Outputs that fill their image in so many parts of its rows, or of a single row, each for an image of its own.
    fn parts(&self, parts: usize) -> Vec<Self> {
        self.cut(self.count[self.axis()].div_ceil(parts))
    }

    /// The same in parts whose input stays in the second cache while all weights meet it, unless these are too many.
    fn in_cache(&self, packed: &Packed, padded: &Padded) -> Vec<Self> {
        if size_of_val(&*packed.words) > WEIGHTS {
            return vec![*self];
        }
        let axis = self.axis();
        let of_one = self.stride * if axis == 0 { padded.row() } else { padded.words };
        let fitting = (INPUT / (of_one * size_of::<f32>())).max(1);
        let even = self.count[axis].div_ceil(self.count[axis].div_ceil(fitting));
        self.cut(if axis == 0 { even } else { even.next_multiple_of(TILE) })
    }

    fn cut(&self, most: usize) -> Vec<Self> {
        let axis = self.axis();
        let part = |first: usize| {
            let mut part = *self;
            part.from[axis] += first * self.stride;
            part.count[axis] = most.min(self.count[axis] - first);
            part.width = part.count[1];
            part
        };
        (0..self.count[axis]).step_by(most).map(part).collect()
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
    threads: Threads,
) {
    let channels = packed.channels;
    grid.check([packed.rows, packed.taps], channels, padded, out.len());
    let of_thread = match threads {
        Threads::One => channels,
        Threads::All => {
            (channels / packed.block).div_ceil(rayon::current_num_threads()) * packed.block
        }
    };
    let out = Columns(out.as_mut_ptr());
    let work = |first| {
        let blocks = first..channels.min(first + of_thread);
        // SAFETY: the last output lies in its image, which is borrowed, and no other thread has these channels.
        unsafe { convolve_blocks::<K, E>(packed, scratch, padded, grid, out.start(), blocks) }
    };
    match threads {
        Threads::One => work(0),
        Threads::All => (0..channels).into_par_iter().step_by(of_thread).for_each(work),
    }
}

/// Some channels of it, whole blocks.
///
/// # Safety
/// [`Grid::check`] holds of the image at `out`, and nobody else has these channels of it.
unsafe fn convolve_blocks<K: Kernels, E: Element>(
    packed: &Packed,
    scratch: &[f32],
    padded: &Padded,
    grid: &Grid,
    out: *mut f32,
    channels: Range<usize>,
) {
    assert_eq!(scratch.len(), padded.len());
    assert_eq!(packed.words.len(), packed.channels * packed.rows * packed.taps);
    assert!(channels.end <= packed.channels && channels.len().is_multiple_of(packed.block));
    let of_row = packed.taps * packed.block;
    let split = packed.block * packed.rows * packed.taps * size_of::<f32>() > CACHE;
    let (passes, taps_y) = if split { (packed.rows, 1) } else { (1, packed.rows) };
    for block in channels.step_by(packed.block) {
        let weights = &packed.words[block * packed.rows * packed.taps..];
        for pass in 0..passes {
            for row in 0..grid.count[0] {
                let from = padded.at(grid.from[0] + row * grid.stride + pass, grid.from[1]);
                let to = (grid.to[0] + row * grid.every) * grid.width + grid.to[1];
                // SAFETY: the caller's check, and the asserts above, keep the last tap, weight and output in their
                // slices; the path of `K` is available.
                unsafe {
                    let work = ConvRow {
                        x: scratch[from..].as_ptr(),
                        row: padded.row(),
                        step: grid.stride * padded.words,
                        taps_y,
                        taps_x: packed.taps,
                        weights: weights[pass * of_row..].as_ptr(),
                        out: out.add(to * packed.channels + block),
                        out_step: grid.every * packed.channels,
                        count: grid.count[1],
                        accumulate: pass > 0,
                    };
                    K::conv_row::<E>(&work, packed.block);
                }
            }
        }
    }
}
