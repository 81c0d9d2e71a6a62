//! The chunks of a WebP, as far as they tell what its decoder will take: it believes the sizes that chunks give of
//! themselves, and those of a frame before it compares them with the image's.
//!
//! Source: RFC 9649.

use std::{
    io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom},
    ops::Range,
};

const CUT_OFF: &str = "the WebP ends before its image does";
/// Bytes of a chunk's name and size.
const HEAD: u64 = 8;
/// Bytes in a frame of an animation before its chunks.
const FRAME_HEAD: u64 = 16;
/// How far behind the end that a file says it has its decoder still looks for chunks.
const BEHIND: u64 = 18;
/// The chunks that its decoder knows.
const KNOWN: [&[u8; 4]; 8] =
    [b"ICCP", b"VP8 ", b"VP8L", b"ALPH", b"EXIF", b"XMP ", b"ANIM", b"ANMF"];

/// What a WebP holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    is_animated: bool,
    has_alpha: bool,
    /// Pixels that the lossy images in it claim, the most of one.
    lossy: u64,
    has_lossless: bool,
}

impl Found {
    /// Bytes that its decoder holds at most beside the decoded image, which has this many pixels.
    pub(super) fn beside(&self, pixels: u64) -> u64 {
        // One of brightness, half a one of colour.
        let planes = self.lossy.saturating_mul(3) / 2;
        let alpha = if self.has_alpha { 5 } else { 0 };
        // Four values a pixel, and one of the predictors and tables of its blocks.
        let lossless = if self.has_lossless { 5 } else { 0 };
        // The canvas, and the frame before it is drawn there.
        let animation = if self.is_animated { 8 } else { 0 };
        planes.saturating_add(pixels.saturating_mul(alpha.max(lossless) + animation))
    }
}

/// Follows the chunks; none that matters may reach beyond the file.
pub(super) fn look(reader: &mut (impl BufRead + Seek)) -> Result<Found, String> {
    let text = |error: io::Error| match error.kind() {
        ErrorKind::UnexpectedEof => CUT_OFF.to_owned(),
        _ => error.to_string(),
    };
    let length = reader.seek(SeekFrom::End(0)).map_err(text)?;
    reader.seek(SeekFrom::Start(4)).map_err(text)?;
    let says = u64::from(u32::from_le_bytes(array(reader).map_err(text)?));
    let mut found = Found::default();
    let within = 12..length.min(says + HEAD + BEHIND);
    chunks(reader, within, length, false, &mut found).map_err(text)?;
    Ok(found)
}

/// The chunks in these places of a file of `length` bytes, or those of one frame.
fn chunks(
    reader: &mut (impl BufRead + Seek),
    Range { start: mut at, end }: Range<u64>,
    length: u64,
    is_frame: bool,
    found: &mut Found,
) -> io::Result<()> {
    while at + HEAD <= end {
        reader.seek(SeekFrom::Start(at))?;
        let name: [u8; 4] = array(reader)?;
        let size = u64::from(u32::from_le_bytes(array(reader)?));
        let start = at + HEAD;
        if start + size > length && KNOWN.contains(&&name) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        at = start + size + size % 2;
        match &name {
            b"VP8 " => {
                let [.., w0, w1, h0, h1] = array::<10>(reader)?;
                let side = |bytes| u64::from(u16::from_le_bytes(bytes) & 0x3fff);
                found.lossy = found.lossy.max(side([w0, w1]) * side([h0, h1]));
            }
            b"VP8L" => found.has_lossless = true,
            b"ALPH" => found.has_alpha = true,
            // Of an animation the first frame is read, and all are looked at.
            b"ANMF" if !is_frame => {
                found.is_animated = true;
                chunks(reader, start + FRAME_HEAD..start + size, length, true, found)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn array<const SIZE: usize>(reader: &mut impl Read) -> io::Result<[u8; SIZE]> {
    let mut bytes = [0; SIZE];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = (content.len() as u32).to_le_bytes();
        let pad = &[0][..content.len() % 2];
        [name, &size[..], content, pad].concat()
    }

    fn webp(chunks: &[u8]) -> Vec<u8> {
        let size = (chunks.len() as u32 + 4).to_le_bytes();
        [b"RIFF", &size[..], b"WEBP", chunks].concat()
    }

    #[test]
    fn frames_tell_what_they_take_and_chunks_stay_within_the_file() {
        let lossy = chunk(b"VP8 ", &[0, 0, 0, 0x9d, 1, 0x2a, 200, 0, 100, 0, 0]);
        let found = look(&mut Cursor::new(webp(&lossy))).unwrap();
        assert_eq!(found, Found { lossy: 20_000, ..Found::default() });
        let frame = chunk(b"ANMF", &[&[0; 16][..], &chunk(b"ALPH", &[0; 3]), &lossy].concat());
        let found = look(&mut Cursor::new(webp(&frame))).unwrap();
        assert!(found.is_animated && found.has_alpha && found.lossy == 20_000, "{found:?}");
        assert!(found.beside(20_000) > 20_000 * 10);
        for name in [b"EXIF", b"VP8 ", b"ICCP"] {
            let claims = [&name[..], &u32::MAX.to_le_bytes(), &[0; 20]].concat();
            let inside = chunk(b"ANMF", &[&[0; 16][..], &claims].concat());
            for bytes in [webp(&claims), webp(&inside)] {
                assert_eq!(look(&mut Cursor::new(bytes)), Err(CUT_OFF.into()));
            }
        }
    }
}
