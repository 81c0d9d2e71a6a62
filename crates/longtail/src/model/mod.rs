//! Backbones and heads, written once for every backend.
//!
//! Parameter names and layouts are PyTorch's, so that weights travel both ways
//! ([`weights`]).

mod backbone;
mod branch;
mod branches;
mod classifier;
mod encoder;
mod gates;
mod init;
mod layers;
mod layout;
mod micro_batches;
mod mlp;
mod nearest_class_mean;
mod network;
mod network_config;
mod options;
mod own_encoder;
mod plain_classifier;
mod resnet;
mod resnet_cifar;
mod resnet_kind;
mod roles;
mod tau_normalise;
pub mod weights;

pub use backbone::Backbone;
pub use branch::{Branch, Stage};
pub use branches::Branches;
pub use classifier::Classifier;
pub use encoder::{Encoder, EncoderConfig};
pub use gates::Gates;
pub use init::Initialiser;
pub(crate) use layers::{BN_EPSILON, NORM_EPSILON};
pub use layers::{BasicBlock, BatchNorm, BatchStatistics, Conv, Linear, Pass, l2_normalise};
pub use layout::{Layout, StageLayout, Stem};
pub use micro_batches::MicroBatches;
pub use mlp::Mlp;
pub use nearest_class_mean::{NearestClassMean, NearestClassMeanError};
pub use network::Network;
pub use network_config::{BnGroups, ClassifierKind, ClassifierStart, InitHeads, NetworkConfig};
pub use options::{Model, ModelTyped};
pub use own_encoder::{Encode, OwnEncoder};
pub use plain_classifier::{FeatureForm, PlainClassifier};
pub use resnet::{ResNet, ResidualBlock};
pub use resnet_cifar::ResNetCifar;
pub use resnet_kind::ResNetKind;
pub use roles::{Kind, Part, Role, Roles};
pub use tau_normalise::tau_normalise;

pub use crate::device::Precision;

/// A model that cannot be built or filled with weights.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No CIFAR ResNet has this depth.
    #[error(
        "backbone resnet{0} does not exist: the depth of a CIFAR ResNet is 6n+2, such as resnet8, \
         resnet20, resnet32 or resnet56"
    )]
    Depth(usize),
    /// Branches are made of an encoder's own stages.
    #[error(
        "encoder {encoder} has no branches: a method of several branches needs a ResNet of this crate, such as resnet32 or resnet50"
    )]
    Branches {
        /// What the encoder is called.
        encoder: String,
    },
    /// An encoder from outside that gives other features than it says.
    #[error("encoder {encoder} says that it has {says} features, and gives {given} for two images")]
    Features {
        /// What the encoder is called.
        encoder: String,
        /// What it says.
        says: usize,
        /// Rows and columns that it gives.
        given: String,
    },
    /// An encoder from outside whose running statistics would move twice a step.
    #[error(
        "encoder {encoder} keeps running statistics, which micro-batches would count twice: leave --micro-batch out"
    )]
    MicroBatches {
        /// What the encoder is called.
        encoder: String,
    },
    /// Only the crate's encoders know lower precisions.
    #[error("encoder {encoder} computes in f32: leave --precision out")]
    Precision {
        /// What the encoder is called.
        encoder: String,
    },
    /// A tensor is missing from a weights file.
    #[error("{file} holds no tensor \"{name}\": it belongs to another model")]
    MissingTensor {
        /// The weights file.
        file: String,
        /// PyTorch's name of the tensor.
        name: String,
    },
    /// A tensor has another shape than the model's.
    #[error("tensor \"{name}\" in {file} has shape {found:?} where this model needs {expected:?}")]
    Shape {
        /// The weights file.
        file: String,
        /// PyTorch's name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape of the model.
        expected: Vec<usize>,
    },
    /// A tensor of the file has no place in the model.
    #[error("{file} holds \"{name}\", which this model does not have: it belongs to another model")]
    UnknownTensor {
        /// The weights file.
        file: String,
        /// PyTorch's name of the tensor.
        name: String,
    },
    /// A weights file is damaged or of another type.
    #[error("{file} cannot be read as safetensors weights: {reason}")]
    Format {
        /// The weights file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A weights file was changed since it was written.
    #[error(
        "{file} is damaged: its checksum does not fit its bytes; take a copy of it, or write it anew"
    )]
    Checksum {
        /// The weights file.
        file: String,
    },
}
