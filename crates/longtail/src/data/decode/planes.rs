//! The common kinds of JPEG by their planes: libjpeg-turbo's C code takes longer to filter chroma and to turn colours
//! than for all that it does before.

use std::io::{self, BufRead};

use longtail_kernels::jpeg::{Part, Planes, Sampling};
use mozjpeg::{ColorSpace, Decompress};
use mozjpeg_sys::jpeg_component_info;

use super::markers::Header;

/// Bytes of planes beyond which an image is turned row by row, to take less memory.
const MOST_PLANES: u64 = 1 << 26;

/// How the chroma of such a file is sampled, and the bytes that its planes take; none of another.
pub(super) fn of(header: &Header) -> Option<(Sampling, u64)> {
    let sampling = header.sampling()?;
    let bytes = header.padded_blocks() * 64;
    (bytes <= MOST_PLANES).then_some((sampling, bytes))
}

/// Whether the decoder takes the file for one of luma and chroma, as its header told.
pub(super) fn is_taken<R>(image: &Decompress<R>, header: &Header) -> bool {
    let size = [header.width as usize, header.height as usize];
    image.color_space() == ColorSpace::JCS_YCbCr && <[usize; 2]>::from(image.size()) == size
}

/// RGB bytes of a part of the image.
pub(super) fn read<R: BufRead>(
    image: Decompress<R>,
    header: &Header,
    sampling: Sampling,
    part: &Part,
) -> io::Result<Vec<u8>> {
    let mut image = image.raw()?;
    let components = image.components().iter();
    let (mut samples, strides): (Vec<_>, Vec<_>) = components.map(room).unzip();
    image.read_raw_data(&mut samples.iter_mut().collect::<Vec<_>>());
    // Its coefficients need not be held beside the pixels.
    drop(image);
    let size = [header.height as usize, header.width as usize];
    let planes = match (&samples[..], &strides[..]) {
        ([luma, blue, red], [of_luma, of_blue, of_red]) => {
            let planes = [(&luma[..], *of_luma), (&blue[..], *of_blue), (&red[..], *of_red)];
            Planes::new(size, sampling, planes)
        }
        _ => None,
    };
    let rgb = planes.and_then(|planes| planes.to_rgb(part));
    rgb.ok_or_else(|| io::Error::other("its planes do not fit its header"))
}

/// Room for the samples of a component, and how many make a row.
fn room(component: &jpeg_component_info) -> (Vec<u8>, usize) {
    let stride = 8 * component.width_in_blocks as usize;
    // The last rows of blocks may be fewer than the others.
    let down = component.v_samp_factor as usize;
    let rows = 8 * (component.height_in_blocks as usize).next_multiple_of(down);
    // The decoder passes over blocks that lie below the image, where zeros stand already.
    let mut samples = vec![0; rows * stride];
    samples.clear();
    (samples, stride)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use mozjpeg::Compress;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{
        data::decode::jpeg::{by_own_code, decode, decode_part, tests::by_libjpeg},
        raster::CropBox,
    };

    fn check(bytes: &[u8], name: &str) -> Option<Sampling> {
        let header = Header::read(bytes).ok()?;
        let scans = &bytes[..header.scans(bytes).end];
        let (own, theirs) = (by_own_code(scans, &header), by_libjpeg(scans, &header));
        assert!(own == theirs, "{name}: {:?}, {:?}", own.map(|o| o.1), theirs.map(|t| t.1));
        let whole = decode(bytes).map(|picture| picture.image.into_rgb8().into_raw());
        check_parts(bytes, &header, whole, name);
        of(&header).map(|(sampling, _)| sampling)
    }

    /// Parts have the pixels of the `whole`, and fail where it fails.
    fn check_parts(bytes: &[u8], header: &Header, whole: Result<Vec<u8>, String>, name: &str) {
        let mut random = ChaCha8Rng::seed_from_u64(bytes.len() as u64);
        let size = [header.height as usize, header.width as usize];
        for _ in 0..4 {
            let [(top, height), (left, width)] = size.map(|side| {
                let start = random.random_range(0..side);
                (start, random.random_range(1..=side - start))
            });
            let crop = CropBox { top, left, height, width };
            let Some(part) = decode_part(bytes, crop).transpose() else { continue };
            assert_eq!(part.is_err(), whole.is_err(), "{name}");
            let (Ok(part), Ok(whole)) = (part, &whole) else { continue };
            let rows = (top..top + height).map(|row| 3 * (row * size[1] + left));
            let cut: Vec<u8> = rows.flat_map(|at| whole[at..][..3 * width].to_vec()).collect();
            assert!(part == cut, "{name}: {crop:?}");
        }
    }

    /// A JPEG of noise upon a slope.
    fn noise(
        size: [usize; 2],
        pixels: (u8, u8),
        progressive: bool,
        random: &mut ChaCha8Rng,
    ) -> Vec<u8> {
        let [width, height] = size;
        let mut compress = Compress::new(ColorSpace::JCS_RGB);
        compress.set_fastest_defaults();
        compress.set_size(width, height);
        compress.set_quality(random.random_range(5.0..100.0));
        compress.set_chroma_sampling_pixel_sizes(pixels, pixels);
        if progressive {
            compress.set_progressive_mode();
        }
        let strength = random.random_range(1..256);
        let rgb: Vec<u8> = (0..3 * width * height)
            .map(|at| ((at % 200) as u32 + random.random_range(0..strength)).min(255) as u8)
            .collect();
        let mut started = compress.start_compress(Vec::new()).unwrap();
        started.write_scanlines(&rgb).unwrap();
        started.finish().unwrap()
    }

    #[test]
    fn images_of_all_sizes_have_the_pixels_of_libjpeg() {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let kinds = [(1, 1), (2, 1), (2, 2)];
        let mut taken = [0; 3];
        for width in 1..=70 {
            for (place, pixels) in kinds.into_iter().enumerate() {
                for progressive in [false, true] {
                    let height = random.random_range(1..=70);
                    let bytes = noise([width, height], pixels, progressive, &mut random);
                    let kind =
                        check(&bytes, &format!("{width} x {height} {pixels:?} {progressive}"));
                    taken[place] += usize::from(kind.is_some());
                }
            }
        }
        assert_eq!(taken, [140, 132, 132]);
    }

    fn samples() -> Vec<(String, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/jpeg");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let jpegs = files.filter(|path| path.extension().is_some_and(|ending| ending == "jpg"));
        jpegs.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
    }

    #[test]
    fn sample_files_are_read_as_libjpeg_reads_them() {
        let taken: Vec<Sampling> =
            samples().iter().filter_map(|(name, bytes)| check(bytes, name)).collect();
        for sampling in [Sampling::Full, Sampling::Across, Sampling::Both] {
            assert!(taken.contains(&sampling), "{sampling:?}");
        }
    }

    #[test]
    fn damage_is_seen_as_libjpeg_sees_it() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for (name, bytes) in samples() {
            for round in 0..20 {
                let mut damaged = bytes.clone();
                for _ in 0..random.random_range(1..4) {
                    let at = random.random_range(bytes.len() / 4..bytes.len());
                    damaged[at] = random.random();
                }
                damaged.truncate(
                    random.random_range(bytes.len() / 2..2 * bytes.len()).min(bytes.len()),
                );
                check(&damaged, &format!("{name}, round {round}"));
            }
        }
    }
}
