use std::sync::Arc;

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Tensor, TensorData},
};

use super::{
    Branch, Branches, Classifier, ClassifierStart, Encoder, Gates, InitHeads, Initialiser, Kind,
    MicroBatches, Mlp, ModelError, NearestClassMean, NetworkConfig, Part, Pass, Precision, Role,
    Roles, l2_normalise, weights::values,
};

/// Encoder, classifier and the heads of the contrastive branch (`docs/method.md`).
///
/// ```
/// # use burn::tensor::{Device, Tensor};
/// use longtail::model::{Network, Pass};
/// use longtail::{method::parts, recipe::Recipe};
///
/// // The defaults: a ResNet-8, here of three classes and without a contrastive branch.
/// let (recipe, _) = Recipe::resolve(&[])?;
/// let network = Network::new(&parts::network(&recipe.settings(), 3, None), 0, &Device::flex())?;
/// let images = Tensor::<4>::ones([2, 32, 32, 3], &Device::flex());
/// let features = network.features(images, &mut Pass::Eval);
/// assert_eq!(features.dims(), [2, 64]);
/// let logits = network.logits(features).into_data().to_vec::<f32>()?;
/// // Equal images have equal logits.
/// assert_eq!(logits[..3], logits[3..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Module, Debug)]
pub struct Network {
    pub(super) encoder: Encoder,
    pub(super) branches: Vec<Branch>,
    head: Option<Mlp>,
    pub(super) fc: Option<Classifier>,
    head_fc: Option<Mlp>,
    pub(super) gates: Option<Gates>,
    #[module(skip)]
    config: NetworkConfig,
    #[module(skip)]
    roles: Arc<Roles>,
    /// Parts that are trained; the others are in evaluation mode and have no gradient.
    #[module(skip)]
    trained: Vec<Part>,
    /// How the images of a step are worked off; `None`: all at once.
    #[module(skip)]
    micro_batches: Option<MicroBatches>,
}

impl Network {
    /// A network with weights drawn from `seed`, all of which are trained.
    ///
    /// # Errors
    /// [`ModelError::Depth`], or what an encoder from outside the crate cannot do.
    pub fn new(config: &NetworkConfig, seed: u64, device: &Device) -> Result<Self, ModelError> {
        let mut init = Initialiser::new(seed, device);
        let kaiming = config.init_heads == InitHeads::Kaiming;
        let encoder = config.encoder(&mut init)?;
        let mut branches = config.branches(&mut init);
        let features = match &branches[..] {
            [] => encoder.features(),
            branches => branches.iter().map(Branch::features).sum(),
        };
        init.enter(Part::Classifier);
        let fc = match config.branches {
            Branches::Experts { .. } => {
                for branch in &mut branches {
                    branch.fc = Some(config.new_classifier(branch.features(), &mut init));
                }
                None
            }
            _ => Some(config.new_classifier(features, &mut init)),
        };
        let mut mlp = |[hidden, output]: [usize; 2], part: Part| {
            init.enter(part);
            Mlp::new([features, hidden, output], kaiming, &mut init)
        };
        let head = config.head.map(|widths| mlp(widths, Part::ProjectionHead));
        let head_fc = config.head.filter(|_| config.prototypes);
        let head_fc = head_fc.map(|widths| mlp(widths, Part::PrototypeHead));
        Ok(Self {
            encoder,
            branches,
            head,
            fc,
            head_fc,
            gates: None,
            config: config.clone(),
            roles: Arc::new(init.into_roles()),
            trained: Part::ALL.to_vec(),
            micro_batches: None,
        })
    }

    /// Refuses an encoder from outside that does not give the features that it says, of views of `size`.
    ///
    /// # Errors
    /// [`ModelError::Features`].
    pub fn check(&self, size: [usize; 2], device: &Device) -> Result<(), ModelError> {
        self.valid().encoder.check(&self.config.encoder, size, device)
    }

    /// The network as a later stage of training, counted from 0, begins with it: what it makes anew is drawn from
    /// `seed` and the stage. Experts keep their classifiers.
    #[must_use]
    pub fn with_classifier(mut self, start: ClassifierStart, seed: u64, stage: usize) -> Self {
        let experts = self.branches.iter().filter_map(|branch| branch.fc.as_ref());
        let Some(any) = self.fc.as_ref().or_else(|| experts.into_iter().next()) else {
            return self;
        };
        let (device, [classes, features]) = (any.weight().device(), any.weight().dims());
        let mut init = Initialiser::at_stage(seed, stage, &device);
        if start == ClassifierStart::Gates && self.fc.is_none() {
            let sizes = [self.branches.len(), features, classes];
            self.gates = Some(Gates::new(sizes, &mut init));
        }
        init.enter(Part::Classifier);
        self.fc = self.fc.map(|fc| match start {
            ClassifierStart::Keep | ClassifierStart::Gates => fc,
            ClassifierStart::New => self.config.new_classifier(features, &mut init),
            ClassifierStart::ClassScales => fc.with_class_scales(&mut init),
            ClassifierStart::NoBias => fc.without_bias(),
            ClassifierStart::ClassMeans => Classifier::class_means(features, classes, &mut init),
        });
        let mut roles = Roles::clone(&self.roles);
        roles.extend(init.into_roles());
        self.roles = Arc::new(roles);
        self
    }

    /// The network with these parts trained and the others frozen: in evaluation mode, without gradients.
    #[must_use]
    pub fn training(mut self, parts: &[Part]) -> Self {
        self.trained = parts.to_vec();
        let roles = Arc::clone(&self.roles);
        self.map(&mut Freeze { roles, trained: parts.to_vec() })
    }

    /// The network as a training step sees it that works its images off in parts: what a backward pass through the encoder
    /// needs is not kept, and [`MicroBatches::backward`] makes it again.
    #[must_use]
    pub fn in_micro_batches(&self, parts: &MicroBatches) -> Self {
        Self { micro_batches: Some(parts.clone()), ..self.clone() }
    }

    /// Refuses an encoder whose values change with every look at it, as running statistics of Burn's layers do.
    ///
    /// # Errors
    /// [`ModelError::MicroBatches`].
    pub fn check_micro_batches(&self) -> Result<(), ModelError> {
        let statistic = Role { part: Part::Encoder, kind: Kind::Statistic };
        match &self.encoder {
            Encoder::Own(_) if self.roles.has(statistic) => {
                Err(ModelError::MicroBatches { encoder: self.encoder_name() })
            }
            _ => Ok(()),
        }
    }

    /// C, the number of classes.
    pub fn classes(&self) -> usize {
        self.config.classes
    }

    /// Class means as the classifier, which [`ClassifierStart::ClassMeans`] has made: logits are the scores of
    /// [`NearestClassMean`] but for what all classes have in common.
    #[must_use]
    pub fn with_class_means(self, means: &NearestClassMean) -> Self {
        let fc = self.fc.clone().map(|fc| fc.with_means(means));
        Self { fc, ..self }
    }

    /// Class vectors w brought to w / ‖w‖^p ([`super::tau_normalise`]).
    #[must_use]
    pub fn with_tau_normalised(self, p: f64) -> Self {
        let fc = self.fc.clone().map(|fc| fc.with_tau_normalised(p));
        Self { fc, ..self }
    }

    /// Logits of features that [`crate::eval::embed`] gave, one row per image.
    pub fn logits_of(&self, features: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let Some(fc) = &self.fc else { return Vec::new() };
        let valid = fc.valid();
        let device = valid.weight().device();
        let width = features.first().map_or(0, Vec::len);
        let data = TensorData::new(features.concat(), [features.len(), width]);
        let logits = valid.forward(Tensor::from_data(data, &device));
        values(logits).chunks_exact(self.config.classes.max(1)).map(<[f32]>::to_vec).collect()
    }

    /// What its encoder is called.
    pub(super) fn encoder_name(&self) -> String {
        self.config.encoder.to_string()
    }

    /// What its parameters are.
    pub fn roles(&self) -> &Arc<Roles> {
        &self.roles
    }

    pub(super) fn is_frozen(&self, part: Part) -> bool {
        !self.trained.contains(&part)
    }

    /// `images`: `[rows, height, width, 3]`; gives features `[rows, features]`, those of several branches side by side.
    pub fn features(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        self.encoded(images, None, pass)
    }

    /// The features of one branch alone, `[rows, features]`; all of them where there is one.
    pub fn branch_features(
        &self,
        images: Tensor<4>,
        branch: usize,
        pass: &mut Pass<'_>,
    ) -> Tensor<2> {
        self.encoded(images, Some(branch), pass)
    }

    /// Features of all branches or of one, of all rows at once or in parts.
    fn encoded(&self, images: Tensor<4>, branch: Option<usize>, pass: &mut Pass<'_>) -> Tensor<2> {
        match (pass, &self.micro_batches) {
            (Pass::Train(statistics), Some(parts)) => {
                parts.features(self, images, branch, statistics)
            }
            (pass, _) => self.encode(images, branch, pass),
        }
    }

    /// Features of all rows at once, in the encoder's type and mode.
    pub(super) fn encode(
        &self,
        images: Tensor<4>,
        branch: Option<usize>,
        pass: &mut Pass<'_>,
    ) -> Tensor<2> {
        let images = match self.config.precision {
            Precision::F32 => images,
            low => images.cast(low.dtype()),
        };
        match pass {
            Pass::Train(_) if self.is_frozen(Part::Encoder) => {
                self.valid().of_branches(images.inner(), branch, &mut Pass::Eval).autodiff()
            }
            pass => self.of_branches(images, branch, pass),
        }
    }

    fn of_branches(
        &self,
        images: Tensor<4>,
        branch: Option<usize>,
        pass: &mut Pass<'_>,
    ) -> Tensor<2> {
        let asked = match branch {
            Some(branch) => self.branches.get(branch..=branch).unwrap_or_default(),
            None => &self.branches,
        };
        self.encoder.forward(images, asked, pass)
    }

    /// `features`: of [`Network::features`]; gives logits `[rows, classes]`, of several experts the mean: of all, or of
    /// those that gates give each image.
    pub fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        let experts = self.expert_logits(features.clone());
        if let Some(gates) = &self.gates {
            return gates.mean_logits(features, &experts);
        }
        let mut experts = experts.into_iter();
        let count = experts.len();
        match (experts.next(), count) {
            (Some(only), 1) => only,
            (Some(first), _) => {
                experts.fold(first, |sum, logits| sum + logits).div_scalar(count as f64)
            }
            (None, _) => Tensor::zeros([0, self.config.classes], &Device::flex()),
        }
    }

    /// `features`: of [`Network::features`]; gives logits `[rows, classes]` of every expert, or of the one classifier.
    pub fn expert_logits(&self, features: Tensor<2>) -> Vec<Tensor<2>> {
        if let Some(fc) = &self.fc {
            return vec![fc.forward(features)];
        }
        let of = |(expert, branch): (usize, &Branch)| {
            let width = branch.features();
            let own = features.clone().narrow(1, expert * width, width);
            branch.fc.as_ref().map(|fc| fc.forward(own))
        };
        self.branches.iter().enumerate().filter_map(of).collect()
    }

    /// Logits of the gates, `[rows, experts - 1]`, of [`Network::features`] and the experts' logits; `None` without gates.
    pub fn gates(&self, features: Tensor<2>, experts: &[Tensor<2>]) -> Option<Tensor<2>> {
        self.gates.as_ref().map(|gates| gates.forward(features, experts))
    }

    /// Projections z of unit length, `[rows, projection]`; `None` without a contrastive branch.
    pub fn projections(&self, features: Tensor<2>, pass: &mut Pass<'_>) -> Option<Tensor<2>> {
        let head = self.head.as_ref()?;
        let z = match pass {
            _ if self.is_frozen(Part::ProjectionHead) => head.forward(features, &mut Pass::Eval),
            pass => head.forward(features, pass),
        };
        Some(l2_normalise(z))
    }

    /// Class prototypes c of unit length, `[classes, projection]`, from the classifier's class
    /// vectors; `None` where the method uses none.
    pub fn prototypes(&self, pass: &mut Pass<'_>) -> Option<Tensor<2>> {
        let (head, fc) = (self.head_fc.as_ref()?, self.fc.as_ref()?);
        let c = match pass {
            _ if self.is_frozen(Part::PrototypeHead) => head.forward(fc.weight(), &mut Pass::Eval),
            pass => head.forward(fc.weight(), pass),
        };
        Some(l2_normalise(c))
    }
}

/// Gives gradients to the parameters of some parts, and takes them from the others.
struct Freeze {
    roles: Arc<Roles>,
    trained: Vec<Part>,
}

impl ModuleMapper for Freeze {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.roles.get(param.id) {
            Some(Role { part, kind }) if kind != Kind::Statistic => {
                param.set_require_grad(self.trained.contains(&part))
            }
            _ => param,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        device,
        model::{Backbone, EncoderConfig},
    };

    fn resnet(depth: usize) -> EncoderConfig {
        EncoderConfig::Backbone(Backbone::ResNetCifar { depth })
    }

    fn config(classes: usize) -> NetworkConfig {
        let plain = NetworkConfig::new(Backbone::ResNetCifar { depth: 32 }, classes);
        NetworkConfig { head: Some([512, 128]), prototypes: true, ..plain }
    }

    /// Trainable parameters; running statistics are state, not parameters.
    fn parameters(config: &NetworkConfig) -> usize {
        let network = Network::new(config, 0, &device::cpu()).unwrap();
        crate::model::weights::state(&network)
            .iter()
            .filter(|(name, _)| !name.contains("running_"))
            .map(|(_, tensor)| tensor.values.len())
            .sum()
    }

    #[test]
    fn parameter_counts_are_the_reference_codes() {
        assert_eq!(parameters(&config(10)), 664_090);
        assert_eq!(parameters(&config(100)), 669_940);
        let classifier_only = NetworkConfig { head: None, ..config(10) };
        assert_eq!(parameters(&classifier_only), 464_154);
    }

    #[test]
    fn depth_must_be_6n_plus_2() {
        for depth in [0, 2, 7, 31, 33, 51] {
            let bad = NetworkConfig { encoder: resnet(depth), ..config(10) };
            assert!(Network::new(&bad, 0, &device::cpu()).is_err(), "depth {depth}");
        }
        for depth in [8, 14, 20, 56] {
            let good = NetworkConfig { encoder: resnet(depth), ..config(10) };
            assert!(Network::new(&good, 0, &device::cpu()).is_ok(), "depth {depth}");
        }
    }

    #[test]
    fn odd_image_sizes_pass_through_both_shortcuts() {
        let network = Network::new(&config(3), 0, &device::cpu()).unwrap();
        let images = Tensor::ones([2, 9, 13, 3], &device::cpu());
        let features = network.features(images, &mut Pass::Eval);
        assert_eq!(features.dims(), [2, 64]);
        assert_eq!(network.logits(features).dims(), [2, 3]);
    }
}
