//! The images of many files, decoded in parallel into one set.

use rayon::prelude::*;

use super::{
    Fitting, ImageSet,
    catalog::{Files, Located},
    decode::ImageFile,
};

/// What came of reading files.
#[derive(Debug)]
pub struct Read {
    /// The images, in the order of the files.
    pub images: ImageSet,
    /// What a person should know of some of them, one sentence each.
    pub notes: Vec<String>,
    /// Files that could not be read, with the reason.
    pub faults: Vec<String>,
}

/// Bytes of the images `used` (all where it is `None`) of files whose images have these `sizes`.
pub fn bytes(sizes: &[[usize; 2]], used: Option<&[u32]>, fitting: Fitting) -> u64 {
    let bytes = |image: &[usize; 2]| {
        let [height, width] = fitting.size_of(*image);
        (height * width * 3) as u64
    };
    match used {
        Some(used) => used.iter().filter_map(|&index| sizes.get(index as usize)).map(bytes).sum(),
        None => sizes.iter().map(bytes).sum(),
    }
}

/// The images `used` (all where it is `None`) of `files`, whose images have the `sizes`, brought to what views are cut
/// out of. The set knows labels and names of all.
pub fn images(files: Files, sizes: &[[usize; 2]], used: Option<&[u32]>, fitting: Fitting) -> Read {
    let all: Vec<u32> = (0..files.len() as u32).collect();
    let used = used.unwrap_or(&all);
    let fitted: Vec<[usize; 2]> =
        used.iter().map(|&index| fitting.size_of(sizes[index as usize])).collect();
    let mut pixels = vec![0; fitted.iter().map(|[height, width]| height * width * 3).sum()];
    let outcomes: Vec<Result<Vec<String>, String>> = slots(&mut pixels, &fitted)
        .into_par_iter()
        .zip(used)
        .map(|(slot, &index)| {
            let index = index as usize;
            let said = |text: &String| format!("{} {text}", files.title(index));
            read_into(slot, &files.located(index), fitting)
                .map(|notes| notes.iter().map(said).collect())
                .map_err(|reason| format!("{}: {reason}", files.title(index)))
        })
        .collect();
    let (notes, faults): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let of_used = |values: &[u32]| used.iter().map(|&index| values[index as usize]).collect();
    let Files { names, labels, .. } = files;
    let images = if used.len() == labels.len() {
        ImageSet::fitted(fitting, &fitted, pixels, labels, names)
    } else {
        let part = ImageSet::fitted(fitting, &fitted, pixels, of_used(&labels), Vec::new());
        part.part_of(labels, names, used, String::new())
    };
    Read {
        images,
        notes: notes.into_iter().flatten().flatten().collect(),
        faults: faults.into_iter().filter_map(Result::err).collect(),
    }
}

/// One piece of `pixels` for every image.
fn slots<'a>(mut pixels: &'a mut [u8], sizes: &[[usize; 2]]) -> Vec<&'a mut [u8]> {
    let mut slots = Vec::with_capacity(sizes.len());
    for [height, width] in sizes {
        let (slot, rest) = pixels.split_at_mut(height * width * 3);
        slots.push(slot);
        pixels = rest;
    }
    slots
}

/// Decodes one file into its slot; what a person should know of it.
fn read_into(slot: &mut [u8], file: &Located, fitting: Fitting) -> Result<Vec<String>, String> {
    let decoded = ImageFile::read_located(file)?.decode()?;
    let fitted = fitting.fit(&decoded)?;
    if fitted.pixels.len() != slot.len() {
        return Err("it was changed while it was read".into());
    }
    slot.copy_from_slice(&fitted.pixels);
    Ok(decoded.notes)
}
