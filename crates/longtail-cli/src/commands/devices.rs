use std::{
    env,
    process::{Command, ExitCode, Output},
};

use anyhow::Context;
use longtail::device::{self, Device, DeviceChoice, Listed};

use crate::{
    args::DevicesArgs,
    output::{print_json, print_lines},
};

/// `longtail devices`
pub fn run(args: &DevicesArgs) -> anyhow::Result<ExitCode> {
    let devices = match args.device {
        Some(device) => vec![device::look(device)],
        None => {
            let look = |candidate| match candidate {
                Ok(device) => look_from_outside(device),
                Err(listed) => Ok(listed),
            };
            device::candidates().into_iter().map(look).collect::<Result<_, _>>()?
        }
    };
    if args.json {
        print_json(&devices)?;
    } else {
        print_lines(table(&devices))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The device that was asked for, found to compute before any work is done. For `auto` every GPU is looked at
/// from outside, so that a driver that crashes leaves the CPU; `note` is told which are passed over, and what
/// is taken.
pub fn open(choice: DeviceChoice, note: impl Fn(&str)) -> anyhow::Result<Device> {
    if choice != DeviceChoice::Auto {
        return Ok(device::open(choice)?);
    }
    for candidate in device::candidates().into_iter().flatten() {
        let listed = look_from_outside(candidate)?;
        match listed.problem {
            Some(problem) => note(&format!("{candidate} is passed over: {problem}")),
            None if listed.is_software => {}
            None => {
                if candidate != DeviceChoice::CPU {
                    note(&format!("on {candidate}, {}", in_words(&listed)));
                }
                return Ok(device::open(candidate)?);
            }
        }
    }
    Ok(device::cpu())
}

/// Looks at a GPU in a process of its own, which a driver may crash.
fn look_from_outside(device: DeviceChoice) -> anyhow::Result<Listed> {
    if device == DeviceChoice::CPU {
        return Ok(device::look(device));
    }
    let program = env::current_exe().context("cannot find this program")?;
    let name = device.to_string();
    let output = Command::new(program)
        .args(["devices", "--json", "--device", &name])
        .output()
        .context("cannot start this program again")?;
    Ok(told(&output).unwrap_or_else(|| {
        Listed::with_problem(name, format!("its driver crashed ({})", output.status))
    }))
}

fn told(output: &Output) -> Option<Listed> {
    // Drivers may print, too.
    let printed = String::from_utf8_lossy(&output.stdout);
    let listed = printed.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    let listed: Vec<Listed> = listed?;
    listed.into_iter().next().filter(|_| output.status.success())
}

fn table(devices: &[Listed]) -> String {
    let width = devices.iter().map(|listed| listed.device.len()).max().unwrap_or_default();
    let auto = devices.iter().position(|listed| listed.problem.is_none() && !listed.is_software);
    let line = |(place, listed): (usize, &Listed)| {
        let auto = if Some(place) == auto && devices.len() > 1 { " (auto)" } else { "" };
        format!("{:<width$}  {}{auto}", listed.device, in_words(listed))
    };
    devices.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn in_words(listed: &Listed) -> String {
    if let Some(problem) = &listed.problem {
        return format!("- {problem}");
    }
    let hardware = listed.hardware.as_deref().unwrap_or("unnamed");
    let memory = match listed.memory {
        Some(bytes) => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
        None => "memory not told".into(),
    };
    let kind = if listed.is_software { ", software" } else { "" };
    format!("{hardware}, {memory}{kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_listed_with_memory_or_with_the_reason() {
        let listed = |device: &str, memory, is_software| Listed {
            device: device.into(),
            hardware: Some("A card".into()),
            memory,
            is_software,
            problem: None,
        };
        let all = [
            Listed::with_problem("cuda", "no device found"),
            listed("vulkan:0", None, true),
            listed("wgpu:0", Some(3 << 29), false),
            listed("cpu", Some(1 << 30), false),
        ];
        let expected = "cuda      - no device found\n\
                        vulkan:0  A card, memory not told, software\n\
                        wgpu:0    A card, 1.5 GiB (auto)\n\
                        cpu       A card, 1.0 GiB";
        assert_eq!(table(&all), expected);
    }

    #[cfg(unix)]
    #[test]
    fn a_crash_and_words_that_are_no_device_tell_nothing() {
        use std::os::unix::process::ExitStatusExt;
        let json = serde_json::to_vec(&[Listed::with_problem("wgpu:0", "no memory")]).unwrap();
        let output = |status: i32, stdout: &[u8]| Output {
            status: std::process::ExitStatus::from_raw(status),
            stdout: stdout.to_vec(),
            stderr: Vec::new(),
        };
        assert_eq!(told(&output(0, &json)).unwrap().device, "wgpu:0");
        let loud = [b"a driver's words\n", &json[..], b"\n"].concat();
        assert_eq!(told(&output(0, &loud)).unwrap().device, "wgpu:0");
        assert_eq!(told(&output(11, &json)), None, "ended by a signal");
        assert_eq!(told(&output(0, b"a driver's words")), None);
    }
}
