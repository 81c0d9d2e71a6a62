//! What files claim of themselves, and how much memory the program takes for it.
#![cfg(target_os = "linux")]

use std::{
    fs,
    io::Write,
    process::{Command, Output},
};

use super::program::{Place, SMALL, stderr};

/// The most that any refusal may take, in KiB of address space.
const MOST: u64 = 3 << 19;

/// `longtail` with these words, within so many KiB of address space.
fn within(place: &Place, kibibytes: u64, words: &str) -> Output {
    let program = assert_cmd::cargo::cargo_bin!("longtail").display().to_string();
    let script = format!("ulimit -v {kibibytes}; exec timeout 300 {program} {words}");
    let mut command = Command::new("bash");
    // Otherwise every thread takes 64 MiB of addresses, and uses little of them.
    command.env("MALLOC_ARENA_MAX", "2");
    command.args(["-c", &script]).current_dir(place.path("")).output().unwrap()
}

/// What is said of a refusal within the limit.
fn refused(place: &Place, words: &str) -> String {
    let output = within(place, MOST, words);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{words}: {text}");
    assert!(!text.contains("panicked") && !text.contains("allocation"), "{words}: {text}");
    text
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [name, &(content.len() as u32).to_le_bytes()[..], content].concat()
}

fn gif(screen: [u16; 2], frame: [u16; 2]) -> Vec<u8> {
    let sides = |[width, height]: [u16; 2]| [width.to_le_bytes(), height.to_le_bytes()].concat();
    // Two colours, and one pixel of the first.
    let palette = [0, 0, 0, 255, 255, 255];
    let pixel = [2, 2, 0x44, 1, 0];
    let (screen, frame) = (sides(screen), sides(frame));
    [
        b"GIF89a",
        &screen[..],
        &[0x80, 0, 0],
        &palette,
        &[0x2c, 0, 0, 0, 0],
        &frame,
        &[0],
        &pixel,
        &[0x3b],
    ]
    .concat()
}

fn png_chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [name, content].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&named);
    [&(content.len() as u32).to_be_bytes()[..], &named, &crc.sum().to_be_bytes()].concat()
}

/// A PNG without pixels, with this behind its header.
fn png_with(sides: [u32; 2], depth: u8, color: u8, chunk: &[u8]) -> Vec<u8> {
    let sides = sides.map(u32::to_be_bytes).concat();
    let head = png_chunk(b"IHDR", &[&sides[..], &[depth, color, 0, 0, 0]].concat());
    [b"\x89PNG\r\n\x1a\n", &head[..], chunk, &png_chunk(b"IDAT", &[])].concat()
}

fn png(width: u32, height: u32, depth: u8, color: u8) -> Vec<u8> {
    png_with([width, height], depth, color, &[])
}

/// A small PNG whose colour profile unpacks to 200 MB.
fn png_with_profile() -> Vec<u8> {
    let mut zip = flate2::write::ZlibEncoder::new(b"p\0\0".to_vec(), flate2::Compression::fast());
    zip.write_all(&vec![0; 200_000_000]).unwrap();
    png_with([9, 9], 8, 2, &png_chunk(b"iCCP", &zip.finish().unwrap()))
}

fn bmp(width: i32, height: i32) -> Vec<u8> {
    let mut bytes = vec![0; 54];
    bytes[..2].copy_from_slice(b"BM");
    bytes[10] = 54;
    bytes[14] = 40;
    bytes[18..22].copy_from_slice(&width.to_le_bytes());
    bytes[22..26].copy_from_slice(&height.to_le_bytes());
    (bytes[26], bytes[28]) = (1, 24);
    bytes
}

/// RGB of 8 bits in one strip, which says that it has so many bytes.
fn tiff(width: u32, height: u32, strip: u32) -> Vec<u8> {
    let long = |tag: u16, value: u32| {
        [&tag.to_le_bytes()[..], &4_u16.to_le_bytes(), &1_u32.to_le_bytes(), &value.to_le_bytes()]
            .concat()
    };
    let tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, strip),
    ];
    let tags = tags.map(|(tag, value)| long(tag, value)).concat();
    [b"II*\0", &8_u32.to_le_bytes()[..], &9_u16.to_le_bytes(), &tags, &[0; 4]].concat()
}

fn webp(chunks: &[u8]) -> Vec<u8> {
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", chunks].concat()
}

fn webp_canvas(flags: u8, [width, height]: [u32; 2]) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    chunk(b"VP8X", &[vec![flags, 0, 0, 0], side(width), side(height)].concat())
}

fn webp_frame(width: u16, height: u16) -> Vec<u8> {
    let head = [&[0, 0, 0, 0x9d, 1, 0x2a][..], &width.to_le_bytes(), &height.to_le_bytes()];
    chunk(b"VP8 ", &head.concat())
}

fn jpeg(width: u16, height: u16, frame: u8) -> Vec<u8> {
    let parts = [[1, 0x11, 0], [2, 0x11, 0], [3, 0x11, 0]].concat();
    let head = [&[0, 17, 8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[3], &parts];
    let scan = [0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0, 0xff, 0xd9];
    [&[0xff, 0xd8, 0xff, frame][..], &head.concat(), &scan].concat()
}

/// Small files that claim to be huge images.
fn claims() -> Vec<(&'static str, Vec<u8>)> {
    let exif = [b"EXIF", &u32::MAX.to_le_bytes()[..]].concat();
    vec![
        ("screen.gif", gif([65_535, 65_535], [1, 1])),
        ("large-screen.gif", gif([16_384, 16_384], [1, 1])),
        ("frame.gif", gif([1, 1], [65_535, 65_535])),
        ("large-frame.gif", gif([1, 1], [15_000, 15_000])),
        ("side.png", png(65_536, 1_000, 8, 2)),
        ("rgb.png", png(32_768, 32_768, 8, 2)),
        ("deep.png", png(12_000, 12_000, 16, 6)),
        ("largest.png", png(u32::MAX >> 1, u32::MAX >> 1, 16, 6)),
        ("profile.png", png_with_profile()),
        ("rgb.bmp", bmp(32_000, 32_000)),
        ("largest.bmp", bmp(i32::MAX, i32::MAX)),
        ("bytes.ppm", b"P6 32000 32000 255 ".to_vec()),
        ("text.ppm", b"P3 32000 32000 65535 1 2 3".to_vec()),
        ("largest.pgm", b"P5 4294967295 4294967295 255 ".to_vec()),
        ("any.pam", b"P7\nWIDTH 30000\nHEIGHT 30000\nDEPTH 4\nMAXVAL 65535\nENDHDR\n".to_vec()),
        ("grey.tif", tiff(32_000, 32_000, 9)),
        ("largest.tif", tiff(u32::MAX, u32::MAX, u32::MAX)),
        ("strip.tif", tiff(18_000, 13_000, u32::MAX)),
        ("canvas.webp", webp(&[webp_canvas(0, [30_000, 30_000]), webp_frame(9, 9)].concat())),
        ("frame.webp", webp(&[webp_canvas(0, [9, 9]), webp_frame(16_383, 16_383)].concat())),
        ("plain.webp", webp(&webp_frame(16_383, 16_383))),
        ("exif.webp", webp(&[webp_canvas(8, [9, 9]), webp_frame(9, 9), exif].concat())),
        ("plain.jpg", jpeg(65_500, 65_500, 0xc0)),
        ("progressive.jpg", jpeg(16_000, 16_000, 0xc2)),
        ("arithmetic.jpg", jpeg(20_000, 20_000, 0xc9)),
    ]
}

#[test]
fn small_files_that_claim_to_be_huge_take_little_memory() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    fs::create_dir(place.path("claims")).unwrap();
    let claims = claims();
    for (name, bytes) in &claims {
        fs::write(place.path("claims").join(name), bytes).unwrap();
        fs::write(place.path("photos/red").join(name), bytes).unwrap();
    }
    let text = refused(&place, "predict run claims --device cpu --format jsonl");
    for (name, _) in &claims {
        assert!(text.contains(&format!("{name} cannot be read")), "{name}: {text}");
    }
    let text = refused(&place, &format!("train {SMALL} --epochs 1 --out new"));
    let count = format!("{} files cannot be read as images", claims.len());
    assert!(text.contains(&count), "{text}");
    assert!(text.contains("large-screen.gif: it is too large, 16384 x 16384 pixels"), "{text}");
    assert!(!place.exists("new"));
    let output = within(&place, MOST, "data stats --data photos");
    assert!(output.status.success(), "{}", stderr(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("broken files: {}", claims.len())), "{said}");
}

#[test]
fn large_images_are_decoded_one_after_the_other() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    fs::create_dir(place.path("screens")).unwrap();
    for i in 0..4 {
        // Each takes seven bytes a pixel on its way to RGB.
        let gif = gif([11_000, 11_000], [1, 1]);
        fs::write(place.path("screens").join(format!("{i}.gif")), gif).unwrap();
    }
    let words = "predict run screens --device cpu --threads 4 --format jsonl";
    let output = within(&place, MOST + (1 << 18), words);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 4);
}

#[test]
fn a_set_that_does_not_fit_is_refused_before_it_is_decoded() {
    let place = Place::new();
    let mut list = String::new();
    for i in 0..300 {
        // One row becomes 1024 × 4096 pixels, 12 MiB.
        let name = format!("{i}.png");
        image::RgbImage::from_pixel(4, 1, image::Rgb([i as u8; 3]))
            .save(place.path(&name))
            .unwrap();
        list += &format!("{name} {}\n", i % 2);
    }
    place.write("list.txt", &list);
    let words = "data pack --data list.txt --image-size 1024 --val none --out set.pack";
    let text = refused(&place, words);
    assert!(text.contains("for the decoded images") && text.contains("GiB"), "{text}");
    let text = refused(&place, "train --data list.txt --image-size 1024 --epochs 1 --out run");
    assert!(text.contains("GiB for the images"), "{text}");
    assert!(!place.exists("run") && !place.exists("set.pack"));
}

#[test]
fn a_file_without_end_is_not_read() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --epochs 1 --out run"));
    for name in ["huge.png", "huge.txt", "huge.json", "huge.toml"] {
        fs::File::create(place.path(name)).unwrap().set_len(1 << 40).unwrap();
    }
    let small = SMALL.replace("--data photos", "");
    for (words, says) in [
        ("predict run huge.png --device cpu", "it holds only zeros"),
        (&*format!("train {small} --data huge.txt --out new"), "it has more than 1024 MiB"),
        (&format!("train {SMALL} --split huge.json --out new"), "it has more than 256 MiB"),
    ] {
        let text = refused(&place, words);
        assert!(text.contains(says), "{words}: {text}");
    }
    let output = within(&place, MOST, "train --recipe huge.toml --out new");
    assert!(stderr(&output).contains("it has more than 1 MiB"), "{}", stderr(&output));
}

#[test]
fn numbers_that_nobody_means_are_refused() {
    let place = Place::with_photos();
    for (options, says) in [
        ("--set model.head_hidden=1099511627776", "the largest value that is taken is 16384"),
        ("--epochs 4611686018427387904", "the largest value that is taken is 100000"),
        ("--batch-size 4611686018427387904", "the largest value that is taken is 1048576"),
        ("--backbone resnet6000000002", "up to resnet1202"),
    ] {
        let output = within(&place, MOST, &format!("train {SMALL} --out run {options}"));
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{options}: {text}");
        assert!(text.contains(says) && text.lines().count() == 1, "{options}: {text}");
    }
}
