//! The only place that names a Burn backend.

use burn::tensor::Device;

/// The CPU device without gradients.
pub fn cpu() -> Device {
    Device::flex()
}
