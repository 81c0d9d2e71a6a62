//! A few classes of a known set as a folder of images, long-tailed: what an embedding in the plane can still tell apart.

use std::{fs, io, path::Path};

use crate::{
    Result,
    data::{Cifar, ImageSet, Integrity, Source, Synthetic, class_counts},
    run::RunError,
};

/// Classes of the picture.
const CLASSES: usize = 5;
/// Training images of the largest, and how often it has those of the smallest.
const MOST: usize = 300;
const FACTOR: f64 = 50.0;
/// Test images of a class.
const TESTED: usize = 60;

/// Whether they are in `root` already.
pub(super) fn are_in(root: &Path, cifar: &Path) -> bool {
    root.join(name(Cifar::Ten.is_at(cifar))).is_dir()
}

fn name(is_cifar: bool) -> &'static str {
    if is_cifar { "images-cifar10" } else { "images-synthetic" }
}

/// The folder `images-cifar10` or `images-synthetic` in `root`, in which `train/` and `test/` have a folder a class; it is written once, and whole. Images
/// are the first ones of their class: of CIFAR-10 if that is in `cifar`, else of the built-in set.
pub(super) fn write(root: &Path, cifar: &Path) -> Result<std::path::PathBuf> {
    let is_cifar = Cifar::Ten.is_at(cifar);
    let name = name(is_cifar);
    let folder = root.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let source = match is_cifar {
        true => Cifar::Ten.load(cifar, Integrity::Official)?,
        false => Synthetic::default().source(),
    };
    let part = root.join(format!("{name}.part"));
    let failed =
        |error: io::Error| RunError::Written { reason: format!("{}: {error}", part.display()) };
    if part.exists() {
        fs::remove_dir_all(&part).map_err(failed)?;
    }
    write_all(&source, &part).map_err(failed)?;
    fs::rename(&part, &folder).map_err(failed)?;
    Ok(folder)
}

fn write_all(source: &Source, folder: &Path) -> io::Result<()> {
    let all = source.class_names.len();
    let step = (all / CLASSES).max(1);
    let labels: Vec<usize> = (0..all).step_by(step).take(CLASSES).collect();
    let named: Vec<_> =
        labels.iter().map(|&label| (source.class_names[label].as_str(), MOST)).collect();
    let counts = class_counts(MOST, &named, FACTOR).map_err(io::Error::other)?;
    for (&label, count) in labels.iter().zip(counts) {
        let class = &source.class_names[label];
        write_class(&source.pool, label, count, &folder.join("train").join(class))?;
        if let Some(test) = &source.test {
            write_class(test, label, TESTED, &folder.join("test").join(class))?;
        }
    }
    Ok(())
}

fn write_class(images: &ImageSet, label: usize, count: usize, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let (height, width) = (images.height() as u32, images.width() as u32);
    let of_class = images.labels().iter().enumerate().filter(|(_, own)| **own as usize == label);
    for (number, (index, _)) in of_class.take(count).enumerate() {
        let pixels = images.image(index).to_vec();
        let image = image::RgbImage::from_raw(width, height, pixels)
            .ok_or_else(|| io::Error::other("an image has another size than its set"))?;
        image.save(folder.join(format!("{number:04}.png"))).map_err(io::Error::other)?;
    }
    Ok(())
}
