//! JPEG through libjpeg-turbo's decoder, so that pixels are those of Pillow and torchvision.

use std::{
    cell::Cell,
    io::{self, BufRead, Read},
    os::raw::c_int,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr,
};

use image::{DynamicImage, RgbImage};
use longtail_kernels::jpeg::{Emitter, Listener, Part, Sampling, emitter, within};
use mozjpeg::{ColorSpace, Decompress};
use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr};

use super::{
    Outline, Picture, brief, cmyk,
    markers::{Ending, Header, NoHeader, Scans},
    planes,
};
use crate::raster::CropBox;

/// Scans of one file; a file with more is made to keep a decoder busy.
const MOST_SCANS: usize = 500;
/// Bytes at the end of the last scan that are handed out apart, more than the decoder reads ahead.
const TAIL: usize = 64;
/// Blocks of an image in arithmetic code that may all be blank.
const MOST_BLANK: u64 = 1 << 20;
const CUT_OFF: &str = "the JPEG ends before its image does";

/// Reads the header from the file's beginning.
pub(super) fn outline(file: &mut impl Read) -> Result<Outline, String> {
    let mut start = Vec::new();
    let mut wanted = 1 << 16;
    loop {
        let missing = wanted - start.len();
        let read = file.by_ref().take(missing as u64).read_to_end(&mut start);
        let read = read.map_err(|error| error.to_string())?;
        match Header::read(&start) {
            Err(NoHeader::Short) if read == missing => wanted *= 2,
            header => return Ok(outline_of(&plain(header)?)),
        }
    }
}

fn plain(header: Result<Header, NoHeader>) -> Result<Header, String> {
    header.map_err(|error| match error {
        NoHeader::Short => CUT_OFF.to_owned(),
        NoHeader::Refused(reason) => reason,
    })
}

fn outline_of(header: &Header) -> Outline {
    let pixels = super::pixels(header.width, header.height);
    // Files of several scans are held as coefficients of 16 bits until the last one.
    let coefficients = if header.has_many_scans { header.blocks() * 128 } else { 0 };
    let inks = if header.components.len() == 4 { Some(pixels * 4) } else { None };
    let in_rows = coefficients + inks.unwrap_or(pixels * 3);
    // Coefficients are given back before pixels are made of planes.
    let in_planes = planes::of(header).map(|(_, bytes)| bytes + coefficients.max(pixels * 3));
    let decoding = in_rows.max(in_planes.unwrap_or(0));
    Outline::new([header.width, header.height], header.orientation, decoding, inks)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Picture, String> {
    let header = plain(Header::read(bytes))?;
    let (pixels, notes) = checked(bytes, &header, |scans| by_own_code(scans, &header))?;
    let image = RgbImage::from_raw(header.width, header.height, pixels)
        .ok_or("the decoder gave another number of pixels than the header says")?;
    let image = DynamicImage::ImageRgb8(image);
    Ok(Picture { image, orientation: header.orientation, notes })
}

/// RGB bytes of `crop`, `[height, width, 3]`, before the image is turned; none of a kind of file that has to be made
/// whole.
pub(super) fn decode_part(bytes: &[u8], crop: CropBox) -> Result<Option<Vec<u8>>, String> {
    let header = plain(Header::read(bytes))?;
    let Some((sampling, _)) = planes::of(&header) else { return Ok(None) };
    let CropBox { top, left, height, width } = crop;
    let part = Part { rows: top..top + height, columns: left..left + width };
    let read = |scans: &[u8]| {
        within(&part, || read(scans, &header, Some((sampling, &part)), emitter::<Ear>()))
    };
    let (pixels, _) = checked(bytes, &header, read)?;
    // Where the decoder takes the file for something else, all its pixels come.
    Ok((pixels.len() == 3 * height * width).then_some(pixels))
}

/// What `read` makes of the scans, and what a person should know of the file.
fn checked(
    bytes: &[u8],
    header: &Header,
    read: impl FnOnce(&[u8]) -> Result<(Vec<u8>, Course), String>,
) -> Result<(Vec<u8>, Vec<String>), String> {
    let scans = header.scans(bytes);
    if !scans.all_begun || claims_too_much(header, scans.end as u64) {
        return Err(CUT_OFF.into());
    }
    if scans.count > MOST_SCANS {
        return Err(format!("the JPEG has more than {MOST_SCANS} scans"));
    }
    let (pixels, course) = read(&bytes[..scans.end])?;
    Ok((pixels, judged(header, &scans, course)?))
}

/// Whether so many bytes cannot hold the image, which is not begun then.
fn claims_too_much(header: &Header, bytes: u64) -> bool {
    // Every block takes a bit at least in Huffman's code. In arithmetic code a blank one may take next to nothing, so
    // that a small file keeps a decoder busy for half a minute: a large image that is all but blank is not believed.
    match header.arithmetic {
        false => header.blocks() > 8 * bytes,
        true => header.blocks() > MOST_BLANK.max(512 * bytes),
    }
}

/// Whether all pixels came out of the file, and what is odd about it.
fn judged(header: &Header, scans: &Scans, course: Course) -> Result<Vec<String>, String> {
    let one_scan = scans.count == 1 && !header.progressive;
    let ran_out = course.warnings > 0 && course.warned_at_end;
    let no_marker = scans.ending == Ending::File;
    // Behind the last of several scans libjpeg also warns of bytes too many, with the same voice.
    // Arithmetic code may end before its last pixel, so that only the marker tells that it is whole.
    if ran_out && (one_scan || no_marker || !scans.complete)
        || no_marker && (!scans.complete || header.arithmetic)
    {
        return Err(CUT_OFF.into());
    }
    let mut notes = Vec::new();
    if course.warnings > 0 {
        notes.push("is a damaged JPEG: some of its pixels may be wrong".to_owned());
    } else if !scans.complete {
        notes.push("lacks its last scans: it is read without its finest detail".to_owned());
    } else if no_marker && !(one_scan && course.left_over) {
        notes.push("lacks its end marker, but has all its pixels".to_owned());
    }
    Ok(notes)
}

/// How decoding went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// Warnings after the header.
    warnings: usize,
    /// The first of them came after the last byte.
    warned_at_end: bool,
    /// All bytes are handed out.
    at_end: bool,
    /// The last bytes were not needed.
    left_over: bool,
}

thread_local! {
    /// The decoding under way: libjpeg's callbacks get no pointer of ours.
    static COURSE: Cell<Course> = const {
        Cell::new(Course { warnings: 0, warned_at_end: false, at_end: false, left_over: false })
    };
}

/// [`read`] with as much of our own code as the file lets, which is faster than libjpeg's and gives the same bits.
pub(super) fn by_own_code(bytes: &[u8], header: &Header) -> Result<(Vec<u8>, Course), String> {
    let whole = Part::whole([header.height as usize, header.width as usize]);
    let planes = planes::of(header).map(|(sampling, _)| (sampling, &whole));
    read(bytes, header, planes, emitter::<Ear>())
}

/// RGB bytes of `bytes`, which end with the last scan: of a part from planes of this sampling, or of all in rows where
/// that is `None`.
fn read(
    bytes: &[u8],
    header: &Header,
    planes: Option<(Sampling, &Part)>,
    emitter: Emitter,
) -> Result<(Vec<u8>, Course), String> {
    COURSE.set(Course::default());
    let (start, tail) = bytes.split_at(bytes.len().saturating_sub(TAIL));
    let source = Pieces { pieces: [start, tail, &[0xff, 0xd9]], at: 0 };
    let space = match header.components.len() {
        4 => ColorSpace::JCS_CMYK,
        _ => ColorSpace::JCS_RGB,
    };
    let attempt = || -> io::Result<Vec<u8>> {
        let image = Decompress::builder().with_err(handlers(emitter)).from_reader(source)?;
        // Warnings on the header are not on pixels.
        COURSE.set(Course { warnings: 0, warned_at_end: false, ..COURSE.get() });
        match planes {
            Some((sampling, part)) if planes::is_taken(&image, header) => {
                planes::read(image, header, sampling, part)
            }
            _ => image.to_colorspace(space)?.read_scanlines(),
        }
    };
    let pixels = match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(Ok(pixels)) => pixels,
        Ok(Err(error)) => return Err(format!("the JPEG is damaged: {}", brief(error))),
        Err(_) => return Err(words_of_failure(bytes, space)),
    };
    let pixels = match space {
        ColorSpace::JCS_CMYK => inks_to_rgb(&pixels),
        _ => pixels,
    };
    Ok((pixels, COURSE.get()))
}

/// RGB of four inks a pixel; JPEGs hold them inverted, as Adobe began it.
fn inks_to_rgb(inks: &[u8]) -> Vec<u8> {
    inks.as_chunks().0.iter().flat_map(|ink: &[u8; 4]| cmyk::to_rgb(ink.map(|v| 255 - v))).collect()
}

/// What libjpeg says of a file that it gave up on: only its own handlers get at its words.
fn words_of_failure(bytes: &[u8], space: ColorSpace) -> String {
    let attempt = || -> io::Result<Vec<u8>> {
        Decompress::new_mem(bytes)?.to_colorspace(space)?.read_scanlines()
    };
    let words = match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(_) => None,
        Err(payload) => payload.downcast_ref::<String>().cloned(),
    };
    let words = words.unwrap_or_default();
    let reason = words.rsplit("error: ").next().unwrap_or_default();
    format!("the JPEG is damaged or of a rare kind (libjpeg: {}): convert it to PNG", brief(reason))
}

/// libjpeg's callbacks: an error unwinds, a warning is counted, nothing is printed.
fn handlers(emitter: Emitter) -> jpeg_error_mgr {
    jpeg_error_mgr {
        error_exit: Some(give_up),
        emit_message: Some(emitter),
        output_message: None,
        format_message: None,
        reset_error_mgr: Some(nothing),
        msg_code: 0,
        msg_parm: Default::default(),
        trace_level: 0,
        num_warnings: 0,
        jpeg_message_table: ptr::null(),
        last_jpeg_message: 0,
        addon_message_table: ptr::null(),
        first_addon_message: 0,
        last_addon_message: 0,
    }
}

extern "C-unwind" fn give_up(_: &mut jpeg_common_struct) {
    resume_unwind(Box::new(()));
}

extern "C-unwind" fn nothing(_: &mut jpeg_common_struct) {}

/// Hears warnings, which have the level -1, among what is traced.
struct Ear;

impl Listener for Ear {
    fn hear(level: c_int) {
        let mut course = COURSE.get();
        if level < 0 {
            course.warned_at_end |= course.warnings == 0 && course.at_end;
            course.warnings += 1;
            COURSE.set(course);
        }
    }
}

/// The bytes of an image, its last ones apart so that it shows whether they were needed, and an end
/// marker.
struct Pieces<'a> {
    pieces: [&'a [u8]; 3],
    at: usize,
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at < 2 && self.pieces[self.at].is_empty() {
            self.at += 1;
        }
        let last = self.at == 2;
        COURSE.set(Course { left_over: self.at == 0, at_end: last, ..COURSE.get() });
        Ok(self.pieces[self.at])
    }

    fn consume(&mut self, count: usize) {
        self.pieces[self.at] = &self.pieces[self.at][count..];
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What libjpeg's own code makes of a file, up to the end of its scans.
    pub(in super::super) fn by_libjpeg(
        bytes: &[u8],
        header: &Header,
    ) -> Result<(Vec<u8>, Course), String> {
        extern "C-unwind" fn hear(_: &mut jpeg_common_struct, level: c_int) {
            Ear::hear(level);
        }
        read(bytes, header, None, hear)
    }
}
