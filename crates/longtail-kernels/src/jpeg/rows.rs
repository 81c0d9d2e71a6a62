//! Row by row, in loops that a compiler makes vectors of.

use std::ops::Range;

use super::{Part, Plane, Planes, Sampling};

/// Pixels that are turned into colours at a time.
const BLOCK: usize = 32;

/// Writes a part of the image of `planes` to `rgb`.
pub(super) fn to_rgb(planes: &Planes, part: &Part, rgb: &mut [u8]) {
    with(planes, part, rgb, weave);
}

/// Red, green and blue of a block of pixels.
type Colours = [[u8; BLOCK]; 3];

/// [`to_rgb`] with a function that brings the colours of each pixel together.
#[inline(always)]
fn with(
    planes: &Planes,
    part: &Part,
    rgb: &mut [u8],
    weave: impl Fn(&Colours, &mut [u8; 3 * BLOCK]),
) {
    let [luma, blue, red] = &planes.planes;
    let columns = &part.columns;
    let mut scratch = [blue, red].map(|plane| Scratch::new(reach(columns, plane.columns)));
    for (row, out) in part.rows.clone().zip(rgb.chunks_exact_mut(3 * columns.len())) {
        let [first, second] = &mut scratch;
        let blue = first.chroma(planes, blue, row, columns);
        let red = second.chroma(planes, red, row, columns);
        colours([&luma.row(row)[columns.clone()], blue, red], out, &weave);
    }
}

/// The samples, of `all` in a row of chroma at half width, that the pixels of these columns lie between; at least
/// three, and at either end one more than they need unless the image ends there.
fn reach(columns: &Range<usize>, all: usize) -> Range<usize> {
    let start = (columns.start / 2).saturating_sub(1);
    let end = ((columns.end - 1) / 2 + 2).max(start + 3).min(all);
    start.min(end.saturating_sub(3))..end
}

/// Room for a row of chroma.
struct Scratch {
    reach: Range<usize>,
    sums: Vec<u16>,
    wide: Vec<[u8; 2]>,
}

impl Scratch {
    fn new(reach: Range<usize>) -> Self {
        Self { sums: vec![0; reach.len()], wide: vec![[0; 2]; reach.len()], reach }
    }

    /// These columns of a row of `plane` in the width of the image, and some more behind.
    #[inline(always)]
    fn chroma<'a>(
        &'a mut self,
        planes: &Planes,
        plane: &Plane<'a>,
        row: usize,
        columns: &Range<usize>,
    ) -> &'a [u8] {
        let samples = |row| &plane.row(row)[self.reach.clone()];
        match planes.sampling {
            Sampling::Full => return &plane.row(row)[columns.clone()],
            Sampling::Across => widen::<2>(samples(row), &mut self.wide, [1, 2]),
            Sampling::Both => {
                let [near, far] = planes.between(row).map(samples);
                for ((sum, near), far) in self.sums.iter_mut().zip(near).zip(far) {
                    *sum = 3 * u16::from(*near) + u16::from(*far);
                }
                widen::<4>(&self.sums, &mut self.wide, [8, 7]);
            }
        }
        &self.wide.as_flattened()[columns.start - 2 * self.reach.start..]
    }
}

/// Two samples of each, three quarters of it and one of its neighbour, less `BITS` behind the point, after a `bias`
/// for the left and one for the right.
#[inline(always)]
fn widen<const BITS: u32>(samples: &[impl Copy + Into<u16>], out: &mut [[u8; 2]], bias: [u16; 2]) {
    let one = |near: u16, far: u16, bias: u16| ((3 * near + far + bias) >> BITS) as u8;
    let last = samples.len() - 1;
    let [left, right] = bias;
    let neighbours = samples.iter().zip(&samples[1..]).zip(&samples[2..]);
    for (out, ((&before, &own), &after)) in out[1..last].iter_mut().zip(neighbours) {
        let [before, own, after] = [before.into(), own.into(), after.into()];
        *out = [one(own, before, left), one(own, after, right)];
    }
    let at = |column: usize| -> u16 { samples[column].into() };
    out[0] = [one(at(0), at(0), left), one(at(0), at(1), right)];
    out[last] = [one(at(last), at(last - 1), left), one(at(last), at(last), right)];
}

/// The colours of a row of luma, blue and red difference; the latter may be longer.
#[inline(always)]
fn colours(row: [&[u8]; 3], rgb: &mut [u8], weave: &impl Fn(&Colours, &mut [u8; 3 * BLOCK])) {
    let width = row[0].len();
    let [(luma, luma_rest), (blue, blue_rest), (red, red_rest)] =
        row.map(|samples| samples[..width].as_chunks::<BLOCK>());
    let (pixels, pixels_rest) = rgb.as_chunks_mut::<{ 3 * BLOCK }>();
    for (((luma, blue), red), pixels) in luma.iter().zip(blue).zip(red).zip(pixels) {
        weave(&block(luma, blue, red), pixels);
    }
    if !luma_rest.is_empty() {
        let [luma, blue, red] = [luma_rest, blue_rest, red_rest].map(|rest| {
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            block
        });
        let mut pixels = [0; 3 * BLOCK];
        weave(&block(&luma, &blue, &red), &mut pixels);
        pixels_rest.copy_from_slice(&pixels[..pixels_rest.len()]);
    }
}

/// [`colour`](super::plain::colour) of many in words of 16 bits: whole parts of the factors stand apart, so that the
/// rest fits, and half of a product is what is rounded.
#[inline(always)]
fn block(luma: &[u8; BLOCK], blue: &[u8; BLOCK], red: &[u8; BLOCK]) -> Colours {
    let high = |a: i16, b: i16| ((i32::from(a) * i32::from(b)) >> 16) as i16;
    let rounded = |factor: i16, chroma: i16| (high(factor, 2 * chroma) + 1) >> 1;
    let byte = |value: i16| value.clamp(0, 255) as u8;
    let mut out = [[0; BLOCK]; 3];
    for at in 0..BLOCK {
        let [luma, blue, red] = [luma[at], blue[at], red[at]].map(i16::from);
        let [blue, red] = [blue - 128, red - 128];
        // 91881, 116130 and -46802 are 26345, -14942 and 18734 beside whole numbers.
        let green = (-22_554 * i32::from(blue) + 18_734 * i32::from(red) + (1 << 15)) >> 16;
        out[0][at] = byte(luma + red + rounded(26_345, red));
        out[1][at] = byte(luma - red + green as i16);
        out[2][at] = byte(luma + 2 * blue + rounded(-14_942, blue));
    }
    out
}

#[inline(always)]
fn weave(colours: &Colours, rgb: &mut [u8; 3 * BLOCK]) {
    for (at, pixel) in rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        *pixel = colours.map(|colour| colour[at]);
    }
}

/// The same for machines that have AVX2.
#[cfg(target_arch = "x86_64")]
pub(super) mod avx2 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Colours, Part, Planes};

    /// [`super::to_rgb`]
    ///
    /// # Safety
    /// The machine must have AVX2.
    #[target_feature(enable = "avx2")]
    pub(in crate::jpeg) unsafe fn to_rgb(planes: &Planes, part: &Part, rgb: &mut [u8]) {
        super::with(planes, part, rgb, |colours, rgb| {
            // SAFETY: the caller's duty.
            unsafe { weave(colours, rgb) }
        });
    }

    /// For each third of 16 pixels' bytes, where each colour has the bytes that belong there.
    const PLACES: [[[i8; 16]; 3]; 3] = {
        let mut places = [[[-1; 16]; 3]; 3];
        let mut at = 0;
        while at < 48 {
            places[at / 16][at % 3][at % 16] = (at / 3) as i8;
            at += 1;
        }
        places
    };

    /// [`super::weave`]
    ///
    /// # Safety
    /// The machine must have AVX2.
    #[inline(always)]
    unsafe fn weave(colours: &Colours, rgb: &mut [u8; 3 * BLOCK]) {
        for (half, rgb) in rgb.as_chunks_mut::<48>().0.iter_mut().enumerate() {
            for (places, out) in PLACES.iter().zip(rgb.as_chunks_mut::<16>().0) {
                // SAFETY: `half` is 0 or 1, so that 16 bytes are read and written where there are as many.
                unsafe {
                    let part = |colour: usize| {
                        let bytes = colours[colour].as_ptr().add(16 * half).cast();
                        let places = _mm_loadu_si128(places[colour].as_ptr().cast());
                        _mm_shuffle_epi8(_mm_loadu_si128(bytes), places)
                    };
                    let all = _mm_or_si128(_mm_or_si128(part(0), part(1)), part(2));
                    _mm_storeu_si128(out.as_mut_ptr().cast(), all);
                }
            }
        }
    }
}
