use std::collections::HashMap;

use burn::module::ParamId;

/// A part of a network that is trained or frozen as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Images to features, with all experts' branches.
    Encoder,
    /// Features to logits.
    Classifier,
    /// One scale per class on the logits (LWS).
    ClassScales,
    /// Features to projections.
    ProjectionHead,
    /// Class vectors to prototypes.
    PrototypeHead,
    /// Which images need another expert (RIDE).
    Gates,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 6] = [
        Self::Encoder,
        Self::Classifier,
        Self::ClassScales,
        Self::ProjectionHead,
        Self::PrototypeHead,
        Self::Gates,
    ];
}

/// What a parameter is to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It multiplies what comes in.
    Weight,
    /// It is added to what goes out.
    Bias,
    /// Scale or shift of a normalisation.
    Norm,
    /// Not trained: running statistics and what is computed from data.
    Statistic,
}

/// Where a parameter belongs, told where it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Role {
    /// The part of the network.
    pub part: Part,
    /// What it is to its layer.
    pub kind: Kind,
}

/// The role of every parameter of a network.
#[derive(Debug, Clone, Default)]
pub struct Roles(HashMap<ParamId, Role>);

impl Roles {
    /// The role of a parameter; `None` of one that is no network's.
    pub fn get(&self, parameter: ParamId) -> Option<Role> {
        self.0.get(&parameter).copied()
    }

    /// Whether any parameter has this role.
    pub fn has(&self, role: Role) -> bool {
        self.0.values().any(|of| *of == role)
    }

    /// Notes a parameter.
    pub fn insert(&mut self, parameter: ParamId, role: Role) {
        self.0.insert(parameter, role);
    }

    /// Takes over all of `others`.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}
