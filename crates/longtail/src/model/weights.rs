//! Weights as named arrays with PyTorch's names and layouts, and safetensors files of them.

mod file;
mod pretrained;

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Tensor, TensorData},
};

pub(crate) use file::of_arrays;
pub use file::{Contents, from_safetensors, metadata, to_safetensors};
pub use pretrained::{Difference, Fitted, Loaded, Misfit, Pretrained, PretrainedError};

use super::ModelError;

/// One array of weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// All parameters and running statistics of a module under PyTorch's names.
pub type State = BTreeMap<String, Weights>;

/// The parameters and running statistics of `module`.
///
/// ```
/// # use burn::tensor::Device;
/// use longtail::model::{Initialiser, Linear, weights};
///
/// let linear = Linear::new(2, 3, false, &mut Initialiser::new(0, &Device::flex()));
/// let state = weights::state(&linear);
/// assert_eq!(state["weight"].shape, [3, 2]);
/// assert_eq!(state["bias"].values.len(), 3);
/// ```
pub fn state<M: Module>(module: &M) -> State {
    let mut visitor = Reader { path: ModulePath::default(), state: State::new() };
    module.visit(&mut visitor);
    visitor.state
}

/// Takes names, shapes and values into a hash.
pub(crate) fn hash(state: &State, hash: &mut impl sha2::Digest) {
    for (name, weights) in state {
        hash.update(format!("{name} {:?}\n", weights.shape));
        weights.values.iter().for_each(|value| hash.update(value.to_le_bytes()));
    }
}

/// `module` with the values of `state`; `file` names their origin in errors.
///
/// # Errors
/// [`ModelError::MissingTensor`], [`ModelError::Shape`] or [`ModelError::UnknownTensor`]. PyTorch's
/// `num_batches_tracked` is passed over.
///
/// ```
/// # use burn::tensor::Device;
/// use longtail::model::{Initialiser, Linear, weights};
///
/// let linear = |seed| Linear::new(2, 3, false, &mut Initialiser::new(seed, &Device::flex()));
/// let state = weights::state(&linear(0));
/// assert!(weights::state(&linear(1)) != state);
/// let filled = weights::with_state(linear(1), state.clone(), "a test")?;
/// assert_eq!(weights::state(&filled), state);
/// assert!(weights::with_state(linear(1), weights::State::new(), "nothing").is_err());
/// # Ok::<(), longtail::model::ModelError>(())
/// ```
pub fn with_state<M: Module>(module: M, mut state: State, file: &str) -> Result<M, ModelError> {
    state.retain(|name, _| !name.ends_with(".num_batches_tracked"));
    let mut writer =
        Writer { path: ModulePath::default(), state, file: file.to_owned(), error: None };
    let module = module.map(&mut writer);
    match (writer.error, writer.state.into_keys().next()) {
        (Some(error), _) => Err(error),
        (None, Some(name)) => Err(ModelError::UnknownTensor { file: file.to_owned(), name }),
        (None, None) => Ok(module),
    }
}

/// The dotted path of the parameter being visited, in PyTorch's spelling.
#[derive(Debug, Default, Clone)]
pub struct ModulePath(Vec<String>);

impl ModulePath {
    /// Goes down into `name` of a container of Burn's type.
    pub fn enter(&mut self, name: &str, container: &str) {
        // The variants of an enum are no level of PyTorch's.
        let name = if container.starts_with("Enum:") { "" } else { name };
        self.0.push(name.to_owned());
    }

    /// Comes back up.
    pub fn exit(&mut self) {
        self.0.pop();
    }

    /// The whole path; layers of a head carry the numbers of PyTorch's `Sequential`.
    pub fn name(&self) -> String {
        let in_head = self.0.first().is_some_and(|root| root.starts_with("head"));
        let spelled = |part: &String| match part.as_str() {
            "hidden" if in_head => "0".to_owned(),
            "norm" if in_head => "1".to_owned(),
            "output" if in_head => "3".to_owned(),
            other => other.to_owned(),
        };
        let levels = self.0.iter().filter(|level| !level.is_empty());
        levels.map(spelled).collect::<Vec<_>>().join(".")
    }
}

struct Reader {
    path: ModulePath,
    state: State,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let weights = Weights { shape: tensor.dims().to_vec(), values: values(tensor) };
        self.state.insert(self.path.name(), weights);
    }
}

/// The values of a tensor, row-major.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

struct Writer {
    path: ModulePath,
    state: State,
    file: String,
    error: Option<ModelError>,
}

impl ModuleMapper for Writer {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (file, name) = (self.file.clone(), self.path.name());
        let expected = param.dims().to_vec();
        match self.state.remove(&name) {
            None => {
                self.error.get_or_insert(ModelError::MissingTensor { file, name });
                param
            }
            Some(found) if found.shape != expected => {
                let found = found.shape;
                self.error.get_or_insert(ModelError::Shape { file, name, found, expected });
                param
            }
            Some(found) => {
                let requires_grad = param.is_require_grad();
                let filled = param.map(|old| {
                    Tensor::from_data(TensorData::new(found.values, found.shape), &old.device())
                });
                filled.set_require_grad(requires_grad)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        device,
        model::{Backbone, Network, NetworkConfig},
    };

    fn network(classes: usize, seed: u64) -> Network {
        let plain = NetworkConfig::new(Backbone::ResNetCifar { depth: 8 }, classes);
        let config = NetworkConfig { head: Some([16, 8]), prototypes: true, ..plain };
        Network::new(&config, seed, &device::cpu()).unwrap()
    }

    #[test]
    fn names_are_pytorchs() {
        let state = state(&network(5, 0));
        for name in [
            "encoder.conv1.weight",
            "encoder.bn1.running_var",
            "encoder.layer3.0.bn2.bias",
            "head.0.weight",
            "head.1.running_mean",
            "head.3.bias",
            "head_fc.1.weight",
            "fc.weight",
            "fc.bias",
        ] {
            assert!(state.contains_key(name), "{name} not among {:?}", state.keys());
        }
        assert_eq!(state["head.0.weight"].shape, [16, 64]);
        assert_eq!(state["fc.weight"].shape, [5, 64]);
    }

    #[test]
    fn another_models_weights_are_refused_by_name() {
        let ten = state(&network(10, 0));
        let error = with_state(network(5, 0), ten, "w.safetensors").unwrap_err().to_string();
        assert!(error.contains("fc.") && error.contains("w.safetensors"), "{error}");
        let mut extra = state(&network(5, 0));
        extra.insert("fc2.weight".into(), Weights { shape: vec![1], values: vec![0.0] });
        let error = with_state(network(5, 0), extra, "w").unwrap_err().to_string();
        assert!(error.contains("fc2.weight"), "{error}");
        let mut missing = state(&network(5, 0));
        missing.remove("head.3.bias");
        let error = with_state(network(5, 0), missing, "w").unwrap_err().to_string();
        assert!(error.contains("head.3.bias"), "{error}");
    }
}
