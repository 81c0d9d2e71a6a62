//! Views a second that one thread makes of JPEG files: read, decoded, cropped at random and resized, flipped, normalised.
//! `benches/peers/photos.py` runs it in turns with torchvision.
//!
//! `photos_peer FOLDER VIEWS [SIZE]` prints views per second, with no more decoded than a view needs and with all decoded.

use std::{error::Error, fs, path::PathBuf, time::Instant};

use longtail::{
    augment::{Normalize, Pixels, RasterRef, ResizedCropConfig, Scratch, View},
    data::decode::ImageFile,
    rng::{Purpose, stream},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "photos_peer FOLDER VIEWS [SIZE]";
    let folder = args.next().ok_or(usage)?;
    let views: usize = args.next().ok_or(usage)?.parse()?;
    let size: usize = args.next().unwrap_or_else(|| "224".into()).parse()?;
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    files.sort();
    let rates = [true, false].map(|part| rate(&files, views, size, part));
    let [part, whole] = rates;
    println!("{:.1} {:.1}", part?, whole?);
    Ok(())
}

/// Views a second; of a part of each file, or of the whole.
fn rate(files: &[PathBuf], views: usize, size: usize, part: bool) -> Result<f64, Box<dyn Error>> {
    let view = View::ResizedCrop(ResizedCropConfig { scale_min: 0.08, flip_p: 0.5 });
    let (mut scratch, mut out) = (Scratch::default(), vec![0.0; size * size * 3]);
    let normalize = Normalize { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    let start = Instant::now();
    for index in 0..views {
        let file = ImageFile::read(&files[index % files.len()])?;
        let mut rng = stream(0, Purpose::View, 0, index as u64, 0);
        let mut draw = |image: &dyn Pixels| {
            view.draw(image, [size; 2], &normalize, &mut rng, &mut scratch, &mut out)
        };
        if part {
            draw(&file)?;
        } else {
            let decoded = file.decode()?;
            draw(&RasterRef::new([decoded.height, decoded.width], &decoded.pixels))?;
        }
    }
    Ok(views as f64 / start.elapsed().as_secs_f64())
}
