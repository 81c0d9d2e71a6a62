use std::process::ExitCode;

use anyhow::Context;
use longtail::device::{self, Listed};

use super::print_line;
use crate::args::DevicesArgs;

/// `longtail devices`
pub fn run(args: &DevicesArgs) -> anyhow::Result<ExitCode> {
    let devices = device::list();
    if args.json {
        print_line(serde_json::to_string(&devices).context("cannot print the devices")?)?;
    } else {
        print_line(table(&devices))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(devices: &[Listed]) -> String {
    let width = devices.iter().map(|listed| listed.device.len()).max().unwrap_or_default();
    let line = |listed: &Listed| {
        let auto = if listed.is_auto { " (auto)" } else { "" };
        format!("{:<width$}  {}{auto}", listed.device, in_words(listed))
    };
    devices.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn in_words(listed: &Listed) -> String {
    if let Some(problem) = &listed.problem {
        return format!("- {problem}");
    }
    let hardware = listed.hardware.as_deref().unwrap_or("unnamed");
    match listed.memory {
        Some(bytes) => format!("{hardware}, {:.1} GiB", bytes as f64 / f64::from(1 << 30)),
        None => format!("{hardware}, memory not told"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_listed_with_memory_or_with_the_reason() {
        let gpu = Listed {
            device: "cuda:0".into(),
            hardware: Some("A card".into()),
            memory: Some(3 << 29),
            problem: None,
            is_auto: true,
        };
        let none = Listed {
            device: "wgpu".into(),
            hardware: None,
            memory: None,
            problem: Some("no device found".into()),
            is_auto: false,
        };
        let expected = "cuda:0  A card, 1.5 GiB (auto)\nwgpu    - no device found";
        assert_eq!(table(&[gpu, none]), expected);
    }
}
