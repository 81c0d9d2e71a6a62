use longtail_kernels::resample::{self, Rows, Weights};

use super::{CropBox, Raster, RasterRef};

/// The `crop` of `image` brought to `size`, `[height, width]`, in `out`: Pillow's
/// `image.crop(…).resize(…, BILINEAR)`, bit for bit; `spare` is used on the way.
///
/// The filter is a triangle that is two pixels wide where the image grows, and averages where it
/// shrinks. It goes along rows and columns one after the other, each rounded to bytes, in the order of
/// Pillow 13: down the columns first where the height loses more than twice what the width does.
/// Earlier versions always begin along the rows, which moves such images by a level.
///
/// # Panics
/// If the crop has no pixel or lies outside the image: that is a programming error.
///
/// ```
/// use longtail::augment::{CropBox, Raster, RasterRef, resample};
///
/// let image = RasterRef::new([1, 2], &[0, 0, 0, 100, 100, 100]);
/// let (mut spare, mut out) = (Raster::default(), Raster::default());
/// resample(image, CropBox::whole([1, 2]), [1, 1], &mut spare, &mut out);
/// assert_eq!(out.data, [50; 3]);
/// ```
pub fn resample(
    image: RasterRef<'_>,
    crop: CropBox,
    [height, width]: [usize; 2],
    spare: &mut Raster,
    out: &mut Raster,
) {
    assert!(crop.height > 0 && crop.width > 0, "there is nothing to resample");
    assert!(crop.left + crop.width <= image.width, "the crop lies outside the image");
    let part = rows_of(image, crop);
    let lost = |before: usize, after: usize| before as i64 - after as i64;
    let (rows_lost, columns_lost) = (lost(crop.height, height), lost(crop.width, width));
    match (columns_lost != 0, rows_lost != 0) {
        (false, false) => out.copy_crop(image, crop),
        (true, false) => along_rows(part, crop.height, [crop.width, width], out),
        (false, true) => down_columns(part, crop.width, [crop.height, height], out),
        (true, true) if rows_lost > 0 && rows_lost > 2 * columns_lost => {
            down_columns(part, crop.width, [crop.height, height], spare);
            along_rows(whole(spare), height, [crop.width, width], out);
        }
        (true, true) => {
            along_rows(part, crop.height, [crop.width, width], spare);
            down_columns(whole(spare), width, [crop.height, height], out);
        }
    }
}

/// Part of an image.
fn rows_of(image: RasterRef<'_>, crop: CropBox) -> Rows<'_> {
    let stride = image.width * 3;
    let bytes = &image.data[crop.top * stride + crop.left * 3..];
    Rows::new([crop.height, crop.width], bytes, stride)
}

fn whole(image: &Raster) -> Rows<'_> {
    rows_of(image.borrowed(), CropBox::whole([image.height, image.width]))
}

/// Brings `height` rows from so many columns to so many.
fn along_rows(image: Rows<'_>, height: usize, [from, to]: [usize; 2], out: &mut Raster) {
    out.reset(height, to, 0);
    resample::along_rows(image, &Weights::new(from, to), &mut out.data);
}

/// Brings `width` columns from so many rows to so many.
fn down_columns(image: Rows<'_>, width: usize, [from, to]: [usize; 2], out: &mut Raster) {
    out.reset(to, width, 0);
    resample::down_columns(image, &Weights::new(from, to), &mut out.data);
}
