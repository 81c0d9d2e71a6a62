use burn::tensor::{Device, Tensor};
use longtail_kernels::gpu;
use serde::Serialize;

use super::{Backend, DeviceChoice, DeviceError, cpu, guard::guard};
use crate::model::weights::values;

/// The device that was asked for, without gradients. It has computed something, so that a driver or
/// toolkit that is missing is found here and not in the middle of a run.
///
/// # Errors
/// [`DeviceError`]; never for `auto` and `cpu`.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What `--device` takes.
    pub device: String,
    /// Its name, where it tells.
    pub hardware: Option<String>,
    /// Most bytes that its driver lends, where it tells.
    pub memory: Option<u64>,
    /// Why it cannot be used; `None`: it can.
    pub problem: Option<String>,
    /// Whether `auto` takes it.
    pub is_auto: bool,
}

/// Every device of this machine, and of every backend without one the reason. Opens all of them.
pub fn list() -> Vec<Listed> {
    let auto = best();
    Backend::ALL.into_iter().flat_map(|backend| list_backend(backend, &auto)).collect()
}

fn list_backend(backend: Backend, auto: &Device) -> Vec<Listed> {
    let devices = enumerate(backend);
    if devices.is_empty() {
        let problem = match backend.is_built_in() {
            true => "no device found: is its driver installed?".into(),
            false => format!("not built in: cargo build --release --features {}", backend.name()),
        };
        let device = backend.name().to_owned();
        let none =
            Listed { device, hardware: None, memory: None, problem: Some(problem), is_auto: false };
        return vec![none];
    }
    let listed = |(index, device): (usize, Device)| {
        let problem = computes(&device).err();
        let (hardware, memory) = match (&problem, backend) {
            (Some(_), _) => (None, None),
            (None, Backend::Cpu) => (super::processor(), system_memory()),
            (None, _) => gpu::identity(&device).map_or((None, None), |(n, m)| (Some(n), m)),
        };
        let name = DeviceChoice::One { backend, index }.to_string();
        Listed { device: name, hardware, memory, problem, is_auto: device == *auto }
    };
    devices.into_iter().enumerate().map(listed).collect()
}

/// The devices that a backend finds. Asks drivers only whether they are there.
fn enumerate(backend: Backend) -> Vec<Device> {
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
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => Device::enumerate(DeviceType::Wgpu).into_iter().collect(),
        #[allow(unreachable_patterns)]
        _ => Vec::new(),
    }
}

/// Computes something small.
fn computes(device: &Device) -> Result<(), String> {
    let sum = guard(device, || {
        let one = Tensor::<1>::ones([3], device);
        values((one.clone() + one).sum())
    })?;
    match sum[..] == [6.0] {
        true => Ok(()),
        false => Err(format!("it says that three times two is {sum:?}")),
    }
}

/// Memory of the machine, in bytes, where the system tells it in a file.
fn system_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there_and_listed_last() {
        assert_eq!(open(DeviceChoice::CPU).unwrap(), cpu());
        let list = list();
        let last = list.last().unwrap();
        assert_eq!((last.device.as_str(), &last.problem), ("cpu", &None));
        assert_eq!(list.iter().filter(|listed| listed.is_auto).count(), 1);
        assert!(list.len() >= Backend::ALL.len());
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
