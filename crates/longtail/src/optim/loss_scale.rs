use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Bool, Device, Gradients, Tensor},
};

use crate::model::weights::values;

/// Where the scale starts.
const FIRST: f32 = 65_536.0;
/// Where it ends: beyond, f32 gains nothing.
const MOST: f32 = 16_777_216.0;
/// Where it stays: below, gradients would be better off unscaled.
const LEAST: f32 = 1.0;
/// Good steps after which it doubles.
const PATIENCE: f32 = 2_000.0;

/// Dynamic loss scaling (Micikevicius et al. 2018 §3.2): the loss is multiplied so that small gradients
/// stay within f16; a step whose gradients are not finite is skipped and halves the scale, and 2,000
/// good ones in a row double it.
///
/// It lives on the device and decides there: no step waits for it.
///
/// ```
/// use burn::{module::{Module, Param}, tensor::{Device, Tensor}};
/// use longtail::optim::LossScale;
///
/// #[derive(Module, Debug)]
/// struct One { weight: Param<Tensor<1>> }
///
/// let device = Device::flex().autodiff();
/// let module = One { weight: Param::from_tensor(Tensor::from_floats([1.0], &device)) };
/// let mut scale = LossScale::restore([8.0, 0.0], &device);
/// assert_eq!(scale.scaled(Tensor::from_floats([0.5], &device)).into_scalar::<f32>(), 4.0);
/// let gradients = module.weight.val().mul_scalar(f32::INFINITY).backward();
/// assert!(!scale.unscale(&module, &gradients).counts.into_scalar::<bool>());
/// assert_eq!(scale.state(), [4.0, 0.0]);
/// ```
#[derive(Debug)]
pub struct LossScale {
    scale: Tensor<1>,
    good_steps: Tensor<1>,
}

/// What the optimizer does with scaled gradients.
#[derive(Debug, Clone)]
pub struct Unscale {
    /// What they are multiplied with.
    pub by: Tensor<1>,
    /// Whether all of them are finite, so that the step counts.
    pub counts: Tensor<1, Bool>,
}

impl LossScale {
    /// At its beginning.
    pub fn new(device: &Device) -> Self {
        Self::restore([FIRST, 0.0], device)
    }

    /// From a [`LossScale::state`].
    pub fn restore([scale, good_steps]: [f32; 2], device: &Device) -> Self {
        let device = &device.clone().inner();
        let tensor = |value: f32| Tensor::from_floats([value], device);
        Self { scale: tensor(scale), good_steps: tensor(good_steps) }
    }

    /// The scale and the good steps since it last changed. Waits for the device.
    pub fn state(&self) -> [f32; 2] {
        let first = |tensor: &Tensor<1>| values(tensor.clone()).first().copied().unwrap_or(FIRST);
        [first(&self.scale), first(&self.good_steps)]
    }

    /// The loss to differentiate.
    pub fn scaled(&self, loss: Tensor<1>) -> Tensor<1> {
        loss * self.scale.clone().autodiff()
    }

    /// Looks at the gradients of a scaled loss, and changes the scale for the next step.
    pub fn unscale<M: Module>(&mut self, module: &M, gradients: &Gradients) -> Unscale {
        let mut finite = Finite { gradients, all: Vec::new() };
        module.visit(&mut finite);
        let counts = match finite.all.is_empty() {
            true => self.scale.clone().is_finite(),
            false => Tensor::cat(finite.all, 0).all(),
        };
        let by = self.scale.clone().recip();
        let good_steps = self.good_steps.clone() + 1.0;
        let grows = good_steps.clone().greater_equal_elem(PATIENCE);
        let good = self.scale.clone().mask_where(grows.clone(), self.scale.clone() * 2.0);
        let bad = (self.scale.clone() * 0.5).clamp_min(LEAST);
        self.scale = bad.mask_where(counts.clone(), good.clamp_max(MOST));
        let zero = self.good_steps.zeros_like();
        let reset = grows.bool_or(counts.clone().bool_not());
        self.good_steps = good_steps.mask_where(reset, zero);
        Unscale { by, counts }
    }
}

/// Whether each parameter's gradient is finite.
struct Finite<'a> {
    gradients: &'a Gradients,
    all: Vec<Tensor<1, Bool>>,
}

impl ModuleVisitor for Finite<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.all.push(gradient.is_finite().all());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Module, Debug)]
    struct One {
        weight: Param<Tensor<1>>,
    }

    fn gradients(values: [f32; 2]) -> (One, Gradients) {
        let device = Device::flex().autodiff();
        let weight = Param::from_tensor(Tensor::<1>::from_floats([1.0, 1.0], &device));
        let module = One { weight };
        let factor = Tensor::from_floats(values, &device);
        let gradients = (module.weight.val() * factor).sum().backward();
        (module, gradients)
    }

    fn judged(scale: &mut LossScale, values: [f32; 2]) -> bool {
        let (module, gradients) = gradients(values);
        scale.unscale(&module, &gradients).counts.into_scalar::<bool>()
    }

    #[test]
    fn steps_with_infinite_gradients_do_not_count_and_halve_the_scale() {
        let mut scale = LossScale::new(&Device::flex());
        assert!(judged(&mut scale, [1.0, -2.0]));
        assert_eq!(scale.state(), [FIRST, 1.0]);
        for bad in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let before = scale.state()[0];
            assert!(!judged(&mut scale, [1.0, bad]));
            assert_eq!(scale.state(), [before / 2.0, 0.0], "{bad}");
        }
    }

    #[test]
    fn good_steps_double_the_scale_up_to_a_limit() {
        let device = Device::flex();
        let mut scale = LossScale::restore([8.0, PATIENCE - 1.0], &device);
        assert!(judged(&mut scale, [1.0, 1.0]));
        assert_eq!(scale.state(), [16.0, 0.0]);
        let mut scale = LossScale::restore([MOST, PATIENCE - 1.0], &device);
        judged(&mut scale, [1.0, 1.0]);
        assert_eq!(scale.state(), [MOST, 0.0]);
        let mut scale = LossScale::restore([LEAST, 5.0], &device);
        judged(&mut scale, [1.0, f32::NAN]);
        assert_eq!(scale.state(), [LEAST, 0.0]);
    }

    #[test]
    fn gradients_are_of_the_unscaled_loss() {
        let device = Device::flex().autodiff();
        let weight = Tensor::<1>::from_floats([3.0], &device).require_grad();
        let mut scale = LossScale::new(&device);
        let loss = (weight.clone() * weight.clone()).sum();
        let mut gradients = scale.scaled(loss).backward();
        let module = One { weight: Param::from_tensor(weight.clone()) };
        let by = scale.unscale(&module, &gradients).by;
        let gradient = weight.grad_remove(&mut gradients).unwrap() * by;
        assert_eq!(values(gradient), [6.0]);
    }
}
