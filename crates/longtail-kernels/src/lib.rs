//! Fused operators with hand-written backward, and what else needs a CPU's vectors.
//!
//! Every operator has a readable composition of Burn's own operators, which serves every backend
//! and is the reference that the fast implementations are tested against. On the CPU backend the fast
//! ones run, on the best instruction set that the machine has.

mod basic_block;
mod contrast;
mod conv_bn;
mod cpu;
mod cross_entropy;
mod fused;
pub mod gpu;
pub mod jpeg;
pub mod threads;

pub use basic_block::{
    BasicBlockTrain, EvalBlock, basic_block_eval, basic_block_train, basic_blocks_eval,
};
pub use contrast::{ContrastFactors, ContrastPath, ContrastTerms, contrast, contrast_path};
pub use conv_bn::{ConvBnOptions, ConvBnTrain, conv_bn_eval, conv_bn_train};
pub use cpu::{Path, PathError, force};
pub use cross_entropy::{CrossEntropyTerms, cross_entropy, cross_entropy_path};
pub use fused::{Algorithm, algorithm};

/// The operators as compositions of Burn's own: any backend, and the reference for the fast ones.
pub mod composed {
    pub use crate::{
        basic_block::composed::{basic_block_eval, basic_block_train, basic_blocks_eval},
        contrast::composed::{contrast, log_sum_exp},
        conv_bn::composed::{conv_bn_eval, conv_bn_train, conv_norm_pixels},
        cross_entropy::composed::cross_entropy,
    };
}

/// Which implementation of the operators runs on this machine's CPU.
pub fn active_path() -> &'static str {
    Path::active().name()
}
