use std::{collections::HashSet, fs, io::Read, path::Path};

use polars_parquet_format::{
    ColumnMetaData, CompressionCodec, DataPageHeader, Encoding, FileMetaData, PageHeader, PageType,
    thrift::protocol::TCompactOutputProtocol,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    super::{ImageTable, faults::CUT_OFF, footer},
    fixture, images,
};

#[test]
fn files_that_are_no_table_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let whole = fs::read(fixture("snappy")).unwrap();
    let says = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).unwrap();
        let error = ImageTable::open(&path).unwrap_err();
        assert!(error.contains(what), "{error}");
    };
    assert!(ImageTable::open(&folder.path().join("none")).unwrap_err().contains("cannot be read"));
    says(b"", "it is empty");
    says(b"PA", "no Parquet file");
    says(b"\x89PNG\r\n\x1A\n and so on", "no Parquet file");
    says(b"version https://git-lfs.github.com/spec/v1", "git lfs pull");
    says(b"PARE and so on", "encrypted");
    says(&whole[..whole.len() - 1], CUT_OFF);
    says(&whole[..6], CUT_OFF);
    let long = [&whole[..whole.len() - 8], &u32::MAX.to_le_bytes(), b"PAR1"].concat();
    says(&long, "its footer does not fit into it");
    // A logical type with the number 16.
    let footer = [0x15, 2, 0x19, 0x1C, 0xAC, 0x0C, 0x20, 0, 0, 0];
    let with =
        |footer: &[u8]| [b"PAR1", footer, &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat();
    says(&with(&footer), "newer than this program");
    // Lists of more entries than there is memory for.
    let footer = [0x15, 2, 0x19, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
    says(&with(&footer), "its footer");
}

/// The table `name` with another footer, and `page` before it.
fn with_footer(name: &str, page: &[u8], change: impl Fn(&mut FileMetaData)) -> Vec<u8> {
    let mut footer = footer::read(&fixture(name)).unwrap();
    change(&mut footer.data);
    let mut bytes = fs::read(fixture(name)).unwrap();
    bytes.truncate(footer.start as usize);
    bytes.extend(page);
    let mut protocol = TCompactOutputProtocol::new(&mut bytes);
    let length = footer.data.write_to_out_protocol(&mut protocol).unwrap();
    [&bytes[..], &(length as u32).to_le_bytes(), b"PAR1"].concat()
}

/// The chunks of the first group.
fn chunks(footer: &mut FileMetaData) -> impl Iterator<Item = &mut ColumnMetaData> {
    footer.row_groups[0].columns.iter_mut().flat_map(|column| &mut column.meta_data)
}

/// Says everywhere that there are so many rows.
fn all(footer: &mut FileMetaData, rows: i64) {
    footer.num_rows = rows;
    footer.row_groups[0].num_rows = rows;
    chunks(footer).for_each(|meta| meta.num_values = rows);
}

#[test]
fn footers_that_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let read = |change: &dyn Fn(&mut FileMetaData)| {
        fs::write(&path, with_footer("snappy", &[], change)).unwrap();
        let table = ImageTable::open(&path)?;
        images(&table).map(drop).and(table.labels().map(drop))
    };
    read(&|_| {}).unwrap();
    let says = |change: &dyn Fn(&mut FileMetaData), what: &str| {
        let error = read(change).unwrap_err();
        assert!(error.contains(what), "{error}");
    };
    says(&|footer| footer.num_rows += 1, "other rows than it says");
    says(&|footer| footer.row_groups[0].num_rows = -1, "less than no rows");
    says(&|footer| all(footer, 1 << 40), "1099511627776 rows in");
    says(&|footer| all(footer, 13), "it has fewer rows than it says");
    says(&|footer| all(footer, 11), "it has more rows than it says");
    says(&|footer| drop(footer.row_groups[0].columns.pop()), "lacks columns");
    says(&|footer| footer.row_groups[0].columns[0].meta_data = None, "encrypted");
    says(&|footer| footer.schema.truncate(1), "its schema has no end");
    says(&|footer| footer.schema[0].num_children = Some(1 << 30), "its schema has no end");
    says(&|footer| footer.schema.clear(), "its schema has no end");
    let wide = |footer: &mut FileMetaData| {
        let leaves = vec![footer.schema[4].clone(); 10_000];
        footer.schema.extend(leaves);
        footer.schema[0].num_children = Some(10_002);
    };
    says(&wide, "more than 10000 columns");
    let first = |change: fn(&mut ColumnMetaData)| {
        move |footer: &mut FileMetaData| change(chunks(footer).next().unwrap())
    };
    says(&first(|meta| meta.total_compressed_size = i64::MAX), "does not lie within the file");
    says(&first(|meta| meta.data_page_offset = -5), "does not lie within the file");
    says(&first(|meta| meta.total_compressed_size = 9), "column image.bytes");
    says(&first(|meta| meta.codec = CompressionCodec::GZIP), "a page: ");
    says(&first(|meta| meta.codec = CompressionCodec(77)), "has no name yet");
}

/// The header of a page of 12 rows, and what follows it.
fn page(sizes: [i32; 2], levels: Encoding, content: &[u8]) -> Vec<u8> {
    let data = DataPageHeader::new(12, Encoding::PLAIN, levels, Encoding::RLE, None);
    let [packed, size] = sizes;
    let kind = PageType::DATA_PAGE;
    let header = PageHeader::new(kind, size, packed, None, data, None, None, None);
    let mut bytes = Vec::new();
    let mut protocol = TCompactOutputProtocol::new(&mut bytes);
    header.write_to_out_protocol(&mut protocol).unwrap();
    bytes.extend(content);
    bytes
}

#[test]
fn pages_that_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let says = |name: &str, page: &[u8], what: &str| {
        let start = footer::read(&fixture(name)).unwrap().start as i64;
        let bytes = with_footer(name, page, |footer| {
            let meta = chunks(footer).next().unwrap();
            meta.dictionary_page_offset = None;
            meta.data_page_offset = start;
            meta.total_compressed_size = page.len() as i64;
        });
        fs::write(&path, bytes).unwrap();
        let error = images(&ImageTable::open(&path).unwrap()).unwrap_err();
        assert!(error.contains(what), "{name}: {error}");
    };
    let rle = Encoding::RLE;
    says("none", &page([1, 1], Encoding::BIT_PACKED, &[0]), "has the encoding BIT_PACKED");
    says("none", &page([2, 2], rle, &[0]), "a page does not lie within it");
    says("none", &page([-1, 2], rle, &[0]), "a page does not lie within it");
    says("none", &page([1, 2], rle, &[0]), "a page is not of its size");
    says("none", &page([4, 4], rle, &[9, 0, 0, 0]), "levels do not lie within it");
    says("none", &page([6, 6], rle, &[2, 0, 0, 0, 24, 3]), "a level that there is not");
    says("none", &page([6, 6], rle, &[2, 0, 0, 0, 24, 2]), "its values end too soon");
    says("none", &page([10, 10], rle, &[2, 0, 0, 0, 24, 2, 1, 0, 0, 0]), "its values end too soon");
    says("snappy", &page([1, i32::MAX], rle, &[0]), "a page of more than 1024 MiB");
    // A page that says that it is large takes no memory for it.
    for (name, content) in [("snappy", &[0x80, 0x80, 0x80, 0x80, 2, 0][..]), ("lz4", &[0; 6])] {
        says(name, &page([6, 1 << 29], rle, content), "does not have the 536870912 bytes");
    }
    let zeros = flate2::Compression::best();
    let mut gzip = flate2::read::GzEncoder::new(std::io::repeat(0).take(1 << 20), zeros);
    let mut content = Vec::new();
    gzip.read_to_end(&mut content).unwrap();
    let length = content.len() as i32;
    says("gzip", &page([length, 9], rle, &content), "does not have the 9 bytes");
    says("gzip", &page([length, 1 << 29], rle, &content), "does not have the 536870912 bytes");
}

/// Reads all that a table of `bytes` has.
fn read_all(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).unwrap();
    let read = ImageTable::open(path).and_then(|table| {
        let labels = table.labels().map(drop);
        table.for_each_image(|_, _, _| Ok(())).and(labels)
    });
    // A file that is written anew waits for the disk on some systems, a new one does not.
    fs::remove_file(path).unwrap();
    read
}

#[test]
fn damage_is_read_or_refused_and_never_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut sentences = HashSet::new();
    for entry in fs::read_dir(fixture("none").parent().unwrap()).unwrap() {
        let whole = fs::read(entry.unwrap().path()).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 16) {
            read_all(&path, &whole[..length]).unwrap_err();
        }
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..=random.next_u32() % 3 {
                let at = random.next_u32() as usize % bytes.len();
                bytes[at] ^= 1 << (random.next_u32() % 8);
            }
            sentences.extend(read_all(&path, &bytes).err());
        }
    }
    assert!(sentences.len() > 100, "{}", sentences.len());
    assert!(sentences.iter().all(|sentence| sentence.len() < 600));
}
