use super::Format;
use crate::model::ModelError;

/// A network that cannot be exported as was asked.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// What an encoder from outside the crate computes is not known as a graph.
    #[error(
        "encoder {encoder} is not one of this program's, which therefore cannot say in ONNX what it computes: export its \
         weights as safetensors or pth"
    )]
    OwnEncoder {
        /// What the encoder is called.
        encoder: String,
    },
    /// A correction that would change nothing.
    #[error(
        "the logits of method {method} hold all classes alike, so that there is nothing to adjust: leave --adjust out"
    )]
    NothingToAdjust {
        /// What the method is called.
        method: String,
    },
    /// A strength that is no number, or too large a one.
    #[error(
        "an adjustment by {tau} times the logarithm of the prior is more than logits can hold: choose a number such as 1"
    )]
    Tau {
        /// The strength.
        tau: f64,
    },
    /// More than the format can hold.
    #[error("the network does not fit a file of the format {format}: choose another --format")]
    TooLarge {
        /// The format.
        format: Format,
    },
    /// The weights do not make the network.
    #[error(transparent)]
    Model(#[from] ModelError),
}
