//! What becomes of one image's convolution, or of one input image's gradient, while it is at hand in f32.

use std::iter;

use super::{
    affine::Affine,
    element::Element,
    path::Kernels,
    pixelwise::{Mask, Moments, Normalise, ReluBackward},
};

/// See the module. What is borrowed is one image, or one value per channel.
pub(crate) enum Epilogue<'a, E> {
    /// Kept, with its sum and its squared deviations from its mean, in what are zeros before.
    Moments { kept: &'a mut [E], sum: &'a mut [f32], square: &'a mut [f32] },
    /// Normalised: `[relu](y · scale + shift [+ residual])`.
    Normalise { out: &'a mut [E], residual: Option<&'a [E]>, affine: &'a Affine, relu: bool },
    /// A gradient that passes where `relu(y · scale + shift)` is positive, with `Σ g` and
    /// `Σ g (y − mean)` in what are zeros before.
    ReluBackward {
        masked: &'a mut [E],
        y: &'a [E],
        affine: &'a Affine,
        mean: &'a [f32],
        sums: &'a mut [f32],
    },
    /// Kept, with another image added.
    Sum { kept: &'a mut [E], other: Option<&'a [E]> },
}

/// [`Epilogue`] for the kernels, its addresses checked, of the whole image; what it reads in f32 is still to
/// be told.
#[derive(Clone, Copy)]
pub(crate) enum RawEpilogue<E> {
    /// See [`Epilogue::Moments`].
    Moments(Moments<E>),
    /// See [`Epilogue::Normalise`].
    Normalise(Normalise<f32, E>),
    /// See [`Epilogue::ReluBackward`].
    ReluBackward(ReluBackward<f32, E>),
    /// See [`Epilogue::Sum`].
    Sum { kept: *mut E, other: *const E, channels: usize },
}

impl<E: Element> Epilogue<'_, E> {
    /// Where it is kept.
    pub fn image(&mut self) -> &mut [E] {
        match self {
            Self::Moments { kept: image, .. }
            | Self::Normalise { out: image, .. }
            | Self::ReluBackward { masked: image, .. }
            | Self::Sum { kept: image, .. } => image,
        }
    }

    /// Of so many values each, where any pixels can be without the others: of what is normalised.
    pub fn parts(self, values: usize) -> Vec<Self> {
        let Self::Normalise { out, residual, affine, relu } = self else { return vec![self] };
        let residuals = residual.map(|residual| residual.chunks(values));
        let residuals = residuals.into_iter().flatten().map(Some).chain(iter::repeat(None));
        let parts = out.chunks_mut(values).zip(residuals);
        parts.map(|(out, residual)| Self::Normalise { out, residual, affine, relu }).collect()
    }

    /// For an image of so many pixels and channels.
    pub fn raw<K: Kernels>(self, pixels: usize, channels: usize) -> RawEpilogue<E> {
        let is_image = |image: &[E]| assert_eq!(image.len(), pixels * channels);
        let are_channels =
            |values: &[&[f32]]| assert!(values.iter().all(|values| values.len() == channels));
        let vectors = || assert!(channels.is_multiple_of(K::LANES));
        let wide = std::ptr::null::<f32>();
        match self {
            Self::Moments { kept, sum, square } => {
                is_image(kept);
                are_channels(&[sum, square]);
                vectors();
                let [sum, square] = [sum, square].map(<[f32]>::as_mut_ptr);
                let kept = kept.as_mut_ptr();
                RawEpilogue::Moments(Moments {
                    y: wide,
                    kept,
                    first: kept,
                    sum,
                    square,
                    pixels,
                    of_image: pixels,
                    is_last: true,
                    channels,
                })
            }
            Self::Normalise { out, residual, affine, relu } => {
                is_image(out);
                are_channels(&[&affine.scale]);
                RawEpilogue::Normalise(affine.normalise::<K, f32, E>(wide, residual, relu, out))
            }
            Self::ReluBackward { masked, y, affine, mean, sums } => {
                is_image(masked);
                is_image(y);
                let (sum, product) = sums.split_at_mut(channels);
                are_channels(&[&affine.scale, &affine.shift, mean, sum, product]);
                vectors();
                RawEpilogue::ReluBackward(ReluBackward {
                    grad: wide,
                    masked: masked.as_mut_ptr(),
                    mask: Mask::Affine(affine.scale.as_ptr(), affine.shift.as_ptr()),
                    y: y.as_ptr(),
                    mean: mean.as_ptr(),
                    sum: sum.as_mut_ptr(),
                    product: product.as_mut_ptr(),
                    pixels,
                    channels,
                })
            }
            Self::Sum { kept, other } => {
                is_image(kept);
                other.into_iter().for_each(is_image);
                let other = other.map_or(std::ptr::null(), <[E]>::as_ptr);
                RawEpilogue::Sum { kept: kept.as_mut_ptr(), other, channels }
            }
        }
    }
}

impl<E: Element> RawEpilogue<E> {
    /// Where it is kept.
    pub fn image(&self) -> *const E {
        match *self {
            RawEpilogue::Moments(Moments { kept: image, .. })
            | RawEpilogue::Normalise(Normalise { out: image, .. })
            | RawEpilogue::ReluBackward(ReluBackward { masked: image, .. })
            | RawEpilogue::Sum { kept: image, .. } => image,
        }
    }

    /// Of `pixels` pixels from `first` on, which are at `wide`; the image's first ones have to come first
    /// and its last ones last.
    ///
    /// # Safety
    /// What was borrowed is still there, and nobody else has it. `wide` points to that many pixels; if they
    /// are where the image is kept, that holds f32.
    pub unsafe fn run<K: Kernels>(&self, wide: *const f32, first: usize, pixels: usize) {
        // SAFETY: the addresses were checked for the whole image, of which these pixels are a part; `wide`
        // is the caller's, and the path of `K` is available.
        unsafe {
            match *self {
                RawEpilogue::Moments(all) => {
                    let kept = all.kept.add(first * all.channels);
                    let is_last = first + pixels == all.of_image;
                    K::store_moments(&Moments { y: wide, kept, pixels, is_last, ..all });
                }
                RawEpilogue::Normalise(all) => {
                    let at = first * all.channels;
                    let residual = match all.residual.is_null() {
                        true => all.residual,
                        false => all.residual.add(at),
                    };
                    let out = all.out.add(at);
                    K::normalise(&Normalise { y: wide, residual, out, pixels, ..all });
                }
                RawEpilogue::ReluBackward(all) => {
                    let at = first * all.channels;
                    let (masked, y) = (all.masked.add(at), all.y.add(at));
                    K::relu_backward(&ReluBackward { grad: wide, masked, y, pixels, ..all });
                }
                RawEpilogue::Sum { kept, other, channels } => {
                    let at = first * channels;
                    let other = if other.is_null() { other } else { other.add(at) };
                    K::add_and_round(wide, other, kept.add(at), pixels * channels);
                }
            }
        }
    }
}
