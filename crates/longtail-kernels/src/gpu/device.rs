use burn::{
    backend::{CubeDevice, DispatchDevice},
    tensor::Device,
};
use cubecl::device::{WgpuBackend, WgpuDeviceKind};

use super::contrast::{Trial, trial};

/// Which interface a GPU is reached by: `cuda`, `vulkan`, `metal` or `wgpu`; `None` for a CPU.
pub fn runtime(device: &Device) -> Option<&'static str> {
    Some(match cube(device)? {
        CubeDevice::Cuda(_) => "cuda",
        CubeDevice::Wgpu(device) => match device.backend {
            WgpuBackend::Vulkan => "vulkan",
            WgpuBackend::Metal => "metal",
            _ => "wgpu",
        },
        _ => "cubecl",
    })
}

/// Whether the device is a CPU that computes as a GPU would (llvmpipe, SwiftShader, WARP).
pub fn is_software(device: &Device) -> bool {
    matches!(cube(device), Some(CubeDevice::Wgpu(device)) if device.kind == WgpuDeviceKind::Cpu)
}

/// Lower for a device that computes faster, as far as its kind tells: cards, then what shares the CPU's memory,
/// then what is a CPU.
pub fn rank(device: &Device) -> u8 {
    match cube(device) {
        Some(CubeDevice::Wgpu(device)) => match device.kind {
            WgpuDeviceKind::DiscreteGpu(_) => 0,
            WgpuDeviceKind::IntegratedGpu(_) => 1,
            WgpuDeviceKind::Cpu => 3,
            _ => 2,
        },
        _ => 0,
    }
}

/// The part's name, and the bytes that its driver lends at most where it tells them. Opens the device.
pub fn identity(device: &Device) -> Option<(String, Option<u64>)> {
    let client = cube(device)?.client();
    let properties = client.properties();
    Some((properties.identity.name.clone(), properties.memory.max_memory()))
}

/// Whether the contrastive loss has a kernel that runs there.
pub(crate) fn can_contrast(device: &Device) -> bool {
    cube(device).is_some_and(|device| trial(&device) == Trial::Right)
}

/// Whether kernels that share memory between units give wrong results there.
pub fn is_wrong(device: &Device) -> bool {
    cube(device).is_some_and(|device| trial(&device) == Trial::Wrong)
}

fn cube(device: &Device) -> Option<CubeDevice> {
    match device.clone().inner().as_dispatch() {
        DispatchDevice::Cube(device) => Some(device.clone()),
        _ => None,
    }
}
