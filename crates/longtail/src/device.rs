//! The only place that names a Burn backend.

use burn::tensor::Device;

/// The CPU, without gradients; `.autodiff()` turns them on.
pub fn cpu() -> Device {
    Device::flex()
}

/// Whether the operators run as the variable `LONGTAIL_KERNELS` asks, if it does.
///
/// # Errors
/// [`longtail_kernels::PathError`], which names the ones that do run here.
pub fn check_kernels() -> Result<(), longtail_kernels::PathError> {
    longtail_kernels::Path::asked_for().map(drop)
}

/// The machine in one line, for reports: processor, threads, operators.
pub fn hardware() -> String {
    let threads = rayon::current_num_threads();
    let processor = processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let path = longtail_kernels::active_path();
    format!("{processor}, {threads} threads, operators: {path}")
}

/// Most memory that this process has held so far, in bytes, where the system tells it in a file.
pub fn peak_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// The processor's name where the system tells it in a file.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
