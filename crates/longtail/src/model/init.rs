use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::rng::{Purpose, stream};

/// Fills parameters; the stream of each is a function of the seed and of how many came before.
#[derive(Debug)]
pub struct Initialiser {
    seed: u64,
    drawn: u64,
    device: Device,
}

impl Initialiser {
    /// For parameters on `device`.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self { seed, drawn: 0, device: device.clone() }
    }

    /// The device that the parameters live on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Normal with standard deviation √(2 / `fan_in`) (He et al., "kaiming normal").
    pub fn kaiming_normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        fan_in: usize,
    ) -> Param<Tensor<D>> {
        let deviation = (2.0 / fan_in as f64).sqrt();
        let mut rng = self.next_stream();
        self.fill(shape, || {
            let value: f64 = rng.sample(StandardNormal);
            (value * deviation) as f32
        })
    }

    /// Uniform in ±`bound`.
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f64) -> Param<Tensor<D>> {
        let mut rng = self.next_stream();
        self.fill(shape, || rng.random_range(-bound..bound) as f32)
    }

    /// Uniform in ±1, then every row brought to unit length.
    pub fn unit_rows(&mut self, shape: [usize; 2]) -> Param<Tensor<2>> {
        let mut rng = self.next_stream();
        let mut values =
            (0..shape[0] * shape[1]).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f64>>();
        for row in values.chunks_exact_mut(shape[1]) {
            let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            row.iter_mut().for_each(|v| *v /= length);
        }
        let mut values = values.into_iter();
        self.fill(shape, || values.next().unwrap_or_default() as f32)
    }

    /// Every element `value`.
    pub fn constant<const D: usize>(&self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        self.fill(shape, || value)
    }

    fn next_stream(&mut self) -> rand_chacha::ChaCha8Rng {
        self.drawn += 1;
        stream(self.seed, Purpose::Init, self.drawn, 0, 0)
    }

    fn fill<const D: usize>(
        &self,
        shape: [usize; D],
        mut value: impl FnMut() -> f32,
    ) -> Param<Tensor<D>> {
        let values = (0..shape.iter().product()).map(|_| value()).collect::<Vec<f32>>();
        Param::from_data(TensorData::new(values, shape), &self.device)
    }
}
