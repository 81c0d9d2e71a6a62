//! Folders, lists and what is in them: conversions, faults, statistics.

use std::{
    fs,
    path::{Path, PathBuf},
};

use image::{
    Delay, Frame, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, RgbaImage, codecs::gif::GifEncoder,
};
use longtail::{
    data::{Lists, Opened, Resize, Source, decode::decode, folder, split_request, stats::Stats},
    recipe::{Data, Holdout, Recipe},
};
use tempfile::{TempDir, tempdir};

/// Images of one colour, named by their paths below the folder.
fn folder_of(images: &[(&str, [u8; 3])]) -> TempDir {
    let dir = tempdir().unwrap();
    images.iter().for_each(|(path, color)| write(dir.path(), path, *color));
    dir
}

fn write(dir: &Path, path: &str, color: [u8; 3]) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(8, 6, Rgb(color)).save(path).unwrap();
}

fn two_classes() -> TempDir {
    folder_of(&[
        ("cat/a.png", [1, 0, 0]),
        ("cat/b.bmp", [2, 0, 0]),
        ("dog/deep/c.png", [3, 0, 0]),
        ("dog/d.png", [4, 0, 0]),
    ])
}

/// The section of a recipe for the images at `path`, each brought to 4 × 4 pixels, none held out for validation.
fn section(path: &Path) -> Data {
    let data = Recipe::resolve(&[]).unwrap().0.into_sections().data;
    let name = path.display().to_string();
    Data { name, image_size: 4, resize: Resize::Squash, imbalance: 0.0, val: Holdout::None, ..data }
}

fn section_of(lists: &Lists) -> Data {
    Data {
        train_list: lists.train.clone(),
        val_list: lists.val.clone().unwrap_or_default(),
        test_list: lists.test.clone().unwrap_or_default(),
        dir: lists.root.clone().unwrap_or_default(),
        ..section(Path::new("list"))
    }
}

/// All images and what was said of them.
fn load(data: &Data) -> longtail::Result<(Source, Vec<String>)> {
    let opened = Opened::open(data)?;
    let (split, _) = opened.split(data)?;
    let mut notes = opened.notes.clone();
    let (source, said) = opened.load(&split, data)?;
    notes.extend(said);
    Ok((source, notes))
}

fn source(data: &Data) -> Source {
    load(data).unwrap().0
}

fn folder_error(dir: &Path) -> String {
    load(&section(dir)).unwrap_err().to_string()
}

fn stats(dir: &Path) -> (Stats, Vec<String>) {
    let request = split_request(&section(dir));
    Stats::of_files(folder::find(dir).unwrap(), &request, false).unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images").join(name)
}

#[test]
fn a_folder_is_read_by_class_and_path() {
    let dir = two_classes();
    fs::write(dir.path().join("cat/notes.txt"), "no image").unwrap();
    fs::write(dir.path().join("cat/.hidden.png"), "no image").unwrap();
    let source = source(&section(dir.path()));
    assert_eq!(source.class_names, ["cat", "dog"]);
    assert_eq!(source.pool.labels(), [0, 0, 1, 1]);
    assert_eq!(source.pool.names(), ["cat/a.png", "cat/b.bmp", "dog/d.png", "dog/deep/c.png"]);
    assert_eq!(source.pool.image(2), [4, 0, 0].repeat(16));
    assert!(source.val.is_none() && source.test.is_none());
}

#[test]
fn a_folder_with_parts_keeps_them() {
    let dir = folder_of(&[
        ("train/x/1.png", [1, 0, 0]),
        ("train/y/2.png", [2, 0, 0]),
        ("val/y/3.png", [3, 0, 0]),
        ("test/x/4.png", [4, 0, 0]),
    ]);
    let source = source(&section(dir.path()));
    assert_eq!(source.pool.labels(), [0, 1]);
    assert_eq!(source.val.unwrap().labels(), [1]);
    assert_eq!(source.test.unwrap().image(0)[..3], [4, 0, 0]);
}

#[test]
fn folders_that_are_no_data_set_are_named() {
    let dir = folder_of(&[("only/a.png", [1, 1, 1])]);
    let text = folder_error(dir.path());
    assert!(text.contains("has 1 class") && text.contains("at least two"), "{text}");

    fs::create_dir(dir.path().join("empty")).unwrap();
    let text = folder_error(dir.path());
    assert!(text.contains("class \"empty\" has no image"), "{text}");

    let text = folder_error(&dir.path().join("nowhere"));
    assert!(text.contains("nowhere") && text.contains("does not exist"), "{text}");

    let text = folder_error(&dir.path().join("only/a.png"));
    assert!(text.contains("it is a picture and no list"), "{text}");

    let dir = folder_of(&[
        ("train/x/1.png", [1, 0, 0]),
        ("train/y/2.png", [2, 0, 0]),
        ("test/z/3.png", [3, 0, 0]),
    ]);
    let text = folder_error(dir.path());
    assert!(text.contains("test/ has a class \"z\" that train/ lacks"), "{text}");
}

#[test]
fn files_that_are_no_images_are_named() {
    for (name, bytes, says) in [
        ("zero.png", &b""[..], "the file is empty"),
        (
            "text.jpg",
            b"these are words",
            "its content is no JPEG, PNG, WebP, BMP, GIF, TIFF or PNM image",
        ),
        ("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "cut.png"),
    ] {
        let dir = two_classes();
        fs::write(dir.path().join("dog").join(name), bytes).unwrap();
        let text = folder_error(dir.path());
        assert!(text.contains(name) && text.contains(says), "{text}");
        assert!(text.contains("--skip-broken"), "{text}");
    }
}

#[test]
fn a_photograph_cut_off_is_named() {
    let dir = two_classes();
    let bytes = fs::read(fixture("jpeg/420.jpg")).unwrap();
    fs::write(dir.path().join("dog/cut.jpg"), &bytes[..bytes.len() / 2]).unwrap();
    let text = folder_error(dir.path());
    assert!(text.contains("cut.jpg") && text.contains("ends before its image does"), "{text}");
}

#[test]
fn grey_deep_transparent_and_cmyk_images_become_rgb() {
    let dir = tempdir().unwrap();
    let save = |name: &str, image: image::DynamicImage| {
        let path = dir.path().join(name);
        image.save(&path).unwrap();
        let decoded = decode(&path).unwrap();
        assert_eq!(decoded.pixels.len(), decoded.height * decoded.width * 3);
        decoded.pixels[..3].to_vec()
    };
    assert_eq!(save("grey.png", GrayImage::from_pixel(3, 2, Luma([77])).into()), [77, 77, 77]);
    let deep = ImageBuffer::from_pixel(3, 2, Rgb([65535_u16, 32896, 257]));
    assert_eq!(save("deep.png", deep.into()), [255, 128, 1]);
    let clear = RgbaImage::from_pixel(3, 2, image::Rgba([9, 8, 7, 0]));
    assert_eq!(save("clear.png", clear.into()), [9, 8, 7]);

    let red = decode(&fixture("cmyk-red.jpg")).unwrap();
    assert_eq!((red.height, red.width), (8, 8));
    let [r, g, b] = [red.pixels[0], red.pixels[1], red.pixels[2]];
    assert!(r > 200 && g < 60 && b < 60, "CMYK (0, 1, 1, 0) is red, got {r} {g} {b}");
}

#[test]
fn the_first_frame_of_an_animation_is_taken_and_said_so() {
    let dir = two_classes();
    let mut gif = GifEncoder::new(fs::File::create(dir.path().join("cat/moving.gif")).unwrap());
    for color in [[250, 0, 0], [0, 250, 0]] {
        let [r, g, b] = color;
        let image = RgbaImage::from_pixel(8, 6, image::Rgba([r, g, b, 255]));
        gif.encode_frame(Frame::from_parts(image, 0, 0, Delay::from_numer_denom_ms(50, 1)))
            .unwrap();
    }
    drop(gif);
    fs::copy(fixture("animated.webp"), dir.path().join("cat/turning.webp")).unwrap();
    let (source, notes) = load(&section(dir.path())).unwrap();
    let said: Vec<&String> = notes.iter().filter(|note| note.contains("is animated")).collect();
    assert_eq!(said.len(), 2, "{notes:?}");
    assert!(said[0].contains("moving.gif is animated"), "{notes:?}");
    assert!(said[1].contains("turning.webp is animated"), "{notes:?}");
    assert_eq!(source.pool.image(2)[..3], [250, 0, 0]);
    assert_eq!(source.pool.image(3)[..3], [255, 0, 0]);
}

#[test]
fn shrinking_averages() {
    let dir = two_classes();
    let stripes = RgbImage::from_fn(64, 64, |x, _| Rgb([if x % 2 == 0 { 0 } else { 200 }; 3]));
    stripes.save(dir.path().join("cat/stripes.png")).unwrap();
    let source = source(&Data { image_size: 8, ..section(dir.path()) });
    let striped = source.pool.names().iter().position(|name| name == "cat/stripes.png").unwrap();
    let image = source.pool.image(striped);
    assert!(image.iter().all(|value| (90..=110).contains(value)), "{image:?}");
}

/// Four images below `images/`, and lists of them.
fn listed(train: &str) -> (TempDir, Lists) {
    let dir = folder_of(&[
        ("images/cat/1.png", [1, 0, 0]),
        ("images/cat/2 spaced.png", [2, 0, 0]),
        ("images/dog/3.png", [3, 0, 0]),
        ("images/dog/4.png", [4, 0, 0]),
    ]);
    fs::write(dir.path().join("train.txt"), train).unwrap();
    let lists = Lists { train: dir.path().join("train.txt"), ..Lists::default() };
    (dir, lists)
}

fn list_error(train: &str) -> String {
    let (_dir, lists) = listed(train);
    load(&section_of(&lists)).unwrap_err().to_string()
}

#[test]
fn lists_of_lines_and_tables_are_read_in_their_order() {
    let lines =
        "# a comment\nimages/dog/3.png 1\nimages/cat/2 spaced.png 0\n\nimages/cat/1.png 0\n";
    let table = "id,path,label\n7,images/dog/3.png,dog\n8,images/cat/2 spaced.png,cat\n\
                 9,images/cat/1.png,cat\n";
    for text in [lines, table] {
        let (dir, mut lists) = listed(text);
        fs::write(dir.path().join("test.txt"), "images/dog/4.png 1\n").unwrap();
        if text == lines {
            lists.test = Some(dir.path().join("test.txt"));
        }
        let source = source(&section_of(&lists));
        assert_eq!(source.class_names, ["cat", "dog"], "from the folders, or as named");
        assert_eq!(source.pool.labels(), [1, 0, 0]);
        assert_eq!(source.pool.image(1)[..3], [2, 0, 0]);
        if let Some(test) = source.test {
            assert_eq!((test.labels(), test.image(0)[0]), (&[1][..], 4));
        }
    }
}

#[test]
fn paths_start_where_it_is_said_or_beside_or_above_the_list() {
    let (dir, mut lists) = listed("cat/1.png 0\ndog/3.png 1\n");
    lists.root = Some(dir.path().join("images"));
    assert_eq!(source(&section_of(&lists)).pool.len(), 2);

    let (dir, _) = listed("");
    fs::create_dir(dir.path().join("lists")).unwrap();
    let train = dir.path().join("lists/train.txt");
    fs::write(&train, "images/cat/1.png 0\nimages/dog/3.png 1\n").unwrap();
    let lists = Lists { train, ..Lists::default() };
    assert_eq!(source(&section_of(&lists)).pool.len(), 2);
}

#[test]
fn lists_that_mean_nothing_are_named_with_their_line() {
    for (text, says) in [
        ("images/cat/1.png 0\nimages/cat/9.png 1\nx.png 1\n", "line 2: "),
        ("images/cat/1.png 0\nimages/cat/9.png 1\nx.png 1\n", "nor do 1 more"),
        (
            "images/cat/1.png 0\nimages/cat/2 spaced.png 0\nimages/dog/3.png 2\nimages/cat/1.png 2\n",
            "line 4",
        ),
        ("images/cat/1.png 0\nimages/cat/2 spaced.png 2\n", "no image has label 1"),
        ("images/cat/1.png 0\nimages/dog/3.png dog\n", "line 2: label \"dog\" is no number"),
        ("images/cat/1.png 0\nimages/dog/3.png -1\n", "line 2: label \"-1\""),
        ("images/cat/1.png\n", "line 1: \"images/cat/1.png\" is no \"path label\" line"),
        ("images/cat/1.png 0\nimages/cat/1.png 1\n", "line 2: images/cat/1.png stands in line 1"),
        ("images/cat/1.png 0\nimages/dog/3.png 0\n", "it has 1 class"),
        ("", "it names no image"),
        ("path,label\nimages/cat/1.png,0,3\n", "line 2"),
    ] {
        let message = list_error(text);
        assert!(message.contains(says), "{text:?}: {message}");
        assert!(message.contains("train.txt"), "{message}");
    }
}

#[test]
fn labels_that_training_lacks_are_out_of_range() {
    let (dir, mut lists) = listed("images/cat/1.png 0\nimages/dog/3.png 1\n");
    fs::write(dir.path().join("val.txt"), "images/dog/4.png 2\n").unwrap();
    lists.val = Some(dir.path().join("val.txt"));
    let text = load(&section_of(&lists)).unwrap_err().to_string();
    assert!(text.contains("val.txt line 1: label \"2\" is out of range"), "{text}");
    assert!(text.contains("0 to 1"), "{text}");

    lists.val = Some(dir.path().join("nothing.txt"));
    let text = load(&section_of(&lists)).unwrap_err().to_string();
    assert!(text.contains("cannot read") && text.contains("nothing.txt"), "{text}");
}

#[test]
fn statistics_count_and_name_faults() {
    let dir = folder_of(&[
        ("train/a/1.png", [1, 0, 0]),
        ("train/a/2.png", [2, 0, 0]),
        ("train/a/3.png", [3, 0, 0]),
        ("train/b/4.png", [4, 0, 0]),
        ("test/a/5.bmp", [2, 0, 0]),
        ("test/b/6.png", [6, 0, 0]),
    ]);
    fs::copy(dir.path().join("train/a/1.png"), dir.path().join("train/b/same.png")).unwrap();
    fs::write(dir.path().join("train/b/words.jpg"), "words").unwrap();
    let (stats, _) = stats(dir.path());
    let json = serde_json::to_value(&stats).unwrap();
    assert_eq!(json["parts"][0]["images"], 6);
    assert_eq!(json["classes"][1]["images"], serde_json::json!([3, 1]));
    assert_eq!(json["imbalance_factor"], 1.0);
    assert_eq!(json["groups"], serde_json::json!({"many": 0, "medium": 0, "few": 2}));
    assert_eq!(stats.broken.len(), 1);
    assert!(stats.broken[0].path.ends_with("words.jpg"));
    assert_eq!(stats.duplicates.len(), 1);
    assert!(stats.duplicates[0].paths[1].ends_with("same.png"));
    assert_eq!(stats.shared.len(), 1, "the same pixels in another format count");
    assert_eq!(stats.shared[0].parts, ["train", "test"]);
    assert_eq!(json["sizes"], serde_json::json!({"width": [8, 8, 8], "height": [6, 6, 6]}));
    let text = stats.to_string();
    for says in ["broken files: 1", "duplicate files: 1", "stand in two parts: 1", "5.bmp"] {
        assert!(text.contains(says), "{text}");
    }
}
