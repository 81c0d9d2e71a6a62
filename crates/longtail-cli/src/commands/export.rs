use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use longtail::{
    device,
    export::{Adjustment, Exported, Format, Port},
    method::Planner,
    run::check_out,
    trained::Trained,
};
use serde::Serialize;

use super::weights_choice;
use crate::{
    args::{ExportArgs, ExportFormat},
    interrupt::Interrupt,
    output::{Out, note, print_json, print_line},
};

/// `longtail export`
pub fn run(args: &ExportArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let format = Format::from(args.format);
    let path = args.out.clone().unwrap_or_else(|| default_path(&args.run, format));
    check_out("--out", &path, &[])?;
    // Nothing is computed, so that any device will do.
    let device = device::cpu();
    let choice = weights_choice(args.weights);
    let trained = Trained::open(&args.run, choice, &device, &Planner::default())?;
    let adjustment = args.adjust.map(|tau| Adjustment { tau });
    let exported = Exported::of(&trained, format, adjustment).map_err(longtail::Error::from)?;
    Out::open_until(interrupt, &path)?.write_whole(&path, &exported.bytes)?;
    if args.json {
        print_json(&Written {
            path: &path,
            format,
            bytes: exported.bytes.len(),
            input: &exported.input,
            outputs: &exported.outputs,
            weights: trained.origin.to_string(),
            adjusted_by_tau: args.adjust,
        })?;
    } else if !args.quiet {
        note(trained.origin);
        let outputs: Vec<_> = exported.outputs.iter().map(Port::to_string).collect();
        let (size, outputs) = (size(exported.bytes.len()), outputs.join(", "));
        let path = path.display();
        print_line(format_args!("{path}: {size}; {} to {outputs}", exported.input))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was written, as JSON has it.
#[derive(Serialize)]
struct Written<'a> {
    path: &'a Path,
    format: Format,
    bytes: usize,
    input: &'a Port,
    outputs: &'a [Port],
    weights: String,
    adjusted_by_tau: Option<f64>,
}

/// The run's name in the current folder.
fn default_path(run: &Path, format: Format) -> PathBuf {
    let whole = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    let mut name = whole.file_name().unwrap_or("model".as_ref()).to_owned();
    name.push(".");
    name.push(format.extension());
    name.into()
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

impl From<ExportFormat> for Format {
    fn from(name: ExportFormat) -> Self {
        match name {
            ExportFormat::Safetensors => Self::Safetensors,
            ExportFormat::Pth => Self::Pth,
            ExportFormat::Onnx => Self::Onnx,
        }
    }
}
