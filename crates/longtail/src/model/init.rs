use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};
use rand::RngExt;
use rand_distr::StandardNormal;

use super::{Kind, OwnEncoder, Part, Role, Roles, encoder::OwnRoles};
use crate::rng::{Purpose, stream};

/// Makes parameters, and notes what each is. The stream of each is a function of the seed, of the stage and of how many
/// came before.
#[derive(Debug)]
pub struct Initialiser {
    seed: u64,
    stage: u64,
    drawn: u64,
    device: Device,
    part: Part,
    roles: Roles,
}

impl Initialiser {
    /// For parameters on `device`, of the encoder to begin with.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self::at_stage(seed, 0, device)
    }

    /// For what a later stage of training makes anew.
    pub fn at_stage(seed: u64, stage: usize, device: &Device) -> Self {
        Self {
            seed,
            stage: stage as u64,
            drawn: 0,
            device: device.clone(),
            part: Part::Encoder,
            roles: Roles::default(),
        }
    }

    /// What is made from now on belongs to `part`.
    pub fn enter(&mut self, part: Part) {
        self.part = part;
    }

    /// The roles of all that was made.
    pub fn into_roles(self) -> Roles {
        self.roles
    }

    /// Normal with standard deviation √(2 / `fan_in`) (He et al., "kaiming normal").
    pub fn kaiming_normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        fan_in: usize,
    ) -> Param<Tensor<D>> {
        let deviation = (2.0 / fan_in as f64).sqrt();
        let mut rng = self.next_stream();
        self.fill(Kind::Weight, shape, || {
            let value: f64 = rng.sample(StandardNormal);
            (value * deviation) as f32
        })
    }

    /// A weight, uniform in ±`bound`.
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f64) -> Param<Tensor<D>> {
        let mut rng = self.next_stream();
        self.fill(Kind::Weight, shape, || rng.random_range(-bound..bound) as f32)
    }

    /// A bias, uniform in ±`bound`.
    pub fn bias(&mut self, length: usize, bound: f64) -> Param<Tensor<1>> {
        let mut rng = self.next_stream();
        self.fill(Kind::Bias, [length], || rng.random_range(-bound..bound) as f32)
    }

    /// A bias, every element `value`.
    pub fn constant_bias(&mut self, length: usize, value: f32) -> Param<Tensor<1>> {
        self.fill(Kind::Bias, [length], || value)
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
        self.fill(Kind::Weight, shape, || values.next().unwrap_or_default() as f32)
    }

    /// Scale or shift of a normalisation, every element `value`.
    pub fn norm(&mut self, channels: usize, value: f32) -> Param<Tensor<1>> {
        self.fill(Kind::Norm, [channels], || value)
    }

    /// What is not trained, every element `value`.
    pub fn statistic(&mut self, channels: usize, value: f32) -> Param<Tensor<1>> {
        self.fill(Kind::Statistic, [channels], || value).set_require_grad(false)
    }

    /// A weight, every element `value`.
    pub fn constant<const D: usize>(&mut self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        self.fill(Kind::Weight, shape, || value)
    }

    /// An encoder from outside the crate, whose parameters are drawn by the device's generator.
    pub(super) fn own(&mut self, make: &dyn Fn(&Device) -> OwnEncoder) -> OwnEncoder {
        let seed = self.next_stream().random();
        self.device.seed(seed);
        let encoder = make(&self.device);
        self.roles.extend(OwnRoles::of(&encoder));
        encoder
    }

    fn next_stream(&mut self) -> rand_chacha::ChaCha8Rng {
        self.drawn += 1;
        stream(self.seed, Purpose::Init, self.drawn, self.stage, 0)
    }

    fn fill<const D: usize>(
        &mut self,
        kind: Kind,
        shape: [usize; D],
        mut value: impl FnMut() -> f32,
    ) -> Param<Tensor<D>> {
        let values = (0..shape.iter().product()).map(|_| value()).collect::<Vec<f32>>();
        let param = Param::from_data(TensorData::new(values, shape), &self.device);
        self.roles.insert(param.id, Role { part: self.part, kind });
        param
    }
}
