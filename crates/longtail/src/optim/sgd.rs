use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Gradients, Tensor},
};

use super::Unscale;
use crate::model::weights::{ModulePath, State, Weights, values};

/// Stochastic gradient descent with momentum as PyTorch defines it, dampening 0:
/// g ← g + λ·p; v ← μ·v + g (at first v = g); p ← p − lr·v, or p − lr·(g + μ·v) with Nesterov.
///
/// Burn's own optimizer keys its state by random ids; this one by the parameter's name, so that a
/// checkpoint finds it again.
#[derive(Debug)]
pub struct Sgd {
    config: SgdConfig,
    velocity: BTreeMap<String, Tensor<1>>,
}

/// The knobs of [`Sgd`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SgdConfig {
    /// μ.
    pub momentum: f64,
    /// Whether the gradient looks ahead.
    pub nesterov: bool,
    /// λ.
    pub weight_decay: f64,
    /// Whether λ reaches the scales and shifts of batch norms as well.
    pub weight_decay_on_bn: bool,
}

impl Sgd {
    /// Without velocity yet.
    pub fn new(config: SgdConfig) -> Self {
        Self { config, velocity: BTreeMap::new() }
    }

    /// `module` after one step at learning rate `lr`. Parameters without a gradient stay.
    pub fn step<M: Module>(&mut self, lr: f64, module: M, gradients: Gradients) -> M {
        self.step_unscaled(lr, module, gradients, None)
    }

    /// As [`Sgd::step`], from gradients of a scaled loss; where they do not count, nothing changes.
    pub fn step_unscaled<M: Module>(
        &mut self,
        lr: f64,
        module: M,
        gradients: Gradients,
        unscale: Option<Unscale>,
    ) -> M {
        let path = ModulePath::default();
        module.map(&mut Step { sgd: self, lr, gradients, unscale, path })
    }

    /// The velocity of every parameter, flat.
    pub fn state(&self) -> State {
        let weights = |velocity: &Tensor<1>| Weights {
            shape: velocity.dims().to_vec(),
            values: values(velocity.clone()),
        };
        self.velocity.iter().map(|(name, v)| (name.clone(), weights(v))).collect()
    }

    /// Continues from a [`Sgd::state`], on `device`.
    pub fn restore(&mut self, state: State, device: &burn::tensor::Device) {
        let tensor = |weights: Weights| Tensor::from_floats(weights.values.as_slice(), device);
        self.velocity = state.into_iter().map(|(name, w)| (name, tensor(w))).collect();
    }
}

struct Step<'a> {
    sgd: &'a mut Sgd,
    lr: f64,
    gradients: Gradients,
    unscale: Option<Unscale>,
    path: ModulePath,
}

impl Step<'_> {
    /// Value and velocity after the step if it counts, else those that were kept from before.
    fn counted(
        &self,
        value: Tensor<1>,
        velocity: Tensor<1>,
        kept: Option<(Tensor<1>, Option<Tensor<1>>)>,
    ) -> (Tensor<1>, Tensor<1>) {
        let (Some(Unscale { counts, .. }), Some((old, before))) = (&self.unscale, kept) else {
            return (value, velocity);
        };
        let counts = counts.clone().expand(value.dims());
        let before = before.unwrap_or_else(|| velocity.zeros_like());
        (old.mask_where(counts.clone(), value), before.mask_where(counts, velocity))
    }
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = param.val().grad_remove(&mut self.gradients) else { return param };
        let name = self.path.name();
        let SgdConfig { momentum, nesterov, weight_decay, weight_decay_on_bn } = self.sgd.config;
        let decays = weight_decay > 0.0 && (weight_decay_on_bn || !is_batch_norm(&name));
        param.map(|old| {
            let shape = old.shape();
            let value: Tensor<1> = old.inner().reshape([shape.num_elements()]);
            let gradient: Tensor<1> = gradient.reshape([shape.num_elements()]);
            let gradient = match &self.unscale {
                Some(Unscale { by, .. }) => gradient * by.clone(),
                None => gradient,
            };
            let gradient = match decays {
                true => gradient + value.clone().mul_scalar(weight_decay),
                false => gradient,
            };
            let before = self.sgd.velocity.remove(&name);
            // On the CPU what nobody else holds is changed in place.
            let kept = self.unscale.is_some().then(|| (value.clone(), before.clone()));
            let velocity = match before {
                Some(velocity) => velocity.mul_scalar(momentum) + gradient.clone(),
                None => gradient.clone(),
            };
            let direction = match nesterov {
                true => gradient + velocity.clone().mul_scalar(momentum),
                false => velocity.clone(),
            };
            let stepped = value - direction.mul_scalar(self.lr);
            let (stepped, velocity) = self.counted(stepped, velocity, kept);
            self.sgd.velocity.insert(name, velocity);
            stepped.reshape(shape).autodiff().require_grad()
        })
    }
}

/// Whether a parameter belongs to a batch norm, by PyTorch's name of it.
fn is_batch_norm(name: &str) -> bool {
    let module = name.rsplit('.').nth(1).unwrap_or_default();
    module.starts_with("bn") || (name.starts_with("head") && module == "1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[derive(Module, Debug)]
    struct Layer {
        weight: Param<Tensor<1>>,
    }

    #[derive(Module, Debug)]
    struct Two {
        bn1: Layer,
        conv1: Layer,
    }

    /// Both parameters 1, gradient 1 in each of three steps.
    fn after_three(config: SgdConfig) -> Vec<f32> {
        let device = Device::flex().autodiff();
        let one = || Layer { weight: Param::from_tensor(Tensor::from_floats([1.0], &device)) };
        let mut module = Two { bn1: one(), conv1: one() };
        let mut sgd = Sgd::new(config);
        for _ in 0..3 {
            let gradients = (module.bn1.weight.val() + module.conv1.weight.val()).sum().backward();
            module = sgd.step(0.1, module, gradients);
        }
        [module.bn1.weight.val(), module.conv1.weight.val()].into_iter().flat_map(values).collect()
    }

    #[track_caller]
    fn close(actual: &[f32], expected: [f64; 2]) {
        for (a, e) in actual.iter().zip(expected) {
            assert!((f64::from(*a) - e).abs() < 1e-6, "{actual:?} is not {expected:?}");
        }
    }

    #[test]
    fn dampening_is_zero_and_the_first_velocity_is_the_gradient() {
        let config = SgdConfig {
            momentum: 0.9,
            nesterov: false,
            weight_decay: 0.0,
            weight_decay_on_bn: true,
        };
        // v: 1, 1.9, 2.71
        close(&after_three(config), [1.0 - 0.561; 2]);
        // g + μv: 1.9, 2.71, 3.439
        close(&after_three(SgdConfig { nesterov: true, ..config }), [1.0 - 0.8049; 2]);
    }

    #[test]
    fn weight_decay_spares_batch_norms_on_request() {
        let config = SgdConfig {
            momentum: 0.0,
            nesterov: false,
            weight_decay: 1.0,
            weight_decay_on_bn: false,
        };
        let decayed = |p: f64| p - 0.1 * (1.0 + p);
        close(&after_three(config), [0.7, decayed(decayed(decayed(1.0)))]);
        assert!(is_batch_norm("encoder.layer1.0.bn2.weight") && is_batch_norm("head_fc.1.bias"));
        assert!(!is_batch_norm("encoder.layer1.0.conv2.weight") && !is_batch_norm("head.0.bias"));
    }
}
