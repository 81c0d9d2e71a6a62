//! Files told by their names.

use std::path::Path;

/// What a file's ending says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// An image that is read.
    Image,
    /// An image of a format that is not read, a camera's raw file among them.
    Unread,
    /// Anything else.
    Other,
}

/// Endings of files that are taken for images.
const READ: &[&str] = &[
    "jpg", "jpeg", "jpe", "jfif", "jif", "pjpeg", "pjp", "mpo", "png", "apng", "webp", "bmp",
    "dib", "gif", "tif", "tiff", "ppm", "pgm", "pbm", "pnm", "pam",
];

/// Endings of images that are not read.
const UNREAD: &[&str] = &[
    // Phones, the web.
    "heic", "heif", "hif", "avif", "avifs", "jxl", "svg", "svgz", "eps", "bpg", "flif", "qoi",
    // JPEG 2000 and XR.
    "jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "jpm", "jph", "jxr", "wdp", "hdp",
    // Cameras' raw files.
    "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "kdc", "mef", "mos",
    "mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
    // Editors, games, icons, old systems.
    "psd", "psb", "xcf", "kra", "exr", "hdr", "pfm", "tga", "dds", "ico", "cur", "icns", "pcx",
    "sgi", "xbm", "xpm", "ras", "pict", "wbmp", // Medicine, astronomy, slides.
    "dcm", "dicom", "fits", "svs", "ndpi", "mrxs",
];

/// What the ending of `path` says, in upper or lower case.
pub fn kind_of(path: &Path) -> FileKind {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let among = |endings: &[&str]| endings.iter().any(|known| ending.eq_ignore_ascii_case(known));
    match () {
        () if among(READ) => FileKind::Image,
        () if among(UNREAD) => FileKind::Unread,
        () => FileKind::Other,
    }
}

/// Whether a file's name ends as that of an image that is read.
pub fn is_image_name(path: &Path) -> bool {
    kind_of(path) == FileKind::Image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_say_what_a_file_is() {
        for (name, kind) in [
            ("a/b.jpg", FileKind::Image),
            ("a/b.c.JFIF", FileKind::Image),
            ("scan.Tif", FileKind::Image),
            ("00000.ppm", FileKind::Image),
            ("IMG_1.HEIC", FileKind::Unread),
            ("x.avif", FileKind::Unread),
            ("x.nef", FileKind::Unread),
            ("notes.txt", FileKind::Other),
            ("jpg", FileKind::Other),
            (".png", FileKind::Other),
            ("a.jpeg.bak", FileKind::Other),
        ] {
            assert_eq!(kind_of(Path::new(name)), kind, "{name}");
            assert_eq!(is_image_name(Path::new(name)), kind == FileKind::Image, "{name}");
        }
        assert!(READ.iter().all(|ending| !UNREAD.contains(ending)));
    }
}
