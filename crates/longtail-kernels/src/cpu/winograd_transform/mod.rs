//! Winograd's transforms between images and points; as `microkernel`, once per instruction set.

mod inputs;
mod outputs;
mod points;
mod weights;

pub(crate) use inputs::Data;
pub(super) use inputs::data;
pub(crate) use outputs::{Gradients, Outputs};
pub(super) use outputs::{gradient, output};
pub(super) use points::{ALL_POINTS, POINTS, TAPS, TILE};
pub(super) use weights::{filters, weights};
