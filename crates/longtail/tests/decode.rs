//! Image files as other programs write them, against what Pillow reads in them; files cut, damaged
//! and followed by others.

use std::{
    fs,
    path::{Path, PathBuf},
};

use longtail::data::decode::{Decoded, decode, decode_bytes, size_of};
use sha2::{Digest, Sha256};
use tempfile::tempdir;

const END: [u8; 2] = [0xff, 0xd9];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images").join(name)
}

fn jpeg(name: &str) -> Vec<u8> {
    fs::read(folder("jpeg").join(name).with_extension("jpg")).unwrap()
}

/// Every file of a folder has the size and the pixels of `pixels.txt`, or is refused in its words.
fn compare_with_table(name: &str) {
    let folder = folder(name);
    let table = fs::read_to_string(folder.join("pixels.txt")).unwrap();
    for line in table.lines() {
        let [file, height, width, right] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let path = folder.join(file);
        let decoded = decode_bytes(&fs::read(&path).unwrap());
        let found = match &decoded {
            Ok(image) => {
                assert_eq!(size_of(&path), Ok([image.height, image.width]), "{file}");
                assert_eq!(image.pixels.len(), image.height * image.width * 3, "{file}");
                let digest: [u8; 32] = Sha256::digest(&image.pixels).into();
                let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{} {} {digest}", image.height, image.width)
            }
            Err(reason) => format!("- - {reason}"),
        };
        assert_eq!(found, format!("{height} {width} {right}"), "{file}");
    }
    let images = fs::read_dir(&folder).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        path.extension().is_some_and(|ending| ending != "py" && ending != "txt")
    });
    assert_eq!(images.count(), table.lines().count(), "every file is in the table");
}

#[test]
fn jpegs_have_the_pixels_of_libjpeg_turbo() {
    compare_with_table("jpeg");
}

#[test]
fn other_formats_have_the_pixels_of_their_table() {
    compare_with_table("formats");
}

fn notes(file: &str) -> Vec<String> {
    decode(&folder("formats").join(file)).unwrap().notes
}

#[test]
fn what_is_left_out_or_lacking_is_noted() {
    for moving in ["moving.gif", "moving.png", "moving.webp"] {
        assert_eq!(notes(moving), ["is animated: its first frame is used"], "{moving}");
    }
    assert_eq!(notes("pages.tif"), ["has several pages: the first is used"]);
    for lacking in ["without-end.png", "half-end.png"] {
        assert_eq!(notes(lacking), ["lacks its last chunk, but has all its pixels"], "{lacking}");
    }
    for quiet in ["plain.gif", "without-end.gif", "trailer.png", "rgb.png", "plain.tif"] {
        assert!(notes(quiet).is_empty(), "{quiet}");
    }
}

/// A film as phones append it, with bytes that are a JPEG's markers by chance.
fn film() -> Vec<u8> {
    let start = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42";
    let markers = b"\xff\xda\0\x0c\xff\xc4\0\x03\xff\xc0\xff\xd8\xff\x12 words \xff\xd9\xff\xda";
    let noise = (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
    start.iter().copied().chain(noise).chain(*markers).collect()
}

#[test]
fn what_follows_a_jpeg_does_not_matter() {
    for name in ["420", "444-progressive", "420-scans", "420-restart", "grey", "420-arithmetic"] {
        let plain = jpeg(name);
        let image = decode_bytes(&plain).unwrap();
        assert!(image.notes.is_empty(), "{name}");
        for trailer in [film(), vec![0; 300], jpeg("422"), b"SEFH\0\0\0\0SEFT".to_vec()] {
            assert_eq!(decode_bytes(&[&plain[..], &trailer].concat()).unwrap(), image, "{name}");
        }
    }
}

#[test]
fn a_trailer_may_take_the_end_markers_place() {
    let text = [&b"\0\0\0\0SEFH"[..], &[b'.'; 500], b"SEFT"].concat();
    for name in ["420", "444", "420-restart", "grey"] {
        let plain = jpeg(name);
        let image = decode_bytes(&plain).unwrap();
        for trailer in [&text, &film()] {
            let panorama = [&plain[..plain.len() - 2], trailer].concat();
            assert_eq!(decode_bytes(&panorama).unwrap(), image, "{name}");
        }
    }
}

const CUT_OFF: &str = "the JPEG ends before its image does";

#[test]
fn a_jpeg_cut_off_is_refused_wherever_it_is_cut() {
    for name in ["420", "444-scans", "420-progressive", "422-scans", "grey", "ycck-420"] {
        let whole = jpeg(name);
        let image = decode_bytes(&whole).unwrap();
        for length in 3..whole.len() - 2 {
            let refused = decode_bytes(&whole[..length]).unwrap_err();
            assert_eq!(refused, CUT_OFF, "{name} cut to {length} bytes");
        }
        let without_marker = decode_bytes(&whole[..whole.len() - 2]).unwrap();
        assert_eq!(without_marker.pixels, image.pixels, "{name}");
        assert_eq!(without_marker.notes, ["lacks its end marker, but has all its pixels"]);
    }
    for name in ["420-arithmetic", "420-arithmetic-progressive"] {
        let whole = jpeg(name);
        for length in 3..whole.len() {
            assert!(decode_bytes(&whole[..length]).is_err(), "{name} cut to {length} bytes");
        }
    }
}

#[test]
fn a_cut_with_an_end_marker_put_behind_it_is_seen() {
    for name in ["420", "444", "grey", "444-scans", "420-progressive"] {
        let whole = jpeg(name);
        let image = decode_bytes(&whole).unwrap();
        for length in 700..whole.len() - 4 {
            match decode_bytes(&[&whole[..length], &END].concat()) {
                Err(reason) => {
                    assert!(reason.contains("JPEG"), "{name} cut to {length} bytes: {reason}");
                }
                Ok(read) => {
                    let said = !read.notes.is_empty() || read.pixels == image.pixels;
                    let several = name.contains("scans") || name.contains("progressive");
                    assert!(several && said, "{name} cut to {length} bytes: {:?}", read.notes);
                }
            }
        }
    }
}

#[test]
fn half_a_jpeg_with_an_end_marker_is_refused() {
    for name in ["420", "444-scans", "420-progressive", "444-progressive", "ycck-420"] {
        let whole = jpeg(name);
        // Half of the bytes behind the header.
        let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
        let half = scan + (whole.len() - scan) / 2;
        let read = decode_bytes(&[&whole[..half], &END].concat()).map(|image| image.notes);
        assert_eq!(read, Err(CUT_OFF.into()), "{name}");
    }
}

#[test]
fn a_progressive_jpeg_without_its_last_scan_is_read_and_said_so() {
    let whole = jpeg("444-progressive");
    let last_scan = whole.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let read = decode_bytes(&[&whole[..last_scan], &END].concat()).unwrap();
    assert_eq!(read.notes, ["lacks its last scans: it is read without its finest detail"]);
    let scans = jpeg("444-scans");
    let last_scan = scans.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let refused = decode_bytes(&[&scans[..last_scan], &END].concat()).unwrap_err();
    assert_eq!(refused, CUT_OFF, "a colour is missing");
}

#[test]
fn damage_inside_is_noted() {
    let mut damaged = jpeg("444-restart");
    let first_scan = damaged.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    damaged[first_scan + 14..first_scan + 60].fill(0x55);
    let read = decode_bytes(&damaged).unwrap();
    assert_eq!(read.notes, ["is a damaged JPEG: some of its pixels may be wrong"]);
}

/// The size of the frame, wherever it stands, set to `width` × `height`.
fn resized(mut jpeg: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    let frame = |pair: &[u8]| pair[0] == 0xff && matches!(pair[1], 0xc0 | 0xc2 | 0xc9 | 0xca);
    let at = jpeg.windows(2).position(frame).unwrap();
    jpeg[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn headers_that_claim_too_much_are_not_believed() {
    let dir = tempdir().unwrap();
    for (name, width, height, says) in [
        ("420", 16_000, 16_000, CUT_OFF),
        ("420-progressive", 9_000, 9_000, CUT_OFF),
        ("444-arithmetic", 18_000, 18_000, CUT_OFF),
        ("420", 40_000, 10, "it is too large, 40000 x 10 pixels"),
        ("420", 30_000, 30_000, "it is too large, 30000 x 30000 pixels"),
        ("420-progressive", 15_000, 15_000, "it is too large"),
        ("420-arithmetic-progressive", 15_000, 15_000, "it is too large"),
        ("420", 0, 10, "it has no pixels"),
    ] {
        let claims = resized(jpeg(name), width, height);
        let refused = decode_bytes(&claims).unwrap_err();
        assert!(refused.contains(says), "{name} {width} x {height}: {refused}");
        let path = dir.path().join("claims.jpg");
        fs::write(&path, &claims).unwrap();
        match size_of(&path) {
            Ok(size) => assert_eq!(size, [usize::from(height), usize::from(width)]),
            Err(reason) => assert_eq!(reason, refused),
        }
    }
}

#[test]
fn sizes_are_read_behind_long_headers() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("long.jpg");
    let plain = jpeg("orientation-6");
    let remark = [&[0xff, 0xfe, 0xff, 0xff][..], &[b'x'; 0xfffd]].concat();
    let long = [&plain[..2], &remark, &remark, &remark, &plain[2..]].concat();
    fs::write(&path, &long).unwrap();
    assert_eq!(size_of(&path), Ok([37, 27]));
    assert_eq!(decode_bytes(&long).unwrap(), decode_bytes(&plain).unwrap());
    fs::write(&path, &long[..100_000]).unwrap();
    assert_eq!(size_of(&path), Err(CUT_OFF.into()));
    assert!(size_of(&dir.path().join("nowhere.jpg")).is_err());
}

/// Numbers that look random, from a fixed start (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// What every answer must be like, whatever the bytes.
fn is_sound(bytes: &[u8], what: &str) -> Option<Decoded> {
    match decode_bytes(bytes) {
        Ok(image) => {
            assert_eq!(image.pixels.len(), image.height * image.width * 3, "{what}");
            Some(image)
        }
        Err(reason) => {
            assert!(!reason.is_empty() && reason.chars().count() < 220, "{what}: {reason}");
            assert!(!reason.contains(char::is_control), "{what}: {reason}");
            None
        }
    }
}

#[test]
fn cuts_of_other_formats_give_the_same_pixels_or_none() {
    let files = [
        "plain.tif",
        "lzw.tif",
        "deflate.tif",
        "tiles.tif",
        "p6.ppm",
        "p4.pbm",
        "24.bmp",
        "8-runs.bmp",
        "plain.gif",
        "rgb.png",
        "palette.png",
        "lossy.webp",
        "lossless.webp",
        "big.tif",
    ];
    for file in files {
        let whole = fs::read(folder("formats").join(file)).unwrap();
        let image = decode_bytes(&whole).unwrap();
        for length in 0..whole.len() {
            let read = is_sound(&whole[..length], file);
            let same = read.is_none_or(|read| read.pixels == image.pixels);
            assert!(same, "{file} cut to {length} bytes");
        }
    }
}

#[test]
fn damaged_bytes_neither_crash_nor_flood() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for (place, rounds) in [("jpeg", 40), ("formats", 40)] {
        for entry in fs::read_dir(folder(place)).unwrap() {
            let path = entry.unwrap().path();
            let whole = fs::read(&path).unwrap();
            for _ in 0..rounds {
                let mut bytes = whole.clone();
                for _ in 0..=numbers.below(3) {
                    let at = numbers.below(bytes.len());
                    bytes[at] = numbers.below(256) as u8;
                }
                is_sound(&bytes, &path.display().to_string());
            }
        }
    }
}
