use super::{element::Element, path::Kernels, pixelwise::Normalise};

/// Factor and summand per channel.
#[derive(Debug, Clone)]
pub(crate) struct Affine {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl Affine {
    /// What a batch norm with these statistics does.
    pub fn batch_norm(
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        epsilon: f64,
    ) -> Self {
        let inverse = |variance: f32| 1.0 / (f64::from(variance) + epsilon).sqrt();
        let scale: Vec<f32> =
            gamma.iter().zip(variance).map(|(g, v)| (f64::from(*g) * inverse(*v)) as f32).collect();
        let shift = |((b, m), s): ((&f32, &f32), &f32)| b - m * s;
        let shift = beta.iter().zip(mean).zip(&scale).map(shift).collect();
        Self { scale, shift }
    }

    /// `out = [relu](y · scale + shift [+ residual])` for the kernels, its other addresses checked: `y` is to be
    /// as many values as `out`, whole pixels.
    pub fn normalise<K: Kernels, In: Element, Out: Element>(
        &self,
        y: *const In,
        residual: Option<&[Out]>,
        relu: bool,
        out: &mut [Out],
    ) -> Normalise<In, Out> {
        let channels = self.scale.len();
        assert!(self.shift.len() == channels && channels.is_multiple_of(K::LANES));
        assert!(out.len().is_multiple_of(channels));
        assert!(residual.is_none_or(|residual| residual.len() == out.len()));
        Normalise {
            y,
            residual: residual.map_or(std::ptr::null(), <[Out]>::as_ptr),
            scale: self.scale.as_ptr(),
            shift: self.shift.as_ptr(),
            relu,
            out: out.as_mut_ptr(),
            stream: false,
            pixels: out.len() / channels,
            channels,
        }
    }
}
