//! Writes a sheet of the synthetic set's images, one row per class: `contact_sheet OUT.png`.

use longtail::data::Synthetic;

/// Images of a class on the sheet.
const COLUMNS: usize = 12;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("give the file to write")?;
    let synthetic = Synthetic { n_max: COLUMNS, test_per_class: 1, ..Synthetic::default() };
    let source = synthetic.source();
    let (side, rows) = (source.pool.width(), source.class_names.len());
    let mut sheet = image::RgbImage::new((COLUMNS * side) as u32, (rows * side) as u32);
    for index in 0..source.pool.len() {
        let (left, top) = (index % COLUMNS * side, index / COLUMNS * side);
        for (i, pixel) in source.pool.image(index).chunks_exact(3).enumerate() {
            let (x, y) = (left + i % side, top + i / side);
            sheet.put_pixel(x as u32, y as u32, image::Rgb([pixel[0], pixel[1], pixel[2]]));
        }
    }
    Ok(sheet.save(path)?)
}
