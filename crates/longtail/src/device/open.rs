use burn::tensor::{Device, Tensor};
use longtail_kernels::gpu;
use serde::{Deserialize, Serialize};

use super::{Backend, DeviceChoice, DeviceError, cpu, guard::guard};

/// The device that was asked for, without gradients. It has computed something, so that a driver or
/// toolkit that is missing is found here and not in the middle of a run.
///
/// # Errors
/// [`DeviceError`]; never for `auto` and the CPU itself.
pub fn open(choice: DeviceChoice) -> Result<Device, DeviceError> {
    let (backend, index) = match choice {
        DeviceChoice::Auto => return Ok(best()),
        DeviceChoice::One { backend, index } => (backend, index),
    };
    if !backend.is_built_in() {
        return Err(DeviceError::NotBuiltIn(backend.name()));
    }
    let mut found = enumerate(backend);
    match found.len() {
        0 => return Err(DeviceError::None(backend.name())),
        count if index >= count => return Err(DeviceError::Index { choice, count }),
        _ => {}
    }
    let device = found.swap_remove(index);
    computes(&device).map_err(|reason| DeviceError::Broken { choice, reason })?;
    Ok(device)
}

/// The first usable GPU that is one, or the CPU.
fn best() -> Device {
    let gpus = Backend::ALL.into_iter().filter(|backend| *backend != Backend::Cpu);
    gpus.flat_map(enumerate)
        .find(|device| !gpu::is_software(device) && computes(device).is_ok())
        .unwrap_or_else(cpu)
}

/// A device, or a backend without any, as `longtail devices` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// What `--device` takes.
    pub device: String,
    /// Its name, where it tells.
    pub hardware: Option<String>,
    /// Most bytes that its driver lends, where it tells.
    pub memory: Option<u64>,
    /// Whether it is a CPU that computes as a GPU would.
    pub is_software: bool,
    /// Why it cannot be used; `None`: it can.
    pub problem: Option<String>,
}

impl Listed {
    /// One that cannot be used.
    pub fn with_problem(device: impl ToString, problem: impl Into<String>) -> Self {
        let (device, problem) = (device.to_string(), Some(problem.into()));
        Self { device, hardware: None, memory: None, is_software: false, problem }
    }
}

/// Every device of this machine, unopened, and every backend without one with the reason.
pub fn candidates() -> Vec<Result<DeviceChoice, Listed>> {
    let of_backend = |backend: Backend| match enumerate(backend).len() {
        0 if backend.is_built_in() => {
            vec![Err(Listed::with_problem(
                backend.name(),
                "no device found: is its driver installed?",
            ))]
        }
        0 => {
            let feature = backend.name();
            let problem = format!("not built in: cargo build --release --features {feature}");
            vec![Err(Listed::with_problem(feature, problem))]
        }
        count => (0..count).map(|index| Ok(DeviceChoice::One { backend, index })).collect(),
    };
    Backend::ALL.into_iter().flat_map(of_backend).collect()
}

/// What a device is and whether it computes. Opens it: a driver that crashes takes the process along.
pub fn look(choice: DeviceChoice) -> Listed {
    let device = match open(choice) {
        Ok(device) => device,
        Err(DeviceError::Broken { reason, .. }) => return Listed::with_problem(choice, reason),
        Err(error) => return Listed::with_problem(choice, error.to_string()),
    };
    let (hardware, memory) = match gpu::identity(&device) {
        Some((name, memory)) => (Some(name), memory),
        None => (super::processor(), super::bytes_of("/proc/meminfo", "MemTotal:")),
    };
    let is_software = gpu::is_software(&device);
    Listed { device: choice.to_string(), hardware, memory, is_software, problem: None }
}

/// The devices that a backend finds, software last. Asks drivers only whether they are there.
fn enumerate(backend: Backend) -> Vec<Device> {
    let mut devices = in_any_order(backend);
    devices.sort_by_key(gpu::rank);
    devices
}

fn in_any_order(backend: Backend) -> Vec<Device> {
    #[cfg(feature = "gpu")]
    use burn::tensor::DeviceType;
    match backend {
        Backend::Cpu => vec![cpu()],
        #[cfg(feature = "cuda")]
        Backend::Cuda => Device::enumerate(DeviceType::Cuda).into_iter().collect(),
        #[cfg(feature = "metal")]
        Backend::Metal => Device::enumerate(DeviceType::Metal).into_iter().collect(),
        #[cfg(feature = "vulkan")]
        Backend::Vulkan => Device::enumerate(DeviceType::Vulkan).into_iter().collect(),
        #[cfg(feature = "wgpu-untuned")]
        Backend::Wgpu => Device::enumerate(DeviceType::Wgpu).into_iter().collect(),
        #[allow(unreachable_patterns)]
        _ => Vec::new(),
    }
}

/// Computes something small.
fn computes(device: &Device) -> Result<(), String> {
    let (sum, is_wrong) = guard(device, || {
        let one = Tensor::<1>::ones([3], device);
        (
            (one.clone() + one).sum().into_data().iter::<f32>().collect::<Vec<_>>(),
            gpu::is_wrong(device),
        )
    })?;
    if is_wrong {
        let feature = "VK_KHR_workgroup_memory_explicit_layout";
        return Err(format!("its shared memory gives wrong results (SPIR-V needs {feature})"));
    }
    match sum[..] == [6.0] {
        true => Ok(()),
        false => Err(format!("it says that three times two is {sum:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there_and_comes_last() {
        assert_eq!(open(DeviceChoice::CPU).unwrap(), cpu());
        let all = candidates();
        assert!(all.len() >= Backend::ALL.len());
        assert_eq!(all.last().unwrap(), &Ok(DeviceChoice::CPU));
        let cpu = look(DeviceChoice::CPU);
        assert_eq!((cpu.device.as_str(), cpu.problem, cpu.is_software), ("cpu", None, false));
    }

    #[test]
    fn what_is_not_there_is_said() {
        for backend in Backend::ALL.into_iter().filter(|backend| !backend.is_built_in()) {
            let error = open(DeviceChoice::One { backend, index: 0 }).unwrap_err();
            assert_eq!(error, DeviceError::NotBuiltIn(backend.name()));
        }
        let choice = DeviceChoice::One { backend: Backend::Cpu, index: 1 };
        assert_eq!(open(choice).unwrap_err(), DeviceError::Index { choice, count: 1 });
    }
}
