use std::{fmt, sync::Arc};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Tensor},
};

use super::{
    Backbone, Branch, Branches, Encode, Initialiser, Kind, ModelError, OwnEncoder, Part, Pass,
    ResNet, ResNetCifar, Role, Roles, layers::global_average,
};

/// What turns images into features.
#[derive(Module, Debug)]
pub enum Encoder {
    /// A ResNet for small images; of several branches it is the trunk.
    ResNetCifar(ResNetCifar),
    /// A ResNet for large images; of several branches it is the trunk.
    ResNet(ResNet),
    /// A module from outside the crate.
    Own(OwnEncoder),
}

/// Which encoder a network has.
#[derive(Clone)]
pub enum EncoderConfig {
    /// One of the crate's.
    Backbone(Backbone),
    /// One from outside.
    Own {
        /// What logs and reports call it. Runs of another name are other runs.
        name: String,
        /// Makes it; the device's generator is seeded before.
        make: Arc<dyn Fn(&Device) -> OwnEncoder + Send + Sync>,
    },
}

impl EncoderConfig {
    /// An encoder from outside the crate, that `make` makes on a device whose generator has been seeded.
    pub fn own<E: Encode>(
        name: impl Into<String>,
        make: impl Fn(&Device) -> E + Send + Sync + 'static,
    ) -> Self {
        Self::Own { name: name.into(), make: Arc::new(move |device| OwnEncoder::new(make(device))) }
    }
}

impl fmt::Display for EncoderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backbone(backbone) => backbone.fmt(f),
            Self::Own { name, .. } => f.write_str(name),
        }
    }
}

impl fmt::Debug for EncoderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl PartialEq for EncoderConfig {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Backbone(one), Self::Backbone(other)) => one == other,
            (Self::Own { name: one, .. }, Self::Own { name: other, .. }) => one == other,
            _ => false,
        }
    }
}

impl Encoder {
    /// An encoder, as far as `branches` have it in common.
    ///
    /// # Errors
    /// [`ModelError::Depth`], [`ModelError::Branches`].
    pub(super) fn new(
        config: &EncoderConfig,
        branches: Branches,
        init: &mut Initialiser,
    ) -> Result<Self, ModelError> {
        match config {
            EncoderConfig::Backbone(Backbone::ResNetCifar { depth }) => {
                Backbone::ResNetCifar { depth: *depth }.check()?;
                Ok(Self::ResNetCifar(ResNetCifar::new(*depth, branches, init)?))
            }
            EncoderConfig::Backbone(Backbone::ResNet(kind)) => {
                Ok(Self::ResNet(ResNet::new(*kind, branches, init)))
            }
            own if branches != Branches::One => {
                Err(ModelError::Branches { encoder: own.to_string() })
            }
            EncoderConfig::Own { name, make } => {
                let encoder = init.own(make.as_ref());
                match encoder.features() {
                    0 => Err(ModelError::Features {
                        encoder: name.clone(),
                        says: 0,
                        given: "none".into(),
                    }),
                    _ => Ok(Self::Own(encoder)),
                }
            }
        }
    }

    /// Refuses one from outside that does not give the features that it says, of views of `height` × `width`.
    ///
    /// # Errors
    /// [`ModelError::Features`].
    pub(super) fn check(
        &self,
        name: &EncoderConfig,
        [height, width]: [usize; 2],
        device: &Device,
    ) -> Result<(), ModelError> {
        let Self::Own(encoder) = self else { return Ok(()) };
        let images = Tensor::zeros([2, height, width, 3], device);
        let (says, [rows, columns]) = (encoder.features(), encoder.forward(images).dims());
        if [rows, columns] == [2, says] {
            return Ok(());
        }
        let given = format!("{rows} rows of {columns}");
        Err(ModelError::Features { encoder: name.to_string(), says, given })
    }

    /// Features of a network of one branch.
    pub(super) fn features(&self) -> usize {
        match self {
            Self::ResNetCifar(_) => ResNetCifar::FEATURES,
            Self::ResNet(encoder) => encoder.features(),
            Self::Own(encoder) => encoder.features(),
        }
    }

    /// `images`: `[rows, height, width, 3]`; gives features `[rows, features]`: its own, or those of `branches` side by
    /// side, whose trunk it is.
    pub(super) fn forward(
        &self,
        images: Tensor<4>,
        branches: &[Branch],
        pass: &mut Pass<'_>,
    ) -> Tensor<2> {
        let maps = match self {
            Self::ResNetCifar(trunk) => trunk.maps(images, pass),
            Self::ResNet(trunk) => trunk.maps(images, pass),
            Self::Own(encoder) => return encoder.forward(images),
        };
        match branches {
            [] => global_average(maps),
            [only] => only.forward(maps, pass),
            several => {
                let of = |branch: &Branch| branch.forward(maps.clone(), pass);
                Tensor::cat(several.iter().map(of).collect(), 1)
            }
        }
    }
}

/// The roles of a module from outside, whose parameters tell by the layers that hold them what they are.
pub(super) struct OwnRoles {
    container: Vec<String>,
    pub(super) roles: Roles,
}

impl OwnRoles {
    pub(super) fn of(encoder: &OwnEncoder) -> Roles {
        let mut visitor = Self { container: Vec::new(), roles: Roles::default() };
        encoder.visit(&mut visitor);
        visitor.roles
    }
}

impl ModuleVisitor for OwnRoles {
    fn enter_module(&mut self, _name: &str, container: &str) {
        self.container.push(container.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.container.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Burn draws a parameter when it is first looked at.
        let trained = param.val().is_require_grad() || param.is_require_grad();
        let in_norm = self.container.last().is_some_and(|layer| layer.ends_with("Norm"));
        let kind = match trained {
            false => Kind::Statistic,
            true if in_norm => Kind::Norm,
            true => Kind::Weight,
        };
        self.roles.insert(param.id, Role { part: Part::Encoder, kind });
    }
}
