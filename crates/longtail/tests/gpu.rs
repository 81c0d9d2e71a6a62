//! The same results on a GPU: PyTorch's step and losses, the fused contrastive loss against the reference
//! loops, and runs that move between devices.
//!
//! `LONGTAIL_TEST_DEVICE` names the device, as `--device` takes it. Without it the first of Vulkan's through
//! wgpu is taken, a software one too, and where there is none the tests are skipped and say so.
#![cfg(feature = "gpu")]

#[path = "support/contrast.rs"]
mod contrast;
#[path = "support/loss_oracle.rs"]
mod loss_oracle;
#[path = "support/step_oracle.rs"]
mod step_oracle;
mod support;

#[path = "gpu/fused.rs"]
mod fused;
#[path = "gpu/losses.rs"]
mod losses;
#[path = "gpu/runs.rs"]
mod runs;
#[path = "gpu/step.rs"]
mod step;

use std::{
    io::Write,
    sync::{Mutex, MutexGuard, PoisonError},
};

use longtail::device::{self, Device, DeviceChoice, DeviceError};

/// One test at a time has the device: its memory is looked at.
static DEVICE: Mutex<()> = Mutex::new(());

/// The device to test, for one test alone; `None`, with a word, where there is none.
///
/// # Panics
/// If the device that `LONGTAIL_TEST_DEVICE` names cannot be had.
fn gpu() -> Option<(Device, MutexGuard<'static, ()>)> {
    let alone = DEVICE.lock().unwrap_or_else(PoisonError::into_inner);
    let asked = std::env::var("LONGTAIL_TEST_DEVICE").ok();
    let choice: DeviceChoice = asked.as_deref().unwrap_or("wgpu").parse().unwrap();
    match device::open(choice) {
        Ok(device) => Some((device, alone)),
        Err(DeviceError::None(_) | DeviceError::NotBuiltIn(_)) if asked.is_none() => {
            skipped("no Vulkan device was found");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Says why a test did nothing, which a test that passes must not print as tests do.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Whether products in f32 may be rounded to TF32 (10 bits of mantissa) on the way: on tensor cores, which
/// Burn 0.22.1 takes where its tuning finds them fastest.
fn rounds_to_tf32(device: &Device) -> bool {
    longtail_kernels::gpu::runtime(device) == Some("cuda")
}
