//! The table of a cache: where the pixels of every image lie.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
};

/// What a table begins with: the layout's name and version.
const MAGIC: &[u8; 16] = b"longtail-cache-2";
/// Bytes of an image in the table.
const RECORD: usize = 40;
/// Bytes of the longest table that is read: that of some fifty million images.
const LARGEST: u64 = 2 << 30;

/// Where an image's pixels are; nowhere if they have no size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Which image it is.
    pub key: u64,
    pub offset: u64,
    /// `[height, width]`.
    pub size: [u32; 2],
    /// Checksum of the pixels.
    pub crc: u32,
    /// What the file had when its image was decoded.
    pub stamp: u64,
}

impl Record {
    /// Of an image that is not there.
    pub fn nowhere(key: u64) -> Self {
        Self { key, ..Self::default() }
    }

    fn of(bytes: &[u8; RECORD]) -> Self {
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let short = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let size = [short(16), short(20)];
        Self { key: long(0), offset: long(8), size, crc: short(24), stamp: long(32) }
    }

    fn to_bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&self.key.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.size[0].to_le_bytes());
        bytes[20..24].copy_from_slice(&self.size[1].to_le_bytes());
        bytes[24..28].copy_from_slice(&self.crc.to_le_bytes());
        bytes[32..].copy_from_slice(&self.stamp.to_le_bytes());
        bytes
    }

    pub fn bytes(&self) -> u64 {
        u64::from(self.size[0]).saturating_mul(u64::from(self.size[1])).saturating_mul(3)
    }

    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes())
    }
}

/// The records of a table; none of one that is new, of something else, cut off within a record or too long.
pub(super) fn read(table: &mut File) -> io::Result<Option<Vec<Record>>> {
    let mut bytes = Vec::new();
    if table.metadata()?.len() > LARGEST {
        return Ok(None);
    }
    table.rewind()?;
    table.read_to_end(&mut bytes)?;
    let Some(records) = bytes.strip_prefix(MAGIC) else { return Ok(None) };
    let (records, rest) = records.as_chunks();
    Ok(rest.is_empty().then(|| records.iter().map(Record::of).collect()))
}

/// Makes it a table without records.
pub(super) fn begin(table: &mut File) -> io::Result<()> {
    table.set_len(0)?;
    table.rewind()?;
    table.write_all(MAGIC)
}

/// Puts a record where the table has place `slot`.
pub(super) fn write(table: &mut File, slot: usize, record: Record) -> io::Result<()> {
    table.seek(SeekFrom::Start((MAGIC.len() + slot * RECORD) as u64))?;
    table.write_all(&record.to_bytes())
}
