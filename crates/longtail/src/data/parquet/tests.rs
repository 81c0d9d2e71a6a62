mod damage;

use polars_parquet_format::KeyValue;

use super::*;

/// The tables that `tests/oracles/parquet.py` writes.
fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/parquet");
    folder.join(format!("{name}.parquet"))
}

fn open(name: &str) -> ImageTable {
    ImageTable::open(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The image, the label and the path of a row, as the script has them.
fn pnm(row: usize) -> Vec<u8> {
    let (width, height) = (2 + row % 5, 1 + row % 3);
    let pixels = (0..3 * width * height).map(|i| ((31 * row + 7 * i) % 256) as u8);
    format!("P6 {width} {height} 255\n").into_bytes().into_iter().chain(pixels).collect()
}

fn number(row: usize) -> Label {
    Label::Number((7 * row % 4) as i64)
}

fn text(row: usize) -> Label {
    Label::Text(["oak", "ash", "elm", "yew"][7 * row % 4].into())
}

/// Images with their paths.
type Images = Vec<(Option<String>, Vec<u8>)>;

/// All images of a table.
fn images(table: &ImageTable) -> Result<Images, String> {
    let mut images = Vec::new();
    table.for_each_image(|row, path, image| {
        assert_eq!(row, images.len());
        images.push((path.map(String::from), image.to_vec()));
        Ok(())
    })?;
    Ok(images)
}

/// That a table has so many rows, all as the script has them.
fn check(name: &str, rows: usize, label: fn(usize) -> Label, has_paths: bool) {
    let table = open(name);
    assert_eq!(table.rows(), rows, "{name}");
    let labels: Vec<Label> = (0..rows).map(label).collect();
    assert_eq!(table.labels().as_ref(), Ok(&labels), "{name}");
    let path = |row| has_paths.then(|| format!("{row}.ppm"));
    let expected: Vec<_> = (0..rows).map(|row| (path(row), pnm(row))).collect();
    assert_eq!(images(&table).as_ref(), Ok(&expected), "{name}");
}

/// What a table is refused with, when it is opened or read.
fn refused(name: &str) -> String {
    let table = match ImageTable::open(&fixture(name)) {
        Ok(table) => table,
        Err(error) => return error,
    };
    let read = images(&table).map(drop).and(table.labels().map(drop));
    read.expect_err(name)
}

#[test]
fn every_codec_and_kind_of_page_is_read() {
    for name in ["none", "snappy", "gzip", "zstd", "lz4", "none-v2", "snappy-v2", "zstd-v2"] {
        check(name, 12, number, true);
    }
    for name in ["as-is", "plain", "plain-v2", "required", "required-v2"] {
        check(name, 12, number, true);
    }
    for name in ["groups", "pages", "pages-v2", "fallback"] {
        check(name, 34, number, true);
    }
    check("delta", 135, number, true);
    check("delta-v2", 135, number, true);
    check("empty", 0, number, true);
    assert_eq!(open("groups").groups.len(), 4);
}

#[test]
fn columns_are_told_by_name_and_type() {
    for name in ["text-labels", "text-labels-plain"] {
        check(name, 12, text, true);
    }
    check("binary", 12, number, false);
    check("only-binary", 12, number, false);
    check("nested", 12, number, true);
    check("named", 12, number, true);
    let names = |name: &str| {
        let (image, label) = open(name).column_names();
        (image, label.unwrap())
    };
    let pair = |image: &str, label: &str| (image.to_owned(), label.to_owned());
    assert_eq!(names("snappy"), pair("image.bytes", "label"));
    assert_eq!(names("binary"), pair("jpg", "cls"));
    assert_eq!(names("only-binary"), pair("content", "Target"));
    assert_eq!(names("nested"), pair("sample.image.bytes", "sample.label"));
    assert_eq!(names("hub-two-levels"), pair("img.bytes", "fine_label"));
    assert_eq!(names("hub-told"), pair("scan.bytes", "kind"));
    assert_eq!(names("hub-tie"), pair("img.bytes", "label"));
}

#[test]
fn tables_of_the_hub_name_their_classes() {
    for name in ["hub", "hub-two-levels", "hub-told", "hub-tie"] {
        let table = open(name);
        assert_eq!(table.class_names().unwrap(), ["oak", "ash", "elm", "yew"], "{name}");
        assert_eq!(table.labels().unwrap(), (0..12).map(number).collect::<Vec<_>>(), "{name}");
    }
    assert_eq!(open("snappy").class_names(), None);
    let pictures = images(&open("hub")).unwrap();
    assert_eq!(pictures.len(), 12);
    for (row, (_, png)) in pictures.iter().enumerate() {
        assert_eq!(png[..8], *b"\x89PNG\r\n\x1A\n");
        assert_eq!((png[19] as usize, png[23] as usize), (2 + row % 5, 1 + row % 3));
    }
    let of =
        |json: &str| Features::of(Some(&[KeyValue::new("huggingface".into(), json.to_owned())]));
    for json in
        ["", "{", "[]", r#"{"info": {"features": [1]}}"#, r#"{"info": {"features": {"a": 1}}}"#]
    {
        assert_eq!(of(json), Features::default(), "{json}");
    }
    let part = of(r#"{"info": {"features": {"a": {"_type": "ClassLabel", "names": ["x", 1]}}}}"#);
    assert_eq!(part.class_names("a"), None);
}

#[test]
fn rows_without_a_value_are_named() {
    let table = open("null-image");
    let nulls = [images(&table).unwrap_err(), table.labels().unwrap_err()];
    assert!(nulls[0].starts_with("row 3 (the first is 0) has no image"), "{}", nulls[0]);
    assert!(nulls[1].starts_with("row 5 (the first is 0) has no label"), "{}", nulls[1]);
    let bytes = refused("null-bytes");
    assert!(bytes.starts_with("row 2 (the first is 0) has the path 2.ppm and no image"), "{bytes}");
    for (row, (path, image)) in images(&open("null-path")).unwrap().into_iter().enumerate() {
        assert_eq!(path, (row % 3 > 0).then(|| format!("{row}.ppm")));
        assert_eq!(image, pnm(row));
    }
}

#[test]
fn what_is_not_read_is_said_with_the_mend() {
    for (name, says) in [
        ("brotli", "compressed with Brotli, which is not read: write it again with Snappy"),
        ("delta-texts", "column label has the encoding DELTA_BYTE_ARRAY"),
        ("two-images", "several columns that may be the images (jpg, png)"),
        ("two-structs", "several columns that may be the images (left.bytes, right.bytes)"),
        ("two-labels", "several columns that may be the labels (label, class)"),
        ("no-label", "no column of it is known to hold labels (it has image, score, note)"),
        ("no-image", "no column of it holds images (it has pixel0, label)"),
        ("path-only", "column image holds text and no images"),
        ("list-image", "holds a list in each row, which is not read: write one image a row"),
        ("list-label", "column labels holds a list in each row"),
        ("mask-label", "column label.bytes holds bytes: a label is a whole number or text"),
        ("float-label", "column label holds numbers with a fraction"),
    ] {
        let error = refused(name);
        assert!(error.contains(says), "{name}: {error}");
    }
    let own = open("snappy").for_each_image(|row, _, _| Err(format!("{row} is enough")));
    assert_eq!(own, Err("0 is enough".into()));
}
