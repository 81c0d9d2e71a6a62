use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use longtail::{
    data::{ImageSet, decode},
    model::softmax,
    report::{Prediction, PredictionFormat},
    run::Predictor,
};

use super::{devices, on, start_threads};
use crate::args::{FormatName, PredictArgs, WhichWeights};

/// `longtail predict`
pub fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    start_threads(args.threads)?;
    let device = devices::open(args.device, |text| eprintln!("{text}"))?;
    let best = args.weights == WhichWeights::Best;
    let predictor = on(&device, || Ok(Predictor::open(&args.run, best, device.clone())?))?;
    let paths = image_files(&args.images)?;
    let size = predictor.image_size();
    let (pixels, warnings) = decode::decode_all(&paths, size)?;
    warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let images = ImageSet::new(size, size, pixels, vec![0; paths.len()], Vec::new());
    let logits = on(&device, || Ok(predictor.logits(&images)))?;
    let predictions: Vec<Prediction> = logits
        .iter()
        .zip(&paths)
        .filter_map(|(logits, path)| {
            let path = path.display().to_string();
            Prediction::of(path, &softmax(logits), predictor.class_names(), args.top)
        })
        .collect();
    let mut out = io::stdout().lock();
    PredictionFormat::from(args.format).write(&predictions, &mut out)?;
    out.flush().context("cannot print the predictions")?;
    Ok(ExitCode::SUCCESS)
}

/// The files given, and the images in the folders given.
fn image_files(given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in given {
        if path.is_dir() {
            let before = files.len();
            files.extend(images_in(path)?);
            if files.len() == before {
                bail!("{} holds no image: give images or a folder of images", path.display());
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Images of a folder, then those of the folders in it.
fn images_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("cannot read {}", folder.display());
    let entries: Result<Vec<_>, _> =
        folder.read_dir().with_context(context)?.map(|entry| entry.map(|e| e.path())).collect();
    let mut files = entries.with_context(context)?;
    files.sort();
    let (folders, mut files): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| path.is_dir());
    files.retain(|path| decode::is_image_name(path));
    for folder in folders.iter().filter(|folder| !folder.is_symlink()) {
        files.extend(images_in(folder)?);
    }
    Ok(files)
}

impl From<FormatName> for PredictionFormat {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Table => Self::Table,
            FormatName::Csv => Self::Csv,
            FormatName::Jsonl => Self::Jsonl,
        }
    }
}
