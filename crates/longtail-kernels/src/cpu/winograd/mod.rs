//! Convolutions of 3×3 at stride 1 with a quarter of the multiplications: Winograd's F(4×4, 3×3), and
//! F(3×3, 4×4) for the weights' gradient (Lavin & Gray 2016).
//!
//! An input tile of 6×6, transformed to its values at 36 points, meets the weights at the same points in
//! 36 products of matrices `[tiles, in] · [in, out]`, which are transformed back to 4×4 outputs. All
//! sums and products are f32, whatever the activations are stored in.

mod filters;
mod plan;

pub(crate) use filters::Filters;
pub(crate) use plan::Plan;

use rayon::prelude::*;

use super::{
    convolution::Threads,
    element::Element,
    epilogue::Epilogue,
    microkernel::{ConvRow, Correlate},
    path::Kernels,
    scratch::{self, Scratch, any},
    shape::Shape,
    source::Image,
    winograd_transform::{ALL_POINTS, Data, Gradients, Outputs, POINTS, TAPS, TILE},
    words::Words,
};

/// Values between points beyond those of the tiles, so that not all points of a tile fall into the same
/// set of the first cache.
const APART: usize = 16;

/// The convolution of some images of a size, the plan's or that of all its tiles with zeros beyond the plan's; `epilogues`
/// says what to do with each.
pub(crate) fn convolve<'a, K: Kernels, E: Element, Out: Element>(
    filters: &Filters,
    plan: &Plan,
    (size, images): ([usize; 2], impl ExactSizeIterator<Item = Image<'a, E>>),
    scratch: &mut Scratch,
    epilogues: impl Iterator<Item = Epilogue<'a, Out>>,
    threads: Threads,
) {
    let Scratch { band, tiles, products, image: rows, .. } = scratch;
    let (count, channels) = (images.len(), filters.outputs);
    let work = (band, threads);
    transform_data::<K, E>(plan, size, images, filters.inputs, work, tiles);
    let point = plan.point(count, channels);
    any(products, ALL_POINTS * point);
    multiply::<K>(filters, tiles, products, count * plan.of_image(), threads);
    for (image, epilogue) in (0..count).zip(epilogues) {
        let outputs =
            ImageOutputs { plan, products, point, first: image * plan.of_image(), channels };
        match threads {
            Threads::One => outputs.rows::<K, Out>(0, rows, epilogue),
            Threads::All => {
                let of_row = TILE * plan.size[1] * channels;
                let parts = epilogue.parts(of_row).into_par_iter().enumerate();
                parts.for_each(|(row, epilogue)| {
                    scratch::with(|scratch| {
                        outputs.rows::<K, Out>(row, &mut scratch.image, epilogue);
                    });
                });
            }
        }
    }
}

/// The products of an image at all points.
#[derive(Clone, Copy)]
struct ImageOutputs<'a> {
    plan: &'a Plan,
    products: &'a [f32],
    /// Values from one point to the next.
    point: usize,
    /// The image's first tile.
    first: usize,
    channels: usize,
}

impl ImageOutputs<'_> {
    /// The outputs of as many rows of tiles, `from` on, as the epilogue has pixels for.
    fn rows<K: Kernels, Out: Element>(
        &self,
        from: usize,
        rows: &mut Words,
        mut epilogue: Epilogue<'_, Out>,
    ) {
        let Self { plan, products, point, first, channels } = *self;
        let ([down, across], [height, width]) = (plan.tiles(), plan.size);
        let pixels = epilogue.image().len() / channels;
        let count = pixels.div_ceil(TILE * width);
        assert!(from + count <= down && pixels == width * (TILE * count).min(height - TILE * from));
        let rows = any(rows, (TILE * width + TILE - 1) * channels);
        let epilogue = epilogue.raw::<K>(pixels, channels);
        for row in 0..count {
            let first = (first + (from + row) * across) * channels;
            let points = products[first..].as_ptr();
            let work = Outputs { points, point, width, out: rows.as_mut_ptr(), channels };
            let at = row * TILE * width;
            // SAFETY: a row of the image's tiles lies side by side at every point, `rows` has room for
            // their pixels, which follow one another in the image, and for what the last tile has beyond it, and
            // channels are a multiple of the lanes; the path of `K` is available.
            unsafe {
                K::winograd_output(&work);
                epilogue.run::<K>(rows.as_ptr(), at, (TILE * width).min(pixels - at));
            }
        }
    }
}

/// All tiles of some images at their points.
fn transform_data<'a, K: Kernels, E: Element>(
    plan: &Plan,
    size: [usize; 2],
    images: impl ExactSizeIterator<Item = Image<'a, E>>,
    channels: usize,
    (band, threads): (&mut Words, Threads),
    tiles: &mut Words,
) {
    let [down, across] = plan.tiles();
    let (of_image, of_row) =
        (plan.of_image() * ALL_POINTS * channels, across * ALL_POINTS * channels);
    assert_eq!(size.map(|size| size.div_ceil(TILE)), plan.tiles());
    assert!(size.iter().all(|&size| size >= TILE));
    any(tiles, images.len() * of_image);
    assert!(channels.is_multiple_of(K::LANES));
    for (index, image) in images.enumerate() {
        assert_eq!(image.x.len(), size[0] * size[1] * channels);
        let affine = image.affine;
        assert!(affine.is_none_or(|a| a.scale.len() == channels && a.shift.len() == channels));
        let rows = |(first, out): (usize, &mut [f32]), band: &mut Words| {
            let work = Data {
                x: image.x.as_ptr(),
                scale: affine.map_or(std::ptr::null(), |affine| affine.scale.as_ptr()),
                shift: affine.map_or(std::ptr::null(), |affine| affine.shift.as_ptr()),
                size,
                channels,
                band: any(band, POINTS * (TILE * across + 2) * channels).as_mut_ptr(),
                rows: [first, out.len() / of_row],
                out: out.as_mut_ptr(),
            };
            // SAFETY: the image has its size, at least a tile's, the band that of one row of tiles, and `out` has
            // room for all points of its rows; the path of `K` is available.
            unsafe { K::winograd_data(&work) }
        };
        let out = &mut tiles[index * of_image..][..of_image];
        match threads {
            Threads::One => rows((0, out), band),
            Threads::All => {
                let most = down.div_ceil(rayon::current_num_threads());
                let parts = out.par_chunks_mut(most * of_row).enumerate();
                parts.for_each(|(part, out)| {
                    scratch::with(|scratch| rows((part * most, out), &mut scratch.band));
                });
            }
        }
    }
}

/// `[tiles, in] · [in, out]` at every point.
fn multiply<K: Kernels>(
    filters: &Filters,
    tiles: &[f32],
    products: &mut [f32],
    count: usize,
    threads: Threads,
) {
    let Filters { inputs, outputs, block, .. } = *filters;
    let of_products = products.len() / ALL_POINTS;
    assert!(tiles.len() >= count * ALL_POINTS * inputs && of_products >= count * outputs);
    let work = |(index, products): (usize, &mut [f32])| {
        for first in (0..outputs).step_by(block) {
            let of_block = first * ALL_POINTS * inputs;
            let words = &filters.words[of_block + index * inputs * block..][..inputs * block];
            let work = ConvRow {
                x: tiles[index * inputs..].as_ptr(),
                row: 0,
                step: ALL_POINTS * inputs,
                taps_y: 1,
                taps_x: inputs,
                weights: words.as_ptr(),
                out: products[first..].as_mut_ptr(),
                out_step: outputs,
                count,
                accumulate: false,
            };
            // SAFETY: every tile holds `inputs` values at a point, the products `count · outputs`, of
            // which the block begins at `first`; the path of `K` is available.
            unsafe { K::conv_row::<f32>(&work, block) }
        }
    };
    match threads {
        Threads::One => products.chunks_exact_mut(of_products).enumerate().for_each(work),
        Threads::All => products.par_chunks_exact_mut(of_products).enumerate().for_each(work),
    }
}

/// Writes the share of some images of the weights' gradient at its points, `[points, in, out]`, or adds
/// it if they are not the first; `gradients`: `[images, rows, columns, out]` of all tiles, zeros beyond the images.
pub(crate) fn correlate<'a, K: Kernels, E: Element>(
    shape: &Shape,
    plan: &Plan,
    images: impl ExactSizeIterator<Item = Image<'a, E>>,
    gradients: &[f32],
    is_first: bool,
    scratch: &mut Scratch,
) {
    let Scratch { band, tiles, gradient_tiles, weight_points, .. } = scratch;
    let (count, output) = (images.len(), shape.output);
    assert_eq!(gradients.len(), count * plan.covered() * output);
    let work = (band, Threads::One);
    transform_data::<K, E>(plan, plan.size, images, shape.input, work, tiles);
    let of_image = plan.of_image() * ALL_POINTS * output;
    any(gradient_tiles, count * of_image);
    for (index, image) in gradients.chunks_exact(plan.covered() * output).enumerate() {
        let work = Gradients {
            image: image.as_ptr(),
            tiles: plan.tiles(),
            channels: output,
            out: gradient_tiles[index * of_image..][..of_image].as_mut_ptr(),
        };
        // SAFETY: the image is as large as its tiles, and `out` has room for all their points; the path
        // of `K` is available.
        unsafe { K::winograd_gradient(&work) }
    }
    any(weight_points, ALL_POINTS * shape.input * output);
    for (index, dw) in weight_points.chunks_exact_mut(shape.input * output).enumerate() {
        let work = Correlate {
            x: tiles[index * shape.input..].as_ptr(),
            x_row: 0,
            x_step: ALL_POINTS * shape.input,
            dy: gradient_tiles[index * output..].as_ptr(),
            dy_row: 0,
            dy_step: ALL_POINTS * output,
            rows: 1,
            columns: count * plan.of_image(),
            taps: shape.input,
            dw: dw.as_mut_ptr(),
            dw_step: output,
            channels: output,
            accumulate: !is_first,
        };
        // SAFETY: at every point lie a vector of inputs and one of gradients for every tile, and
        // their products fill `dw`; the path of `K` is available.
        unsafe { K::correlate::<f32>(&work) }
    }
}

/// Writes what [`correlate`] has added up to `dw`, `[3, 3 · in, out]`.
pub(crate) fn write_weight_gradient<K: Kernels>(
    shape: &Shape,
    scratch: &mut Scratch,
    dw: &mut [f32],
) {
    let count = shape.input * shape.output;
    assert!(count.is_multiple_of(K::LANES));
    assert_eq!(scratch.weight_points.len(), ALL_POINTS * count);
    assert_eq!(dw.len(), TAPS * count);
    // SAFETY: checked above; the path of `K` is available.
    unsafe { K::winograd_weights(scratch.weight_points.as_ptr(), dw.as_mut_ptr(), count) }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    use super::super::path::{OnAvx2, OnAvx512};
    use super::{super::path::OnPortable, *};
    use crate::Path;

    /// Normal values, by Box and Muller's method from a linear congruence.
    fn normal(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 11) as f64 + 1.0) / (1u64 << 53) as f64
        };
        let mut next =
            || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        (0..count).map(|_| next() as f32).collect()
    }

    /// Calls `term` with output and input pixel (within the image) and tap of every product.
    fn each_term(shape: &Shape, mut term: impl FnMut(usize, usize, usize)) {
        let (height, width) = (shape.height, shape.width);
        for (pixel, tap) in (0..height * width).flat_map(|p| (0..TAPS).map(move |t| (p, t))) {
            let (row, column) = (pixel / width + tap / 3, pixel % width + tap % 3);
            if (1..=height).contains(&row) && (1..=width).contains(&column) {
                term(pixel, (row - 1) * width + column - 1, tap);
            }
        }
    }

    /// Root of the mean square of the difference, over that of the reference.
    fn error(found: &[f32], reference: &[f64]) -> f64 {
        assert_eq!(found.len(), reference.len());
        let square: f64 = reference.iter().map(|r| r * r).sum();
        let apart: f64 =
            found.iter().zip(reference).map(|(f, r)| (f64::from(*f) - r).powi(2)).sum();
        (apart / square).sqrt()
    }

    /// Gradients as the ways back read them: with zeros beyond the images, where tiles reach beyond them.
    fn covered(dy: &[f32], shape: &Shape, plan: &Plan) -> Vec<f32> {
        let ([_, columns], row) = (plan.covered_size(), shape.width * shape.output);
        let mut covered = vec![0.0; shape.images * plan.covered() * shape.output];
        for (index, from) in dy.chunks_exact(row).enumerate() {
            let (image, row_of_image) = (index / shape.height, index % shape.height);
            let at = (image * plan.covered() + row_of_image * columns) * shape.output;
            covered[at..at + row].copy_from_slice(from);
        }
        covered
    }

    /// Errors against f64 of the convolution, of the inputs' and of the weights' gradient.
    fn errors<K: Kernels>(size: [usize; 3], channels: [usize; 2]) -> [f64; 3] {
        let ([images, height, width], [input, output]) = (size, channels);
        let (kernel, stride, padding) = ([3, 3], 1, 1);
        let groups = 1;
        let shape = Shape { images, height, width, input, output, kernel, stride, padding, groups };
        let mut plan = Plan::of::<K>(&shape).expect("a shape for Winograd");
        plan.images = images;
        let (pixels, mut scratch) = (height * width, Scratch::default());
        let x: Vec<f32> =
            normal(images * pixels * input, 1).into_iter().map(|v| v.max(0.0)).collect();
        let weight = normal(output * input * TAPS, 2);
        let dy = normal(images * pixels * output, 3);
        let sources = |x| Image { x, affine: None };

        let mut y = vec![0.0; dy.len()];
        let filters = Filters::forward::<K>(&weight, &shape);
        let inputs = || x.chunks_exact(pixels * input).map(sources);
        let kept = |kept| Epilogue::Sum { kept, other: None };
        let epilogues = y.chunks_exact_mut(pixels * output).map(kept);
        let from = (plan.size, inputs());
        convolve::<K, f32, f32>(&filters, &plan, from, &mut scratch, epilogues, Threads::One);
        let mut dx = vec![0.0; x.len()];
        let filters = Filters::backward::<K>(&weight, &shape);
        let covered = covered(&dy, &shape, &plan);
        let gradients = covered.chunks_exact(plan.covered() * output).map(sources);
        let epilogues = dx.chunks_exact_mut(pixels * input).map(kept);
        let from = (plan.covered_size(), gradients);
        convolve::<K, f32, f32>(&filters, &plan, from, &mut scratch, epilogues, Threads::All);
        let mut dw = vec![0.0; weight.len()];
        correlate::<K, f32>(&shape, &plan, inputs(), &covered, true, &mut scratch);
        write_weight_gradient::<K>(&shape, &mut scratch, &mut dw);

        let [mut y64, mut dx64, mut dw64] = [&y, &dx, &dw].map(|found| vec![0.0; found.len()]);
        for image in 0..images {
            each_term(&shape, |to, from, tap| {
                for (i, o) in (0..input).flat_map(|i| (0..output).map(move |o| (i, o))) {
                    let (from, to) =
                        ((image * pixels + from) * input + i, (image * pixels + to) * output + o);
                    let w = f64::from(weight[(o * input + i) * TAPS + tap]);
                    y64[to] += f64::from(x[from]) * w;
                    dx64[from] += f64::from(dy[to]) * w;
                    dw64[(tap * input + i) * output + o] += f64::from(x[from]) * f64::from(dy[to]);
                }
            });
        }
        [error(&y, &y64), error(&dx, &dx64), error(&dw, &dw64)]
    }

    /// What direct convolution in f32 loses on such data: 3 to 6 · 10⁻⁷.
    const BOUND: f64 = 1.5e-6;

    fn check<K: Kernels>(path: Path) {
        if !path.is_available() {
            return println!("skipped: this machine cannot run {}", path.name());
        }
        let even = [[3, 8, 8], [1, 4, 4], [2, 4, 12], [1, 16, 8]];
        // Last tiles with one, two and three rows and columns of the image.
        let ragged = [[2, 7, 7], [1, 14, 14], [2, 13, 8], [3, 12, 9], [1, 10, 11], [2, 9, 6]];
        let channels = [[64, 64], [16, 32], [32, 16], [48, 16]];
        for (size, channels) in even.into_iter().chain(ragged).zip(channels.into_iter().cycle()) {
            let found = errors::<K>(size, channels);
            println!("{} {size:?} {channels:?}: {found:?}", path.name());
            assert!(found.iter().all(|error| *error < BOUND), "{size:?} {channels:?}: {found:?}");
        }
    }

    #[test]
    fn portable_is_the_definition() {
        check::<OnPortable>(Path::Portable);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn avx2_is_the_definition() {
        check::<OnAvx2>(Path::Avx2);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn avx512_is_the_definition() {
        check::<OnAvx512>(Path::Avx512);
    }
}
