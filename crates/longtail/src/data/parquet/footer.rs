//! The end of a file, which says where its columns are.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use polars_parquet_format::{CompressionCodec, FileMetaData, RowGroup};

use super::{
    codec,
    faults::{CUT_OFF, damaged, wrong},
    schema::Leaf,
    thrift,
};

/// What a file begins and ends with.
const MAGIC: [u8; 4] = *b"PAR1";
/// What a file begins and ends with whose footer is encrypted.
const ENCRYPTED: [u8; 4] = *b"PARE";
/// What a file begins with that Git LFS has not fetched.
const POINTER: [u8; 4] = *b"vers";
/// The footer's length and the magic bytes.
const TAIL: u64 = 8;
/// Largest footer: that of a hundred thousand chunks.
const LARGEST: u64 = 64 << 20;

/// The footer, and where it is.
pub(super) struct Footer {
    pub data: FileMetaData,
    /// Where the footer begins, and the pages end.
    pub start: u64,
    /// Bytes of the whole file.
    pub length: u64,
}

/// The pages of a column in a group of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub start: u64,
    pub length: u64,
    pub codec: CompressionCodec,
    /// Values, of which there is one in every row.
    pub rows: u64,
}

/// Reads the footer of the file at `path`.
pub(super) fn read(path: &Path) -> Result<Footer, String> {
    let failed = |error: std::io::Error| format!("it cannot be read: {error}");
    let mut file = File::open(path).map_err(failed)?;
    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
    if length == 0 {
        return Err("it is empty: copy it again".into());
    }
    let head: [u8; 4] = bytes_at(&mut file, 0).map_err(|_| "it is no Parquet file")?;
    match head {
        MAGIC => {}
        ENCRYPTED => return Err(encrypted()),
        POINTER => {
            return Err("it is no Parquet file; if Git LFS holds it, run `git lfs pull`".into());
        }
        _ => return Err("it is no Parquet file".into()),
    }
    let Some(tail) = length.checked_sub(TAIL).filter(|tail| *tail >= 4) else {
        return Err(CUT_OFF.into());
    };
    let bytes: [u8; TAIL as usize] = bytes_at(&mut file, tail).map_err(failed)?;
    let [a, b, c, d, magic @ ..] = bytes;
    if magic != MAGIC {
        return Err(CUT_OFF.into());
    }
    let size = u64::from(u32::from_le_bytes([a, b, c, d]));
    let start = tail.checked_sub(size).filter(|start| *start >= 4);
    let start = start.ok_or_else(|| damaged("its footer does not fit into it"))?;
    if size > LARGEST {
        return Err(format!("its footer has more than {} MiB", LARGEST >> 20));
    }
    let mut bytes = vec![0; size as usize];
    file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes)).map_err(failed)?;
    let data: FileMetaData = thrift::read(&bytes[..], bytes.len()).map_err(unread)?;
    if data.encryption_algorithm.is_some() {
        return Err(encrypted());
    }
    Ok(Footer { data, start, length })
}

fn bytes_at<const N: usize>(file: &mut File, at: u64) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The sentence on a footer that the crate does not take.
fn unread(error: String) -> String {
    if error.contains("no field for union") {
        return "it has a column of a type that is newer than this program (a variant or a geometry): write it again \
                without that column"
            .into();
    }
    damaged(&format!("its footer: {error}"))
}

fn encrypted() -> String {
    "it is encrypted, which is not read: write it again without encryption".into()
}

impl Footer {
    /// Rows of the file.
    pub fn rows(&self) -> Result<usize, String> {
        let mut rows = 0_u64;
        for group in &self.data.row_groups {
            let group = rows_of(group)?;
            rows = rows.checked_add(group).ok_or_else(|| damaged("it counts too many rows"))?;
        }
        if u64::try_from(self.data.num_rows) != Ok(rows) {
            return Err(damaged("its groups have other rows than it says"));
        }
        // An image takes a byte at least, and what claims more rows would take memory for each of them.
        if rows > self.length {
            return Err(damaged(&format!("{rows} rows in {} bytes", self.length)));
        }
        usize::try_from(rows).map_err(|_| damaged("it counts too many rows"))
    }

    /// Where a column of a group is.
    pub fn chunk(&self, group: &RowGroup, leaf: &Leaf, leaves: usize) -> Result<Chunk, String> {
        let wrong = |what: &str| wrong(leaf, what);
        let chunk = group.columns.get(leaf.index).filter(|_| group.columns.len() == leaves);
        let chunk = chunk.ok_or_else(|| wrong("a group of rows lacks columns"))?;
        if chunk.file_path.is_some() {
            return Err(
                "its columns are in other files, which is not read: write it as one file".into()
            );
        }
        let Some(meta) = &chunk.meta_data else { return Err(encrypted()) };
        codec::check(meta.codec)?;
        let rows = rows_of(group)?;
        if meta.type_ != leaf.kind || u64::try_from(meta.num_values) != Ok(rows) {
            return Err(wrong("a group of rows is not what the schema says"));
        }
        // Where there is nothing, some writers say nothing that is true.
        if rows == 0 {
            return Ok(Chunk { start: 0, length: 0, codec: meta.codec, rows });
        }
        // Some writers say 0 where there is no dictionary.
        let dictionary = meta.dictionary_page_offset.filter(|at| *at > 0);
        let start = dictionary.map_or(meta.data_page_offset, |at| at.min(meta.data_page_offset));
        let range = u64::try_from(start).ok().zip(u64::try_from(meta.total_compressed_size).ok());
        let is_inside = |(start, length): &(u64, u64)| {
            *start >= 4 && start.checked_add(*length).is_some_and(|end| end <= self.start)
        };
        let range = range.filter(is_inside);
        let (start, length) = range.ok_or_else(|| wrong("it does not lie within the file"))?;
        Ok(Chunk { start, length, codec: meta.codec, rows })
    }
}

fn rows_of(group: &RowGroup) -> Result<u64, String> {
    u64::try_from(group.num_rows).map_err(|_| damaged("a group has less than no rows"))
}
