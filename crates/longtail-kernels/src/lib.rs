//! Fused operators with hand-written backward.
//!
//! Every operator has a readable composition of Burn's own operators, which serves every backend
//! and is the reference that the fast implementations are tested against.

mod conv_bn;

pub use conv_bn::{ConvBnOptions, ConvBnTrain, composed, conv_bn_eval, conv_bn_train};

/// Which implementation of the operators runs on this machine.
pub fn active_path() -> &'static str {
    "composed"
}
