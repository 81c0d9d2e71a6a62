//! Which files a tar archive holds and where, without reading them.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use tar::EntryType;

use crate::regular;

/// What the parts of an archive are a multiple of.
const BLOCK: u64 = 512;
const CUT_OFF: &str = "it is cut off: copy it again";
/// Longest name that is believed.
const LONGEST: u64 = 1 << 16;

/// A regular file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub name: String,
    /// Its first byte in the archive.
    pub offset: u64,
    pub length: u64,
}

/// The regular files of the archive at `path`, in its order.
///
/// # Errors
/// A sentence without its subject, with the mend.
pub(super) fn members(path: &Path) -> Result<Vec<Member>, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut file = regular::open(path).map_err(text)?;
    let whole = file.metadata().map_err(text)?.len();
    refuse_compressed(&mut file)?;
    let mut archive = tar::Archive::new(file);
    let entries = archive.entries_with_seek().map_err(text)?.raw(true);
    let (mut members, mut long, mut end) = (Vec::new(), Long::default(), 0);
    for entry in entries {
        let mut entry = entry
            .map_err(|error| format!("it is no whole tar archive ({error}): copy it again"))?;
        let (kind, offset) = (entry.header().entry_type(), entry.raw_file_position());
        let length = match long.size {
            Some(size) => size,
            None => entry.header().entry_size().map_err(text)?,
        };
        if offset.saturating_add(length) > whole {
            return Err(CUT_OFF.into());
        }
        end = (offset + length).next_multiple_of(BLOCK);
        match kind {
            EntryType::GNULongName => long.name = Some(name_in(&mut entry)?),
            EntryType::XHeader => long.read(&mut entry)?,
            _ => {
                let own = || String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                let name = long.name.take().unwrap_or_else(own);
                long = Long::default();
                if kind.is_file() || kind == EntryType::Continuous {
                    members.push(Member { name, offset, length });
                }
            }
        }
    }
    // One that was cut between two files has no end mark.
    match ends_at(path, end).map_err(text)? {
        true => Ok(members),
        false => Err(CUT_OFF.into()),
    }
}

/// Whether a block of zeros, with which archives end, stands at `end`.
fn ends_at(path: &Path, end: u64) -> std::io::Result<bool> {
    let mut file = regular::open(path)?;
    file.seek(SeekFrom::Start(end))?;
    let mut block = Vec::new();
    file.take(BLOCK).read_to_end(&mut block)?;
    Ok(block.len() as u64 == BLOCK && block.iter().all(|byte| *byte == 0))
}

fn refuse_compressed(file: &mut File) -> Result<(), String> {
    let mut start = Vec::new();
    file.take(6).read_to_end(&mut start).map_err(|error| error.to_string())?;
    file.seek(SeekFrom::Start(0)).map_err(|error| error.to_string())?;
    let compressed: [&[u8]; 5] =
        [b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"];
    match compressed.iter().any(|magic| start.starts_with(magic)) {
        true => Err(
            "it is compressed, and images are read from anywhere in it: unpack it to a plain .tar"
                .into(),
        ),
        false => Ok(()),
    }
}

/// What an extension says of the next entry.
#[derive(Debug, Default)]
struct Long {
    name: Option<String>,
    size: Option<u64>,
}

impl Long {
    fn read(&mut self, entry: &mut impl Read) -> Result<(), String> {
        let bytes = up_to_longest(entry)?;
        for extension in tar::PaxExtensions::new(&bytes).flatten() {
            let value = String::from_utf8_lossy(extension.value_bytes());
            match extension.key_bytes() {
                b"path" => self.name = Some(value.into_owned()),
                b"size" => self.size = value.parse().ok(),
                _ => {}
            }
        }
        Ok(())
    }
}

fn name_in(entry: &mut impl Read) -> Result<String, String> {
    let bytes = up_to_longest(entry)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

fn up_to_longest(entry: &mut impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = entry.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    match bytes.len() as u64 > LONGEST {
        true => Err("a name in it has more than 64 KiB: it is damaged, copy it again".into()),
        false => Ok(bytes),
    }
}
