//! JPEG behind its transform: chroma brought to the size of luma, and both turned into RGB, by libjpeg's integers and
//! so to its bits.
//!
//! Source: ITU-T T.871 for the colours; libjpeg's "fancy" upsampling, a triangle filter whose halves are rounded
//! up and down in turns.

mod plain;
mod rows;
mod transform;
mod window;

use std::ops::Range;

use crate::Path;
pub use transform::{Emitter, Listener, emitter};
pub use window::within;

/// Chroma columns below which libjpeg repeats samples in place of the filter.
const FEWEST_COLUMNS: usize = 3;

/// How many pixels share a sample of chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// One, 4:4:4.
    Full,
    /// Two side by side, 4:2:2.
    Across,
    /// Four in a square, 4:2:0.
    Both,
}

impl Sampling {
    /// Rows and columns of chroma for an image of `[height, width]`.
    pub fn chroma([height, width]: [usize; 2], sampling: Self) -> [usize; 2] {
        match sampling {
            Self::Full => [height, width],
            Self::Across => [height, width.div_ceil(2)],
            Self::Both => [height.div_ceil(2), width.div_ceil(2)],
        }
    }
}

/// Some rows and columns of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its rows.
    pub rows: Range<usize>,
    /// Its columns.
    pub columns: Range<usize>,
}

impl Part {
    /// All of an image of `[height, width]`.
    pub fn whole([height, width]: [usize; 2]) -> Self {
        Self { rows: 0..height, columns: 0..width }
    }

    /// Whether it has a pixel, and none outside an image of `[height, width]`.
    fn is_of(&self, [height, width]: [usize; 2]) -> bool {
        let is_within = |range: &Range<usize>, end| !range.is_empty() && range.end <= end;
        is_within(&self.rows, height) && is_within(&self.columns, width)
    }
}

/// Samples of one component, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    samples: &'a [u8],
    stride: usize,
    columns: usize,
}

impl<'a> Plane<'a> {
    fn new(samples: &'a [u8], stride: usize, [rows, columns]: [usize; 2]) -> Option<Self> {
        let enough = rows > 0 && columns > 0 && columns <= stride;
        // The last row may lack its padding.
        let wanted = (rows.checked_sub(1)?).checked_mul(stride)?.checked_add(columns)?;
        (enough && samples.len() >= wanted).then_some(Self { samples, stride, columns })
    }

    fn row(&self, row: usize) -> &'a [u8] {
        &self.samples[row * self.stride..][..self.columns]
    }
}

/// The three components of an image.
#[derive(Debug, Clone, Copy)]
pub struct Planes<'a> {
    size: [usize; 2],
    sampling: Sampling,
    /// Luma, blue and red difference.
    planes: [Plane<'a>; 3],
}

impl<'a> Planes<'a> {
    /// Of an image of `[height, width]`; luma, blue and red difference each with the samples from one row to the next.
    /// None where they hold less than the image, or where libjpeg would not filter because the image is too narrow.
    pub fn new(
        size: [usize; 2],
        sampling: Sampling,
        planes: [(&'a [u8], usize); 3],
    ) -> Option<Self> {
        if !is_filtered(size[1], sampling) {
            return None;
        }
        let chroma = Sampling::chroma(size, sampling);
        let [luma, blue, red] = planes;
        let luma = Plane::new(luma.0, luma.1, size)?;
        let blue = Plane::new(blue.0, blue.1, chroma)?;
        let red = Plane::new(red.0, red.1, chroma)?;
        Some(Self { size, sampling, planes: [luma, blue, red] })
    }

    /// RGB bytes of a part, `[rows, columns, 3]`; none where it has no pixel or lies outside the image.
    pub fn to_rgb(&self, part: &Part) -> Option<Vec<u8>> {
        if !part.is_of(self.size) {
            return None;
        }
        let mut rgb = vec![0; part.rows.len() * part.columns.len() * 3];
        match Path::active() {
            Path::Composed => plain::to_rgb(self, part, &mut rgb),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Bf16 | Path::Avx512 | Path::Avx2 if Path::Avx2.is_available() => {
                // SAFETY: the guard says that the machine has the instructions.
                unsafe { rows::avx2::to_rgb(self, part, &mut rgb) }
            }
            _ => rows::to_rgb(self, part, &mut rgb),
        }
        Some(rgb)
    }

    /// The chroma rows that a row of the image lies between, the nearer one first; it stands for both at the edges.
    fn between(&self, row: usize) -> [usize; 2] {
        let near = row / 2;
        let last = (self.size[0] - 1) / 2;
        let far = if row.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(last) };
        [near, far]
    }
}

/// Whether libjpeg filters the chroma of an image of this width, if it has fewer samples than luma.
pub fn is_filtered(width: usize, sampling: Sampling) -> bool {
    sampling == Sampling::Full || Sampling::chroma([1, width], sampling)[1] >= FEWEST_COLUMNS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What all implementations make of a part of planes, the plain one first.
    fn all(planes: &Planes, part: &Part) -> Vec<Vec<u8>> {
        let mut implementations: Vec<fn(&Planes, &Part, &mut [u8])> =
            vec![plain::to_rgb, rows::to_rgb];
        #[cfg(target_arch = "x86_64")]
        if Path::Avx2.is_available() {
            // SAFETY: the machine has the instructions.
            implementations
                .push(|planes, part, rgb| unsafe { rows::avx2::to_rgb(planes, part, rgb) });
        }
        let made = implementations.iter().map(|to_rgb| {
            let mut rgb = vec![0; part.rows.len() * part.columns.len() * 3];
            to_rgb(planes, part, &mut rgb);
            rgb
        });
        made.collect()
    }

    fn check(
        size: [usize; 2],
        part: &Part,
        sampling: Sampling,
        padding: usize,
        mut sample: impl FnMut() -> u8,
    ) {
        let chroma = Sampling::chroma(size, sampling);
        let mut plane = |[rows, columns]: [usize; 2]| -> (Vec<u8>, usize) {
            ((0..rows * (columns + padding)).map(|_| sample()).collect(), columns + padding)
        };
        let samples = [plane(size), plane(chroma), plane(chroma)];
        let given = samples.each_ref().map(|(samples, stride)| (&samples[..], *stride));
        let planes = Planes::new(size, sampling, given).unwrap();
        let made = all(&planes, part);
        for other in &made[1..] {
            assert!(other == &made[0], "{size:?} {sampling:?} {part:?}");
        }
        let whole = &all(&planes, &Part::whole(size))[0];
        let of_row = |row: usize| part.columns.clone().map(move |column| row * size[1] + column);
        let pixels = part.rows.clone().flat_map(of_row);
        let cut: Vec<u8> = pixels.flat_map(|at| whole[3 * at..3 * at + 3].to_vec()).collect();
        assert!(made[0] == cut, "{size:?} {sampling:?} {part:?}");
    }

    /// The part of a range between two shares of it.
    fn between(all: usize, from: f64, to: f64) -> Range<usize> {
        let at = |share: f64| (share * all as f64) as usize;
        let start = at(from.min(to)).min(all - 1);
        start..at(from.max(to)).max(start + 1)
    }

    proptest! {
        #[test]
        fn every_implementation_gives_the_same_bits(
            height in 1_usize..40,
            width in 5_usize..140,
            padding in 0_usize..20,
            sampling in prop_oneof![
                Just(Sampling::Full), Just(Sampling::Across), Just(Sampling::Both)
            ],
            seed in any::<u64>(),
            extreme in any::<bool>(),
            from in [0.0..1.0, 0.0..1.0],
            to in [0.0..1.0, 0.0..1.0],
            is_whole in any::<bool>(),
        ) {
            let size = [height, width];
            let part = match is_whole {
                true => Part::whole(size),
                false => Part {
                    rows: between(height, from[0], to[0]),
                    columns: between(width, from[1], to[1]),
                },
            };
            let mut state = seed | 1;
            check(size, &part, sampling, padding, || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let byte = (state >> 56) as u8;
                if extreme { if byte < 128 { 0 } else { 255 } } else { byte }
            });
        }
    }

    #[test]
    fn every_colour_is_the_same() {
        // All pairs of chroma at both ends of luma and between.
        for luma in [0, 1, 127, 128, 254, 255] {
            let lumas = vec![luma; 256 * 256];
            let blue: Vec<u8> = (0..256 * 256).map(|at| (at % 256) as u8).collect();
            let red: Vec<u8> = (0..256 * 256).map(|at| (at / 256) as u8).collect();
            let given = [&lumas, &blue, &red].map(|samples| (&samples[..], 256));
            let planes = Planes::new([256; 2], Sampling::Full, given).unwrap();
            let made = all(&planes, &Part::whole([256; 2]));
            assert!(made.iter().all(|other| other == &made[0]), "luma {luma}");
        }
    }

    #[test]
    fn grey_stays_and_known_colours_come_out() {
        let of = |y: u8, cb: u8, cr: u8| {
            let given = [[y], [cb], [cr]];
            let given = given.each_ref().map(|samples| (&samples[..], 1));
            let planes = Planes::new([1, 1], Sampling::Full, given).unwrap();
            assert_eq!(planes.to_rgb(&Part { rows: 0..1, columns: 0..2 }), None);
            assert_eq!(planes.to_rgb(&Part { rows: 0..0, columns: 0..1 }), None);
            planes.to_rgb(&Part::whole([1, 1])).unwrap()
        };
        assert_eq!(of(77, 128, 128), [77, 77, 77]);
        assert_eq!(of(76, 85, 255), [254, 0, 0]);
        assert_eq!(of(255, 0, 0), [76, 255, 28]);
    }

    #[test]
    fn too_few_samples_or_columns_are_refused() {
        let bytes = [0; 64];
        let planes = |luma: usize, stride: usize| {
            let given = [(&bytes[..luma], stride), (&bytes[..], 8), (&bytes[..], 8)];
            Planes::new([8, 8], Sampling::Full, given).is_some()
        };
        assert!(planes(64, 8));
        assert!(!planes(63, 8));
        assert!(!planes(64, 7));
        let narrow =
            |width, sampling| Planes::new([2, width], sampling, [(&bytes, 8); 3]).is_some();
        assert!(!narrow(4, Sampling::Both) && !narrow(4, Sampling::Across));
        assert!(narrow(5, Sampling::Both) && narrow(5, Sampling::Across));
        assert!(narrow(1, Sampling::Full) && !narrow(0, Sampling::Full));
    }
}
