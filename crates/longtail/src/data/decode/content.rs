//! Files told by their content.

use image::ImageFormat;

/// Bytes at the beginning of a file that tell what it is.
pub(super) const TELLING: usize = 1024;

/// Who decodes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// libjpeg-turbo.
    Jpeg,
    /// The crate `tiff`.
    Tiff,
    /// The crate `image`.
    Raster(ImageFormat),
}

/// What the first bytes of a file say; the error says what else it is, and the remedy.
pub(super) fn format(bytes: &[u8]) -> Result<Format, String> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    Ok(match bytes {
        [] => return Err("the file is empty".into()),
        _ if begins(&[0xff, 0xd8, 0xff]) => Format::Jpeg,
        _ if begins(b"\x89PNG\r\n\x1a\n") => Format::Raster(ImageFormat::Png),
        _ if begins(b"GIF87a") || begins(b"GIF89a") => Format::Raster(ImageFormat::Gif),
        _ if begins(b"RIFF") && at(bytes, 8, b"WEBP") => Format::Raster(ImageFormat::WebP),
        _ if begins(b"BM") && matches!(bytes.get(14), Some(12 | 40 | 52 | 56 | 64 | 108 | 124)) => {
            Format::Raster(ImageFormat::Bmp)
        }
        [b'P', b'7', b'\n', ..] => Format::Raster(ImageFormat::Pnm),
        [b'P', b'1'..=b'6', rest @ ..] if is_pnm_header(rest) => Format::Raster(ImageFormat::Pnm),
        // Plain and large TIFF, either byte order.
        _ if begins(b"II*\0CR\x02") || at(bytes, 8, b"CR\x02") => return Err(unread("Canon raw")),
        _ if begins(b"II*\0") || begins(b"MM\0*") => Format::Tiff,
        _ if begins(b"II+\0") || begins(b"MM\0+") => Format::Tiff,
        _ => return Err(foreign(bytes)),
    })
}

/// Whether white space follows, and then a number or a remark.
fn is_pnm_header(rest: &[u8]) -> bool {
    let next = rest.iter().find(|byte| !byte.is_ascii_whitespace());
    rest.first().is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'#')
        && next.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'#')
}

fn at(bytes: &[u8], offset: usize, magic: &[u8]) -> bool {
    bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic))
}

/// Images of other formats: where a magic stands, and the format's name.
const IMAGES: &[(usize, &[u8], &str)] = &[
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"II\xbc", "JPEG XR"),
    (0, b"8BPS", "Photoshop"),
    (0, b"gimp xcf", "GIMP"),
    (0, b"\0\0\x01\0", "ICO"),
    (0, b"icns", "ICNS"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"DDS ", "DDS"),
    (0, b"qoif", "QOI"),
    (0, b"farbfeld", "farbfeld"),
    (0, b"SIMPLE  =", "FITS"),
    (128, b"DICM", "DICOM"),
    (0, b"%!PS", "PostScript"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm raw"),
    (0, b"IIRO", "Olympus raw"),
    (0, b"IIU\0", "Panasonic raw"),
    (0, b"PF\n", "PFM"),
    (0, b"Pf\n", "PFM"),
];

/// Files that hold others or are no image: where a magic stands, and what it is with the remedy.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (0, b"%PDF", "a PDF document, no image: extract its pictures"),
    (0, b"PK\x03\x04", "a ZIP archive, no image: unpack it"),
    (0, b"\x1f\x8b", "compressed by gzip: unpack it"),
    (0, b"BZh", "compressed by bzip2: unpack it"),
    (0, b"\xfd7zXZ\0", "compressed by xz: unpack it"),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstd: unpack it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive, no image: unpack it"),
    (0, b"Rar!", "a RAR archive, no image: unpack it"),
    (257, b"ustar", "a tar archive, no image: unpack it"),
    (0, b"\x00\x05\x16\x07", "a macOS side file, no image: remove it"),
    (0, b"version https://git-lfs", "a Git LFS pointer, no image: run `git lfs pull`"),
    (0, b"\x93NUMPY", "a NumPy array, no image: save its pictures as PNG"),
    (0, b"\x89HDF", "an HDF5 file, no image: save its pictures as PNG"),
    (0, b"\x1a\x45\xdf\xa3", "a film, no image: extract its frames"),
    (8, b"AVI ", "a film, no image: extract its frames"),
];

/// The sentence on a file that is no image that is read.
fn foreign(bytes: &[u8]) -> String {
    if let Some(name) = IMAGES.iter().find(|(place, magic, _)| at(bytes, *place, magic)) {
        return unread(name.2);
    }
    if let Some(other) = OTHERS.iter().find(|(place, magic, _)| at(bytes, *place, magic)) {
        return format!("it is {}", other.2);
    }
    if at(bytes, 4, b"ftyp") {
        return of_brand(bytes.get(8..).unwrap_or_default());
    }
    let start = &bytes[..bytes.len().min(TELLING)];
    let words = String::from_utf8_lossy(start).to_lowercase();
    match () {
        () if words.contains("<svg") => unread("SVG"),
        () if words.contains("<!doctype html") || words.contains("<html") => {
            "it is a web page, no image: its download failed, so fetch it again".into()
        }
        () if start.iter().all(|byte| *byte == 0) => {
            "it holds only zeros: it was never written in full, so fetch it again".into()
        }
        () => "its content is no JPEG, PNG, WebP, BMP, GIF, TIFF or PNM image".into(),
    }
}

/// The sentence on a file of the family of MP4, which HEIC and AVIF are of.
fn of_brand(brands: &[u8]) -> String {
    let also = |brand: &[u8]| brands.chunks_exact(4).take(16).any(|other| other == brand);
    match brands.first_chunk() {
        Some(b"mif1" | b"msf1") if also(b"avif") => unread("AVIF"),
        Some(b"avif" | b"avis") => unread("AVIF"),
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => {
            unread("HEIC")
        }
        Some(b"crx ") => unread("Canon raw"),
        _ => "it is a film, no image: extract its frames".into(),
    }
}

/// The sentence on an image of the format `name`.
pub(super) fn unread(name: &str) -> String {
    let article = match name.starts_with(['A', 'E', 'I', 'O', 'U']) || name.starts_with("SVG") {
        true => "an",
        false => "a",
    };
    format!("it is {article} {name} image, which is not read: convert it to JPEG or PNG")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_the_format() {
        for (bytes, format_is) in [
            (&b"\xff\xd8\xff\xe0"[..], Format::Jpeg),
            (b"\x89PNG\r\n\x1a\n\0", Format::Raster(ImageFormat::Png)),
            (b"RIFF\x08\0\0\0WEBPVP8L", Format::Raster(ImageFormat::WebP)),
            (b"P6\n2 2 255\n", Format::Raster(ImageFormat::Pnm)),
            (b"P2 # words", Format::Raster(ImageFormat::Pnm)),
            (b"MM\0*\0\0\0\x08", Format::Tiff),
            (b"II+\0\x08\0\0\0", Format::Tiff),
        ] {
            assert_eq!(format(bytes), Ok(format_is), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_not_read_is_named_with_the_mend() {
        let tar: Vec<u8> = [&[b'a'; 257][..], b"ustar\0"].concat();
        for (bytes, says) in [
            (&b""[..], "the file is empty"),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "it is a HEIC image, which is not read: convert it"),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "it is an AVIF image"),
            (b"\0\0\0\x18ftypisom\0\0\0\0", "it is a film"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "it is a JPEG 2000 image"),
            (b"\xff\x0a\x00", "it is a JPEG XL image"),
            (b"<?xml version=\"1.0\"?>\n<svg xmlns", "it is an SVG image"),
            (b"<!DOCTYPE html><html>", "it is a web page, no image: its download failed"),
            (b"%PDF-1.7", "it is a PDF document, no image: extract"),
            (b"PK\x03\x04\x14\0", "it is a ZIP archive, no image: unpack it"),
            (b"\x1f\x8b\x08", "it is compressed by gzip: unpack it"),
            (&tar, "it is a tar archive"),
            (b"8BPS\0\x01", "it is a Photoshop image"),
            (b"II*\0\x10\0\0\0CR\x02\0", "it is a Canon raw image"),
            (b"version https://git-lfs.github.com/spec/v1\noid", "run `git lfs pull`"),
            (&[0; 64], "it holds only zeros"),
            (b"these are words", "its content is no JPEG, PNG, WebP, BMP, GIF, TIFF or PNM image"),
            (b"P6 is a name", "its content is no JPEG"),
        ] {
            let sentence = format(bytes).map(|_| String::new()).unwrap_or_else(|error| error);
            assert!(sentence.contains(says), "{bytes:?}: {sentence}");
        }
    }
}
