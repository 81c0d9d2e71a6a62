//! Passes over the pixels of one image, channel by channel; as `microkernel`, once per instruction set.

mod backward;
mod blocks;
mod forward;

pub(crate) use backward::{BatchNormBackward, Mask, ReluBackward};
pub(super) use backward::{add_and_round, batch_norm_backward, interleave, relu_backward};
pub(crate) use forward::{Moments, Normalise};
pub(super) use forward::{normalise, store_moments};
