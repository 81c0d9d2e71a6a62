use std::{collections::BTreeMap, sync::Arc};

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Gradients, Tensor},
};

use super::Unscale;
use crate::model::{
    Kind, Part, Role, Roles,
    weights::{ModulePath, State, Weights, values},
};

/// Stochastic gradient descent with momentum as PyTorch defines it, dampening 0:
/// g ← g + λ·p; v ← μ·v + g (at first v = g); p ← p − lr·v, or p − lr·(g + μ·v) with Nesterov.
///
/// Burn's own optimizer keys its state by random ids; this one by the parameter's name, so that a
/// checkpoint finds it again.
///
/// ```
/// use burn::{module::{Module, Param}, tensor::{Device, Tensor}};
/// use longtail::optim::{Sgd, SgdConfig};
///
/// #[derive(Module, Debug)]
/// struct One { weight: Param<Tensor<1>> }
///
/// let weight = Tensor::from_floats([1.0], &Device::flex().autodiff());
/// let mut module = One { weight: Param::from_tensor(weight) };
/// let mut sgd = Sgd::new(SgdConfig { momentum: 0.5, ..SgdConfig::default() }, Default::default());
/// for expected in [0.5, -0.25] {
///     // The gradient is 2: v is 2, then ½ · 2 + 2 = 3.
///     let gradients = module.weight.val().mul_scalar(2.0).backward();
///     module = sgd.step(0.25, module, gradients);
///     assert_eq!(module.weight.val().into_scalar::<f32>(), expected);
/// }
/// ```
#[derive(Debug)]
pub struct Sgd {
    config: SgdConfig,
    roles: Arc<Roles>,
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
    /// Whether λ reaches the classifier's bias as well.
    pub weight_decay_on_classifier_bias: bool,
}

impl SgdConfig {
    fn decays(&self, role: Option<Role>) -> bool {
        let spared = match role {
            Some(Role { kind: Kind::Norm, .. }) => !self.weight_decay_on_bn,
            Some(Role { kind: Kind::Bias, part: Part::Classifier }) => {
                !self.weight_decay_on_classifier_bias
            }
            _ => false,
        };
        self.weight_decay > 0.0 && !spared
    }
}

impl Sgd {
    /// Without velocity yet; `roles` tell what decays, of parameters that they know.
    pub fn new(config: SgdConfig, roles: Arc<Roles>) -> Self {
        Self { config, roles, velocity: BTreeMap::new() }
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
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = param.val().grad_remove(&mut self.gradients) else { return param };
        let name = self.path.name();
        let SgdConfig { momentum, nesterov, weight_decay, .. } = self.sgd.config;
        let decays = self.sgd.config.decays(self.sgd.roles.get(param.id));
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

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[derive(Module, Debug)]
    struct Three {
        scale: Param<Tensor<1>>,
        weight: Param<Tensor<1>>,
        bias: Param<Tensor<1>>,
    }

    /// All parameters 1, gradient 1 in each of three steps.
    fn after_three(config: SgdConfig) -> Vec<f32> {
        let device = Device::flex().autodiff();
        let mut roles = Roles::default();
        let mut one = |kind: Kind| {
            let param = Param::from_tensor(Tensor::from_floats([1.0], &device));
            roles.insert(param.id, Role { part: Part::Classifier, kind });
            param
        };
        let (scale, weight, bias) = (one(Kind::Norm), one(Kind::Weight), one(Kind::Bias));
        let mut module = Three { scale, weight, bias };
        let mut sgd = Sgd::new(config, Arc::new(roles));
        let all = |module: &Three| [module.scale.val(), module.weight.val(), module.bias.val()];
        for _ in 0..3 {
            let [scale, weight, bias] = all(&module);
            module = sgd.step(0.1, module, (scale + weight + bias).sum().backward());
        }
        all(&module).into_iter().flat_map(values).collect()
    }

    #[track_caller]
    fn close(actual: &[f32], expected: [f64; 3]) {
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
            weight_decay_on_classifier_bias: true,
        };
        // v: 1, 1.9, 2.71
        close(&after_three(config), [1.0 - 0.561; 3]);
        // g + μv: 1.9, 2.71, 3.439
        close(&after_three(SgdConfig { nesterov: true, ..config }), [1.0 - 0.8049; 3]);
    }

    #[test]
    fn weight_decay_spares_batch_norms_and_the_classifiers_bias_on_request() {
        let config = SgdConfig {
            momentum: 0.0,
            nesterov: false,
            weight_decay: 1.0,
            weight_decay_on_bn: false,
            weight_decay_on_classifier_bias: true,
        };
        let decayed = |p: f64| p - 0.1 * (1.0 + p);
        let thrice = decayed(decayed(decayed(1.0)));
        close(&after_three(config), [0.7, thrice, thrice]);
        let spared = SgdConfig {
            weight_decay_on_bn: true,
            weight_decay_on_classifier_bias: false,
            ..config
        };
        close(&after_three(spared), [thrice, thrice, 0.7]);
    }
}
