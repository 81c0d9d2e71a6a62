//! The gradient of a convolution's input, out of that of its output.

use std::ops::Range;

use super::{
    affine::Affine,
    convolution::{Grid, Threads, convolve, made},
    element::Element,
    epilogue::Epilogue,
    norm_backward::Layer,
    padded::Padded,
    path::Kernels,
    phases::Phase,
    residual::Residual,
    scratch::{Scratch, any},
    shape::Shape,
    source::Image,
    weights::Packed,
    winograd::{self, Filters, Plan},
};

/// What becomes of the input's gradient.
#[derive(Clone, Copy)]
pub(crate) enum GradientEpilogue<'a, E> {
    /// What went past the convolution is added.
    Add(Residual<'a, E>),
    /// It passes the ReLU of the layer before, which has these coefficients.
    ReluBackward { layer: Layer<'a, E>, affine: &'a Affine },
}

impl<E> GradientEpilogue<'_, E> {
    /// Sums of an image of so many channels.
    pub fn sums(&self, channels: usize) -> usize {
        match self {
            GradientEpilogue::Add(_) => 1,
            GradientEpilogue::ReluBackward { .. } => 2 * channels,
        }
    }
}

/// The convolution that makes the input's gradient of the output's.
pub(super) enum InputGradient {
    /// For the pixels that the same taps meet.
    Direct(Vec<(Grid, Packed)>),
    Winograd(Plan, Filters),
}

impl InputGradient {
    pub fn new<K: Kernels, E: Element>(weight: &[f32], shape: &Shape) -> Self {
        match Plan::of::<K>(shape) {
            Some(plan) => Self::Winograd(plan, Filters::backward::<K>(weight, shape)),
            None => {
                let all = Phase::along(shape, 0)
                    .flat_map(|down| Phase::along(shape, 1).map(move |across| [down, across]));
                let packed = all.map(|phases| {
                    let packed = Packed::backward::<K, E>(weight, shape, phases);
                    (Grid::inputs(shape, phases), packed)
                });
                Self::Direct(packed.collect())
            }
        }
    }

    /// The gradients of the inputs of the images whose gradients are in the scratch.
    pub fn run<K: Kernels, E: Element>(
        &self,
        shape: &Shape,
        images: Range<usize>,
        scratch: &mut Scratch,
        epilogue: &GradientEpilogue<'_, E>,
        dx: &mut [E],
        sums: &mut [f32],
    ) {
        let size = shape.input_image();
        let mut buffer = std::mem::take(&mut scratch.residual);
        let added = match epilogue {
            GradientEpilogue::Add(past) => past.gradients(size, images.clone(), &mut buffer),
            GradientEpilogue::ReluBackward { .. } => None,
        };
        let parts =
            dx.chunks_exact_mut(size).zip(sums.chunks_exact_mut(epilogue.sums(shape.input)));
        let epilogues =
            parts.zip(images.clone()).enumerate().map(
                |(here, ((dx, sums), image))| match *epilogue {
                    GradientEpilogue::Add(_) => {
                        let other = added.map(|added| &added[here * size..][..size]);
                        Epilogue::Sum { kept: dx, other }
                    }
                    GradientEpilogue::ReluBackward { layer: Layer { y, mean, .. }, affine } => {
                        let y = &y[image * size..][..size];
                        Epilogue::ReluBackward { masked: dx, y, affine, mean, sums }
                    }
                },
            );
        match self {
            Self::Direct(phases) => {
                epilogues
                    .for_each(|epilogue| Self::directly::<K, E>(phases, shape, scratch, epilogue));
            }
            Self::Winograd(plan, filters) => {
                let gradient = std::mem::take(&mut scratch.gradient);
                let gradients = gradient.chunks_exact(plan.covered() * shape.output);
                let gradients = gradients.map(|x| Image { x, affine: None });
                let from = (plan.covered_size(), gradients);
                let threads = Threads::One;
                winograd::convolve::<K, f32, E>(filters, plan, from, scratch, epilogues, threads);
                scratch.gradient = gradient;
            }
        }
        scratch.residual = buffer;
    }

    fn directly<K: Kernels, E: Element>(
        phases: &[(Grid, Packed)],
        shape: &Shape,
        scratch: &mut Scratch,
        epilogue: Epilogue<'_, E>,
    ) {
        let padded = Padded::gradient::<E>(shape);
        let pixels = shape.height * shape.width;
        let channels = shape.input.next_multiple_of(K::LANES);
        if let [(grid, packed)] = phases
            && channels == shape.input
            && grid.fills(pixels)
        {
            let Scratch { gradient, image, .. } = scratch;
            return made::<K, E>(packed, (gradient, &padded), grid, image, epilogue);
        }
        let wide = any(&mut scratch.image, pixels * channels);
        let met: usize = phases.iter().map(|(grid, _)| grid.count[0] * grid.count[1]).sum();
        if met < pixels {
            wide.fill(0.0);
        }
        for (grid, packed) in phases {
            convolve::<K, E>(packed, &scratch.gradient, &padded, grid, wide, Threads::One);
        }
        if channels > shape.input {
            for pixel in 1..pixels {
                let from = pixel * channels;
                wide.copy_within(from..from + shape.input, pixel * shape.input);
            }
        }
        let epilogue = epilogue.raw::<K>(pixels, shape.input);
        // SAFETY: what was borrowed outlives this call; `wide` holds at least one input image, and is not
        // where that is kept.
        unsafe { epilogue.run::<K>(wide.as_ptr(), 0, pixels) }
    }
}
