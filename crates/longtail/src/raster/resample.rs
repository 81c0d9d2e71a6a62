use super::{CropBox, Raster, RasterRef};

/// Bits behind the point in Pillow's resampling weights.
const PRECISION: u32 = 32 - 8 - 2;
/// One half, in those weights: sums are rounded.
const HALF: i32 = 1 << (PRECISION - 1);
/// Bytes whose sums are kept in registers while the rows are added.
const LANES: usize = 32;

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
    let part = Part::of(image, crop);
    let lost = |before: usize, after: usize| before as i64 - after as i64;
    let (rows_lost, columns_lost) = (lost(crop.height, height), lost(crop.width, width));
    match (columns_lost != 0, rows_lost != 0) {
        (false, false) => out.copy_crop(image, crop),
        (true, false) => along_rows(part, width, out),
        (false, true) => down_columns(part, height, out),
        (true, true) if rows_lost > 0 && rows_lost > 2 * columns_lost => {
            down_columns(part, height, spare);
            along_rows(Part::whole(spare), width, out);
        }
        (true, true) => {
            along_rows(part, width, spare);
            down_columns(Part::whole(spare), height, out);
        }
    }
}

/// Part of an image.
#[derive(Clone, Copy)]
struct Part<'a> {
    height: usize,
    width: usize,
    /// From its first byte on.
    bytes: &'a [u8],
    /// Bytes from row to row.
    stride: usize,
}

impl<'a> Part<'a> {
    fn of(image: RasterRef<'a>, crop: CropBox) -> Self {
        let stride = image.width * 3;
        let bytes = &image.data[crop.top * stride + crop.left * 3..];
        Self { height: crop.height, width: crop.width, bytes, stride }
    }

    fn whole(image: &'a Raster) -> Self {
        Self::of(image.borrowed(), CropBox::whole([image.height, image.width]))
    }
}

/// Pillow's weights of every output along one axis.
struct Weights {
    /// Where the inputs of each output start, and how many they are.
    inputs: Vec<(usize, usize)>,
    /// Fixed-point weights, [`Weights::most`] for each output.
    values: Vec<i32>,
    most: usize,
}

impl Weights {
    fn new(input: usize, output: usize) -> Self {
        let scale = input as f64 / output as f64;
        let reach = scale.max(1.0);
        let most = reach.ceil() as usize * 2 + 1;
        let mut inputs = Vec::with_capacity(output);
        let mut values = vec![0; output * most];
        let mut shares = vec![0.0; most];
        for (at, values) in values.chunks_exact_mut(most).enumerate() {
            let centre = (at as f64 + 0.5) * scale;
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(input);
            let shares = &mut shares[..end - first];
            for (i, share) in shares.iter_mut().enumerate() {
                let distance = ((i + first) as f64 - centre + 0.5) * (1.0 / reach);
                *share = (1.0 - distance.abs()).max(0.0);
            }
            let sum: f64 = shares.iter().sum();
            for (value, share) in values.iter_mut().zip(&*shares) {
                *value = (0.5 + share / sum * f64::from(1 << PRECISION)) as i32;
            }
            inputs.push((first, end - first));
        }
        Self { inputs, values, most }
    }

    /// First input and weights of every output.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let values = self.values.chunks_exact(self.most);
        self.inputs.iter().zip(values).map(|(&(first, count), values)| (first, &values[..count]))
    }
}

/// Brings the image to `width` columns.
fn along_rows(image: Part<'_>, width: usize, out: &mut Raster) {
    out.reset(image.height, width, 0);
    let weights = Weights::new(image.width, width);
    for (y, to) in out.data.chunks_exact_mut(width * 3).enumerate() {
        let (from, _) = image.bytes[y * image.stride..][..image.width * 3].as_chunks::<3>();
        let (to, _) = to.as_chunks_mut::<3>();
        for (pixel, (first, weights)) in to.iter_mut().zip(weights.iter()) {
            let mut sums = [HALF; 3];
            for (input, weight) in from[first..][..weights.len()].iter().zip(weights) {
                (0..3).for_each(|c| sums[c] += i32::from(input[c]) * weight);
            }
            *pixel = sums.map(level);
        }
    }
}

/// Brings the image to `height` rows.
fn down_columns(image: Part<'_>, height: usize, out: &mut Raster) {
    out.reset(height, image.width, 0);
    let weights = Weights::new(image.height, height);
    let bytes = image.width * 3;
    for (to, (first, weights)) in out.data.chunks_exact_mut(bytes).zip(weights.iter()) {
        let from = &image.bytes[first * image.stride..];
        let Some(last) = bytes.checked_sub(LANES) else {
            let sum = |at| sum_of_rows::<1>(from, image.stride, at, weights)[0];
            to.iter_mut().enumerate().for_each(|(at, to)| *to = sum(at));
            continue;
        };
        // The last bytes once more with some before them, so that all are summed many at a time.
        for at in (0..last).step_by(LANES).chain([last]) {
            let sums = sum_of_rows::<LANES>(from, image.stride, at, weights);
            to[at..][..LANES].copy_from_slice(&sums);
        }
    }
}

/// The weighted sum of rows, of the `N` bytes from `at` on.
#[inline]
fn sum_of_rows<const N: usize>(from: &[u8], stride: usize, at: usize, weights: &[i32]) -> [u8; N] {
    let mut sums = [HALF; N];
    for (row, weight) in weights.iter().enumerate() {
        let bytes = &from[row * stride + at..][..N];
        sums.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum += i32::from(*byte) * weight);
    }
    sums.map(level)
}

#[inline]
fn level(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}
