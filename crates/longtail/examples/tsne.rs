//! Embeds a table of raw features by t-SNE: `tsne FEATURES WIDTH POINTS [LABELS PICTURE]`.
//!
//! FEATURES holds `f32` values row by row, WIDTH to a row, LABELS a `u32` per row, all little-endian; POINTS gets x and y of
//! every row as `f64`. PICTURE ends in `.svg` or `.png`. Prints the seconds that the embedding took and its divergence.

use std::{error::Error, fs, path::Path, time::Instant};

use longtail::{
    eval::{Embedding2d, Rows, ShotThresholds, TsneOptions, tsne},
    report::{ClassInfo, EmbeddingPicture},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [features, width, points, rest @ ..] = &arguments[..] else {
        return Err("give FEATURES WIDTH POINTS [LABELS PICTURE]".into());
    };
    let values = words(features)?.into_iter().map(f32::from_le_bytes).collect();
    let width = width.parse().ok().filter(|&width: &usize| width > 0);
    let rows = width.and_then(|width| Rows::new(values, width)).ok_or("not of whole rows")?;
    let begun = Instant::now();
    let embedding = tsne(&rows, &TsneOptions::default())?;
    println!("{} {}", begun.elapsed().as_secs_f64(), embedding.divergence);
    let bytes: Vec<u8> =
        embedding.points.iter().flatten().flat_map(|at| at.to_le_bytes()).collect();
    fs::write(points, bytes)?;
    match rest {
        [labels, picture] => draw(&embedding, labels, Path::new(picture)),
        _ => Ok(()),
    }
}

fn words(path: &str) -> Result<Vec<[u8; 4]>, Box<dyn Error>> {
    let bytes = fs::read(path)?;
    let (words, []) = bytes.as_chunks() else { return Err("not of whole numbers".into()) };
    Ok(words.to_vec())
}

/// The classes have as many training images as points.
fn draw(embedding: &Embedding2d, labels: &str, path: &Path) -> Result<(), Box<dyn Error>> {
    let labels: Vec<u32> = words(labels)?.into_iter().map(u32::from_le_bytes).collect();
    let classes = labels.iter().max().map_or(0, |&most| most as usize + 1);
    let mut counts = vec![0; classes];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    let names: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
    let classes = ClassInfo::list(&names, &counts, &ShotThresholds::default());
    let picture = EmbeddingPicture::new(embedding, &labels, &classes, "Features by t-SNE")?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("png") => fs::write(path, picture.png(900)?)?,
        _ => fs::write(path, picture.svg())?,
    }
    Ok(())
}
