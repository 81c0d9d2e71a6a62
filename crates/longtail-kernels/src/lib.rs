//! Fused operators with hand-written backward, and what else needs a CPU's vectors.
//!
//! Every operator has a readable composition of Burn's own operators, which serves every backend
//! and is the reference that the fast implementations are tested against. On the CPU backend the fast
//! ones run, on the best instruction set that the machine has.

mod basic_block;
pub mod blur;
pub mod color;
mod contrast;
mod contrast_terms;
mod conv_bn;
mod cpu;
mod cross_entropy;
mod cross_entropy_terms;
mod dispatch;
mod fused;
pub mod gpu;
pub mod jpeg;
mod max_pool;
mod options;
pub mod resample;
pub mod threads;

pub use basic_block::{
    BasicBlockTrain, EvalBlock, basic_block_eval, basic_block_train, basic_blocks_eval,
};
pub use contrast::{contrast, contrast_path};
pub use contrast_terms::{ContrastFactors, ContrastTerms};
pub use conv_bn::{ConvBnTrain, conv_bn_eval, conv_bn_train};
pub use cpu::{Path, PathError, force};
pub use cross_entropy::{cross_entropy, cross_entropy_path};
pub use cross_entropy_terms::CrossEntropyTerms;
pub use fused::{Algorithm, ContrastPath, Prepacking, algorithm, make_again_from};
pub use max_pool::{max_pool, max_pool_path};
pub use options::ConvBnOptions;

/// The operators as compositions of Burn's own: any backend, and the reference for the fast ones.
pub mod composed {
    pub use crate::{
        basic_block::composed::{basic_block_eval, basic_block_train, basic_blocks_eval},
        contrast::composed::{contrast, log_sum_exp},
        conv_bn::composed::{conv_bn_eval, conv_bn_train, conv_norm_pixels},
        cross_entropy::composed::cross_entropy,
        max_pool::composed::max_pool,
    };
}

/// Which implementation of the operators runs on this machine's CPU.
pub fn active_path() -> &'static str {
    Path::active().name()
}
