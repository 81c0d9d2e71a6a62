//! The only place that names a Burn backend: what there is to compute on, and what this machine is.

mod choice;
mod guard;
mod open;
mod precision;

pub use choice::{Backend, DeviceChoice, DeviceError};
pub use guard::guard;
pub use open::{Listed, candidates, look, open};

pub use burn::tensor::Device;

use burn::tensor::DType;
use longtail_kernels::gpu;

pub use precision::Precision;

use crate::{choice::Choice, counted::counted};

/// The CPU, without gradients; `.autodiff()` turns them on.
pub fn cpu() -> Device {
    Device::flex()
}

/// Whether `device` is the CPU, with gradients or without.
pub fn is_cpu(device: &Device) -> bool {
    *device == cpu()
}

/// Which operators run on `device`: the CPU's instruction set, or the interface of a GPU. Others give
/// other last bits.
pub fn operators(device: &Device) -> &'static str {
    gpu::runtime(device).unwrap_or_else(longtail_kernels::active_path)
}

/// Whether the device computes in the encoder's type.
///
/// # Errors
/// [`DeviceError::Precision`].
pub fn check_precision(device: &Device, precision: Precision) -> Result<(), DeviceError> {
    let dtype = precision.dtype();
    if dtype == DType::F32 || device.clone().inner().supports_dtype(dtype) {
        return Ok(());
    }
    Err(DeviceError::Precision { device: operators(device), precision: Choice::name(precision) })
}

/// Whether the operators run as the variable `LONGTAIL_KERNELS` asks, if it does.
///
/// # Errors
/// [`longtail_kernels::PathError`], which names the ones that do run here.
pub fn check_kernels() -> Result<(), longtail_kernels::PathError> {
    longtail_kernels::Path::asked_for().map(drop)
}

/// The machine in one line, for reports: processor or GPU, threads, operators.
pub fn hardware(device: &Device) -> String {
    let threads = counted(rayon::current_num_threads(), "thread", "threads");
    let processor = processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let operators = operators(device);
    match gpu::identity(device) {
        Some((gpu, _)) => {
            format!("{gpu}, operators: {operators}; views: {processor}, {threads}")
        }
        None => format!("{processor}, {threads}, operators: {operators}"),
    }
}

/// Memory of a run in bytes: what is reserved of the GPU's by now, or the most that this process has held so far,
/// where the system tells it in a file.
pub fn peak_memory(device: &Device) -> Option<u64> {
    if !is_cpu(device) {
        return device.clone().inner().memory_pool_usage().map(|usage| usage.bytes_reserved);
    }
    bytes_of("/proc/self/status", "VmHWM:")
}

/// Bytes that this process can still take: what the machine has free, within the limits that are set for the
/// process and its group; `None` where the system does not tell in files.
pub fn free_memory() -> Option<u64> {
    let machine = bytes_of("/proc/meminfo", "MemAvailable:");
    [machine, free_of_group(), free_of_limit()].into_iter().flatten().min()
}

/// What the control group's limit leaves.
fn free_of_group() -> Option<u64> {
    let number = |file: &str| -> Option<u64> {
        std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse().ok()
    };
    // Files that were read and can be forgotten count as used there.
    let stat = std::fs::read_to_string("/sys/fs/cgroup/memory.stat").unwrap_or_default();
    let files = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
    let files = files.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0);
    let used = number("memory.current")?.saturating_sub(files);
    Some(number("memory.max")?.saturating_sub(used))
}

/// What the limit of the process's address space leaves.
fn free_of_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(bytes_of("/proc/self/status", "VmSize:")?))
}

/// A figure in KiB that the system tells in a file, in bytes.
fn bytes_of(file: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// The processor's name where the system tells it in a file.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
